//! Certificates: read, watched, and who holds one. What both doors listen with.
//!
//! `files.rs` reads the operator's PEM files, `current.rs` keeps what handshakes use and changes it when the files do,
//! `listener.rs` accepts connections (plain where there is no certificate), `stream.rs` is one, `patience.rs` how long its
//! client may take what is written to it, `holder.rs` says whom a client's certificate
//! names. Whether that principal may come in, the bus says. `waiting.rs` bounds how many may be unknown at once.
//!
//! Never: a handshake that keeps others waiting, a private key in a log, a certificate given up for files that are no
//! good.

mod current;
mod files;
mod holder;
mod listener;
mod patience;
mod stream;
mod waiting;

pub use current::Current;
pub use files::{Files, Trouble};
pub use holder::{Unnamed, holder};
pub use listener::{Listener, Peer, WRITE_WITHIN};
pub use stream::Stream;
pub use waiting::{Place, Waiting};

/// What is spoken inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, agreed on by ALPN (RFC 7301). Not HTTP/2: there each client says how much of an answer waits here, behind what
    /// bounds how long it may.
    Http,
    /// Kafka's protocol, which has no name in ALPN.
    Kafka,
}
