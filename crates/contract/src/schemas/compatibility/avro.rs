//! Schema resolution of Avro (specification, "Schema Resolution") in the order and words of Avro's
//! `SchemaCompatibility`. Names are compared without their namespaces, as there. Beyond it, decimals must have one
//! scale, as the specification asks: amounts would silently change otherwise.

use std::collections::HashSet;

use super::Finding;
use crate::schemas::avro::{Field, Named, Schema, Shape, TypeId};
use crate::schemas::{SchemaFault, Source, TYPE_DEPTH};

/// Why a reader of `reader` might not read what a writer of `writer` wrote.
pub(super) fn reading(reader: &Source, writer: &Source) -> Result<Vec<Finding>, SchemaFault> {
    let (reader, writer) = (Schema::read(reader)?, Schema::read(writer)?);
    let mut resolution = Resolution {
        reader: &reader,
        writer: &writer,
        begun: HashSet::new(),
        order: Vec::new(),
        failed: HashSet::new(),
        probing: 0,
        depth: 0,
        steps: 0,
    };
    let found = resolution.types(reader.root, writer.root, "");
    if resolution.steps >= STEPS {
        return Err(SchemaFault(
            "the schemas are too entangled to be compared: write fewer branches in unions".to_owned(),
        ));
    }
    Ok(found)
}

/// Pairs of types looked at in one comparison: far above real schemas, low enough that none keeps a thread busy.
const STEPS: usize = 500_000;

struct Resolution<'s> {
    reader: &'s Schema,
    writer: &'s Schema,
    /// Pairs whose comparison has begun and found nothing yet: where one comes round again, it is as good as its
    /// first time.
    begun: HashSet<(TypeId, TypeId)>,
    /// The same in order.
    order: Vec<(TypeId, TypeId)>,
    /// Pairs that are incompatible.
    failed: HashSet<(TypeId, TypeId)>,
    /// Above zero: only whether something is found matters, not what.
    probing: usize,
    /// How many pairs are being compared inside each other.
    depth: usize,
    steps: usize,
}

impl<'s> Resolution<'s> {
    fn types(&mut self, reader: TypeId, writer: TypeId, at: &str) -> Vec<Finding> {
        let pair = (reader, writer);
        self.steps += 1;
        let is_known = self.probing > 0 && self.failed.contains(&pair);
        if is_known || self.steps >= STEPS || self.depth > TYPE_DEPTH {
            return vec![mismatch(self.reader.shape(reader), self.writer.shape(writer), at)];
        }
        if !self.begun.insert(pair) {
            return Vec::new();
        }
        let mark = self.order.len();
        self.order.push(pair);
        self.depth += 1;
        let found = self.compare(reader, writer, at);
        self.depth -= 1;
        if !found.is_empty() {
            // What was found compatible since then may only be so if this pair is.
            for pair in self.order.drain(mark..) {
                self.begun.remove(&pair);
            }
            self.failed.insert(pair);
        }
        found
    }

    /// Whether the reader's type reads the writer's.
    fn reads(&mut self, reader: TypeId, writer: TypeId, at: &str) -> bool {
        self.probing += 1;
        let found = self.types(reader, writer, at);
        self.probing -= 1;
        found.is_empty()
    }

    fn compare(&mut self, reader: TypeId, writer: TypeId, at: &str) -> Vec<Finding> {
        let (of_reader, of_writer): (&'s Shape, &'s Shape) =
            (self.reader.shape(reader), self.writer.shape(writer));
        match (of_reader, of_writer) {
            (Shape::Union(_), Shape::Union(branches)) => self.writer_branches(reader, branches, at),
            (_, Shape::Union(branches)) => {
                branches.iter().flat_map(|branch| self.types(reader, *branch, at)).collect()
            }
            (Shape::Union(branches), _) => self.reader_branches(branches, writer, at),
            (Shape::Array(items), Shape::Array(written)) => {
                self.types(*items, *written, &format!("{at}/items"))
            }
            (Shape::Map(values), Shape::Map(written)) => {
                self.types(*values, *written, &format!("{at}/values"))
            }
            (Shape::Record { name, fields }, Shape::Record { name: written, fields: known }) => {
                let mut found = Vec::from_iter(names(name, written, at));
                if found.is_empty() || self.probing == 0 {
                    found.extend(self.fields(fields, known, at));
                }
                found
            }
            (Shape::Enum { name, symbols, default }, Shape::Enum { name: written, symbols: known, .. }) => {
                let mut found = Vec::from_iter(names(name, written, at));
                found.extend(missing_symbols(symbols, default.as_deref(), known, at));
                found
            }
            (Shape::Fixed { name, size }, Shape::Fixed { name: written, size: known }) => {
                let mut found = Vec::from_iter(names(name, written, at));
                if size != known {
                    let info = format!("expected: {known}, found: {size}");
                    found.push(finding(
                        "FIXED_SIZE_MISMATCH",
                        format!("{at}/size"),
                        "The size of FIXED type field at path '{path}' in the {reader} schema does not match with the {writer} schema",
                        info,
                    ));
                }
                found.extend(self.decimals(reader, writer, at));
                found
            }
            (of_reader, of_writer) if is_promoted(of_reader, of_writer) => {
                self.decimals(reader, writer, at).into_iter().collect()
            }
            _ => vec![mismatch(of_reader, of_writer, at)],
        }
    }

    /// Every branch that may have been written must be read by some branch.
    fn writer_branches(&mut self, reader: TypeId, branches: &[TypeId], at: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            if !self.reads(reader, *branch, at) {
                found.push(missing_branch(self.writer.shape(*branch), format!("{at}/{index}")));
            }
        }
        found
    }

    fn reader_branches(&mut self, branches: &[TypeId], writer: TypeId, at: &str) -> Vec<Finding> {
        if branches.iter().any(|branch| self.reads(*branch, writer, at)) {
            return Vec::new();
        }
        vec![missing_branch(self.writer.shape(writer), at.to_owned())]
    }

    fn fields(&mut self, fields: &[Field], written: &[Field], at: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let at = format!("{at}/fields/{index}");
            let named = |name: &str| written.iter().find(|other| other.name == name);
            let source = named(&field.name).or_else(|| field.aliases.iter().find_map(|alias| named(alias)));
            match source {
                Some(source) => found.extend(self.types(field.shape, source.shape, &format!("{at}/type"))),
                None if field.default.is_some() => {}
                None => found.push(finding(
                    "READER_FIELD_MISSING_DEFAULT_VALUE",
                    at,
                    "The field '{info}' at path '{path}' in the {reader} schema has no default value and is missing in the {writer} schema",
                    field.name.clone(),
                )),
            }
        }
        found
    }

    fn decimals(&self, reader: TypeId, writer: TypeId, at: &str) -> Option<Finding> {
        let (precision, scale) = self.reader.get(reader).decimal?;
        let (was_precision, was_scale) = self.writer.get(writer).decimal?;
        (scale != was_scale || precision < was_precision).then(|| {
            let info = format!(
                "reader type: DECIMAL({precision}, {scale}) not compatible with writer type: DECIMAL({was_precision}, {was_scale})"
            );
            finding("TYPE_MISMATCH", at_root(at), TYPE_MISMATCH, info)
        })
    }
}

const TYPE_MISMATCH: &str =
    "The type (path '{path}') of a field in the {reader} schema does not match with the {writer} schema";

fn finding(kind: &'static str, path: String, description: &'static str, info: String) -> Finding {
    Finding { kind, path, description, info }
}

fn at_root(at: &str) -> String {
    if at.is_empty() { "/".to_owned() } else { at.to_owned() }
}

fn mismatch(reader: &Shape, writer: &Shape, at: &str) -> Finding {
    let kind = |shape: &Shape| shape.kind().to_uppercase();
    let info = format!("reader type: {} not compatible with writer type: {}", kind(reader), kind(writer));
    finding("TYPE_MISMATCH", at_root(at), TYPE_MISMATCH, info)
}

fn missing_branch(writer: &Shape, at: String) -> Finding {
    finding(
        "MISSING_UNION_BRANCH",
        at_root(&at),
        "The {reader} schema is missing a type inside a union field at path '{path}' in the {writer} schema",
        format!("reader union lacking writer type: {}", writer.kind().to_uppercase()),
    )
}

/// A reader knows a type by its name or by an alias.
fn names(reader: &Named, writer: &Named, at: &str) -> Option<Finding> {
    let known = reader.name.simple == writer.name.simple || reader.aliases.contains(&writer.name);
    (!known).then(|| {
        finding(
            "NAME_MISMATCH",
            format!("{at}/name"),
            "The name of the schema has changed (path '{path}')",
            format!("expected: {}", writer.name),
        )
    })
}

fn missing_symbols(reader: &[String], default: Option<&str>, writer: &[String], at: &str) -> Option<Finding> {
    let missing: Vec<&str> =
        writer.iter().filter(|symbol| !reader.contains(symbol)).map(String::as_str).collect();
    (!missing.is_empty() && default.is_none()).then(|| {
        finding(
            "MISSING_ENUM_SYMBOLS",
            format!("{at}/symbols"),
            "The {reader} schema is missing enum symbols '{info}' at path '{path}' in the {writer} schema",
            format!("[{}]", missing.join(", ")),
        )
    })
}

/// Whether a value of one primitive reads as one of another.
fn is_promoted(reader: &Shape, writer: &Shape) -> bool {
    use Shape::*;
    matches!(
        (reader, writer),
        (Null, Null)
            | (Boolean, Boolean)
            | (Int, Int)
            | (Long, Int | Long)
            | (Float, Int | Long | Float)
            | (Double, Int | Long | Float | Double)
            | (String | Bytes, String | Bytes)
    )
}
