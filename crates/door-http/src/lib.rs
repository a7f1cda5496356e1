//! The HTTP door: CloudEvents in and out, governance, the audit. It parses a request, calls one verb of the bus and
//! writes the answer; no rule lives here.
//!
//! `routes.rs` is the table of all routes; each module under it is one group of them. `problem.rs` is the only place
//! that maps a refusal to a status. Shapes on the wire stand in `wire.rs`.

mod audit;
mod caller;
mod consents;
mod contracts;
mod cursors;
mod dead_letters;
mod erasures;
mod events;
mod exports;
mod found;
mod governance;
mod health;
mod keys;
mod listener;
mod notices;
mod ownership;
mod paced;
mod people;
mod policies;
mod problem;
mod quarantine;
mod registry;
mod routes;
mod sealing_keys;
mod stream;
mod wire;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use bus::Bus;
use tls::Listener;

pub use exports::Reach;
pub use routes::router;

/// What every handler gets.
#[derive(Clone)]
pub(crate) struct Door {
    bus: Bus,
    reach: Arc<Reach>,
    /// Turns true when the door closes: streams and long polls end then.
    closing: tokio::sync::watch::Receiver<bool>,
}

/// How long requests under way get to end when the door closes.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `shutdown` resolves; `reach` is told to those who ask how the bus is reached. Requests under way are answered, streams and long polls end at once.
pub async fn serve(
    listener: impl Into<Listener>,
    bus: Bus,
    reach: Reach,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let (close, closing) = tokio::sync::watch::channel(false);
    let router: Router = router(bus, reach, closing.clone());
    let mut wait = closing;
    let listener: Listener = listener.into();
    // The other half is for what the framework and the connection hold already.
    let router = router.layer(from_fn_with_state(listener.write_within() / 2, paced::pace));
    let listener = listener::Accepting(listener);
    let service = router.into_make_service_with_connect_info::<listener::Client>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        // The sender lives until the server has ended, so that this cannot fail.
        let _ = wait.wait_for(|closed| *closed).await;
    });
    let server = tokio::spawn(server.into_future());
    shutdown.await;
    let _ = close.send(true);
    match tokio::time::timeout(DRAIN, server).await {
        Ok(served) => served.map_err(std::io::Error::other)?,
        Err(_) => {
            tracing::warn!("requests that did not end in time were given up");
            Ok(())
        }
    }
}
