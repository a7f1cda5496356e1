//! InitProducerId: a number for an idempotent producer.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId, ResponseKind};

use super::Call;

/// A number that no other producer has, and its first epoch.
pub fn answer(_: &Call, request: &InitProducerIdRequest) -> ResponseKind {
    let answer = InitProducerIdResponse::default();
    if request.transactional_id.is_some() {
        let error = ResponseError::TransactionalIdAuthorizationFailed.code();
        return ResponseKind::InitProducerId(answer.with_error_code(error));
    }
    // 62 random bits: unique without a counter that would have to be durable.
    let number = (uuid::Uuid::new_v4().as_u128() >> 66) as i64;
    ResponseKind::InitProducerId(answer.with_producer_id(ProducerId(number)).with_producer_epoch(0))
}
