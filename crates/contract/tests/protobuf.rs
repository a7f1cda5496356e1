//! Protocol Buffers contracts: what is taken, what is sealed, what is left, and what a mature library makes of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::support::compiled;
use crate::support::protobuf::{
    RICH, bytes, check, cleared, definition, left, message_of, number, rich, tag, varint,
};
use contract::{Definition, Workspace, compile, impact};
use serde_json::json;

#[test]
fn spans_are_whole_fields_and_lengths_around_them_are_framed() {
    let contract = compiled(&rich());
    let child = [bytes(1, b"Ada"), number(2, 3200)].concat();
    let parent = |id: u64| [number(1, id), bytes(2, b"Ann")].concat();
    let data =
        [bytes(2, &child), bytes(3, &parent(7)), bytes(3, &parent(8)), bytes(4, b"North"), bytes(1, b"1")]
            .concat();
    let checked = check(&contract, &data).unwrap();
    let found: Vec<(&str, &str, &[u8])> = checked
        .spans
        .iter()
        .map(|span| {
            let bytes = &data[span.start as usize..span.end as usize];
            (
                contract.classes()[span.class as usize].as_str(),
                checked.subjects[span.subject as usize].as_str(),
                bytes,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("personal", "1", &bytes(1, b"Ada")[..]),
            ("special", "1", &number(2, 3200)),
            ("personal", "7", &bytes(3, &parent(7))),
            ("personal", "8", &bytes(3, &parent(8))),
            ("personal", "1", &bytes(1, b"1")),
        ],
        "the identifier may stand behind what it owns"
    );
    assert_eq!(checked.frames.len(), 1, "the child's length alone");
    let open = left(&contract, &data, &cleared(&[]));
    assert_eq!(open, [bytes(2, b""), bytes(4, b"North")].concat());
    assert_eq!(left(&contract, &data, &cleared(&["personal", "special"])), data);
}

#[test]
fn only_what_every_reader_takes_alike_is_taken() {
    let contract = compiled(&rich());
    let id = bytes(1, b"1");
    let entry = |key: &[u8], value: &[u8]| bytes(6, &[bytes(1, key), bytes(2, value)].concat());
    let table: Vec<(Vec<u8>, &str)> = vec![
        (
            number(99, 1),
            "the document cannot be read as Protocol Buffers: field 99, which the contract does not know",
        ),
        (bytes(4, b"a").repeat(2), "/office cannot be read as Protocol Buffers: field 4 is given twice"),
        ([bytes(8, b"a"), number(9, 1)].concat(), "field 9 stands beside another of its oneof"),
        (bytes(4, &[0xc3, 0x28]), "a text that is not UTF-8"),
        (number(4, 1), "field 4 is not encoded as its type is"),
        (number(12, 2), "a boolean that is neither 0 nor 1"),
        (
            bytes(2, &number(2, 1 << 32)),
            "/child/grams cannot be read as Protocol Buffers: a number that its type cannot hold",
        ),
        (number(13, 1 << 40), "a number that its type cannot hold"),
        ([entry(b"k", b"v"), entry(b"k", b"w")].concat(), "a map has the same key twice"),
        (
            bytes(6, &[bytes(1, b"a"), bytes(1, b"b")].concat()),
            "/notes/* cannot be read as Protocol Buffers: field 1 is given twice",
        ),
        (bytes(6, &number(3, 1)), "field 3, which the contract does not know"),
        (vec![0x22, 5, b'a'], "a length that reaches over the end"),
        (vec![0x0b], "field 1 is not encoded as its type is"),
        (bytes(5, &[0x80]), "/weights/0 cannot be read as Protocol Buffers: it ends inside a value"),
        (vec![0x00], "a tag that names no field"),
    ];
    for (wrong, said) in table {
        let told = check(&contract, &[wrong, id.clone()].concat()).unwrap_err();
        assert!(told.len() == 1 && told[0].contains(said), "{told:?} says {said}");
        assert!(told[0].contains("(byte "), "{told:?}");
    }
    let mut deep = bytes(1, b"leaf");
    (0..70).for_each(|_| deep = bytes(2, &deep));
    assert!(
        check(&contract, &[bytes(11, &deep), id.clone()].concat()).unwrap_err()[0].contains("nested deeper")
    );
    for fine in
        [bytes(5, &[1, 2, 3]), [number(5, 1), bytes(5, &[2]), number(5, u64::MAX)].concat(), number(13, 77)]
    {
        check(&contract, &[fine, id.clone()].concat()).unwrap();
    }
}

#[test]
fn a_field_without_its_person_is_refused_and_nothing_is_shown() {
    let contract = compiled(&rich());
    let told = check(&contract, &bytes(2, &bytes(1, b"SECRET"))).unwrap_err();
    assert_eq!(told, ["no one to whom /child/name belongs: /id is missing"]);
    let told = check(&contract, &[bytes(1, b"1"), bytes(3, &bytes(2, b"SECRET"))].concat()).unwrap_err();
    assert_eq!(told, ["no one to whom /parents/0 belongs: /parents/*/person_id is missing"]);
}

#[test]
fn what_proto2_requires_and_closes_is_held() {
    let schema = "syntax = \"proto2\"; message M { required string id = 1; optional K k = 2; enum K { A = 0; B = 1; } }";
    let contract = compiled(&definition(schema, &["/id"], json!({"/id": "personal", "/k": "public"})));
    assert_eq!(check(&contract, &number(2, 1)).unwrap_err(), ["/id is missing"]);
    let told = check(&contract, &[bytes(1, b"1"), number(2, 5)].concat()).unwrap_err();
    assert!(
        told[0].contains("/k cannot be read") && told[0].contains("its enumeration does not have"),
        "{told:?}"
    );
    check(&contract, &[bytes(1, b"1"), number(2, 1)].concat()).unwrap();
}

#[test]
fn key_and_identity_are_found_and_big_numbers_name_people() {
    let schema = "syntax = \"proto3\"; message M { uint64 id = 1; string number = 2; bool open = 3; }";
    let mut definition =
        definition(schema, &["/id"], json!({"/id": "personal", "/number": "public", "/open": "public"}));
    definition.key = contract::KeyRule::At(contract::Pointer::parse("/open").unwrap());
    definition.identity = Some(contract::Pointer::parse("/number").unwrap());
    let checked =
        check(&compiled(&definition), &[number(3, 1), bytes(2, b"N-1"), number(1, u64::MAX)].concat())
            .unwrap();
    assert_eq!(checked.subjects, [u64::MAX.to_string()]);
    assert_eq!(checked.identity.as_deref(), Some("N-1"));
    assert!(matches!(checked.key, Some(contract::Key::Value { text, .. }) if text == "true"));
}

#[test]
fn what_cannot_be_a_contract_says_why() {
    let said = |schema: &str, subject: &[&str], classify| {
        let faults = compile(&definition(schema, subject, classify)).unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let table = [
        ("syntax = \"proto3\";", json!({}), "declares no message"),
        ("message M { optional group G = 1 { optional int32 x = 2; } }", json!({"": "public"}), "is a group"),
        ("message M { extensions 100 to 200; }", json!({"": "public"}), "may be extended"),
        ("syntax = \"proto3\"; import \"other.proto\"; message M {}", json!({}), "other.proto"),
        (
            "syntax = \"proto3\"; message M { string a = 1; string b = 2; }",
            json!({"/a": "public"}),
            "/b: is not classified",
        ),
        (
            "syntax = \"proto3\"; message M { string a = 1; }",
            json!({"/a": "public", "/z": "public"}),
            "no such place",
        ),
        (
            "syntax = \"proto3\"; message M { M m = 1; string a = 2; }",
            json!({"/a": "public"}),
            "comes round to itself",
        ),
    ];
    for (schema, classify, wanted) in table {
        let told = said(schema, &[], classify);
        assert!(told.contains(wanted), "{told} says {wanted}");
    }
    let list = "syntax = \"proto3\"; message M { repeated P p = 1; message P { string id = 1; } }";
    assert!(said(list, &["/p/0/id"], json!({"/p/*/id": "personal"})).contains("leads into one element"));
}

#[test]
fn the_redacted_file_has_no_trace_of_what_is_left_out() {
    let text = compiled(&rich()).redacted_schema(&cleared(&["internal"]));
    for gone in ["grams", "by_name", "tree", "Tree", "scan", "secret", "Unused", "parents"] {
        assert!(!text.contains(gone) || gone == "secret", "{gone} is in\n{text}");
    }
    assert!(text.contains("Shared_Redacted1") && text.contains("reserved"), "{text}");
    let message = message_of(&text);
    assert_eq!(message.full_name(), "xx.births.Birth");
    assert!(message.get_field_by_name("one").is_some() && message.get_field_by_name("by_number").is_some());
    let whole = compiled(&definition(RICH, &["/id"], json!({"": "personal"})));
    assert_eq!(message_of(&whole.redacted_schema(&cleared(&[]))).fields().len(), 0);
    assert_eq!(compiled(&rich()).redacted_schema(&cleared(&["internal", "personal", "special"])), RICH);
}

#[test]
fn a_value_is_taken_as_its_type_is_written_alone_or_packed() {
    let long = |number: i64| varint(number as u64);
    let table: Vec<(&str, Vec<Vec<u8>>, u8)> = vec![
        ("int32", vec![long(0), long(i32::MIN.into()), long(i32::MAX.into())], 0),
        ("int64", vec![long(0), long(i64::MIN)], 0),
        ("uint32", vec![long(u32::MAX.into())], 0),
        ("uint64", vec![long(-1)], 0),
        ("sint32", vec![long(u32::MAX.into())], 0),
        ("sint64", vec![long(-1)], 0),
        ("bool", vec![vec![0], vec![1], vec![0x81, 0x00]], 0),
        ("E", vec![long(1), long(-1), long(77)], 0),
        ("fixed32", vec![vec![0xff; 4]], 5),
        ("sfixed32", vec![vec![0xff; 4]], 5),
        ("float", vec![vec![0xff; 4]], 5),
        ("fixed64", vec![vec![0xff; 8]], 1),
        ("sfixed64", vec![vec![0xff; 8]], 1),
        ("double", vec![vec![0xff; 8]], 1),
        ("string", vec![vec![0], vec![2, 0xc3, 0xb6]], 2),
        ("bytes", vec![vec![0], vec![2, 0xc3, 0x28]], 2),
        ("E2", vec![vec![0]], 2),
    ];
    for (name, values, wire) in table {
        let name = if name == "E2" { "M" } else { name };
        let schema = format!(
            "syntax = \"proto3\"; message D {{ {name} one = 1; repeated {name} many = 2; }} enum E {{ A = 0; }} message M {{}}"
        );
        let classes = json!({"/one": "public", "/many": "internal"});
        let contract = compiled(&definition(&schema, &[], classes));
        for value in &values {
            for other in [0, 1, 2, 5] {
                let data = [tag(1, other), value.clone()].concat();
                let is_taken = contract.check(&data, &mut Workspace::default()).is_ok();
                assert!(is_taken || other != wire, "{name} {value:?} by {wire}");
                assert!(!is_taken || other == wire, "{name} {value:?} by {other}, which is not {wire}");
            }
        }
        let loose: Vec<u8> = values.iter().flat_map(|value| [tag(2, wire), value.clone()].concat()).collect();
        assert_eq!(check(&contract, &loose).unwrap().spans.len(), values.len(), "{name}");
        if wire != 2 {
            let packed = [loose, bytes(2, &values.concat()), bytes(2, b"")].concat();
            assert_eq!(check(&contract, &packed).unwrap().spans.len(), values.len() + 2, "{name}");
            let open = left(&contract, &packed, &cleared(&[]));
            assert!(open.is_empty(), "{name}");
        }
    }
    let out_of_range = [
        ("int32", 1 << 31),
        ("int32", 1 << 63),
        ("uint32", 1 << 32),
        ("sint32", 1 << 32),
        ("E", 1 << 31),
        ("bool", 2),
    ];
    for (name, value) in out_of_range {
        let schema = format!("syntax = \"proto3\"; message D {{ {name} one = 1; }} enum E {{ A = 0; }}");
        let contract = compiled(&definition(&schema, &[], json!({"/one": "public"})));
        assert!(check(&contract, &number(1, value)).is_err(), "{name} {value}");
    }
}

#[test]
fn a_cut_document_is_refused_or_one_of_fewer_fields() {
    let contract = compiled(&rich());
    let child = [bytes(1, b"SECRET"), number(2, 3200)].concat();
    let fields = [bytes(1, b"SECRET"), bytes(2, &child), bytes(14, b"SECRET")];
    let data = fields.concat();
    let ends: Vec<usize> = fields
        .iter()
        .scan(0, |at, field| {
            *at += field.len();
            Some(*at)
        })
        .collect();
    for end in 1..data.len() {
        let told = check(&contract, &data[..end]);
        assert_eq!(told.is_ok(), ends.contains(&end), "{end}");
        assert!(!format!("{told:?}").contains("SECRET"));
    }
}

#[test]
fn texts_that_differ_in_layout_mean_the_same() {
    let schema = |text: &str| definition(text, &[], json!({"/a": "public"}));
    let one = schema("syntax = \"proto3\"; message M { string a = 1; }");
    let other = schema("// A comment.\nsyntax='proto3';\nmessage M\n{\n  string a=1;\n}\n");
    let more = schema("syntax = \"proto3\"; message M { string a = 1; uint32 b = 2; }");
    let more = Definition { classify: definition("", &[], json!({"": "public"})).classify, ..more };
    let differences = |new: &Definition| -> Vec<String> {
        impact(&compiled(&one), &compiled(new)).into_iter().map(|effect| effect.what).collect()
    };
    assert!(differences(&other).is_empty());
    assert_eq!(differences(&more), ["/b is new: integer, public"]);
}
