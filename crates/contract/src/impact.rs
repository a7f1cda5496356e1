//! What a new version of a contract means for those who read the topic.
//!
//! What is different, for whom that matters and how much. A change weighs more if a reader loses something or meets what
//! it never met (breaking), and most if somebody may be handed what was kept from them before, or if a field belongs to
//! other people (less protective).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::class::{Class, ClassSet};
use crate::compile::Contract;
use crate::definition::Definition;
use crate::end_to_end;
use crate::formats;
use crate::places::Types;
use crate::pointer::Pointer;
use crate::redaction::Redaction;
use crate::schemas::Compatibility;

/// How much a change matters, the least first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Whoever reads the topic goes on as before.
    #[default]
    Compatible,
    /// Somebody who reads the topic must change something first.
    Breaking,
    /// What was kept from somebody may be handed to them.
    LessProtective,
}

impl Weight {
    /// Its name in answers and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Weight::Compatible => "compatible",
            Weight::Breaking => "breaking",
            Weight::LessProtective => "less-protective",
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that a new version changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// In words: `/child/name is gone`.
    pub what: String,
    /// How much it matters.
    pub weight: Weight,
    /// The field's class before; nothing where it is new, or where no field is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Class>,
    /// The field's class from now on; nothing where it is gone, or where no field is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Class>,
}

/// What an effect is to one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// About no field in particular: everybody is concerned.
    Everybody,
    /// The reader was handed the field and will be.
    Reads,
    /// The reader was handed the field and will not be.
    Loses,
    /// The reader will be handed the field and was not.
    Gains,
    /// The reader is handed the field neither before nor after.
    Nothing,
}

impl Touch {
    /// The same to the reader, in words; nothing where it does not concern them.
    pub fn told(self) -> Option<&'static str> {
        match self {
            Touch::Everybody => Some("concerns every reader"),
            Touch::Reads => Some("you read this field"),
            Touch::Loses => Some("you read this field, and will not be handed it any more"),
            Touch::Gains => Some("you will be handed this field"),
            Touch::Nothing => None,
        }
    }
}

impl Effect {
    /// An effect that is about no field in particular.
    pub fn on_all(weight: Weight, what: impl Into<String>) -> Self {
        Self { what: what.into(), weight, before: None, after: None }
    }

    /// What it is to a reader who is cleared for `cleared`.
    pub fn touches(&self, cleared: &ClassSet) -> Touch {
        let sees = |class: &Option<Class>| class.as_ref().is_some_and(|class| cleared.clears(class));
        match (&self.before, &self.after, sees(&self.before), sees(&self.after)) {
            (None, None, ..) => Touch::Everybody,
            (_, _, true, true) => Touch::Reads,
            (_, _, true, false) => Touch::Loses,
            (_, _, false, true) => Touch::Gains,
            (_, _, false, false) => Touch::Nothing,
        }
    }
}

/// The heaviest weight of several effects.
pub fn weight(effects: &[Effect]) -> Weight {
    effects.iter().map(|effect| effect.weight).max().unwrap_or_default()
}

/// What `new` means for those who read by `old`. Whether the schemas go on as the topic's mode asks is another question
/// ([`crate::schemas::compatibility`]).
pub fn impact(old: &Contract, new: &Contract) -> Vec<Effect> {
    let mut effects = fields(old, new);
    let (before, after) = (old.definition(), new.definition());
    effects.extend(extensions(before, after));
    effects.extend(parts(before, after));
    effects.extend(end_to_end::effects(old, new));
    if effects.is_empty() && formats::meaning(before) != formats::meaning(after) {
        let what = "the schema says other things of the same fields (bounds, patterns, descriptions)";
        effects.push(Effect::on_all(Weight::Compatible, what));
    }
    effects
}

/// The effects on each place that has a class, in the order of their pointers.
fn fields(old: &Contract, new: &Contract) -> Vec<Effect> {
    let declared = |it: &Contract| formats::declared(it.definition.format, &it.definition.schema);
    let (before, after) = (declared(old), declared(new));
    // A rule may name a place that the schema does not list: in what comes round to itself, or among other members.
    let ruled = |it: &Contract| {
        let named = it.definition.classify.keys().filter(|place| **place != Pointer::root());
        named.map(ToString::to_string).collect::<Vec<_>>()
    };
    let rules = [ruled(old), ruled(new)].concat();
    let places: BTreeSet<&String> = before.keys().chain(after.keys()).chain(&rules).collect();
    let mut effects = Vec::new();
    // What comes or goes as a whole, with all that is below it in one class, is told once.
    type Seen = Option<(Class, Redaction)>;
    let mut told: Option<(&str, Seen, Seen)> = None;
    for place in places {
        let unlisted = (!before.contains_key(place) && !after.contains_key(place)).then_some(&Types::NONE);
        let known =
            |contract, types: Option<&Types>| types.and_then(|types| Known::of(contract, place, *types));
        let was = known(old, before.get(place).or(unlisted));
        let is = known(new, after.get(place).or(unlisted));
        let class = |known: &Option<Known>| known.as_ref().map(|known| (known.class.clone(), known.form));
        let classes = (class(&was), class(&is));
        let below = |above: &str| place.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        if told.as_ref().is_some_and(|(above, was, is)| below(above) && (was, is) == (&classes.0, &classes.1))
        {
            continue;
        }
        if was.is_some() != is.is_some() {
            told = Some((place, classes.0, classes.1));
        }
        compare(place, was, is, &mut effects);
    }
    effects
}

/// What a contract says of a place that has a class.
struct Known {
    types: Types,
    class: Class,
    /// The pointer to the person it belongs to.
    of: Option<String>,
    /// What is shown of it to who is not cleared.
    form: Redaction,
}

impl Known {
    fn of(contract: &Contract, place: &str, types: Types) -> Option<Known> {
        let pointer = Pointer::parse(place).ok()?;
        let field = contract.plan.field_at(pointer.tokens())?;
        let class = contract.classes[field.class as usize].clone();
        let of = field.owner.map(|owner| contract.plan.subjects[owner as usize].pointer.clone());
        Some(Known { types, class, of, form: field.form })
    }
}

fn compare(place: &str, old: Option<Known>, new: Option<Known>, effects: &mut Vec<Effect>) {
    let classes = (old.as_ref().map(|it| it.class.clone()), new.as_ref().map(|it| it.class.clone()));
    let mut effect = |weight, what: String| {
        let (before, after) = classes.clone();
        effects.push(Effect { what, weight, before, after });
    };
    let place = if place.is_empty() { "the document" } else { place };
    match (old, new) {
        (None, None) => {}
        (None, Some(new)) => {
            let shown = match new.form {
                Redaction::Absent => String::new(),
                form => format!(", shown as {form} to who is not cleared"),
            };
            let what = format!("{place} is new: {}, {}{shown}", new.types, new.class);
            match new.form {
                Redaction::Absent => effect(Weight::Compatible, what),
                _ => effects.push(Effect::on_all(Weight::Compatible, what)),
            }
        }
        (Some(old), None) if old.form != Redaction::Absent => {
            let what = format!("{place} is gone, also {} to who is not cleared", shown(old.form));
            effects.push(Effect::on_all(Weight::Breaking, what));
        }
        (Some(_), None) => effect(Weight::Breaking, format!("{place} is gone")),
        (Some(old), Some(new)) => {
            if old.types != new.types {
                let narrower = new.types.is_within(old.types);
                let weight = if narrower { Weight::Compatible } else { Weight::Breaking };
                effect(weight, format!("{place} was {}, is {}", old.types, new.types));
            }
            if old.class != new.class {
                effect(
                    of_classes(&old.class, &new.class),
                    format!("{place} was {}, is {}", old.class, new.class),
                );
            } else if old.of != new.of {
                let whose = |of: &Option<String>| {
                    of.as_ref().map_or_else(|| "nobody".to_owned(), |of| format!("the person at {of}"))
                };
                let what = format!("{place} belonged to {}, belongs to {}", whose(&old.of), whose(&new.of));
                effect(Weight::LessProtective, what);
            }
            if let Some(weight) = of_forms(&old, &new) {
                // Who is not cleared is concerned, so no clearance says whom.
                let what =
                    format!("{place} was {} to who is not cleared, is {}", shown(old.form), shown(new.form));
                effects.push(Effect::on_all(weight, what));
            }
        }
    }
}

/// A field of a stricter class is lost to those who are not cleared for it; any other change hands it to somebody who
/// did not have it, as clearances are sets and no ladder.
fn of_classes(old: &Class, new: &Class) -> Weight {
    let rank = |class: &Class| match class {
        Class::Public => 0,
        Class::Internal => 1,
        Class::Personal | Class::Named(_) => 2,
        Class::Special => 3,
    };
    if rank(new) > rank(old) { Weight::Breaking } else { Weight::LessProtective }
}

fn shown(form: Redaction) -> String {
    match form {
        Redaction::Absent => "absent".to_owned(),
        form => format!("shown as {form}"),
    }
}

/// What is shown in place of a field is lost, or something is shown that was not. Where the class is public nothing is
/// redacted: that the class changed says all.
fn of_forms(old: &Known, new: &Known) -> Option<Weight> {
    if old.form == new.form || !old.class.is_sealed() || !new.class.is_sealed() {
        return None;
    }
    let is_less = new.form.shows_within(old.form);
    Some(if is_less { Weight::Breaking } else { Weight::LessProtective })
}

fn extensions(old: &Definition, new: &Definition) -> Vec<Effect> {
    let names: BTreeSet<&String> = old.extensions.keys().chain(new.extensions.keys()).collect();
    let effect = |name: &String| {
        let (before, after) = (old.extensions.get(name), new.extensions.get(name));
        let (weight, what) = match (before, after) {
            (Some(before), Some(after)) if before == after => return None,
            (Some(before), Some(after)) => {
                (of_classes(before, after), format!("attribute {name} was {before}, is {after}"))
            }
            (Some(_), None) => (Weight::Breaking, format!("attribute {name} is gone")),
            (None, after) => {
                let class = after.map_or_else(String::new, |class| format!(": {class}"));
                (Weight::Compatible, format!("attribute {name} is new{class}"))
            }
        };
        Some(Effect { what, weight, before: before.cloned(), after: after.cloned() })
    };
    names.into_iter().filter_map(effect).collect()
}

/// The effects of the plain parts of a definition.
fn parts(old: &Definition, new: &Definition) -> Vec<Effect> {
    let said = texts(old).into_iter().zip(texts(new));
    let effect = |((part, was), (_, is)): ((&'static str, String), (_, String))| {
        let weight = match part {
            _ if was == is => return None,
            // The one is what a version is; the other was told name by name.
            "topic" | "version" | "extensions" => return None,
            "subject" if old.subject.iter().all(|one| new.subject.contains(one)) => Weight::Compatible,
            "subject" => Weight::LessProtective,
            "compatibility" if keeps(&old.compatibility, &new.compatibility) => Weight::Compatible,
            "identity_window_s" if window(new) >= window(old) => Weight::Compatible,
            _ => Weight::Breaking,
        };
        Some(Effect::on_all(weight, format!("{part} was {was}, is {is}")))
    };
    said.filter_map(effect).collect()
}

/// Whether the new mode promises whatever the old one did.
fn keeps(old: &str, new: &str) -> bool {
    match (old.parse::<Compatibility>(), new.parse::<Compatibility>()) {
        (Ok(old), Ok(new)) => {
            (new.is_backward() || !old.is_backward())
                && (new.is_forward() || !old.is_forward())
                && (new.is_transitive() || !old.is_transitive())
        }
        (old, _) => old.is_err(),
    }
}

/// Where nothing is said the topic's retention counts, which a definition does not know: the longest.
fn window(definition: &Definition) -> u64 {
    definition.identity_window_s.unwrap_or(u64::MAX)
}

/// The plain parts as texts, always the same in the same order.
fn texts(definition: &Definition) -> [(&'static str, String); 9] {
    let list = |pointers: &[Pointer]| pointers.iter().map(Pointer::to_string).collect::<Vec<_>>().join(", ");
    let none = || "none".to_owned();
    let subject = if definition.subject.is_empty() { none() } else { list(&definition.subject) };
    let extensions = definition.extensions.iter().map(|(name, class)| format!("{name}: {class}"));
    let extensions = extensions.collect::<Vec<_>>().join(", ");
    [
        ("topic", definition.topic.to_string()),
        ("version", definition.version.to_string()),
        ("format", format!("{:?}", definition.format)),
        ("compatibility", definition.compatibility.clone()),
        ("subject", subject),
        ("key", String::from(definition.key.clone())),
        ("extensions", if extensions.is_empty() { none() } else { extensions }),
        ("identity", definition.identity.as_ref().map_or_else(none, Pointer::to_string)),
        (
            "identity_window_s",
            definition
                .identity_window_s
                .map_or_else(|| "the topic's retention".to_owned(), |seconds| seconds.to_string()),
        ),
    ]
}

#[cfg(test)]
mod tests;
