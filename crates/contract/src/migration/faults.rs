//! What is wrong with a migration before any document is seen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::lens::divided;
use super::step::{Scalar, Step};
use crate::compile::{Contract, Fault};
use crate::limits::MIGRATION_STEPS;
use crate::places::Types;
use crate::pointer::Pointer;
use crate::{ContractVersion, Format, end_to_end, formats};

/// Everything that is wrong with the migration of `new`, which leads from `old` to it.
pub(super) fn faults(old: &Contract, new: &Contract) -> Vec<Fault> {
    let (before, after) = (old.definition(), new.definition());
    let steps = after.migration.as_deref().unwrap_or_default();
    for side in [before, after] {
        if side.format != Format::JsonSchema {
            let problem = format!("only contracts in JSON Schema can have one, and {} is none", side.version);
            let remedy = "leave it out: those who read the topic are asked instead";
            return vec![Fault::new("migration", problem, remedy)];
        }
    }
    if steps.len() > MIGRATION_STEPS {
        let problem = format!("has {} steps, of {MIGRATION_STEPS} that one migration may", steps.len());
        return vec![Fault::new("migration", problem, "divide the change into two versions")];
    }
    let places = |it: &Contract| formats::declared(it.definition.format, &it.definition.schema);
    let (of_old, of_new) = (old, new);
    let (old, new) = ((before.version, places(old)), (after.version, places(new)));
    let mut check = Check { old: &old, new: &new, at: String::new(), found: Vec::new() };
    for (index, step) in steps.iter().enumerate() {
        check.at = format!("migration/{}", index + 1);
        check.step(step);
    }
    check.found.extend(end_to_end::migration_faults(of_old, of_new));
    check.found
}

type Side = (ContractVersion, BTreeMap<String, Types>);

struct Check<'p> {
    old: &'p Side,
    new: &'p Side,
    /// The step that is looked at.
    at: String,
    found: Vec<Fault>,
}

impl Check<'_> {
    fn fault(&mut self, problem: impl Into<String>, remedy: &str) {
        self.found.push(Fault::new(self.at.clone(), problem, remedy));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Renamed { from, to } => self.renamed(from, to),
            Step::Added { at, value } => self.alone(at, value.as_ref(), self.old, self.new),
            Step::Removed { at, value } => self.alone(at, value.as_ref(), self.new, self.old),
            Step::Mapped { at, values, .. } => {
                self.known_somewhere(at);
                if values.is_empty() {
                    self.fault("maps nothing", "list texts, `before: now`");
                } else if values.values().collect::<BTreeSet<_>>().len() < values.len() {
                    let remedy = "list one of them, and let the others stay or come back as it";
                    self.fault("two texts become one, so the way back is not certain", remedy);
                }
            }
            Step::Converted { at, old, new } => {
                self.known_somewhere(at);
                if (*old == Scalar::String) == (*new == Scalar::String) {
                    let problem = format!("{} and {} do not convert both ways", old.as_str(), new.as_str());
                    self.fault(problem, "one of the two is a string");
                }
            }
        }
    }

    fn renamed(&mut self, from: &Pointer, to: &Pointer) {
        self.known(from, self.old);
        self.known(to, self.new);
        if from == to {
            self.fault(format!("{from} stays where it is"), "leave the step out");
        } else if divided(from).0 != divided(to).0 {
            let remedy = "both pointers share all up to the last `*`";
            self.fault(format!("{from} and {to} are not in the same items"), remedy);
        } else if divided(from).1.is_empty() || divided(to).1.is_empty() {
            self.fault("`*` is no name", "end both pointers with a member's name");
        }
    }

    /// A field that only one of the two versions has.
    fn alone(&mut self, at: &Pointer, value: Option<&Value>, without: &Side, with: &Side) {
        if at.tokens().last().is_none_or(|name| name == "*") {
            return self.fault(format!("{at} names no member"), "end the pointer with a member's name");
        }
        self.known(at, with);
        if without.1.contains_key(&at.to_string()) {
            self.fault(format!("the schema of {} has {at} too", without.0), "leave the step out");
        }
        let types = with.1.get(&at.to_string()).map(|types| types.names()).unwrap_or_default();
        if let Some(value) = value
            && !types.is_empty()
            && !types.iter().any(|name| is_of(value, name))
        {
            let problem = format!("its value is none that {} takes at {at}", with.0);
            self.fault(problem, &format!("give a value of type {}", types.join(" or ")));
        }
    }

    fn known(&mut self, at: &Pointer, side: &Side) {
        if !side.1.contains_key(&at.to_string()) {
            self.fault(format!("the schema of {} has no place {at}", side.0), "correct the pointer");
        }
    }

    fn known_somewhere(&mut self, at: &Pointer) {
        let text = at.to_string();
        if !self.old.1.contains_key(&text) && !self.new.1.contains_key(&text) {
            let problem = format!("neither {} nor {} has a place {at}", self.old.0, self.new.0);
            self.fault(problem, "correct the pointer");
        }
    }
}

fn is_of(value: &Value, type_name: &str) -> bool {
    match value {
        Value::Null => type_name == "null",
        Value::Bool(_) => type_name == "boolean",
        Value::Number(number) => {
            type_name == "number" || (type_name == "integer" && (number.is_i64() || number.is_u64()))
        }
        Value::String(_) => type_name == "string",
        Value::Array(_) => type_name == "array",
        Value::Object(_) => type_name == "object",
    }
}
