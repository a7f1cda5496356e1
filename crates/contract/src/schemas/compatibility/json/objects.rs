//! Objects: which members there may be. A content model is open where any other member may be, closed where none may,
//! and partially open where others must be of a schema.

use serde_json::{Value, json};

use super::kinds::finding;
use super::scalars::{Bound, count};
use super::side::{Rest, Side};
use super::{Comparison, Finding};

impl Comparison {
    /// Why an object of `writer` might not be one of `reader`.
    pub(super) fn objects<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let most = ("MAX_PROPERTIES_ADDED", "MAX_PROPERTIES_DECREASED");
        let least = ("MIN_PROPERTIES_ADDED", "MIN_PROPERTIES_INCREASED");
        let mut found = Vec::from_iter(count(writer, reader, "maxProperties", Bound::Upper, most, at));
        found.extend(count(writer, reader, "minProperties", Bound::Lower, least, at));
        found.extend(self.properties(writer, reader, at));
        found.extend(required(writer, reader, at));
        found.extend(self.patterns(writer, reader, at));
        found.extend(self.additional(writer, reader, at));
        found.extend(self.dependencies(writer, reader, at));
        found.extend(self.optional(writer, reader, "propertyNames", at));
        if let Some(read) = reader.entangled("unevaluatedProperties")
            && (writer.get("unevaluatedProperties") != Some(read) || writer.schema() != reader.schema())
        {
            found.push(finding("ADDITIONAL_PROPERTIES_NARROWED", &format!("{at}/unevaluatedProperties")));
        }
        found
    }

    /// A schema that the reader may have under a word, for each member or element.
    pub(super) fn optional<'s>(
        &mut self,
        writer: Side<'s>,
        reader: Side<'s>,
        word: &str,
        at: &str,
    ) -> Vec<Finding> {
        let Some(read) = reader.under(word).filter(|read| !read.is_anything()) else { return Vec::new() };
        let at = format!("{at}/{word}");
        match writer.under(word) {
            Some(written) => self.schemas(written, read, &at),
            None => vec![finding("SCHEMA_ADDED", &at)],
        }
    }

    fn properties<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        for (name, written) in writer.map("properties") {
            let at = format!("{at}/properties/{name}");
            match property(reader, name) {
                Some(read) => found.extend(self.schemas(written, read, &at)),
                None => found.extend(self.removed(reader, name, written, &at)),
            }
        }
        for (name, read) in reader.map("properties") {
            if property(writer, name).is_none() {
                found.extend(self.added(writer, reader, name, read, &format!("{at}/properties/{name}")));
            }
        }
        found
    }

    /// A property that the reader does not declare is read by what it admits beside declared ones.
    fn removed<'s>(&mut self, reader: Side<'s>, name: &str, written: Side<'s>, at: &str) -> Option<Finding> {
        const NOT_COVERED: &str = "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL";
        let matching = matching(reader, name);
        if !matching.is_empty() {
            let covered = matching.into_iter().all(|read| self.reads(written, read));
            return (!covered).then(|| finding(NOT_COVERED, at));
        }
        match reader.rest("additionalProperties", "unevaluatedProperties") {
            Rest::Open => None,
            Rest::Closed if written.followed().is_nothing() => None,
            Rest::Closed => Some(finding("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", at)),
            Rest::Partly(read) if self.reads(written, read) => None,
            Rest::Partly(_) => Some(finding(NOT_COVERED, at)),
        }
    }

    /// A property that the writer does not declare may have been written beside declared ones.
    fn added<'s>(
        &mut self,
        writer: Side<'s>,
        reader: Side<'s>,
        name: &str,
        read: Side<'s>,
        at: &str,
    ) -> Option<Finding> {
        const NOT_COVERED: &str = "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL";
        let is_required = reader.strings("required").contains(&name)
            && !writer.strings("required").contains(&name)
            && !has_default(read);
        let required = || is_required.then(|| finding("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", at));
        let matching = matching(writer, name);
        if !matching.is_empty() {
            let covered = matching.into_iter().any(|written| self.reads(written, read));
            return if covered { required() } else { Some(finding(NOT_COVERED, at)) };
        }
        match writer.rest("additionalProperties", "unevaluatedProperties") {
            Rest::Open if read.followed().is_anything() => {
                is_required.then(|| finding("REQUIRED_ATTRIBUTE_ADDED", at))
            }
            Rest::Open => Some(finding("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", at)),
            Rest::Closed => required(),
            Rest::Partly(written) if self.reads(written, read) => required(),
            Rest::Partly(_) => Some(finding(NOT_COVERED, at)),
        }
    }

    /// Members by the pattern of their names.
    fn patterns<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        for (pattern, read) in reader.map("patternProperties") {
            let at = format!("{at}/patternProperties/{pattern}");
            match writer.map("patternProperties").find(|(known, _)| *known == pattern) {
                Some((_, written)) => found.extend(self.schemas(written, read, &at)),
                None => found.extend(self.pattern_added(writer, pattern, read, &at)),
            }
        }
        for (pattern, written) in writer.map("patternProperties") {
            if reader.map("patternProperties").any(|(known, _)| known == pattern) {
                continue;
            }
            let at = format!("{at}/patternProperties/{pattern}");
            match reader.rest("additionalProperties", "unevaluatedProperties") {
                Rest::Open => {}
                Rest::Closed => found.push(finding("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", &at)),
                Rest::Partly(read) if self.reads(written, read) => {}
                Rest::Partly(_) => {
                    found.push(finding("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", &at))
                }
            }
        }
        found
    }

    fn pattern_added<'s>(
        &mut self,
        writer: Side<'s>,
        pattern: &str,
        read: Side<'s>,
        at: &str,
    ) -> Option<Finding> {
        const NOT_COVERED: &str = "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL";
        if read.followed().is_anything() {
            return None;
        }
        let declared = writer.map("properties").filter(|(name, _)| matches_pattern(pattern, name));
        // Two patterns may match one name: which do is not decided here.
        let mut possible: Vec<Side<'s>> = declared.map(|(_, written)| written).collect();
        possible.extend(writer.map("patternProperties").map(|(_, written)| written));
        match writer.rest("additionalProperties", "unevaluatedProperties") {
            Rest::Open => return Some(finding("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", at)),
            Rest::Closed => {}
            Rest::Partly(written) => possible.push(written),
        }
        let covered = possible.into_iter().all(|written| self.reads(written, read));
        (!covered).then(|| finding(NOT_COVERED, at))
    }

    fn additional<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let rest = |side: Side<'s>| side.rest("additionalProperties", "unevaluatedProperties");
        let at = format!("{at}/additionalProperties");
        match (rest(writer), rest(reader)) {
            (_, Rest::Open) | (Rest::Closed, _) => Vec::new(),
            (_, Rest::Closed) => vec![finding("ADDITIONAL_PROPERTIES_REMOVED", &at)],
            (Rest::Open, Rest::Partly(_)) => vec![finding("ADDITIONAL_PROPERTIES_NARROWED", &at)],
            (Rest::Partly(written), Rest::Partly(read)) => self.schemas(written, read, &at),
        }
    }

    /// `dependencies`, and `dependentRequired` and `dependentSchemas` that it was parted into.
    fn dependencies<'s>(&mut self, writer: Side<'s>, reader: Side<'s>, at: &str) -> Vec<Finding> {
        let at = format!("{at}/dependencies");
        let mut found = Vec::new();
        for (name, read) in dependent(reader) {
            let at = format!("{at}/{name}");
            let written = || dependent(writer).filter(move |(known, _)| *known == name).map(|(_, side)| side);
            match read.schema().as_array() {
                Some(names) => {
                    let own: Vec<&Value> =
                        written().filter_map(|side| side.schema().as_array()).flatten().collect();
                    let sure = writer.strings("required");
                    let missing = |name: &&Value| {
                        !own.contains(name) && !name.as_str().is_some_and(|name| sure.contains(&name))
                    };
                    if names.iter().any(|name| missing(&name)) {
                        let kind = match (own.is_empty(), own.iter().all(|own| names.contains(own))) {
                            (true, _) => "DEPENDENCY_ARRAY_ADDED",
                            (false, true) => "DEPENDENCY_ARRAY_EXTENDED",
                            (false, false) => "DEPENDENCY_ARRAY_CHANGED",
                        };
                        found.push(finding(kind, &at));
                    }
                }
                None => match written().find(|side| !side.schema().is_array()) {
                    Some(written) => found.extend(self.schemas(written, read, &at)),
                    None if self.reads(writer, read) => {}
                    None => found.push(finding("DEPENDENCY_SCHEMA_ADDED", &at)),
                },
            }
        }
        found
    }
}

fn dependent<'s>(side: Side<'s>) -> impl Iterator<Item = (&'s String, Side<'s>)> {
    ["dependencies", "dependentRequired", "dependentSchemas"].into_iter().flat_map(move |word| side.map(word))
}

/// Names that the reader alone requires. Of those that it alone declares, it is told there.
fn required(writer: Side<'_>, reader: Side<'_>, at: &str) -> Vec<Finding> {
    let known = writer.strings("required");
    let mut found = Vec::new();
    for name in reader.strings("required") {
        let read = property(reader, name);
        let is_told = read.is_some() && property(writer, name).is_none();
        if !known.contains(&name) && !is_told && !read.is_some_and(has_default) {
            found.push(finding("REQUIRED_ATTRIBUTE_ADDED", &format!("{at}/required/{name}")));
        }
    }
    found
}

fn has_default(property: Side<'_>) -> bool {
    property.get("default").is_some() || property.followed().get("default").is_some()
}

fn property<'s>(side: Side<'s>, name: &str) -> Option<Side<'s>> {
    let schema = side.get("properties").and_then(|properties| properties.get(name))?;
    Some(side.inside(schema))
}

/// The schemas whose pattern a name matches.
fn matching<'s>(side: Side<'s>, name: &str) -> Vec<Side<'s>> {
    let patterns = side.map("patternProperties").filter(|(pattern, _)| matches_pattern(pattern, name));
    patterns.map(|(_, schema)| schema).collect()
}

/// Whether a name matches; a pattern that does not read is taken to match.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let schema = json!({ "pattern": pattern });
    jsonschema::validator_for(&schema).map_or(true, |validator| validator.is_valid(&Value::from(name)))
}
