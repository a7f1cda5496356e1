//! That what people write about an erasure or a hold does not name the person.
//!
//! Who asks gives the identifier, so their reason is searched for it. Later words come without it, and the bus has kept only
//! what keys call the person. So each run of words in them is called by the same keys, and compared.

use governance::state::{HoldOn, Person};
use governance::{Command, State};
use seal::Pseudonym;

use crate::core::Core;
use crate::keyring::Keyring;
use crate::{Refusal, RefusalKind};

/// The longest text that is searched, in bytes. Nobody reads a longer reason, and each is a guess at many identifiers.
const TEXT_MAX_BYTES: usize = 4 * 1024;

/// Most parts of an identifier, as [`runs`] takes them apart: `2026-1000-0001` has three.
const PARTS_MAX: usize = 8;

/// Refuses a command about an erasure or a hold whose text names the person. To be asked only once governance has allowed it:
/// the answer says of an identifier whether it is the person's. Each asking stands in the audit.
pub(crate) fn names_nobody(core: &Core, state: &State, command: &Command) -> Result<(), Refusal> {
    let (text, persons): (&str, Vec<&Person>) = match command {
        Command::DeclineErasure { erasure: name, reason: text }
        | Command::WithdrawErasure { erasure: name, reason: text }
        | Command::AcknowledgeErasure { erasure: name, kept: Some(text), .. } => {
            let Some(known) = state.erasure(name) else { return Ok(()) };
            (text, known.parts.iter().map(|part| &part.found.person).collect())
        }
        Command::LiftHold { hold: name, reason: text } => {
            let Some(known) = state.hold(name) else { return Ok(()) };
            let HoldOn::Person(persons) = &known.on else { return Ok(()) };
            (text, persons.iter().collect())
        }
        _ => return Ok(()),
    };
    if text.len() > TEXT_MAX_BYTES {
        let text = format!("the text is longer than {TEXT_MAX_BYTES} bytes");
        return Err(Refusal::new(RefusalKind::Malformed, text).hint("it is told to people: shorten it"));
    }
    match names_one_of(&core.keyring, &persons, text)? {
        false => Ok(()),
        true => Err(named()),
    }
}

/// The person goes by one identifier with all agencies, so the keys of one are enough; those of others may be out of
/// reach.
fn names_one_of(keyring: &Keyring, persons: &[&Person], text: &str) -> Result<bool, Refusal> {
    let mut closed = None;
    for Person { agency, pseudonym } in persons {
        let (keys, Some(pseudonym)) = (keyring.agency(agency), Pseudonym::parse(pseudonym)) else {
            continue;
        };
        match keys {
            Ok(keys) => return Ok(runs(text).any(|run| keyring.is_called(&keys, run, &pseudonym))),
            Err(refusal) => closed = Some(refusal),
        }
    }
    closed.map_or(Ok(false), Err)
}

/// What somebody is told whose text names the person it is about.
pub(super) fn named() -> Refusal {
    let text = "the reason or reference names the person by the identifier";
    Refusal::new(RefusalKind::Malformed, text).hint("it is kept and told to others: leave the identifier out")
}

/// Every part of a text that may be an identifier: up to [`PARTS_MAX`] successive stretches of letters and digits, with what
/// is between them, and each word as blanks make it.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| letter.is_alphanumeric()) {
        match stretches.last_mut().filter(|(_, end)| *end == at) {
            Some((_, end)) => *end = at + letter.len_utf8(),
            None => stretches.push((at, at + letter.len_utf8())),
        }
    }
    let stretched: Vec<&str> = (0..stretches.len())
        .flat_map(|first| {
            let (begin, _) = stretches[first];
            stretches[first..].iter().take(PARTS_MAX).map(move |(_, end)| &text[begin..*end])
        })
        .collect();
    stretched.into_iter().chain(text.split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_found_wherever_words_end() {
        for text in [
            "PID-0000001",
            "of PID-0000001.",
            "(PID-0000001)",
            "person=PID-0000001, born",
            "a\nPID-0000001\tb",
            "„PID-0000001“",
        ] {
            assert!(runs(text).any(|run| run == "PID-0000001"), "{text}");
        }
        assert!(runs("is Ana Müller's").any(|run| run == "Ana Müller"));
        assert!(runs("case #12# ends").any(|run| run == "#12#"));
        assert!(runs("").next().is_none() && runs(" – ").eq(["–"]));
        assert!(runs("1-2-3-4-5-6-7-8-9").all(|run| run.len() < 17 || run == "1-2-3-4-5-6-7-8-9"));
    }
}
