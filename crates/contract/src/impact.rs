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
    effects.extend(end_to_end::effects(before, after));
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
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::{ContractVersion, FieldRule, Format, KeyRule, TopicName, compile};

    fn definition(schema: Value, classify: &[(&str, &str)]) -> Definition {
        let rule =
            |(at, class): &(&str, &str)| (Pointer::parse(at).unwrap(), FieldRule::from(Class::from(*class)));
        Definition {
            topic: TopicName::parse("civil.birth.registered").unwrap(),
            version: ContractVersion(1),
            format: Format::JsonSchema,
            schema: schema.to_string(),
            compatibility: "BACKWARD".to_owned(),
            subject: Vec::new(),
            classify: classify.iter().map(rule).collect(),
            key: KeyRule::None,
            extensions: BTreeMap::new(),
            identity: None,
            identity_window_s: None,
            end_to_end: BTreeSet::new(),
            migration: None,
        }
    }

    fn object(properties: Value) -> Value {
        json!({"type": "object", "properties": properties, "additionalProperties": false})
    }

    fn told(old: &Definition, new: &Definition) -> Vec<(String, Weight)> {
        let effects = impact(&compile(old).unwrap(), &compile(new).unwrap());
        effects.into_iter().map(|effect| (effect.what, effect.weight)).collect()
    }

    fn said(old: &Definition, new: &Definition) -> Vec<(String, &'static str)> {
        told(old, new).into_iter().map(|(what, weight)| (what, weight.as_str())).collect()
    }

    fn pairs(expected: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        expected.iter().map(|(what, weight)| ((*what).to_owned(), *weight)).collect()
    }

    #[test]
    fn a_rule_for_a_place_that_the_schema_does_not_list_is_compared_too() {
        let text = || json!({"type": "string"});
        let map = object(json!({"contacts": {"type": "object", "additionalProperties": text()}}));
        let same = object(json!({"name": text(), "child": {"$ref": "#"}}));
        let classes = ["/name", "/child/name", "/child/child"].map(|at| (at, "internal"));
        let opened = [("/name", "internal"), ("/child/name", "public"), ("/child/child", "internal")];
        for (schema, before, after, what) in [
            (
                map,
                &[("/contacts/*", "internal")][..],
                &[("/contacts/*", "internal"), ("/contacts/phone", "public")][..],
                "/contacts/phone was internal, is public",
            ),
            (same, &classes[..], &opened[..], "/child/name was internal, is public"),
        ] {
            let (old, new) = (definition(schema.clone(), before), definition(schema, after));
            assert_eq!(said(&old, &new), pairs(&[(what, "less-protective")]));
        }
    }

    #[test]
    fn a_form_that_shows_more_or_other_things_is_less_protective_and_one_that_shows_less_is_breaking() {
        let form = |redact: &str, class: &str| {
            let mut definition = definition(object(json!({"a": {"type": "string"}})), &[("/a", class)]);
            definition.classify.values_mut().for_each(|rule| rule.redact = redact.parse().unwrap());
            definition
        };
        for (before, after, weight) in [
            ("absent", "null", "less-protective"),
            ("null", "last 4", "less-protective"),
            ("last 4", "first 4", "less-protective"),
            ("year", "month", "less-protective"),
            ("month", "year", "breaking"),
            ("last 4", "absent", "breaking"),
        ] {
            let effects = impact(
                &compile(&form(before, "internal")).unwrap(),
                &compile(&form(after, "internal")).unwrap(),
            );
            let [effect] = &effects[..] else { panic!("{effects:?}") };
            assert_eq!(effect.weight.as_str(), weight, "{before} to {after}");
            assert_eq!(effect.touches(&ClassSet::default()), Touch::Everybody);
        }
        assert_eq!(
            said(&form("last 4", "internal"), &form("absent", "public")),
            pairs(&[("/a was internal, is public", "less-protective")])
        );
        assert_eq!(
            said(&form("absent", "internal"), &form("last 4", "internal")),
            pairs(&[("/a was absent to who is not cleared, is shown as last 4", "less-protective")])
        );
    }

    #[test]
    fn each_field_that_comes_goes_or_changes_is_told_with_what_it_means() {
        let old = definition(
            object(
                json!({"a": {"type": "string"}, "b": {"type": "integer"}, "n": {"type": ["string", "null"]},
                "list": {"type": "array", "items": {"type": "string"}}, "gone": {"type": "array", "items": {"type": "string"}}}),
            ),
            &[("/a", "public"), ("/b", "public"), ("/n", "public"), ("/list", "public"), ("/gone", "public")],
        );
        let new = definition(
            object(
                json!({"a": {"type": ["string", "null"]}, "c": {"type": "number"}, "n": {"type": "string"},
                "list": {"type": "array", "items": {"type": "boolean"}}}),
            ),
            &[("/a", "internal"), ("/c", "public"), ("/n", "public"), ("/list", "public")],
        );
        let expected = [
            ("/a was string, is null or string", "breaking"),
            ("/a was public, is internal", "breaking"),
            ("/b is gone", "breaking"),
            ("/c is new: number, public", "compatible"),
            ("/gone is gone", "breaking"),
            ("/list/* was string, is boolean", "breaking"),
            ("/n was null or string, is string", "compatible"),
        ];
        assert_eq!(said(&old, &new), pairs(&expected));
        assert_eq!(said(&old, &old), []);
    }

    #[test]
    fn what_hands_something_to_somebody_who_did_not_have_it_is_less_protective() {
        let person = |classes: [&str; 2], subject: &str, of: Option<&str>| {
            let text = json!({"type": "string"});
            let mut definition = definition(
                object(json!({"id": text, "other": text, "name": text, "note": text})),
                &[("/id", "personal"), ("/other", "personal"), ("/name", classes[0]), ("/note", classes[1])],
            );
            definition.subject = vec![Pointer::parse("/id").unwrap(), Pointer::parse(subject).unwrap()];
            definition.subject.dedup();
            let name = definition.classify.get_mut(&Pointer::parse("/name").unwrap()).unwrap();
            name.of = of.map(|of| Pointer::parse(of).unwrap());
            definition
        };
        let old = person(["personal", "internal"], "/other", Some("/id"));
        let cases = [
            (
                person(["public", "internal"], "/other", Some("/id")),
                "/name was personal, is public",
                "less-protective",
            ),
            (
                person(["special", "internal"], "/other", Some("/id")),
                "/name was personal, is special",
                "breaking",
            ),
            (
                person(["personal", "personal"], "/other", Some("/id")),
                "/note was internal, is personal",
                "breaking",
            ),
            (
                person(["personal", "public"], "/other", Some("/id")),
                "/note was internal, is public",
                "less-protective",
            ),
            (
                person(["personal", "internal"], "/other", Some("/other")),
                "/name belonged to the person at /id, belongs to the person at /other",
                "less-protective",
            ),
        ];
        for (new, what, weight) in cases {
            assert_eq!(said(&old, &new)[0], (what.to_owned(), weight));
        }
        let fewer = person(["personal", "internal"], "/id", Some("/id"));
        assert!(
            said(&old, &fewer).contains(&("subject was /id, /other, is /id".to_owned(), "less-protective"))
        );
        assert!(said(&fewer, &old).contains(&("subject was /id, is /id, /other".to_owned(), "compatible")));
    }

    #[test]
    fn a_reader_hears_what_a_change_is_to_them() {
        let effect = |before: Option<Class>, after: Option<Class>| Effect {
            what: String::new(),
            weight: Weight::Breaking,
            before,
            after,
        };
        let cleared: ClassSet = [Class::Personal].into_iter().collect();
        let (public, personal, special) = (Some(Class::Public), Some(Class::Personal), Some(Class::Special));
        for (before, after, with, without) in [
            (public.clone(), None, Touch::Loses, Touch::Loses),
            (personal.clone(), None, Touch::Loses, Touch::Nothing),
            (personal.clone(), public.clone(), Touch::Reads, Touch::Gains),
            (public, personal.clone(), Touch::Reads, Touch::Loses),
            (personal, special.clone(), Touch::Loses, Touch::Nothing),
            (None, special, Touch::Nothing, Touch::Nothing),
            (None, None, Touch::Everybody, Touch::Everybody),
        ] {
            let effect = effect(before, after);
            assert_eq!(
                (effect.touches(&cleared), effect.touches(&ClassSet::default())),
                (with, without),
                "{effect:?}"
            );
        }
    }

    #[test]
    fn parts_that_promise_less_break_and_bounds_are_told_without_weight() {
        let old = definition(json!({"type": "string"}), &[("", "public")]);
        let bound =
            Definition { schema: json!({"type": "string", "maxLength": 3}).to_string(), ..old.clone() };
        let what = "the schema says other things of the same fields (bounds, patterns, descriptions)";
        assert_eq!(said(&old, &bound), pairs(&[(what, "compatible")]));
        let mode = |mode: &str| Definition { compatibility: mode.to_owned(), ..old.clone() };
        for (from, to, weight) in [
            ("BACKWARD", "FULL", "compatible"),
            ("BACKWARD", "BACKWARD_TRANSITIVE", "compatible"),
            ("BACKWARD_TRANSITIVE", "FULL", "breaking"),
            ("FULL", "FORWARD", "breaking"),
            ("NONE", "FORWARD", "compatible"),
            ("BACKWARD", "NONE", "breaking"),
        ] {
            let what = format!("compatibility was {from}, is {to}");
            assert_eq!(said(&mode(from), &mode(to)), [(what, weight)]);
        }
        let window = |seconds| Definition { identity_window_s: seconds, ..old.clone() };
        assert_eq!(weight_of(&window(Some(60)), &window(Some(30))), Weight::Breaking);
        assert_eq!(weight_of(&window(None), &window(Some(30))), Weight::Breaking);
        assert_eq!(weight_of(&window(Some(30)), &window(Some(60))), Weight::Compatible);
        let with = |class: &str| Definition {
            extensions: BTreeMap::from([("office".to_owned(), class.into())]),
            ..old.clone()
        };
        assert_eq!(said(&old, &with("public")), pairs(&[("attribute office is new: public", "compatible")]));
        assert_eq!(said(&with("public"), &old), pairs(&[("attribute office is gone", "breaking")]));
        assert_eq!(weight_of(&with("internal"), &with("public")), Weight::LessProtective);
    }

    fn weight_of(old: &Definition, new: &Definition) -> Weight {
        told(old, new).into_iter().map(|(_, weight)| weight).max().unwrap_or_default()
    }
}
