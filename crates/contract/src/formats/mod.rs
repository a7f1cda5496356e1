//! The languages of schemas. Each brings the places that its schema speaks of, a walk over one document, and a schema
//! of what is left when something is left out; everything else is the same for all.

pub(crate) mod avro;
pub(crate) mod json;
mod leaks;
mod persons;
pub(crate) mod protobuf;
mod searches;
pub(crate) mod shown;

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::Fault;
use crate::definition::{Definition, Format};
use crate::places::{Places, Types};
use crate::plan::{self, Plan};
use crate::{Class, compile};

/// A contract's schema, compiled.
pub(crate) enum Form {
    Avro(Box<avro::Form>),
    Json(Box<json::Form>),
    Protobuf(Box<protobuf::Form>),
}

/// Lays the classification over the schema's places; every fault in it is told.
pub(crate) fn classification<P: Places>(
    definition: &Definition,
    places: &P,
    classes: &[Class],
) -> (Plan, Vec<Fault>) {
    let (plan, mut faults) = plan::build(definition, places, classes);
    faults.extend(compile::subject_faults(definition, places, &plan, classes));
    faults.extend(compile::place_faults(definition, places, &plan, classes));
    (plan, faults)
}

/// The classes that a definition gives to fields, in order; spans name them by index.
pub(crate) fn classes_of(definition: &Definition) -> Vec<Class> {
    let classes: BTreeSet<&Class> = definition.classify.values().map(|rule| &rule.class).collect();
    classes.into_iter().cloned().collect()
}

/// Every declared place of a schema with its types; none where the schema does not read.
pub(crate) fn declared(format: Format, schema: &str) -> BTreeMap<String, Types> {
    match format {
        Format::JsonSchema => json::declared(schema),
        Format::Avro => avro::declared(schema),
        Format::Protobuf => protobuf::declared(schema),
    }
}

/// Those of the declared places that are there, and not `null`, whenever what they are in is.
pub(crate) fn required(format: Format, schema: &str) -> BTreeSet<String> {
    match format {
        Format::JsonSchema => json::required(schema),
        Format::Avro => avro::required(schema),
        Format::Protobuf => protobuf::required(schema),
    }
}

/// A definition's schema in a form that is equal for texts that differ only in layout.
pub(crate) fn meaning(definition: &Definition) -> serde_json::Value {
    match definition.format {
        Format::JsonSchema | Format::Avro => json::value_of(&definition.schema),
        Format::Protobuf => protobuf::meaning(&definition.schema).into(),
    }
}
