//! Arrays: the first elements by their place, the others by one schema.

use serde_json::Value;

use super::kinds::finding;
use super::scalars::{Bound, count};
use super::side::{Rest, Side};
use super::{Comparison, Finding};

impl Comparison {
    /// Why an array of `writer` might not be one of `reader`.
    pub(super) fn arrays<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let most = ("MAX_ITEMS_ADDED", "MAX_ITEMS_DECREASED");
        let least = ("MIN_ITEMS_ADDED", "MIN_ITEMS_INCREASED");
        let mut found = Vec::from_iter(count(writer, reader, "maxItems", Bound::Upper, most, at));
        found.extend(count(writer, reader, "minItems", Bound::Lower, least, at));
        let is_unique = |side: Side<'_>| side.get("uniqueItems") == Some(&Value::Bool(true));
        if is_unique(reader) && !is_unique(writer) {
            found.push(finding("UNIQUE_ITEMS_ADDED", &format!("{at}/uniqueItems")));
        }
        found.extend(self.elements(writer, reader, at));
        found.extend(self.contained(writer, reader, at));
        if let Some(read) = reader.entangled("unevaluatedItems")
            && (writer.get("unevaluatedItems") != Some(read) || writer.schema() != reader.schema())
        {
            found.push(finding("ADDITIONAL_ITEMS_NARROWED", &format!("{at}/unevaluatedItems")));
        }
        found
    }

    fn elements<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let (written, written_rest) = tuple(writer);
        let (read, read_rest) = tuple(reader);
        let mut found = Vec::new();
        for index in 0..written.len().max(read.len()) {
            let at = format!("{at}/items/{index}");
            match (written.get(index), read.get(index)) {
                (Some(written), Some(read)) => found.extend(self.schemas(*written, *read, &at)),
                (None, Some(read)) => found.extend(self.element_added(written_rest, *read, &at)),
                (Some(written), None) => found.extend(self.element_removed(*written, read_rest, &at)),
                (None, None) => {}
            }
        }
        let is_list = written.is_empty() && read.is_empty();
        let at = format!("{at}/{}", if is_list { "items" } else { "additionalItems" });
        match (written_rest, read_rest) {
            (_, Rest::Open) | (Rest::Closed, _) => {}
            (_, Rest::Closed) => found.push(finding("ADDITIONAL_ITEMS_REMOVED", &at)),
            (Rest::Open, Rest::Partly(_)) => found.push(finding("ADDITIONAL_ITEMS_NARROWED", &at)),
            (Rest::Partly(written), Rest::Partly(read)) => found.extend(self.schemas(written, read, &at)),
        }
        found
    }

    fn element_added<'s>(&mut self, written: Rest<'s>, read: Side<'s>, at: &str) -> Option<Finding> {
        match written {
            Rest::Closed => None,
            Rest::Open if read.followed().is_anything() => None,
            Rest::Open => Some(finding("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", at)),
            Rest::Partly(written) if self.reads(written, read) => None,
            Rest::Partly(_) => Some(finding("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at)),
        }
    }

    fn element_removed<'s>(&mut self, written: Side<'s>, read: Rest<'s>, at: &str) -> Option<Finding> {
        match read {
            Rest::Open => None,
            Rest::Closed if written.followed().is_nothing() => None,
            Rest::Closed => Some(finding("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", at)),
            Rest::Partly(read) if self.reads(written, read) => None,
            Rest::Partly(_) => Some(finding("ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at)),
        }
    }

    /// `contains`, with how many elements it must and may hold for.
    fn contained<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let number = |side: Side<'_>, word: &str| side.get(word).and_then(Value::as_u64);
        let Some(read) = reader.under("contains") else { return Vec::new() };
        let least = number(reader, "minContains").unwrap_or(1);
        let mut found = Vec::new();
        if least > 0 {
            match writer.under("contains") {
                None => found.push(finding("SCHEMA_ADDED", &format!("{at}/contains"))),
                Some(written) => found.extend(self.schemas(written, read, &format!("{at}/contains"))),
            }
            if number(writer, "minContains").unwrap_or(1) < least {
                found.push(finding("MIN_ITEMS_INCREASED", &format!("{at}/minContains")));
            }
        }
        if let Some(most) = number(reader, "maxContains") {
            let is_kept = writer.under("contains").is_some_and(|written| self.reads(read, written))
                && number(writer, "maxContains").is_some_and(|written| written <= most);
            if !is_kept {
                found.push(finding("MAX_ITEMS_DECREASED", &format!("{at}/maxContains")));
            }
        }
        found
    }
}

/// The schemas of the first elements, and what the others may be: since draft 2020-12 `prefixItems` and `items`, before
/// it `items` and `additionalItems`.
fn tuple(side: Side<'_>) -> (Vec<Side<'_>>, Rest<'_>) {
    if side.get("items").is_some_and(Value::is_array) {
        return (side.list("items"), side.rest("additionalItems", "unevaluatedItems"));
    }
    (side.list("prefixItems"), side.rest("items", "unevaluatedItems"))
}
