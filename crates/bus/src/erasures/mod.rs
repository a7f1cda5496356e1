//! Erasing a person: the identifier that events carry becomes what agencies' keys call the person, governance decides, and
//! the keyring gives no key of theirs any more.
//!
//! The identifier is personal data. It is used to make pseudonyms and then dropped: it stands in no command, no fact, no
//! entry, no notice, no refusal and no log. Who may not ask is refused before anything is looked up.

mod about;
mod certificate;
mod seen;
mod unnamed;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use contract::{AgencyName, TopicName};
use governance::commands::{ErasureRequest, NewHold};
use governance::events::ErasureEvent;
use governance::state::{HoldOn, Person};
use governance::{Command, Event, erasure};
use seal::Pseudonym;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::api::Caller;
use crate::core::Core;
use crate::marks::Marker;
use crate::{Bus, Refusal, RefusalKind};

pub(crate) use about::places;
pub use seen::{Listed, Page, Reference};
pub(crate) use unnamed::names_nobody;

/// The identifier of a person, as contracts' subject pointers hold it. Overwritten on drop; its `Debug` shows nothing.
pub struct Subject(Zeroizing<String>);

impl Subject {
    /// A text that identifies somebody: not empty, not longer than any identifier, and with nothing in it that nobody sees.
    /// The person would go by another pseudonym then, and a hold would silently keep nobody. The refusal does not repeat it.
    pub fn parse(text: String) -> Result<Self, Refusal> {
        let text = Zeroizing::new(text);
        let unseen = |letter: char| letter.is_control() || letter == '\u{feff}';
        if text.trim() != text.as_str() || text.contains(unseen) {
            let what = "a person's identifier has no space around it, no control character and no byte order mark in it";
            return Err(Refusal::new(RefusalKind::Malformed, what)
                .hint("give it as the contract's subject pointer holds it, without anything around it"));
        }
        if text.is_empty() || text.len() > SUBJECT_MAX_BYTES {
            let what = format!("a person's identifier has 1 to {SUBJECT_MAX_BYTES} bytes");
            return Err(Refusal::new(RefusalKind::Malformed, what)
                .hint("give it as the contract's subject pointer holds it, without anything around it"));
        }
        Ok(Self(text))
    }

    /// What people write about an affair is kept and told: the person must not be named in it.
    fn is_not_in(&self, texts: &[&str]) -> Result<(), Refusal> {
        match texts.iter().any(|text| text.contains(self.0.as_str())) {
            true => Err(unnamed::named()),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(..)")
    }
}

const SUBJECT_MAX_BYTES: usize = 1000;

/// Most marks that a record may have besides.
const MARKS_MAX: usize = governance::erasure::DUE_AT_ONCE;

impl Bus {
    /// Asks for the erasure of a person from everything that any agency's keys seal; its name.
    pub async fn request_erasure(
        &self,
        caller: &Caller,
        subject: &Subject,
        reason: String,
    ) -> Result<String, Refusal> {
        erasure::may_ask(&self.now(caller))?;
        subject.is_not_in(&[&reason])?;
        let mut parts = Vec::new();
        let sealers = self.core.state().topics().map(|topic| topic.sealed_by.clone()).collect();
        for (agency, pseudonym) in self.called(subject, &sealers)? {
            if self.core.keyring.has_key(&pseudonym)? {
                parts.push(Person { agency, pseudonym: pseudonym.to_string() });
            }
        }
        let name = format!("e-{}", Uuid::now_v7().simple());
        let command = Command::RequestErasure(ErasureRequest { erasure: name.clone(), parts, reason });
        self.govern_any(caller, command).await?;
        Ok(name)
    }

    /// Keeps a person from being erased, for all agencies whose persons the caller may hold; its name. Whether the bus knows
    /// the person makes no difference. An agency that seals nothing yet is left out where its keys are not open: nothing
    /// of it is erased now.
    pub async fn hold_person(
        &self,
        caller: &Caller,
        subject: &Subject,
        (reason, reference): (String, String),
    ) -> Result<String, Refusal> {
        let state = self.core.state();
        let mut held = erasure::may_hold(&state, &self.now(caller))?;
        subject.is_not_in(&[&reason, &reference])?;
        held.retain(|agency| erasure::seals(&state, agency) || self.core.keyring.agency(agency).is_ok());
        let called = self.called(subject, &held)?.into_iter();
        let persons = called.map(|(agency, it)| Person { agency, pseudonym: it.to_string() }).collect();
        self.place_hold(caller, HoldOn::Person(persons), (reason, reference)).await
    }

    /// Keeps a topic's events from being deleted, and the people they are about from being erased; its name.
    pub async fn hold_topic(
        &self,
        caller: &Caller,
        topic: TopicName,
        said: (String, String),
    ) -> Result<String, Refusal> {
        self.place_hold(caller, HoldOn::Topic(topic), said).await
    }

    async fn place_hold(
        &self,
        caller: &Caller,
        on: HoldOn,
        (reason, reference): (String, String),
    ) -> Result<String, Refusal> {
        let hold = format!("h-{}", Uuid::now_v7().simple());
        let command = Command::PlaceHold(NewHold { hold: hold.clone(), on, reason, reference });
        self.govern_any(caller, command).await?;
        Ok(hold)
    }

    /// What the keys of these agencies call a person now.
    pub(crate) fn called(
        &self,
        subject: &Subject,
        agencies: &BTreeSet<AgencyName>,
    ) -> Result<BTreeMap<AgencyName, Pseudonym>, Refusal> {
        let one = |agency: &AgencyName| {
            let keys = self.core.keyring.agency(agency)?;
            Ok((agency.clone(), self.core.keyring.person(&keys, &subject.0)))
        };
        agencies.iter().map(one).collect()
    }

    /// Carries out what nothing holds any more, and tells those who were handed events about the people who were erased.
    pub(crate) async fn erase_what_is_due(&self) -> Result<Vec<Event>, Refusal> {
        let mut brought = Vec::new();
        if erasure::is_due(&self.core.state(), self.core.clock.now_ms()) {
            let core = self.core.clone();
            let due = move |state: &governance::State, now_ms: u64| {
                let look = |person: &Person| topics_about(&core, person).map_err(|refusal| refusal.text);
                erasure::due(state, now_ms, &look)
            };
            brought.extend(self.as_clerk(due).await?);
        }
        brought.extend(self.tell_of_erasures().await?);
        Ok(brought)
    }

    /// Looks up who was handed events about people who were erased. After the erasure, so that nobody was handed more
    /// meanwhile; if we die between, it is done after the start.
    pub(crate) async fn tell_of_erasures(&self) -> Result<Vec<Event>, Refusal> {
        let mut told = Vec::new();
        for (name, person, erased_ms) in erasure::untraced(&self.core.state()) {
            match self.tell_of_part(&name, person, erased_ms).await {
                Ok(events) => told.extend(events),
                // The others are told all the same.
                Err(error) => tracing::warn!(
                    %error,
                    erasure = name,
                    "who was handed events about an erased person could not be told; it is tried again"
                ),
            }
        }
        Ok(told)
    }

    async fn tell_of_part(&self, name: &str, person: Person, erased_ms: u64) -> Result<Vec<Event>, Refusal> {
        let (core, of) = (self.core.clone(), person.clone());
        let handed = tokio::task::spawn_blocking(move || about::handed(&core, &of, erased_ms));
        let handed = handed.await.map_err(|_| Refusal::unavailable("reading was broken off"))??;
        let name = name.to_owned();
        let facts = move |state: &governance::State, _| erasure::traced(state, &name, &person.agency, handed);
        self.as_clerk(facts).await
    }

    /// As [`govern`](Bus::govern), for what may erase somebody: those who were handed events are told at once. Where that
    /// fails, the clerk does it.
    pub async fn govern_erasure(&self, caller: &Caller, command: Command) -> Result<(), Refusal> {
        let governed = self.govern_any(caller, command).await?;
        let erases = governed
            .events
            .iter()
            .any(|event| matches!(event, Event::Erasure(ErasureEvent::PersonErased { .. })));
        if erases && let Err(error) = self.tell_of_erasures().await {
            tracing::warn!(%error, "who was handed events about an erased person could not be told; it is tried again");
        }
        Ok(())
    }
}

/// Whether whoever asks can give such a command whole. Names and what people are called are for the bus to make.
pub(crate) fn is_anybodys(command: &Command) -> Result<(), Refusal> {
    let route = match command {
        Command::RequestErasure(_) => "POST /v1/erasures",
        Command::PlaceHold(_) => "POST /v1/holds",
        _ => return Ok(()),
    };
    let text = format!("{} is not a command that can be given as it stands", command.name());
    Err(Refusal::new(RefusalKind::Malformed, text)
        .hint(format!("{route} takes the person's identifier; the bus makes the command of it")))
}

/// Whether who asked is answered with a fact. An approval may erase other agencies' parts, and what their keys call the
/// person and where there were events about them is not theirs to know.
pub(crate) fn is_told(fact: &Event) -> bool {
    !matches!(fact, Event::Erasure(ErasureEvent::PersonErased { .. } | ErasureEvent::ErasureLooked { .. }))
}

/// Whom facts erase.
pub(crate) fn erased(events: &[Event]) -> Vec<(AgencyName, Pseudonym)> {
    let of = |event: &Event| match event {
        Event::Erasure(ErasureEvent::PersonErased { agency, pseudonym, .. }) => {
            Some((agency.clone(), Pseudonym::parse(pseudonym)?))
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

/// By what a decision's entry is found again.
pub(crate) fn marks(marker: &Marker, events: &[Event]) -> Vec<u64> {
    let names: BTreeSet<&str> = events.iter().filter_map(named).collect();
    names.into_iter().take(MARKS_MAX).map(|name| marker.erasure(name)).collect()
}

/// The erasure that a fact is about.
fn named(event: &Event) -> Option<&str> {
    match event {
        Event::Erasure(event) => event.erasure(),
        _ => None,
    }
}

/// Where there are events about a person, each topic with when the youngest became durable, in milliseconds since 1970.
pub(crate) fn topics_about(core: &Core, person: &Person) -> Result<BTreeMap<TopicName, u64>, Refusal> {
    let found = about::youngest(core, person);
    if let Err(error) = &found {
        tracing::warn!(%error, "where there are events about a person could not be looked up; an erasure waits for it");
    }
    found
}
