//! What stands outside the seal must name nobody: the attributes `id`, `source`, `dataref` … travel in the clear.

use contract::compile::Contract;
use contract::national_id::looks_like_national_id;
use contract::{AttributeValue, CloudEvent};

use crate::topics::Topic;
use crate::{Refusal, RefusalKind};

/// Shorter identifiers occur in other texts by chance.
const SUBJECT_MIN_BYTES: usize = 5;

/// Refuses an event whose open attributes carry the identifier of a person it is about, or whose `subject` is a
/// national identifier where the contract would leave it in the clear.
pub fn no_person_outside_the_seal(
    topic: &Topic,
    contract: &Contract,
    event: &CloudEvent,
    subjects: &[String],
) -> Result<(), Refusal> {
    for subject in subjects.iter().filter(|subject| subject.len() >= SUBJECT_MIN_BYTES) {
        if let Some((name, _)) = open_attributes(event).find(|(_, value)| value.contains(subject.as_str())) {
            return Err(refuse(
                topic,
                contract,
                name,
                "carries the identifier of a person the event is about",
            )
            .hint("this attribute is not sealed: use an identifier of the event or a random UUID"));
        }
    }
    let in_the_clear = event.subject.as_deref().filter(|_| subjects.is_empty());
    match in_the_clear.and_then(looks_like_national_id) {
        None => Ok(()),
        Some(kind) => Err(refuse(topic, contract, "subject", &format!("looks like a national identifier ({kind})"))
            .hint("name the thing, not the person; or let the contract declare its data subject, so that it is sealed")),
    }
}

/// The attributes that are stored as they are.
fn open_attributes(event: &CloudEvent) -> impl Iterator<Item = (&str, &str)> {
    let optional = [("time", &event.time), ("dataschema", &event.dataschema)];
    let named = optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let extensions = event.extensions.iter().filter_map(|(name, value)| match value {
        AttributeValue::String(text) if name != "partitionkey" => Some((name.as_str(), text.as_str())),
        _ => None,
    });
    [("id", event.id.as_str()), ("source", event.source.as_str())].into_iter().chain(named).chain(extensions)
}

fn refuse(topic: &Topic, contract: &Contract, attribute: &str, what: &str) -> Refusal {
    let version = contract.definition().version;
    let text = format!(
        "contract {} {version}: attribute {attribute} {what} ({})",
        topic.name,
        topic.answers_for_it()
    );
    Refusal::new(RefusalKind::Contract, text)
}
