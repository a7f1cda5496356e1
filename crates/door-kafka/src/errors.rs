//! Refusals as Kafka's error codes: the one mapping from the bus's kinds.

use bus::{Refusal, RefusalKind};
use kafka_protocol::error::ResponseError;

/// The code of a refusal that is about a topic or what goes into it.
pub fn of_topic(refusal: &Refusal) -> ResponseError {
    if refusal.code == Some("transaction-abortable") {
        return ResponseError::TransactionAbortable;
    }
    // Of what a fetch may be answered with, the one at which clients stop and say so.
    if refusal.code == Some("set-aside-full") {
        return ResponseError::TopicAuthorizationFailed;
    }
    match refusal.kind {
        RefusalKind::Unauthenticated => ResponseError::SaslAuthenticationFailed,
        RefusalKind::Forbidden => ResponseError::TopicAuthorizationFailed,
        RefusalKind::Unknown => ResponseError::UnknownTopicOrPartition,
        RefusalKind::Malformed | RefusalKind::Contract | RefusalKind::Conflict | RefusalKind::Abandoned => {
            ResponseError::InvalidRecord
        }
        RefusalKind::OutOfOrder => ResponseError::OutOfOrderSequenceNumber,
        RefusalKind::Fenced => ResponseError::InvalidProducerEpoch,
        RefusalKind::TooLarge => ResponseError::MessageTooLarge,
        // Clients send again after both.
        RefusalKind::Throttled => ResponseError::RequestTimedOut,
        RefusalKind::Unavailable => ResponseError::KafkaStorageError,
    }
}

/// The code of a refusal that is about a group, which is a subscription.
pub fn of_group(refusal: &Refusal) -> ResponseError {
    match refusal.kind {
        RefusalKind::Unavailable | RefusalKind::Throttled => ResponseError::CoordinatorNotAvailable,
        RefusalKind::Malformed | RefusalKind::Conflict => ResponseError::InvalidRequest,
        _ => ResponseError::GroupAuthorizationFailed,
    }
}

/// The code of a refusal that is about a transaction.
pub fn of_transaction(refusal: &Refusal) -> ResponseError {
    match (refusal.code, refusal.kind) {
        (Some("no-transaction"), _) => ResponseError::InvalidTxnState,
        (Some("concurrent-transactions"), _) => ResponseError::ConcurrentTransactions,
        (Some("transaction-abortable"), _) => ResponseError::TransactionAbortable,
        (Some("transaction-of-two-classes"), _) => ResponseError::PolicyViolation,
        (Some("transaction-timeout"), _) => ResponseError::InvalidTransactionTimeout,
        (Some("transactional-id"), _) => ResponseError::TransactionalIdAuthorizationFailed,
        (_, RefusalKind::Fenced) => ResponseError::ProducerFenced,
        (_, RefusalKind::Unavailable | RefusalKind::Throttled) => ResponseError::CoordinatorNotAvailable,
        _ => of_topic(refusal),
    }
}
