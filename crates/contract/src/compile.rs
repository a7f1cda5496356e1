//! From what a steward wrote to what the bus checks with, or everything that is wrong with it at once.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::definition::{Definition, Format, KeyRule};
use crate::document::{Document, DocumentJson};
use crate::limits::Limits;
use crate::plan::{self, Plan};
use crate::pointer::Pointer;
use crate::schema::{Ids, Place, Types, subschemas};
use crate::{Class, ClassSet, cloudevents, schema};

/// Something wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: a pointer into the documents, or the name of the definition's part.
    pub pointer: String,
    /// What is wrong there.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl Fault {
    pub(crate) fn new(
        pointer: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { pointer: pointer.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "the document" } else { &self.pointer };
        write!(f, "{pointer}: {}; {}", self.problem, self.remedy)
    }
}

impl std::error::Error for Fault {}

/// What orders a contract's events, resolved.
#[derive(Debug, Clone)]
pub(crate) enum KeyPlan {
    None,
    Subject,
    /// The value that these tokens lead to, of the class with this index.
    At(Vec<String>, u16),
}

/// A definition that holds together: checks documents and knows which of their bytes are whose.
pub struct Contract {
    pub(crate) definition: Definition,
    pub(crate) schema: Value,
    pub(crate) validator: Validator<DocumentJson>,
    pub(crate) plan: Plan,
    pub(crate) classes: Vec<Class>,
    pub(crate) key: KeyPlan,
    /// Every member name that the schema declares: names that a violation may repeat.
    pub(crate) declared: HashSet<String>,
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contract({} {})", self.definition.topic, self.definition.version)
    }
}

impl Contract {
    /// What it was compiled from.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The classes that its fields have, in order; spans name them by index.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// Whether its events are about persons.
    pub fn has_subjects(&self) -> bool {
        !self.definition.subject.is_empty()
    }

    /// The schema of the documents that a consumer cleared for `cleared` is handed: members of other classes are
    /// absent, elements of other classes are `null`. Conditions that such documents could break without fault of
    /// theirs are loosened.
    pub fn redacted_schema(&self, cleared: &ClassSet) -> Value {
        let cleared: Vec<bool> = self.classes.iter().map(|class| cleared.clears(class)).collect();
        schema::redacted(&self.schema, &self.plan, &cleared)
    }
}

/// Compiles a definition; classes that a standard adds are taken as they are named.
pub fn compile(definition: &Definition) -> Result<Contract, Vec<Fault>> {
    compile_known(definition, None)
}

/// Compiles a definition whose classes must be the built-in ones or among `extra`.
pub fn compile_with(definition: &Definition, extra: &[Class]) -> Result<Contract, Vec<Fault>> {
    compile_known(definition, Some(extra))
}

fn compile_known(definition: &Definition, extra: Option<&[Class]>) -> Result<Contract, Vec<Fault>> {
    let mut faults = extension_faults(definition);
    if let Some(extra) = extra {
        faults.extend(class_faults(definition, extra));
    }
    match definition.format {
        Format::JsonSchema => {}
        Format::Avro => faults.push(not_served("avro")),
        Format::Protobuf => faults.push(not_served("protobuf")),
    }
    if definition.format != Format::JsonSchema {
        return Err(faults);
    }
    let schema = match read_schema(&definition.schema) {
        Ok(schema) => schema,
        Err(wrong) => {
            faults.extend(wrong);
            return Err(faults);
        }
    };
    let ids = Ids::of(&schema);
    let classes: BTreeSet<&Class> = definition.classify.values().map(|rule| &rule.class).collect();
    let classes: Vec<Class> = classes.into_iter().cloned().collect();
    let (plan, wrong) = plan::build(definition, &ids, &classes);
    faults.extend(wrong);
    faults.extend(subject_faults(definition, &ids, &plan, &classes));
    faults.extend(place_faults(definition, &ids, &plan, &classes));
    let key = key_plan(definition, &plan);
    let built = jsonschema::options_for::<DocumentJson>()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .build(&schema);
    match built {
        Ok(validator) if faults.is_empty() => {
            let mut declared = HashSet::new();
            declare(&schema, &mut declared);
            drop(ids);
            Ok(Contract { definition: definition.clone(), schema, validator, plan, classes, key, declared })
        }
        Ok(_) => Err(faults),
        Err(error) => {
            let pointer = format!("schema{}", error.schema_path().as_str());
            faults.push(Fault::new(
                pointer,
                format!("the schema cannot be compiled: {error}"),
                "correct the schema",
            ));
            Err(faults)
        }
    }
}

fn not_served(format: &str) -> Fault {
    Fault::new("format", format!("format {format} is not served yet"), "use json-schema")
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

fn class_faults(definition: &Definition, extra: &[Class]) -> Vec<Fault> {
    let rules = definition.classify.iter().map(|(pointer, rule)| (pointer.to_string(), &rule.class));
    let extensions = definition.extensions.iter().map(|(name, class)| (format!("extensions/{name}"), class));
    let unknown = rules
        .chain(extensions)
        .filter(|(_, class)| matches!(class, Class::Named(_)) && !extra.contains(class));
    let fault = |(pointer, class): (String, &Class)| {
        let remedy = "use public, internal, personal, special or a class of the standards";
        Fault::new(pointer, format!("the class {:?} is not known", class.as_str()), remedy)
    };
    unknown.map(fault).collect()
}

fn extension_faults(definition: &Definition) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, class) in &definition.extensions {
        let pointer = format!("extensions/{name}");
        if !cloudevents::is_extension_name(name) || name.len() > crate::limits::EXTENSION_NAME_CHARS {
            let remedy = "use 1 to 20 of a-z and 0-9, as CloudEvents asks";
            faults.push(Fault::new(pointer, "is not a name for an extension attribute", remedy));
        } else if cloudevents::is_known_attribute(name) {
            let remedy = "leave it out or choose another name";
            faults.push(Fault::new(pointer, "is an attribute that every event may have already", remedy));
        } else if class.is_about_a_person() && definition.subject.is_empty() {
            let remedy = "name in `subject` the pointer to the identifier of the person it is about";
            faults.push(Fault::new(
                pointer,
                format!("is {class}, but the contract names no subject"),
                remedy,
            ));
        }
    }
    faults
}

/// The place that a contract's pointer names.
fn locate<'s>(pointer: &Pointer, ids: &Ids<'s>) -> Option<Place<'s>> {
    pointer.tokens().iter().try_fold(Place::root(ids), |place, token| {
        let types = place.types(ids);
        let member = || match token.as_str() {
            "*" => place.other_members(ids),
            name => place.member(name, ids),
        };
        let element = || match token.parse() {
            Ok(index) => place.element(index, ids).or_else(|| place.other_elements(ids)),
            Err(_) if token == "*" => place.other_elements(ids),
            Err(_) => None,
        };
        let member = if types.has_object() { member() } else { None };
        member.or_else(|| if types.has_array() { element() } else { None })
    })
}

fn subject_faults(definition: &Definition, ids: &Ids<'_>, plan: &Plan, classes: &[Class]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for pointer in &definition.subject {
        let mut fault =
            |problem: String, remedy: &str| faults.push(Fault::new(pointer.to_string(), problem, remedy));
        let Some(place) = locate(pointer, ids) else {
            fault(
                "is a subject, but the schema has no such place".to_owned(),
                "correct the pointer in `subject`",
            );
            continue;
        };
        let types = place.types(ids);
        if !types.is_identifier() {
            let problem = format!("is a subject, but may be {types}");
            fault(problem, "an identifier is a string or an integer: say so with `type`");
        }
        let class = plan.field_at(pointer.tokens()).and_then(|field| classes.get(field.class as usize));
        if !class.is_some_and(Class::is_about_a_person) {
            let problem =
                format!("identifies a person, but is {}", class.map_or("not classified", Class::as_str));
            fault(problem, "classify it as personal, so that it is sealed");
        }
    }
    faults
}

/// Faults of the pointers that name one value: `key` and `identity`.
fn place_faults(definition: &Definition, ids: &Ids<'_>, plan: &Plan, classes: &[Class]) -> Vec<Fault> {
    let key = if let KeyRule::At(pointer) = &definition.key { Some(("key", pointer)) } else { None };
    let identity = definition.identity.as_ref().map(|pointer| ("identity", pointer));
    let mut faults = Vec::new();
    for (what, pointer) in key.into_iter().chain(identity) {
        let mut fault = |problem: String, remedy: &str| faults.push(Fault::new(what, problem, remedy));
        if pointer.tokens().iter().any(|token| token == "*") {
            fault(format!("{pointer} names many values"), "name one, without `*`");
            continue;
        }
        let types = locate(pointer, ids).map(|place| place.types(ids));
        if !types.is_some_and(|types| types != Types::NONE) {
            fault(format!("the schema has no place {pointer}"), "correct the pointer");
        } else if !types.is_some_and(Types::is_scalar) {
            fault(format!("{pointer} may be an object or an array"), "name a string, a number or a boolean");
        }
        let class = plan.field_at(pointer.tokens()).and_then(|field| classes.get(field.class as usize));
        if what == "identity" && class.is_some_and(Class::is_about_a_person) {
            fault(
                format!("{pointer} is about a person"),
                "an event's identity is kept in the clear: name another field",
            );
        }
    }
    if definition.key == KeyRule::Subject && definition.subject.is_empty() {
        faults.push(Fault::new(
            "key",
            "is the subject, but the contract names none",
            "name `subject`, or another key",
        ));
    }
    faults
}

fn key_plan(definition: &Definition, plan: &Plan) -> KeyPlan {
    match &definition.key {
        KeyRule::None => KeyPlan::None,
        KeyRule::Subject => KeyPlan::Subject,
        KeyRule::At(pointer) => {
            let class = plan.field_at(pointer.tokens()).map_or(0, |field| field.class);
            KeyPlan::At(pointer.tokens().to_vec(), class)
        }
    }
}
