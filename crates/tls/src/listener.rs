//! Connections as they come, shaken hands with.
//!
//! A handshake is a task of its own with a time to be done in, so that a client that does not go on keeps nobody waiting.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use contract::PrincipalName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::holder::{Unnamed, holder};
use crate::{Current, Protocol, Waiting};

/// How long a client has for its handshake.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// Handshakes under way; beyond them the oldest gives way. Each takes up to about 40 KiB.
const HANDSHAKES_MAX: usize = 4096;

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
        Self { tcp, secured, handshakes: JoinSet::new(), waiting: Waiting::new(HANDSHAKES_MAX) }
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
        let Some((current, protocol)) = &self.secured else {
            return Some((Stream::Plain(tcp), Peer { address, holder: None }));
        };
        let acceptor = TlsAcceptor::from(current.config(*protocol));
        let mut place = self.waiting.enter();
        self.handshakes.spawn(async move {
            tokio::select! {
                done = shake_hands(acceptor, tcp, address) => done,
                () = place.gives_way() => None,
            }
        });
        None
    }
}

async fn shake_hands(acceptor: TlsAcceptor, tcp: TcpStream, address: SocketAddr) -> Option<(Stream, Peer)> {
    match timeout(HANDSHAKE_PATIENCE, acceptor.accept(tcp)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let peer = Peer { address, holder: shown.map(holder) };
            Some((Stream::Secured(Box::new(stream)), peer))
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

/// A connection, inside TLS or not.
#[derive(Debug)]
pub enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// Inside TLS.
    Secured(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The address that the client reached.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Stream::Plain(tcp) => tcp.local_addr(),
            Stream::Secured(tls) => tls.get_ref().0.local_addr(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Stream::Secured(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Stream::Secured(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write_vectored(context, parts),
            Stream::Secured(tls) => Pin::new(tls).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Plain(tcp) => tcp.is_write_vectored(),
            Stream::Secured(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Stream::Secured(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Stream::Secured(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}
