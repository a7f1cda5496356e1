//! What a walk over a binary document is looking for: the identifiers of persons, and the values that order an event or
//! are its identity. Both binary formats make their programs with it.

use crate::definition::{Definition, KeyRule};
use crate::plan::Plan;

/// What a value is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Want {
    /// It identifies the person of this subject pointer.
    Identifier(u16),
    /// It orders the event.
    Key,
    /// It is the event's identity.
    Identity,
}

/// Something that is looked for below a place, and the tokens that lead there.
#[derive(Clone, Copy)]
pub(super) struct Search<'d> {
    pub(super) tokens: &'d [String],
    pub(super) what: Sought,
}

/// What a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sought {
    /// A place that binds a subject pointer's last `*`: another person each time.
    Person(u16),
    /// A value.
    Value(Want),
}

/// All that a contract looks for in its documents.
pub(super) fn searches<'d>(plan: &Plan, definition: &'d Definition) -> Vec<Search<'d>> {
    let mut searches = Vec::new();
    for (index, (path, pointer)) in plan.subjects.iter().zip(&definition.subject).enumerate() {
        let (index, tokens) = (index as u16, pointer.tokens());
        if path.anchor > 0 {
            searches.push(Search { tokens: &tokens[..path.anchor], what: Sought::Person(index) });
        }
        searches.push(Search { tokens, what: Sought::Value(Want::Identifier(index)) });
    }
    if let KeyRule::At(pointer) = &definition.key {
        searches.push(Search { tokens: pointer.tokens(), what: Sought::Value(Want::Key) });
    }
    if let Some(pointer) = &definition.identity {
        searches.push(Search { tokens: pointer.tokens(), what: Sought::Value(Want::Identity) });
    }
    searches
}

/// What is looked for one step further, along the tokens that are wanted.
pub(super) fn below<'d>(searches: &[Search<'d>], wanted: impl Fn(&str) -> bool) -> Vec<Search<'d>> {
    let step = |search: &Search<'d>| {
        let (first, rest) = search.tokens.split_first()?;
        wanted(first).then_some(Search { tokens: rest, what: search.what })
    };
    searches.iter().filter_map(step).collect()
}
