//! A migration tried on documents that there are: what became of them, in numbers and places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::carrier::Carrier;
use super::gaps::gaps;
use super::lens::Lens;
use super::names::Names;
use super::tree::Tree;
use super::Misfit;
use crate::check::{Checked, Violation, Workspace};
use crate::compile::{Contract, Fault};
use crate::redact::redact;
use crate::{ClassSet, ContractVersion, Format};

/// What became of documents of the version before: forward to the new one, and back. No value of theirs is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// How many were looked at.
    pub events: u32,
    /// How many more could not be opened, as a key of theirs is gone or out of reach.
    pub unreadable: u32,
    /// How many are valid under the new version.
    pub fit_new: u32,
    /// How many came back from it valid under the old version, and for each of the readers that there are.
    pub fit_old: u32,
    /// How many came back as they were.
    pub same: u32,
    /// Where the others differ: by place, in how many.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub losses: BTreeMap<String, u32>,
    /// What kept some from being valid, and in how many it did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub faults: BTreeMap<String, u32>,
}

impl Rehearsal {
    /// Whether each document that was looked at can be carried.
    pub fn is_sound(&self) -> bool {
        self.fit_new == self.events && self.fit_old == self.events
    }

    /// One sentence, and a line for each place and fault.
    pub fn told(&self, from: ContractVersion) -> Vec<String> {
        let Rehearsal { events, unreadable, fit_new, fit_old, same, losses, faults } = self;
        if *events == 0 && *unreadable == 0 {
            return vec![format!("tried on no event: there is none of {from} yet")];
        }
        let mut lines = vec![format!(
            "tried on the latest {events} events of {from}: {fit_new} fit, {fit_old} come back valid, {same} the same"
        )];
        if *unreadable > 0 {
            lines.push(format!("{unreadable} more cannot be opened and were passed over"));
        }
        lines.extend(losses.iter().map(|(place, count)| format!("{place} comes back different in {count}")));
        lines.extend(faults.iter().map(|(fault, count)| format!("{fault} (in {count})")));
        lines
    }
}

/// Tries the migration of `new` on documents of `old`, whole ones; none where one cannot be opened. They must come back
/// valid for readers of each of the clearances too. The error is what the two schemas say already.
pub fn rehearse(
    old: &Arc<Contract>,
    new: &Contract,
    clearances: &BTreeSet<ClassSet>,
    documents: impl Iterator<Item = Option<Vec<u8>>>,
) -> Result<Rehearsal, Vec<Fault>> {
    let lens = Arc::new(Lens::of(old, new)?);
    let gaps = gaps(old, new);
    if !gaps.is_empty() {
        return Err(gaps);
    }
    let carriers = clearances.iter().map(|cleared| Ok((cleared, Carrier::new(old.clone(), cleared)?)));
    let carriers: Result<Vec<_>, Misfit> = carriers.collect();
    let carriers = carriers.map_err(|misfit| {
        vec![Fault::new(
            "migration",
            misfit.to_string(),
            "leave it out: those who read the topic are asked instead",
        )]
    })?;
    let mut stage = Stage {
        names: Names::of(&[&**old, new]),
        lens: [lens],
        old,
        new,
        carriers,
        work: Workspace::default(),
        found: Rehearsal::default(),
    };
    for document in documents {
        match document {
            Some(document) => stage.play(&document),
            None => stage.found.unreadable += 1,
        }
    }
    Ok(stage.found)
}

struct Stage<'c> {
    names: Names,
    lens: [Arc<Lens>; 1],
    old: &'c Contract,
    new: &'c Contract,
    carriers: Vec<(&'c ClassSet, Carrier)>,
    work: Workspace,
    found: Rehearsal,
}

impl Stage<'_> {
    /// Each fault is counted once a document.
    fn play(&mut self, document: &[u8]) {
        self.found.events += 1;
        if let Err(faults) = self.there_and_back(document) {
            let distinct: BTreeSet<String> = faults.into_iter().collect();
            for fault in distinct {
                *self.found.faults.entry(fault).or_default() += 1;
            }
        }
    }

    fn there_and_back(&mut self, document: &[u8]) -> Result<(), Vec<String>> {
        let said = |misfit: Misfit| vec![misfit.to_string()];
        let forward = self.lens[0].forward(document).map_err(said)?;
        let checked = self.new.check(&forward, &mut self.work);
        let checked = checked.map_err(|violations| self.named(self.new, &violations))?;
        self.found.fit_new += 1;
        let back = self.lens[0].back(&forward).map_err(said)?;
        let valid = self.old.check(&back, &mut self.work);
        valid.map_err(|violations| self.named(self.old, &violations))?;
        for (cleared, carrier) in &self.carriers {
            let handed = self.handed(&forward, &checked, cleared);
            carrier.carry(&self.lens, &handed).map_err(|misfit| vec![self.for_reader(cleared, &misfit)])?;
        }
        self.found.fit_old += 1;
        self.compare(document, &back);
        Ok(())
    }

    /// The new document as a reader who is cleared so is handed it.
    fn handed(&self, document: &[u8], checked: &Checked, cleared: &ClassSet) -> Vec<u8> {
        let classes = self.new.classes();
        let leave_out = |span: &crate::Span| !cleared.clears(&classes[usize::from(span.class)]);
        redact(Format::JsonSchema, document, &checked.spans, &[], leave_out)
    }

    fn compare(&mut self, before: &[u8], after: &[u8]) {
        let (Ok(before), Ok(after)) = (Tree::parse(before), Tree::parse(after)) else { return };
        let mut places = BTreeSet::new();
        before.differences(&after, &mut Vec::new(), &mut |path| {
            places.insert(self.names.pointer(path));
        });
        self.found.same += u32::from(places.is_empty());
        for place in places {
            *self.found.losses.entry(place).or_default() += 1;
        }
    }

    fn named(&self, contract: &Contract, violations: &[Violation]) -> Vec<String> {
        let version = contract.definition.version;
        let place = |violation: &Violation| self.names.in_text(&violation.pointer);
        violations.iter().map(|one| format!("{version}: {} is not valid", place(one))).collect()
    }

    fn for_reader(&self, cleared: &ClassSet, misfit: &Misfit) -> String {
        let classes: Vec<&str> = cleared.iter().map(|class| class.as_str()).collect();
        let classes = if classes.is_empty() { "public alone".to_owned() } else { classes.join(", ") };
        format!("for a reader cleared for {classes}: {misfit}")
    }
}
