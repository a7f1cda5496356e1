//! From what a steward wrote to what the bus checks with, or everything that is wrong with it at once.

use std::fmt;

use crate::definition::{Definition, Format, KeyRule};
use crate::formats::{self, Form};
use crate::places::{Places, Types};
use crate::plan::Plan;
use crate::{Class, ClassSet, cloudevents, end_to_end, leaks, limits};

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
    pub(crate) form: Form,
    pub(crate) plan: Plan,
    pub(crate) classes: Vec<Class>,
    pub(crate) key: KeyPlan,
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

    /// The schema of the documents that a consumer cleared for `cleared` is handed, in the contract's own language:
    /// members of other classes are absent, elements of other classes are `null`, or what their rule's form shows stands in
    /// their place. Conditions that such documents could break without fault of theirs are loosened.
    pub fn redacted_schema(&self, cleared: &ClassSet) -> String {
        let cleared: Vec<bool> = self.classes.iter().map(|class| cleared.clears(class)).collect();
        match &self.form {
            Form::Avro(form) => form.redacted_schema(&cleared),
            Form::Json(form) => form.redacted_schema(&self.plan, &cleared),
            Form::Protobuf(form) => form.redacted_schema(&cleared),
        }
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
    faults.extend(exemption_faults(definition));
    faults.extend(end_to_end::faults(definition));
    if let Some(extra) = extra {
        faults.extend(class_faults(definition, extra));
    }
    let classes = formats::classes_of(definition);
    let sealed = classes.iter().filter(|class| class.is_sealed()).count();
    if sealed > limits::SEALED_CLASSES {
        let problem = format!(
            "has {sealed} classes that are sealed, of {} that one contract may",
            limits::SEALED_CLASSES
        );
        faults.push(Fault::new("classify", problem, "use fewer, or divide the topic"));
    }
    let compiled = match definition.format {
        Format::JsonSchema => formats::json::compile(definition, &classes)
            .map(|(form, plan)| (Form::Json(Box::new(form)), plan)),
        Format::Avro => formats::avro::compile(definition, &classes)
            .map(|(form, plan)| (Form::Avro(Box::new(form)), plan)),
        Format::Protobuf => formats::protobuf::compile(definition, &classes)
            .map(|(form, plan)| (Form::Protobuf(Box::new(form)), plan)),
    };
    match compiled {
        Ok((form, plan)) if faults.is_empty() => {
            let key = key_plan(definition, &plan);
            Ok(Contract { definition: definition.clone(), form, plan, classes, key })
        }
        Ok(_) => Err(faults),
        Err(wrong) => {
            faults.extend(wrong);
            Err(faults)
        }
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
        } else if cloudevents::is_the_buss_own(name) {
            let remedy = "choose another name";
            let problem = "is what the bus alone says of an event";
            faults.push(Fault::new(pointer, problem, remedy));
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

/// Faults of what fields may hold.
fn exemption_faults(definition: &Definition) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (pointer, rule) in &definition.classify {
        if rule.class.is_about_a_person() && !rule.may_hold.is_empty() {
            let problem = format!("is {}, so that nothing is looked for in it", rule.class);
            faults.push(Fault::new(pointer.to_string(), problem, "leave `may_hold` out"));
        }
        for name in rule.may_hold.iter().filter(|name| leaks::detector(name).is_none()) {
            let known: Vec<&str> = leaks::detectors().iter().map(|one| one.name).collect();
            let remedy = format!("use one of {}", known.join(", "));
            faults.push(Fault::new(
                pointer.to_string(),
                format!("may hold {name:?}, which is not known"),
                remedy,
            ));
        }
    }
    faults
}

/// Faults of the pointers to people.
pub(crate) fn subject_faults<P: Places>(
    definition: &Definition,
    places: &P,
    plan: &Plan,
    classes: &[Class],
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for pointer in &definition.subject {
        let mut fault =
            |problem: String, remedy: &str| faults.push(Fault::new(pointer.to_string(), problem, remedy));
        let Some(place) = places.locate(pointer.tokens()) else {
            fault(
                "is a subject, but the schema has no such place".to_owned(),
                "correct the pointer in `subject`",
            );
            continue;
        };
        let types = places.types(&place);
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
        if end_to_end::is_at(definition, plan, classes, pointer.tokens()) {
            let problem =
                "is a subject, and sealed end to end: the bus could not tell whom an event is about";
            fault(problem.to_owned(), "give it a class that is not end to end");
        }
    }
    faults
}

/// Faults of the pointers that name one value: `key` and `identity`.
pub(crate) fn place_faults<P: Places>(
    definition: &Definition,
    places: &P,
    plan: &Plan,
    classes: &[Class],
) -> Vec<Fault> {
    let key = if let KeyRule::At(pointer) = &definition.key { Some(("key", pointer)) } else { None };
    let identity = definition.identity.as_ref().map(|pointer| ("identity", pointer));
    let mut faults = Vec::new();
    for (what, pointer) in key.into_iter().chain(identity) {
        let mut fault = |problem: String, remedy: &str| faults.push(Fault::new(what, problem, remedy));
        if pointer.tokens().iter().any(|token| token == "*") {
            fault(format!("{pointer} names many values"), "name one, without `*`");
            continue;
        }
        let types = places.locate(pointer.tokens()).map(|place| places.types(&place));
        if !types.is_some_and(|types| types != Types::NONE) {
            fault(format!("the schema has no place {pointer}"), "correct the pointer");
        } else if !types.is_some_and(Types::is_scalar) {
            let what =
                if types.is_some_and(Types::is_leaf) { "is bytes" } else { "may be an object or an array" };
            fault(format!("{pointer} {what}"), "name a string, a number or a boolean");
        }
        let class = plan.field_at(pointer.tokens()).and_then(|field| classes.get(field.class as usize));
        if what == "identity" && class.is_some_and(Class::is_about_a_person) {
            fault(
                format!("{pointer} is about a person"),
                "an event's identity is kept in the clear: name another field",
            );
        }
        if what == "key" && end_to_end::is_at(definition, plan, classes, pointer.tokens()) {
            fault(format!("{pointer} is sealed end to end, differently each time"), "name another field");
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
