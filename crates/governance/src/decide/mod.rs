//! The one place where governance is decided: state, actor, command and time in; facts or a refusal out.
//!
//! Order in each decision: does what it names exist, may this actor do it, does it hold by the rules. A command whose
//! wish is fulfilled already yields no fact, so that repeating it does no harm.

mod agencies;
mod authority;
mod contracts;
mod delegations;
mod erasures;
mod hearing;
mod holds;
mod ownership;
mod principals;
mod public;
mod quarantine;
mod schemas;
mod sealing_keys;
mod subscriptions;
mod successions;
mod tags;
mod topics;
mod transfers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::schemas::{Compatibility, Source};
use contract::{Class, ClassSet, Definition, Effect, Pointer, Rehearsal, TopicName};

use crate::policy::{self, Asked, Basis};
use crate::quarantine::{Quarantined, Waiting};
use crate::state::{Person, Shares};
use crate::{Actor, Command, Event, Refused, State};
pub(crate) use authority::Case;
pub use contracts::trials;
pub(crate) use principals::name_steward;

/// Whether a contract holds water, and what a schema says. The bus asks the contract compiler.
pub trait ContractCheck {
    /// Everything that is wrong with `definition`, a line each; `extra_classes` are the classes that the standards add.
    fn faults(&self, definition: &Definition, extra_classes: &[Class]) -> Vec<String>;

    /// What `new` means for those who read by `old`, but for whether the schemas go on as a mode asks.
    fn effects(&self, old: &Definition, new: &Definition) -> Vec<Effect>;

    /// Tries the migration of `new` on the latest events of the version that it leads back to, which is the first of `way`:
    /// they must be valid under the new one, and come back valid to each version of `way`, for readers of these clearances
    /// and of others that may come. The error says what is wrong with the migration itself, a line each.
    fn rehearse(
        &self,
        way: &[Arc<Definition>],
        new: &Definition,
        clearances: &BTreeSet<ClassSet>,
    ) -> Result<Rehearsal, Vec<String>>;

    /// Reads a schema; the error says why it cannot be read.
    fn read(&self, source: &Source, normalize: bool) -> Result<ReadSchema, String>;

    /// Every place of the documents of a contract, whose schema stands by itself; none where it cannot be read.
    fn places(&self, definition: &Definition) -> BTreeSet<Pointer> {
        let source = Source::alone(definition.format, definition.schema.as_str());
        self.read(&source, false).map(|read| read.places).unwrap_or_default()
    }

    /// The public fields of a definition that speak of a person, with what they speak of.
    fn smells(&self, definition: &Definition) -> BTreeMap<Pointer, &'static str> {
        let _ = definition;
        BTreeMap::new()
    }

    /// What became of the event at a place of a topic that was quarantined; nothing where none was.
    fn quarantined(&self, topic: &TopicName, partition: u32, offset: u64) -> Option<Quarantined> {
        let _ = (topic, partition, offset);
        None
    }

    /// How many events of a topic are in quarantine.
    fn waiting(&self, topic: &TopicName) -> Waiting {
        let _ = topic;
        Waiting::default()
    }

    /// Why the versions of a series would not go on as `mode` asks, with `new` after `earlier` (oldest first); a line
    /// each.
    fn incompatibilities(&self, mode: Compatibility, new: &Source, earlier: &[Source]) -> Vec<String>;

    /// Where there are events about a person, each topic with when the youngest became durable, in milliseconds since
    /// 1970; the error says why it cannot be told.
    fn events_about(&self, person: &Person) -> Result<BTreeMap<TopicName, u64>, String>;
}

/// What a schema says, as far as governance must know it.
#[derive(Debug, Clone, Default)]
pub struct ReadSchema {
    /// Its text in one layout: the same for texts that mean the same.
    pub text: String,
    /// Its text with all that it refers to put in.
    pub standalone: String,
    /// Every place of its documents.
    pub places: BTreeSet<Pointer>,
    /// The tags that stand in the text, by place.
    pub tags: BTreeMap<Pointer, BTreeSet<String>>,
}

/// A decision, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The facts that it became; none where it is so already.
    pub events: Vec<Event>,
    /// The policies that determined it.
    pub basis: Basis,
}

/// Decides `command`, asked by `actor` at `now_ms` (milliseconds since 1970). An empty list means that it is so already.
pub fn decide(
    state: &State,
    actor: &Actor,
    command: &Command,
    now_ms: u64,
    check: &dyn ContractCheck,
) -> Result<Vec<Event>, Refused> {
    Ok(rule(state, actor, command, now_ms, check)?.events)
}

/// As [`decide`], with the policies that determined it: first the rules of the bus, then the standards' policies, which
/// see the outcome.
pub fn rule(
    state: &State,
    actor: &Actor,
    command: &Command,
    now_ms: u64,
    check: &dyn ContractCheck,
) -> Result<Ruling, Refused> {
    let case = Case { state, actor, now_ms, check };
    let events = by_the_rules(&case, command)?;
    let policies = state.policies();
    if events.is_empty() || policies.is_empty() {
        return Ok(Ruling { events, basis: Basis::rights() });
    }
    let (mut determined, mut first) = (BTreeSet::new(), None);
    for asked in Asked::of(&case, command, &events) {
        let verdict = policies.judge(&asked);
        if !verdict.allowed {
            let what = format!("{} of {}", asked.action, asked.resource.id);
            let refused = policy::forbidden(&what, &verdict, (asked, policies.clone()));
            return Err(refused.after_trials(trials(&events)));
        }
        determined.extend(verdict.policies());
        first.get_or_insert((asked, policies.clone()));
    }
    agencies::somebody_remains(&case, command, &events)?;
    Ok(Ruling {
        events,
        basis: Basis { policies: determined.into_iter().collect(), asked: first, ..Basis::default() },
    })
}

fn by_the_rules(case: &Case<'_>, command: &Command) -> Result<Vec<Event>, Refused> {
    if let Command::OpenBus { operator, name, token_hash, scram } = command {
        return principals::open_bus(case, operator, name, (*token_hash, scram.clone()));
    }
    case.may_ask()?;
    match command {
        Command::OpenBus { .. } => Ok(Vec::new()),
        Command::CloseBootstrap {} => agencies::close_bootstrap(case),
        Command::SetStandards { standards } => agencies::set_standards(case, standards),
        Command::RegisterAgency(profile) => agencies::register(case, profile),
        Command::ChangeAgency(change) => agencies::change(case, change),
        Command::PublishSealingKey { agency, public_key } => sealing_keys::publish(case, agency, public_key),
        Command::RetireSealingKey { agency, key, reason } => sealing_keys::retire(case, agency, key, reason),
        Command::CreatePrincipal { principal, agency, roles, token_hash, scram } => {
            principals::create(case, principal, agency, *roles, (*token_hash, scram.clone()))
        }
        Command::ChangePrincipal { principal, roles } => principals::change(case, principal, *roles),
        Command::IssueToken { principal, token_hash, scram } => {
            principals::issue_token(case, principal, (*token_hash, scram.clone()))
        }
        Command::DisablePrincipal { principal } => principals::disable(case, principal),
        Command::GiveDelegation { principal, to, until, reason } => {
            delegations::give(case, principal, to, *until, reason)
        }
        Command::EndDelegation { principal } => delegations::end(case, principal),
        Command::CreateTopic(new) => topics::create(case, new),
        Command::ChangeTopic(change) => topics::change(case, change),
        Command::ConfirmTopic { .. }
        | Command::OfferTopic { .. }
        | Command::AcceptTopic { .. }
        | Command::WithdrawOffer { .. }
        | Command::ProposeSuccession { .. }
        | Command::AcceptSuccession { .. }
        | Command::WithdrawSuccession { .. } => whose(case, command),
        Command::ConfirmPublic(fields) => public::confirm(case, fields),
        Command::ReleaseQuarantined(at) => quarantine::release(case, at),
        Command::DiscardQuarantined(at) => quarantine::discard(case, at),
        Command::ProposeContract { definition } => contracts::propose(case, definition),
        Command::AcknowledgeContract { topic, version, agency } => {
            hearing::acknowledge(case, topic, *version, agency)
        }
        Command::ObjectToContract { topic, version, agency, reason } => {
            hearing::object(case, topic, *version, agency, reason)
        }
        Command::AnswerObjection { topic, version, agency, answer } => {
            hearing::answer(case, topic, *version, agency, answer)
        }
        Command::OverrideContract { topic, version, reason } => {
            hearing::override_waits(case, topic, *version, reason)
        }
        Command::ActivateContract { topic, version } => hearing::activate(case, topic, *version),
        Command::DeprecateContract { topic, version, sunset } => {
            contracts::deprecate(case, topic, *version, *sunset)
        }
        Command::RetireContract { topic, version } => contracts::retire(case, topic, *version),
        Command::RequestSubscription(request) => subscriptions::request(case, request),
        Command::ApproveSubscription { subscription, conditions } => {
            subscriptions::approve(case, subscription, conditions)
        }
        Command::RefuseSubscription { subscription, reason } => {
            subscriptions::refuse(case, subscription, reason)
        }
        Command::ChangeSubscription(change) => subscriptions::change(case, change),
        Command::RevokeSubscription { subscription, reason } => {
            subscriptions::revoke(case, subscription, reason)
        }
        Command::RegisterSchema { .. }
        | Command::DeleteSchema { .. }
        | Command::SetCompatibility { .. }
        | Command::SetMode { .. } => registry(case, command),
        Command::RequestErasure(_)
        | Command::ApproveErasure { .. }
        | Command::DeclineErasure { .. }
        | Command::WithdrawErasure { .. }
        | Command::AcknowledgeErasure { .. }
        | Command::PlaceHold(_)
        | Command::LiftHold { .. } => about_persons(case, command),
    }
}

/// What becomes of what is sealed about people.
fn about_persons(case: &Case<'_>, command: &Command) -> Result<Vec<Event>, Refused> {
    match command {
        Command::RequestErasure(wish) => erasures::request(case, wish),
        Command::ApproveErasure { erasure } => erasures::approve(case, erasure),
        Command::DeclineErasure { erasure, reason } => erasures::decline(case, erasure, reason),
        Command::WithdrawErasure { erasure, reason } => erasures::withdraw(case, erasure, reason),
        Command::AcknowledgeErasure { erasure, agency, kept } => {
            erasures::acknowledge(case, erasure, agency, kept.as_deref())
        }
        Command::PlaceHold(wish) => holds::place(case, wish),
        Command::LiftHold { hold, reason } => holds::lift(case, hold, reason),
        _ => Ok(Vec::new()),
    }
}

/// Whose a topic is, and who answers for it.
fn whose(case: &Case<'_>, command: &Command) -> Result<Vec<Event>, Refused> {
    match command {
        Command::ConfirmTopic { topic } => ownership::confirm(case, topic),
        Command::OfferTopic { topic, to, on } => transfers::offer(case, topic, to, *on),
        Command::AcceptTopic { topic, steward, deputy } => transfers::accept(case, topic, steward, deputy),
        Command::WithdrawOffer { topic, reason } => transfers::withdraw(case, topic, reason),
        Command::ProposeSuccession { agency, on, shares, rest } => {
            let shares = Shares { shares: shares.clone(), rest: rest.clone() };
            successions::propose(case, agency, *on, &shares)
        }
        Command::AcceptSuccession { agency, successor, steward, deputy } => {
            successions::accept(case, agency, successor, steward, deputy)
        }
        Command::WithdrawSuccession { agency, reason } => successions::withdraw(case, agency, reason),
        _ => Ok(Vec::new()),
    }
}

/// What the registry is asked for.
fn registry(case: &Case<'_>, command: &Command) -> Result<Vec<Event>, Refused> {
    match command {
        Command::RegisterSchema { subject, schema, normalize } => {
            schemas::register(case, subject, schema, *normalize)
        }
        Command::DeleteSchema { subject, version, permanently } => {
            schemas::delete(case, subject, *version, *permanently)
        }
        Command::SetCompatibility { subject, compatibility } => {
            schemas::set_compatibility(case, subject.as_ref(), *compatibility)
        }
        Command::SetMode { subject, mode } => schemas::set_mode(case, subject.as_ref(), *mode),
        _ => Ok(Vec::new()),
    }
}

/// One refusal of several faults, each on its line.
fn no_faults(code: &'static str, faults: &[String]) -> Result<(), Refused> {
    if faults.is_empty() { Ok(()) } else { Err(Refused::new(code, faults.join("\n"))) }
}
