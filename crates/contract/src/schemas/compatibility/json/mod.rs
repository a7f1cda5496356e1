//! When every document that one JSON Schema admits is admitted by another, told in the kinds of Confluent's
//! `JsonSchema` comparison.
//!
//! Errs to the strict side: what is found compatible is so, but where a schema says one thing in two ways
//! (`allOf` of parts against one whole) it may be found incompatible. Three things are taken as Confluent takes them,
//! and not strictly: a required property with a default may be absent, a branch may be added to `oneOf` although it
//! may overlap others, and `format` says nothing.

mod arrays;
mod combined;
mod kinds;
mod objects;
mod scalars;
mod side;

use std::collections::HashSet;

use super::Finding;
use crate::schemas::json::Documents;
use crate::schemas::{SchemaFault, Source};
use side::{Key, Side};

/// Why a reader of `reader` might not read what a writer of `writer` wrote.
pub(super) fn reading(reader: &Source, writer: &Source) -> Result<Vec<Finding>, SchemaFault> {
    let (reader, writer) = (Documents::read(reader)?, Documents::read(writer)?);
    let mut comparison = Comparison {
        begun: HashSet::new(),
        order: Vec::new(),
        failed: HashSet::new(),
        probing: 0,
        depth: 0,
        steps: 0,
    };
    let mut found = comparison.schemas(Side::root(&writer), Side::root(&reader), "#");
    if comparison.steps >= STEPS {
        return Err(SchemaFault(
            "the schemas are too entangled to be compared: write fewer alternatives in one another"
                .to_owned(),
        ));
    }
    found.dedup();
    Ok(found)
}

/// Pairs of schemas looked at in one comparison: far above real schemas, low enough that none keeps a thread busy.
const STEPS: usize = 100_000;

/// How deep schemas are followed into each other: no real schema is so deep, and each level takes stack.
const DEPTH: usize = 150;

struct Comparison {
    /// Pairs whose comparison has begun and found nothing yet: where one comes round again, it is as good as its
    /// first time.
    begun: HashSet<(Key, Key)>,
    /// The same in order.
    order: Vec<(Key, Key)>,
    /// Pairs that are incompatible.
    failed: HashSet<(Key, Key)>,
    /// Above zero: only whether something is found matters, not what.
    probing: usize,
    depth: usize,
    steps: usize,
}

impl Comparison {
    /// Why a document of `writer` might be none of `reader`.
    fn schemas<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let (writer, reader) = (writer.followed(), reader.followed());
        if reader.is_anything() || writer.is_nothing() {
            return Vec::new();
        }
        let pair = (writer.key(), reader.key());
        self.steps += 1;
        let is_known = self.probing > 0 && self.failed.contains(&pair);
        if is_known || self.depth > DEPTH || self.steps >= STEPS || reader.is_nothing() {
            return vec![kinds::finding("TYPE_CHANGED", at)];
        }
        if !self.begun.insert(pair) {
            return Vec::new();
        }
        let mark = self.order.len();
        self.order.push(pair);
        self.depth += 1;
        let found = self.compare(writer, reader, at);
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

    fn compare<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let mut found = self.words(writer, reader, at);
        if reader.is_whole() {
            for group in reader.groups() {
                found.extend(self.group(writer, &group, at));
            }
            found.extend(self.negation(writer, reader, at));
            found.extend(self.condition(writer, reader, at));
        }
        found
    }

    /// Whether each document of `writer` is one of `reader`.
    fn reads<'s>(&mut self, writer: Side<'s>, reader: Side<'s>) -> bool {
        self.probing += 1;
        let found = self.schemas(writer, reader, "#");
        self.probing -= 1;
        found.is_empty()
    }

    /// The reader's own words, without its combined schemas. The writer's combined schemas may make up for words that
    /// the writer has not.
    fn words<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let found = self.own_words(writer, reader, at);
        if found.is_empty() || !writer.is_whole() {
            return found;
        }
        let groups = writer.groups();
        let only_words = reader.words_only();
        let mut reading_branches = 0;
        for group in &groups {
            let reads: Vec<bool> = group
                .members
                .iter()
                .map(|member| self.reads(member.restricted_as(writer), only_words))
                .collect();
            let enough = match group.is_product() {
                true => reads.iter().any(|reads| *reads),
                false => !reads.is_empty() && reads.iter().all(|reads| *reads),
            };
            if enough {
                return Vec::new();
            }
            reading_branches += reads.iter().filter(|reads| **reads && !group.is_product()).count();
        }
        if reading_branches > 0 {
            return vec![kinds::finding("SUM_TYPE_NARROWED", at)];
        }
        found
    }

    fn own_words<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let (written, read) = (writer.types(), reader.types());
        if written.and(read) != written {
            let kind = if written.and(read) == read { "TYPE_NARROWED" } else { "TYPE_CHANGED" };
            return vec![kinds::finding(kind, at)];
        }
        let mut found = Vec::from_iter(scalars::values(writer, reader, at));
        found.extend(scalars::numbers(writer, reader, at));
        found.extend(scalars::strings(writer, reader, at));
        if written.has_object() {
            found.extend(self.objects(writer, reader, at));
        }
        if written.has_array() {
            found.extend(self.arrays(writer, reader, at));
        }
        found
    }
}
