//! From what is to what should be: the commands, in order, and a line for people on each.
//!
//! Nothing that is missing from the folder is ever deleted: it is reported as unmanaged. A wish that cannot be fulfilled
//! (another latency class, other text of an active contract) becomes a step too, so that applying it is refused with
//! the reason and nothing is silently left out. What waits for somebody is no step: a plan is empty once everything that
//! could be asked for has been asked for.

mod contracts;
mod shown;
mod subscriptions;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::commands::{AgencyChange, AgencyProfile};
use crate::notices;
use crate::policy::Steps;
use crate::profiles::{Lint, lines};
use crate::state::{Agency, Profile};
use crate::{
    Actor, Basis, Command, ContractCheck, Desired, Refused, Role, Ruling, Standards, State, apply, rule,
    trials,
};
use shown::Shown;

/// One command of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What to ask for.
    pub command: Command,
    /// The same for people: `+` for what is new, `~` for what changes, with details on further lines.
    pub what: String,
}

/// The way from a state to a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// The proposals among them whose migration keeps applying the plan from being done, with the reason; told by who can
    /// try migrations.
    pub refused: Vec<String>,
    /// What is asked for and waits for somebody, a line each.
    pub waits: Vec<String>,
    /// What exists and the folder does not mention, a line each.
    pub unmanaged: Vec<String>,
    /// Whom new standards would hit, a line each; told to those who oversee (`policy::hits`).
    pub hits: Vec<String>,
    /// What contracts that it would make do not keep to, by the profiles that would then be on; and where it switches
    /// one on, what stands does not keep to. A line for each rule.
    pub advice: Vec<String>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn step(&mut self, command: Command, what: impl Into<String>) {
        self.steps.push(Step { command, what: what.into() });
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{}", step.what))?;
        self.refused.iter().try_for_each(|line| writeln!(f, "✗ {line}"))?;
        self.hits.iter().try_for_each(|line| writeln!(f, "! {line}"))?;
        self.waits.iter().try_for_each(|line| writeln!(f, "… {line}"))?;
        self.unmanaged.iter().try_for_each(|line| writeln!(f, "? {line} is not in the folder"))?;
        self.advice.iter().try_for_each(|line| writeln!(f, "! {line}"))
    }
}

/// The commands that bring `state` to `desired`.
pub fn plan(state: &State, desired: &Desired, now_ms: u64, check: &dyn ContractCheck) -> Plan {
    let mut plan = Plan::default();
    let first = standards(&mut plan, state, desired);
    for profile in desired.agencies.values() {
        agency(&mut plan, state.agency(&profile.agency), profile);
    }
    for topic in desired.topics.values() {
        topics::plan(&mut plan, state, topic, (check, now_ms));
    }
    if let Some(standards) =
        desired.standards.as_ref().filter(|wish| first.is_some_and(|first| first != **wish))
    {
        let what = "~ standards: what people consent to stands in topics of this folder";
        plan.step(Command::SetStandards { standards: standards.clone() }, what);
    }
    for wish in desired.subscriptions.values() {
        subscriptions::plan(&mut plan, state, wish, now_ms);
    }
    plan.advice = advice(&plan, state, desired);
    if !desired.is_part {
        unmanaged(&mut plan, state, desired, now_ms);
    }
    plan
}

/// Decides the whole plan on a copy of `state`: all facts with all the policies that determined them, or the first step
/// that is refused and nothing at all. What was asked for each step stands with either.
pub fn apply_all(
    state: &State,
    actor: &Actor,
    plan: &Plan,
    now_ms: u64,
    check: &dyn ContractCheck,
) -> Result<Ruling, (Box<Step>, Refused)> {
    let mut scratch = state.clone();
    let (mut events, mut policies, mut steps) = (Vec::new(), BTreeSet::new(), Steps::default());
    for step in &plan.steps {
        let ruling = match rule(&scratch, actor, &step.command, now_ms, check) {
            Ok(ruling) => ruling,
            Err(mut refused) => {
                refused.basis.iter_mut().for_each(|basis| basis.steps = std::mem::take(&mut steps));
                return Err((Box::new(step.clone()), refused.after_trials(trials(&events))));
            }
        };
        ruling.events.iter().for_each(|event| apply(&mut scratch, event, now_ms));
        events.extend(ruling.events);
        policies.extend(ruling.basis.policies);
        steps.add(&step.what, ruling.basis.asked);
    }
    let policies = policies.into_iter().collect();
    Ok(Ruling { events, basis: Basis { policies, steps, ..Basis::default() } })
}

/// Sets the standards, as far as they do not speak of topics that the folder brings; how they are then.
fn standards(plan: &mut Plan, state: &State, desired: &Desired) -> Option<Standards> {
    let mut first = desired.standards.clone()?;
    first.consent.topics.retain(|topic| state.topic(topic).is_some() || !desired.topics.contains_key(topic));
    if first != *state.standards() {
        let files = policy_files(&state.standards().policies, &first.policies);
        plan.step(Command::SetStandards { standards: first.clone() }, format!("~ standards{files}"));
    }
    Some(first)
}

/// The policy files that are new, other or gone, as lines of detail.
fn policy_files(is: &BTreeMap<String, String>, wish: &BTreeMap<String, String>) -> String {
    let names: BTreeSet<&String> = is.keys().chain(wish.keys()).collect();
    let line = |name: &String| match (is.get(name), wish.get(name)) {
        (None, _) => Some(format!("\n    + {name}")),
        (Some(_), None) => Some(format!("\n    - {name}")),
        (Some(is), Some(wish)) => (is != wish).then(|| format!("\n    ~ {name}")),
    };
    names.into_iter().filter_map(line).collect()
}

fn advice(plan: &Plan, state: &State, desired: &Desired) -> Vec<String> {
    let (lint, before) = (Lint::with(state, desired), state.standards().profiles);
    let made = plan.steps.iter().flat_map(|step| match &step.command {
        Command::CreateTopic(new) => lint.wished(&new.topic),
        Command::ProposeContract { definition } => {
            let mut found = lint.wished(&definition.topic);
            found.retain(|one| !one.is_about_the_name());
            found
        }
        _ => Vec::new(),
    });
    let mut found: Vec<_> = made.collect();
    let switched_on = lint.profiles().on().filter(|profile| before.on().all(|on| on.id != profile.id));
    let switched_on: Vec<&str> = switched_on.map(|profile| profile.id).collect();
    if !switched_on.is_empty() {
        let standing = lint.standing().into_iter();
        found.extend(standing.filter(|one| switched_on.contains(&one.finding.profile.id)));
    }
    lines(&found)
}

fn agency(plan: &mut Plan, known: Option<&Agency>, wish: &AgencyProfile) {
    let Some(known) = known else {
        let what = format!("+ agency {} ({})", wish.agency, wish.name);
        return plan.step(Command::RegisterAgency(wish.clone()), what);
    };
    let Profile { name, mandate, contacts, dpo, sources, domains, notices } = &known.profile;
    let mut details = Vec::new();
    let change = AgencyChange {
        agency: wish.agency.clone(),
        name: differs(&mut details, "name", name, &wish.name),
        mandate: differs(&mut details, "mandate", mandate, &wish.mandate),
        contacts: differs(&mut details, "contacts", contacts, &wish.contacts),
        dpo: differs(&mut details, "dpo", dpo, &wish.dpo),
        sources: differs(&mut details, "sources", sources, &wish.sources),
        domains: differs(&mut details, "domains", domains, &wish.domains),
        notices: differs(&mut details, "notices", notices, &wish.notices),
    };
    if !details.is_empty() {
        let what = format!("~ agency {}{}", wish.agency, details.concat());
        plan.step(Command::ChangeAgency(change), what);
    }
}

/// The wish where it differs from what is, with a line of detail.
fn differs<T: Clone + PartialEq + Shown>(
    details: &mut Vec<String>,
    field: &str,
    is: &T,
    wish: &T,
) -> Option<T> {
    (is != wish).then(|| {
        details.push(format!("\n    {field}: {} → {}", is.shown(), wish.shown()));
        wish.clone()
    })
}

fn unmanaged(plan: &mut Plan, state: &State, desired: &Desired, now_ms: u64) {
    let central: Vec<_> = state.operators().map(|operator| &operator.agency).collect();
    // The agency that runs the bus is there before any folder.
    let agencies = state.agencies().map(|known| &known.agency).filter(|name| !central.contains(name));
    let agencies = agencies.filter(|name| !desired.agencies.contains_key(*name));
    // And so are the bus's own topics.
    let topics = state
        .topics()
        .filter(|topic| !desired.topics.contains_key(&topic.name) && !notices::is_own(&topic.name));
    let subscriptions = state
        .subscriptions()
        .filter(|known| known.ended.is_none() && !desired.subscriptions.contains_key(&known.name));
    let mut lines: Vec<String> = agencies.map(|name| format!("agency {name}")).collect();
    lines.extend(topics.map(|topic| format!("topic {}", topic.name)));
    lines.extend(subscriptions.map(|s| format!("subscription {} ({})", s.name, s.status(now_ms))));
    plan.unmanaged.extend(lines);
}

/// The people who would become stewards by being named, as lines of detail.
fn new_stewards<'a>(
    state: &State,
    named: impl IntoIterator<Item = Option<&'a contract::PrincipalName>>,
) -> String {
    let news = named
        .into_iter()
        .flatten()
        .filter(|name| state.principal(name).is_none_or(|known| !known.roles.contains(Role::Steward)));
    news.map(|name| format!("\n    + principal {name} (steward, without a token)")).collect()
}
