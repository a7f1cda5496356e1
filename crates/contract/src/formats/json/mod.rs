//! JSON documents under JSON Schema 2020-12.

mod explain;
mod leaks;
mod schema;
pub(crate) mod splice;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::Class;
use crate::check::Violation;
use crate::compile::{Contract, Fault};
use crate::definition::Definition;
use crate::document::{Document, DocumentJson, JsonNode, Tape};
use crate::limits::Limits;
use crate::places::{Places, Types};
use crate::plan::Plan;
use crate::pointer::Pointer;
use schema::subschemas;
pub(crate) use schema::{Ids, Texts};

/// A JSON Schema, compiled.
pub(crate) struct Form {
    schema: Value,
    validator: Validator<DocumentJson>,
    /// Every member name that the schema declares: names that a violation may repeat.
    declared: HashSet<String>,
}

/// Memory that checks reuse.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tape: Tape,
    walked: walk::Walked,
}

impl Form {
    /// The schema of what is left where some classes are left out, as text.
    pub(crate) fn redacted_schema(&self, plan: &Plan, cleared: &[bool]) -> String {
        schema::redacted(&self.schema, plan, cleared).to_string()
    }

    /// What admits that and nothing else; none where it does not compile.
    pub(crate) fn redacted(&self, plan: &Plan, cleared: &[bool]) -> Option<Redacted> {
        validator(&schema::redacted(&self.schema, plan, cleared)).ok().map(Redacted)
    }
}

/// Admits the documents of what is left where some classes are left out.
pub(crate) struct Redacted(Validator<DocumentJson>);

impl Redacted {
    /// What it has against a document of the contract that was redacted so.
    pub(crate) fn check(&self, contract: &Contract, data: &[u8]) -> Result<(), Vec<Violation>> {
        let crate::formats::Form::Json(form) = &contract.form else { return Ok(()) };
        let document = Document::parse(data, &Limits::default()).map_err(|wrong| {
            vec![Violation {
                pointer: String::new(),
                text: format!("the document is not valid JSON: {wrong}"),
            }]
        })?;
        if self.0.is_valid(JsonNode::Value(document.root())) {
            return Ok(());
        }
        let explainer = explain::Explainer { contract, form, validator: &self.0, document: &document };
        Err(explainer.schema_violations())
    }
}

/// Every declared place of a schema with its types.
pub(crate) fn declared(schema: &str) -> BTreeMap<String, Types> {
    Ids::of(&value_of(schema)).declared()
}

/// Those of them that are there whenever what they are in is.
pub(crate) fn required(schema: &str) -> BTreeSet<String> {
    Ids::of(&value_of(schema)).required()
}

/// A schema's text as a value; what is not JSON admits nothing.
pub(crate) fn value_of(schema: &str) -> Value {
    serde_json::from_str(schema).unwrap_or(Value::Bool(false))
}

/// Compiles a definition's schema and lays its classification over it.
pub(crate) fn compile(definition: &Definition, classes: &[Class]) -> Result<(Form, Plan), Vec<Fault>> {
    let schema = read_schema(&definition.schema)?;
    let (plan, mut faults) = super::classification(definition, &Ids::of(&schema), classes);
    match validator(&schema) {
        Ok(validator) if faults.is_empty() => {
            let mut declared = HashSet::new();
            declare(&schema, &mut declared);
            Ok((Form { schema, validator, declared }, plan))
        }
        Ok(_) => Err(faults),
        Err(error) => {
            let pointer = format!("schema{}", error.schema_path().as_str());
            let problem = format!("the schema cannot be compiled: {error}");
            faults.push(Fault::new(pointer, problem, "correct the schema"));
            Err(faults)
        }
    }
}

fn validator(schema: &Value) -> Result<Validator<DocumentJson>, ValidationError<'static>> {
    jsonschema::options_for::<DocumentJson>()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .build(schema)
}

/// The schema's text as a value that is a valid JSON Schema 2020-12 and refers only to itself.
fn read_schema(text: &str) -> Result<Value, Vec<Fault>> {
    let limits = Limits { document_bytes: crate::limits::DOCUMENT_BYTES, depth: 2 * crate::limits::DEPTH };
    // The strict parser refuses what serde_json would let pass: duplicate keys, of which only one would count.
    let document = Document::parse(text.as_bytes(), &limits)
        .map_err(|wrong| vec![Fault::new("schema", format!("is not JSON: {wrong}"), "correct the text")])?;
    let schema = crate::document::value_of(document.root());
    let dialect = "https://json-schema.org/draft/2020-12/schema";
    if let Some(named) = schema.get("$schema")
        && named.as_str().map(|uri| uri.trim_end_matches('#')) != Some(dialect)
    {
        let remedy = format!("write it in JSON Schema 2020-12 and say `\"$schema\": \"{dialect}\"`");
        return Err(vec![Fault::new("schema/$schema", "another language than JSON Schema 2020-12", remedy)]);
    }
    let meta = jsonschema::options().with_draft(Draft::Draft202012).offline();
    if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
        let pointer = format!("schema{}", error.instance_path().as_str());
        let problem = format!("is not valid JSON Schema 2020-12: {error}");
        return Err(vec![Fault::new(pointer, problem, "correct the schema")]);
    }
    let mut faults = Vec::new();
    let ids = Ids::of(&schema);
    reference_faults(&schema, &mut Vec::new(), &ids, &mut faults);
    if faults.is_empty()
        && let Err(error) = meta.build(&schema)
    {
        let pointer = format!("schema{}", error.schema_path().as_str());
        faults.push(Fault::new(pointer, format!("cannot be compiled: {error}"), "correct the schema"));
    }
    drop(ids);
    if faults.is_empty() { Ok(schema) } else { Err(faults) }
}

fn reference_faults<'s>(schema: &'s Value, path: &mut Vec<String>, ids: &Ids<'s>, faults: &mut Vec<Fault>) {
    let here = |keyword: &str, path: &[String]| {
        format!("schema{}", Pointer::from_tokens(path.iter().cloned()).child(keyword))
    };
    if schema.get("$dynamicRef").is_some() || schema.get("$dynamicAnchor").is_some() {
        let problem = "leads to different schemas in different places, so its fields cannot be classified";
        faults.push(Fault::new(here("$dynamicRef", path), problem, "use `$ref` and `$anchor`"));
    }
    if let Some(Err(unresolved)) = ids.follow(ids.site(schema, ids.root())) {
        let (problem, remedy) = if unresolved.remote {
            ("leads out of the schema", "copy what it refers to under `$defs`; nothing is ever fetched")
        } else {
            ("leads nowhere in the schema", "correct it or add what it refers to under `$defs`")
        };
        faults.push(Fault::new(here("$ref", path), format!("{:?} {problem}", unresolved.reference), remedy));
    }
    for (steps, index, inner) in subschemas(schema) {
        let length = path.len();
        path.extend(steps.into_iter().map(str::to_owned));
        if index > 0 {
            path.push((index - 1).to_string());
        }
        reference_faults(inner, path, ids, faults);
        path.truncate(length);
    }
}

fn declare(schema: &Value, declared: &mut HashSet<String>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    declared.extend(properties.into_iter().flat_map(|members| members.keys().cloned()));
    for (_, _, inner) in subschemas(schema) {
        declare(inner, declared);
    }
}
