//! Avro documents: one datum in Avro's binary encoding, without a header.
//!
//! The schema's text is [read](read) into [types](schema), the classification is laid over their [places](places), and
//! both are made into one [program](program), which the [walk](walk) follows over a document's bytes. Where [texts](texts) stand
//! another walk says.

mod cursor;
mod explain;
mod logical;
mod places;
mod program;
mod read;
mod redacted;
mod scalars;
mod schema;
mod texts;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::Class;
use crate::compile::Fault;
use crate::definition::Definition;
use crate::leaks::Set;
use crate::places::{Places, Step, Types};
use crate::plan::Plan;
use crate::pointer::Pointer;
use program::Program;
pub(crate) use read::read;
pub(crate) use schema::Schema;
use schema::{Kind, TypeId};
pub(crate) use texts::texts;

/// An Avro schema, compiled.
pub(crate) struct Form {
    pub(crate) schema: Schema,
    program: Program,
    /// The fields of records whose names speak of what a detector finds.
    speaking: HashMap<(TypeId, u32), Set>,
}

/// Memory that checks reuse.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    walked: walk::Walked,
}

impl Form {
    /// The schema of what is left where some classes are left out, as text.
    pub(crate) fn redacted_schema(&self, cleared: &[bool]) -> String {
        redacted::redacted(&self.schema, &self.program, cleared).to_string()
    }
}

impl Schema {
    /// The fields of records whose names speak of what a detector finds.
    fn speaking(&self) -> HashMap<(TypeId, u32), Set> {
        let records = (0..).zip(&self.types).filter_map(|(id, of)| match &of.kind {
            Kind::Record(fields) => Some((id, fields)),
            _ => None,
        });
        let fields =
            records.flat_map(|(id, fields)| (0..).zip(fields).map(move |(at, field)| ((id, at), field)));
        let known = fields.map(|(at, field)| (at, Set::expected_by(&field.name)));
        known.filter(|(_, expected)| !expected.is_empty()).collect()
    }
}

/// Every declared place of a schema with its types.
pub(crate) fn declared(schema: &str) -> BTreeMap<String, Types> {
    read::read(schema).map(|schema| schema.declared()).unwrap_or_default()
}

/// Those of them that are there whenever what they are in is.
pub(crate) fn required(schema: &str) -> BTreeSet<String> {
    read::read(schema).map(|schema| schema.required()).unwrap_or_default()
}

/// Compiles a definition's schema and lays its classification over it.
pub(crate) fn compile(definition: &Definition, classes: &[Class]) -> Result<(Form, Plan), Vec<Fault>> {
    let schema = read::read(&definition.schema)?;
    let (plan, mut faults) = super::classification(definition, &schema, classes);
    faults.extend(definition.subject.iter().filter_map(|subject| map_fault(&schema, subject)));
    if !faults.is_empty() {
        return Err(faults);
    }
    let program = Program::new(&schema, &plan, definition).map_err(|fault| vec![fault])?;
    let speaking = schema.speaking();
    Ok((Form { schema, program, speaking }, plan))
}

/// A map's entries cannot be sealed for one person each: left out, an entry would still show its key, and its person
/// stands behind it.
fn map_fault(schema: &Schema, subject: &Pointer) -> Option<Fault> {
    let mut place = schema.root();
    for (at, token) in subject.tokens().iter().enumerate() {
        if token == "*" && place.iter().any(|id| matches!(schema.kind(*id), Kind::Map(_))) {
            let map = Pointer::from_tokens(subject.tokens()[..at].iter().cloned());
            let problem = format!("is a map, and {subject} names another person in each of its entries");
            return Some(Fault::new(map.to_string(), problem, "use an array of records"));
        }
        place = if token == "*" {
            let fields = schema.names(&place).into_iter().map(Step::Member);
            let steps = fields.chain([Step::OtherElements]);
            steps.filter_map(|step| schema.step(&place, &step)).flatten().collect()
        } else {
            let field = schema.step(&place, &Step::Member(token.clone()));
            field.or_else(|| schema.step(&place, &Step::Element(0)))?
        };
    }
    None
}
