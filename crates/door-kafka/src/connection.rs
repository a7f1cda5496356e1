//! One connection: frames in, answers out, in the order of the requests.
//!
//! What is published is handed to the bus as it is read, so that several batches are under way at once; everything else
//! begins when it is its turn, as Kafka's own brokers do it.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseKind};
use kafka_protocol::protocol::Decodable;
use tls::{Peer, Place, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use crate::auth::Session;
use crate::requests::{Call, answer, api_versions, produce};
use crate::{Door, apis, closed, measure};

/// Largest request of a client that said who it is.
const FRAME_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Largest request before that: names and passwords.
const GREETING_MAX_BYTES: usize = 16 * 1024;

/// How long a client has to say who it is.
const GREETING_PATIENCE: Duration = Duration::from_secs(30);

/// How long a client has to hear that a connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Requests under way; beyond them the client's socket waits.
const UNDER_WAY_MAX: usize = 64;

/// Memory for a frame is taken as it comes, in steps of this.
const READ_STEP_BYTES: usize = 256 * 1024;

type Answer = Pin<Box<dyn Future<Output = Option<BytesMut>> + Send>>;

/// A client's connection.
pub struct Connection {
    door: Arc<Door>,
    stream: Stream,
    buffer: BytesMut,
    session: Session,
    /// Among those whose clients have not said who they are, until this one has.
    unknown: Option<Place>,
    local: SocketAddr,
    peer: SocketAddr,
    under_way: VecDeque<Answer>,
}

/// Why a connection ends.
enum End {
    /// The client went, or the network did.
    Gone,
    /// What the client sent cannot be answered.
    Refused(String),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        End::Gone
    }
}

impl Connection {
    /// A connection whose client has said who it is with its certificate, or not yet.
    pub fn new(door: Arc<Door>, stream: Stream, local: SocketAddr, peer: &Peer) -> Self {
        let (buffer, under_way) = Default::default();
        let session = Session::begin(&door.bus, peer.holder.as_ref());
        let unknown = session.caller().is_none().then(|| door.unknown.enter());
        Self { door, stream, buffer, session, unknown, local, peer: peer.address, under_way }
    }

    /// Serves the client until it goes or the door closes.
    pub async fn run(mut self) {
        match self.serve().await {
            Ok(()) | Err(End::Gone) => {}
            Err(End::Refused(why)) if self.unknown.is_none() => {
                tracing::info!(peer = %self.peer, why, "a connection was ended");
            }
            // Anybody can cause these by the thousand.
            Err(End::Refused(why)) => {
                tracing::debug!(peer = %self.peer, why, "a connection was ended");
                self.door.strangers.sent_away(self.peer, why);
            }
        }
        // The client may be gone, and then need not be told.
        let _ = timeout(FAREWELL, self.stream.shutdown()).await;
    }

    /// What is written leaves: inside TLS it would wait for more otherwise. It was looked at last when it was ready, so a client
    /// that does not take it in time does not get the rest.
    async fn write(&mut self, response: &[u8]) -> Result<(), End> {
        let writing = async {
            self.stream.write_all(response).await?;
            self.stream.flush().await
        };
        match timeout(self.door.write_within, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() != io::ErrorKind::TimedOut => Err(error.into()),
            _ => {
                self.stream.give_up();
                let bytes = response.len();
                let why =
                    "did not take its answer in time; behind a slow line ask for less (fetch.max.bytes)";
                Err(End::Refused(format!("it {why}: {bytes} bytes")))
            }
        }
    }

    async fn serve(&mut self) -> Result<(), End> {
        let mut closing = self.door.closing.clone();
        let greeted_by = Instant::now() + GREETING_PATIENCE;
        loop {
            if self.session.has_failed() && self.under_way.is_empty() {
                return Err(End::Refused("it did not prove who it is".to_owned()));
            }
            let more = self.under_way.len() < UNDER_WAY_MAX && !self.session.has_failed();
            let limit = if self.unknown.is_none() { FRAME_MAX_BYTES } else { GREETING_MAX_BYTES };
            tokio::select! {
                biased;
                response = first(&mut self.under_way) => {
                    self.under_way.pop_front();
                    if let Some(response) = response {
                        self.write(&response).await?;
                    }
                }
                frame = read_frame(&mut self.stream, &mut self.buffer, limit), if more => match frame? {
                    Some(frame) => self.take(frame).await?,
                    None => return Ok(()),
                },
                () = late(&mut self.unknown, greeted_by) => {
                    return Err(End::Refused("it did not say who it is in time".to_owned()));
                }
                () = closed(&mut closing) => return self.drain().await,
            }
        }
    }

    /// The door closes: what is under way is still answered.
    async fn drain(&mut self) -> Result<(), End> {
        let until = Instant::now() + crate::DRAIN;
        while !self.under_way.is_empty() {
            let Ok(response) = timeout_at(until, first(&mut self.under_way)).await else { break };
            self.under_way.pop_front();
            if let Some(response) = response {
                self.write(&response).await?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, frame: Bytes) -> Result<(), End> {
        let asked = match Asked::read(frame)? {
            Ok(asked) => asked,
            Err(unserved) => {
                self.under_way.push_back(Box::pin(async move { Some(unserved) }));
                return Ok(());
            }
        };
        let Asked { key, version, correlation, client, request } = asked;
        let reply = Reply { key, version, correlation };
        let answer: Answer = match request {
            RequestKind::ApiVersions(_) => {
                let known = reply.frame(&api_versions::answer(version))?;
                Box::pin(async move { Some(known) })
            }
            RequestKind::SaslHandshake(request) => {
                let known = reply.frame(&self.session.handshake(&request))?;
                Box::pin(async move { Some(known) })
            }
            RequestKind::SaslAuthenticate(request) => {
                let known = reply.frame(&self.session.authenticate(&self.door.bus, &request))?;
                if self.session.caller().is_some() {
                    self.unknown = None;
                }
                Box::pin(async move { Some(known) })
            }
            request => {
                let caller = self.session.caller().ok_or_else(|| {
                    let why = self.session.unknown();
                    End::Refused(format!("{key:?} before it said who it is: {why}"))
                })?;
                let (door, local, peer) = (self.door.clone(), self.local, self.peer);
                begin(Call { door, caller, client, local, peer, version }, reply, request).await
            }
        };
        self.under_way.push_back(answer);
        Ok(())
    }
}

/// What is published is on its way when this returns; everything else begins when its answer is waited for.
async fn begin(call: Call, reply: Reply, request: RequestKind) -> Answer {
    match request {
        RequestKind::Produce(request) => {
            let begun = produce::begin(&call, request).await;
            Box::pin(async move { begun.finish().await.and_then(|response| reply.frame(&response).ok()) })
        }
        request => Box::pin(async move { reply.frame(&answer(call, request).await).ok() }),
    }
}

/// Resolves when a client that is not known must go: its time is up, or too many others came since.
async fn late(unknown: &mut Option<Place>, greeted_by: Instant) {
    match unknown {
        Some(place) => {
            let _ = timeout_at(greeted_by, place.gives_way()).await;
        }
        None => std::future::pending().await,
    }
}

/// The answer of the request that came first; never where there is none.
async fn first(under_way: &mut VecDeque<Answer>) -> Option<BytesMut> {
    match under_way.front_mut() {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}

/// The next frame; `None` at the end of the stream. May be given up and called again: nothing is lost.
async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    limit: usize,
) -> Result<Option<Bytes>, End> {
    loop {
        if let Some(length) = buffer.first_chunk::<4>() {
            let claimed = i32::from_be_bytes(*length);
            let length = usize::try_from(claimed).ok().filter(|length| *length <= limit);
            let Some(length) = length else {
                return Err(End::Refused(format!("a request of {claimed} bytes; at most {limit} are taken")));
            };
            if buffer.len() >= 4 + length {
                buffer.advance(4);
                return Ok(Some(buffer.split_to(length).freeze()));
            }
            buffer.reserve((4 + length - buffer.len()).min(READ_STEP_BYTES));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// A request that is served.
struct Asked {
    key: ApiKey,
    version: i16,
    correlation: i32,
    client: String,
    request: RequestKind,
}

impl Asked {
    /// Reads a frame. What is not served gets its answer here; what has not even a head ends the connection.
    fn read(mut frame: Bytes) -> Result<Result<Self, BytesMut>, End> {
        let Some(head) = frame.first_chunk::<8>().copied() else {
            return Err(End::Refused("a request without a head".to_owned()));
        };
        let (code, version) =
            (i16::from_be_bytes([head[0], head[1]]), i16::from_be_bytes([head[2], head[3]]));
        let correlation = i32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let Some(key) = ApiKey::try_from(code).ok().filter(|key| apis::serves(*key, version)) else {
            return Ok(Err(apis::unserved(code, version, correlation)));
        };
        let damaged = || End::Refused(format!("a {key:?} request of version {version} that does not read"));
        let header =
            RequestHeader::decode(&mut frame, key.request_header_version(version)).map_err(|_| damaged())?;
        if !measure::fits(key, version, &frame) {
            return Err(damaged());
        }
        let request = RequestKind::decode(key, &mut frame, version).map_err(|_| damaged())?;
        let client = header.client_id.map(|client| client.to_string()).unwrap_or_default();
        Ok(Ok(Asked { key, version, correlation, client, request }))
    }
}

/// What an answer takes without records; more is taken where it must be.
const HEAD_BYTES: usize = 512;

/// The bytes of the records in an answer.
fn weight(response: &ResponseKind) -> usize {
    let ResponseKind::Fetch(fetched) = response else { return 0 };
    let partitions = fetched.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| 128 + partition.records.as_ref().map_or(0, Bytes::len)).sum()
}

/// How to frame an answer.
#[derive(Clone, Copy)]
struct Reply {
    key: ApiKey,
    version: i16,
    correlation: i32,
}

impl Reply {
    fn frame(&self, response: &ResponseKind) -> Result<BytesMut, End> {
        let mut out = BytesMut::with_capacity(HEAD_BYTES + weight(response));
        out.put_i32(0);
        out.put_i32(self.correlation);
        if self.key.response_header_version(self.version) == 1 {
            out.put_u8(0);
        }
        response.encode(&mut out, self.version).map_err(|error| {
            tracing::error!(key = ?self.key, version = self.version, %error, "an answer could not be written");
            End::Refused("an answer could not be written".to_owned())
        })?;
        let length = (out.len() - 4) as i32;
        out[..4].copy_from_slice(&length.to_be_bytes());
        Ok(out)
    }
}
