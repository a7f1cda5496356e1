//! Protocol Buffers documents: one message in the wire encoding, the first of its file.
//!
//! The schema's text is read into [messages](schema), the classification is laid over their [places](places), and both
//! are made into one [program](program), which the [walk](walk) follows over a document's bytes. Where [texts](texts) stand
//! another walk says.

mod cursor;
mod explain;
mod keys;
mod places;
mod program;
mod redacted;
mod scalars;
mod schema;
mod texts;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use crate::Class;
use crate::compile::Fault;
use crate::definition::Definition;
use crate::places::{Places, Types};
use crate::plan::Plan;
use crate::schemas;
use program::Program;
pub(crate) use schema::Schema;
pub(crate) use texts::texts;

/// A file, compiled.
pub(crate) struct Form {
    pub(crate) schema: Schema,
    program: Program,
}

/// Memory that checks reuse.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    walked: walk::Memory,
}

impl Form {
    /// The file of what is left where some classes are left out.
    pub(crate) fn redacted_schema(&self, cleared: &[bool]) -> String {
        redacted::redacted(&self.schema, &self.program, cleared)
    }
}

/// Every declared place of a file's first message with its types.
pub(crate) fn declared(schema: &str) -> BTreeMap<String, Types> {
    Schema::read(schema).map(|schema| schema.declared()).unwrap_or_default()
}

/// Those of them that are there whenever what they are in is.
pub(crate) fn required(schema: &str) -> BTreeSet<String> {
    Schema::read(schema).map(|schema| schema.required()).unwrap_or_default()
}

/// The text in one layout; as it is where it does not read.
pub(crate) fn meaning(schema: &str) -> String {
    schemas::protobuf_layout(schema).unwrap_or_else(|| schema.to_owned())
}

/// Compiles a definition's file and lays its classification over it.
pub(crate) fn compile(definition: &Definition, classes: &[Class]) -> Result<(Form, Plan), Vec<Fault>> {
    let schema = Schema::read(&definition.schema)?;
    let (plan, faults) = super::classification(definition, &schema, classes);
    if !faults.is_empty() {
        return Err(faults);
    }
    let program = Program::new(&schema, &plan, definition).map_err(|fault| vec![fault])?;
    Ok((Form { schema, program }, plan))
}
