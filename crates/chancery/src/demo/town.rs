//! The town: people and what happens to them in a year. Pure and seeded: the same seed is the same town.

use serde_json::{Value, json};

/// Events of the town that agencies publish of their own accord; what follows from them is the agencies' work.
pub struct Town {
    /// Births, by the civil registry.
    pub births: Vec<Value>,
    /// Marriages, by the civil registry.
    pub marriages: Vec<Value>,
    /// Tax payments, by the tax office.
    pub payments: Vec<Value>,
    /// Building permits, by the permits office.
    pub permits: Vec<Value>,
    /// Decisions, by the courts.
    pub decisions: Vec<Value>,
    /// Names and numbers of the people in them: what must not be found in the clear.
    pub planted: Vec<String>,
}

/// SplitMix64: small, and good enough for a town.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }
}

struct Person {
    id: String,
    name: String,
    born: String,
}

const GIVEN: [&str; 16] = [
    "Ada", "Bruno", "Celia", "Dario", "Edda", "Falk", "Greta", "Hugo", "Ines", "Jonas", "Kaia", "Leo",
    "Mara", "Nils", "Orla", "Piet",
];
const FAMILY: [&str; 16] = [
    "Quillfeather",
    "Marrowby",
    "Thistlewood",
    "Ostrander",
    "Vellacott",
    "Pemberwick",
    "Hallowell",
    "Brackenridge",
    "Sunderquist",
    "Larkspurson",
    "Wetherstone",
    "Appelgarth",
    "Rookwood",
    "Kesterholm",
    "Dunmoor",
    "Fennimore",
];
const OFFICES: [&str; 4] = ["North", "South", "Harbour", "Old Town"];
const STREETS: [&str; 5] = ["Long Street", "Mill Lane", "Harbour Road", "Church Square", "Orchard Way"];

/// The source of the civil registry's events.
pub const REGISTER: &str = "urn:xx:civil-registry:register";

impl Town {
    /// The town of this seed, with this many births.
    pub fn new(seed: u64, births: usize) -> Self {
        let mut dice = Dice(seed);
        let people: Vec<Person> = (0..births * 2).map(|n| person(&mut dice, n, 1960, 40)).collect();
        let children: Vec<Person> = (0..births).map(|n| child(&mut dice, &people[n * 2], n)).collect();
        let mut planted: Vec<String> = people.iter().step_by(97).map(|person| person.name.clone()).collect();
        planted.extend(children.iter().step_by(59).flat_map(|child| [child.name.clone(), child.id.clone()]));
        Self {
            births: (0..births)
                .map(|n| birth(&mut dice, n, &children[n], &people[n * 2..n * 2 + 2]))
                .collect(),
            marriages: (0..births / 4).map(|n| marriage(&mut dice, n, &people[n * 4..n * 4 + 2])).collect(),
            payments: (0..births * 5 / 2).map(|n| payment(&mut dice, n, &people[n % people.len()])).collect(),
            permits: (0..births).map(|n| permit(&mut dice, n, &people[n % people.len()])).collect(),
            decisions: (0..births / 2).map(|n| decision(&mut dice, n, &people[n..n + 2])).collect(),
            planted,
        }
    }
}

fn person(dice: &mut Dice, number: usize, from_year: u64, years: u64) -> Person {
    let year = from_year + dice.roll(years);
    let id = format!("{year}-{:04}-{:04}", 1000 + number / 5000, 1000 + number % 5000);
    let name = format!("{} {}", dice.pick(&GIVEN), dice.pick(&FAMILY));
    Person { id, name, born: format!("{year}-{:02}-{:02}", 1 + dice.roll(12), 1 + dice.roll(28)) }
}

fn child(dice: &mut Dice, parent: &Person, number: usize) -> Person {
    let family = parent.name.split_once(' ').map_or("", |(_, family)| family);
    let id = format!("2026-{:04}-{:04}", 7000 + number / 5000, 1000 + number % 5000);
    let born = format!("2026-{:02}-{:02}", 1 + dice.roll(12), 1 + dice.roll(28));
    Person { id, name: format!("{} {family}", dice.pick(&GIVEN)), born }
}

/// An event around its data.
pub fn event(topic: &str, source: &str, id: &str, affair: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": source, "type": topic, "time": "2026-11-23T09:00:00Z",
        "datacontenttype": "application/json", "correlationid": affair,
        "traceparent": format!("00-{:032x}-{:016x}-01", fingerprint(affair), fingerprint(id) as u64 | 1),
        "data": data,
    })
}

/// A number that names a text in a trace (FNV-1a, 128 bits).
fn fingerprint(text: &str) -> u128 {
    text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

fn birth(dice: &mut Dice, number: usize, child: &Person, parents: &[Person]) -> Value {
    let office = dice.pick(&OFFICES);
    let id = format!("birth-{number:06}");
    let mut data = json!({
        "registrationNumber": format!("B-2026-{number:06}"), "registrationOffice": office, "registeredOn": child.born,
        "child": {
            "personId": child.id, "name": child.name, "dateOfBirth": child.born,
            "sex": dice.pick(&["female", "male"]), "placeOfBirth": "Riverside, Xland",
        },
        "parents": [
            {"personId": parents[0].id, "name": parents[0].name, "role": "mother", "municipality": "Riverside"},
            {"personId": parents[1].id, "name": parents[1].name, "role": "father"},
        ],
    });
    if number.is_multiple_of(20) {
        data["child"]["healthNote"] = "Newborn hearing screening to be repeated".into();
    }
    let mut birth = event("civil.birth.registered", REGISTER, &id, &format!("affair-{id}"), data);
    birth["subject"] = child.id.as_str().into();
    birth
}

fn marriage(dice: &mut Dice, number: usize, spouses: &[Person]) -> Value {
    let id = format!("marriage-{number:06}");
    let spouse =
        |person: &Person| json!({"personId": person.id, "name": person.name, "dateOfBirth": person.born});
    let data = json!({
        "registrationNumber": format!("M-2026-{number:06}"), "registrationOffice": dice.pick(&OFFICES),
        "marriedOn": format!("2026-{:02}-{:02}", 1 + dice.roll(12), 1 + dice.roll(28)),
        "spouses": [spouse(&spouses[0]), spouse(&spouses[1])],
    });
    event("civil.marriage.registered", REGISTER, &id, &format!("affair-{id}"), data)
}

/// The tax number that belongs to a person's number.
pub fn tax_id(person: &str) -> String {
    format!("T{:010}", fingerprint(person) % 10_000_000_000)
}

/// The account that belongs to a person's number.
pub fn iban(person: &str) -> String {
    format!("XX{:02}{:018}", fingerprint(person) % 90 + 10, fingerprint(person) % 1_000_000_000_000_000_000)
}

fn payment(dice: &mut Dice, number: usize, payer: &Person) -> Value {
    let id = format!("payment-{number:06}");
    let data = json!({
        "paymentId": format!("{:08x}-0000-4000-8000-{number:012x}", fingerprint(&id) as u32),
        "taxpayer": {"personId": payer.id, "taxId": tax_id(&payer.id), "iban": iban(&payer.id)},
        "tax": dice.pick(&["income", "property", "vehicle"]), "period": "2025",
        "amount": format!("{}.{:02}", 100 + dice.roll(9000), dice.roll(100)), "currency": "XLD",
        "receivedOn": format!("2026-{:02}-{:02}", 1 + dice.roll(12), 1 + dice.roll(28)),
    });
    event("tax.payment.received", "urn:xx:tax-office:cash-desk", &id, &format!("affair-{id}"), data)
}

fn permit(dice: &mut Dice, number: usize, applicant: &Person) -> Value {
    let id = format!("permit-{number:06}");
    let data = json!({
        "permitId": format!("BP-2026-{number:05}"), "municipality": "Riverside",
        "works": dice.pick(&["new-building", "extension", "conversion", "demolition"]),
        "issuedOn": "2026-11-02", "validUntil": "2029-11-02",
        "applicant": {"personId": applicant.id, "name": applicant.name},
        "site": {
            "street": format!("{} {}", 1 + dice.roll(200), dice.pick(&STREETS)), "postcode": "10115",
            "municipality": "Riverside",
        },
    });
    event("permit.building.issued", "urn:xx:permits-office:building", &id, &format!("affair-{id}"), data)
}

fn decision(dice: &mut Dice, number: usize, parties: &[Person]) -> Value {
    let id = format!("decision-{number:06}");
    let data = json!({
        "ecli": format!("ECLI:XX:RC:2026:{number:06}"), "court": "Riverside Court",
        "caseNumber": format!("{} C {}/26", 1 + dice.roll(40), 1 + number), "decidedOn": "2026-11-03",
        "kind": dice.pick(&["judgment", "order", "settlement"]), "area": dice.pick(&["civil", "family", "labour"]),
        "textUrl": format!("https://courts.example/decisions/2026/{number:06}"),
        "title": format!("{} v {}", parties[0].name, parties[1].name),
        "parties": [
            {"name": parties[0].name, "role": "claimant"}, {"name": parties[1].name, "role": "defendant"},
        ],
    });
    event("court.decision.published", "urn:xx:courts:publication", &id, &format!("affair-{id}"), data)
}

/// A flood warning.
pub fn alert(number: usize) -> Value {
    let id = format!("alert-{number:06}");
    let data = json!({
        "identifier": id, "sent": "2026-11-23T09:00:00+00:00", "messageType": "alert", "event": "Flood warning",
        "category": "met", "severity": "severe", "urgency": "immediate", "certainty": "observed",
        "headline": "The river rises: leave the harbour quarter", "area": [{"description": "Harbour quarter"}],
        "expires": "2026-11-23T18:00:00+00:00",
    });
    event("emergency.alert.issued", "urn:xx:emergency-services:control-room", &id, "affair-flood", data)
}

/// What the tax office makes of a birth.
pub fn tax_id_for(birth: &Value) -> Value {
    let child = birth["data"]["child"]["personId"].as_str().unwrap_or_default();
    let data = json!({
        "personId": child, "taxId": tax_id(child), "assignedOn": "2026-11-23", "ground": "birth",
        "office": "Riverside Tax Office",
    });
    caused("tax.id.assigned", "urn:xx:tax-office:identifiers", "tax-id", birth, data)
}

/// What social insurance makes of a birth.
pub fn benefit_for(birth: &Value) -> Value {
    let text = |pointer: &str| birth.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (recipient, cause) = (text("/data/parents/0/personId"), text("/id"));
    let number: String = cause.chars().filter(char::is_ascii_digit).collect();
    let data = json!({
        "decisionNumber": format!("CB-2026-{number:0>7}"), "office": "Family Benefits",
        "child": {"personId": text("/data/child/personId"), "dateOfBirth": text("/data/child/dateOfBirth")},
        "recipient": {"personId": recipient, "name": text("/data/parents/0/name"), "iban": iban(recipient)},
        "grant": {"monthlyAmount": "250.00", "currency": "XLD", "from": "2026-12-01"},
    });
    caused("benefit.child.granted", "urn:xx:social-insurance:family-benefits", "benefit", birth, data)
}

fn caused(topic: &str, source: &str, prefix: &str, cause: &Value, data: Value) -> Value {
    let text = |name: &str| cause[name].as_str().unwrap_or_default();
    let mut event = event(topic, source, &format!("{prefix}-{}", text("id")), text("correlationid"), data);
    event["causationid"] = text("id").into();
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use contract::check::Workspace;
    use contract::compile::compile;
    use governance::Desired;
    use governance::commands::NewTopic;

    #[test]
    fn the_same_seed_is_the_same_town() {
        let (a, b) = (Town::new(7, 40), Town::new(7, 40));
        assert_eq!((&a.births, &a.payments), (&b.births, &b.payments));
        assert_ne!(a.births, Town::new(8, 40).births);
    }

    #[test]
    fn every_event_of_the_town_keeps_its_contract() {
        let files: BTreeMap<String, String> = super::super::offices::governance_files();
        let desired = Desired::from_files(&files).unwrap();
        let contract = |topic: &NewTopic| (topic.topic.to_string(), compile(&topic.contract).unwrap());
        let contracts: BTreeMap<String, _> = desired.topics.values().map(contract).collect();
        let town = Town::new(1, 60);
        let caused = town.births.iter().flat_map(|birth| [tax_id_for(birth), benefit_for(birth)]);
        let all = [&town.births, &town.marriages, &town.payments, &town.permits, &town.decisions];
        let mut checked = 0;
        for event in all.into_iter().flatten().cloned().chain(caused).chain([alert(1)]) {
            let contract = &contracts[event["type"].as_str().unwrap()];
            let data = event["data"].to_string();
            contract
                .check(data.as_bytes(), &mut Workspace::default())
                .unwrap_or_else(|why| panic!("{why:?}: {event}"));
            checked += 1;
        }
        assert!(checked > 400);
    }
}
