//! What came out against what went in: the cleared get every byte, the others what is left of it.

use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::event::{Event, Set};

/// Shorter values occur elsewhere by chance.
const SECRET_MIN_BYTES: usize = 5;

/// An event as a line of `chancery consume`.
struct Came<'l> {
    line: &'l str,
    members: BTreeMap<String, &'l RawValue>,
}

impl<'l> Came<'l> {
    fn read(line: &'l str) -> Result<Self, String> {
        let members = serde_json::from_str(line).map_err(|error| format!("a line is not JSON: {error}"))?;
        Ok(Self { line, members })
    }

    fn value(&self, name: &str) -> Value {
        self.members.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    fn identity(&self) -> [String; 2] {
        ["source", "id"].map(|name| self.value(name).as_str().unwrap_or_default().to_owned())
    }

    fn place(&self) -> Result<(u64, u64), String> {
        let number = |name: &str| match self.value(name) {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let place = number("partition").zip(number("offset"));
        place.ok_or_else(|| format!("{:?} came without partition and offset", self.identity()))
    }
}

/// Compares what a subscription was handed with the set; each difference is a line.
pub fn compare(set: &Set, handed: &str, cleared: bool) -> Vec<String> {
    let sent: HashMap<[String; 2], (usize, &Event)> =
        set.events.iter().enumerate().map(|(index, event)| (identity(event), (index, event))).collect();
    let mut differences = Vec::new();
    let mut seen = vec![0_usize; set.events.len()];
    let mut order: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
    for line in handed.lines() {
        let came = match Came::read(line) {
            Ok(came) => came,
            Err(fault) => {
                differences.push(fault);
                continue;
            }
        };
        let Some((index, event)) = sent.get(&came.identity()).copied() else {
            differences.push(format!("{:?} was never published", came.identity()));
            continue;
        };
        seen[index] += 1;
        differences.extend(out_of_order(&came, index, &mut order).err());
        let faults = if cleared { differs(event, &came) } else { leaks(event, &came) };
        differences.extend(faults.into_iter().map(|fault| format!("{:?}: {fault}", came.identity())));
    }
    let wrong = seen.iter().zip(&set.events).filter(|(times, _)| **times != 1);
    differences.extend(wrong.map(|(times, event)| format!("{:?} came {times} times", identity(event))));
    differences
}

fn identity(event: &Event) -> [String; 2] {
    ["source", "id"].map(|name| event.attributes[name].as_str().unwrap_or_default().to_owned())
}

/// Within a partition events stand without gap in the order in which they were published.
fn out_of_order(
    came: &Came<'_>,
    index: usize,
    order: &mut BTreeMap<u64, (u64, usize)>,
) -> Result<(), String> {
    let (partition, offset) = came.place()?;
    let before = order.insert(partition, (offset, index));
    let (next, earlier) = before.map_or((0, None), |(offset, index)| (offset + 1, Some(index)));
    if offset != next {
        return Err(format!("partition {partition}: offset {offset} came where {next} should come"));
    }
    match earlier.filter(|earlier| *earlier > index) {
        Some(earlier) => {
            Err(format!("partition {partition}: event {index} of the file stands behind event {earlier}"))
        }
        None => Ok(()),
    }
}

/// How an event differs from what was published.
fn differs(event: &Event, came: &Came<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    // A line of output has no line breaks; the command line makes spaces of those between the members.
    let sent = event.data.replace('\n', " ");
    let data = came.members.get(event.carrier).map_or("", |data| data.get());
    if data != sent {
        let at = data.bytes().zip(sent.bytes()).take_while(|(a, b)| a == b).count();
        faults.push(format!("the data differs from byte {at} on"));
    }
    for (name, value) in &event.attributes {
        if came.value(name) != *value {
            faults.push(format!("attribute {name} is {}", came.value(name)));
        }
    }
    faults.extend(strangers(event, came));
    faults
}

/// Attributes that were not published and that the bus does not add either.
fn strangers(event: &Event, came: &Came<'_>) -> Vec<String> {
    let known = |name: &str| {
        name == event.carrier || matches!(name, "partition" | "offset") || event.attributes.contains_key(name)
    };
    came.members
        .keys()
        .filter(|name| !known(name))
        .map(|name| format!("attribute {name} was not published"))
        .collect()
}

/// What an uncleared subscription was handed beyond what it may see, or lacks of it.
fn leaks(event: &Event, came: &Came<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    if came.value(event.carrier) != event.redacted {
        faults.push("the data is not what redaction leaves".to_owned());
    }
    for (name, value) in &event.attributes {
        let hidden = event.hidden.contains(&name.as_str());
        let right = match (hidden, name.as_str()) {
            (false, _) => came.value(name) == *value,
            (true, "subject") => came.value(name).is_string() && came.value(name) != *value,
            (true, _) => !came.members.contains_key(name),
        };
        if !right {
            faults.push(format!("attribute {name} is not as the uncleared should have it"));
        }
    }
    faults.extend(strangers(event, came));
    let open = open_text(event);
    for secret in event.secrets.iter().filter(|secret| secret.len() >= SECRET_MIN_BYTES) {
        let written = json!(secret).to_string();
        let inner = &written[1..written.len() - 1];
        if (came.line.contains(secret.as_str()) || came.line.contains(inner)) && !open.contains(inner) {
            faults.push("a personal value occurs in it".to_owned());
        }
    }
    faults
}

/// What of the event is public: a personal value that also stands there is no secret.
fn open_text(event: &Event) -> String {
    let open = event.attributes.iter().filter(|(name, _)| !event.hidden.contains(&name.as_str()));
    open.map(|(_, value)| value.to_string()).collect::<String>() + &event.redacted.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::event::{Expected, Form};

    fn set() -> Set {
        let event = |id| {
            Event::new("a.b", "urn:xx:a", id, r#"{"name":"Ann Smith","year": "2020"}"#.into())
                .with("subject", "Ann Smith")
                .withholding(&["name"])
                .hiding(&["subject"])
        };
        Set {
            name: "x",
            topic: "a.b",
            cleared: "c.x",
            open: "o.x",
            publisher: "p@a",
            events: vec![event("1"), event("2")],
            form: Form::Lines,
            expected: Expected::Taken,
        }
    }

    fn placed(event: &str, offset: u64) -> String {
        format!("{},\"partition\":3,\"offset\":{offset}}}", event.strip_suffix('}').unwrap())
    }

    fn opened(set: &Set) -> String {
        (0..).zip(&set.events).map(|(offset, event)| placed(&event.structured(), offset) + "\n").collect()
    }

    fn closed(set: &Set) -> String {
        let handed = opened(set);
        handed
            .replace(r#""name":"Ann Smith","#, "")
            .replace("\"subject\":\"Ann Smith\"", "\"subject\":\"ps-1\"")
    }

    #[test]
    fn what_came_as_it_was_sent_has_no_difference() {
        let set = set();
        assert_eq!(compare(&set, &opened(&set), true), [""; 0]);
        assert_eq!(compare(&set, &closed(&set), false), [""; 0]);
    }

    #[test]
    fn every_deviation_is_told() {
        let set = set();
        let good = opened(&set);
        let (first, second) = good.split_once('\n').unwrap();
        let cases = [
            (good.replacen(r#""year": "2020""#, r#""year":"2020""#, 1), "from byte"),
            (good.replacen("\"subject\":\"Ann Smith\"", "\"subject\":\"Bob\"", 1), "attribute subject"),
            (good.replacen("\"subject\"", "\"extra\":1,\"subject\"", 1), "attribute extra"),
            (format!("{first}\n"), "came 0 times"),
            (format!("{good}{first}\n"), "came 2 times"),
            (good.replacen("\"offset\":1", "\"offset\":2", 1), "should come"),
            (
                format!(
                    "{}\n{}\n",
                    second.trim().replace("\"offset\":1", "\"offset\":0"),
                    first.replace("\"offset\":0", "\"offset\":1")
                ),
                "stands behind",
            ),
            (good.replacen("\"id\":\"1\"", "\"id\":\"9\"", 1), "never published"),
        ];
        for (handed, wanted) in cases {
            let told = compare(&set, &handed, true).join("; ");
            assert!(told.contains(wanted), "{wanted}: {told}");
        }
    }

    #[test]
    fn a_personal_value_in_the_hands_of_the_uncleared_is_told() {
        let set = set();
        for handed in [
            opened(&set),
            closed(&set).replace("ps-1", "Ann Smith"),
            closed(&set).replace("ps-1", "x/Ann Smith"),
        ] {
            assert!(!compare(&set, &handed, false).is_empty(), "{handed}");
        }
    }
}
