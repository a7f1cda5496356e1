//! Connections as they come, shaken hands with.
//!
//! A handshake is a task of its own with a time to be done in, so that a client that does not go on keeps nobody waiting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use contract::PrincipalName;
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

/// The part of that time after which a connection is closed on which what waits does not move.
const MOVES_WITHIN: u32 = 4;

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
    secured: Option<(Arc<Current>, Protocol)>,
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
        let secured = current.map(|current| (current, protocol));
        let (handshakes, waiting) = (JoinSet::new(), Waiting::new(HANDSHAKES_MAX));
        Self { tcp, secured, handshakes, waiting, write_within: WRITE_WITHIN }
    }

    /// With another time in which an answer leaves.
    pub fn writing_within(self, write_within: Duration) -> Self {
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
        let patience = Patience::new(self.write_within / MOVES_WITHIN);
        let Some((current, protocol)) = &self.secured else {
            return Some((Stream::new(Io::Plain(tcp), patience), Peer { address, holder: None }));
        };
        let acceptor = TlsAcceptor::from(current.config(*protocol));
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
