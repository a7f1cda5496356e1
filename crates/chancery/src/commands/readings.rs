//! By which schema a delivered binary document is read, where nothing beside it says so: the contract's version is known of
//! few events, and of one about somebody who was erased a class less is there than the subscription is cleared for.
//!
//! What producers sealed tells: it says itself at which place it stands. So a schema that reads a document to its end, finds
//! as many sealed texts as the bytes look to have, and each in its place, is taken to be the one. Where none is like that it
//! is the one that most are in their place by, which may be another than the document was written by: what opens is bound
//! to its place all the same.

use std::collections::{BTreeMap, HashMap, VecDeque};

use contract::texts::{Reading, Texts};
use contract::{Class, ClassSet, Contract, Format};
use end_to_end::{PREFIX, Sealed};

use super::sealing;

/// Of so many ways to leave classes out of one version a document is read by at most.
pub const WAYS: usize = 64;

/// The bytes of the shortest text that reads as a sealed one.
const SHORTEST: usize = 84;

/// What may be read by which schemas.
#[derive(Default)]
pub struct Readings {
    /// The contract's versions, the newest first.
    contracts: Vec<(u64, Contract)>,
    /// Versions that do not read here, and why.
    unread: BTreeMap<u64, String>,
    cleared: ClassSet,
    /// What was read by so far.
    made: HashMap<(u64, ClassSet), Option<Reading>>,
}

/// What was read of a document.
pub struct Read<'d> {
    /// The texts that begin like sealed ones; nothing where it follows none of the schemas that it was read by.
    pub texts: Option<Texts<'d>>,
    /// Whether no other schema finds more.
    pub is_sure: bool,
    /// Whether there were more ways to read it than are tried.
    pub is_cut_short: bool,
}

impl Readings {
    /// By these versions of a contract, of which all but `cleared` is left out; others do not read here.
    pub fn new(
        mut contracts: Vec<(u64, Contract)>,
        unread: BTreeMap<u64, String>,
        cleared: ClassSet,
    ) -> Self {
        contracts.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        Self { contracts, unread, cleared, made: HashMap::new() }
    }

    /// Takes over what the bus tells by now. Whether anything of it is new: what a version says stays.
    pub fn renew(&mut self, other: Self) -> bool {
        let numbers = |of: &Self| of.contracts.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        let is_new = numbers(self) != numbers(&other) || self.cleared != other.cleared;
        if is_new {
            *self = other;
        } else {
            self.unread = other.unread;
        }
        is_new
    }

    /// Whether the bus told of this version.
    pub fn knows(&self, version: u64) -> bool {
        self.unread.contains_key(&version) || self.contracts.iter().any(|(number, _)| *number == version)
    }

    /// The versions that do not read here, and why.
    pub fn unread(&self) -> &BTreeMap<u64, String> {
        &self.unread
    }

    /// A place as it may be shown; nothing where no version of the contract has it.
    pub fn shown(&self, place: &str) -> Option<String> {
        let fields = self.contracts.iter().flat_map(|(_, contract)| contract.definition().classify.keys());
        let fields: Vec<String> = fields.map(ToString::to_string).collect();
        sealing::shown(place, fields.iter().map(String::as_str)).map(str::to_owned)
    }

    /// The sealed texts of a document, by the schema that most of them are in their place by. `version` is tried first.
    pub fn read<'d>(&mut self, data: &'d [u8], version: Option<u64>) -> Read<'d> {
        let Self { contracts, cleared, made, .. } = self;
        let (named, others): (Vec<_>, Vec<_>) =
            contracts.iter().partition(|(number, _)| Some(*number) == version);
        let mut best: Option<((usize, usize), Texts<'d>)> = None;
        let mut is_cut_short = false;
        for (number, contract) in named.into_iter().chain(others) {
            let meant = sealed_looking(data, contract.definition().format);
            let mut ways = clearances(contract, cleared);
            for left in ways.by_ref().take(WAYS) {
                let reading =
                    made.entry((*number, left)).or_insert_with_key(|(_, left)| reading(contract, left));
                let texts = reading.as_ref().map(|it| it.texts(data, |text| text.starts_with(PREFIX)));
                let Some(Ok(texts)) = texts else { continue };
                let in_place = texts.iter().filter(|text| {
                    Sealed::parse(text.text).is_ok_and(|sealed| sealed.pointer() == text.pointer)
                });
                let (in_place, found) = (in_place.count(), texts.iter().len());
                if in_place == found && in_place >= meant {
                    return Read { texts: Some(texts), is_sure: true, is_cut_short: false };
                }
                if best.as_ref().is_none_or(|(most, _)| (in_place, found) > *most) {
                    best = Some(((in_place, found), texts));
                }
            }
            is_cut_short |= ways.next().is_some();
        }
        // What looks sealed and was not found may be found by a way that was not tried.
        let texts = best.filter(|((_, found), _)| *found > 0 || !is_cut_short).map(|(_, texts)| texts);
        Read { texts, is_sure: false, is_cut_short }
    }
}

/// How many texts of a document look sealed by the bytes alone: behind a length, and in the letters of the form for as long
/// as it says. At least those that are; what bytes and keys hold may look so too.
fn sealed_looking(data: &[u8], format: Format) -> usize {
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'-' | b'_');
    let begins = |at: &usize| data[*at..].starts_with(PREFIX.as_bytes());
    let is_text = |at: &usize| {
        let letters = data[at + PREFIX.len()..].iter().take_while(is_letter).count();
        let longest = PREFIX.len() + letters;
        lengths_before(&data[..*at]).any(|length| {
            let length = if format == Format::Avro { length >> 1 } else { length };
            usize::try_from(length).is_ok_and(|length| (SHORTEST..=longest).contains(&length))
        })
    };
    (0..data.len()).filter(begins).filter(is_text).count()
}

/// The numbers in LEB128 that end where these bytes do.
fn lengths_before(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let last = bytes.last().copied().filter(|byte| *byte < 0x80);
    let more = bytes.iter().rev().skip(1).take_while(|byte| **byte >= 0x80).take(9);
    last.into_iter().chain(more.copied()).scan(0_u64, |number, byte| {
        *number = *number << 7 | u64::from(byte & 0x7f);
        Some(*number)
    })
}

fn reading(contract: &Contract, cleared: &ClassSet) -> Option<Reading> {
    let definition = contract.definition();
    // A field that is not there is no other document in Protocol Buffers: what is left is read by the whole file too.
    let text = match definition.format {
        Format::Protobuf => definition.schema.clone(),
        _ => contract.redacted_schema(cleared),
    };
    Reading::new(definition.format, &text).ok().flatten()
}

/// What may be left of a document for who is cleared for so much: first all of it, then what is left where classes were taken
/// from it; fewer first, and those first that go with a person and are not what is looked for. One after the other, as
/// there may be very many.
fn clearances(contract: &Contract, cleared: &ClassSet) -> impl Iterator<Item = ClassSet> + use<> {
    let definition = contract.definition();
    let sealed = contract.classes().iter().filter(|class| class.is_sealed() && cleared.clears(class));
    let mut sealed: Vec<Class> = sealed.cloned().collect();
    sealed.sort_by_key(|class| (!class.is_about_a_person(), definition.end_to_end.contains(class)));
    let is_avro = definition.format == Format::Avro;
    let mut waiting = VecDeque::from([Vec::new()]);
    std::iter::from_fn(move || {
        let left_out: Vec<usize> = waiting.pop_front()?;
        if is_avro {
            let next = left_out.last().map_or(0, |last| last + 1);
            waiting.extend((next..sealed.len()).map(|at| [&left_out[..], &[at]].concat()));
        }
        let kept = sealed.iter().enumerate().filter(|(at, _)| !left_out.contains(at));
        Some(kept.map(|(_, class)| class.clone()).collect())
    })
}

#[cfg(test)]
mod tests {
    use contract::{Class, Definition, compile};
    use end_to_end::Context;
    use serde_json::{Value, json};

    use super::*;

    fn version(number: u64, fields: &[&str]) -> (u64, Contract) {
        let field = |name: &&str| json!({"name": name, "type": "string"});
        let schema =
            json!({"type": "record", "name": "R", "fields": fields.iter().map(field).collect::<Vec<_>>()});
        let class = |name: &str| match name {
            "id" => "personal",
            "ward" => "internal",
            _ => "special",
        };
        let classify: HashMap<String, &str> =
            fields.iter().map(|name| (format!("/{name}"), class(name))).collect();
        let definition: Value = json!({
            "topic": "x.one", "version": number, "format": "avro", "schema": schema.to_string(), "subject": ["/id"],
            "classify": classify, "end_to_end": ["special"],
        });
        let definition: Definition = serde_json::from_value(definition).unwrap();
        (number, compile(&definition).unwrap())
    }

    fn readings() -> Readings {
        let versions = vec![version(1, &["id", "ward", "finding"]), version(2, &["id", "ward", "result"])];
        of(versions)
    }

    fn of(versions: Vec<(u64, Contract)>) -> Readings {
        let cleared = ["personal", "internal", "special"].map(Class::from).into_iter().collect();
        Readings::new(versions, BTreeMap::new(), cleared)
    }

    fn sealed(pointer: &str) -> String {
        let context = Context { topic: "x.one", source: "urn:a", id: "1", pointer };
        end_to_end::seal("\"B20\"", &[], &context).unwrap()
    }

    fn document(texts: &[&str]) -> Vec<u8> {
        let text = |text: &&str| {
            let mut length = text.len() << 1;
            let mut out = Vec::new();
            while length >= 0x80 {
                out.push(length as u8 | 0x80);
                length >>= 7;
            }
            out.push(length as u8);
            [out, text.as_bytes().to_vec()].concat()
        };
        texts.iter().flat_map(text).collect()
    }

    fn places(data: &[u8], version: Option<u64>) -> Option<Vec<String>> {
        pointers(&readings().read(data, version))
    }

    fn pointers(read: &Read<'_>) -> Option<Vec<String>> {
        Some(read.texts.as_ref()?.iter().map(|text| text.pointer.clone()).collect())
    }

    #[test]
    fn what_is_sealed_tells_by_which_version_and_what_is_left_of_it_a_document_is_read() {
        let (finding, result) = (sealed("/finding"), sealed("/result"));
        for named in [None, Some(1), Some(2), Some(7)] {
            for (value, place) in [(&finding, "/finding"), (&result, "/result")] {
                // Of somebody who was erased what is personal is not there, and the ward where nobody may see it.
                for texts in [&["1", "North", value][..], &["North", value], &["1", value], &[value]] {
                    let data = document(texts);
                    assert_eq!(places(&data, named), Some(vec![place.to_owned()]), "{named:?} {texts:?}");
                    assert!(readings().read(&data, named).is_sure);
                }
            }
        }
    }

    #[test]
    fn what_stands_elsewhere_is_found_all_the_same_and_what_reads_by_nothing_is_not() {
        let moved = document(&["1", "North", &sealed("/other")]);
        assert_eq!(places(&moved, Some(1)), Some(vec!["/finding".to_owned()]));
        assert!(!readings().read(&moved, Some(1)).is_sure);
        let trailing = [moved, vec![0, 0, 0, 0]].concat();
        assert_eq!(places(&trailing, None), None);
        assert_eq!(Readings::default().read(&trailing, None).texts, None);
    }

    #[test]
    fn what_finds_all_that_looks_sealed_goes_before_what_finds_only_some_of_it_in_its_place() {
        // By the newer version the second value is bytes, which no walk looks into.
        let older = version(1, &["id", "finding", "result"]);
        let mut definition = older.1.definition().clone();
        definition.version = contract::ContractVersion(2);
        let bytes = r#"{"name":"result","type":"bytes"}"#;
        let text = json!({"name": "result", "type": "string"}).to_string();
        assert!(definition.schema.contains(&text), "{}", definition.schema);
        definition.schema = definition.schema.replace(&text, bytes);
        *definition.classify.get_mut(&contract::Pointer::parse("/result").unwrap()).unwrap() =
            Class::from("personal").into();
        let newer = (2, compile(&definition).unwrap());
        let data = document(&["1", &sealed("/finding"), &sealed("/result")]);
        let mut readings = of(vec![older, newer]);
        for named in [None, Some(1), Some(2)] {
            let read = readings.read(&data, named);
            assert_eq!(pointers(&read), Some(vec!["/finding".to_owned(), "/result".to_owned()]), "{named:?}");
            assert!(read.is_sure);
        }
    }

    #[test]
    fn what_only_speaks_of_sealed_values_is_read_once_and_done_with() {
        let quoted = format!("see {} there", sealed("/finding"));
        for note in ["what e2e1. means", &quoted] {
            let data = document(&["1", note, "B20"]);
            let mut readings = readings();
            let read = readings.read(&data, None);
            assert_eq!((pointers(&read), read.is_sure), (Some(vec![]), true), "{note}");
            assert_eq!(readings.made.len(), 1);
        }
    }

    #[test]
    fn a_length_stands_before_what_looks_sealed() {
        let one = sealed("/finding");
        let data = document(&["1", "North", &one]);
        assert_eq!(sealed_looking(&data, Format::Avro), 1);
        assert_eq!(sealed_looking(one.as_bytes(), Format::Avro), 0);
        assert_eq!(sealed_looking(&document(&[&format!("a {one}")]), Format::Avro), 0);
        let protobuf =
            [vec![0x12, one.len() as u8 | 0x80, (one.len() >> 7) as u8], one.into_bytes()].concat();
        assert_eq!(sealed_looking(&protobuf, Format::Protobuf), 1);
    }

    #[test]
    fn no_more_ways_are_tried_than_a_few() {
        let names: Vec<String> = (0..9).map(|number| format!("f{number}")).collect();
        let mut fields: Vec<&str> = vec!["id", "finding"];
        fields.extend(names.iter().map(String::as_str));
        let (_, contract) = version(1, &fields);
        let mut definition = contract.definition().clone();
        for name in &names {
            let pointer = contract::Pointer::parse(&format!("/{name}")).unwrap();
            definition.classify.insert(pointer, Class::from(name.as_str()).into());
        }
        let contract = compile(&definition).unwrap();
        let all: ClassSet = contract.classes().iter().cloned().collect();
        // None of them reads this to its end.
        let data = document(&[&sealed("/finding")]);
        let mut readings = Readings::new(vec![(1, contract)], BTreeMap::new(), all);
        let read = readings.read(&data, None);
        assert!(read.texts.is_none() && read.is_cut_short && !read.is_sure);
        assert_eq!(readings.made.len(), WAYS);
    }
}
