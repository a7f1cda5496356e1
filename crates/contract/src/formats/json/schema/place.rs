//! A place: everything that a schema says about one pointer of its documents.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::texts::{self, Texts};
use super::{Ids, Site, types};
use crate::places::{Places, Step, Types};

/// One schema that has a say at a place.
#[derive(Debug, Clone, Copy)]
struct Say<'s> {
    site: Site<'s>,
    /// Whether it applies to every value at the place, or only on a condition (a branch of `anyOf`, `then` …).
    always: bool,
}

/// Everything that a schema says about one pointer of its documents.
#[derive(Debug, Clone)]
pub(crate) struct Place<'s> {
    /// The schemas before their `$ref`s and combinators are opened.
    says: Vec<Say<'s>>,
    /// The same with everything in them that applies to the same value.
    open: Vec<Say<'s>>,
}

static ANYTHING: Value = Value::Bool(true);

impl<'s> Places for Ids<'s> {
    type Place = Place<'s>;

    fn root(&self) -> Place<'s> {
        Place::root(self)
    }

    fn types(&self, place: &Place<'s>) -> Types {
        place.types(self)
    }

    fn names(&self, place: &Place<'s>) -> Vec<String> {
        place.names(self)
    }

    fn requires(&self, place: &Place<'s>, name: &str) -> bool {
        self.demands(place, name) && place.member(name, self).is_some_and(|it| !it.types(self).has_null())
    }

    fn prefix(&self, place: &Place<'s>) -> usize {
        place.prefix()
    }

    fn step(&self, place: &Place<'s>, step: &Step) -> Option<Place<'s>> {
        let types = place.types(self);
        match step {
            Step::Member(name) if types.has_object() => place.member(name, self),
            Step::OtherMembers if types.has_object() => place.other_members(self),
            Step::Element(index) if types.has_array() => place.element(*index, self),
            Step::OtherElements if types.has_array() => place.other_elements(self),
            _ => None,
        }
    }

    fn key(&self, place: &Place<'s>) -> BTreeSet<usize> {
        place.key()
    }

    fn is_anything(&self, place: &Place<'s>) -> bool {
        place.is_anything()
    }

    fn is_fixed(&self, place: &Place<'s>) -> bool {
        const NOBODYS: [&str; 7] = ["date", "date-time", "time", "duration", "uuid", "ipv4", "ipv6"];
        let types = place.types(self);
        let is_fixed = |say: &Say<'_>| {
            let format = say.site.schema.get("format").and_then(Value::as_str);
            let is_text = !types.has_number() && types.is_leaf();
            let is_listed = ["enum", "const"].iter().any(|keyword| say.site.schema.get(keyword).is_some());
            is_listed || (is_text && format.is_some_and(|format| NOBODYS.contains(&format)))
        };
        place.open.iter().any(|say| say.always && is_fixed(say))
    }

    fn forbids_sealed(&self, place: &Place<'s>) -> Option<&'static str> {
        // What holds on a condition only, too: events that meet it could not be sealed. `contentMediaType` checks nothing.
        const ABOUT_THE_TEXT: [&str; 6] =
            ["enum", "const", "format", "pattern", "maxLength", "contentEncoding"];
        let says = |keyword: &&str| place.open.iter().any(|say| say.site.schema.get(*keyword).is_some());
        ABOUT_THE_TEXT.into_iter().find(says)
    }
}

impl<'s> Ids<'s> {
    /// Whether every document that has this place has its member `name`, be it as `null`.
    pub(crate) fn demands(&self, place: &Place<'s>, name: &str) -> bool {
        let always = |say: &Say<'s>| say.site.schema.get("required").filter(|_| say.always);
        let named = |list: &Value| list.as_array().is_some_and(|names| names.iter().any(|one| one == name));
        place.open.iter().filter_map(always).any(named)
    }

    /// The texts that can stand there, where they are listed.
    pub(crate) fn texts(&self, place: &Place<'s>) -> Texts {
        let listed = |say: &Say<'s>| texts::listed(say.site, self);
        let mut always = place.says.iter().filter(|say| say.always).map(listed).peekable();
        match always.peek() {
            Some(_) => always.fold(None, texts::both),
            None => texts::any(place.says.iter().map(listed)),
        }
    }

    /// Whether anything at all may stand where no name, or no place of its own, is declared for it.
    pub(crate) fn is_open(&self, place: &Place<'s>, rest: &Step) -> bool {
        self.step(place, rest).is_some_and(|rest| rest.is_anything())
    }
}

impl<'s> Place<'s> {
    /// The whole document.
    fn root(ids: &Ids<'s>) -> Place<'s> {
        Place::new(vec![Say { site: ids.root(), always: true }], ids)
    }

    fn new(says: Vec<Say<'s>>, ids: &Ids<'s>) -> Place<'s> {
        let mut open = Vec::new();
        let mut seen = HashSet::new();
        for say in &says {
            unfold(*say, ids, &mut seen, &mut open);
        }
        Place { says, open }
    }

    /// Tells places apart: equal for the same schemas, as when a recursive `$ref` comes round again.
    fn key(&self) -> BTreeSet<usize> {
        let says = self.open.iter().filter(|say| !is_only_a_reference(say.site.schema));
        says.map(|say| say.site.key()).collect()
    }

    /// Whether nothing at all is said, so that any value may stand here.
    fn is_anything(&self) -> bool {
        self.open.iter().all(|say| say.site.schema.as_object().is_none_or(Map::is_empty))
    }

    fn objects(&self) -> impl Iterator<Item = (Say<'s>, &'s Map<String, Value>)> + '_ {
        self.open.iter().filter_map(|say| say.site.schema.as_object().map(|schema| (*say, schema)))
    }

    /// The types that can stand here.
    fn types(&self, ids: &Ids<'s>) -> Types {
        let always: Vec<&Say<'_>> = self.says.iter().filter(|say| say.always).collect();
        if always.is_empty() {
            return self.says.iter().fold(Types::NONE, |all, say| all.or(types::admitted(say.site, ids)));
        }
        always.iter().fold(Types::ANY_JSON, |all, say| all.and(types::admitted(say.site, ids)))
    }

    /// The names that the schema declares for members here.
    fn names(&self, ids: &Ids<'s>) -> Vec<String> {
        let names: BTreeSet<&String> = self
            .objects()
            .filter_map(|(_, schema)| schema.get("properties")?.as_object())
            .flat_map(Map::keys)
            .collect();
        names.into_iter().filter(|name| self.member(name, ids).is_some()).cloned().collect()
    }

    /// How many elements have a schema of their own.
    fn prefix(&self) -> usize {
        let lengths =
            self.objects().filter_map(|(_, schema)| Some(schema.get("prefixItems")?.as_array()?.len()));
        lengths.max().unwrap_or(0)
    }

    /// The member `name`, where the schema admits it.
    fn member(&self, name: &str, ids: &Ids<'s>) -> Option<Place<'s>> {
        let mut says = Vec::new();
        for (say, schema) in self.objects() {
            let before = says.len();
            let declared = schema.get("properties").and_then(|properties| properties.get(name));
            let patterns = schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
            let matching = patterns.filter(|(pattern, _)| matches(pattern, name)).map(|(_, schema)| schema);
            says.extend(declared.into_iter().chain(matching).map(|inner| say.inner(inner, ids)));
            if says.len() == before {
                if let Some(rest) = schema.get("additionalProperties") {
                    if *rest == Value::Bool(false) && say.always {
                        return None;
                    }
                    says.push(say.inner(rest, ids));
                } else if let Some(rest) = schema.get("unevaluatedProperties") {
                    says.push(Say { always: false, ..say.inner(rest, ids) });
                }
            }
        }
        self.child(says, self.has_other_members(ids), ids)
    }

    /// The members that no name is declared for, where the schema admits any.
    fn other_members(&self, ids: &Ids<'s>) -> Option<Place<'s>> {
        let mut says = Vec::new();
        for (say, schema) in self.objects() {
            let patterns = schema.get("patternProperties").and_then(Value::as_object);
            let patterns: Vec<_> = patterns.into_iter().flat_map(Map::values).collect();
            let rest = schema.get("additionalProperties");
            if rest == Some(&Value::Bool(false)) && patterns.is_empty() && say.always {
                return None;
            }
            let only = patterns.is_empty() && rest.is_some();
            let rest = rest.or_else(|| schema.get("unevaluatedProperties"));
            says.extend(patterns.into_iter().chain(rest).map(|inner| {
                let inner = say.inner(inner, ids);
                Say { always: inner.always && only, ..inner }
            }));
        }
        self.child(says, self.has_other_members(ids), ids)
    }

    /// The element at `index`, where it has a schema of its own.
    fn element(&self, index: usize, ids: &Ids<'s>) -> Option<Place<'s>> {
        if index >= self.prefix() {
            return None;
        }
        self.elements_from(Some(index), ids)
    }

    /// The elements behind those with schemas of their own.
    fn other_elements(&self, ids: &Ids<'s>) -> Option<Place<'s>> {
        self.elements_from(None, ids)
    }

    fn elements_from(&self, index: Option<usize>, ids: &Ids<'s>) -> Option<Place<'s>> {
        let mut says = Vec::new();
        for (say, schema) in self.objects() {
            let own = schema.get("prefixItems").and_then(Value::as_array);
            if let Some(own) = index.and_then(|index| own?.get(index)) {
                says.push(say.inner(own, ids));
                continue;
            }
            if let Some(rest) = schema.get("items") {
                if *rest == Value::Bool(false) && say.always {
                    return None;
                }
                says.push(say.inner(rest, ids));
            } else if let Some(rest) = schema.get("unevaluatedItems") {
                says.push(Say { always: false, ..say.inner(rest, ids) });
            }
            if let Some(contained) = schema.get("contains") {
                says.push(Say { always: false, ..say.inner(contained, ids) });
            }
        }
        let bounded = index.is_some() || self.all_elements_said(ids);
        self.child(says, !bounded, ids)
    }

    /// A place inside this one. `anything` adds what no schema speaks about.
    fn child(&self, mut says: Vec<Say<'s>>, anything: bool, ids: &Ids<'s>) -> Option<Place<'s>> {
        says.retain(|say| *say.site.schema != Value::Bool(false));
        if says.is_empty() && anything {
            says.push(Say { site: Site { schema: &ANYTHING, base: 0 }, always: true });
        } else if anything && says.iter().all(|say| !say.always) {
            says.push(Say { site: Site { schema: &ANYTHING, base: 0 }, always: false });
        }
        (!says.is_empty()).then(|| Place::new(says, ids))
    }

    /// Whether members may stand here that no schema speaks about.
    fn has_other_members(&self, ids: &Ids<'s>) -> bool {
        !self.said(ids, &["additionalProperties", "unevaluatedProperties"], Types::has_object)
    }

    fn all_elements_said(&self, ids: &Ids<'s>) -> bool {
        self.said(ids, &["items", "unevaluatedItems"], Types::has_array)
    }

    fn said(&self, ids: &Ids<'s>, keywords: &[&str], concerns: fn(Types) -> bool) -> bool {
        let said = |say: &Say<'s>| says_all(say.site, ids, keywords, concerns, &mut Vec::new());
        let mut conditional = self.says.iter().filter(|say| !say.always).peekable();
        self.says.iter().filter(|say| say.always).any(said)
            || (self.says.iter().all(|say| !say.always)
                && conditional.peek().is_some()
                && conditional.all(said))
    }
}

impl<'s> Say<'s> {
    fn inner(&self, schema: &'s Value, ids: &Ids<'s>) -> Say<'s> {
        Say { site: ids.site(schema, self.site), always: self.always }
    }
}

/// Whether a schema says nothing itself but where to look.
fn is_only_a_reference(schema: &Value) -> bool {
    const SILENT: [&str; 7] = ["$ref", "$defs", "$id", "$schema", "$comment", "title", "description"];
    schema.get("$ref").is_some()
        && schema
            .as_object()
            .is_some_and(|schema| schema.keys().all(|keyword| SILENT.contains(&keyword.as_str())))
}

/// Adds `say` and everything inside it that applies to the same value.
fn unfold<'s>(say: Say<'s>, ids: &Ids<'s>, seen: &mut HashSet<usize>, open: &mut Vec<Say<'s>>) {
    if !seen.insert(say.site.key()) {
        return;
    }
    open.push(say);
    let Some(schema) = say.site.schema.as_object() else { return };
    if let Some(Ok(target)) = ids.follow(say.site) {
        unfold(Say { site: target, ..say }, ids, seen, open);
    }
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array).into_iter().flatten();
    for part in list("allOf") {
        unfold(say.inner(part, ids), ids, seen, open);
    }
    let branches = ["if", "then", "else"].into_iter().filter_map(|keyword| schema.get(keyword));
    let dependent =
        schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values);
    for part in list("anyOf").chain(list("oneOf")).chain(branches).chain(dependent) {
        unfold(Say { always: false, ..say.inner(part, ids) }, ids, seen, open);
    }
}

/// Whether the schema itself speaks about every member (or element), in each of its branches.
fn says_all<'s>(
    site: Site<'s>,
    ids: &Ids<'s>,
    keywords: &[&str],
    concerns: fn(Types) -> bool,
    seen: &mut Vec<usize>,
) -> bool {
    let Some(schema) = site.schema.as_object() else { return site.schema == &Value::Bool(false) };
    if keywords.iter().any(|keyword| schema.contains_key(*keyword)) {
        return true;
    }
    if seen.contains(&site.key()) {
        return false;
    }
    seen.push(site.key());
    let mut says = |part: &'s Value| {
        let part = ids.site(part, site);
        !concerns(types::admitted(part, ids)) || says_all(part, ids, keywords, concerns, seen)
    };
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
    let mut said = list("allOf").is_some_and(|parts| parts.iter().any(&mut says));
    for branches in ["anyOf", "oneOf"].into_iter().filter_map(list) {
        said = said || branches.iter().all(&mut says);
    }
    if let (Some(then), Some(otherwise), true) =
        (schema.get("then"), schema.get("else"), schema.contains_key("if"))
    {
        said = said || (says(then) && says(otherwise));
    }
    if let Some(Ok(target)) = ids.follow(site) {
        said = said || says_all(target, ids, keywords, concerns, seen);
    }
    seen.pop();
    said
}

/// Whether a member's name matches a `patternProperties` pattern, decided by the validator itself.
fn matches(pattern: &str, name: &str) -> bool {
    let schema = serde_json::json!({ "pattern": pattern });
    jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .offline()
        .build(&schema)
        .is_ok_and(|validator| validator.is_valid(&Value::String(name.to_owned())))
}
