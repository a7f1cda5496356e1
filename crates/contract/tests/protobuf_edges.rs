//! Protocol Buffers contracts at their edges: what is rare in files and documents, and what nobody sends by accident.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::support::compiled;
use crate::support::protobuf::{bytes, check, cleared, definition, left, message_of, number};
use contract::limits::Limits;
use contract::{ClassSet, Contract, Definition, Workspace, compile, schemas};
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

fn proto3(body: &str) -> String {
    format!("syntax = \"proto3\"; {body}")
}

#[track_caller]
fn faults(schema: &str, subject: &[&str], classify: Value) -> Vec<String> {
    let faults =
        compile(&definition(schema, subject, classify)).map(|_| Vec::new()).unwrap_or_else(|faults| faults);
    faults.iter().map(ToString::to_string).collect()
}

/// What a reader without any class is handed, read by the library with the redacted file, as text.
fn remains(contract: &Contract, data: &[u8]) -> String {
    let none = ClassSet::default();
    let schema = contract.redacted_schema(&none);
    let message = DynamicMessage::decode(message_of(&schema), &left(contract, data, &none)[..]);
    let message = message.unwrap_or_else(|wrong| panic!("{wrong}\n{schema}"));
    assert_eq!(message.unknown_fields().count(), 0, "{schema}");
    message.to_string()
}

#[test]
fn a_list_of_numbers_that_names_a_person_in_each_is_refused() {
    let schema = proto3("message M { repeated uint64 ids = 1; }");
    let told = faults(&schema, &["/ids/*"], json!({"/ids": "personal"}));
    assert_eq!(
        told,
        [
            "/ids: is a list of numbers, which stand together as one, and /ids/* names another person in each; use a \
          repeated string, or a repeated message"
        ]
    );
    let strings = proto3("message M { repeated string ids = 1; }");
    let contract = compiled(&definition(&strings, &["/ids/*"], json!({"/ids": "personal"})));
    let checked = check(&contract, &[bytes(1, b"7"), bytes(1, b"8")].concat()).unwrap();
    assert_eq!(checked.subjects, ["7", "8"]);
    assert_eq!(checked.spans.iter().map(|span| span.subject).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn an_enumeration_declared_in_a_message_that_is_left_out_stays_where_it_is_used() {
    let schema = proto3(
        "message M { Kind.Of kind = 1; string name = 2; Secret secret = 3; Level level = 4; }
         message Kind { enum Of { NONE = 0; SOME = 1; } string text = 1; }
         message Secret { enum Illness { HEALTHY = 0; ILL = 1; } Illness illness = 1; Stage stage = 2; }
         enum Stage { FIRST = 0; LAST = 1; } enum Level { LOW = 0; HIGH = 1; }",
    );
    let classes = json!({"/kind": "public", "/name": "internal", "/secret": "internal", "/level": "public"});
    let contract = compiled(&definition(&schema, &[], classes));
    let text = contract.redacted_schema(&ClassSet::default());
    for gone in ["name", "Secret", "Illness", "Stage", "text"] {
        assert!(!text.contains(gone), "{gone} is in\n{text}");
    }
    let data = [number(1, 1), bytes(2, b"Ada"), bytes(3, &number(1, 1)), number(4, 1)].concat();
    assert_eq!(remains(&contract, &data), "kind:SOME,level:HIGH");
}

#[test]
fn a_message_called_like_a_maps_entry_stays_what_it_is() {
    let schema = proto3(
        "message M { map<string, string> notes = 1; Other.NotesEntry other = 2; string name = 3; }
         message Other { message NotesEntry { bool open = 1; } }",
    );
    let classes = json!({"/notes": "public", "/other": "public", "/name": "internal"});
    let contract = compiled(&definition(&schema, &[], classes));
    assert_eq!(remains(&contract, &[bytes(2, &number(1, 1)), bytes(3, b"Ada")].concat()), "other{open:true}");
}

#[test]
fn a_derived_name_is_one_that_nothing_has() {
    let schema = proto3(
        "message M { P one = 1; P two = 2; P_Redacted1 three = 3; P_Redacted2 four = 4; }
         message P { string a = 1; string b = 2; } message P_Redacted1 { string c = 1; }
         enum P_Redacted2 { P_Redacted3 = 0; }",
    );
    let classes = json!({"/one": "public", "/two/a": "public", "/two/b": "internal", "/three": "public", "/four": "public"});
    let contract = compiled(&definition(&schema, &[], classes));
    let person = [bytes(1, b"a"), bytes(2, b"b")].concat();
    let data = [bytes(1, &person), bytes(2, &person), bytes(3, &bytes(1, b"c"))].concat();
    assert_eq!(remains(&contract, &data), r#"one{a:"a",b:"b"},two{a:"a"},three{c:"c"}"#);
}

#[test]
fn options_of_the_stewards_own_do_not_spoil_the_redacted_file() {
    let schema = proto3(
        "import \"google/protobuf/descriptor.proto\";
         message M { string a = 1 [(note) = {text: \"x\"}]; string b = 2; Inner inner = 3; }
         message Inner { extend google.protobuf.FieldOptions { Note inner_note = 50002; } string c = 1; }
         message Note { string text = 1; }
         extend google.protobuf.FieldOptions { Note note = 50001; }",
    );
    let classes = json!({"/a": "public", "/b": "internal", "/inner": "public"});
    let contract = compiled(&definition(&schema, &[], classes));
    let data = [bytes(1, b"a"), bytes(2, b"b"), bytes(3, &bytes(1, b"c"))].concat();
    assert_eq!(remains(&contract, &data), r#"a:"a",inner{c:"c"}"#);
}

#[test]
fn a_oneof_keeps_the_fields_that_are_left_and_goes_with_the_last() {
    let schema = proto3(
        "message M { oneof gone { string a = 1; int32 b = 2; } optional string c = 3; oneof kept { string d = 4; string e = 5; } optional int32 f = 6; }",
    );
    let classes = json!({"/a": "internal", "/b": "internal", "/c": "internal", "/d": "public", "/e": "internal", "/f": "public"});
    let contract = compiled(&definition(&schema, &[], classes));
    let message = message_of(&contract.redacted_schema(&ClassSet::default()));
    let oneofs: Vec<String> = message.oneofs().map(|oneof| oneof.name().to_owned()).collect();
    assert_eq!(oneofs, ["kept", "_f"]);
    assert_eq!(
        remains(&contract, &[number(2, 1), bytes(3, b"c"), bytes(4, b"d"), number(6, 0)].concat()),
        "d:\"d\",f:0"
    );
}

#[test]
fn a_tag_or_a_length_is_no_longer_than_readers_take() {
    let contract = compiled(&definition(&proto3("message M { bytes a = 1; }"), &[], json!({"/a": "public"})));
    let tag = |bytes: usize| [vec![0x8a], vec![0x80; bytes - 2], vec![0x00]].concat();
    check(&contract, &[tag(5), vec![0]].concat()).unwrap();
    let told = check(&contract, &[tag(6), vec![0]].concat()).unwrap_err();
    assert_eq!(
        told,
        ["the document cannot be read as Protocol Buffers: a tag of more than 5 bytes (byte 6)"]
    );
    let length = |bytes: usize| [vec![0x81], vec![0x80; bytes - 2], vec![0x00, b'x']].concat();
    check(&contract, &[vec![0x0a], length(5)].concat()).unwrap();
    let told = check(&contract, &[vec![0x0a], length(6)].concat()).unwrap_err();
    assert_eq!(told, ["/a cannot be read as Protocol Buffers: a length of more than 5 bytes (byte 7)"]);
}

#[test]
fn entries_of_maps_count_as_levels() {
    let schema = proto3("message M { map<string, M> m = 1; }");
    let contract = compiled(&definition(&schema, &[], json!({"/m": "public"})));
    let nested = |levels: usize| (0..levels).fold(Vec::new(), |inner, _| bytes(1, &bytes(2, &inner)));
    check(&contract, &nested(31)).unwrap();
    let told = check(&contract, &nested(32)).unwrap_err();
    assert!(told[0].contains("nested deeper than 64 levels"), "{told:?}");
}

#[test]
fn the_deepest_nesting_that_may_be_asked_for_fits_on_a_small_stack() {
    let schema = proto3("message M { M m = 1; }");
    let contract = compiled(&definition(&schema, &[], json!({"/m": "public"})));
    let nested = |levels: usize| (0..levels).fold(Vec::new(), |inner, _| bytes(1, &inner));
    let mut work = Workspace::with_limits(Limits { depth: usize::MAX, ..Limits::default() });
    contract.check(&nested(511), &mut work).unwrap();
    contract.check(&nested(512), &mut work).unwrap_err();
}

#[test]
fn what_proto2_requires_of_a_maps_absent_value_is_missing() {
    let schema =
        "syntax = \"proto2\"; message M { map<string, P> m = 1; } message P { required string id = 1; }";
    let contract = compiled(&definition(schema, &[], json!({"/m": "public"})));
    assert_eq!(check(&contract, &bytes(1, &bytes(1, b"k"))).unwrap_err(), ["/m/*/id is missing"]);
    check(&contract, &bytes(1, &[bytes(1, b"k"), bytes(2, &bytes(1, b"7"))].concat())).unwrap();
}

#[test]
fn a_violation_in_a_list_names_the_item_and_in_a_map_the_map() {
    let schema = proto3(
        "message M { repeated int32 n = 1; map<int32, bool> m = 2; P p = 3; } message P { map<string, bool> m = 1; }",
    );
    let contract =
        compiled(&definition(&schema, &[], json!({"/n": "public", "/m": "public", "/p": "public"})));
    let told =
        check(&contract, &[bytes(1, &[1, 2]), number(1, 3), bytes(1, &[4, 0x80])].concat()).unwrap_err();
    assert_eq!(told, ["/n/4 cannot be read as Protocol Buffers: it ends inside a value (byte 9)"]);
    let twice = bytes(1, &bytes(1, b"k")).repeat(2);
    let told = check(&contract, &bytes(3, &twice)).unwrap_err();
    assert_eq!(told, ["/p/m cannot be read as Protocol Buffers: a map has the same key twice (byte 12)"]);
    let padded = [bytes(2, &[0x08, 0x01]), bytes(2, &[0x08, 0x81, 0x00])].concat();
    assert!(check(&contract, &padded).unwrap_err()[0].contains("same key twice"), "1 in one byte and in two");
}

#[test]
fn everything_that_a_file_may_not_have_is_told_at_once() {
    let schema = "message M { optional group G = 1 { optional int32 x = 2; } optional E e = 3; } message E { extensions 5; }";
    assert_eq!(
        faults(schema, &[], json!({"": "public"})),
        [
            "schema: M.g is a group; use a field of a message, with a number of its own",
            "schema: E may be extended by fields that nobody classifies; use a field of a message, with a number of its own",
        ]
    );
}

/// Messages of which each leads to the next, in files that are read from either end.
fn chain(length: usize) -> [String; 2] {
    let link = |at: usize| format!("message M{at} {{ M{} m = 1; }}\n", at + 1);
    let chain: String = (1..length).map(link).collect();
    let shortcuts: String =
        (1..=length).rev().map(|at| format!("M{at} z{at} = {};\n", length - at + 1)).collect();
    let last = format!("message M{length} {{ string name = 1; }}\n");
    [
        proto3(&format!("message M0 {{ M1 m = 1; }}\n{chain}{last}")),
        proto3(&format!("message M0 {{ {shortcuts} M1 a = {}; }}\n{chain}{last}", length + 2)),
    ]
}

#[test]
fn a_long_chain_of_messages_does_not_stop_the_process() {
    for schema in chain(3_000) {
        let told = faults(&schema, &[], json!({"/a/m": "public"}));
        assert!(told.iter().any(|fault| fault.contains("deeper than")), "{:?}", &told[..1]);
        let contract = compiled(&definition(&schema, &[], json!({"": "public"})));
        check(&contract, &bytes(1, &bytes(1, b""))).unwrap();
        schemas::places(contract::Format::Protobuf, &schema);
    }
    let short = &chain(100)[0];
    let whole: Definition = definition(
        &short.replace("M1 m = 1;", "M1 m = 1; string b = 2;"),
        &[],
        json!({"/m": "public", "/b": "internal"}),
    );
    let text = compiled(&whole).redacted_schema(&cleared(&[]));
    assert!(text.contains("message M100 ") && !text.contains(" b "), "{text}");
}
