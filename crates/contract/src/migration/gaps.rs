//! What a new version admits that no step takes back, as far as its schema says so.
//!
//! A trial plays events of the version before; what only the new version can have is in none of them. So both schemas are
//! held against each other, place by place: each place of the new one goes back through the steps and must come to one of
//! the old, with no more types and no more texts, and what the old one asks for must come back. What a schema says in
//! another way (bounds, patterns, conditions) is not weighed here.

use std::collections::BTreeSet;

use serde_json::Value;

use super::lens::divided;
use super::step::{Scalar, Step};
use crate::ContractVersion;
use crate::compile::{Contract, Fault};
use crate::formats::json::{self, Ids, Texts};
use crate::places::{self, Places, Types};
use crate::pointer::Pointer;

/// Most texts that a fault names.
const TEXTS_TOLD: usize = 5;

/// Where no step helps.
const LEAVE_OUT: &str = "or leave the migration out: those who read the topic are asked instead";

/// Everything that documents of `new` may have and `old`, with the steps taken back, does not admit.
pub(super) fn gaps(old: &Contract, new: &Contract) -> Vec<Fault> {
    let values = [old, new].map(|it| json::value_of(&it.definition.schema));
    let [before, after] = [&values[0], &values[1]].map(Ids::of);
    let steps = new.definition.migration.as_deref().unwrap_or_default();
    let mut gaps = Gaps {
        old: Side { version: old.definition.version, ids: &before },
        new: Side { version: new.definition.version, ids: &after },
        steps,
        found: Vec::new(),
    };
    gaps.of_new();
    gaps.of_old();
    gaps.found
}

#[derive(Clone, Copy)]
struct Side<'g> {
    version: ContractVersion,
    ids: &'g Ids<'g>,
}

impl Side<'_> {
    /// Every place that is declared, the document first.
    fn places(&self) -> Vec<Pointer> {
        let declared = self.ids.declared().into_keys().filter_map(|place| Pointer::parse(&place).ok());
        let places: BTreeSet<Pointer> = declared.chain([Pointer::root()]).collect();
        places.into_iter().collect()
    }

    /// Whether `name` is there whenever what it is in is.
    fn demands(&self, place: &[String]) -> bool {
        let Some((name, above)) = place.split_last() else { return true };
        self.ids.locate(above).is_some_and(|above| self.ids.demands(&above, name))
    }
}

struct Gaps<'g> {
    old: Side<'g>,
    new: Side<'g>,
    steps: &'g [Step],
    found: Vec<Fault>,
}

/// What may stand at a place of the new version, on its way back.
struct Going {
    /// Where it is by now.
    at: Vec<String>,
    types: Types,
    texts: Texts,
    /// Whether a step made it, to put something in, and drops it again.
    is_made: bool,
}

impl Gaps<'_> {
    fn fault(&mut self, problem: String, remedy: impl Into<String>) {
        self.found.push(Fault::new("migration", problem, remedy));
    }

    /// Each place of the new version, the uppermost of those that go nowhere.
    fn of_new(&mut self) {
        let mut lost: Vec<Pointer> = Vec::new();
        for place in self.new.places() {
            if !lost.iter().any(|above| leads_to(above.tokens(), place.tokens())) && !self.goes_back(&place) {
                lost.push(place);
            }
        }
    }

    /// Whether the place comes to one of the old version, so that what is below it is looked at too.
    fn goes_back(&mut self, place: &Pointer) -> bool {
        let Some(going) = self.taken_back(place) else { return false };
        let (old, new) = (self.old.version, self.new.version);
        match self.old.ids.locate(&going.at) {
            Some(there) => {
                self.fits(place, &going, &there);
                true
            }
            None if going.is_made && going.types == Types::OBJECT => true,
            None if going.is_made => {
                let problem =
                    format!("at {place} {new} takes {}, of which only objects go back", going.types);
                self.fault(problem, format!("let it be an object alone, {LEAVE_OUT}"));
                false
            }
            None if place.tokens().last().is_some_and(|name| name == "*") => {
                let problem = format!("{new} has {place}, which {old} does not have");
                self.fault(problem, format!("let {old} and {new} have the same there, {LEAVE_OUT}"));
                false
            }
            None => {
                let problem = format!("{new} has {place}, {old} does not, and no step says so");
                self.fault(
                    problem,
                    format!("write the step `added: {place}`, or `renamed` from where it stood"),
                );
                false
            }
        }
    }

    /// A place of the new version through all steps; nothing where one of them takes it out.
    fn taken_back(&self, place: &Pointer) -> Option<Going> {
        let here = self.new.ids.locate(place.tokens())?;
        let (types, texts) = (self.new.ids.types(&here), self.new.ids.texts(&here));
        let mut going = Going { at: place.tokens().to_vec(), types, texts, is_made: false };
        for step in self.steps.iter().rev() {
            match step {
                Step::Added { at, .. } if leads_to(at.tokens(), &going.at) => return None,
                Step::Renamed { from, to } if leads_to(to.tokens(), &going.at) => {
                    going.at = moved(&going.at, to, from);
                }
                Step::Renamed { to, .. } => going.is_made |= leads_on_from(to.tokens(), &going.at),
                Step::Mapped { at, values, otherwise } if is_at(at.tokens(), &going.at) => {
                    let back = |text: &String| {
                        let known = values.iter().find(|(_, new)| *new == text).map(|(old, _)| old);
                        known.or(otherwise.as_ref()).unwrap_or(text).clone()
                    };
                    let any = otherwise.as_ref().map(|other| values.keys().chain([other]).cloned().collect());
                    going.texts = going.texts.map(|texts| texts.iter().map(back).collect()).or(any);
                }
                Step::Converted { at, old, .. } if is_at(at.tokens(), &going.at) => {
                    let null = going.types.and(Types::NULL);
                    going.types = Types::named(old.as_str()).or(null);
                    // Which texts the others come to is for the trial to say.
                    going.texts = Some(BTreeSet::new());
                }
                _ => {}
            }
        }
        Some(going)
    }

    /// Whether what comes back is taken where it comes to.
    fn fits(&mut self, place: &Pointer, going: &Going, there: &<Ids<'_> as Places>::Place) {
        let (old, new) = (self.old.version, self.new.version);
        let takes = self.old.ids.types(there);
        if !going.types.is_within(takes) {
            let remedy = self.conversion(place, takes);
            let problem = format!("{} comes back as {}, and {old} takes {takes}", told(place), going.types);
            return self.fault(problem, remedy);
        }
        self.listed(place, going, self.old.ids.texts(there));
        let Some(here) = self.new.ids.locate(place.tokens()) else { return };
        let others = [(places::Step::OtherMembers, "members"), (places::Step::OtherElements, "elements")];
        for (rest, of) in others {
            if self.new.ids.is_open(&here, &rest) && !self.old.ids.is_open(there, &rest) {
                let remedy = format!("let {new} say as much of them as {old}, {LEAVE_OUT}");
                self.fault(format!("{} may have any {of} in {new}, not so in {old}", told(place)), remedy);
            }
        }
    }

    fn conversion(&self, place: &Pointer, takes: Types) -> String {
        let scalar = |types: Types| {
            let all = [Scalar::String, Scalar::Number, Scalar::Integer, Scalar::Boolean];
            all.into_iter().find(|one| types.and(Types::ANY_BUT_NULL) == Types::named(one.as_str()))
        };
        let here = self.new.ids.locate(place.tokens()).map_or(Types::NONE, |it| self.new.ids.types(&it));
        match (scalar(takes), scalar(here)) {
            (Some(before), Some(now))
                if (before == Scalar::String) != (now == Scalar::String)
                    && here.and(Types::NULL).is_within(takes) =>
            {
                format!(
                    "write the step `converted: {{at: {place}, old: {}, new: {}}}`",
                    before.as_str(),
                    now.as_str()
                )
            }
            _ => format!("let {} take no more than {}, {LEAVE_OUT}", self.new.version, self.old.version),
        }
    }

    /// Whether each text that comes back is one that is listed there.
    fn listed(&mut self, place: &Pointer, going: &Going, listed: Texts) {
        let Some(listed) = listed else { return };
        if going.types.and(Types::STRING) == Types::NONE {
            return;
        }
        let (old, new) = (self.old.version, self.new.version);
        let lost = match &going.texts {
            None => "any text".to_owned(),
            Some(texts) => {
                let lost: Vec<&str> = texts.difference(&listed).map(String::as_str).collect();
                if lost.is_empty() {
                    return;
                }
                let told = lost.iter().take(TEXTS_TOLD).map(|text| Value::from(*text).to_string());
                let more = if lost.len() > TEXTS_TOLD { " and others" } else { "" };
                format!("{}{more}", told.collect::<Vec<_>>().join(", "))
            }
        };
        let problem = format!("at {place} {new} has {lost}, which {old} does not list");
        let remedy =
            format!("write the step `mapped` at {place}, with a text of {old} for each or `otherwise`");
        self.fault(problem, remedy);
    }

    /// Each place that the old version asks for.
    fn of_old(&mut self) {
        for place in self.old.places() {
            if place != Pointer::root() && self.old.demands(place.tokens()) && !self.comes_back(&place) {
                let (old, new) = (self.old.version, self.new.version);
                let problem = format!("{old} asks for {place}, which not each document of {new} gives back");
                let remedy =
                    format!("let {new} ask for it, or write the step `removed: {place}` with a `value`");
                self.fault(problem, remedy);
            }
        }
    }

    /// Whether a place that the old version asks for is there again, whenever what it is in is. Where that is not to be
    /// seen from the schemas, it is taken to be.
    fn comes_back(&self, place: &Pointer) -> bool {
        let mut at = place.tokens().to_vec();
        for step in self.steps {
            match step {
                Step::Removed { at: gone, value } if is_at(gone.tokens(), &at) => return value.is_some(),
                Step::Removed { at: gone, .. } if leads_to(gone.tokens(), &at) => return true,
                Step::Renamed { from, to } if leads_to(from.tokens(), &at) => at = moved(&at, from, to),
                _ => {}
            }
        }
        let above = self.taken_forward(&place.tokens()[..place.tokens().len() - 1]);
        if self.new.ids.locate(&above).is_none() {
            return true;
        }
        if self.new.ids.locate(&at).is_some() {
            return self.is_always_in(&above, &at);
        }
        // Something that goes back into it makes it.
        let mut made_by = self.steps.iter().filter_map(|step| match step {
            Step::Renamed { from, to } if leads_on_from(from.tokens(), place.tokens()) => Some(to),
            _ => None,
        });
        made_by.any(|to| self.is_always_in(&above, to.tokens()))
    }

    fn taken_forward(&self, place: &[String]) -> Vec<String> {
        self.steps.iter().fold(place.to_vec(), |at, step| match step {
            Step::Renamed { from, to } if leads_to(from.tokens(), &at) => moved(&at, from, to),
            _ => at,
        })
    }

    /// Whether a document of the new version that has `above` has `place`.
    fn is_always_in(&self, above: &[String], place: &[String]) -> bool {
        let shared = above.iter().zip(place).take_while(|(one, other)| one == other).count();
        (shared + 1..=place.len()).all(|length| self.new.demands(&place[..length]))
    }
}

fn told(place: &Pointer) -> String {
    if *place == Pointer::root() { "the document".to_owned() } else { place.to_string() }
}

/// Whether a step's pointer is a place, or above it; its `*` is any member or element.
fn leads_to(pointer: &[String], place: &[String]) -> bool {
    pointer.len() <= place.len()
        && pointer.iter().zip(place).all(|(token, name)| token == "*" || token == name)
}

fn is_at(pointer: &[String], place: &[String]) -> bool {
    pointer.len() == place.len() && leads_to(pointer, place)
}

/// Whether a step's pointer leads on from a place.
fn leads_on_from(pointer: &[String], place: &[String]) -> bool {
    pointer.len() > place.len() && leads_to(&pointer[..place.len()], place)
}

/// A place at or below `from`, with what leads there replaced by `to`; both share all up to their last `*`.
fn moved(place: &[String], from: &Pointer, to: &Pointer) -> Vec<String> {
    let (shared, _) = divided(from);
    let (_, there) = divided(to);
    let below = &place[from.tokens().len()..];
    place[..shared.len()].iter().chain(there).chain(below).cloned().collect()
}
