//! Produce: batches in, each for one partition, each taken whole or not at all.

use bus::{Batch, Outcome, Refusal, RefusalKind, Sequence, Submitted};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, ProducerId, ResponseKind, TransactionalId};

use super::Call;
use super::transactions::speaker;
use crate::batch::{self, Header};
use crate::from_wire::Expected;
use crate::names::{self, wire};
use crate::{errors, from_wire};

/// How much a packed batch is reckoned to grow when it is unpacked.
const UNPACKED_GROWTH: usize = 4;

/// A request whose batches are all on their way.
pub struct Begun {
    /// Nobody waits for an answer (`acks=0`).
    silent: bool,
    topics: Vec<(TopicProduceResponse, Vec<Part>)>,
}

/// A partition's batch on its way, or why it is not.
struct Part {
    index: i32,
    state: Result<Taken, Fault>,
}

/// A batch that was not refused at once.
enum Taken {
    /// It is on its way into the log.
    Submitted(Submitted),
    /// It is held by its producer's transaction; it has no place yet.
    Held,
}

/// Why a batch is not taken.
struct Fault {
    code: ResponseError,
    text: String,
    records: Vec<(i32, String)>,
}

impl Fault {
    fn of(refusal: &Refusal) -> Self {
        Self { code: errors::of_topic(refusal), text: refusal.to_string(), records: Vec::new() }
    }
}

/// Hands every batch to the bus, in the order of the request.
pub async fn begin(call: &Call, request: ProduceRequest) -> Begun {
    let mut topics = Vec::with_capacity(request.topic_data.len());
    for asked in request.topic_data {
        let answer =
            TopicProduceResponse::default().with_name(asked.name.clone()).with_topic_id(asked.topic_id);
        let topic = names::topic(call, asked.name.as_str(), asked.topic_id);
        let mut parts = Vec::with_capacity(asked.partition_data.len());
        for partition in asked.partition_data {
            let state = match &topic {
                Err(error) => {
                    let text = format!("there is no topic {}", asked.name.as_str());
                    Err(Fault { code: *error, text, records: Vec::new() })
                }
                Ok(topic) => {
                    take(call, topic, partition.index, partition.records, request.transactional_id.as_ref())
                        .await
                }
            };
            parts.push(Part { index: partition.index, state });
        }
        topics.push((answer, parts));
    }
    Begun { silent: request.acks == 0, topics }
}

async fn take(
    call: &Call,
    topic: &governance::Topic,
    partition: i32,
    records: Option<Bytes>,
    transaction: Option<&TransactionalId>,
) -> Result<Taken, Fault> {
    let header = only_batch(records.unwrap_or_default())?;
    let partition = u32::try_from(partition).map_err(|_| Fault {
        code: ResponseError::UnknownTopicOrPartition,
        text: format!("there is no partition {partition}"),
        records: Vec::new(),
    })?;
    if header.transactional != transaction.is_some() {
        return Err(Fault {
            code: ResponseError::InvalidTxnState,
            text: "a batch belongs to a transaction where its request names one, and only there".to_owned(),
            records: Vec::new(),
        });
    }
    let numbers = (header.sequence.max(0) as u32, header.count.max(0) as u32);
    let speaker = transaction.map(|id| speaker(id, ProducerId(header.producer), header.epoch));
    // A producer without idempotence has no number.
    let sequence = u64::try_from(header.producer).ok().map(|producer| Sequence {
        producer,
        epoch: header.epoch.max(0) as u16,
        first: header.sequence.max(0) as u32,
    });
    let format =
        topic.newest_active().map_or(contract::Format::JsonSchema, |version| version.definition.format);
    let growth = if header.codec == 0 { 1 } else { UNPACKED_GROWTH };
    let (bus, name) = (call.door.bus.clone(), topic.name.clone());
    let expected = Expected { format, named: Box::new(move |framing| bus.format_of(&name, framing)) };
    let batch = Batch {
        partition,
        sequence,
        bytes: header.records.len() * growth,
        read: Box::new(move || from_wire::events(&header, &expected)),
    };
    let (bus, caller) = (&call.door.bus, &call.caller);
    match speaker {
        None => {
            bus.submit(caller, &topic.name, batch).await.map(Taken::Submitted).map_err(|it| Fault::of(&it))
        }
        Some(speaker) => {
            let staged = bus.stage(caller, &speaker, &topic.name, batch, numbers).await;
            let outcomes: Vec<Outcome> = staged.map_err(|it| Fault::of(&it))?.into_iter().flatten().collect();
            placed(&outcomes).map(|_| Taken::Held)
        }
    }
}

/// A partition's records are one batch (message format 2).
fn only_batch(mut records: Bytes) -> Result<Header, Fault> {
    let invalid =
        |text: &str| Fault { code: ResponseError::InvalidRecord, text: text.to_owned(), records: Vec::new() };
    let header = match batch::split(&mut records) {
        None => return Err(invalid("the request holds no records for this partition")),
        Some(Ok(header)) => header,
        Some(Err(fault)) => {
            let code = match fault {
                batch::BatchFault::OldFormat(_) => ResponseError::UnsupportedForMessageFormat,
                batch::BatchFault::Checksum | batch::BatchFault::Damaged(_) => ResponseError::CorruptMessage,
                batch::BatchFault::Codec(_) => ResponseError::UnsupportedCompressionType,
                batch::BatchFault::TooLarge => ResponseError::MessageTooLarge,
                batch::BatchFault::Control => ResponseError::InvalidRecord,
            };
            return Err(Fault { code, text: fault.to_string(), records: Vec::new() });
        }
    };
    if !records.is_empty() {
        return Err(invalid("a partition's records are one batch in a request"));
    }
    Ok(header)
}

impl Begun {
    /// The answer, when everything is durable or refused; none where nobody waits for it.
    pub async fn finish(self) -> Option<ResponseKind> {
        let mut responses = Vec::with_capacity(self.topics.len());
        for (answer, parts) in self.topics {
            let mut partitions = Vec::with_capacity(parts.len());
            for part in parts {
                partitions.push(settled(part).await);
            }
            responses.push(answer.with_partition_responses(partitions));
        }
        (!self.silent).then(|| ResponseKind::Produce(ProduceResponse::default().with_responses(responses)))
    }
}

async fn settled(part: Part) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(part.index).with_base_offset(-1);
    let outcome = match part.state {
        Ok(Taken::Held) => Ok(-1),
        Ok(Taken::Submitted(submitted)) => match submitted.outcomes().await {
            Ok(outcomes) => placed(&outcomes),
            Err(refusal) => Err(Fault::of(&refusal)),
        },
        Err(fault) => Err(fault),
    };
    match outcome {
        Ok(offset) => answer.with_base_offset(offset),
        Err(Fault { code, text, records }) => {
            let told = |(index, text): (i32, String)| {
                BatchIndexAndErrorMessage::default()
                    .with_batch_index(index)
                    .with_batch_index_error_message(Some(wire(text)))
            };
            answer
                .with_error_code(code.code())
                .with_error_message(Some(wire(text)))
                .with_record_errors(records.into_iter().map(told).collect())
        }
    }
}

/// The offset of the batch's first record, or what was wrong with which record.
fn placed(outcomes: &[Outcome]) -> Result<i64, Fault> {
    let mut refused: Vec<(i32, &Refusal)> = Vec::new();
    let mut first = None;
    for (index, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Accepted(receipt) | Outcome::Duplicate(receipt) => {
                first = first.or(Some(receipt.offset))
            }
            Outcome::Refused(refusal) => refused.push((index as i32, refusal)),
        }
    }
    // The records that only shared a batch with a broken one are not told: clients say that of them themselves.
    let own: Vec<&(i32, &Refusal)> =
        refused.iter().filter(|(_, refusal)| refusal.kind != RefusalKind::Abandoned).collect();
    let Some((_, worst)) = own.first().copied().or(refused.first()) else {
        return Ok(first.map_or(-1, |offset| offset as i64));
    };
    let code = errors::of_topic(worst);
    let records = match code {
        ResponseError::InvalidRecord => {
            own.iter().map(|(index, refusal)| (*index, refusal.to_string())).collect()
        }
        _ => Vec::new(),
    };
    Err(Fault { code, text: worst.to_string(), records })
}
