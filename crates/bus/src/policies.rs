//! The standards' policies at work: on the hot path, in the list of decisions, and asked again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use audit::Kind;
use governance::events::BusEvent;
use governance::policy::{self, Asked, Shown, Verdict};
use governance::{Event, Policies, State, Subscription, Topic, rights};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use crate::api::Caller;
use crate::audit_logs::Entry;
use crate::govern::decode;
use crate::lanes::Lane;
use crate::limits::DECISIONS_LOOKED_THROUGH;
use crate::questions::Questions;
use crate::{Bus, Refusal, RefusalKind, fold};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Answers that are remembered; beyond that all are asked for anew.
const REMEMBERED_MAX: usize = 65_536;

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

/// Some of the decisions.
#[derive(Debug, Clone, Serialize)]
pub struct Decisions {
    /// As the audit says, each with its place there.
    pub decisions: Vec<Value>,
    /// Where to go on from, as long as there is more to look through. There may be no decision any more.
    pub before: Option<u64>,
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
    /// Of a folder: its steps that policies were asked about, but for the one that was refused.
    pub steps: Vec<ExplainedStep>,
    /// How many more of them there were, of which no question is kept.
    pub left_out: u64,
}

/// A step of a folder, asked again.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedStep {
    /// The step, in a line.
    pub step: String,
    /// What was asked.
    pub question: Asked,
    /// What is said to it.
    #[serde(flatten)]
    pub again: Again,
}

/// What policies say to a question, then and now.
#[derive(Debug, Clone, Serialize)]
pub struct Again {
    /// Those of then; nothing where they are not known any more.
    pub then: Option<Verdict>,
    /// Those of now.
    pub now: Verdict,
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

    /// Decisions, allowed or refused, with their places in the audit, the newest first: those before a place, by
    /// default the end.
    pub fn decisions(&self, before: Option<u64>, limit: usize) -> Result<Decisions, Refusal> {
        let (log, mut decisions) = (self.core.audit.lane(Lane::Standard), Vec::new());
        let end = before.unwrap_or(u64::MAX).min(log.size());
        let (start, mut at) = (end.saturating_sub(DECISIONS_LOOKED_THROUGH), end);
        while at > start && decisions.len() < limit {
            at -= 1;
            let Ok(entry) = Entry::decode(&log.entry(at)?) else { continue };
            if let Kind::Decision(_) = &entry.what {
                let mut shown = serde_json::to_value(&entry).unwrap_or_default();
                shown["index"] = at.into();
                decisions.push(shown);
            }
        }
        Ok(Decisions { decisions, before: (at > 0).then_some(at) })
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
        let kept = match &decision.steps {
            Some(steps) => {
                let (journal, marker) = (&*self.core.journal, &self.core.marker);
                Questions::find(journal, self.core.streams.questions, marker, steps)?.unwrap_or_default()
            }
            None => Questions::default(),
        };
        let own = decision.asked.as_ref().filter(|asked| asked.get("question").is_some());
        let own = match own.map(|asked| read_question(asked).ok_or_else(too_long)).transpose() {
            // What was asked for the steps before it is kept all the same.
            Err(_) if !kept.steps.is_empty() => None,
            read => read?,
        };
        let digests = kept.steps.iter().map(|step| &step.policies).chain(own.iter().map(|(of, _)| of));
        let then = self.policies_of(digests.cloned().collect(), &kept.policies)?;
        let state = self.core.state();
        let again = |digest: &String, asked: &Asked| Again {
            then: then.get(digest).map(|policies| policies.judge_again(asked)),
            now: state.policies().judge_again(asked),
        };
        let own_again = own.as_ref().map(|(digest, asked)| again(digest, asked));
        let steps = kept.steps.iter().map(|step| ExplainedStep {
            step: step.step.clone(),
            question: step.question.clone(),
            again: again(&step.policies, &step.question),
        });
        let steps: Vec<ExplainedStep> = steps.collect();
        let all = own_again.iter().chain(steps.iter().map(|step| &step.again));
        let policies = determined(all.filter_map(|again| again.then.as_ref()), &then);
        let (then, now) = own_again.map_or((None, None), |again| (again.then, Some(again.now)));
        let decision = serde_json::to_value(&entry).unwrap_or_default();
        Ok(Explained { index, decision, then, now, policies, steps, left_out: kept.left_out })
    }

    /// The policies with these digests: of those that are given, or from the history of the standards.
    fn policies_of(
        &self,
        digests: BTreeSet<String>,
        given: &BTreeMap<String, Texts>,
    ) -> Result<BTreeMap<String, Policies>, Refusal> {
        let is_wanted = |(digest, _): &(String, Texts)| digests.contains(digest);
        let mut found: BTreeMap<String, Texts> = given.clone().into_iter().filter(is_wanted).collect();
        if found.len() < digests.len() {
            fold::each(&*self.core.journal, self.core.streams.governance, 0, |record| {
                if let Some((Event::Bus(BusEvent::StandardsSet { standards, .. }), _)) = decode(&record.body)
                {
                    let known = (digest(&standards.policies), standards.policies);
                    found.extend(Some(known).filter(is_wanted));
                }
            })?;
        }
        let read = found.into_iter().map(|(digest, texts)| Ok((digest, Policies::read(&texts)?)));
        read.collect::<Result<_, Vec<policy::PolicyFault>>>().map_err(|_| {
            let text = "the policies of that time cannot be read by this version any more";
            Refusal::new(RefusalKind::Conflict, text)
        })
    }
}

/// The files of policies, by name.
type Texts = BTreeMap<String, String>;

/// What the audit keeps of a question: the digest of the policies, and what they were asked.
fn read_question(asked: &Value) -> Option<(String, Asked)> {
    let digest = asked["policies"].as_str().unwrap_or_default().to_owned();
    Some((digest, serde_json::from_value(asked["question"].clone()).ok()?))
}

fn too_long() -> Refusal {
    let text = "what was asked is too long for the audit and stands there as its digest";
    Refusal::new(RefusalKind::Conflict, text)
}

/// The policies that determined the verdicts, each once.
fn determined<'a>(
    verdicts: impl Iterator<Item = &'a Verdict>,
    of: &BTreeMap<String, Policies>,
) -> Vec<Shown> {
    let names: BTreeSet<String> = verdicts.flat_map(Verdict::policies).collect();
    let shown = names.iter().flat_map(|name| of.values().filter_map(|policies| policies.one(name)));
    let mut shown: Vec<Shown> = shown.collect();
    shown.dedup();
    shown
}

/// What was asked, for the audit, with the digest of the policies that were.
pub(crate) fn question(asked: &Asked, policies: &Policies) -> Value {
    let question = serde_json::to_value(asked).unwrap_or_default();
    serde_json::json!({ "policies": digest(policies.texts()), "question": audit::entry::within_limit(question) })
}

/// The SHA-256 of policy files, in hex.
pub(crate) fn digest(texts: &Texts) -> String {
    let written = serde_json::to_vec(texts).expect("texts always write");
    audit::Hash::of(&written).to_string()
}
