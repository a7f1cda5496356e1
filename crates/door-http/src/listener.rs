//! Connections for the framework, and what it knows of each client.

use std::io;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use contract::PrincipalName;
use tls::{Peer, Stream, Unnamed};

/// Accepts for the framework.
pub struct Accepting(pub tls::Listener);

impl Listener for Accepting {
    type Io = Stream;
    type Addr = Option<Peer>;

    async fn accept(&mut self) -> (Stream, Option<Peer>) {
        let (stream, peer) = self.0.accept().await;
        (stream, Some(peer))
    }

    /// Whoever listens is nobody's peer.
    fn local_addr(&self) -> io::Result<Option<Peer>> {
        Ok(None)
    }
}

/// Whom a connection's certificate names, where it showed one.
#[derive(Debug, Clone)]
pub struct Client(pub Option<Result<PrincipalName, Unnamed>>);

impl Connected<IncomingStream<'_, Accepting>> for Client {
    fn connect_info(stream: IncomingStream<'_, Accepting>) -> Self {
        Self(stream.remote_addr().as_ref().and_then(|peer| peer.holder.clone()))
    }
}
