//! The standards' policies at work: on the hot path, in the list of decisions, and asked again.

use std::collections::HashMap;
use std::sync::Arc;

use audit::Kind;
use governance::policy::{self, Asked, Shown, Verdict};
use governance::{Event, Policies, State, Subscription, Topic, rights};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use crate::api::Caller;
use crate::audit_logs::Entry;
use crate::govern::decode;
use crate::lanes::Lane;
use crate::{Bus, Refusal, RefusalKind, fold};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Answers that are remembered; beyond that all are asked for anew.
const REMEMBERED_MAX: usize = 65_536;

/// How many of the newest entries are looked through for decisions.
const LOOKED_THROUGH: u64 = 1_000_000;

/// What the policies said of publishing and consuming, for as long as governance is as it was and the day lasts: an
/// answer takes some ten microseconds, which is nothing for a batch and too much for each of a producer's calls.
#[derive(Default)]
pub(crate) struct Verdicts(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    state: Option<Arc<State>>,
    day: u64,
    /// By principal, and by the topic or subscription.
    said: HashMap<(String, Moves), Result<(), governance::Refused>>,
}

/// What events move through.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Moves {
    In(String),
    Out(String),
}

impl Verdicts {
    /// Whether the policies let the caller publish.
    pub fn may_publish(
        &self,
        state: &Arc<State>,
        caller: &Caller,
        topic: &Topic,
    ) -> Result<(), governance::Refused> {
        if !state.policies().judge_events() {
            return Ok(());
        }
        let key = (caller.principal.to_string(), Moves::In(topic.name.to_string()));
        self.remembered(state, 0, key, || policy::may_publish(state, caller, topic))
    }

    /// Whether the policies let the caller take events.
    pub fn may_consume(
        &self,
        state: &Arc<State>,
        caller: &Caller,
        subscription: &Subscription,
        now_ms: u64,
    ) -> Result<(), governance::Refused> {
        if !state.policies().judge_events() {
            return Ok(());
        }
        let key = (caller.principal.to_string(), Moves::Out(subscription.name.to_string()));
        let ask = || policy::may_consume(state, caller, subscription, now_ms);
        self.remembered(state, now_ms / DAY_MS, key, ask)
    }

    fn remembered(
        &self,
        state: &Arc<State>,
        day: u64,
        key: (String, Moves),
        ask: impl FnOnce() -> Result<(), governance::Refused>,
    ) -> Result<(), governance::Refused> {
        let is_of_now = |remembered: &Remembered| {
            let is_current = remembered.state.as_ref().is_some_and(|known| Arc::ptr_eq(known, state));
            // A publication does not depend on the day, and says 0.
            is_current && day <= remembered.day && remembered.said.len() < REMEMBERED_MAX
        };
        {
            let remembered = self.0.lock();
            if let Some(said) = remembered.said.get(&key).filter(|_| is_of_now(&remembered)) {
                return said.clone();
            }
        }
        // Asked without the lock: others need not wait for it.
        let said = ask();
        let mut remembered = self.0.lock();
        if !is_of_now(&remembered) {
            let day = remembered.day.max(day);
            *remembered = Remembered { state: Some(state.clone()), day, said: HashMap::new() };
        }
        remembered.said.insert(key, said.clone());
        said
    }
}

/// A decision, asked again.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// Its place in the audit of the standard lane.
    pub index: u64,
    /// What the audit says of it.
    pub decision: Value,
    /// What the policies of then say to what was asked then; nothing where none were asked.
    pub then: Option<Verdict>,
    /// What the policies of now say to it.
    pub now: Option<Verdict>,
    /// The policies of then that determined it, with their texts.
    pub policies: Vec<Shown>,
}

impl Bus {
    /// Whether the caller may publish to the topic, by the rules and by the policies.
    pub(crate) fn lets_publish(
        &self,
        state: &Arc<State>,
        caller: &Caller,
        topic: &Topic,
    ) -> Result<(), Refusal> {
        let (rules, now_ms) = (&state.standards().ownership, self.core.clock.now_ms());
        rights::may_publish(caller, topic, rules, now_ms)?;
        Ok(self.core.verdicts.may_publish(state, caller, topic)?)
    }

    /// Whether the caller may take events under the subscription, by the rules and by the policies.
    pub(crate) fn lets_consume(
        &self,
        state: &Arc<State>,
        caller: &Caller,
        subscription: &Subscription,
    ) -> Result<(), Refusal> {
        let now_ms = self.core.clock.now_ms();
        rights::may_consume(caller, subscription, now_ms)?;
        Ok(self.core.verdicts.may_consume(state, caller, subscription, now_ms)?)
    }

    /// The standards' policies; they are open to every principal.
    pub fn policies(&self, caller: &Caller) -> Result<Vec<Shown>, Refusal> {
        Ok(self.state(caller)?.policies().shown())
    }

    /// The newest decisions, allowed or refused, with their places in the audit; the newest first.
    pub fn decisions(&self, limit: usize) -> Result<Vec<Value>, Refusal> {
        let (log, mut found) = (self.core.audit.lane(Lane::Standard), Vec::new());
        let size = log.size();
        for index in (size.saturating_sub(LOOKED_THROUGH)..size).rev() {
            if found.len() >= limit {
                break;
            }
            let Ok(entry) = Entry::decode(&log.entry(index)?) else { continue };
            if let Kind::Decision(_) = &entry.what {
                let mut shown = serde_json::to_value(&entry).unwrap_or_default();
                shown["index"] = index.into();
                found.push(shown);
            }
        }
        Ok(found)
    }

    /// Asks the policies again what they were asked for a decision: those of then, and those of now.
    pub fn explain(&self, caller: &Caller, index: u64) -> Result<Explained, Refusal> {
        let no_decision = || {
            let text = format!("there is no decision at {index} in the audit");
            Refusal::new(RefusalKind::Unknown, text).hint("chancery audit decisions lists them")
        };
        let leaf = self.core.audit.lane(Lane::Standard).entry(index).map_err(|_| no_decision())?;
        let entry = Entry::decode(&leaf).map_err(|_| no_decision())?;
        let Kind::Decision(decision) = &entry.what else { return Err(no_decision()) };
        let by: contract::PrincipalName = decision.by.parse().map_err(|_| no_decision())?;
        rights::may_read_metadata(&self.now(caller), &[&by.agency()])?;
        let shown = serde_json::to_value(&entry).unwrap_or_default();
        let none = Explained { index, decision: shown, then: None, now: None, policies: Vec::new() };
        let Some(asked) = decision.asked.clone().filter(|asked| asked.get("question").is_some()) else {
            return Ok(none);
        };
        let digest = asked["policies"].as_str().unwrap_or_default().to_owned();
        let asked: Asked = serde_json::from_value(asked["question"].clone()).map_err(|_| {
            Refusal::new(
                RefusalKind::Conflict,
                "what was asked is too long for the audit and stands there as its digest",
            )
        })?;
        let now = Some(self.core.state().policies().judge(&asked));
        // Of a folder that was refused, the policies were those it would have set.
        let Some(policies) = self.policies_of(&digest)? else { return Ok(Explained { now, ..none }) };
        let then = policies.judge(&asked);
        let determined = then.policies().iter().filter_map(|name| policies.one(name)).collect();
        Ok(Explained { then: Some(then), now, policies: determined, ..none })
    }

    /// The policies with this digest, from the history of the standards; nothing where they never were in force.
    fn policies_of(&self, digest: &str) -> Result<Option<Policies>, Refusal> {
        let mut found = None;
        fold::each(&*self.core.journal, self.core.streams.governance, 0, |record| {
            if let Some((Event::StandardsSet { standards, .. }, _)) = decode(&record.body)
                && self::digest(&standards.policies) == digest
            {
                found = Some(standards.policies);
            }
        })?;
        found.map(|texts| Policies::read(&texts)).transpose().map_err(|_| {
            let text = "the policies of that time cannot be read by this version any more";
            Refusal::new(RefusalKind::Conflict, text)
        })
    }
}

/// What was asked, for the audit, with the digest of the policies that were.
pub(crate) fn question(asked: &Asked, policies: &Policies) -> Value {
    let question = serde_json::to_value(asked).unwrap_or_default();
    serde_json::json!({ "policies": digest(policies.texts()), "question": audit::entry::within_limit(question) })
}

/// The SHA-256 of policy files, in hex.
fn digest(texts: &std::collections::BTreeMap<String, String>) -> String {
    let written = serde_json::to_vec(texts).expect("texts always write");
    audit::Hash::of(&written).to_string()
}
