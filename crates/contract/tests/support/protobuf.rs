//! Protocol Buffers documents written byte by byte, and their contracts.

use contract::redact::redact;
use contract::schemas::{Source, serialized};
use contract::{Checked, Class, ClassSet, Contract, Definition, Format, Workspace};
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use serde_json::json;

/// Every way to nest, with persons of their own.
pub const RICH: &str = r#"syntax = "proto3";
package xx.births;
import "google/protobuf/timestamp.proto";

message Birth {
  string id = 1;
  Child child = 2;
  repeated Parent parents = 3;
  string office = 4;
  repeated int32 weights = 5;
  map<string, string> notes = 6;
  map<int32, Parent> others = 7;
  oneof found {
    string by_name = 8;
    sint64 by_number = 9;
  }
  google.protobuf.Timestamp at = 10;
  Tree tree = 11;
  optional bool twin = 12;
  Kind kind = 13;
  bytes scan = 14;
  Shared one = 15;
  Shared two = 16;
  fixed64 register = 17;
  double ratio = 18;
  message Child { string name = 1; uint32 grams = 2; Shared shared = 3; }
  enum Kind { UNKNOWN = 0; HOSPITAL = 1; HOME = 2; }
}
message Parent { uint64 person_id = 1; string name = 2; Birth.Kind kind = 3; }
message Tree { string value = 1; repeated Tree children = 2; }
message Shared { string open = 1; string secret = 2; Inner inner = 3; message Inner { string text = 1; } }
message Unused { string nothing = 1; }
"#;

/// A contract of [`RICH`].
pub fn rich() -> Definition {
    let mut definition = definition(
        RICH,
        &["/id", "/parents/*/person_id"],
        json!({
            "/id": "personal", "/child/name": "personal", "/child/grams": "special", "/child/shared": "public",
            "/parents/*": {"class": "personal", "of": "/parents/*/person_id"}, "/office": "public",
            "/weights": "internal", "/notes": "personal", "/others/*/person_id": "special",
            "/others/*/name": "public", "/others/*/kind": "public", "/by_name": "personal", "/by_number": "public",
            "/at": "public", "/tree": "special", "/twin": "public", "/kind": "internal", "/scan": "special",
            "/one": "public", "/two/open": "public", "/two/secret": "special", "/two/inner": "personal",
            "/register": "public", "/ratio": "public"
        }),
    );
    definition.key = contract::KeyRule::Subject;
    definition
}

pub fn definition(schema: &str, subject: &[&str], classify: serde_json::Value) -> Definition {
    serde_json::from_value(json!({
        "topic": "civil.birth.registered", "version": 1, "format": "protobuf", "schema": schema,
        "subject": subject, "classify": classify,
    }))
    .unwrap()
}

pub fn check(contract: &Contract, data: &[u8]) -> Result<Checked, Vec<String>> {
    let checked = contract.check(data, &mut Workspace::default());
    checked.map_err(|wrong| wrong.iter().map(ToString::to_string).collect())
}

/// The first message of a file, as the library knows it.
pub fn message_of(text: &str) -> MessageDescriptor {
    let encoded = serialized(&Source::alone(Format::Protobuf, text)).unwrap().unwrap();
    let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded).unwrap();
    let file = FileDescriptorProto::decode(&bytes[..]).unwrap();
    let mut pool = DescriptorPool::global();
    pool.add_file_descriptor_proto(file).unwrap();
    pool.get_file_by_name("default").unwrap().messages().next().unwrap()
}

pub fn cleared(classes: &[&str]) -> ClassSet {
    classes.iter().map(|class| Class::from(*class)).collect()
}

/// The document without what is not cleared.
pub fn left(contract: &Contract, data: &[u8], set: &ClassSet) -> Vec<u8> {
    let checked = contract.check(data, &mut Workspace::default()).unwrap();
    redact(Format::Protobuf, data, &checked.spans, &checked.frames, |span| {
        !set.clears(&contract.classes()[span.class as usize])
    })
}

pub fn tag(number: u32, wire: u8) -> Vec<u8> {
    varint(u64::from(number << 3 | u32::from(wire)))
}

pub fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

pub fn bytes(number: u32, content: &[u8]) -> Vec<u8> {
    [tag(number, 2), varint(content.len() as u64), content.to_vec()].concat()
}

pub fn number(field: u32, value: u64) -> Vec<u8> {
    [tag(field, 0), varint(value)].concat()
}
