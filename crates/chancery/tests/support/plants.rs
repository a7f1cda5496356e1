//! Random events in which every classified value is planted: it can be told wherever it turns up.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

/// Stands in every planted text.
const MARKER: &str = "Zq9vX7Kw";
/// How planted numbers of persons and of register entries begin: their contract wants digits.
const NUMBER: &str = "7391-2";
/// How planted days begin.
const DAY: &str = "1871-0";

/// Makes planted values, and finds them.
pub struct Plants {
    /// What they follow from.
    pub seed: u64,
    state: u64,
    persons: u32,
    needles: Vec<(&'static str, Vec<u8>)>,
}

/// A language of serializers.
#[derive(Clone, Copy)]
pub enum Language {
    Avro,
    Json,
    Protobuf,
}

/// What is planted of a holder of permits.
pub struct Holder {
    person: String,
    name: String,
    colour: Option<String>,
    permits: Vec<(String, u64)>,
}

impl Plants {
    pub fn new() -> Self {
        let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
        let mut needles = vec![
            ("as it is", MARKER.as_bytes().to_vec()),
            ("in small letters", MARKER.to_lowercase().into_bytes()),
            ("in capitals", MARKER.to_uppercase().into_bytes()),
            ("in UTF-16", MARKER.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            ("a number", NUMBER.as_bytes().to_vec()),
            ("a day", DAY.as_bytes().to_vec()),
        ];
        let hex: String = MARKER.bytes().map(|byte| format!("{byte:02x}")).collect();
        needles.push(("in hex", hex.to_uppercase().into_bytes()));
        needles.push(("in hex", hex.into_bytes()));
        for before in 0..3 {
            // The letters of base64 that hold nothing but the marker, wherever in three bytes it begins.
            let text = STANDARD_NO_PAD.encode([&b"abc"[..before], MARKER.as_bytes()].concat());
            let (from, to) = ((before * 4).div_ceil(3), (before + MARKER.len()) * 4 / 3);
            needles.push(("in base64", text.as_bytes()[from..to].to_vec()));
        }
        Self { seed, state: seed, persons: 0, needles }
    }

    /// How the first planted value stands in it that there is.
    pub fn found_in(&self, bytes: &[u8]) -> Option<(&'static str, String)> {
        self.needles.iter().find_map(|(how, needle)| {
            let at = memchr::memmem::find(bytes, needle)?;
            let around = &bytes[at.saturating_sub(60)..bytes.len().min(at + 60)];
            Some((*how, String::from_utf8_lossy(around).into_owned()))
        })
    }

    /// Whether anything planted stands in it.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.found_in(bytes).is_some()
    }

    /// Xorshift, by Marsaglia.
    fn random(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % below
    }

    /// A text of a length that varies.
    fn word(&mut self) -> String {
        let before = ["", "Ann ", "ß", "日本 ", "\"", "\\ "][self.random(6) as usize];
        let more = self.random(30) as usize;
        format!("{before}{MARKER}{}{}", self.random(1 << 40), "é".repeat(more))
    }

    /// Another person's number.
    fn person(&mut self) -> String {
        self.persons += 1;
        format!("{NUMBER}{:03}-{:04}", self.persons / 10_000, self.persons % 10_000)
    }

    /// The number of the first person.
    pub fn somebody(&self) -> String {
        format!("{NUMBER}000-0001")
    }

    fn day(&mut self) -> String {
        format!("{DAY}{}-{:02}", 1 + self.random(9), 1 + self.random(28))
    }

    fn birth(&mut self) -> Value {
        let parents = (0..self.random(3)).map(|_| {
            json!({"personId": self.person(), "name": self.word(), "role": "mother", "municipality": self.word()})
        });
        let parents: Vec<Value> = parents.collect();
        let mut child = json!({
            "personId": self.person(), "name": self.word(), "dateOfBirth": self.day(), "sex": "female",
            "placeOfBirth": self.word()
        });
        if self.random(4) == 0 {
            child["healthNote"] = json!(self.word());
        }
        json!({
            "registrationNumber": format!("B-{NUMBER}{:05}", self.random(100_000)), "registrationOffice": "Old Town",
            "registeredOn": self.day(), "child": child, "parents": parents
        })
    }

    /// A birth that keeps its contract.
    pub fn birth_event(&mut self, number: usize) -> Value {
        let mut event = json!({
            "specversion": "1.0", "id": format!("birth-{number}"), "source": "urn:xx:civil-registry:register",
            "type": "civil.birth.registered", "datacontenttype": "application/json", "data": self.birth()
        });
        if self.random(3) == 0 {
            event["subject"] = event["data"]["child"]["personId"].clone();
        }
        if self.random(3) == 0 {
            event["partitionkey"] = json!(self.word());
        }
        event
    }

    /// A birth with something odd or wrong about it, as text.
    pub fn broken_birth(&mut self, number: usize) -> String {
        let mut event = self.birth_event(number);
        event["id"] = json!(format!("broken-{number}"));
        let person = event["data"]["child"]["personId"].clone();
        let planted = json!(self.word());
        match number % 20 {
            0 => event["data"]["child"]["dateOfBirth"] = planted,
            1 => event["data"]["child"][planted.as_str().unwrap()] = json!(1),
            2 => event["data"]["child"]["sex"] = planted,
            3 => event["data"]["child"]["personId"] = planted,
            4 => event["data"]["child"]["name"] = json!([self.word(), {self.word(): self.word()}]),
            5 => event["data"]["child"]["name"] = json!(self.word().repeat(30)),
            6 => event["data"] = planted,
            7 => event["data"]["parents"] = json!({self.word(): self.word()}),
            8 => event["data"]["registrationOffice"] = json!({self.word(): 1}),
            9 => event["data"]["registrationNumber"] = planted,
            10 => event["id"] = person,
            11 => event["source"] = json!(format!("urn:xx:civil-registry:{}", person.as_str().unwrap())),
            12 => event["source"] = planted,
            13 => event["notdeclared"] = planted,
            14 => event["subject"] = planted,
            15 => event["time"] = planted,
            // The same event again, with other data.
            16 => event["id"] = json!(format!("birth-{}", number % 100)),
            17 => return event.to_string().replacen("\"sex\"", &format!("\"name\":{planted},\"sex\""), 1),
            18 => {
                let text = event.to_string();
                let at = self.random(text.len() as u64) as usize;
                return String::from_utf8_lossy(&text.as_bytes()[..at]).into_owned();
            }
            _ => return planted.to_string(),
        }
        event.to_string()
    }

    pub fn holder(&mut self) -> Holder {
        let permits = self.random(4);
        Holder {
            person: self.person(),
            name: self.word(),
            colour: (self.random(2) == 0).then(|| self.word()),
            permits: (0..permits).map(|_| (self.word(), self.random(20_000))).collect(),
        }
    }
}

impl Language {
    pub const ALL: [Language; 3] = [Language::Avro, Language::Json, Language::Protobuf];

    pub fn topic(&self) -> String {
        let name = match self {
            Language::Avro => "avro",
            Language::Json => "json",
            Language::Protobuf => "protobuf",
        };
        format!("permit.holder-{name}.changed")
    }

    /// A holder in the wire form of Confluent's serializers.
    pub fn framed(self, schema: u32, holder: &Holder) -> Vec<u8> {
        let mut out = vec![0];
        out.extend(schema.to_be_bytes());
        match self {
            Language::Avro => avro(holder, &mut out),
            Language::Json => out.extend(holder.json().to_string().bytes()),
            Language::Protobuf => {
                // The first message of the file.
                out.push(0);
                protobuf(holder, &mut out);
            }
        }
        out
    }

    /// Bytes that its contract does not admit.
    pub fn broken(self, number: usize, schema: u32, plants: &mut Plants) -> Vec<u8> {
        let holder = plants.holder();
        let mut whole = self.framed(schema, &holder);
        match number % 5 {
            0 => self.framed(987_654, &holder),
            1 => whole[..whole.len() - 3].to_vec(),
            2 => plants.word().into_bytes(),
            3 => json!({"personId": plants.word(), plants.word(): plants.word()}).to_string().into_bytes(),
            _ => {
                whole.extend(plants.word().bytes());
                whole
            }
        }
    }
}

impl Holder {
    fn json(&self) -> Value {
        let permits = self.permits.iter().map(|(number, until)| json!({"number": number, "until": until}));
        json!({
            "personId": self.person, "name": self.name, "favouriteColour": self.colour,
            "permits": permits.collect::<Vec<_>>(), "office": "Old Town"
        })
    }
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// By the specification of Apache Avro, "Binary Encoding".
fn avro(holder: &Holder, out: &mut Vec<u8>) {
    let long = |number: u64, out: &mut Vec<u8>| varint(number << 1, out);
    let text = |text: &str, out: &mut Vec<u8>| {
        long(text.len() as u64, out);
        out.extend(text.bytes());
    };
    text(&holder.person, out);
    text(&holder.name, out);
    long(u64::from(holder.colour.is_some()), out);
    if let Some(colour) = &holder.colour {
        text(colour, out);
    }
    if !holder.permits.is_empty() {
        long(holder.permits.len() as u64, out);
    }
    for (number, until) in &holder.permits {
        text(number, out);
        long(*until, out);
    }
    long(0, out);
    text("Old Town", out);
}

/// By the guide of Protocol Buffers, "Encoding".
fn protobuf(holder: &Holder, out: &mut Vec<u8>) {
    let bytes = |field: u8, bytes: &[u8], out: &mut Vec<u8>| {
        out.push(field << 3 | 2);
        varint(bytes.len() as u64, out);
        out.extend(bytes);
    };
    bytes(1, holder.person.as_bytes(), out);
    bytes(2, holder.name.as_bytes(), out);
    if let Some(colour) = &holder.colour {
        bytes(3, colour.as_bytes(), out);
    }
    for (number, until) in &holder.permits {
        let mut permit = Vec::new();
        bytes(1, number.as_bytes(), &mut permit);
        permit.push(2 << 3);
        varint(*until, &mut permit);
        bytes(4, &permit, out);
    }
    bytes(5, b"Old Town", out);
}
