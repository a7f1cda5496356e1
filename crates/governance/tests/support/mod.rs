//! A small bus to try decisions on: agency `a` owns topics, agency `b` consumes them.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use contract::schemas::{Compatibility, Source};
use contract::{
    AgencyName, Class, ClassSet, ContractVersion, Definition, Effect, Pointer, Rehearsal, TopicName, Weight,
};
use governance::quarantine::Waiting;
use governance::state::Person;
use governance::{
    Actor, Command, ContractCheck, Desired, Event, Quarantined, ReadSchema, Refused, Role, Roles, State,
    apply, apply_all, decide, notices, plan,
};
use serde_json::{Value, json};

/// 2026-01-01.
pub const NOW: u64 = 1_767_225_600_000;
pub const DAY_MS: u64 = 86_400_000;

/// The public key of the vector in `docs/formats/end-to-end.md`, and its id.
pub const PUBLIC_KEY: &str = "e2e-public1.e06Qm75__kTEZaIgA31gjuNYl9Me-XLwf3SJLLD3PxM";
pub const KEY_ID: &str = "d19bf3f082782c87b783fe7134698aef";

/// Takes every contract but those whose schema says `bad`.
pub struct Check;

impl ContractCheck for Check {
    fn faults(&self, definition: &Definition, _: &[Class]) -> Vec<String> {
        if definition.schema == "bad" {
            vec!["schema: is bad".into(), "schema: twice".into()]
        } else {
            Vec::new()
        }
    }

    /// Of `x.one` 16, 17 and 18 wait, of which 16 was replaced; 19 was released, 20 discarded.
    fn quarantined(&self, topic: &TopicName, _: u32, offset: u64) -> Option<Quarantined> {
        match (topic.as_str(), offset) {
            ("x.one", 16..=18) => {
                Some(Quarantined::Undecided { key: "1".repeat(32), is_replaced: offset == 16 })
            }
            ("x.one", 19) => Some(Quarantined::Released),
            ("x.one", 20) => Some(Quarantined::Discarded),
            _ => None,
        }
    }

    fn waiting(&self, topic: &TopicName) -> Waiting {
        match topic.as_str() {
            "x.one" => Waiting { undecided: 3, released: 1 },
            "x.two" => Waiting { undecided: 0, released: 2 },
            _ => Waiting::default(),
        }
    }

    /// A word with a question mark speaks of a person.
    fn smells(&self, definition: &Definition) -> BTreeMap<Pointer, &'static str> {
        let words = definition.schema.split_whitespace().filter_map(|word| word.strip_suffix('?'));
        words.map(|word| (Pointer::parse(&format!("/{word}")).unwrap(), "an e-mail address")).collect()
    }

    /// A word that is lost breaks, a new one does not, and other classes are less protective.
    fn effects(&self, old: &Definition, new: &Definition) -> Vec<Effect> {
        let words = |it: &Definition| -> BTreeSet<String> {
            it.schema.split_whitespace().map(str::to_owned).collect()
        };
        let (before, after) = (words(old), words(new));
        let gone =
            before.difference(&after).map(|word| Effect::on_all(Weight::Breaking, format!("{word} is gone")));
        let come = after
            .difference(&before)
            .map(|word| Effect::on_all(Weight::Compatible, format!("{word} is new")));
        let classes =
            (old.classify != new.classify).then(|| Effect::on_all(Weight::LessProtective, "classes"));
        gone.chain(come).chain(classes).collect()
    }

    /// Migrations are sound unless the new schema says `lossy`; the old one counts as its only event. What is lost are the
    /// names of the versions that it was taken back to.
    fn rehearse(
        &self,
        way: &[Arc<Definition>],
        new: &Definition,
        _: &BTreeSet<ClassSet>,
    ) -> Result<Rehearsal, Vec<String>> {
        let sound = u32::from(!new.schema.contains("lossy"));
        let losses = way.iter().map(|to| (to.version.to_string(), 1)).collect();
        Ok(Rehearsal { events: 1, fit_new: 1, fit_old: sound, same: sound, losses, ..Rehearsal::default() })
    }

    /// A schema's places are its words: `a b` has `/a` and `/b`; `a!` has the tag PII on `/a`.
    fn read(&self, source: &Source, normalize: bool) -> Result<ReadSchema, String> {
        if source.text == "unreadable" {
            return Err("schema: cannot be read".to_owned());
        }
        let mut words: Vec<&str> = source.text.split_whitespace().collect();
        if normalize {
            words.sort_unstable();
        }
        let text = words.join(" ");
        let referred: Vec<&str> = source.references.values().map(String::as_str).collect();
        let place = |word: &&str| Pointer::parse(&format!("/{}", word.trim_end_matches('!'))).unwrap();
        let marked = words.iter().filter(|word| word.ends_with('!'));
        Ok(ReadSchema {
            standalone: [&[text.as_str()][..], &referred].concat().join(" + "),
            places: words.iter().map(place).collect(),
            tags: marked.map(|word| (place(word), BTreeSet::from(["PII".to_owned()]))).collect(),
            text,
        })
    }

    /// A schema goes on if it keeps the first word of those before: of the last, or if transitive of all.
    fn incompatibilities(&self, mode: Compatibility, new: &Source, earlier: &[Source]) -> Vec<String> {
        let first = |source: &Source| source.text.split_whitespace().next().map(str::to_owned);
        let asked = match mode {
            Compatibility::None => &[],
            Compatibility::Backward => &earlier[earlier.len().saturating_sub(1)..],
            _ => earlier,
        };
        let lost = asked.iter().filter(|before| first(before) != first(new));
        lost.map(|before| format!("{:?} is lost", first(before))).collect()
    }

    /// Of `a`'s, a person whose pseudonym begins with `y` has an event of today in `x.one`, and any other an old one there.
    /// One that begins with `2` has another one in `x.two`. Nobody else seals anything.
    fn events_about(&self, person: &Person) -> Result<BTreeMap<TopicName, u64>, String> {
        if person.agency.as_str() != "a" {
            return Ok(BTreeMap::new());
        }
        let youngest_ms = if person.pseudonym.starts_with('y') { NOW } else { 1 };
        let second = person.pseudonym.starts_with('2').then(|| (topic("x.two"), 1));
        Ok([(topic("x.one"), youngest_ms)].into_iter().chain(second).collect())
    }
}

pub fn actor(name: &str, roles: &[Role]) -> Actor {
    let principal: contract::PrincipalName = name.parse().unwrap();
    let roles: Roles = roles.iter().copied().collect();
    Actor { agency: principal.agency(), principal, roles }
}

pub fn operator() -> Actor {
    actor("root@central", &[Role::Operator])
}

pub fn command(json: Value) -> Command {
    serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

pub fn topic(name: &str) -> TopicName {
    name.parse().unwrap()
}

pub fn agency(name: &str) -> AgencyName {
    name.parse().unwrap()
}

pub fn definition(topic: &str, version: u32, schema: &str) -> Value {
    json!({"topic": topic, "version": version, "format": "json-schema", "schema": schema, "classify": {}})
}

pub fn create_topic(name: &str) -> Value {
    json!({"command": "create-topic", "topic": name, "owner": "a", "steward": "s@a", "deputy": "t@a",
        "description": "x", "legal_basis": "§1", "retention": "90d", "contract": definition(name, 1, "{}")})
}

pub fn request(name: &str, topic: &str, clears: &[&str]) -> Value {
    json!({"command": "request-subscription", "subscription": name, "topic": topic, "agency": "b",
        "purpose": "p", "legal_basis": "§2", "clears": clears, "expires": "2028-01-01"})
}

pub fn decided(state: &State, actor: &Actor, json: Value) -> Result<Vec<Event>, Refused> {
    decide(state, actor, &command(json), NOW, &Check)
}

/// Decides and applies; a refusal fails the test.
pub fn done(state: &mut State, actor: &Actor, json: Value) -> Vec<Event> {
    let events = decided(state, actor, json.clone()).unwrap_or_else(|refused| panic!("{refused}: {json}"));
    events.iter().for_each(|event| apply(state, event, NOW));
    events
}

pub fn opened() -> State {
    let mut state = State::default();
    let open = json!({"command": "open-bus", "operator": "root@central", "name": "Digital Agency",
        "token_hash": "00".repeat(32)});
    done(&mut state, &operator(), open);
    state
}

/// Topics `x.one` and `x.two` of `a`, each with v2 proposed; `b.live` (public) and `b.asked` (personal) to `x.one`.
pub fn small_bus() -> State {
    let mut state = opened();
    let root = operator();
    for name in ["a", "b"] {
        done(&mut state, &root, json!({"command": "register-agency", "agency": name, "name": name}));
    }
    for (name, role) in [
        ("u@a", "steward"),
        ("p@a", "producer"),
        ("c@b", "steward"),
        ("d@b", "dpo"),
        ("k@b", "consumer"),
        ("r@b", "regulator"),
    ] {
        let agency = &name[2..];
        done(
            &mut state,
            &root,
            json!({"command": "create-principal", "principal": name, "agency": agency, "roles": [role]}),
        );
    }
    for name in ["x.one", "x.two"] {
        done(&mut state, &root, create_topic(name));
        done(
            &mut state,
            &root,
            json!({"command": "propose-contract", "definition": definition(name, 2, "{}")}),
        );
    }
    done(&mut state, &root, request("b.live", "x.one", &[]));
    done(&mut state, &actor("c@b", &[Role::Steward]), request("b.asked", "x.one", &["personal"]));
    state
}

/// The small bus, with the bus's own topics.
pub fn telling_bus() -> State {
    let mut state = small_bus();
    notices::missing(&state).iter().for_each(|event| apply(&mut state, event, NOW));
    state
}

pub fn closed(mut state: State) -> State {
    done(&mut state, &operator(), json!({"command": "close-bootstrap"}));
    state
}

pub fn version(number: u32) -> ContractVersion {
    ContractVersion(number)
}

/// The files of a folder of the repository, by their paths in it.
pub fn folder(path: &str) -> BTreeMap<String, String> {
    fn walk(root: &Path, at: &Path, files: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let mut files = BTreeMap::new();
    walk(&root, &root, &mut files);
    files
}

/// What a folder's files say.
pub fn desired(files: &BTreeMap<String, String>) -> Desired {
    Desired::from_files(files).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// The state after the operator applied a folder.
pub fn applied(state: &State, desired: &Desired) -> State {
    let mut state = state.clone();
    let plan = plan(&state, desired, NOW, &Check);
    let ruling = apply_all(&state, &operator(), &plan, NOW, &Check)
        .unwrap_or_else(|(step, refused)| panic!("{}: {refused}", step.what));
    ruling.events.iter().for_each(|event| apply(&mut state, event, NOW));
    state
}
