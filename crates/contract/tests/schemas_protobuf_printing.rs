//! A Protobuf file that is printed reads as the same descriptor, however its types are called and nested.

use crate::support::dice::Dice;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use contract::Format;
use contract::schemas::compatibility::reading;
use contract::schemas::{Source, canonical, normalized, serialized};
use proptest::prelude::*;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FieldOptions,
    FileDescriptorProto, OneofDescriptorProto,
};

/// Few names, so that they hide each other.
const NAMES: [&str; 4] = ["A", "B", "pkg", "in"];

fn message(
    dice: &mut Dice,
    name: &str,
    around: &str,
    depth: usize,
    types: &mut Vec<(String, Type)>,
) -> DescriptorProto {
    let full = format!("{around}.{name}");
    types.push((full.clone(), Type::Message));
    let mut out = DescriptorProto { name: Some(name.to_owned()), ..Default::default() };
    for inner in NAMES {
        if depth > 0 && dice.once_in(3) {
            out.nested_type.push(message(dice, inner, &full, depth - 1, types));
        } else if dice.once_in(6) {
            out.enum_type.push(enumeration(inner, &full, types));
        }
    }
    out
}

fn enumeration(name: &str, around: &str, types: &mut Vec<(String, Type)>) -> EnumDescriptorProto {
    types.push((format!("{around}.{name}"), Type::Enum));
    let value = |value: &str, number| EnumValueDescriptorProto {
        name: Some(format!("{name}_{value}")),
        number: Some(number),
        options: None,
    };
    EnumDescriptorProto {
        name: Some(name.to_owned()),
        value: vec![value("ZERO", 0), value("MINUS", -1)],
        ..Default::default()
    }
}

const SCALARS: [Type; 6] = [Type::String, Type::Bytes, Type::Int32, Type::Sint64, Type::Bool, Type::Double];

/// Gives each message fields of any of the types.
fn fill(dice: &mut Dice, message: &mut DescriptorProto, types: &[(String, Type)]) {
    for inner in &mut message.nested_type {
        fill(dice, inner, types);
    }
    let mut number = 0;
    for index in 0..dice.below(5) {
        number += 1 + dice.below(3) as i32;
        let (type_name, of) = if dice.once_in(2) {
            let (name, of) = &types[dice.below(types.len())];
            (Some(name.clone()), *of)
        } else {
            (None, SCALARS[dice.below(SCALARS.len())])
        };
        let label = if dice.once_in(4) { Label::Repeated } else { Label::Optional };
        let name = format!("f_{index}x");
        message.field.push(FieldDescriptorProto {
            json_name: Some(if dice.once_in(4) { "other".to_owned() + &name } else { format!("f{index}x") }),
            name: Some(name),
            number: Some(number),
            label: Some(label as i32),
            r#type: Some(of as i32),
            type_name,
            options: dice.once_in(5).then(|| FieldOptions { deprecated: Some(true), ..Default::default() }),
            ..Default::default()
        });
    }
    if message.field.len() > 1 && dice.once_in(3) {
        message.oneof_decl.push(OneofDescriptorProto { name: Some("choice".to_owned()), options: None });
        let plain = message.field.iter_mut().filter(|field| field.label() == Label::Optional);
        plain.for_each(|field| field.oneof_index = Some(0));
        let members = |field: &&FieldDescriptorProto| field.oneof_index.is_some();
        if message.field.iter().filter(members).count() == 0 {
            message.oneof_decl.clear();
        } else {
            // In a text, the fields of a oneof follow each other.
            message.field.sort_by_key(|field| field.oneof_index.is_none());
        }
    }
}

fn file(seed: u64) -> FileDescriptorProto {
    let mut dice = Dice::of(seed);
    let package = dice.pick(&["", "pkg", "A.in"]);
    let around = if package.is_empty() { String::new() } else { format!(".{package}") };
    let mut types = Vec::new();
    let mut out = FileDescriptorProto {
        name: Some("x.proto".to_owned()),
        package: (!package.is_empty()).then(|| package.to_owned()),
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    for name in NAMES {
        if dice.once_in(2) {
            out.message_type.push(message(&mut dice, name, &around, 2, &mut types));
        } else if dice.once_in(4) {
            out.enum_type.push(enumeration(name, &around, &mut types));
        }
    }
    if types.is_empty() {
        out.message_type.push(message(&mut dice, "M", &around, 0, &mut types));
    }
    for message in &mut out.message_type {
        fill(&mut dice, message, &types);
    }
    out
}

/// Whether the file that follows from a seed reads; then it must be printed right.
fn is_printed(seed: u64) -> Result<bool, String> {
    let source = |text: String| Source::alone(Format::Protobuf, text);
    let given = source(BASE64_STANDARD.encode(file(seed).encode_to_vec()));
    let Ok(text) = canonical(&given) else { return Ok(false) };
    let descriptor = serialized(&given).map_err(|fault| fault.to_string())?;
    let again = serialized(&source(text.clone())).map_err(|fault| format!("{fault}\n{text}"))?;
    if descriptor != again {
        let decoded = |text: &Option<String>| {
            let bytes = BASE64_STANDARD.decode(text.as_deref().unwrap_or_default()).unwrap_or_default();
            FileDescriptorProto::decode(bytes.as_slice())
        };
        return Err(format!("{text}\n{:#?}\n{:#?}", decoded(&descriptor), decoded(&again)));
    }
    let normal = normalized(&source(text.clone())).map_err(|fault| fault.to_string())?;
    let reads = reading(&source(normal), &source(text)).map_err(|fault| fault.to_string())?;
    if reads.is_empty() { Ok(true) } else { Err(format!("{reads:?}")) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_file_reads_as_the_same_descriptor(seed: u64) {
        if let Err(wrong) = is_printed(seed) {
            prop_assert!(false, "{}", wrong);
        }
    }
}

#[test]
fn most_of_the_generated_files_read() {
    let read = (0..100).filter(|seed| is_printed(*seed) == Ok(true)).count();
    assert!(read > 50, "{read} of 100");
}
