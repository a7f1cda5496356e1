//! Which JSON types a schema admits at most.

use std::fmt;

use serde_json::Value;

use super::{Ids, Site};

/// A set of JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(u8);

const NAMES: [(&str, u8); 7] = [
    ("null", 1),
    ("boolean", 2),
    ("integer", 4),
    ("number", 4 | 8),
    ("string", 16),
    ("array", 32),
    ("object", 64),
];

impl Types {
    pub(crate) const ALL: Types = Types(127);
    pub(crate) const NONE: Types = Types(0);

    fn named(name: &str) -> Types {
        NAMES.iter().find(|(known, _)| *known == name).map_or(Types::NONE, |(_, bits)| Types(*bits))
    }

    fn of_value(value: &Value) -> Types {
        Types(match value {
            Value::Null => 1,
            Value::Bool(_) => 2,
            Value::Number(_) => 12,
            Value::String(_) => 16,
            Value::Array(_) => 32,
            Value::Object(_) => 64,
        })
    }

    pub(crate) fn and(self, other: Types) -> Types {
        Types(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    pub(crate) fn has_object(self) -> bool {
        self.0 & 64 != 0
    }

    pub(crate) fn has_array(self) -> bool {
        self.0 & 32 != 0
    }

    /// Whether a value of its own can stand here. `null` beside an object or array is their absence, not a value.
    pub(crate) fn has_value(self) -> bool {
        self.0 & (2 | 4 | 8 | 16) != 0 || self == Types(1)
    }

    /// Whether only strings and integers (or `null`) can stand here.
    pub(crate) fn is_identifier(self) -> bool {
        self.0 & (4 | 16) != 0 && self.0 & !(1 | 4 | 16) == 0
    }

    /// Whether only strings, numbers, booleans and `null` can stand here.
    pub(crate) fn is_scalar(self) -> bool {
        self.0 & (32 | 64) == 0
    }

    /// The most that `site` admits.
    pub(crate) fn of<'s>(site: Site<'s>, ids: &Ids<'s>) -> Types {
        Self::admitted(site, ids, &mut Vec::new())
    }

    fn admitted<'s>(site: Site<'s>, ids: &Ids<'s>, seen: &mut Vec<usize>) -> Types {
        let schema = match site.schema {
            Value::Bool(false) => return Types::NONE,
            Value::Object(schema) => schema,
            _ => return Types::ALL,
        };
        // A reference that leads back here adds nothing.
        if seen.contains(&site.key()) {
            return Types::ALL;
        }
        seen.push(site.key());
        let mut types = own(schema);
        if let Some(Ok(target)) = ids.follow(site) {
            types = types.and(Self::admitted(target, ids, seen));
        }
        let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
        for part in list("allOf").into_iter().flatten() {
            types = types.and(Self::admitted(ids.site(part, site), ids, seen));
        }
        for choice in ["anyOf", "oneOf"].into_iter().filter_map(list) {
            let any = choice.iter().fold(Types::NONE, |any, part| {
                any.or(Self::admitted(ids.site(part, site), ids, seen))
            });
            types = types.and(any);
        }
        seen.pop();
        types
    }
}

fn own(schema: &serde_json::Map<String, Value>) -> Types {
    let mut types = match schema.get("type") {
        Some(Value::String(name)) => Types::named(name),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .fold(Types::NONE, |types, name| types.or(Types::named(name))),
        _ => Types::ALL,
    };
    if let Some(constant) = schema.get("const") {
        types = types.and(Types::of_value(constant));
    }
    if let Some(Value::Array(options)) = schema.get("enum") {
        let any = options.iter().fold(Types::NONE, |any, option| any.or(Types::of_value(option)));
        types = types.and(any);
    }
    types
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Types::ALL {
            return f.write_str("anything");
        }
        let number = self.0 & 8 != 0;
        let names = NAMES.iter().filter(|(name, bits)| {
            self.0 & bits == *bits && !(*name == "integer" && number)
        });
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        f.write_str(if names.is_empty() { "nothing" } else { "" })?;
        f.write_str(&names.join(" or "))
    }
}
