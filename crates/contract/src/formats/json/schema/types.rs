//! Which JSON types a schema admits at most.

use serde_json::Value;

use super::{Ids, Site};
use crate::places::Types;

/// The most that `site` admits.
pub(crate) fn admitted<'s>(site: Site<'s>, ids: &Ids<'s>) -> Types {
    admitted_by(site, ids, &mut Vec::new())
}

fn admitted_by<'s>(site: Site<'s>, ids: &Ids<'s>, seen: &mut Vec<usize>) -> Types {
    let schema = match site.schema {
        Value::Bool(false) => return Types::NONE,
        Value::Object(schema) => schema,
        _ => return Types::ANY_JSON,
    };
    // A reference that leads back here adds nothing.
    if seen.contains(&site.key()) {
        return Types::ANY_JSON;
    }
    seen.push(site.key());
    let mut types = own(schema);
    if let Some(Ok(target)) = ids.follow(site) {
        types = types.and(admitted_by(target, ids, seen));
    }
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
    for part in list("allOf").into_iter().flatten() {
        types = types.and(admitted_by(ids.site(part, site), ids, seen));
    }
    for choice in ["anyOf", "oneOf"].into_iter().filter_map(list) {
        let any =
            choice.iter().fold(Types::NONE, |any, part| any.or(admitted_by(ids.site(part, site), ids, seen)));
        types = types.and(any);
    }
    seen.pop();
    types
}

fn own(schema: &serde_json::Map<String, Value>) -> Types {
    let mut types = match schema.get("type") {
        Some(Value::String(name)) => Types::named(name),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .fold(Types::NONE, |types, name| types.or(Types::named(name))),
        _ => Types::ANY_JSON,
    };
    if let Some(constant) = schema.get("const") {
        types = types.and(of_value(constant));
    }
    if let Some(Value::Array(options)) = schema.get("enum") {
        let any = options.iter().fold(Types::NONE, |any, option| any.or(of_value(option)));
        types = types.and(any);
    }
    types
}

fn of_value(value: &Value) -> Types {
    match value {
        Value::Null => Types::NULL,
        Value::Bool(_) => Types::BOOLEAN,
        Value::Number(_) => Types::NUMBER,
        Value::String(_) => Types::STRING,
        Value::Array(_) => Types::ARRAY,
        Value::Object(_) => Types::OBJECT,
    }
}
