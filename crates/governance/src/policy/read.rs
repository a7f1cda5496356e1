//! From the texts of policy files to policies that can be asked.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;
use serde::Serialize;

use super::bounds::too_much;
use super::{GRANT, RIGHTS, SCHEMA};

/// The file of a topic's own policies.
pub const LOCAL: &str = "access.cedar";
/// Events' way in and out.
const MOVING: [&str; 2] = ["publish", "consume"];
/// A policy without `@id` is named after its file, with its place in it: `naming.2`.
const ID: &str = "id";
/// Why a policy is there: what who it hits is told.
const REASON: &str = "reason";
/// What who it hits can do.
const REMEDY: &str = "remedy";

/// The schema, read once.
pub(super) fn schema() -> &'static Schema {
    static READ: LazyLock<Schema> = LazyLock::new(|| {
        let (schema, _) =
            Schema::from_cedarschema_str(SCHEMA).expect("the shipped schema is one; a test reads it");
        schema
    });
    &READ
}

/// Something wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// The file, `naming.cedar`.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        self.line.iter().try_for_each(|line| write!(f, ":{line}"))?;
        write!(f, ": {}", self.text)
    }
}

/// A policy, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its name.
    pub policy: String,
    /// The file it stands in.
    pub file: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// Why it is there.
    pub reason: Option<String>,
    /// What who it hits can do.
    pub remedy: Option<String>,
    /// Its text.
    pub text: String,
}

/// The policies of the standards, read. Two are equal when their texts are.
#[derive(Clone)]
pub struct Policies {
    texts: BTreeMap<String, String>,
    pub(super) set: PolicySet,
    /// The file of each policy.
    files: BTreeMap<String, String>,
    judges_events: bool,
}

impl Default for Policies {
    fn default() -> Self {
        let (texts, files) = Default::default();
        Self { texts, set: with_rights(), files, judges_events: false }
    }
}

impl PartialEq for Policies {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Policies {}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Policies").field(&self.texts).finish()
    }
}

impl Policies {
    /// Reads policy files, by name (`naming.cedar`), and holds them against the schema. All faults at once.
    pub fn read(texts: &BTreeMap<String, String>) -> Result<Self, Vec<PolicyFault>> {
        let mut read = Self { texts: texts.clone(), ..Self::default() };
        let mut faults = Vec::new();
        for (file, text) in texts {
            faults.extend(read.add(file, text));
        }
        if faults.is_empty() {
            faults.extend(read.not_by_the_schema());
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }

    /// Reads the policies of a topic: what its steward permits ahead.
    pub fn read_local(text: &str) -> Result<Self, Vec<PolicyFault>> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        Self::read(&BTreeMap::from([(LOCAL.to_owned(), text.to_owned())]))
    }

    /// As [`Policies::read_local`], of a text that was good when it was decided; should it not be any more, it permits
    /// nothing.
    pub(crate) fn reread_local(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        Self::read_local(text).unwrap_or_else(|_| Self {
            texts: BTreeMap::from([(LOCAL.to_owned(), text.to_owned())]),
            ..Self::default()
        })
    }

    /// The text of a topic's policies.
    pub fn local_text(&self) -> &str {
        self.texts.get(LOCAL).map_or("", String::as_str)
    }

    /// As [`Policies::read`], of texts that were good when they were decided. Should they not be any more, everything is
    /// forbidden but what an operator needs to mend them.
    pub(crate) fn reread(texts: &BTreeMap<String, String>) -> Self {
        Self::read(texts).unwrap_or_else(|_| {
            let mut closed = Self { texts: texts.clone(), judges_events: true, ..Self::default() };
            let policy = Policy::parse(Some(PolicyId::new("chancery.unreadable")), UNREADABLE);
            let added = policy.is_ok_and(|policy| closed.set.add(policy).is_ok());
            debug_assert!(added, "a test reads it");
            closed
        })
    }

    /// The files' texts, by name.
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// Whether there is none beside the bus's own rules.
    pub fn is_empty(&self) -> bool {
        self.set.num_of_policies() == 1
    }

    /// Whether any speaks of publishing or consuming; else nobody needs to ask.
    pub fn judge_events(&self) -> bool {
        self.judges_events
    }

    /// Whether any may forbid this action, by its head; else nobody needs to ask.
    pub(super) fn may_forbid(&self, action: &str) -> bool {
        let named = |one: &str| one == action || one == group(action);
        let speaks = |policy: &Policy| is_about_all(policy) || is_about(policy, named);
        self.set.policies().any(|policy| policy.effect() == Effect::Forbid && speaks(policy))
    }

    /// The policies, by name.
    pub fn shown(&self) -> Vec<Shown> {
        self.files.keys().filter_map(|policy| self.one(policy)).collect()
    }

    /// One of them.
    pub fn one(&self, policy: &str) -> Option<Shown> {
        let found = self.set.policy(&PolicyId::new(policy))?;
        Some(Shown {
            policy: policy.to_owned(),
            file: self.files.get(policy)?.clone(),
            effect: match found.effect() {
                Effect::Permit => "permit",
                Effect::Forbid => "forbid",
            },
            reason: found.annotation(REASON).map(str::to_owned),
            remedy: found.annotation(REMEDY).map(str::to_owned),
            text: found.to_cedar().unwrap_or_default(),
        })
    }

    /// Adds the policies of one file.
    fn add(&mut self, file: &str, text: &str) -> Vec<PolicyFault> {
        let fault = |line, text: String| PolicyFault { file: file.to_owned(), line, text };
        if let Some((line, what)) = too_much(text) {
            return vec![fault(Some(line), what)];
        }
        let set = match PolicySet::from_str(text) {
            Ok(set) => set,
            Err(errors) => {
                let said = |error: &cedar_policy::ParseError| fault(line_of(text, error), error.to_string());
                return errors.iter().map(said).collect();
            }
        };
        let mut faults = Vec::new();
        if set.templates().next().is_some() {
            faults.push(fault(
                None,
                "templates (?principal, ?resource) are not taken: name whom you mean".to_owned(),
            ));
        }
        let mut policies: Vec<&Policy> = set.policies().collect();
        policies.sort_by_key(|policy| place(policy));
        for (index, policy) in policies.into_iter().enumerate() {
            let named = policy.annotation(ID).filter(|name| !name.is_empty()).map(str::to_owned);
            let stem = file.strip_suffix(".cedar").unwrap_or(file);
            let name = named.unwrap_or_else(|| format!("{stem}.{}", index + 1));
            if name.starts_with("chancery.") {
                faults.push(fault(
                    None,
                    format!("policy {name}: names that begin with \"chancery.\" are the bus's"),
                ));
            } else if let Some(other) = self.files.insert(name.clone(), file.to_owned()) {
                faults.push(fault(None, format!("policy {name}: there is one of that name in {other}")));
            } else if let Some(wrong) = wrong_effect(file, policy) {
                faults.push(fault(None, format!("policy {name}: {wrong}")));
            } else if let Err(error) = self.set.add(policy.new_id(PolicyId::new(&name))) {
                faults.push(fault(None, format!("policy {name}: {error}")));
            }
        }
        self.judges_events = MOVING.into_iter().any(|action| self.may_forbid(action));
        faults
    }

    fn not_by_the_schema(&self) -> Vec<PolicyFault> {
        let result = Validator::new(schema().clone()).validate(&self.set, ValidationMode::Strict);
        let said = |error: &cedar_policy::ValidationError| {
            let policy = error.policy_id().to_string();
            let file = self.files.get(&policy).cloned().unwrap_or_default();
            PolicyFault { file, line: None, text: format!("policy {policy}: {error}") }
        };
        result.validation_errors().map(said).collect()
    }
}

const UNREADABLE: &str = r#"forbid (principal, action, resource)
    unless { action == Action::"set-standards" || action == Action::"issue-token" };"#;

/// The bus's own rules as a policy, read once: each topic without policies of its own has them too.
fn with_rights() -> PolicySet {
    static READ: LazyLock<PolicySet> = LazyLock::new(|| {
        let text = format!("permit (principal, action, resource) unless {{ action == Action::{GRANT:?} }};");
        let policy = Policy::parse(Some(PolicyId::new(RIGHTS)), text);
        PolicySet::from_policies(policy).expect("one policy of one name")
    });
    READ.clone()
}

/// The action of the schema that an action is in.
fn group(action: &str) -> &'static str {
    if MOVING.contains(&action) { "moving" } else { "governing" }
}

/// Policies of a text are named `policy0`, `policy1`, … as they are read.
fn place(policy: &Policy) -> u64 {
    policy.id().to_string().strip_prefix("policy").and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

/// What is wrong with a policy's effect in such a file, if anything.
fn wrong_effect(file: &str, policy: &Policy) -> Option<String> {
    match (policy.effect(), file == LOCAL) {
        (Effect::Forbid, true) => Some("a topic permits; what is forbidden is for the standards".to_owned()),
        (Effect::Permit, false) => {
            Some("a permit opens nothing that the rules of the bus close; the standards forbid".to_owned())
        }
        (Effect::Permit, true) if !is_about(policy, |action| action == GRANT) => {
            Some(format!("what a topic can permit is action == Action::\"{GRANT}\""))
        }
        _ => None,
    }
}

/// Whether its head names such actions: any of them in a list.
fn is_about(policy: &Policy, such: impl Fn(&str) -> bool) -> bool {
    let is_such = |action: &EntityUid| such(action.id().unescaped());
    match policy.action_constraint() {
        ActionConstraint::Any => false,
        ActionConstraint::Eq(action) => is_such(&action),
        ActionConstraint::In(actions) => actions.iter().any(is_such),
    }
}

fn is_about_all(policy: &Policy) -> bool {
    matches!(policy.action_constraint(), ActionConstraint::Any)
}

fn line_of(text: &str, error: &dyn Diagnostic) -> Option<u64> {
    let offset = error.labels()?.next()?.offset();
    let before = text.as_bytes().iter().take(offset);
    Some(1 + before.filter(|byte| **byte == b'\n').count() as u64)
}
