//! A Protobuf file in one text with those of its package that it imports.

use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, FileDescriptor, Value};

use super::{Style, dynamic, is_built_in, load, of_pool, print};
use crate::schemas::{SchemaFault, Source};

/// Prints the registered file with the types of the files of its package that it imports.
pub(in crate::schemas) fn merged(source: &Source) -> Result<String, SchemaFault> {
    let loaded = load(source)?;
    let main = &loaded.file;
    let mut files: Vec<FileDescriptor> = Vec::new();
    gather(main, &mut files);
    for file in &files {
        if file.package_name() != main.package_name() || file.syntax() != main.syntax() {
            return Err(SchemaFault(format!(
                "the import {:?} is of another package or syntax: one file cannot hold both",
                file.name()
            )));
        }
    }
    let mut all =
        dynamic(&main.encode_to_vec()).ok_or_else(|| SchemaFault("the file was not read".to_owned()))?;
    for part in ["message_type", "enum_type", "extension"] {
        let own = all.get_field_by_name(part).and_then(|value| value.as_list().map(<[Value]>::to_vec));
        let mut values = own.unwrap_or_default();
        for file in &files {
            let other = dynamic(&file.encode_to_vec());
            let other = other.as_ref().and_then(|other| other.get_field_by_name(part));
            values.extend(other.as_deref().and_then(Value::as_list).unwrap_or_default().iter().cloned());
        }
        all.set_field_by_name(part, Value::List(values));
    }
    let mut imports: Vec<String> = Vec::new();
    for file in std::iter::once(main).chain(&files) {
        let built_in =
            file.dependencies().map(|file| file.name().to_owned()).filter(|name| is_built_in(name));
        imports.extend(built_in);
    }
    imports.sort();
    imports.dedup();
    all.set_field_by_name("dependency", Value::List(imports.iter().cloned().map(Value::String).collect()));
    all.clear_field_by_name("public_dependency");
    let mut pool = DescriptorPool::new();
    add_built_in(main.parent_pool(), &imports, &mut pool);
    pool.decode_file_descriptor_proto(all.encode_to_vec().as_slice())
        .map_err(|error| SchemaFault(format!("the files do not fit in one: {error}")))?;
    Ok(print(&of_pool(&pool)?.file, Style::AsDeclared))
}

/// The files that a file imports, directly or not, but for built-in ones.
fn gather(file: &FileDescriptor, found: &mut Vec<FileDescriptor>) {
    for import in file.dependencies() {
        if !is_built_in(import.name()) && !found.contains(&import) {
            found.push(import.clone());
            gather(&import, found);
        }
    }
}

fn add_built_in(from: &DescriptorPool, names: &[String], into: &mut DescriptorPool) {
    for file in names.iter().filter_map(|name| from.get_file_by_name(name)) {
        if into.get_file_by_name(file.name()).is_some() {
            continue;
        }
        let needed: Vec<String> = file.dependencies().map(|file| file.name().to_owned()).collect();
        add_built_in(from, &needed, into);
        // The file was read once already: it reads again.
        let _ = into.decode_file_descriptor_proto(file.encode_to_vec().as_slice());
    }
}
