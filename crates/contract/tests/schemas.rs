//! Texts of schemas: one layout, what they say inline, and standing alone.

use std::collections::BTreeMap;

use contract::schemas::{Source, canonical, normalized, serialized, standalone, tags};
use contract::{Format, Pointer};

fn avro(text: &str) -> Source {
    Source::alone(Format::Avro, text)
}

fn json(text: &str) -> Source {
    Source::alone(Format::JsonSchema, text)
}

fn proto(text: &str) -> Source {
    Source::alone(Format::Protobuf, text)
}

fn with(mut source: Source, references: &[(&str, &str)]) -> Source {
    let references = references.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    source.references = references.collect();
    source
}

#[test]
fn avro_keeps_the_order_of_members_and_loses_only_layout() {
    let text = r#" { "type" : "record", "name" : "R", "doc":"ü \u0041", "x": 1.50,
        "fields" : [ {"name":"a","type":{"type":"string"}}, {"type":{"type":"array","items":{"type":"long"}},"name":"b"},
          {"name":"c","type":{"type":"string","avro.java.string":"String"}}, {"name":"type","type":["null",{"type":"int"}],"default":null} ] } "#;
    let expected = r#"{"type":"record","name":"R","doc":"ü A","x":1.50,"fields":[{"name":"a","type":"string"},{"type":{"type":"array","items":"long"},"name":"b"},{"name":"c","type":{"type":"string","avro.java.string":"String"}},{"name":"type","type":["null","int"],"default":null}]}"#;
    assert_eq!(canonical(&avro(text)).unwrap(), expected);
    assert_eq!(canonical(&avro(expected)).unwrap(), expected);
    assert_eq!(canonical(&avro(r#"{"type": "string"}"#)).unwrap(), r#""string""#);
}

#[test]
fn avro_that_means_the_same_is_the_same_when_normalized() {
    let one = r#"{"namespace":"a.b","fields":[{"type":"N","doc":"d","name":"f"},{"name":"g","type":{"type":"fixed","name":"F","size":4}}],"name":"R","zeta":{"b":1,"a":2},"type":"record","alpha":1}"#;
    let two = r#"{"type":"record","name":"a.b.R","alpha":1,"fields":[{"name":"f","type":"a.b.N","doc":"d"},{"name":"g","type":{"type":"fixed","size":4,"name":"a.b.F"}}],"zeta":{"a":2,"b":1}}"#;
    let n = [("a.b.N", r#"{"type":"enum","name":"N","namespace":"a.b","symbols":["X"]}"#)];
    let (one, two) = (normalized(&with(avro(one), &n)).unwrap(), normalized(&with(avro(two), &n)).unwrap());
    assert_eq!(one, two);
    assert!(
        one.starts_with(r#"{"name":"a.b.R","type":"record","fields":[{"name":"f","type":"a.b.N","doc":"d"}"#),
        "{one}"
    );
}

#[test]
fn avro_that_does_not_read_is_refused_with_its_place() {
    for (text, said) in [
        ("{", "not JSON"),
        (r#"{"type":"record","name":"R","name":"S","fields":[]}"#, "same key twice"),
        (r#"{"type":"record","name":"R"}"#, "fields"),
        (r#"{"type":"record","fields":[]}"#, "name"),
        (r#"{"type":"record","name":"1R","fields":[]}"#, "not a name"),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"Missing"}]}"#,
            "/fields/0/type: Missing is not defined",
        ),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#,
            "twice",
        ),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}"#,
            "the default of the field a",
        ),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":["string","null"],"default":null}]}"#,
            "first branch",
        ),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"int"},"default":[1,"x"]}]}"#,
            "default",
        ),
        (r#"{"type":"enum","name":"E","symbols":["A","A"]}"#, "twice"),
        (r#"{"type":"enum","name":"E","symbols":["A"],"default":"B"}"#, "default"),
        (r#"{"type":"fixed","name":"F"}"#, "size"),
        (r#"{"type":"map"}"#, "values"),
        (r#"["int","int"]"#, "twice"),
        (r#"["int",["null"]]"#, "union"),
        (r#"[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":1}]"#, "twice"),
        (r#""strin""#, "strin is not defined"),
        (r#"{"type":"record","name":"string","fields":[]}"#, "built-in"),
    ] {
        let fault = canonical(&avro(text)).expect_err(text).to_string();
        assert!(fault.contains(said), "{text}: {fault}");
    }
}

#[test]
fn avro_stands_alone_with_each_type_defined_where_it_first_stands() {
    let main = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"a","type":"geo.Address"},{"name":"b","type":["null","geo.Address"]},{"name":"c","type":"geo.Country"}]}"#;
    let references = [
        (
            "geo.Address",
            r#"{"type":"record","name":"Address","namespace":"geo","fields":[{"name":"country","type":"Country"}]}"#,
        ),
        ("geo.Country", r#"{"type":"enum","name":"geo.Country","symbols":["DE","FR"]}"#),
    ];
    let alone = standalone(&with(avro(main), &references)).unwrap();
    assert_eq!(
        alone,
        r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"a","type":{"type":"record","name":"Address","namespace":"geo","fields":[{"name":"country","type":{"type":"enum","name":"Country","namespace":"geo","symbols":["DE","FR"]}}]}},{"name":"b","type":["null","geo.Address"]},{"name":"c","type":"geo.Country"}]}"#
    );
    assert_eq!(canonical(&avro(&alone)).unwrap(), alone, "it reads alone");
    let fault = canonical(&avro(main)).unwrap_err().to_string();
    assert!(fault.contains("/fields/0/type: geo.Address is not defined"), "{fault}");
}

#[test]
fn json_schemas_are_compact_and_sorted_when_normalized() {
    let text = r#"{ "type": "object", "properties": { "b": {"type":"number","maximum": 1.0}, "a": true } }"#;
    assert_eq!(
        canonical(&json(text)).unwrap(),
        r#"{"type":"object","properties":{"b":{"type":"number","maximum":1.0},"a":true}}"#
    );
    assert_eq!(
        normalized(&json(text)).unwrap(),
        r#"{"properties":{"a":true,"b":{"maximum":1.0,"type":"number"}},"type":"object"}"#
    );
}

#[test]
fn json_schemas_that_do_not_read_are_refused_with_their_place() {
    for (text, said) in [
        ("[]", "an object, true or false"),
        (r#"{"type":"strin"}"#, "not a valid JSON Schema"),
        (r##"{"properties":{"a":{"$ref":"#/definitions/missing"}}}"##, "#/properties/a: $ref"),
        (r#"{"$ref":"other.json"}"#, "name it in the references"),
        (r#"{"$schema":"http://example.com/mine"}"#, "is not known"),
        (
            r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","items":[{}]}"#,
            "not a valid JSON Schema",
        ),
    ] {
        let fault = canonical(&json(text)).expect_err(text).to_string();
        assert!(fault.contains(said), "{text}: {fault}");
    }
    for draft in [
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ] {
        canonical(&json(&format!(r#"{{"$schema":"{draft}","type":"string"}}"#))).unwrap();
    }
}

#[test]
fn json_schemas_are_bundled_with_refs_that_lead_inside() {
    let main = r##"{"$schema":"http://json-schema.org/draft-07/schema#","$id":"https://gov.example/order.json","type":"object","properties":{"a":{"$ref":"address.json"},"b":{"$ref":"https://gov.example/address.json#/definitions/street"},"c":{"$ref":"#/definitions/own"},"$ref":{"type":"string"}},"definitions":{"own":{"enum":[{"$ref":"x"}]}}}"##;
    let address = r##"{"$id":"https://gov.example/address.json","$schema":"http://json-schema.org/draft-07/schema#","properties":{"street":{"$ref":"#/definitions/street"}},"definitions":{"street":{"type":"string","maxLength":5}}}"##;
    let source = with(json(main), &[("address.json", address)]);
    let alone = standalone(&source).unwrap();
    for part in [
        r##""a":{"$ref":"#/$defs/address.json"}"##,
        r##""b":{"$ref":"#/$defs/address.json/definitions/street"}"##,
        r##""c":{"$ref":"#/definitions/own"}"##,
        r##""street":{"$ref":"#/$defs/address.json/definitions/street"}"##,
        r##"{"enum":[{"$ref":"x"}]}"##,
    ] {
        assert!(alone.contains(part), "{part} in {alone}");
    }
    let validator = jsonschema::validator_for(&serde_json::from_str(&alone).unwrap()).unwrap();
    assert!(validator.is_valid(&serde_json::json!({"a": {"street": "short"}, "b": "short"})));
    assert!(!validator.is_valid(&serde_json::json!({"a": {"street": "too long"}})));
    assert!(!validator.is_valid(&serde_json::json!({"b": "too long"})));
}

const EVERYTHING: &str = r#"syntax = "proto3";
package gov.civil;

import "google/protobuf/timestamp.proto";
import public "confluent/meta.proto";

option java_package = "gov.civil";
option deprecated = true;

message Person {
  option deprecated = true;
  reserved 5, 7 to 9, 1000 to max;
  reserved "old", "older";
  map<string, Address> homes = 1;
  message Inner {
    message Deep {
      string x = 1;
    }
    Deep deep = 1;
  }
  optional string name = 2 [(confluent.field_meta) = { tags: ["PII", "NAME"] }];
  oneof contact {
    string mail = 3;
    .gov.civil.Person.Inner inner = 4;
  }
  repeated int32 numbers = 6 [packed = false, deprecated = true];
  google.protobuf.Timestamp born = 10 [json_name = "birth"];
  Kind kind = 11;
  string snake_case = 12;
  enum Kind {
    option allow_alias = true;
    reserved 4 to max;
    reserved "GONE";
    UNKNOWN = 0;
    NONE = 0;
    ADULT = 1 [deprecated = true];
  }
  Address address = 13;
  repeated Person parents = 14;
}

message Address {
  string street = 1 [(confluent.field_meta).tags = "PII"];
  bytes map = 2;
}

enum Top {
  TOP_UNKNOWN = 0;
  TOP_NEGATIVE = -1;
}

service Registry {
  rpc Register(Person) returns (stream Address) {
    option deprecated = true;
  }
  rpc Follow(stream Person) returns (Address);
}
"#;

const OLD: &str = r#"syntax = "proto2";
package gov.old;
message M {
  extensions 100 to 199, 500 to max;
  required string a = 1 [default = "x\"y\\z\n"];
  optional bytes b = 2 [default = "\001\"q"];
  optional int32 c = 3 [default = -4];
  optional float d = 4 [default = 1.5];
  optional double e = 5 [default = inf];
  optional bool f = 6 [default = true];
  optional E g = 7 [default = TWO];
  repeated group Result = 8 {
    required string url = 1;
  }
  repeated int32 h = 9 [packed = true];
  optional .gov.old.M.Result again = 10;
  enum E { ONE = 1; TWO = 2; }
  extend M { optional int32 inside = 101; }
}
extend M { optional string outside = 100; repeated E2 more = 102 [packed = true]; }
enum E2 { A = 0; }
"#;

#[test]
fn a_printed_protobuf_file_reads_as_the_same_descriptor() {
    for text in [
        EVERYTHING,
        OLD,
        "message M { }",
        "syntax = \"proto3\"; package p; message Q {} message p { Q a = 1; message Q {} .p.Q b = 2; }",
    ] {
        let descriptor = serialized(&proto(text)).unwrap().unwrap();
        let printed = canonical(&proto(text)).unwrap();
        let again = serialized(&proto(&printed)).unwrap().unwrap();
        assert_eq!(descriptor, again, "{printed}");
        assert_eq!(canonical(&proto(&printed)).unwrap(), printed);
        assert_eq!(canonical(&proto(&descriptor)).unwrap(), printed, "from base64");
        let normal = normalized(&proto(text)).unwrap();
        assert_eq!(normalized(&proto(&normal)).unwrap(), normal);
    }
}

#[test]
fn protobuf_is_printed_as_one_would_write_it() {
    let printed = canonical(&proto(EVERYTHING)).unwrap();
    for line in [
        "  oneof contact {",
        "    Inner inner = 4;",
        "  map<string, Address> homes = 1;",
        "  optional string name = 2 [(confluent.field_meta) = { tags: [\"PII\", \"NAME\"] }];",
        "  google.protobuf.Timestamp born = 10 [json_name = \"birth\"];",
        "  string snake_case = 12;",
        "  reserved 5, 7 to 9, 1000 to max;",
        "  repeated int32 numbers = 6 [packed = false, deprecated = true];",
        "import public \"confluent/meta.proto\";",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} in\n{printed}");
    }
}

#[test]
fn protobuf_that_does_not_read_is_refused_with_its_place() {
    let deep = format!("message A {{ {} }}", "message B { ".repeat(200));
    for (text, said) in [
        ("syntax = \"proto3\"; message M { string a = 1; string b = 1; }", "1"),
        ("syntax = \"proto3\"; message M { Missing a = 1; }", "Missing"),
        ("syntax = \"proto3\"; import \"other.proto\";", "other.proto"),
        ("syntax = \"proto3\"; message M {\n string a 1; }", "default:2"),
        (deep.as_str(), "nested deeper"),
        ("", ""),
    ] {
        let read = canonical(&proto(text));
        if !said.is_empty() {
            let fault = read.expect_err(text).to_string();
            assert!(fault.contains(said), "{text}: {fault}");
        }
    }
}

#[test]
fn protobuf_takes_what_it_imports_from_the_references() {
    let main = "syntax = \"proto3\"; package p; import \"a.proto\"; message M { A a = 1; }";
    let a = "syntax = \"proto3\"; package p; import \"b.proto\"; message A { B b = 1; }";
    let b = "syntax = \"proto3\"; package p; import \"google/protobuf/any.proto\"; message B { google.protobuf.Any any = 1; }";
    let serialized_a = serialized(&with(proto(a), &[("b.proto", b)])).unwrap().unwrap();
    for a in [a, &serialized_a] {
        let source = with(proto(main), &[("a.proto", a), ("b.proto", b)]);
        assert!(canonical(&source).unwrap().contains("import \"a.proto\";"));
        let alone = standalone(&source).unwrap();
        assert_eq!(canonical(&proto(&alone)).unwrap(), alone);
        for part in ["message M {", "message A {", "message B {", "import \"google/protobuf/any.proto\";"] {
            assert!(alone.contains(part), "{part} in {alone}");
        }
        assert!(!alone.contains("a.proto"));
    }
    let other =
        with(proto("syntax = \"proto3\"; import \"b.proto\"; message M { p.B b = 1; }"), &[("b.proto", b)]);
    assert!(standalone(&other).unwrap_err().to_string().contains("another package"));
}

#[test]
fn tags_stand_at_the_places_that_contracts_speak_of() {
    let expect = |source: &Source, expected: &[(&str, &[&str])]| {
        let expected: BTreeMap<Pointer, _> = expected
            .iter()
            .map(|(at, tags)| {
                (Pointer::parse(at).unwrap(), tags.iter().map(|tag| (*tag).to_owned()).collect())
            })
            .collect();
        assert_eq!(tags(source).unwrap(), expected);
    };
    expect(
        &with(
            avro(
                r#"{"type":"record","name":"R","fields":[
            {"name":"a","type":"string","confluent:tags":["PII","X"]},
            {"name":"b","type":["null",{"type":"array","items":"S"}]},
            {"name":"m","type":{"type":"map","values":"S"},"confluent:tags":["MAP"]},
            {"name":"r","type":["null","R"]}]}"#,
            ),
            &[(
                "S",
                r#"{"type":"record","name":"S","confluent:tags":["WHOLE"],"fields":[{"name":"c","type":"int","confluent:tags":["PII"]}]}"#,
            )],
        ),
        &[
            ("/a", &["PII", "X"]),
            ("/b/*", &["WHOLE"]),
            ("/b/*/c", &["PII"]),
            ("/m", &["MAP"]),
            ("/m/*", &["WHOLE"]),
            ("/m/*/c", &["PII"]),
        ],
    );
    expect(
        &json(
            r##"{"properties":{"a":{"type":"string","confluent:tags":["PII"]},"l":{"items":{"$ref":"#/definitions/n"}},
            "t":{"items":[{"confluent:tags":["FIRST"]}],"additionalItems":{"confluent:tags":["REST"]}}},
            "oneOf":[{"properties":{"o":{"confluent:tags":["O"]}}}],"additionalProperties":{"confluent:tags":["OTHER"]},
            "definitions":{"n":{"properties":{"x":{"confluent:tags":["PII"]},"again":{"$ref":"#/definitions/n"}}}}}"##,
        ),
        &[
            ("/*", &["OTHER"]),
            ("/a", &["PII"]),
            ("/l/*/x", &["PII"]),
            ("/o", &["O"]),
            ("/t/*", &["REST"]),
            ("/t/0", &["FIRST"]),
        ],
    );
    expect(
        &proto(EVERYTHING),
        &[("/address/street", &["PII"]), ("/homes/*/street", &["PII"]), ("/name", &["NAME", "PII"])],
    );
}
