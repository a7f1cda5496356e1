//! InitProducerId: a number and epoch for an idempotent or a transactional producer.

use bus::Producer;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId, ResponseKind};

use super::Call;
use crate::errors;

/// A number that no other producer has, with its first epoch; for a transactional id the next epoch.
pub fn answer(call: &Call, request: &InitProducerIdRequest) -> ResponseKind {
    let answer = InitProducerIdResponse::default();
    ResponseKind::InitProducerId(match &request.transactional_id {
        None => {
            // 62 random bits: unique without a counter that would have to be durable.
            let number = (uuid::Uuid::new_v4().as_u128() >> 66) as i64;
            answer.with_producer_id(ProducerId(number)).with_producer_epoch(0)
        }
        Some(id) => {
            let claimed = u64::try_from(request.producer_id.0).ok();
            let claimed = claimed.zip(u16::try_from(request.producer_epoch).ok());
            let claimed = claimed.map(|(number, epoch)| Producer { number, epoch });
            let timeout_ms = request.transaction_timeout_ms.max(0) as u64;
            match call.door.bus.begin_producer(&call.caller, id, timeout_ms, claimed) {
                Ok(Producer { number, epoch }) => {
                    answer.with_producer_id(ProducerId(number as i64)).with_producer_epoch(epoch as i16)
                }
                Err(refusal) => {
                    tracing::info!(%refusal, "a transactional producer was refused");
                    let error = errors::of_transaction(&refusal);
                    answer
                        .with_error_code(error.code())
                        .with_producer_id(ProducerId(-1))
                        .with_producer_epoch(-1)
                }
            }
        }
    })
}
