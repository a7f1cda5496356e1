//! What stands outside the seal must name nobody: the attributes `id`, `source`, `dataref` … travel in the clear.

use std::borrow::Cow;

use contract::compile::Contract;
use contract::leaks::national_identifier;
use contract::{AttributeValue, CloudEvent};

use crate::topics::Topic;
use crate::{Refusal, RefusalKind};

/// Shorter identifiers occur in other texts by chance.
const SUBJECT_MIN_BYTES: usize = 5;

/// Refuses an event whose open attributes carry the identifier of a person it is about, or whose `subject` is a
/// national identifier where the contract would leave it in the clear. `event` is what is about to be stored: what the
/// contract seals has left it already.
pub fn no_person_outside_the_seal(
    topic: &Topic,
    contract: &Contract,
    event: &CloudEvent,
    subjects: &[String],
) -> Result<(), Refusal> {
    for subject in subjects.iter().filter(|subject| subject.len() >= SUBJECT_MIN_BYTES) {
        if let Some((name, _)) = open_attributes(event).find(|(_, value)| names(value, subject)) {
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
    match in_the_clear.and_then(|subject| national_identifier(subject, topic.refuses)) {
        None => Ok(()),
        Some(found) => Err(refuse(topic, contract, "subject", &format!("looks like a national identifier ({})", found.what))
            .hint("name the thing, not the person; or let the contract declare its data subject, so that it is sealed")),
    }
}

/// Whether `subject` stands in `value` by itself: a longer number or word that happens to contain it is another one.
fn names(value: &str, subject: &str) -> bool {
    let same_kind = |a: Option<char>, b: Option<char>| match (a, b) {
        (Some(a), Some(b)) => {
            (a.is_ascii_digit() && b.is_ascii_digit()) || (a.is_alphabetic() && b.is_alphabetic())
        }
        _ => false,
    };
    places(value.as_bytes(), subject.as_bytes()).any(|at| {
        let (before, after) = (&value[..at], &value[at + subject.len()..]);
        !same_kind(before.chars().next_back(), subject.chars().next())
            && !same_kind(subject.chars().next_back(), after.chars().next())
    })
}

/// Where `wanted` stands in `text`. Attributes are short: a search that prepares nothing is several times as fast as one that
/// does.
fn places<'t>(text: &'t [u8], wanted: &'t [u8]) -> impl Iterator<Item = usize> {
    const BEGINNING: usize = 4;
    const { assert!(BEGINNING <= SUBJECT_MIN_BYTES) };
    let begins = |four: &[u8]| wanted.first_chunk::<BEGINNING>().is_some_and(|first| four == first);
    let starts = (text.len() + 1).saturating_sub(wanted.len());
    let found = text.windows(BEGINNING).take(starts).enumerate().filter(move |(_, four)| begins(four));
    found.map(|(at, _)| at).filter(move |at| text[*at..].starts_with(wanted))
}

/// The attributes that are stored as they are, but for `subject`, which is a pseudonym by now.
pub(super) fn open_attributes(event: &CloudEvent) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let optional = [
        ("time", &event.time),
        ("datacontenttype", &event.datacontenttype),
        ("dataschema", &event.dataschema),
    ];
    let named = optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let required =
        [("id", event.id.as_str()), ("source", event.source.as_str()), ("type", event.ty.as_str())];
    let extensions = event.extensions.iter().filter_map(|(name, value)| match value {
        AttributeValue::String(text) => Some((name.as_str(), Cow::Borrowed(text.as_str()))),
        AttributeValue::Integer(number) => Some((name.as_str(), Cow::Owned(number.to_string()))),
        AttributeValue::Boolean(_) => None,
    });
    required.into_iter().chain(named).map(|(name, value)| (name, Cow::Borrowed(value))).chain(extensions)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_found_by_itself_and_not_within_a_longer_one() {
        for (value, subject, wanted) in [
            ("birth-of-12345678901", "12345678901", true),
            ("X12345678901", "12345678901", true),
            ("event-0012345678901", "12345678901", false),
            ("event-123456789012", "12345678901", false),
            ("https://x.example/person/ab-77/file", "ab-77", true),
            ("grab-77", "ab-77", false),
            ("ab-7", "ab-77", false),
            ("ab-78/ab-77", "ab-77", true),
            ("", "12345", false),
        ] {
            assert_eq!(names(value, subject), wanted, "{subject} in {value}");
        }
    }
}
