//! Fetch: what a subscription may see from given offsets on; waits for the first bytes, but not for ever.

use std::collections::HashMap;
use std::time::Duration;

use bus::{Delivered, Fetched, Portion, Refusal, Refused, Wanted};
use bytes::Bytes;
use contract::{SubscriptionName, TopicName};
use futures_util::future::select_all;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::FetchTopic;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ResponseKind};
use tokio::time::{Instant, sleep, timeout_at};

use super::Call;
use crate::batch::Writer;
use crate::{closed, errors, names, to_wire};

/// Longest that a fetch waits, whatever it asks for.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How long a fetch of which nobody knows yet whose it is waits for its client to say so elsewhere.
const SAYS_SOON: Duration = Duration::from_millis(100);

/// Sent while a client may yet say whom it works for: the one error that every client takes as "ask again".
const ASK_AGAIN: ResponseError = ResponseError::NotLeaderOrFollower;

/// Most bytes in one answer.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// A request of a session that was never begun (KIP-227).
const NO_SESSION: i32 = 0;

/// What was read of the topics, each with its request.
type Read = Vec<(FetchTopic, Result<Fetched<Bytes>, ResponseError>)>;

/// Reads, and waits where there is nothing yet. Sessions are not kept: clients then name their partitions every time.
pub async fn answer(call: &Call, request: FetchRequest) -> ResponseKind {
    if request.session_id != NO_SESSION {
        let error = ResponseError::FetchSessionIdNotFound.code();
        return ResponseKind::Fetch(FetchResponse::default().with_error_code(error));
    }
    let wait = Duration::from_millis(request.max_wait_ms.max(0) as u64).min(WAIT_MAX);
    let deadline = Instant::now() + wait;
    let wanted_bytes = request.min_bytes.max(0) as usize;
    let mut subscriptions = Subscriptions::of(call, &request);
    if subscriptions.may_be_said_yet() {
        sleep(SAYS_SOON.min(wait)).await;
        subscriptions = Subscriptions::of(call, &request);
    }
    let mut closing = call.door.closing.clone();
    let read = loop {
        // Listen before looking: what comes in between is not missed.
        let bells = call.door.bus.listen(subscriptions.topics());
        let read = read(call, &request, &subscriptions).await;
        if is_enough(&read, wanted_bytes) || Instant::now() >= deadline || *closing.borrow() {
            break read;
        }
        let rung = select_all(bells.into_iter().map(Box::pin));
        tokio::select! {
            _ = timeout_at(deadline, rung) => {}
            () = closed(&mut closing) => {}
        }
    };
    let responses = read.into_iter().map(|(asked, read)| topic_answer(asked, read)).collect();
    ResponseKind::Fetch(FetchResponse::default().with_session_id(NO_SESSION).with_responses(responses))
}

fn is_enough(read: &Read, wanted_bytes: usize) -> bool {
    let bytes: usize = read.iter().filter_map(|(_, read)| Some(read.as_ref().ok()?.bytes)).sum();
    let failed = |(_, read): &(FetchTopic, Result<Fetched<Bytes>, ResponseError>)| match read {
        Err(_) => true,
        Ok(fetched) => fetched.portions.iter().any(|portion| portion.events.is_err()),
    };
    bytes >= wanted_bytes.max(1) || wanted_bytes == 0 || read.iter().any(failed)
}

/// Under which subscription each topic is read.
struct Subscriptions(HashMap<(String, uuid::Uuid), Result<(TopicName, SubscriptionName), ResponseError>>);

impl Subscriptions {
    fn of(call: &Call, request: &FetchRequest) -> Self {
        let one = |asked: &FetchTopic| {
            let found = names::topic(call, asked.topic.as_str(), asked.topic_id);
            let found = found.and_then(|topic| Ok((topic.name.clone(), subscription(call, &topic.name)?)));
            ((asked.topic.to_string(), asked.topic_id), found)
        };
        Self(request.topics.iter().map(one).collect())
    }

    fn get(&self, asked: &FetchTopic) -> Result<&(TopicName, SubscriptionName), ResponseError> {
        let found = self.0.get(&(asked.topic.to_string(), asked.topic_id));
        found.map_or(Err(ResponseError::UnknownTopicOrPartition), |found| {
            found.as_ref().map_err(|error| *error)
        })
    }

    /// Whether of some topic it is not known yet for whom it is read.
    fn may_be_said_yet(&self) -> bool {
        self.0.values().any(|found| matches!(found, Err(error) if *error == ASK_AGAIN))
    }

    fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.0.values().flatten().map(|(topic, _)| topic)
    }
}

/// The subscription whose name a client's id is, or begins with before a dash: frameworks number the clients that they
/// make of one prefix. Java's consumers call themselves `consumer-GROUP-1` where nobody names them. Of several the
/// longest is meant.
fn named_first<'n>(client: &str, own: &'n [SubscriptionName]) -> Option<&'n SubscriptionName> {
    let client = client.strip_prefix("consumer-").unwrap_or(client);
    let is_named = |name: &&SubscriptionName| {
        client.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    own.iter().filter(is_named).max_by_key(|name| name.as_str().len())
}

/// The subscriptions of the caller's agency to a topic, those that have ended too.
fn of_agency(call: &Call, topic: &TopicName) -> Result<Vec<SubscriptionName>, ResponseError> {
    let state = call.door.bus.state(&call.caller).map_err(|_| ResponseError::UnknownServerError)?;
    let own = state.subscriptions_of(topic).filter(|found| found.agency == call.caller.agency);
    Ok(own.map(|found| found.name.clone()).collect())
}

/// The subscription that `client.id` names; or the one of the group that the client works for; or the agency's only
/// one to the topic. Where several remain, the client has to say which; one that went on over a start of the bus is
/// given the time to. A client whose subscription has ended is not taken into another of its agency.
fn subscription(call: &Call, topic: &TopicName) -> Result<SubscriptionName, ResponseError> {
    let denied = ResponseError::TopicAuthorizationFailed;
    let (all, own) = (of_agency(call, topic)?, call.door.bus.may_consume_from(&call.caller, topic));
    if let Some(named) = named_first(&call.client, &all) {
        return own.contains(named).then(|| named.clone()).ok_or(denied);
    }
    let groups = call.door.groups.uses.of(&call.caller.principal, &call.client);
    let works_for = |name: &&SubscriptionName| groups.iter().any(|group| group == name.as_str());
    let worked_for: Vec<_> = own.iter().filter(works_for).collect();
    match (worked_for.as_slice(), own.as_slice()) {
        ([one], _) => Ok((*one).clone()),
        ([], _) if all.iter().any(|name| works_for(&name)) => Err(denied),
        ([], [one]) => Ok(one.clone()),
        ([], []) => Err(denied),
        ([], _) if call.door.groups.uses.may_be_said_yet(call.door.bus.now_ms()) => Err(ASK_AGAIN),
        _ => {
            let names: Vec<&str> = own.iter().map(|name| name.as_str()).collect();
            tracing::warn!(
                topic = %topic, principal = %call.caller.principal, client = %call.client, subscriptions = names.join(", "),
                "a fetch may be of several subscriptions: set client.id to the one that is meant"
            );
            Err(denied)
        }
    }
}

async fn read(call: &Call, request: &FetchRequest, subscriptions: &Subscriptions) -> Read {
    let max_bytes = (request.max_bytes.max(0) as usize).min(ANSWER_MAX_BYTES);
    let known = request.topics.iter().filter_map(|asked| {
        let (_, subscription) = subscriptions.get(asked).ok()?;
        Some((subscription.clone(), wanted(asked)))
    });
    let known: Vec<_> = known.collect();
    let fetched = call.door.bus.fetch_all(&call.caller, &known, max_bytes, |events| batch(&events)).await;
    let mut fetched = fetched.into_iter();
    let of_topic = |asked: &FetchTopic| {
        subscriptions.get(asked)?;
        let fetched = fetched.next().unwrap_or_else(|| Err(Refusal::unavailable("a topic was not read")));
        fetched.map_err(|refusal| {
            tracing::debug!(%refusal, "a fetch was refused");
            errors::of_topic(&refusal)
        })
    };
    let results: Vec<_> = request.topics.iter().map(of_topic).collect();
    request.topics.iter().cloned().zip(results).collect()
}

fn wanted(asked: &FetchTopic) -> Vec<Wanted> {
    let wanted = asked.partitions.iter().map(|partition| Wanted {
        partition: u32::try_from(partition.partition).unwrap_or(u32::MAX),
        offset: u64::try_from(partition.fetch_offset).unwrap_or(u64::MAX),
        max_bytes: partition.partition_max_bytes.max(1) as usize,
    });
    wanted.collect()
}

fn topic_answer(asked: FetchTopic, read: Result<Fetched<Bytes>, ResponseError>) -> FetchableTopicResponse {
    let partitions = match read {
        Ok(fetched) => fetched.portions.into_iter().map(partition).collect(),
        Err(error) => asked.partitions.iter().map(|one| failed(one.partition, error)).collect(),
    };
    FetchableTopicResponse::default()
        .with_topic(asked.topic)
        .with_topic_id(asked.topic_id)
        .with_partitions(partitions)
}

fn failed(partition: i32, error: ResponseError) -> PartitionData {
    PartitionData::default()
        .with_partition_index(partition)
        .with_error_code(error.code())
        .with_high_watermark(-1)
        .with_records(Some(Bytes::new()))
}

/// A partition's events as one batch.
fn batch(events: &[Delivered]) -> Bytes {
    let mut writer = Writer::with_capacity(to_wire::bytes(events));
    events.iter().for_each(|event| to_wire::write(&mut writer, event));
    Bytes::from(writer.finish())
}

fn partition(portion: Portion<Bytes>) -> PartitionData {
    let batch = match portion.events {
        Ok(batch) => portion.passed.map_or(batch, |offset| Bytes::from(Writer::passed(offset))),
        Err(Refused::NoSuchPartition) => {
            return failed(portion.partition as i32, ResponseError::UnknownTopicOrPartition);
        }
        Err(Refused::OutOfRange) => {
            let answer = failed(portion.partition as i32, ResponseError::OffsetOutOfRange);
            return answer
                .with_high_watermark(portion.next as i64)
                .with_log_start_offset(portion.first as i64);
        }
    };
    PartitionData::default()
        .with_partition_index(portion.partition as i32)
        .with_high_watermark(portion.next as i64)
        .with_last_stable_offset(portion.next as i64)
        .with_log_start_offset(portion.first as i64)
        .with_records(Some(batch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_names_its_subscription_by_its_id_or_the_beginning_of_it() {
        let own = ["tax-office.births", "tax-office.births-late", "tax-office.x"];
        let own = own.map(|name| SubscriptionName::parse(name).unwrap());
        let named = |client: &str| named_first(client, &own).map(SubscriptionName::as_str);
        assert_eq!(named("tax-office.births"), Some("tax-office.births"));
        assert_eq!(named("tax-office.births-0"), Some("tax-office.births"));
        assert_eq!(named("tax-office.births-late-0"), Some("tax-office.births-late"));
        assert_eq!(named("tax-office.birthsday"), None);
        assert_eq!(named("consumer-tax-office.births-1"), Some("tax-office.births"));
        assert_eq!(named("consumer-1"), None);
    }
}
