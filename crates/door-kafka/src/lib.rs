//! The Kafka door: any Kafka client, unchanged. It reads a request, calls one verb of the bus and writes the answer;
//! no rule lives here.
//!
//! `connection.rs` is the life of one connection, `apis.rs` the table of what is served, `requests/` one module for
//! each request. `batch/` reads and writes records, `from_wire.rs` and `to_wire.rs` make events of records and back,
//! `groups/` is Kafka's group protocol: who of a subscription's consumers reads what. `errors.rs` is the only place that
//! maps a refusal to an error code.

mod apis;
mod auth;
pub mod batch;
mod confluent;
mod connection;
mod errors;
mod from_wire;
mod groups;
pub mod measure;
mod names;
mod requests;
mod strangers;
mod to_wire;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use contract::SubscriptionName;
use tls::{Listener, Peer, Stream, Waiting};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::Connection;
use crate::groups::Groups;
use crate::strangers::Strangers;

/// What an operator sets.
#[derive(Debug, Clone)]
pub struct Options {
    /// What clients are told as the cluster's name.
    pub cluster: String,
    /// The host and port that clients are told to connect to; default: those they reached.
    pub advertised: Option<(String, u16)>,
}

/// The door's parts, shared by its connections.
pub(crate) struct Door {
    pub(crate) bus: Bus,
    pub(crate) options: Options,
    pub(crate) groups: Groups,
    /// The connections whose clients have not said who they are.
    pub(crate) unknown: Arc<Waiting>,
    pub(crate) strangers: Strangers,
    /// How long an answer may take to leave.
    pub(crate) write_within: Duration,
    /// Turns true when the door closes: what waits ends then.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Door {
    /// Makes durable who is in the groups that changed.
    pub(crate) async fn keep_groups(&self) {
        for (group, kept) in self.groups.take_unkept() {
            let Ok(name) = SubscriptionName::parse(&group) else { continue };
            if let Err(refusal) = self.bus.keep_membership(&name, kept).await {
                tracing::warn!(group, %refusal, "a group's members could not be kept; after a restart they join anew");
            }
        }
    }
}

/// Connections whose clients have not said who they are; beyond them the oldest gives way. Each takes up to 16 KiB more
/// than its socket.
const UNKNOWN_MAX: usize = 4096;

/// How often members of groups are looked at: the grain of session and rebalance timeouts.
const TICK: Duration = Duration::from_millis(100);

/// How long connections get to write what is under way when the door closes.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown` resolves; requests under way are answered, what waits for events ends at once.
pub async fn serve(
    listener: impl Into<Listener>,
    bus: Bus,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let mut listener = listener.into();
    let (close, closing) = watch::channel(false);
    let groups = Groups::begin(&bus.memberships(), bus.now_ms());
    let (unknown, strangers) = (Waiting::new(UNKNOWN_MAX), Strangers::default());
    let write_within = listener.write_within();
    let door = Arc::new(Door { bus, options, groups, unknown, strangers, write_within, closing });
    let ticking = tokio::spawn(tick(door.clone()));
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, peer) = listener.accept() => {
                if let Some(connection) = open(&door, stream, &peer) {
                    connections.spawn(connection.run());
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    let _ = close.send(true);
    ticking.abort();
    let _ = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

fn open(door: &Arc<Door>, stream: Stream, peer: &Peer) -> Option<Connection> {
    let local = stream.local_addr().ok()?;
    Some(Connection::new(door.clone(), stream, local, peer))
}

/// Resolves when the door closes.
pub(crate) async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closed| *closed).await;
}

async fn tick(door: Arc<Door>) {
    loop {
        sleep(TICK).await;
        door.strangers.tell(Instant::now());
        door.groups.tick(door.bus.now_ms());
        door.keep_groups().await;
        door.bus.expire_transactions();
    }
}
