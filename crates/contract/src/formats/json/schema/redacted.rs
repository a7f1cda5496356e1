//! The schema of what a consumer is handed who is not cleared for every class.
//!
//! Soundness: `of(schema, places)` admits the redaction of every value that `schema` admits at one of `places`.
//! Keywords for which that cannot be said of the redacted value are left out, so the result may be wider than the
//! original, never narrower. References are resolved into own definitions, one for each (schema, places) pair,
//! because one definition may serve places of different classes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Ids, Site};
use crate::plan::{Plan, PlanNode};
use crate::redaction::Redaction;

/// What happens to the values of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They stay as they are.
    Kept,
    /// They go.
    Gone,
    /// They are `null`, or a text stands in their place; they may be gone all the same.
    Shown(Redaction),
    /// Something inside them goes, or some of them do.
    Touched,
}

/// The places whose values one schema must admit; empty stands for places where everything is kept.
type Places = BTreeSet<u32>;

struct Redacting<'s, 'p> {
    ids: Ids<'s>,
    plan: &'p Plan,
    fates: Vec<Fate>,
    /// Whether a value that stands at the place itself goes.
    goes: Vec<bool>,
    defined: BTreeMap<(usize, Places), String>,
    definitions: Map<String, Value>,
}

/// The redacted form of the contract's schema; `cleared` says which classes are kept.
pub(crate) fn redacted(schema: &Value, plan: &Plan, cleared: &[bool]) -> Value {
    let mut fates = vec![Fate::Kept; plan.nodes.len()];
    // Children are added after their parents, so walking backwards meets them first.
    for at in (0..plan.nodes.len()).rev() {
        fates[at] = fate(&plan.nodes[at], &fates, cleared);
    }
    let goes = |node: &PlanNode| node.field.is_some_and(|field| !cleared[field.class as usize]);
    let goes = plan.nodes.iter().map(goes).collect();
    let mut redaction = Redacting {
        ids: Ids::of(schema),
        plan,
        fates,
        goes,
        defined: BTreeMap::new(),
        definitions: Map::new(),
    };
    let root = redaction.ids.root();
    let body = redaction.value(root, &Places::from([0]));
    let mut out = match body {
        Value::Object(body) => body,
        Value::Bool(false) => Map::from_iter([("not".to_owned(), json!({}))]),
        _ => Map::new(),
    };
    if !redaction.definitions.is_empty() {
        out.insert("$defs".to_owned(), Value::Object(redaction.definitions));
    }
    out.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    Value::Object(out)
}

fn fate(node: &PlanNode, fates: &[Fate], cleared: &[bool]) -> Fate {
    let own = node.field.map(|field| match field.form {
        _ if cleared[field.class as usize] => Fate::Kept,
        Redaction::Absent => Fate::Gone,
        form => Fate::Shown(form),
    });
    if node.whole {
        return own.unwrap_or(Fate::Kept);
    }
    let kept = node.children().all(|child| fates[child as usize] == Fate::Kept);
    if kept && own.is_none_or(|own| own == Fate::Kept) { Fate::Kept } else { Fate::Touched }
}

impl<'s> Redacting<'s, '_> {
    fn fate(&self, places: &Places) -> Fate {
        let mut fates = places.iter().map(|place| self.fates[*place as usize]);
        let first = fates.next().unwrap_or(Fate::Kept);
        if fates.all(|fate| fate == first) { first } else { Fate::Touched }
    }

    /// The schema of a value that is replaced by `null` when it goes: in an array, or the document itself.
    fn value(&mut self, site: Site<'s>, places: &Places) -> Value {
        let (left, shown) = (self.left(places), self.shown(places));
        if left.is_empty() && !places.is_empty() {
            return shown.unwrap_or_else(|| json!({"type": "null"}));
        }
        let some = self.inner(site, &left);
        match shown {
            Some(shown) => json!({"anyOf": [shown, some]}),
            None if self.may_go(places) => json!({"anyOf": [{"type": "null"}, some]}),
            None => some,
        }
    }

    /// Whether a value at one of the places may go as a whole.
    fn may_go(&self, places: &Places) -> bool {
        places.iter().any(|place| self.goes[*place as usize])
    }

    /// The places whose values do not all go, and are not shown in another form.
    fn left(&self, places: &Places) -> Places {
        let stays = |place: &u32| !matches!(self.fates[*place as usize], Fate::Gone | Fate::Shown(_));
        places.iter().copied().filter(stays).collect()
    }

    /// The schema of what is shown at these places in another form, where something is. Nothing that the contract says of the
    /// values holds of it.
    fn shown(&self, places: &Places) -> Option<Value> {
        let form = |place: &u32| match self.fates[*place as usize] {
            Fate::Shown(form) => Some(form),
            _ => None,
        };
        let is_text =
            places.iter().filter_map(form).map(Redaction::is_text).reduce(|one, other| one || other)?;
        Some(if is_text { json!({"type": ["string", "null"]}) } else { json!({"type": "null"}) })
    }

    /// The schema of members, which leave no trace when they go.
    fn member(&mut self, site: Site<'s>, places: &Places) -> Value {
        let (left, shown) = (self.left(places), self.shown(places));
        if left.is_empty() && !places.is_empty() {
            return shown.unwrap_or(Value::Bool(false));
        }
        let some = self.inner(site, &left);
        match shown {
            Some(shown) => json!({"anyOf": [shown, some]}),
            None => some,
        }
    }

    /// A schema for places none of which is only gone.
    fn inner(&mut self, site: Site<'s>, places: &Places) -> Value {
        match self.fate(places) {
            Fate::Kept => self.schema(site, &Places::new()),
            _ => self.schema(site, places),
        }
    }

    fn schema(&mut self, site: Site<'s>, places: &Places) -> Value {
        let Some(schema) = site.schema.as_object() else { return site.schema.clone() };
        let kept = places.is_empty();
        let mut out = Map::new();
        for (keyword, value) in schema {
            let keyword = keyword.as_str();
            let new = match keyword {
                "$id" | "$anchor" | "$schema" | "$defs" | "definitions" | "$vocabulary" => None,
                "$ref" => self.reference(site, places),
                "oneOf" if !kept => None,
                "allOf" | "anyOf" | "oneOf" => Some(self.list(value, site, places)),
                "dependentSchemas" => {
                    Some(self.map(value, site, |this, inner, _| this.schema(inner, places)))
                }
                "properties"
                | "patternProperties"
                | "additionalProperties"
                | "propertyNames"
                | "prefixItems"
                | "items" => self.structure(keyword, value, site, places),
                "required" if !kept => Some(self.required(value, places)),
                _ if kept => Some(self.unchanged(keyword, value, site)),
                _ if survives_redaction(keyword) => Some(value.clone()),
                _ => None,
            };
            if let Some(new) = new {
                out.insert(keyword.to_owned(), new);
            }
        }
        if !kept {
            let either = self.conditions(schema, site, places);
            match out.get_mut("allOf") {
                Some(Value::Array(all)) => all.extend(either),
                _ if either.is_empty() => {}
                _ => {
                    out.insert("allOf".to_owned(), Value::Array(either));
                }
            }
        }
        Value::Object(out)
    }

    /// What an `anyOf` of the redacted schema says in place of conditions that cannot be asked of redacted values.
    fn conditions(&mut self, schema: &'s Map<String, Value>, site: Site<'s>, places: &Places) -> Vec<Value> {
        let mut either = Vec::new();
        // Exactly one original branch holds; its redaction fits that branch's redacted form, and perhaps others too.
        if let Some(list) = schema.get("oneOf") {
            either.push(json!({ "anyOf": self.list(list, site, places) }));
        }
        // The outcome of `if` was one of the two.
        if let (Some(_), Some(then), Some(otherwise)) =
            (schema.get("if"), schema.get("then"), schema.get("else"))
        {
            let branches = [then, otherwise].map(|branch| self.schema(self.ids.site(branch, site), places));
            either.push(json!({ "anyOf": branches }));
        }
        either
    }

    fn list(&mut self, value: &'s Value, site: Site<'s>, places: &Places) -> Value {
        let list = value.as_array().into_iter().flatten();
        list.map(|inner| self.schema(self.ids.site(inner, site), places)).collect()
    }

    fn map(
        &mut self,
        value: &'s Value,
        site: Site<'s>,
        mut each: impl FnMut(&mut Self, Site<'s>, &str) -> Value,
    ) -> Value {
        let members = value.as_object().into_iter().flatten();
        let members =
            members.map(|(name, inner)| (name.clone(), each(self, self.ids.site(inner, site), name)));
        Value::Object(members.collect())
    }

    fn reference(&mut self, site: Site<'s>, places: &Places) -> Option<Value> {
        let target = self.ids.follow(site)?.ok()?;
        let key = (target.key(), places.clone());
        if let Some(name) = self.defined.get(&key) {
            return Some(json!(format!("#/$defs/{name}")));
        }
        let name = format!("d{}", self.defined.len() + 1);
        // Entered before it is made, so that a recursive schema refers to itself.
        self.defined.insert(key, name.clone());
        let body = self.schema(target, places);
        self.definitions.insert(name.clone(), body);
        Some(json!(format!("#/$defs/{name}")))
    }

    /// A keyword of a place that keeps everything; only references inside it are rewritten.
    fn unchanged(&mut self, keyword: &str, value: &'s Value, site: Site<'s>) -> Value {
        if super::SCHEMA_KEYWORDS.contains(&keyword) {
            return self.schema(self.ids.site(value, site), &Places::new());
        }
        value.clone()
    }

    /// Keywords that lead to other places.
    fn structure(
        &mut self,
        keyword: &str,
        value: &'s Value,
        site: Site<'s>,
        places: &Places,
    ) -> Option<Value> {
        let names =
            || site.schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        match keyword {
            "properties" => {
                let members = value.as_object().into_iter().flatten();
                let mut out = Map::new();
                for (name, inner) in members {
                    let below = self.below(places, |node| node.member(name).into_iter().collect());
                    if places.is_empty()
                        || below.iter().any(|place| self.fates[*place as usize] != Fate::Gone)
                    {
                        out.insert(name.clone(), self.member(self.ids.site(inner, site), &below));
                    }
                }
                Some(Value::Object(out))
            }
            // Which names a pattern takes is not asked: all that are not gone must fit.
            "patternProperties" => {
                let below = self.below(places, |node| members(node, |_| true));
                Some(self.map(value, site, |this, inner, _| this.member(inner, &below)))
            }
            "additionalProperties" => {
                let own: BTreeSet<&str> = names().map(String::as_str).collect();
                let below = self.below(places, |node| members(node, |name| !own.contains(name)));
                if *value == Value::Bool(false) && !places.is_empty() {
                    return Some(Value::Bool(false));
                }
                Some(self.member(self.ids.site(value, site), &below))
            }
            "prefixItems" => {
                let list = value.as_array().into_iter().flatten().enumerate();
                let list = list.map(|(index, inner)| {
                    let below = self.below(places, |node| node.element(index).into_iter().collect());
                    self.value(self.ids.site(inner, site), &below)
                });
                Some(list.collect())
            }
            "items" => {
                let own = site.schema.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
                let below = self
                    .below(places, |node| node.elements.iter().skip(own).copied().chain(node.rest).collect());
                Some(self.value(self.ids.site(value, site), &below))
            }
            _ => Some(self.schema(self.ids.site(value, site), &Places::new())),
        }
    }

    /// The places one step below; those of a place that is kept as a whole need no telling apart.
    fn below(&self, places: &Places, step: impl Fn(&PlanNode) -> Vec<u32>) -> Places {
        let mut below = Places::new();
        for place in places {
            let node = self.plan.node(*place);
            if node.whole {
                below.insert(*place);
            } else {
                below.extend(step(node));
            }
        }
        below
    }

    fn required(&self, value: &Value, places: &Places) -> Value {
        let stays = |name: &&Value| {
            let below =
                name.as_str().map(|name| self.below(places, |node| node.member(name).into_iter().collect()));
            let below = below.unwrap_or_default();
            !below.is_empty() && !self.may_go(&below)
        };
        value.as_array().into_iter().flatten().filter(stays).cloned().collect()
    }
}

fn members(node: &PlanNode, wanted: impl Fn(&str) -> bool) -> Vec<u32> {
    let named = node.names.iter().filter(|(name, _)| wanted(name)).map(|(_, node)| *node);
    named.chain(node.others).collect()
}

/// Keywords that a redacted value still keeps: it has the same type, as many elements, no more members, and its
/// own text where it is a string or number.
fn survives_redaction(keyword: &str) -> bool {
    const LOST: [&str; 14] = [
        "const",
        "contains",
        "dependentRequired",
        "dependencies",
        "else",
        "enum",
        "if",
        "maxContains",
        "minContains",
        "minProperties",
        "not",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    ];
    !LOST.contains(&keyword) && keyword != "uniqueItems" && keyword != "default" && keyword != "examples"
}
