//! Server-sent events: the pull, over and over, on one open response. It commits nothing by itself.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use bus::{Caller, Consent, Cursor, Delivery, From, Grounds, Letters, Pull, Refusal, RefusalKind};
use contract::SubscriptionName;
use contract::cloudevents::write_structured;
use futures_util::stream::{self, Stream};

use crate::Door;
use crate::caller::Authenticated;
use crate::cursors::PullQuery;
use crate::problem::{self, Problem};
use crate::wire;

/// How long one round waits for events.
const ROUND_MS: u64 = 10_000;
/// Events of one round.
const ROUND_EVENTS: usize = 200;

/// `GET /v1/subscriptions/{name}/stream`.
pub async fn stream(
    State(door): State<Door>,
    Path(name): Path<String>,
    Query(query): Query<PullQuery>,
    headers: HeaderMap,
    Authenticated(caller): Authenticated,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let name: SubscriptionName = wire::name(&name)?;
    let mut pull = Pull { max: ROUND_EVENTS, wait_ms: 0, ..query.pull()? };
    if let Some(last) = headers.get("last-event-id").and_then(|value| value.to_str().ok()) {
        pull.from = Some(From::Cursor(Cursor::parse(last)?));
    }
    let mut place = Cursor::default();
    if let Some(From::Cursor(cursor)) = &pull.from {
        // Whoever goes on from a delivery has had its letters.
        pull.had = door.bus.had_by(&name, cursor);
        place.redriven.extend(pull.had.clone());
    }
    // The first round happens before the response begins, so that a refusal is a status and not an event.
    let ready = VecDeque::new();
    let mut following = Following { door, caller, name, pull, place, ready, grounds: None, over: false };
    following.round().await.map_err(Problem)?;
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(10))))
}

/// An event that was read and has not left yet.
struct Ready {
    event: Event,
    /// The cursor before it.
    before: Cursor,
    /// By whose consent it was opened.
    consent: Option<Consent>,
    /// The dead letter that it is, and how often that was rejected.
    letter: Option<((u32, u64), u32)>,
}

struct Following {
    door: Door,
    caller: Caller,
    name: SubscriptionName,
    pull: Pull,
    /// Behind the last event handed over.
    place: Cursor,
    ready: VecDeque<Ready>,
    /// On what grounds they were opened.
    grounds: Option<Grounds>,
    over: bool,
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        let mut closing = self.door.closing.clone();
        loop {
            if self.over {
                return None;
            }
            if let Some(ready) = self.ready.pop_front() {
                // Its reader may have been slow: the right to it may have ended since it was read.
                match self.may_leave(&ready).await {
                    Ok(true) => {
                        // Until it is settled it does not come again on this stream.
                        self.pull.had.extend(ready.letter);
                        return Some(ready.event);
                    }
                    Ok(false) => self.go_back(ready),
                    Err(refusal) => return Some(self.end(&refusal)),
                }
                continue;
            }
            if *closing.borrow() {
                return None;
            }
            let result = tokio::select! {
                result = self.round() => result,
                _ = closing.wait_for(|closed| *closed) => return None,
            };
            if let Err(refusal) = result {
                return Some(self.end(&refusal));
            }
        }
    }

    /// Whether an event that is ready may still be handed over; false where somebody's consent to it has ended, or the terms
    /// are others.
    async fn may_leave(&self, ready: &Ready) -> Result<bool, Refusal> {
        let bus = &self.door.bus;
        if let Some(consent) = &ready.consent
            && !bus.still_consented(std::slice::from_ref(consent)).await?
        {
            return Ok(false);
        }
        match &self.grounds {
            Some(grounds) => bus.still_granted(&self.caller, grounds),
            None => bus.may_consume(&self.caller, &self.name).map(|_| true),
        }
    }

    /// Reads again from where an event stands.
    fn go_back(&mut self, to: Ready) {
        self.ready.clear();
        self.pull.from = Some(from(&to.before));
        self.pull.wait_ms = 0;
        self.place = to.before;
    }

    /// The last event of the stream: why it ends. What was ready does not leave any more.
    fn end(&mut self, refusal: &Refusal) -> Event {
        self.over = true;
        self.ready.clear();
        let name = if refusal.kind == RefusalKind::Forbidden { "revoked" } else { "problem" };
        Event::default().event(name).data(problem::body(refusal).to_string())
    }

    /// One pull; its events become ready, each with the cursor behind it.
    async fn round(&mut self) -> Result<(), Refusal> {
        self.door.bus.forget_settled(&self.name, &mut self.pull.had);
        let delivery = self.door.bus.pull(&self.caller, &self.name, self.pull.clone()).await?;
        let mut cursor = std::mem::take(&mut self.place);
        keep_letters(&mut cursor, &self.pull.had);
        begin_where_read(&mut cursor, &delivery);
        self.grounds = delivery.grounds;
        for mut delivered in delivery.events {
            let (before, consent) = (cursor.clone(), delivered.consent.take());
            let at = (delivered.partition, delivered.offset);
            let letter = (delivered.redriven > 0).then_some((at, delivered.redriven));
            match letter {
                None => drop(cursor.next.insert(delivered.partition, delivered.offset + 1)),
                Some(letter) => {
                    cursor.redriven.retain(|(known, _)| *known != at);
                    cursor.redriven.push(letter);
                }
            }
            let mut text = Vec::new();
            write_structured(&wire::delivered(delivered), &mut text);
            let text = String::from_utf8_lossy(&text).replace(['\n', '\r'], " ");
            let event = Event::default().event("event").id(cursor.encode()).data(text);
            self.ready.push_back(Ready { event, before, consent, letter });
        }
        for (partition, offset) in delivery.cursor.next {
            cursor.next.insert(partition, offset);
        }
        self.pull.wait_ms = ROUND_MS;
        self.pull.from = Some(from(&cursor));
        self.place = cursor;
        Ok(())
    }
}

/// Where a stream reads on. Which letters it has had is said beside it, as one that is rejected and redriven anew comes again.
fn from(place: &Cursor) -> From {
    From::Cursor(Cursor { next: place.next.clone(), redriven: Vec::new() })
}

/// Lets a cursor name, of the letters that were handed over, those that wait for their commit still: the last of them where
/// they are many, as it goes with each event.
fn keep_letters(cursor: &mut Cursor, had: &Letters) {
    cursor.redriven.retain(|(at, attempts)| had.get(at) == Some(attempts));
    let too_many = cursor.redriven.len().saturating_sub(ROUND_EVENTS);
    cursor.redriven.drain(..too_many);
}

/// Lets a cursor say of each partition where reading began, so that it can be gone back to.
fn begin_where_read(cursor: &mut Cursor, delivery: &Delivery) {
    for (partition, next) in &delivery.cursor.next {
        let events =
            delivery.events.iter().filter(|event| event.partition == *partition && event.redriven == 0);
        let first = events.map(|event| event.offset).min();
        cursor.next.entry(*partition).or_insert(first.unwrap_or(*next));
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Letters, ROUND_EVENTS, keep_letters};

    #[test]
    fn a_place_names_the_last_of_the_letters_that_wait_for_their_commit() {
        let all: Vec<_> = (0..ROUND_EVENTS as u64 + 10).map(|offset| ((0, offset), 1)).collect();
        let mut place = Cursor { redriven: all.clone(), ..Cursor::default() };
        let mut had: Letters = all.iter().copied().collect();
        keep_letters(&mut place, &had);
        assert_eq!(place.redriven, all[10..]);
        had.retain(|at, _| at.1 == 50);
        keep_letters(&mut place, &had);
        assert_eq!(place.redriven, [((0, 50), 1)], "the others were settled");
    }
}
