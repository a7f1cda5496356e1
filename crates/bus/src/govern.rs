//! Decisions: command → decide → journal → apply. One at a time; durable before anything acts on them.

mod compiler;

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::compile::Contract;
use contract::{AgencyName, ContractVersion, PrincipalName, Profiles, TopicName};
use governance::events::ContractEvent;
use governance::profiles::{Lint, Linted};
use governance::{Basis, Command, Desired, Event, Plan, Roles, Ruling, State, rights};
use seal::AgencyKeys;

pub(crate) use compiler::Compiler;

use crate::api::{Caller, Governed};
use crate::audit_logs::{DecisionOf, decision_entry};
use crate::clock::rfc3339;
use crate::credentials::NewToken;
use crate::keyring::{AgencySecret, KeyFact};
use crate::lanes::{Apply, Fact, Facts, Lane};
use crate::questions::Questions;
use crate::{Bus, Refusal, RefusalKind, erasures, quarantine};

/// A principal with the token that was made for it. The token is nowhere else.
#[derive(Debug, Clone)]
pub struct NewPrincipal {
    /// Who.
    pub principal: PrincipalName,
    /// What it proves itself with; shown once.
    pub token: String,
}

/// A command that is refused, and what refused it.
pub(crate) struct Declined {
    refusal: Refusal,
    basis: Box<Basis>,
}

impl From<governance::Refused> for Declined {
    fn from(mut refused: governance::Refused) -> Self {
        let basis = refused.basis.take().unwrap_or_else(|| Box::new(Basis::rights()));
        Self { refusal: refused.into(), basis }
    }
}

impl Bus {
    /// Decides one command and, where it is allowed, makes it so.
    pub async fn govern(&self, caller: &Caller, command: Command) -> Result<Governed, Refusal> {
        erasures::is_anybodys(&command)?;
        let mut governed = self.govern_any(caller, command).await?;
        governed.events.retain(erasures::is_told);
        Ok(governed)
    }

    /// The same for commands that the bus completes first, and with every fact.
    pub(crate) async fn govern_any(&self, caller: &Caller, command: Command) -> Result<Governed, Refusal> {
        let (name, core) = (command.name(), self.core.clone());
        self.decide(caller, name, move |caller, state, now_ms| {
            let ruling = governance::rule(state, caller, &command, now_ms, &Compiler(&core))?;
            // Only of who may decide: to anybody else the answer would say whom it is about.
            if !ruling.events.is_empty() {
                let named = erasures::names_nobody(&core, state, &command);
                named.map_err(|refusal| Declined { refusal, basis: Box::new(ruling.basis.clone()) })?;
            }
            Ok(ruling)
        })
        .await
    }

    /// Makes a principal and its first token.
    pub async fn create_principal(
        &self,
        caller: &Caller,
        principal: PrincipalName,
        agency: AgencyName,
        roles: Roles,
    ) -> Result<NewPrincipal, Refusal> {
        let NewToken { text, hash, scram } = NewToken::make();
        let (who, token_hash) = (principal.clone(), Some(hash));
        let command = Command::CreatePrincipal { principal: who, agency, roles, token_hash, scram };
        self.govern(caller, command).await?;
        Ok(NewPrincipal { principal, token: text })
    }

    /// Gives a principal a new token; the old one ends.
    pub async fn issue_token(
        &self,
        caller: &Caller,
        principal: PrincipalName,
    ) -> Result<NewPrincipal, Refusal> {
        let NewToken { text, hash, scram } = NewToken::make();
        let command = Command::IssueToken { principal: principal.clone(), token_hash: hash, scram };
        self.govern(caller, command).await?;
        Ok(NewPrincipal { principal, token: text })
    }

    /// What contracts do not keep to by the profiles that are on, or by those given: a folder's, or without one those that
    /// stand.
    pub fn lint(
        &self,
        caller: &Caller,
        files: Option<&BTreeMap<String, String>>,
        profiles: Option<Profiles>,
    ) -> Result<Vec<Linted>, Refusal> {
        let state = self.state(caller)?;
        let wish = files.map(desired).transpose()?;
        let lint = wish.as_ref().map_or_else(|| Lint::of(&state), |wish| Lint::with(&state, wish));
        Ok(profiles.map_or(lint, |profiles| lint.under(profiles)).all())
    }

    /// Governance as it stands, as a folder of files, with the subscriptions that the caller may see, and where those
    /// agencies are told that it may see.
    pub fn governance_files(&self, caller: &Caller) -> Result<BTreeMap<String, String>, Refusal> {
        let state = self.state(caller)?;
        let mut is = Desired::of(&state, self.core.clock.now_ms());
        is.subscriptions.retain(|name, _| self.may_oversee(caller, name).is_ok());
        let caller = self.now(caller);
        let others = is.agencies.values_mut();
        others
            .filter(|profile| rights::may_read_metadata(&caller, &[&profile.agency]).is_err())
            .for_each(|profile| profile.notices = Default::default());
        Ok(is.to_files())
    }

    /// Makes a folder of governance files so: all of it, or nothing.
    pub async fn apply(
        &self,
        caller: &Caller,
        files: &BTreeMap<String, String>,
        close_bootstrap: bool,
    ) -> Result<Plan, Refusal> {
        let desired = desired(files)?;
        let (planned, plan) = std::sync::mpsc::channel();
        let core = self.core.clone();
        self.decide(caller, "apply", move |caller, state, now_ms| {
            let check = Compiler(&core);
            let mut plan = governance::plan(state, &desired, now_ms, &check);
            if close_bootstrap && state.in_bootstrap() {
                let what = "~ close the bootstrap".to_owned();
                plan.steps.push(governance::Step { command: Command::CloseBootstrap {}, what });
            }
            let ruling =
                governance::apply_all(state, caller, &plan, now_ms, &check).map_err(|(step, refused)| {
                    let Declined { refusal, basis } = Declined::from(refused);
                    let text = format!("{}: {}; nothing was applied", step.what, refusal.text);
                    Declined { refusal: Refusal { text, ..refusal }, basis }
                })?;
            let _ = planned.send(plan);
            Ok(ruling)
        })
        .await?;
        plan.recv().map_err(|_| Refusal::unavailable("the plan was lost"))
    }

    /// Runs `decide` against the state as it stands, alone, and enacts what it says. Goes on to its end even if the
    /// caller goes away in the middle.
    pub(crate) async fn decide(
        &self,
        caller: &Caller,
        name: &'static str,
        decide: impl FnOnce(&Caller, &State, u64) -> Result<Ruling, Declined> + Send + 'static,
    ) -> Result<Governed, Refusal> {
        let (bus, caller) = (self.clone(), caller.clone());
        let deciding = tokio::spawn(async move {
            let _alone = bus.core.deciding.lock().await;
            let now_ms = bus.core.clock.now_ms();
            let state = bus.core.state();
            // Compiling contracts takes a while: not on the async threads.
            let decided = tokio::task::spawn_blocking({
                let (state, caller) = (state.clone(), bus.now(&caller));
                move || decide(&caller, &state, now_ms)
            });
            match decided.await.map_err(|_| Refusal::unavailable("the decision was broken off"))? {
                Ok(ruling) => bus.enact(&caller, name, &state, ruling, now_ms).await,
                Err(Declined { refusal, basis }) => {
                    bus.record_declined(&caller, name, &state, &basis, now_ms).await?;
                    Err(refusal)
                }
            }
        });
        deciding.await.map_err(|_| Refusal::unavailable("the decision was broken off"))?
    }

    /// That a command was refused stands in the audit.
    async fn record_declined(
        &self,
        caller: &Caller,
        name: &'static str,
        state: &State,
        basis: &Basis,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let questions = Questions::of(basis, state, false);
        let questions = questions.as_ref();
        let what = DecisionOf { caller, command: name, events: &[], basis, questions };
        let entries = vec![(decision_entry(&what, &rfc3339(now_ms)), Vec::new())];
        let records = questions.map(|asked| self.asked(asked)).into_iter().collect();
        let facts = Facts { records, entries, ..Facts::default() };
        self.core.lane(Lane::Standard).record(facts).await.map(|_| ())
    }

    /// Journals what was decided, with the secrets of new agencies, and applies it when it is durable.
    pub(crate) async fn enact(
        &self,
        caller: &Caller,
        name: &'static str,
        state: &State,
        ruling: Ruling,
        now_ms: u64,
    ) -> Result<Governed, Refusal> {
        let Ruling { events, basis } = ruling;
        if events.is_empty() {
            return Ok(Governed { events });
        }
        let mut next = state.clone();
        let mut told = Vec::with_capacity(events.len());
        for event in &events {
            governance::apply(&mut next, event, now_ms);
            told.push(governance::notice(&next, event, now_ms));
        }
        let touched = touched(state, &next);
        self.core.topics.create_streams(&touched)?;
        if let Err(refusal) = self.close_quarantine(state, &next).await {
            self.record_declined(caller, name, state, &basis, now_ms).await?;
            return Err(refusal);
        }
        // From here on nothing fails before it is said what is closed in the end.
        let new_agencies = match self.keys_of_new_agencies(state, &next).await {
            Ok(made) => made,
            Err(refusal) => {
                self.core.quarantine.close(quarantine::believed(state).clone());
                return Err(refusal);
            }
        };
        let governance = self.core.streams.governance;
        let mut records: Vec<Fact> = events
            .iter()
            .map(|event| Fact { stream: governance, marks: Vec::new(), body: encode(event, now_ms) })
            .collect();
        let agency_keys = self.core.streams.agency_keys;
        records.extend(new_agencies.iter().map(|(secret, _)| Fact {
            stream: agency_keys,
            marks: Vec::new(),
            body: KeyFact::Made(secret.clone()).encode(),
        }));
        let tried: Vec<TopicName> = events.iter().filter_map(tried_of).collect();
        let questions = Questions::of(&basis, state, true);
        records.extend(questions.iter().map(|asked| self.asked(asked)));
        let questions = questions.as_ref();
        let what = DecisionOf { caller, command: name, events: &events, basis: &basis, questions };
        let entry = decision_entry(&what, &rfc3339(now_ms));
        let marks = erasures::marks(&self.core.marker, &events);
        let erased = erasures::erased(&events);
        let destroyed: Vec<_> = events.iter().filter_map(quarantine::destroyed).collect();
        let decided: Vec<_> = events.iter().filter_map(quarantine::decided).collect();
        let core = self.core.clone();
        let apply: Apply = Box::new(move |durable| {
            // If we die before this, the fold does it: nobody is served before.
            erased.iter().for_each(|(_, pseudonym)| core.keyring.erase(pseudonym, durable.at_ms));
            destroyed.iter().for_each(|key| core.keyring.erase(key, durable.at_ms));
            decided.iter().for_each(|(key, verdict)| core.quarantine.decide(key, *verdict));
            for (secret, keys) in new_agencies {
                core.keyring.add(secret, keys, durable.at_ms);
            }
            // Who reads by which version is known before any event can follow a new one.
            let next = Arc::new(next);
            *core.state.write() = next.clone();
            if let Err(error) = core.topics.refresh(&next, &touched) {
                tracing::error!(%error, "a topic's streams cannot be opened");
            }
            tried.iter().for_each(|topic| core.trials.given_back(topic, now_ms));
            core.tail.rights().notify_waiters();
            told.into_iter().zip(&durable.offsets).for_each(|(notice, at)| core.notices.add(*at, notice));
            core.notices.ring();
        });
        let facts = Facts { records, entries: vec![(entry, marks)], apply: Some(apply), ..Facts::default() };
        let recorded = self.core.lane(Lane::Standard).record(facts).await;
        self.core.quarantine.close(quarantine::believed(&self.core.state()).clone());
        recorded?;
        Ok(Governed { events })
    }

    fn asked(&self, questions: &Questions) -> Fact {
        questions.fact(self.core.streams.questions, &self.core.marker)
    }

    /// Where keys are kept may be far away: it is asked off the threads that serve.
    async fn keys_of_new_agencies(
        &self,
        old: &State,
        new: &State,
    ) -> Result<Vec<(AgencySecret, AgencyKeys)>, Refusal> {
        let fresh = new.agencies().map(|agency| &agency.agency).filter(|name| old.agency(name).is_none());
        let fresh: Vec<AgencyName> = fresh.cloned().collect();
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let core = self.core.clone();
        let made = move || fresh.iter().map(|agency| core.keyring.create_agency(agency)).collect();
        let made = tokio::task::spawn_blocking(made).await;
        made.map_err(|_| Refusal::unavailable("the making of an agency's keys was broken off"))?
    }

    /// A contract, compiled; the newest active one where no version is named.
    pub fn contract(
        &self,
        caller: &Caller,
        topic: &TopicName,
        version: Option<ContractVersion>,
    ) -> Result<Arc<Contract>, Refusal> {
        self.state(caller)?;
        let topic = self.core.topics.get(topic)?;
        match version {
            Some(version) => topic.contract(version),
            None => topic.active(None, self.core.clock.now_ms()),
        }
    }
}

/// The topic whose events a migration was tried on, where a proposal stands for the trial.
fn tried_of(event: &Event) -> Option<TopicName> {
    match event {
        Event::Contract(ContractEvent::ContractProposed { definition, rehearsal: Some(_), .. }) => {
            Some(definition.topic.clone())
        }
        _ => None,
    }
}

/// The topics that look different after a decision, or whose owner does, or whose events are held against other rules.
fn touched(old: &State, new: &State) -> Vec<Arc<governance::Topic>> {
    let held_against = |state: &State| {
        let standards = state.standards();
        (standards.profiles, standards.leaks.clone(), standards.consent.topics.clone())
    };
    if held_against(old) != held_against(new) {
        return new.topics().cloned().collect();
    }
    // Most topics are the same record as before, which is seen without looking into their contracts.
    let is_same = |topic: &governance::Topic| {
        old.topic(&topic.name).is_some_and(|before| std::ptr::eq(before, topic) || before == topic)
    };
    let differs =
        |topic: &governance::Topic| !is_same(topic) || old.agency(&topic.owner) != new.agency(&topic.owner);
    new.topics().filter(|topic| differs(topic)).cloned().collect()
}

/// The record of a governance event: the time of the decision, then the event as JSON.
pub(crate) fn encode(event: &Event, at_ms: u64) -> Vec<u8> {
    let mut body = at_ms.to_le_bytes().to_vec();
    body.extend(serde_json::to_vec(event).expect("events always encode"));
    body
}

/// Reads what `encode` wrote.
pub(crate) fn decode(body: &[u8]) -> Option<(Event, u64)> {
    let (at_ms, event) = body.split_first_chunk::<8>()?;
    Some((Event::read(event)?, u64::from_le_bytes(*at_ms)))
}

pub(crate) fn desired(files: &BTreeMap<String, String>) -> Result<Desired, Refusal> {
    Desired::from_files(files).map_err(|faults| {
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Refusal::new(RefusalKind::Malformed, said.join("\n"))
            .hint("mend the files and plan again; nothing was applied")
    })
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads lower-case hex.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
