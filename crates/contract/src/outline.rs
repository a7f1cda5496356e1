//! A contract's fields as a tree, in whatever language its schema is: what catalogues and other standards say of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::Contract;
use crate::formats;
use crate::places::Types;
use crate::{Class, Pointer, Redaction};

/// A place of a contract's documents, with all that is below it. What comes round to itself is told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// A member's name; of elements, and of members that no name is declared for, `*`; of the document nothing.
    pub name: String,
    /// Where it stands.
    pub pointer: Pointer,
    /// The types that can stand there, in the words of JSON; `bytes` are one of their own.
    pub types: Vec<&'static str>,
    /// Whether it is there, and not `null`, in every document that has what it is in.
    pub required: bool,
    /// The class of what stands there, where it has one of its own or shares that of what it is in.
    pub class: Option<Class>,
    /// The pointer to the person it is about.
    pub of: Option<String>,
    /// What who is not cleared for the class sees in its place.
    pub redact: Redaction,
    /// The members, by name; elements with a schema of their own, by index.
    pub fields: Vec<Outline>,
    /// All other elements of an array.
    pub elements: Option<Box<Outline>>,
}

impl Contract {
    /// The whole document.
    pub fn outline(&self) -> Outline {
        let (format, schema) = (self.definition.format, &self.definition.schema);
        let mut places = Places { contract: self, below: BTreeMap::new(), required: BTreeSet::new() };
        let mut root = Types::OBJECT;
        for (place, types) in formats::declared(format, schema) {
            let Ok(pointer) = Pointer::parse(&place) else { continue };
            match pointer.tokens().split_last() {
                None => root = types,
                Some((_, above)) => {
                    let above = Pointer::from_tokens(above.iter().cloned());
                    places.below.entry(above).or_default().push((pointer, types));
                }
            }
        }
        places.required = formats::required(format, schema);
        places.outline(&Pointer::root(), root)
    }
}

/// What is known of a contract's places.
struct Places<'c> {
    contract: &'c Contract,
    /// By the place that they are directly in.
    below: BTreeMap<Pointer, Vec<(Pointer, Types)>>,
    required: BTreeSet<String>,
}

impl Places<'_> {
    fn outline(&self, pointer: &Pointer, types: Types) -> Outline {
        let plan = &self.contract.plan;
        let field = plan.field_at(pointer.tokens());
        let below = self.below.get(pointer).map(Vec::as_slice).unwrap_or_default();
        let (mut fields, mut elements) = (Vec::new(), None);
        for (place, types_below) in below {
            let outline = self.outline(place, *types_below);
            match outline.name == "*" && types.has_array() {
                true => elements = Some(Box::new(outline)),
                false => fields.push(outline),
            }
        }
        Outline {
            name: pointer.tokens().last().cloned().unwrap_or_default(),
            types: types.names(),
            required: self.required.contains(&pointer.to_string()),
            class: field.map(|field| self.contract.classes[field.class as usize].clone()),
            of: field.and_then(|field| Some(plan.subjects[field.owner? as usize].pointer.clone())),
            redact: field.map(|field| field.form).unwrap_or_default(),
            pointer: pointer.clone(),
            fields,
            elements,
        }
    }
}
