//! Connections as they come, shaken hands with.
//!
//! A handshake is a task of its own with a time to be done in, so that a client that does not go on keeps nobody waiting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use contract::PrincipalName;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::holder::{Unnamed, holder};
use crate::patience::Patience;
use crate::stream::{Io, Stream};
use crate::{Current, Protocol, Waiting};

/// How long a client has for its handshake.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// Handshakes under way; beyond them the oldest gives way. Each takes up to about 40 KiB.
const HANDSHAKES_MAX: usize = 4096;

/// How long an answer may take to leave where nobody says otherwise: a client that takes nothing is rare, one on a slow line
/// is not (64 MiB, the most by Kafka, in a minute is 9 Mbit/s; 4 MiB by HTTP in half of it a little more than one).
pub const WRITE_WITHIN: Duration = Duration::from_secs(60);

/// By HTTP, the part of that time after which a connection is closed on which what waits does not move. By Kafka it is all of it, as
/// an answer is one piece and its door knows when it began.
const MOVES_WITHIN: u32 = 4;

/// What the system takes of an answer for each connection (Linux counts its own records beside it and keeps twice as much). It says
/// that there is room again when a third is free: of the megabytes that it takes by itself that is so much that a slow client
/// seems not to move.
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// How long to wait when a connection could not be accepted: out of file descriptors, most likely.
const BREATH: Duration = Duration::from_millis(100);

/// Who is at the other end.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whom its certificate names, where it showed one that an authority of ours signed.
    pub holder: Option<Result<PrincipalName, Unnamed>>,
}

/// Accepts connections, inside TLS or not.
pub struct Listener {
    tcp: TcpListener,
    secured: Option<Arc<Current>>,
    protocol: Protocol,
    handshakes: JoinSet<Option<(Stream, Peer)>>,
    waiting: Arc<Waiting>,
    write_within: Duration,
}

impl From<TcpListener> for Listener {
    /// Without TLS.
    fn from(tcp: TcpListener) -> Self {
        Self::new(tcp, None, Protocol::Http)
    }
}

impl Listener {
    /// Inside TLS where there is a certificate, else without.
    pub fn new(tcp: TcpListener, current: Option<Arc<Current>>, protocol: Protocol) -> Self {
        let (handshakes, waiting) = (JoinSet::new(), Waiting::new(HANDSHAKES_MAX));
        let new = Self { tcp, secured: current, protocol, handshakes, waiting, write_within: WRITE_WITHIN };
        new.writing_within(WRITE_WITHIN)
    }

    /// With another time in which an answer leaves.
    pub fn writing_within(self, write_within: Duration) -> Self {
        if let Err(error) = bound(&self.tcp, write_within) {
            tracing::warn!(%error, "what the system keeps for slow clients could not be bounded");
        }
        Self { write_within, ..self }
    }

    /// How long an answer may take from when it was ready to when the client's side has all of it. Whoever answers sees to it;
    /// that what is on a connection already leaves within half of it, the connection does.
    pub fn write_within(&self) -> Duration {
        self.write_within
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The next connection that is ready to be spoken on. May be given up and called again: nothing is lost.
    pub async fn accept(&mut self) -> (Stream, Peer) {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(ready)) = done {
                        return ready;
                    }
                }
                accepted = self.tcp.accept() => match accepted {
                    Ok((tcp, address)) => {
                        if let Some(ready) = self.begin(tcp, address) {
                            return ready;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(BREATH).await;
                    }
                },
            }
        }
    }

    /// The connection, where it needs no handshake.
    fn begin(&mut self, tcp: TcpStream, address: SocketAddr) -> Option<(Stream, Peer)> {
        // It speaks without it too, if later.
        let _ = tcp.set_nodelay(true);
        let patience = Patience::new(match self.protocol {
            Protocol::Http => self.write_within / MOVES_WITHIN,
            Protocol::Kafka => self.write_within,
        });
        let Some(current) = &self.secured else {
            return Some((Stream::new(Io::Plain(tcp), patience), Peer { address, holder: None }));
        };
        let acceptor = TlsAcceptor::from(current.config(self.protocol));
        let mut place = self.waiting.enter();
        self.handshakes.spawn(async move {
            tokio::select! {
                done = shake_hands(acceptor, tcp, address) => {
                    done.map(|(secured, peer)| (Stream::new(secured, patience), peer))
                }
                () = place.gives_way() => None,
            }
        });
        None
    }
}

/// Bounds what the system keeps of an answer, and for how long while the client takes nothing of it: what is small never waits
/// before. Accepted connections inherit both.
fn bound(tcp: &TcpListener, write_within: Duration) -> io::Result<()> {
    sockopt::set_socket_send_buffer_size(tcp, SEND_BUFFER_BYTES)?;
    // `TCP_USER_TIMEOUT` (RFC 5482); whatever else there is has no such bound.
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(tcp, u32::try_from(write_within.as_millis()).unwrap_or(u32::MAX))?;
    #[cfg(not(target_os = "linux"))]
    let _ = write_within;
    Ok(())
}

async fn shake_hands(acceptor: TlsAcceptor, tcp: TcpStream, address: SocketAddr) -> Option<(Io, Peer)> {
    match timeout(HANDSHAKE_PATIENCE, acceptor.accept(tcp)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let peer = Peer { address, holder: shown.map(holder) };
            Some((Io::Secured(Box::new(stream)), peer))
        }
        // Anybody can cause these by the thousand: port scanners, clients that speak without TLS.
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "a handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%address, "a handshake was not done in time");
            None
        }
    }
}
