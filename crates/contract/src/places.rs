//! What a schema, in whatever language, says about the places of its documents.
//!
//! The classification is laid over these places. Everything here errs to the wide side: a place or a type that some
//! valid document may have is reported, even where finer conditions would exclude it. Classification is complete only
//! then.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::limits::{PLAN_NODES, TYPE_DEPTH};
use crate::pointer::Pointer;

/// One step into a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of an object that has this name.
    Member(String),
    /// The other members of an object.
    OtherMembers,
    /// The element of an array at this index.
    Element(usize),
    /// The other elements of an array.
    OtherElements,
}

/// The places of one schema's documents. In every format a record or message is an object, a map an object of other
/// members, a list an array; a union stands for all of its branches at once.
pub(crate) trait Places {
    /// Everything that the schema says about one pointer.
    type Place;

    /// The whole document.
    fn root(&self) -> Self::Place;

    /// The types that can stand there.
    fn types(&self, place: &Self::Place) -> Types;

    /// The names that the schema declares for members there, sorted.
    fn names(&self, place: &Self::Place) -> Vec<String>;

    /// Whether every document that has this place has its member `name`, and not as `null`.
    fn requires(&self, place: &Self::Place, name: &str) -> bool;

    /// How many elements have a place of their own.
    fn prefix(&self, place: &Self::Place) -> usize;

    /// The place that a step leads to, where the schema admits one.
    fn step(&self, place: &Self::Place, step: &Step) -> Option<Self::Place>;

    /// Tells places apart: equal for the same schemas, as when a recursive one comes round again.
    fn key(&self, place: &Self::Place) -> BTreeSet<usize>;

    /// Whether nothing at all is said, so that any value may stand there.
    fn is_anything(&self, place: &Self::Place) -> bool;

    /// Whether only listed values, or texts of a form that is nobody's such as a date, can stand there.
    fn is_fixed(&self, place: &Self::Place) -> bool;

    /// The keyword or type, if any, that a text which its producer sealed cannot meet.
    fn forbids_sealed(&self, _place: &Self::Place) -> Option<&'static str> {
        None
    }

    /// Whether only texts can stand there, or `null`.
    fn is_text(&self, place: &Self::Place) -> bool {
        let types = self.types(place);
        types != Types::NULL && types.is_within(Types::STRING.or(Types::NULL))
    }

    /// The place that a contract's pointer names; `*` is any other member or element.
    fn locate(&self, tokens: &[String]) -> Option<Self::Place> {
        tokens.iter().try_fold(self.root(), |place, token| {
            let steps = match (token.as_str(), token.parse()) {
                ("*", _) => vec![Step::OtherMembers, Step::OtherElements],
                (name, Ok(index)) => {
                    vec![Step::Member(name.to_owned()), Step::Element(index), Step::OtherElements]
                }
                (name, Err(_)) => vec![Step::Member(name.to_owned())],
            };
            steps.iter().find_map(|step| self.step(&place, step))
        })
    }

    /// Every declared place with its types, by pointer; a place that comes round to itself is told once. The document
    /// itself is a place where it is a value.
    fn declared(&self) -> BTreeMap<String, Types> {
        let mut found = BTreeMap::new();
        self.collect(&self.root(), Pointer::root(), &mut Vec::new(), &mut found);
        found
    }

    /// Those of the [declared](Places::declared) places that are there whenever what they are in is.
    fn required(&self) -> BTreeSet<String> {
        let places = self.declared().into_keys().filter(|place| {
            let pointer = Pointer::parse(place).unwrap_or_else(|_| Pointer::root());
            let Some((name, above)) = pointer.tokens().split_last() else { return false };
            self.locate(above).is_some_and(|above| self.requires(&above, name))
        });
        places.collect()
    }

    /// Adds `place` and what is below it to `found`.
    fn collect(
        &self,
        place: &Self::Place,
        pointer: Pointer,
        walking: &mut Vec<BTreeSet<usize>>,
        found: &mut BTreeMap<String, Types>,
    ) {
        let types = self.types(place);
        if pointer != Pointer::root() || types.is_leaf() {
            found.insert(pointer.to_string(), types);
        }
        let key = self.key(place);
        let too_many = walking.len() > TYPE_DEPTH || found.len() > PLAN_NODES;
        if too_many || walking.contains(&key) || self.is_anything(place) {
            return;
        }
        walking.push(key);
        let names = self.names(place).into_iter().map(|name| (name.clone(), Step::Member(name)));
        let elements = (0..self.prefix(place)).map(|index| (index.to_string(), Step::Element(index)));
        let others = [("*".to_owned(), Step::OtherMembers), ("*".to_owned(), Step::OtherElements)];
        for (token, step) in names.chain(elements).chain(others) {
            if let Some(child) = self.step(place, &step)
                && !(token == "*" && self.is_anything(&child))
            {
                self.collect(&child, pointer.child(token), walking, found);
            }
        }
        walking.pop();
    }
}

/// A set of types, in the words of JSON; what is bytes in a binary format is a type of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(u8);

const NAMES: [(&str, Types); 8] = [
    ("null", Types::NULL),
    ("boolean", Types::BOOLEAN),
    ("integer", Types::INTEGER),
    ("number", Types::NUMBER),
    ("string", Types::STRING),
    ("array", Types::ARRAY),
    ("object", Types::OBJECT),
    ("bytes", Types::BYTES),
];

impl Types {
    pub(crate) const NONE: Types = Types(0);
    pub(crate) const NULL: Types = Types(1);
    pub(crate) const BOOLEAN: Types = Types(2);
    pub(crate) const INTEGER: Types = Types(4);
    pub(crate) const NUMBER: Types = Types(4 | 8);
    pub(crate) const STRING: Types = Types(16);
    pub(crate) const ARRAY: Types = Types(32);
    pub(crate) const OBJECT: Types = Types(64);
    pub(crate) const BYTES: Types = Types(128);
    /// Everything that JSON has.
    pub(crate) const ANY_JSON: Types = Types(127);
    /// The same but for `null`.
    pub(crate) const ANY_BUT_NULL: Types = Types(126);

    /// The type that JSON Schema calls so.
    pub(crate) fn named(name: &str) -> Types {
        NAMES.iter().find(|(known, _)| *known == name).map_or(Types::NONE, |(_, types)| *types)
    }

    pub(crate) fn and(self, other: Types) -> Types {
        Types(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    fn has_any(self, other: Types) -> bool {
        self.and(other) != Types::NONE
    }

    pub(crate) fn has_object(self) -> bool {
        self.has_any(Types::OBJECT)
    }

    pub(crate) fn has_number(self) -> bool {
        self.has_any(Types::NUMBER)
    }

    pub(crate) fn has_null(self) -> bool {
        self.has_any(Types::NULL)
    }

    pub(crate) fn has_array(self) -> bool {
        self.has_any(Types::ARRAY)
    }

    /// Whether whatever may stand here may stand where `other` is, too.
    pub(crate) fn is_within(self, other: Types) -> bool {
        self.and(other) == self
    }

    /// Whether a value of its own can stand here. `null` beside an object or array is their absence, not a value.
    pub(crate) fn has_value(self) -> bool {
        self.has_any(Types::BOOLEAN.or(Types::NUMBER).or(Types::STRING).or(Types::BYTES))
            || self == Types::NULL
    }

    /// Whether only strings and integers (or `null`) can stand here.
    pub(crate) fn is_identifier(self) -> bool {
        let identifier = Types::INTEGER.or(Types::STRING);
        self.has_any(identifier) && self.and(identifier.or(Types::NULL)) == self
    }

    /// Whether only strings, numbers, booleans and `null` can stand here.
    pub(crate) fn is_scalar(self) -> bool {
        !self.has_any(Types::ARRAY.or(Types::OBJECT).or(Types::BYTES))
    }

    /// Whether no object and no array can stand here.
    pub(crate) fn is_leaf(self) -> bool {
        !self.has_any(Types::ARRAY.or(Types::OBJECT))
    }
}

impl Types {
    /// Each type in one word; an integer is not named beside numbers.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let number = self.and(Types::NUMBER) == Types::NUMBER;
        let named = NAMES.iter().filter(|(name, types)| {
            self.and(*types) == *types && *types != Types::NONE && !(*name == "integer" && number)
        });
        named.map(|(name, _)| *name).collect()
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Types::ANY_JSON {
            return f.write_str("anything");
        }
        let names = self.names();
        f.write_str(if names.is_empty() { "nothing" } else { "" })?;
        f.write_str(&names.join(" or "))
    }
}
