//! Whose right something is. Every refusal names who could do it.

use contract::{AgencyName, PrincipalName, SubscriptionName, TopicName};

use super::ContractCheck;
use crate::events::By;
use crate::{Actor, Agency, Principal, Refused, Role, State, Subscription, Topic, ownership};

/// What a decision is made from.
pub(crate) struct Case<'a> {
    /// What was decided before.
    pub state: &'a State,
    /// Who asks.
    pub actor: &'a Actor,
    /// When, in milliseconds since 1970.
    pub now_ms: u64,
    /// Knows contracts.
    pub check: &'a dyn ContractCheck,
}

impl<'a> Case<'a> {
    /// Whether the actor may ask for anything at all.
    pub fn may_ask(&self) -> Result<(), Refused> {
        if !self.state.is_open() {
            return Err(Refused::new("not-open", "the bus has no operator yet: open-bus comes first"));
        }
        // The actor may come from a connection that was authenticated before the principal ended.
        match self.state.principal(&self.actor.principal) {
            Some(principal) if principal.disabled => {
                Err(Refused::new("disabled", format!("{} is disabled", principal.principal))
                    .hint("an operator can create another principal"))
            }
            _ => Ok(()),
        }
    }

    /// The actor, by its own right.
    pub fn own(&self) -> By {
        By::own(self.actor.principal.clone())
    }

    /// The actor by the right of `person`: as that person, or as who speaks for them now.
    fn as_person(&self, person: &PrincipalName) -> Option<By> {
        if self.actor.principal == *person {
            return Some(self.own());
        }
        let known = self.state.principal(person)?;
        (known.speaker(self.now_ms) == Some(&self.actor.principal))
            .then(|| By { instead_of: Some(person.clone()), ..self.own() })
    }

    /// The actor in a role of `agency`: its own role, or that of somebody whom it speaks for.
    pub fn in_role(&self, agency: &AgencyName, role: Role) -> Option<By> {
        if self.actor.is_of(agency, role) {
            return Some(self.own());
        }
        self.state.principals_in(agency, role).find_map(|person| self.as_person(&person.principal))
    }

    /// The actor as the topic's steward or deputy, or as who speaks for one of them.
    pub fn as_steward(&self, topic: &Topic) -> Option<By> {
        self.as_person(&topic.steward).or_else(|| self.as_person(&topic.deputy))
    }

    /// The actor as an operator standing in for those whose right it is, while the bootstrap lasts.
    pub fn stand_in(&self) -> Option<By> {
        let may = self.actor.is(Role::Operator) && self.state.in_bootstrap();
        may.then(|| By::bootstrap(self.actor.principal.clone()))
    }

    /// Only an operator.
    pub fn as_operator(&self, what: &str) -> Result<By, Refused> {
        if self.actor.is(Role::Operator) {
            return Ok(self.own());
        }
        let operators = self.state.operators().map(|p| p.principal.as_str());
        Err(Refused::not_allowed(what, among("an operator", operators)))
    }

    /// Only a steward of `agency`; an operator in the bootstrap.
    pub fn as_steward_of(&self, agency: &AgencyName, what: &str) -> Result<By, Refused> {
        let own = self.in_role(agency, Role::Steward).or_else(|| self.stand_in());
        own.ok_or_else(|| Refused::not_allowed(what, self.those(agency, Role::Steward)))
    }

    /// Only the topic's steward or deputy; an operator in the bootstrap.
    pub fn as_owner_of(&self, topic: &Topic, what: &str) -> Result<By, Refused> {
        let own = self.as_steward(topic).or_else(|| self.stand_in());
        own.ok_or_else(|| Refused::not_allowed(what, owners(topic)))
    }

    /// As [`Case::as_owner_of`], for what changes a topic: nothing does while it is orphaned.
    pub fn as_changing(&self, topic: &Topic, what: &str) -> Result<By, Refused> {
        let by = self.as_owner_of(topic, what)?;
        self.not_frozen(topic)?;
        Ok(by)
    }

    /// Somebody answers for the topic.
    pub fn not_frozen(&self, topic: &Topic) -> Result<(), Refused> {
        ownership::frozen(topic, &self.state.standards().ownership, self.now_ms).map_or(Ok(()), Err)
    }

    /// "a steward of tax-office (a@tax-office, b@tax-office)".
    pub fn those(&self, agency: &AgencyName, role: Role) -> String {
        let names = self.state.principals_in(agency, role).map(|p| p.principal.as_str());
        let article = if role == Role::Operator { "an" } else { "a" };
        among(&format!("{article} {role} of {agency}"), names)
    }

    /// The agency, which must be registered.
    pub fn agency(&self, name: &AgencyName) -> Result<&'a Agency, Refused> {
        self.state.agency(name).ok_or_else(|| {
            Refused::unknown("agency", name).hint("an operator registers agencies (register-agency)")
        })
    }

    /// The principal, which must exist and not be disabled.
    pub fn principal(&self, name: &PrincipalName) -> Result<&'a Principal, Refused> {
        let found = self.state.principal(name).ok_or_else(|| Refused::unknown("principal", name))?;
        if found.disabled {
            return Err(Refused::new("disabled", format!("{name} is disabled, for good"))
                .hint("create a principal of another name"));
        }
        Ok(found)
    }

    /// The topic, which must exist.
    pub fn topic(&self, name: &TopicName) -> Result<&'a Topic, Refused> {
        self.state.topic(name).ok_or_else(|| Refused::unknown("topic", name))
    }

    /// The subscription and its topic, which must exist.
    pub fn subscription(&self, name: &SubscriptionName) -> Result<(&'a Subscription, &'a Topic), Refused> {
        let found = self.state.subscription(name).ok_or_else(|| Refused::unknown("subscription", name))?;
        Ok((found, self.topic(&found.topic)?))
    }
}

/// "m.okafor@civil-registry or l.brandt@civil-registry (steward and deputy of civil.birth.registered)"; those of them
/// who are there.
pub(super) fn owners(topic: &Topic) -> String {
    let (steward, deputy, name) = (&topic.steward, &topic.deputy, &topic.name);
    match (topic.stewardship.steward_left_ms, topic.stewardship.deputy_left_ms) {
        (None, None) => format!("{steward} or {deputy} (steward and deputy of {name})"),
        (None, Some(_)) => format!("{steward} (steward of {name})"),
        (Some(_), None) => format!("{deputy} (deputy of {name})"),
        (Some(_), Some(_)) => format!("nobody (steward and deputy of {name} are gone)"),
    }
}

fn among<'a>(who: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.take(5).collect();
    if names.is_empty() {
        format!("{who} (none yet: an operator can create one)")
    } else {
        format!("{who} ({})", names.join(", "))
    }
}

/// A reason that people will read must be there.
pub(super) fn reason_given(reason: &str) -> Result<(), Refused> {
    if reason.trim().is_empty() {
        return Err(Refused::new("no-reason", "a reason is missing: it is told to those concerned and kept"));
    }
    Ok(())
}
