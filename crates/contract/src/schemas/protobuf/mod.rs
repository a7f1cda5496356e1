//! Protobuf files, read from text or from a serialized descriptor, and printed again.

mod imports;
mod merged;
mod names;
mod options;
mod printer;

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, DynamicMessage, FileDescriptor, ReflectMessage, Value};
use protox::Compiler;
use protox::file::{File, FileResolver, GoogleFileResolver};

pub(super) use imports::is_built_in;
pub(super) use merged::merged;
pub(super) use printer::{Style, print};

use super::{SchemaFault, Source};

/// What the registered text is called among the files. Neither form that a text is registered in tells its name.
const MAIN: &str = "default";

/// How deep brackets may be nested: the parser recurses.
const NESTING: usize = 100;

/// A file with everything that it imports.
pub(super) struct Loaded {
    pub(super) file: FileDescriptor,
}

impl Loaded {
    /// The serialized `FileDescriptorProto`, without the places of its parts in the text.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut message = dynamic(&self.file.encode_to_vec()).unwrap_or_else(blank);
        message.clear_field_by_name("source_code_info");
        message.encode_to_vec()
    }
}

/// Reads a file with what it imports: the source's references and the files that every registry knows.
pub(super) fn load(source: &Source) -> Result<Loaded, SchemaFault> {
    let texts = Texts { main: source.text.clone(), references: source.bounded_references()?.clone() };
    let mut compiler = Compiler::with_file_resolver(texts);
    compiler.include_source_info(false);
    compiler.open_file(MAIN).map_err(|error| fault(&error))?;
    of_pool(&compiler.descriptor_pool())
}

/// The registered file of a pool.
pub(super) fn of_pool(pool: &DescriptorPool) -> Result<Loaded, SchemaFault> {
    let file = pool.get_file_by_name(MAIN);
    file.map(|file| Loaded { file }).ok_or_else(|| SchemaFault("the file was not read".to_owned()))
}

/// The serialized form, decoded so that options that this crate knows nothing of are kept.
pub(super) fn dynamic(encoded: &[u8]) -> Option<DynamicMessage> {
    DynamicMessage::decode(FileDescriptorProto::default().descriptor(), encoded).ok()
}

fn blank() -> DynamicMessage {
    DynamicMessage::new(FileDescriptorProto::default().descriptor())
}

/// The text of the error with its place, which only its `Debug` tells.
fn fault(error: &protox::Error) -> SchemaFault {
    if error.is_file_not_found() {
        return SchemaFault(format!("{error}: register it and name it in the references"));
    }
    SchemaFault(format!("the text is not Protobuf: {error:?}"))
}

/// The files that a text may import.
struct Texts {
    main: String,
    references: BTreeMap<String, String>,
}

impl FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == MAIN {
            return open(name, &self.main);
        }
        if let Some(text) = self.references.get(name) {
            return open(name, text);
        }
        match imports::built_in(name) {
            Some(text) => File::from_source(name, text),
            None => GoogleFileResolver::new().open_file(name),
        }
    }
}

/// A file from text, or from base64 of its serialized descriptor. No text of Protobuf is base64: it has spaces.
fn open(name: &str, text: &str) -> Result<File, protox::Error> {
    if let Ok(bytes) = BASE64_STANDARD.decode(text.trim())
        && !bytes.is_empty()
    {
        let wrong = || protox::Error::new("the base64 is no serialized FileDescriptorProto");
        let mut message = dynamic(&bytes).ok_or_else(wrong)?;
        message.set_field_by_name("name", Value::String(name.to_owned()));
        message.clear_field_by_name("source_code_info");
        return File::decode_file_descriptor_proto(message.encode_to_vec().as_slice())
            .map_err(protox::Error::new);
    }
    if is_nested_deeper(text, NESTING) {
        return Err(protox::Error::new(format!("nested deeper than {NESTING} levels")));
    }
    File::from_source(name, text)
}

fn is_nested_deeper(text: &str, limit: usize) -> bool {
    let mut depth = 0_usize;
    text.bytes().any(|byte| {
        match byte {
            b'{' | b'[' | b'<' | b'(' => depth += 1,
            b'}' | b']' | b'>' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > limit
    })
}
