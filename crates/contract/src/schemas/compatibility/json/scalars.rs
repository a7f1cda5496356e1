//! Bounds and values that are no schemas themselves.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::Finding;
use super::kinds::finding;
use super::side::Side;
use crate::places::Types;

/// `enum` and `const`.
pub(super) fn values(writer: Side<'_>, reader: Side<'_>, at: &str) -> Option<Finding> {
    let read = reader.values()?;
    let at = format!("{at}/enum");
    let Some(written) = writer.values() else {
        return Some(finding("ENUM_ARRAY_NARROWED", &at));
    };
    // The values of other types than the one that counts never come.
    let counts = |value: &&&Value| writer.types().and(types_of(value)) != Types::NONE;
    if written.iter().filter(counts).all(|value| read.contains(value)) {
        return None;
    }
    let kind = if read.iter().all(|value| written.contains(value)) {
        "ENUM_ARRAY_NARROWED"
    } else {
        "ENUM_ARRAY_CHANGED"
    };
    Some(finding(kind, &at))
}

fn types_of(value: &Value) -> Types {
    match value {
        Value::Null => Types::NULL,
        Value::Bool(_) => Types::BOOLEAN,
        Value::Number(_) => Types::NUMBER,
        Value::String(_) => Types::STRING,
        Value::Array(_) => Types::ARRAY,
        Value::Object(_) => Types::OBJECT,
    }
}

/// Whether a bound keeps values from above or from below.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Upper,
    Lower,
}

/// A bound of the reader that the writer lacks, or that is tighter than the writer's.
fn bound(
    written: Option<Number>,
    read: Option<Number>,
    of: Bound,
    kinds: (&'static str, &'static str),
    at: &str,
) -> Option<Finding> {
    let (added, tightened) = kinds;
    let read = read?;
    let Some(written) = written else { return Some(finding(added, at)) };
    let tighter = if of == Bound::Upper { Ordering::Less } else { Ordering::Greater };
    (ordered(&read, &written) == tighter).then(|| finding(tightened, at))
}

/// A count such as `maxItems`; at least none is no bound.
pub(super) fn count(
    writer: Side<'_>,
    reader: Side<'_>,
    word: &str,
    of: Bound,
    kinds: (&'static str, &'static str),
    at: &str,
) -> Option<Finding> {
    let number = |side: Side<'_>| side.get(word).and_then(Value::as_number).cloned();
    let is_none = |number: &Number| of == Bound::Lower && number.as_f64() == Some(0.0);
    bound(
        number(writer),
        number(reader).filter(|number| !is_none(number)),
        of,
        kinds,
        &format!("{at}/{word}"),
    )
}

fn ordered(one: &Number, other: &Number) -> Ordering {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
    }
}

/// Words that bound numbers.
pub(super) fn numbers(writer: Side<'_>, reader: Side<'_>, at: &str) -> Vec<Finding> {
    if writer.types().and(Types::NUMBER) == Types::NONE {
        return Vec::new();
    }
    let each = [
        ("maximum", "exclusiveMaximum", false, Bound::Upper, ("MAXIMUM_ADDED", "MAXIMUM_DECREASED")),
        (
            "maximum",
            "exclusiveMaximum",
            true,
            Bound::Upper,
            ("EXCLUSIVE_MAXIMUM_ADDED", "EXCLUSIVE_MAXIMUM_DECREASED"),
        ),
        ("minimum", "exclusiveMinimum", false, Bound::Lower, ("MINIMUM_ADDED", "MINIMUM_INCREASED")),
        (
            "minimum",
            "exclusiveMinimum",
            true,
            Bound::Lower,
            ("EXCLUSIVE_MINIMUM_ADDED", "EXCLUSIVE_MINIMUM_INCREASED"),
        ),
    ];
    let mut found = Vec::new();
    for (word, exclusive, is_exclusive, of, kinds) in each {
        let at = format!("{at}/{}", if is_exclusive { exclusive } else { word });
        let limit = |side: Side<'_>| limit(side, word, exclusive, is_exclusive);
        found.extend(bound(limit(writer), limit(reader), of, kinds, &at));
    }
    found.extend(multiple(writer, reader, at));
    found
}

/// Draft 4 says by `true` that the bound beside it is exclusive.
fn limit(side: Side<'_>, word: &str, exclusive: &str, is_exclusive: bool) -> Option<Number> {
    let number = |word: &str| side.get(word).and_then(Value::as_number).cloned();
    let is_marked = side.get(exclusive) == Some(&Value::Bool(true));
    match (is_exclusive, is_marked) {
        (true, true) => number(word),
        (true, false) => number(exclusive),
        (false, true) => None,
        (false, false) => number(word),
    }
}

fn multiple(writer: Side<'_>, reader: Side<'_>, at: &str) -> Option<Finding> {
    let number = |side: Side<'_>| side.get("multipleOf").and_then(Value::as_number).cloned();
    let read = number(reader)?;
    let at = format!("{at}/multipleOf");
    let Some(written) = number(writer) else {
        let only_integers = writer.types().and(Types::NUMBER) == Types::INTEGER;
        let is_one = read.as_f64() == Some(1.0);
        return (!(only_integers && is_one)).then(|| finding("MULTIPLE_OF_ADDED", &at));
    };
    match (is_multiple(&written, &read), is_multiple(&read, &written)) {
        (true, _) => None,
        (false, true) => Some(finding("MULTIPLE_OF_EXPANDED", &at)),
        (false, false) => Some(finding("MULTIPLE_OF_CHANGED", &at)),
    }
}

fn is_multiple(of: &Number, step: &Number) -> bool {
    match (of.as_i64(), step.as_i64()) {
        (Some(of), Some(step)) => step != 0 && of.checked_rem(step) == Some(0),
        _ => of == step || of.as_f64().zip(step.as_f64()).is_some_and(|(of, step)| of % step == 0.0),
    }
}

/// Words that bound strings.
pub(super) fn strings(writer: Side<'_>, reader: Side<'_>, at: &str) -> Vec<Finding> {
    if writer.types().and(Types::STRING) == Types::NONE {
        return Vec::new();
    }
    let longest = ("MAX_LENGTH_ADDED", "MAX_LENGTH_DECREASED");
    let shortest = ("MIN_LENGTH_ADDED", "MIN_LENGTH_INCREASED");
    let mut found = Vec::from_iter(count(writer, reader, "maxLength", Bound::Upper, longest, at));
    found.extend(count(writer, reader, "minLength", Bound::Lower, shortest, at));
    let at = format!("{at}/pattern");
    match (writer.get("pattern"), reader.get("pattern")) {
        (None, Some(_)) => found.push(finding("PATTERN_ADDED", &at)),
        (Some(written), Some(read)) if written != read => found.push(finding("PATTERN_CHANGED", &at)),
        _ => {}
    }
    found
}
