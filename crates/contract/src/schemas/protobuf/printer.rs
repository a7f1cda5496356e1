//! A file descriptor as text: what is printed reads as the same descriptor again.
//!
//! Nested types are printed in the descriptor's order, where those that fields bring with them (the entries of maps,
//! groups) have their place among the others.

use std::fmt::Write;

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{FieldDescriptorProto, FileDescriptorProto};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor,
    MessageDescriptor, ServiceDescriptor, Syntax,
};

use super::{names, options};

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schemas) enum Style {
    /// In the order in which it was declared.
    AsDeclared,
    /// Imports and options sorted.
    Sorted,
}

/// The last number of a field, as `max` means it, and one past it, as descriptors say it.
const FIELD_NUMBERS_END: i32 = 1 << 29;

/// Prints a file.
pub(in crate::schemas) fn print(file: &FileDescriptor, style: Style) -> String {
    let pool = file.parent_pool();
    let mut printer = Printer { pool, syntax: file.syntax(), style, out: String::new(), depth: 0 };
    printer.file(file);
    printer.out
}

struct Printer<'p> {
    pool: &'p DescriptorPool,
    syntax: Syntax,
    style: Style,
    out: String,
    depth: usize,
}

impl Printer<'_> {
    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn open(&mut self, head: &str) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.line("}");
    }

    fn file(&mut self, file: &FileDescriptor) {
        let raw = file.file_descriptor_proto();
        let syntax = if self.syntax == Syntax::Proto3 { "proto3" } else { "proto2" };
        self.line(&format!("syntax = \"{syntax}\";"));
        let package = file.package_name();
        if !package.is_empty() {
            self.line(&format!("package {package};"));
        }
        self.imports(raw);
        if raw.options.is_some() {
            self.out.push('\n');
            self.option_lines(&file.options(), package);
        }
        for message in file.messages() {
            self.out.push('\n');
            self.message(&message);
        }
        for each in file.enums() {
            self.out.push('\n');
            self.enumeration(&each);
        }
        self.extensions(file.extensions(), package);
        for service in file.services() {
            self.out.push('\n');
            self.service(&service);
        }
    }

    fn imports(&mut self, raw: &FileDescriptorProto) {
        let mut lines: Vec<String> = Vec::new();
        for (index, name) in (0..).zip(&raw.dependency) {
            let public = if raw.public_dependency.contains(&index) { "public " } else { "" };
            lines.push(format!("import {public}{};", options::quoted(name.as_bytes())));
        }
        if self.style == Style::Sorted {
            lines.sort();
        }
        if !lines.is_empty() {
            self.out.push('\n');
        }
        lines.iter().for_each(|line| self.line(line));
    }

    fn options(&self, of: &DynamicMessage, scope: &str) -> Vec<(String, String)> {
        let mut set = options::texts(of, self.pool, scope);
        if self.style == Style::Sorted {
            set.sort();
        }
        set
    }

    fn option_lines(&mut self, of: &DynamicMessage, scope: &str) {
        for (name, value) in self.options(of, scope) {
            self.line(&format!("option {name} = {value};"));
        }
    }

    /// ` [a = b, c = d]`, or nothing.
    fn bracketed(&self, of: &DynamicMessage, scope: &str, first: Vec<String>) -> String {
        let set = self.options(of, scope).into_iter().map(|(name, value)| format!("{name} = {value}"));
        let all: Vec<String> = first.into_iter().chain(set).collect();
        if all.is_empty() { String::new() } else { format!(" [{}]", all.join(", ")) }
    }

    fn message(&mut self, message: &MessageDescriptor) {
        self.open(&format!("message {}", message.name()));
        self.body(message);
        self.close();
    }

    fn body(&mut self, message: &MessageDescriptor) {
        let raw = message.descriptor_proto();
        let scope = message.full_name();
        self.option_lines(&message.options(), scope);
        let ranges = raw.reserved_range.iter().map(|range| (range.start(), range.end() - 1));
        self.reserved(ranges.collect(), FIELD_NUMBERS_END - 1, &raw.reserved_name);
        for range in message.descriptor_proto().extension_range.iter() {
            let text = range_text(range.start(), range.end() - 1, FIELD_NUMBERS_END - 1);
            self.line(&format!("extensions {text};"));
        }
        let children: Vec<MessageDescriptor> = message.child_messages().collect();
        let mut printed = 0;
        let mut oneofs_printed = Vec::new();
        for field in raw.field.iter().filter_map(|raw| message.get_field(raw.number().unsigned_abs())) {
            let brought = children.iter().position(|child| is_brought_by(child, &field));
            if let Some(index) = brought {
                self.children(&children, &mut printed, index);
                printed = printed.max(index + 1);
            }
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                None => self.field(&field),
                Some(oneof) if oneofs_printed.contains(&oneof.name().to_owned()) => {}
                Some(oneof) => {
                    oneofs_printed.push(oneof.name().to_owned());
                    self.open(&format!("oneof {}", oneof.name()));
                    self.option_lines(&oneof.options(), scope);
                    oneof.fields().for_each(|field| self.field(&field));
                    self.close();
                }
            }
        }
        self.children(&children, &mut printed, children.len());
        message.child_enums().for_each(|each| self.enumeration(&each));
        self.extensions(message.child_extensions(), scope);
    }

    /// Prints the children before `end` that no field brings, from where printing stopped.
    fn children(&mut self, children: &[MessageDescriptor], printed: &mut usize, end: usize) {
        while *printed < end {
            let child = &children[*printed];
            *printed += 1;
            let parent = child.parent_message();
            let brought =
                parent.is_some_and(|parent| parent.fields().any(|field| is_brought_by(child, &field)));
            if !brought && !child.is_map_entry() {
                self.message(child);
            }
        }
    }

    fn reserved(&mut self, ranges: Vec<(i32, i32)>, max: i32, reserved_names: &[String]) {
        let ranges: Vec<String> = ranges.iter().map(|(start, end)| range_text(*start, *end, max)).collect();
        let quoted: Vec<String> =
            reserved_names.iter().map(|name| options::quoted(name.as_bytes())).collect();
        for list in [ranges, quoted].iter().filter(|list| !list.is_empty()) {
            self.line(&format!("reserved {};", list.join(", ")));
        }
    }

    fn field(&mut self, field: &FieldDescriptor) {
        let raw = field.field_descriptor_proto();
        let scope = field.parent_message().full_name().to_owned();
        let in_oneof = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
        let kind = field.kind();
        let tail = self.tail(raw, &field.options(), &scope, field.json_name());
        if field.is_map()
            && let Some(entry) = kind.as_message()
        {
            let key = self.type_name(entry.map_entry_key_field().field_descriptor_proto(), &scope);
            let value = self.type_name(entry.map_entry_value_field().field_descriptor_proto(), &scope);
            return self.line(&format!("map<{key}, {value}> {} = {}{tail};", raw.name(), raw.number()));
        }
        let label = self.label(raw, in_oneof);
        match kind.as_message().filter(|_| field.is_group()) {
            Some(group) => self.group(&label, group, raw.number(), &tail),
            None => {
                let type_name = self.type_name(raw, &scope);
                self.line(&format!("{label}{type_name} {} = {}{tail};", raw.name(), raw.number()));
            }
        }
    }

    fn group(&mut self, label: &str, group: &MessageDescriptor, number: i32, tail: &str) {
        self.open(&format!("{label}group {} = {number}{tail}", group.name()));
        self.body(group);
        self.close();
    }

    fn label(&self, raw: &FieldDescriptorProto, in_oneof: bool) -> String {
        let label = match raw.label() {
            Label::Repeated => "repeated ",
            Label::Required => "required ",
            Label::Optional if in_oneof => "",
            Label::Optional if self.syntax == Syntax::Proto3 && !raw.proto3_optional() => "",
            Label::Optional => "optional ",
        };
        label.to_owned()
    }

    /// The options of a field, with those that the descriptor keeps beside them.
    fn tail(&self, raw: &FieldDescriptorProto, of: &DynamicMessage, scope: &str, json_name: &str) -> String {
        let mut first = Vec::new();
        if let Some(default) = &raw.default_value {
            let text = match raw.r#type() {
                Type::String => options::quoted(default.as_bytes()),
                // Escaped already, with nothing in it that would end a literal.
                Type::Bytes => format!("\"{default}\""),
                _ => default.clone(),
            };
            first.push(format!("default = {text}"));
        }
        if raw.extendee.is_none() && json_name != default_json_name(raw.name()) {
            first.push(format!("json_name = {}", options::quoted(json_name.as_bytes())));
        }
        self.bracketed(of, scope, first)
    }

    fn type_name(&self, raw: &FieldDescriptorProto, scope: &str) -> String {
        match raw.type_name.as_deref() {
            Some(full) => names::relative(self.pool, full.trim_start_matches('.'), scope),
            None => scalar_name(raw.r#type()).to_owned(),
        }
    }

    fn enumeration(&mut self, each: &EnumDescriptor) {
        let raw = each.enum_descriptor_proto();
        let scope = each
            .parent_message()
            .map_or_else(|| each.package_name().to_owned(), |message| message.full_name().to_owned());
        self.open(&format!("enum {}", each.name()));
        self.option_lines(&each.options(), &scope);
        let ranges = raw.reserved_range.iter().map(|range| (range.start(), range.end()));
        self.reserved(ranges.collect(), i32::MAX, &raw.reserved_name);
        // By the descriptor's own order, which is not that of the numbers.
        for value in &raw.value {
            let known = each.values().find(|known| known.name() == value.name());
            let tail = known.map(|known| self.bracketed(&known.options(), &scope, Vec::new()));
            self.line(&format!("{} = {}{};", value.name(), value.number(), tail.unwrap_or_default()));
        }
        self.close();
    }

    fn extensions(&mut self, extensions: impl Iterator<Item = ExtensionDescriptor>, scope: &str) {
        let mut extending: Option<String> = None;
        for extension in extensions {
            let extendee = extension.containing_message().full_name().to_owned();
            if extending.as_ref() != Some(&extendee) {
                if extending.is_some() {
                    self.close();
                }
                self.open(&format!("extend {}", names::relative(self.pool, &extendee, scope)));
                extending = Some(extendee);
            }
            let raw = extension.field_descriptor_proto();
            let tail = self.tail(raw, &extension.options(), scope, "");
            let (label, type_name) = (self.label(raw, false), self.type_name(raw, scope));
            self.line(&format!("{label}{type_name} {} = {}{tail};", raw.name(), raw.number()));
        }
        if extending.is_some() {
            self.close();
        }
    }

    fn service(&mut self, service: &ServiceDescriptor) {
        let scope = service.full_name().to_owned();
        self.open(&format!("service {}", service.name()));
        self.option_lines(&service.options(), &scope);
        for method in service.methods() {
            let mut head = format!("rpc {}", method.name());
            let side = |streams: bool, message: MessageDescriptor| {
                let name = names::relative(self.pool, message.full_name(), service.package_name());
                format!("({}{name})", if streams { "stream " } else { "" })
            };
            let input = side(method.is_client_streaming(), method.input());
            let output = side(method.is_server_streaming(), method.output());
            let _ = write!(head, " {input} returns {output}");
            if method.method_descriptor_proto().options.is_none() {
                self.line(&format!("{head};"));
            } else {
                self.open(&head);
                self.option_lines(&method.options(), &scope);
                self.close();
            }
        }
        self.close();
    }
}

/// Whether the child is declared by a field: the entry of a map, or a group.
fn is_brought_by(child: &MessageDescriptor, field: &FieldDescriptor) -> bool {
    (field.is_map() || field.is_group()) && field.kind().as_message() == Some(child)
}

fn range_text(start: i32, end: i32, max: i32) -> String {
    match (start == end, end >= max) {
        (true, _) => start.to_string(),
        (_, true) => format!("{start} to max"),
        _ => format!("{start} to {end}"),
    }
}

/// The JSON name that a field has without saying so: lowerCamelCase of its name.
fn default_json_name(name: &str) -> String {
    let mut out = String::new();
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

fn scalar_name(of: Type) -> &'static str {
    match of {
        Type::Double => "double",
        Type::Float => "float",
        Type::Int64 => "int64",
        Type::Uint64 => "uint64",
        Type::Int32 => "int32",
        Type::Fixed64 => "fixed64",
        Type::Fixed32 => "fixed32",
        Type::Bool => "bool",
        Type::String => "string",
        Type::Group => "group",
        Type::Message => "message",
        Type::Bytes => "bytes",
        Type::Uint32 => "uint32",
        Type::Enum => "enum",
        Type::Sfixed32 => "sfixed32",
        Type::Sfixed64 => "sfixed64",
        Type::Sint32 => "sint32",
        Type::Sint64 => "sint64",
    }
}
