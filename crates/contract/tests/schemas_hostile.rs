//! Texts that nobody would write by accident neither stop the process nor keep it busy.

use contract::Format;
use contract::schemas::compatibility::reading;
use contract::schemas::{Source, canonical, normalized, serialized, standalone, tags};
use proptest::prelude::*;

/// Everything that can be asked of a text; what is said does not matter.
fn ask(source: &Source) {
    let _ = (canonical(source), normalized(source), serialized(source), standalone(source), tags(source));
    let _ = reading(source, source);
}

#[test]
fn long_chains_of_types_end() {
    let chain: Vec<String> = (0..8000)
        .map(|index| match index {
            0 => r#"{"type":"record","name":"R0","fields":[]}"#.to_owned(),
            _ => format!(
                r#"{{"type":"record","name":"R{index}","fields":[{{"name":"f","type":"R{}"}}]}}"#,
                index - 1
            ),
        })
        .collect();
    ask(&Source::alone(Format::Avro, format!("[{}]", chain.join(","))));

    let chain: Vec<String> = (0..8000)
        .map(|index| format!(r##""d{index}":{{"items":{{"$ref":"#/$defs/d{}"}}}}"##, index + 1))
        .collect();
    let text = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d8000":{{}}}}}}"##, chain.join(","));
    ask(&Source::alone(Format::JsonSchema, text));

    let chain: Vec<String> =
        (0..3000).map(|index| format!("message M{index} {{ M{} n = 1; }}", (index + 1) % 3000)).collect();
    ask(&Source::alone(Format::Protobuf, format!("syntax = \"proto3\"; {}", chain.join(" "))));

    let mut source = Source::alone(Format::Avro, "\"r.R0\"");
    for index in 0..150 {
        let text = format!(
            r#"{{"type":"record","name":"r.R{index}","fields":[{{"name":"f","type":"r.R{}"}}]}}"#,
            index + 1
        );
        source.references.insert(format!("r.R{index}"), text);
    }
    source.references.insert("r.R150".to_owned(), r#"{"type":"fixed","name":"r.R150","size":1}"#.to_owned());
    ask(&source);
    source.references.extend((0..100).map(|index| (format!("more{index}"), "\"int\"".to_owned())));
    assert!(canonical(&source).unwrap_err().to_string().contains("more than 200"));
}

#[test]
fn schemas_that_lead_to_themselves_in_every_way_end() {
    for (one, other) in [
        (r##"{"allOf":[{"$ref":"#"},{"$ref":"#"}]}"##, r##"{"anyOf":[{"type":"string"},{"type":"null"}]}"##),
        (r##"{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}"##, r##"{"oneOf":[{"type":"string"},{"$ref":"#"}]}"##),
        (r##"{"not":{"$ref":"#"}}"##, r##"{"not":{"not":{"$ref":"#"}}}"##),
        (
            r##"{"if":{"$ref":"#"},"then":{"$ref":"#"}}"##,
            r##"{"if":{"$ref":"#/then"},"then":{"if":{"$ref":"#"},"else":false}}"##,
        ),
        (
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##,
            r#"{"type":"string"}"#,
        ),
    ] {
        let (one, other) = (Source::alone(Format::JsonSchema, one), Source::alone(Format::JsonSchema, other));
        ask(&one);
        ask(&other);
        let _ = (reading(&one, &other), reading(&other, &one));
    }
}

#[test]
fn alternatives_in_alternatives_are_given_up_or_compared_but_end() {
    let nested = |word: &str, leaf: &str, depth: usize| {
        (0..depth).fold(leaf.to_owned(), |inner, level| {
            format!(r#"{{"{word}":[{{"properties":{{"p{level}":{inner}}}}},{{"required":["q{level}"]}},{inner}]}}"#)
        })
    };
    for (one, other) in [("anyOf", "oneOf"), ("allOf", "anyOf"), ("oneOf", "allOf"), ("anyOf", "anyOf")] {
        let one = Source::alone(Format::JsonSchema, nested(one, r#"{"type":"string"}"#, 7));
        let other = Source::alone(Format::JsonSchema, nested(other, r#"{"type":"integer"}"#, 7));
        let _ = (reading(&one, &other), reading(&other, &one));
    }
}

const AVRO: &str = r#"{"type":"record","name":"R","namespace":"a.b","fields":[{"name":"x","type":["null","R",{"type":"map","values":{"type":"fixed","name":"F","size":2}}],"default":null},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"default":"A"},"aliases":["y"]}]}"#;
const JSON: &str = r##"{"$id":"x","properties":{"a":{"$ref":"#/definitions/d","minimum":1.5},"b":{"items":[{"not":{}}]}},"oneOf":[{"required":["a"]}],"definitions":{"d":{"type":["integer","null"],"patternProperties":{"^x":false}}},"dependencies":{"a":["b"]}}"##;
const PROTO: &str = r#"syntax = "proto3"; package a.b; import "confluent/meta.proto"; message M { map<string, N> m = 1 [json_name = "x"]; oneof o { N n = 2; E e = 3; } message N { reserved 1 to 3, 9; repeated M r = 4 [(confluent.field_meta).tags = "PII"]; } enum E { Z = 0; } }"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn texts_with_parts_cut_moved_and_doubled_are_read_or_refused(
        which in 0..3_usize, cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3_u8), 1..4),
    ) {
        let (format, text) = [(Format::Avro, AVRO), (Format::JsonSchema, JSON), (Format::Protobuf, PROTO)][which];
        let mut text = text.to_owned();
        for (one, other, how) in cuts {
            let (one, other) = (one.index(text.len() + 1), other.index(text.len() + 1));
            let (start, end) = (one.min(other), one.max(other));
            let part = text[start..end].to_owned();
            match how {
                0 => text.replace_range(start..end.min(start + 12), ""),
                1 => text.insert_str(start, &part),
                _ => text.push_str(&part),
            }
        }
        let source = Source::alone(format, text);
        ask(&source);
        if let Ok(canonical) = canonical(&source) {
            prop_assert_eq!(again(&source, &canonical), Ok(canonical));
        }
    }
}

fn again(source: &Source, text: &str) -> Result<String, String> {
    canonical(&Source { text: text.to_owned(), ..source.clone() }).map_err(|fault| fault.to_string())
}
