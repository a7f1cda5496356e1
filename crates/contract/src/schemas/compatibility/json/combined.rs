//! Schemas made of schemas: `allOf`, `anyOf`, `oneOf`, `not`, `if`.

use super::kinds::finding;
use super::side::{Criterion, Group, Side};
use super::{Comparison, DEPTH, Finding, STEPS};
use crate::places::Types;

impl Comparison {
    /// Why a document of `writer` might not be valid for a group of the reader.
    pub(super) fn group<'s>(&mut self, writer: Side<'s>, group: &Group<'s>, at: &str) -> Vec<Finding> {
        match group.criterion {
            Criterion::All => self.product(writer, group, at),
            Criterion::Any | Criterion::One => self.sum(writer, group, at),
        }
    }

    /// Each member must hold: by the writer's whole, or by one of the writer's own members.
    fn product<'s>(&mut self, writer: Side<'s>, group: &Group<'s>, at: &str) -> Vec<Finding> {
        let own: Vec<Side<'s>> = products(writer).into_iter().flat_map(|group| group.members).collect();
        let missing: Vec<(usize, Side<'s>)> = group
            .members
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, member)| {
                !self.reads(writer, *member)
                    && !own.iter().any(|own| self.reads(own.restricted_as(writer), *member))
            })
            .collect();
        if missing.is_empty() {
            return Vec::new();
        }
        let at = format!("{at}/{}", group.word);
        if own.is_empty() {
            let told = missing.iter().flat_map(|(index, member)| {
                let at = if group.word == "$ref" { at.clone() } else { format!("{at}/{index}") };
                self.schemas(writer, *member, &at)
            });
            return told.collect();
        }
        if group.members.len() > own.len() {
            return vec![finding("PRODUCT_TYPE_EXTENDED", &at)];
        }
        vec![finding("COMBINED_TYPE_SUBSCHEMAS_CHANGED", &at)]
    }

    /// Each alternative of the writer must be one of the reader's.
    fn sum<'s>(&mut self, writer: Side<'s>, group: &Group<'s>, at: &str) -> Vec<Finding> {
        self.steps += 1;
        if self.steps >= STEPS || self.depth > DEPTH {
            return vec![finding("TYPE_CHANGED", at)];
        }
        self.depth += 1;
        let found = self.sum_within(writer, group, at);
        self.depth -= 1;
        found
    }

    fn sum_within<'s>(&mut self, writer: Side<'s>, group: &Group<'s>, at: &str) -> Vec<Finding> {
        if group.members.iter().any(|member| self.reads(writer, *member)) || self.each_type(writer, group) {
            return Vec::new();
        }
        let mut worst = None;
        for own in writer.groups() {
            let wrong = match own.criterion {
                Criterion::All => {
                    let reads =
                        own.members.iter().any(|member| self.sum(member.followed(), group, at).is_empty());
                    (!reads).then_some("COMBINED_TYPE_SUBSCHEMAS_CHANGED")
                }
                _ => self.alternatives(writer, &own, group),
            };
            match wrong {
                None => return Vec::new(),
                Some(kind) if !own.is_product() || worst.is_none() => worst = Some(kind),
                Some(_) => {}
            }
        }
        let at = format!("{at}/{}", group.word);
        vec![finding(worst.unwrap_or("TYPE_CHANGED"), &at)]
    }

    /// Whether each type that the writer names is read by an alternative.
    fn each_type<'s>(&mut self, writer: Side<'s>, group: &Group<'s>) -> bool {
        const NAMES: [&str; 6] = ["null", "boolean", "number", "string", "array", "object"];
        let types = writer.types();
        let present: Vec<&'static str> =
            NAMES.into_iter().filter(|name| types.and(Types::named(name)) != Types::NONE).collect();
        present.len() > 1
            && writer.get("type").is_some()
            && present
                .into_iter()
                .all(|name| group.members.iter().any(|member| self.reads(writer.only(name), *member)))
    }

    /// Why the writer's alternatives are not all among the reader's; none: they are.
    fn alternatives<'s>(
        &mut self,
        writer: Side<'s>,
        own: &Group<'s>,
        group: &Group<'s>,
    ) -> Option<&'static str> {
        let several = own.members.len() > 1 && group.members.len() > 1;
        if own.criterion == Criterion::Any && group.criterion == Criterion::One && several {
            // A document may be of two alternatives, and is refused then.
            return Some("COMBINED_TYPE_NARROWED");
        }
        let reads: Vec<Vec<bool>> = own
            .members
            .iter()
            .map(|own| {
                let own = own.restricted_as(writer);
                group.members.iter().map(|member| self.reads(own, *member)).collect()
            })
            .collect();
        let is_read = match group.criterion {
            Criterion::One => matched(&reads) == own.members.len(),
            _ => reads.iter().all(|row| row.contains(&true)),
        };
        match (is_read, own.members.len() > group.members.len()) {
            (true, _) => None,
            (false, true) => Some("SUM_TYPE_NARROWED"),
            (false, false) => Some("COMBINED_TYPE_SUBSCHEMAS_CHANGED"),
        }
    }

    /// What the reader refuses, the writer must refuse.
    pub(super) fn negation<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Option<Finding> {
        let refused = reader.under("not")?;
        if refused.followed().is_nothing() {
            return None;
        }
        let is_refused = writer.under("not").is_some_and(|not| self.reads(refused, not));
        (!is_refused).then(|| finding("NOT_TYPE_EXTENDED", &format!("{at}/not")))
    }

    /// A condition of the reader must be one of the writer, word for word or in other words of one meaning.
    pub(super) fn condition<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let Some(condition) = reader.under("if") else { return Vec::new() };
        let branches = ["then", "else"].map(|word| (word, reader.under(word)));
        let counts = branches.iter().any(|(_, branch)| branch.is_some_and(|branch| !branch.is_anything()));
        if !counts {
            return Vec::new();
        }
        let same = writer
            .under("if")
            .is_some_and(|written| self.reads(written, condition) && self.reads(condition, written));
        if !same {
            return vec![finding("COMBINED_TYPE_SUBSCHEMAS_CHANGED", &format!("{at}/if"))];
        }
        let mut found = Vec::new();
        for (word, branch) in branches {
            let at = format!("{at}/{word}");
            match (writer.under(word), branch) {
                (Some(written), Some(branch)) => found.extend(self.schemas(written, branch, &at)),
                (None, Some(branch)) if !branch.is_anything() => found.push(finding("SCHEMA_ADDED", &at)),
                _ => {}
            }
        }
        found
    }
}

fn products(writer: Side<'_>) -> Vec<Group<'_>> {
    writer.groups().into_iter().filter(Group::is_product).collect()
}

/// The size of the largest matching: each row with a column of its own for which it is true.
fn matched(rows: &[Vec<bool>]) -> usize {
    let columns = rows.first().map_or(0, Vec::len);
    let mut row_of: Vec<Option<usize>> = vec![None; columns];
    (0..rows.len()).filter(|row| assign(*row, rows, &mut row_of, &mut vec![false; columns])).count()
}

fn assign(row: usize, rows: &[Vec<bool>], row_of: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for column in 0..tried.len() {
        if !rows[row][column] || tried[column] {
            continue;
        }
        tried[column] = true;
        let is_free = row_of[column].is_none_or(|other| assign(other, rows, row_of, tried));
        if is_free {
            row_of[column] = Some(row);
            return true;
        }
    }
    false
}
