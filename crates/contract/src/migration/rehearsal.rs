//! A migration tried on documents that there are: what became of them, in numbers and places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Misfit;
use super::carrier::Carrier;
use super::gaps::gaps;
use super::lens::Lens;
use super::names::Names;
use super::tree::Tree;
use crate::check::{Checked, Violation, Workspace};
use crate::compile::{Contract, Fault};
use crate::limits::REHEARSED_CLASSES;
use crate::redact::redact;
use crate::{Class, ClassSet, ContractVersion, Format};

/// What became of documents of the version before: forward to the new one, and back. No value of theirs is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// How many were looked at.
    pub events: u32,
    /// How many more could not be opened, as a key of theirs is gone or out of reach.
    pub unreadable: u32,
    /// How many are valid under the new version.
    pub fit_new: u32,
    /// How many came back from it valid under the old version, and for each of the readers who may be carried.
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

/// Tries the migration of `new` on documents of the version that it leads back to, whole ones; none where one cannot be
/// opened. `way` has that version first, and then those that the way back leads on to: a document must come back valid to
/// each of them, for readers of each clearance. The error is what the schemas say already.
pub fn rehearse(
    way: &[Arc<Contract>],
    new: &Contract,
    in_use: &BTreeSet<ClassSet>,
    documents: impl Iterator<Item = Option<Vec<u8>>>,
) -> Result<Rehearsal, Vec<Fault>> {
    let Some(old) = way.first() else { return Ok(Rehearsal::default()) };
    let mut lenses = vec![Arc::new(Lens::of(old, new)?)];
    let gaps = gaps(old, new);
    if !gaps.is_empty() {
        return Err(gaps);
    }
    for pair in way.windows(2) {
        lenses.push(Arc::new(Lens::of(&pair[1], &pair[0])?));
    }
    let mut readers = Vec::new();
    for cleared in clearances(way.iter().map(|it| &**it).chain([new]), in_use) {
        let carriers =
            way.iter().map(|to| Carrier::new(to.clone(), &cleared).map_err(|it| vec![no_view(&it)]));
        readers.push(Readers { carriers: carriers.collect::<Result<_, _>>()?, cleared });
    }
    let (names, work) = (Names::of(&[&**old, new]), Workspace::default());
    let mut stage = Stage { names, lenses, old, new, readers, work, found: Rehearsal::default() };
    for document in documents {
        match document {
            Some(document) => stage.play(&document),
            None => stage.found.unreadable += 1,
        }
    }
    Ok(stage.found)
}

fn no_view(misfit: &Misfit) -> Fault {
    let remedy = "leave it out: those who read the topic are asked instead";
    Fault::new("migration", misfit.to_string(), remedy)
}

/// The clearances to try: every one that can be told apart by what these contracts seal where that is little, as readers
/// may come who are cleared otherwise; else those in use, none and all.
fn clearances<'c>(
    contracts: impl Iterator<Item = &'c Contract>,
    in_use: &BTreeSet<ClassSet>,
) -> BTreeSet<ClassSet> {
    let sealed: BTreeSet<&Class> =
        contracts.flat_map(Contract::classes).filter(|it| it.is_sealed()).collect();
    let all: Vec<Class> = sealed.into_iter().cloned().collect();
    if all.len() > REHEARSED_CLASSES {
        return in_use.iter().cloned().chain([ClassSet::default(), all.into_iter().collect()]).collect();
    }
    let chosen = |which: u32| {
        let is_in = |(index, _): &(usize, &Class)| which & (1 << index) != 0;
        all.iter().enumerate().filter(is_in).map(|(_, class)| class.clone()).collect()
    };
    (0..1 << all.len()).map(chosen).collect()
}

/// Those of one clearance who may be carried.
struct Readers {
    cleared: ClassSet,
    /// One for each version that the way back leads to, the newest first.
    carriers: Vec<Carrier>,
}

struct Stage<'c> {
    names: Names,
    /// The newest first.
    lenses: Vec<Arc<Lens>>,
    old: &'c Contract,
    new: &'c Contract,
    readers: Vec<Readers>,
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
        let forward = self.lenses[0].forward(document).map_err(said)?;
        let checked = self.new.check(&forward, &mut self.work);
        let checked = checked.map_err(|violations| self.named(self.new, &violations))?;
        self.found.fit_new += 1;
        let back = self.lenses[0].back(&forward).map_err(said)?;
        let valid = self.old.check(&back, &mut self.work);
        valid.map_err(|violations| self.named(self.old, &violations))?;
        for Readers { cleared, carriers } in &self.readers {
            let handed = self.handed(&forward, &checked, cleared);
            for (carrier, steps) in carriers.iter().zip(1..) {
                let carried = carrier.carry(&self.lenses[..steps], &handed);
                carried.map_err(|misfit| vec![self.for_reader(cleared, &misfit)])?;
            }
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
