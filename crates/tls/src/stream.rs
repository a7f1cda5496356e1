//! A connection, inside TLS or not, that is closed when its client takes nothing.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::patience::Patience;

/// A connection.
#[derive(Debug)]
pub struct Stream {
    io: Io,
    patience: Patience,
    /// The client was told that nothing comes any more.
    is_shut: bool,
}

/// What it is made of.
#[derive(Debug)]
pub(crate) enum Io {
    /// TCP as it is.
    Plain(TcpStream),
    /// Inside TLS.
    Secured(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(crate) fn new(io: Io, patience: Patience) -> Self {
        Self { io, patience, is_shut: false }
    }

    /// The address that the client reached.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().local_addr()
    }

    /// What was written and is here still is not sent any more when the connection is closed.
    pub fn give_up(&self) {
        // Where the system does not let us, it goes on sending for as long as it always does.
        let _ = self.tcp().set_zero_linger();
    }

    fn tcp(&self) -> &TcpStream {
        match &self.io {
            Io::Plain(tcp) => tcp,
            Io::Secured(tls) => tls.get_ref().0,
        }
    }

    /// What writing came to: what waits does so for as long as there is patience.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(written) => {
                written.iter().for_each(|bytes| self.patience.took(*bytes));
                Poll::Ready(written)
            }
            Poll::Pending => self.waits(context),
        }
    }

    fn waits<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let over = self.patience.poll_over(context);
        if over.is_ready() {
            tracing::debug!("a connection was closed: its client does not take what is sent to it");
            self.give_up();
        }
        over
    }
}

impl Drop for Stream {
    /// Whoever writes gave it up in the middle: the client did not take it in time.
    fn drop(&mut self) {
        if self.patience.is_tried() && !self.is_shut {
            self.give_up();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Io::Secured(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        let written = match &mut stream.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Io::Secured(tls) => Pin::new(tls).poll_write(context, bytes),
        };
        stream.written(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        let written = match &mut stream.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_write_vectored(context, parts),
            Io::Secured(tls) => Pin::new(tls).poll_write_vectored(context, parts),
        };
        stream.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(tcp) => tcp.is_write_vectored(),
            Io::Secured(tls) => tls.is_write_vectored(),
        }
    }

    /// Done when the system has all that was written. Until then it waits as well.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let flushed = match &mut stream.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Io::Secured(tls) => Pin::new(tls).poll_flush(context),
        };
        match flushed {
            Poll::Ready(flushed) => {
                stream.patience.rest();
                Poll::Ready(flushed)
            }
            Poll::Pending => stream.waits(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let shut = match &mut stream.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Io::Secured(tls) => Pin::new(tls).poll_shutdown(context),
        };
        stream.is_shut |= matches!(shut, Poll::Ready(Ok(())));
        shut
    }
}
