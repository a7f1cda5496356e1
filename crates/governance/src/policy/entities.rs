//! The things of a bus as Cedar entities, by the schema.

use std::collections::{BTreeMap, BTreeSet};

use contract::{AgencyName, Class, Definition, Pointer, PrincipalName};
use serde_json::{Value, json};

use super::Reference;
use crate::state::{Agency, Principal};
use crate::{ContractCheck, Role, State, Subscription, Terms, Topic};

const DAY_S: u64 = 24 * 60 * 60;

/// Gathers entities; each once.
pub(super) struct Gathered<'a> {
    /// As it would be if the action were carried out; what is not in there is as it was.
    pub outcome: &'a State,
    /// As it is.
    pub state: &'a State,
    /// Now, in milliseconds since 1970.
    pub now_ms: u64,
    list: Vec<Value>,
    seen: BTreeSet<Reference>,
}

impl<'a> Gathered<'a> {
    /// With nothing yet.
    pub fn new(state: &'a State, outcome: &'a State, now_ms: u64) -> Self {
        Self { outcome, state, now_ms, list: Vec::new(), seen: BTreeSet::new() }
    }

    /// Cedar's JSON form of them.
    pub fn into_json(self) -> Value {
        Value::Array(self.list)
    }

    fn add(
        &mut self,
        of: &Reference,
        attributes: impl FnOnce(&mut Self) -> (Value, Vec<Reference>),
    ) -> Value {
        if self.seen.insert(of.clone()) {
            let (attrs, parents) = attributes(self);
            self.list.push(json!({ "uid": of, "attrs": attrs, "parents": parents }));
        }
        json!({ "__entity": of })
    }

    /// An agency.
    pub fn agency(&mut self, name: &AgencyName) -> Value {
        let of = Reference::new("Agency", name.as_str());
        let known = self.outcome.agency(name).or_else(|| self.state.agency(name)).cloned();
        self.add(&of, |all| {
            let profile = known.as_ref().map(|agency: &Agency| agency.profile.clone()).unwrap_or_default();
            let domains: Vec<Value> = profile.domains.iter().map(|domain| all.domain(domain)).collect();
            let attributes = json!({
                "name": profile.name, "mandate": profile.mandate, "domains": domains,
                "topics": all.outcome.topics_owned(name),
                "subscriptions": all.outcome.subscriptions_held(name),
            });
            (attributes, Vec::new())
        })
    }

    /// A principal. Who is named as a steward before there was one is taken for a steward.
    pub fn principal(&mut self, name: &PrincipalName) -> Value {
        let of = Reference::new("Principal", name.as_str());
        let known = self.outcome.principal(name).or_else(|| self.state.principal(name)).cloned();
        self.add(&of, |all| {
            let agency =
                known.as_ref().map_or_else(|| name.agency(), |known: &Principal| known.agency.clone());
            let roles = known.map_or_else(|| Role::Steward.into(), |known| known.roles);
            let attributes = json!({ "agency": all.agency(&agency), "roles": roles });
            (attributes, vec![Reference::new("Agency", agency.as_str())])
        })
    }

    /// A domain, and those around it.
    pub fn domain(&mut self, name: &str) -> Value {
        let of = Reference::new("Domain", name);
        let around = name.rsplit_once('.').map(|(around, _)| around);
        self.add(&of, |all| {
            around.iter().for_each(|around| drop(all.domain(around)));
            (json!({}), around.map(|around| Reference::new("Domain", around)).into_iter().collect())
        })
    }

    /// A topic.
    pub fn topic(&mut self, topic: &Topic) -> Value {
        let of = Reference::new("Topic", topic.name.as_str());
        self.add(&of, |all| {
            let domain = topic.name.as_str().rsplit_once('.').map(|(domain, _)| domain);
            domain.iter().for_each(|domain| drop(all.domain(domain)));
            let read_by = topic.read_by().or_else(|| topic.newest());
            let attributes = json!({
                "name": topic.name.as_str(), "owner": all.agency(&topic.owner),
                "steward": all.principal(&topic.steward), "deputy": all.principal(&topic.deputy),
                "latency": topic.latency.as_str(), "partitions": topic.partitions,
                "retention_days": days(topic.retention_s),
                "classes": read_by.map(|version| classes(&version.definition)).unwrap_or_default(),
            });
            (attributes, domain.map(|domain| Reference::new("Domain", domain)).into_iter().collect())
        })
    }

    /// A subscription on these terms.
    pub fn subscription(
        &mut self,
        subscription: &Subscription,
        topic: &Topic,
        terms: Option<&Terms>,
    ) -> Value {
        let of = Reference::new("Subscription", subscription.name.as_str());
        self.add(&of, |all| {
            let clears = terms.map(|terms| terms.clears.clone()).unwrap_or_default();
            let ends_ms = terms.map_or(0, |terms| terms.expires.starts_ms());
            let mut attributes = json!({
                "name": subscription.name.as_str(), "agency": all.agency(&subscription.agency),
                "topic": all.topic(topic),
                "purpose": terms.map(|terms| terms.purpose.as_str()).unwrap_or_default(),
                "legal_basis": terms.map(|terms| terms.legal_basis.as_str()).unwrap_or_default(),
                "clears": clears, "days": days(ends_ms.saturating_sub(all.now_ms) / 1000),
            });
            if let Some(purpose) = terms.and_then(|terms| terms.consent.as_ref()) {
                attributes["consent"] = json!(purpose);
            }
            (attributes, Vec::new())
        })
    }

    /// A thing that has no more than a name.
    pub fn bare(&mut self, of: &Reference, attributes: Value) -> Value {
        self.add(of, |_| (attributes, Vec::new()))
    }
}

/// What of a contract a policy can speak of.
pub(super) fn contract(definition: &Definition, check: &dyn ContractCheck) -> Value {
    let fields = fields(definition, check);
    let names = |holds: &dyn Fn(&Class) -> bool| -> BTreeSet<&str> {
        fields.iter().filter(|(_, class)| holds(class)).map(|(name, _)| name.as_str()).collect()
    };
    json!({
        "version": definition.version.0, "format": definition.format, "classes": classes(definition),
        "compatibility": definition.compatibility,
        "public_names": names(&|class| *class == Class::Public),
        "open_names": names(&|class| !class.is_about_a_person()),
        "names_subjects": !definition.subject.is_empty(),
    })
}

/// Every field's and extension's last name, with the class that it has: by its own rule, or by that of a node around it.
fn fields(definition: &Definition, check: &dyn ContractCheck) -> Vec<(String, Class)> {
    let places = check.places(definition);
    let mut classed: BTreeMap<&Pointer, &Class> = BTreeMap::new();
    for place in &places {
        let rules = definition.classify.iter().filter(|(at, _)| covers(at, place));
        let nearest = rules.max_by_key(|(at, _)| at.tokens().len());
        classed.extend(nearest.map(|(_, rule)| (place, &rule.class)));
    }
    classed.extend(definition.classify.iter().map(|(at, rule)| (at, &rule.class)));
    let last = |at: &Pointer| at.tokens().iter().rev().find(|token| *token != "*").cloned();
    let fields = classed.into_iter().filter_map(|(at, class)| Some((last(at)?, class.clone())));
    let extensions = definition.extensions.iter().map(|(name, class)| (name.clone(), class.clone()));
    fields.chain(extensions).collect()
}

/// Whether a rule at `at` holds for `place` too.
fn covers(at: &Pointer, place: &Pointer) -> bool {
    let (at, place) = (at.tokens(), place.tokens());
    at.len() <= place.len() && at.iter().zip(place).all(|(rule, token)| rule == "*" || rule == token)
}

fn classes(definition: &Definition) -> BTreeSet<String> {
    let fields = definition.classify.values().map(|rule| &rule.class);
    fields.chain(definition.extensions.values()).map(ToString::to_string).collect()
}

/// Begun days.
fn days(seconds: u64) -> u64 {
    seconds.div_ceil(DAY_S)
}
