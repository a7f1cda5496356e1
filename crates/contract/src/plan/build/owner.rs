//! Whose a field is: the pure rule that binds a field to one of the contract's subject pointers.

use crate::definition::FieldRule;
use crate::pointer::Pointer;

/// Whose the value at a place is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's: the topic's own.
    Topic,
    /// The person whom the subject pointer of this index names.
    Person(u16),
    /// Decided only further down: the places below belong to different persons, or to one whose `*` they bind.
    Below { problem: String, remedy: String },
    /// A person's, but the contract does not say whose.
    Nobody { problem: String, remedy: String },
}

/// How many leading tokens of `subject` the place at `path` lies in; `*` takes on whatever the path has there.
fn shared(path: &[String], subject: &[String]) -> usize {
    path.iter().zip(subject).take_while(|(own, wanted)| own == wanted || *wanted == "*").count()
}

/// Whose the value at `path` is under `rule`.
pub(super) fn owner(rule: &FieldRule, subjects: &[Pointer], path: &[String]) -> Owner {
    if !rule.class.is_about_a_person() {
        return Owner::Topic;
    }
    let class = &rule.class;
    if subjects.is_empty() {
        return Owner::Nobody {
            problem: format!("is {class}, but the contract names no subject"),
            remedy: "name in `subject` the pointer to the identifier of the person it is about".to_owned(),
        };
    }
    let candidates: Vec<usize> = match &rule.of {
        None => (0..subjects.len()).collect(),
        Some(of) => subjects.iter().position(|subject| subject == of).into_iter().collect(),
    };
    let reach = |&index: &usize| shared(path, subjects[index].tokens());
    // `max_by_key` would take the last of equals; the first listed is wanted.
    let best = candidates.iter().copied().reduce(|best, next| if reach(&next) > reach(&best) { next } else { best });
    let Some(best) = best else {
        return Owner::Nobody {
            problem: format!("belongs to {}, which is not among the contract's subjects", shown(rule.of.as_ref())),
            remedy: "add that pointer to `subject`, or correct `of`".to_owned(),
        };
    };
    let tokens = subjects[best].tokens();
    let unbound = tokens[reach(&best)..].iter().any(|token| token == "*");
    let through = candidates.iter().filter(|index| {
        let tokens = subjects[**index].tokens();
        tokens.len() > path.len() && reach(index) == path.len()
    });
    if through.clone().count() > 1 || (unbound && through.count() > 0) {
        return Owner::Below {
            problem: format!("may be about several persons, {} and others", subjects[best]),
            remedy: "classify the places below it, or say with `of` whose it is".to_owned(),
        };
    }
    if unbound {
        return Owner::Nobody {
            problem: format!("belongs to {}, but its own path does not say which `*` that is", subjects[best]),
            remedy: "say with `of` whose it is, by a subject pointer whose `*` stand in the field's path too".to_owned(),
        };
    }
    Owner::Person(best as u16)
}

fn shown(of: Option<&Pointer>) -> String {
    of.map(Pointer::to_string).unwrap_or_default()
}
