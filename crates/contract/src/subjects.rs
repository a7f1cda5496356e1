//! The persons that one document is about, each once.

use std::collections::HashMap;

use crate::limits;

/// Why a field cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The identifier of the person at this subject pointer is missing or null.
    NoIdentifier(u16),
    /// It is no string or plain integer, is empty, or is too long.
    NotAnIdentifier(u16),
    /// The document is about too many persons.
    TooManySubjects,
    /// The plan has no field for it; the schema's places and the validator disagree.
    Unclassified,
}

impl Why {
    /// What is wrong with the field at `pointer`; `subject` is the contract's subject pointer of an index.
    pub(crate) fn text<'a>(self, pointer: &str, subject: impl Fn(u16) -> &'a str) -> String {
        match self {
            Why::NoIdentifier(at) => format!("no one to whom {pointer} belongs: {} is missing", subject(at)),
            Why::NotAnIdentifier(at) => format!(
                "no one to whom {pointer} belongs: {} must be a string of 1 to {} bytes or an integer in plain \
                 digits (value withheld)",
                subject(at),
                limits::SUBJECT_BYTES
            ),
            Why::TooManySubjects => format!("the document is about more than {} persons", limits::SUBJECTS),
            Why::Unclassified => format!("{pointer} is not classified by the contract"),
        }
    }
}

/// A document's persons in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    list: Vec<String>,
    /// Their indices by their identifiers, once they are many.
    by_identifier: HashMap<String, u16>,
}

impl Subjects {
    /// Forgets all of them; what was found is the caller's.
    pub(crate) fn take(&mut self) -> Vec<String> {
        self.by_identifier.clear();
        std::mem::take(&mut self.list)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The index of the person with this identifier, whom the subject pointer of index `pointer` names.
    pub(crate) fn index_of(&mut self, identifier: &str, pointer: u16) -> Result<u16, Why> {
        if identifier.is_empty() || identifier.len() > limits::SUBJECT_BYTES {
            return Err(Why::NotAnIdentifier(pointer));
        }
        let known = if self.list.len() > limits::KEYS_COMPARED_IN_PAIRS {
            self.by_identifier.get(identifier).copied()
        } else {
            self.list.iter().position(|known| *known == identifier).map(|at| at as u16)
        };
        if let Some(known) = known {
            return Ok(known);
        }
        if self.list.len() >= limits::SUBJECTS {
            return Err(Why::TooManySubjects);
        }
        let index = self.list.len() as u16;
        self.list.push(identifier.to_owned());
        match self.list.len() {
            few if few <= limits::KEYS_COMPARED_IN_PAIRS => {}
            first if first == limits::KEYS_COMPARED_IN_PAIRS + 1 => {
                let all = self.list.iter().cloned().zip(0..);
                self.by_identifier.extend(all);
            }
            _ => {
                self.by_identifier.insert(identifier.to_owned(), index);
            }
        }
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_one_index_however_many_there_are() {
        let mut subjects = Subjects::default();
        for round in 0..2 {
            for person in 0..100u16 {
                assert_eq!(subjects.index_of(&format!("p{person}"), 0), Ok(person), "round {round}");
            }
        }
        assert_eq!(subjects.take().len(), 100);
        assert_eq!(subjects.index_of("p7", 0), Ok(0));
        assert_eq!(subjects.index_of("", 3), Err(Why::NotAnIdentifier(3)));
    }

    #[test]
    fn too_many_persons_are_refused() {
        let mut subjects = Subjects::default();
        for person in 0..limits::SUBJECTS {
            subjects.index_of(&person.to_string(), 0).unwrap();
        }
        assert_eq!(subjects.index_of("one more", 0), Err(Why::TooManySubjects));
    }
}
