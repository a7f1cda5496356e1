//! Answers that leave in time or not at all.
//!
//! An answer was looked at when it was made: rights, erasures, consent. A client that takes it slowly would have it long after.
//! So each part of it may be taken for so long only, in small pieces, as what the framework has taken it keeps until the client
//! comes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

/// A piece of an answer.
const PIECE_BYTES: usize = 16 * 1024;

/// Bounds how long a client may take each part of an answer.
pub async fn pace(State(within): State<Duration>, request: Request, next: Next) -> Response {
    let begun = next.run(request).await;
    begun.map(|body| Body::new(Paced { body, within, left: Bytes::new(), until: Instant::now() + within }))
}

/// A body in pieces.
struct Paced {
    body: Body,
    within: Duration,
    /// What is left of a part.
    left: Bytes,
    /// Until when it may be taken.
    until: Instant,
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let paced = self.get_mut();
        while paced.left.is_empty() {
            match Pin::new(&mut paced.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => (paced.left, paced.until) = (data, Instant::now() + paced.within),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        if Instant::now() > paced.until {
            paced.left.clear();
            return Poll::Ready(Some(Err("the client does not take its answer in time".into())));
        }
        let piece = paced.left.split_to(paced.left.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (left, rest) = (self.left.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + left);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + left);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn next(paced: &mut Paced) -> Option<Result<Bytes, String>> {
        let frame = poll_fn(|context| Pin::new(&mut *paced).poll_frame(context)).await?;
        Some(frame.map(|frame| frame.into_data().unwrap()).map_err(|error| error.to_string()))
    }

    #[tokio::test]
    async fn an_answer_leaves_in_pieces_and_what_was_not_taken_in_time_does_not() {
        let within = Duration::from_millis(200);
        let paced = |body| Paced { body, within, left: Bytes::new(), until: Instant::now() };
        let whole: Vec<u8> = (0..3 * PIECE_BYTES + 5).map(|at| at as u8).collect();
        let mut quick = paced(Body::from(whole.clone()));
        let mut taken = Vec::new();
        while !quick.is_end_stream() {
            assert_eq!(quick.size_hint().exact(), Some((whole.len() - taken.len()) as u64));
            let piece = next(&mut quick).await.unwrap().unwrap();
            assert!(piece.len() <= PIECE_BYTES);
            taken.extend(piece);
        }
        assert!(taken == whole && next(&mut quick).await.is_none());

        let mut slow = paced(Body::from(whole));
        assert!(next(&mut slow).await.unwrap().is_ok());
        tokio::time::sleep(2 * within).await;
        assert!(next(&mut slow).await.unwrap().unwrap_err().contains("in time"));
    }
}
