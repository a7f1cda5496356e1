//! By which schema a delivered binary document is read, where nothing beside it says so: the contract's version is known of
//! few events, and of one about somebody who was erased a class less is there than the subscription is cleared for.
//!
//! What producers sealed tells: it says itself at which place it stands. So a schema that reads a document to its end, and
//! finds all that is sealed in its place, is the one.

use std::collections::HashMap;

use contract::texts::{Reading, Texts};
use contract::{ClassSet, Contract, Format};
use end_to_end::{PREFIX, Sealed};

/// What may be read by which schemas.
#[derive(Default)]
pub struct Readings {
    /// The contract's versions, the newest first.
    contracts: Vec<(u64, Contract)>,
    cleared: ClassSet,
    /// What was read by so far.
    made: HashMap<(u64, ClassSet), Option<Reading>>,
}

impl Readings {
    /// By these versions of a contract, of which all but `cleared` is left out.
    pub fn new(mut contracts: Vec<(u64, Contract)>, cleared: ClassSet) -> Self {
        contracts.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        Self { contracts, cleared, made: HashMap::new() }
    }

    /// Whether there is a schema by which all that is sealed stands in its place.
    pub fn read_all(&mut self, data: &[u8], version: Option<u64>) -> bool {
        self.best(data, version).is_some_and(|(is_all, _)| is_all)
    }

    /// The sealed texts of a document, by the schema that most of them are in place by. `version` is tried first.
    pub fn texts<'d>(&mut self, data: &'d [u8], version: Option<u64>) -> Option<Texts<'d>> {
        self.best(data, version).map(|(_, texts)| texts)
    }

    fn best<'d>(&mut self, data: &'d [u8], version: Option<u64>) -> Option<(bool, Texts<'d>)> {
        let Self { contracts, cleared, made } = self;
        let (named, others): (Vec<_>, Vec<_>) =
            contracts.iter().partition(|(number, _)| Some(*number) == version);
        let mut best: Option<(usize, Texts<'d>)> = None;
        for (number, contract) in named.into_iter().chain(others) {
            for left in clearances(contract, cleared) {
                let reading =
                    made.entry((*number, left)).or_insert_with_key(|(_, left)| reading(contract, left));
                let texts = reading.as_ref().map(|it| it.texts(data, |text| text.starts_with(PREFIX)));
                let Some(Ok(texts)) = texts else { continue };
                let in_place = texts.iter().filter(|text| {
                    Sealed::parse(text.text).is_ok_and(|sealed| sealed.pointer() == text.pointer)
                });
                let in_place = in_place.count();
                if in_place > 0 && in_place == texts.iter().len() {
                    return Some((true, texts));
                }
                if best.as_ref().is_none_or(|(most, _)| in_place > *most) {
                    best = Some((in_place, texts));
                }
            }
        }
        best.map(|(_, texts)| (false, texts))
    }
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
/// from it; fewer first.
fn clearances(contract: &Contract, cleared: &ClassSet) -> Vec<ClassSet> {
    let sealed = contract.classes().iter().filter(|class| class.is_sealed() && cleared.clears(class));
    let sealed: Vec<_> = sealed.collect();
    let is_avro = contract.definition().format == Format::Avro;
    let mut sets: Vec<u32> = (0..if is_avro { 1 << sealed.len() } else { 1 }).collect();
    sets.sort_by_key(|left_out: &u32| left_out.count_ones());
    let left = |left_out: u32| {
        let kept = sealed.iter().enumerate().filter(|(at, _)| left_out & 1 << at == 0);
        kept.map(|(_, class)| (*class).clone()).collect()
    };
    sets.into_iter().map(left).collect()
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
        Readings::new(versions, ["personal", "internal", "special"].map(Class::from).into_iter().collect())
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
        let texts = readings().texts(data, version)?;
        Some(texts.iter().map(|text| text.pointer.clone()).collect())
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
                    assert!(readings().read_all(&data, named));
                }
            }
        }
    }

    #[test]
    fn what_stands_elsewhere_is_found_all_the_same_and_what_reads_by_nothing_is_not() {
        let moved = document(&["1", "North", &sealed("/other")]);
        assert_eq!(places(&moved, Some(1)), Some(vec!["/finding".to_owned()]));
        assert!(!readings().read_all(&moved, Some(1)));
        let trailing = [moved, vec![0, 0, 0, 0]].concat();
        assert_eq!(places(&trailing, None), None);
        assert_eq!(Readings::default().texts(&trailing, None), None);
    }
}
