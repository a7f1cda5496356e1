//! What the tags of a schema say of its fields' classes.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Class, Pointer};
use serde_json::Value;

/// The class that a field's tags name: the strictest. A tag that names no class says nothing to the bus.
pub(super) fn class_of(tags: &BTreeSet<String>, extra: &[Class]) -> Option<Class> {
    tags.iter().filter_map(|tag| named(tag, extra)).max()
}

fn named(tag: &str, extra: &[Class]) -> Option<Class> {
    let lower = tag.to_ascii_lowercase();
    match lower.as_str() {
        // Confluent's word for what is about a person.
        "pii" => Some(Class::Personal),
        "public" | "internal" | "personal" | "special" => Some(Class::from(lower.as_str())),
        _ => extra.iter().find(|class| class.as_str().eq_ignore_ascii_case(tag)).cloned(),
    }
}

/// Tags that stand beside a schema, `{"tags": {"**.ssn": ["PII"]}}`: paths of names joined by dots, with `*` for one
/// name and `**` for any number; before a path from the root may stand the name of the record.
pub(super) fn beside(
    metadata: Option<&Value>,
    places: &BTreeSet<Pointer>,
) -> BTreeMap<Pointer, BTreeSet<String>> {
    let mut tagged: BTreeMap<Pointer, BTreeSet<String>> = BTreeMap::new();
    let entries = metadata.and_then(|metadata| metadata.get("tags")).and_then(Value::as_object);
    for (path, tags) in entries.into_iter().flatten() {
        let tags: BTreeSet<String> =
            tags.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        for place in meant(path, places) {
            tagged.entry(place.clone()).or_default().extend(tags.clone());
        }
    }
    tagged
}

/// The places that a path means. Without wildcards only the longest: `a.b.Person.name` may be `/name` of a record
/// `a.b.Person`, and is not `/Person/name` as well.
fn meant<'p>(path: &str, places: &'p BTreeSet<Pointer>) -> Vec<&'p Pointer> {
    let pattern: Vec<&str> = path.split('.').collect();
    let found = places.iter().filter(|place| !place.tokens().is_empty());
    if pattern.iter().any(|part| part.starts_with('*')) {
        return found.filter(|place| matches(&pattern, &names_of(place))).collect();
    }
    let ends = found.filter(|place| pattern.ends_with(&names_of(place)));
    ends.max_by_key(|place| place.tokens().len()).into_iter().collect()
}

/// A place's names, without the steps into elements, which paths leave out.
fn names_of(place: &Pointer) -> Vec<&str> {
    place.tokens().iter().map(String::as_str).filter(|token| *token != "*").collect()
}

fn matches(pattern: &[&str], names: &[&str]) -> bool {
    match pattern.split_first() {
        None => names.is_empty(),
        Some((&"**", rest)) => (0..=names.len()).any(|skip| matches(rest, &names[skip..])),
        Some((&"*", rest)) => !names.is_empty() && matches(rest, &names[1..]),
        Some((part, rest)) => names.first() == Some(part) && matches(rest, &names[1..]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places() -> BTreeSet<Pointer> {
        ["", "/name", "/child", "/child/name", "/list", "/list/*", "/list/*/name", "/office"]
            .into_iter()
            .map(|text| Pointer::parse(text).unwrap())
            .collect()
    }

    #[test]
    fn paths_with_wildcards_mean_every_place_that_fits() {
        let table = [
            ("**.name", vec!["/child/name", "/list/*/name", "/name"]),
            ("*.name", vec!["/child/name", "/list/*/name"]),
            ("child.name", vec!["/child/name"]),
            ("list.name", vec!["/list/*/name"]),
            ("a.b.Birth.child.name", vec!["/child/name"]),
            ("a.b.Birth.office", vec!["/office"]),
            ("**.nothing", vec![]),
        ];
        for (path, wanted) in table {
            let places = places();
            let found: Vec<String> = meant(path, &places).into_iter().map(Pointer::to_string).collect();
            assert_eq!(found, wanted, "{path}");
        }
    }

    #[test]
    fn the_strictest_of_a_fields_tags_is_its_class() {
        let class = |tags: &[&str]| {
            class_of(&tags.iter().map(|tag| (*tag).to_owned()).collect(), &[Class::from("secret")])
        };
        assert_eq!(class(&["PII"]), Some(Class::Personal));
        assert_eq!(class(&["PUBLIC", "pii", "whatever"]), Some(Class::Personal));
        assert_eq!(class(&["PII", "SPECIAL"]), Some(Class::Special));
        assert_eq!(class(&["Secret"]), Some(Class::from("secret")));
        assert_eq!(class(&["whatever"]), None);
    }

    #[test]
    fn tags_beside_a_schema_find_their_fields() {
        let metadata = json!({"tags": {"**.office": ["PUBLIC"], "child.name": ["PII", "x"]}});
        let found = beside(Some(&metadata), &places());
        let said: Vec<(String, usize)> =
            found.iter().map(|(at, tags)| (at.to_string(), tags.len())).collect();
        assert_eq!(said, [("/child/name".to_owned(), 2), ("/office".to_owned(), 1)]);
    }
}
