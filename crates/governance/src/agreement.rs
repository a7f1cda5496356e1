//! What a proposed version means for those who read the topic, and whether it may go live.
//!
//! A compatible change goes live when its notice has run, unless somebody objects. Any other waits for every agency that
//! reads the topic, or has a migration that carries those who say nothing ([`crate::carrying`]), or is overridden by two
//! people of different agencies.

use std::fmt;
use std::sync::Arc;

use contract::impact::{Effect, Touch, Weight, weight};
use contract::schemas::Source;
use contract::{AgencyName, ContractVersion, Definition};
use serde::{Deserialize, Serialize};

use crate::state::schemas::subject_of;
use crate::state::{Override, Status, Topic, Version};
use crate::{ContractCheck, Role, Standing, State, Subscription, carrying, ownership};

/// What a version changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// The version that it is compared with: the one that consumers read by.
    pub against: ContractVersion,
    /// Everything that it changes.
    pub effects: Vec<Effect>,
}

impl Impact {
    /// What `new` changes; nothing where the topic has nothing that it could be compared with.
    pub fn of(state: &State, topic: &Topic, new: &Definition, check: &dyn ContractCheck) -> Option<Impact> {
        let against = topic.read_by()?;
        let mut effects = check.effects(&against.definition, new);
        let mode = state.compatibility_of(&subject_of(&topic.name));
        let in_force =
            topic.versions.values().filter(|v| matches!(v.status, Status::Active | Status::Deprecated));
        let earlier: Vec<Source> = in_force.map(|version| source(&version.definition)).collect();
        let faults = check.incompatibilities(mode, &source(new), &earlier);
        effects.extend(
            faults.into_iter().map(|fault| Effect::on_all(Weight::Breaking, format!("not {mode}: {fault}"))),
        );
        Some(Impact { against: against.number(), effects })
    }

    /// How much all of it matters.
    pub fn weight(&self) -> Weight {
        weight(&self.effects)
    }
}

fn source(definition: &Definition) -> Source {
    Source::alone(definition.format, definition.schema.as_str())
}

/// What a version waits for before it may go live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// It ended.
    Ended(Status),
    /// Nobody answers for its topic.
    Orphaned {
        /// Why.
        why: String,
    },
    /// Since it was proposed, consumers read by another version than it was compared with.
    Overtaken(ContractVersion),
    /// A subscribed agency objects.
    Objection {
        /// Which.
        agency: AgencyName,
        /// Why.
        reason: String,
        /// What the owner answered.
        answer: Option<String>,
    },
    /// A subscribed agency has not agreed.
    Acknowledgement {
        /// Which.
        agency: AgencyName,
    },
    /// Its notice runs until then, in milliseconds since 1970; sooner if all who are subscribed agree.
    Notice {
        /// Until when.
        until_ms: u64,
        /// Who has not agreed.
        silent: Vec<AgencyName>,
        /// Whether it goes live by itself then. Where it breaks something, though nobody who is silent is concerned,
        /// its producers are: its steward says when.
        by_itself: bool,
    },
}

impl Wait {
    /// Stable and kebab-case; a refusal to activate has the code of what weighs most.
    pub fn code(&self) -> &'static str {
        match self {
            Wait::Ended(_) => "not-proposed",
            Wait::Orphaned { .. } => "topic-orphaned",
            Wait::Overtaken(_) => "overtaken",
            Wait::Objection { .. } => "objected",
            Wait::Acknowledgement { .. } => "not-acknowledged",
            Wait::Notice { .. } => "notice-runs",
        }
    }

    /// The agencies whose word would end it.
    pub fn agencies(&self) -> &[AgencyName] {
        match self {
            Wait::Objection { agency, .. } | Wait::Acknowledgement { agency } => std::slice::from_ref(agency),
            Wait::Notice { silent, .. } => silent,
            Wait::Ended(_) | Wait::Orphaned { .. } | Wait::Overtaken(_) => &[],
        }
    }

    /// Until when it waits, in milliseconds since 1970, where that is known.
    pub fn until_ms(&self) -> Option<u64> {
        match self {
            Wait::Notice { until_ms, .. } => Some(*until_ms),
            _ => None,
        }
    }

    /// Who has to do what, in words.
    pub fn remedy(&self, topic: &Topic) -> String {
        let steward = &topic.steward;
        match self {
            Wait::Ended(_) => format!("{steward}: propose its text as the next version"),
            Wait::Orphaned { .. } => ownership::remedy(topic),
            Wait::Overtaken(_) => {
                format!("{steward}: propose it again; it is weighed and its consumers are asked anew")
            }
            Wait::Objection { agency, .. } => format!(
                "{steward}: answer it, or propose other text under this number; a steward of {agency}: an \
                 acknowledgement takes the objection back"
            ),
            Wait::Acknowledgement { agency } => {
                format!("a steward of {agency}: acknowledge it, or object with a reason")
            }
            Wait::Notice { silent, by_itself: false, .. } => format!(
                "{steward}: activate it then; who has not agreed goes on by the version that it reads ({})",
                names(silent)
            ),
            Wait::Notice { silent, .. } => format!(
                "nobody: it goes live then by itself; sooner if a steward of each acknowledges it ({})",
                names(silent)
            ),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Ended(status) => write!(f, "it is {status}, not proposed"),
            Wait::Orphaned { why } => write!(f, "nothing of its topic changes: {why}"),
            Wait::Overtaken(read_by) => {
                write!(f, "it was weighed before {read_by} became what consumers read by")
            }
            Wait::Objection { agency, reason, answer: None } => write!(f, "{agency} objects: {reason}"),
            Wait::Objection { agency, reason, answer: Some(answer) } => {
                write!(f, "{agency} objects: {reason} (answered: {answer})")
            }
            Wait::Acknowledgement { agency } => write!(f, "{agency} has not agreed"),
            Wait::Notice { until_ms, .. } => write!(f, "its notice runs until {}", minute(*until_ms)),
        }
    }
}

fn names(agencies: &[AgencyName]) -> String {
    agencies.iter().map(AgencyName::as_str).collect::<Vec<_>>().join(", ")
}

/// `2026-11-24 09:30 UTC`.
pub(crate) fn minute(at_ms: u64) -> String {
    let time = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "the end of time".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// What a version waits for; nothing: it may go live now, or has.
pub fn waits(state: &State, topic: &Topic, version: &Version, now_ms: u64) -> Vec<Wait> {
    match version.status {
        Status::Active => return Vec::new(),
        ended @ (Status::Deprecated | Status::Retired) => return vec![Wait::Ended(ended)],
        Status::Proposed => {}
    }
    if ownership::standing(topic, &state.standards().ownership, now_ms) >= Standing::Orphaned {
        return vec![Wait::Orphaned { why: ownership::why(topic) }];
    }
    if let Some(read_by) = topic.read_by().filter(|_| version.is_overtaken(topic)) {
        return vec![Wait::Overtaken(read_by.number())];
    }
    if is_overridden(&version.overrides) {
        return Vec::new();
    }
    let subscribed = state.subscribed_agencies(topic, now_ms);
    let objections = version.objections.iter().filter(|(agency, _)| subscribed.contains(agency));
    let mut waits: Vec<Wait> = objections
        .map(|(agency, objection)| Wait::Objection {
            agency: agency.clone(),
            reason: objection.reason.clone(),
            answer: objection.answer.as_ref().map(|answer| answer.text.clone()),
        })
        .collect();
    let spoke = |agency: &AgencyName| {
        version.acknowledged.contains_key(agency) || version.objections.contains_key(agency)
    };
    let silent: Vec<AgencyName> = subscribed.into_iter().filter(|agency| !spoke(agency)).collect();
    let changes = &state.standards().changes;
    let until_ms = version.notice_ends_ms(changes.notice_s);
    let asks_all = version.asks_for_word(changes.silence_is_consent);
    let back_to = version.leads_back_to();
    let must_agree =
        |agency: &AgencyName| carrying::must_agree(state, topic, (back_to, asks_all), agency, now_ms);
    let (asked, silent): (Vec<_>, Vec<_>) = silent.into_iter().partition(must_agree);
    waits.extend(asked.into_iter().map(|agency| Wait::Acknowledgement { agency }));
    if !silent.is_empty() && now_ms < until_ms {
        waits.push(Wait::Notice { until_ms, silent, by_itself: version.weight() == Weight::Compatible });
    }
    waits
}

/// A subscription, and what a version changes for it.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Which.
    pub subscription: Arc<Subscription>,
    /// What of the version's effects concerns it, and how.
    pub touched: Vec<(Effect, Touch)>,
}

/// Everybody who reads the topic now, with what the version means for them.
pub fn readers(state: &State, topic: &Topic, version: &Version, now_ms: u64) -> Vec<Reader> {
    let effects = version.impact.as_ref().map(|impact| impact.effects.as_slice()).unwrap_or_default();
    let live = state.subscriptions_of(&topic.name).filter(|subscription| subscription.is_live(now_ms));
    let reader = |subscription: &Arc<Subscription>| {
        let cleared = subscription.granted_terms().map(|terms| terms.clears.clone()).unwrap_or_default();
        let touched = effects.iter().map(|effect| (effect.clone(), effect.touches(&cleared)));
        let touched = touched.filter(|(_, touch)| *touch != Touch::Nothing).collect();
        Reader { subscription: subscription.clone(), touched }
    };
    live.map(reader).collect()
}

/// Whether two people of different agencies, one of them an operator, override what a version waits for.
pub fn is_overridden(overrides: &[Override]) -> bool {
    let by_operator = overrides.iter().filter(|one| one.role == Role::Operator);
    by_operator
        .into_iter()
        .any(|one| overrides.iter().any(|other| other.by.principal.agency() != one.by.principal.agency()))
}

/// What goes live by itself now: compatible changes whose notice has run without an objection. One of each topic, as it
/// is what others are compared with from then on.
pub fn due(state: &State, now_ms: u64) -> impl Iterator<Item = (&Topic, &Version)> {
    let notice_s = state.standards().changes.notice_s;
    let is_due = move |topic: &Topic, version: &Version| {
        version.status == Status::Proposed
            && version.weight() == Weight::Compatible
            && version.notice_ends_ms(notice_s) <= now_ms
            && waits(state, topic, version, now_ms).is_empty()
    };
    state.topics().filter_map(move |topic| {
        let version = topic.versions.values().find(|version| is_due(topic, version))?;
        Some((&**topic, version))
    })
}
