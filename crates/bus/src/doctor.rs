//! Looking over a data folder, read-only: the journal's own check is the engine's; this checks what is folded from it.

use std::fmt;
use std::path::Path;

use audit::proof::root;
use audit::{Frontier, leaf_hash};
use governance::notices::Way;
use governance::{Event, State};
use journal::{Journal, JournalError, Offset, StreamInfo};

use crate::lanes::Lane;
use crate::notices::failures::{Failure, Failures};
use crate::notices::{self, Notices};
use crate::open::{Decided, fold_governance};
use crate::streams::Streams;
use crate::subscriptions::places::Places;
use crate::{fold, record};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub what: String,
    /// Whether it is as it should be.
    pub sound: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.sound { "ok   " } else { "WRONG" }, self.what)
    }
}

fn sound(what: String) -> Finding {
    Finding { what, sound: true }
}

fn wrong(what: String) -> Finding {
    Finding { what, sound: false }
}

/// Looks over everything that is folded from a journal opened read-only, and the views beside it in `data`.
pub fn examine(data: &Path, journal: &dyn Journal) -> Result<Vec<Finding>, JournalError> {
    let infos = journal.streams();
    let Some(streams) = own_streams(&infos) else {
        return Ok(vec![wrong(
            "the journal has not the bus's own streams: no bus was ever started here".to_owned(),
        )]);
    };
    let mut findings = Vec::new();
    let notices = Notices::default();
    let tell = |state: &State, event: &Event, at: &Decided| {
        notices.fold(state, event, at.at_ms, at.place);
        notices.forget(Offset::MAX);
    };
    match fold_governance(journal, &streams, tell) {
        Ok((state, decisions)) => {
            let (topics, subscriptions) = (state.topics().count(), state.subscriptions().count());
            findings.push(sound(format!(
                "governance: {decisions} decisions, {topics} topics, {subscriptions} subscriptions"
            )));
            let places = Places::default();
            places.fold(journal, streams.places[Lane::Standard as usize])?;
            findings.push(sound(told(data, &state, &notices, &places)));
        }
        Err(error) => findings.push(wrong(format!("governance: {error}"))),
    }
    for lane in Lane::ALL {
        findings.push(examine_audit(data, journal, lane, &streams)?);
    }
    findings.push(examine_events(journal, &infos)?);
    Ok(findings)
}

/// What has yet to be told to whom beyond the bus, and what failed last. Nobody's folder is wrong for a mail server
/// that is away.
fn told(data: &Path, state: &State, notices: &Notices, places: &Places) -> String {
    let mut waiting = Vec::new();
    for agency in state.agencies() {
        for way in Way::ALL {
            let count = notices::waiting(notices, places, agency, way);
            if count > 0 {
                waiting.push(format!("{} by {} {count}", agency.agency, way.as_str()));
            }
        }
    }
    let waiting = if waiting.is_empty() { "none waits for a letter".to_owned() } else { waiting.join(", ") };
    let failed = Failures::read(data).0.into_iter().map(|(way, last)| {
        let Failure { agency, at, why } = last;
        format!("; last failure by {way}: {agency} at {at}: {why}")
    });
    format!("notices: {waiting}{}", failed.collect::<String>())
}

/// The bus's own streams, by their names; nothing is made.
fn own_streams(infos: &[StreamInfo]) -> Option<Streams> {
    let id = |name: &str| infos.iter().find(|info| info.spec.name == name).map(|info| info.id);
    let three = |kind: &str| {
        let [a, b, c] = Lane::ALL.map(|lane| id(&format!("{kind}/{}", lane.name())));
        Some([a?, b?, c?])
    };
    Some(Streams {
        governance: id("governance")?,
        agency_keys: id("agency-keys")?,
        audit: three("audit")?,
        places: three("places")?,
        dead_letters: three("dead-letters")?,
        producers: three("producers")?,
        members: three("members")?,
        people: three("people")?,
        // A bus of before has none, and none of them is looked at.
        questions: id("questions").or_else(|| id("governance"))?,
        quarantine: three("quarantine").or_else(|| three("people"))?,
    })
}

/// Hashes every entry anew and compares with the kept hashes.
fn examine_audit(
    data: &Path,
    journal: &dyn Journal,
    lane: Lane,
    streams: &Streams,
) -> Result<Finding, JournalError> {
    let mut tree = Frontier::default();
    let mut unread = 0u64;
    fold::each(journal, streams.audit[lane as usize], 0, |entry| {
        tree.push(leaf_hash(&entry.body));
        unread += u64::from(audit::Entry::decode(&entry.body).is_err());
    })?;
    let what = format!("audit of lane {}: {} leaves, root {}", lane.name(), tree.size(), tree.root());
    let folder = data.join("views/audit").join(lane.name());
    let kept = crate::audit_logs::Levels::kept(&folder).map(|(levels, size)| (root(size, &levels), size));
    let agrees = match kept {
        Some((kept, size)) if size == tree.size() => kept.is_ok_and(|kept| kept == tree.root()),
        _ => true,
    };
    Ok(match (agrees, unread) {
        (true, 0) => sound(what),
        (false, _) => {
            wrong(format!("{what}; the hashes under {} differ: delete that folder", folder.display()))
        }
        (true, unread) => wrong(format!("{what}; {unread} entries do not read")),
    })
}

/// Reads every event's record.
fn examine_events(journal: &dyn Journal, infos: &[StreamInfo]) -> Result<Finding, JournalError> {
    let (mut events, mut unread) = (0u64, 0u64);
    for info in infos.iter().filter(|info| info.spec.name.starts_with("topic/")) {
        fold::each(journal, info.id, 0, |stored| {
            events += 1;
            let sealed =
                record::read(&stored.body).map(|read| seal::SealedForm::parse(read.sealed()).is_ok());
            unread += u64::from(sealed != Ok(true));
        })?;
    }
    Ok(match unread {
        0 => sound(format!("{events} events read")),
        unread => wrong(format!("{unread} of {events} events do not read")),
    })
}
