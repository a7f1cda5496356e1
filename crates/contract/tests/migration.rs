//! From one version to the next and back: nothing is lost by the way, and nobody is handed what either version keeps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::migration::{Carrier, Lens, rehearse};
use contract::redact::redact;
use contract::{Class, ClassSet, Contract, Definition, Format, Workspace, compile};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn schema(properties: Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn version(number: u32, properties: Value, classify: Value, migration: Option<Value>) -> Definition {
    let subject = if classify.get("/id").is_some() { &["/id"][..] } else { &[] };
    let mut definition = crate::support::definition(&schema(properties), subject, classify);
    definition.version.0 = number;
    definition.migration = migration.map(|steps| serde_json::from_value(steps).unwrap());
    definition
}

/// Two versions in which all is public.
fn pair(old: Value, new: Value, steps: Value) -> [Arc<Contract>; 2] {
    let public = json!({"": "public"});
    [version(1, old, public.clone(), None), version(2, new, public, Some(steps))]
        .map(|definition| Arc::new(compile(&definition).unwrap_or_else(|faults| panic!("{faults:#?}"))))
}

fn lens([old, new]: &[Arc<Contract>; 2]) -> Lens {
    Lens::of(old, new).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn parsed(document: &[u8]) -> Value {
    serde_json::from_slice(document).unwrap()
}

fn faults(old: Value, new: Value, steps: Value) -> Vec<String> {
    let [old, new] = pair(old, new, steps);
    Lens::of(&old, &new).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn each_step_is_read_in_both_directions() {
    let both = pair(
        json!({"name": {"type": "string"}, "office": {"type": "string"}, "sex": {"enum": ["f", "m", "x"]},
            "weight": {"type": "string"}, "parents": {"type": "array", "items": schema(json!({"who": {"type": "string"}}))},
            "place": schema(json!({"town": {"type": "string"}}))}),
        json!({"person": schema(json!({"fullName": {"type": "string"}})), "sex": {"enum": ["female", "male", "x", "z"]},
            "weight": {"type": "integer"}, "height": {"type": "integer"}, "town": {"type": "string"},
            "parents": {"type": "array", "items": schema(json!({"person": schema(json!({"id": {"type": "string"}}))}))}}),
        json!([
            {"renamed": {"from": "/name", "to": "/person/fullName"}},
            {"renamed": {"from": "/place/town", "to": "/town"}},
            {"renamed": {"from": "/parents/*/who", "to": "/parents/*/person/id"}},
            {"removed": "/office", "value": "unknown"},
            {"added": "/height", "value": 50},
            {"mapped": {"at": "/sex", "values": {"f": "female", "m": "male", "x": "x"}, "otherwise": "x"}},
            {"converted": {"at": "/weight", "old": "string", "new": "integer"}},
        ]),
    );
    let lens = lens(&both);
    let old = json!({"name": "Ada", "office": "north", "sex": "f", "weight": "3400", "place": {"town": "Riverside"},
        "parents": [{"who": "p1"}, {}, {"who": "p2"}]});
    let new = lens.forward(old.to_string().as_bytes()).unwrap();
    let forward = json!({"person": {"fullName": "Ada"}, "sex": "female", "weight": 3400, "height": 50, "town": "Riverside",
        "parents": [{"person": {"id": "p1"}}, {}, {"person": {"id": "p2"}}]});
    assert_eq!(parsed(&new), forward);
    both[1].check(&new, &mut Workspace::default()).unwrap();
    let mut expected = old;
    expected["office"] = "unknown".into();
    assert_eq!(parsed(&lens.back(&new).unwrap()), expected, "but for what is gone, it comes back as it was");
    let other = lens.back(br#"{"sex":"z","weight":12345678901234567890123}"#).unwrap();
    let told = String::from_utf8(other).unwrap();
    assert_eq!(told, r#"{"sex":"x","weight":"12345678901234567890123","office":"unknown"}"#);
}

#[test]
fn a_step_that_cannot_be_taken_names_itself_and_no_value() {
    let both = pair(
        json!({"a": {"type": "string"}, "b": {"type": "string"}}),
        json!({"b": {"type": "string"}, "c": {"type": "integer"}}),
        json!([{"renamed": {"from": "/a", "to": "/c"}}, {"converted": {"at": "/c", "old": "string", "new": "integer"}}]),
    );
    let wrong = lens(&both).forward(br#"{"a":"secret"}"#).unwrap_err().to_string();
    assert_eq!(wrong, "v2: step 2 (converted /c from string to integer): is no whole number");
    let wrong = lens(&both).back(br#"{"a":"x","c":7}"#).unwrap_err().to_string();
    assert_eq!(wrong, "v2: step 1 (renamed /a to /c): another field stands there already");
    assert!(lens(&both).back(b"{").unwrap_err().to_string().starts_with("v2: the document is "));
}

#[test]
fn a_migration_that_does_not_fit_its_versions_is_refused_with_all_that_is_wrong() {
    let (old, new) = (
        json!({"a": {"type": "string"}, "k": {"type": "integer"}}),
        json!({"b": {"type": "string"}, "k": {"type": "integer"}}),
    );
    let said = faults(
        old.clone(),
        new.clone(),
        json!([
            {"renamed": {"from": "/x", "to": "/y"}},
            {"added": "/a", "value": 1},
            {"removed": "/k"},
            {"removed": "/a", "value": 3},
            {"mapped": {"at": "/q", "values": {}}},
            {"mapped": {"at": "/k", "values": {"a": "c", "b": "c"}}},
            {"converted": {"at": "/k", "old": "integer", "new": "number"}},
            {"renamed": {"from": "/a", "to": "/*"}},
            {"added": ""},
        ]),
    );
    assert_eq!(
        said,
        [
            "migration/1: the schema of v1 has no place /x; correct the pointer",
            "migration/1: the schema of v2 has no place /y; correct the pointer",
            "migration/2: the schema of v2 has no place /a; correct the pointer",
            "migration/2: the schema of v1 has /a too; leave the step out",
            "migration/3: the schema of v2 has /k too; leave the step out",
            "migration/4: its value is none that v1 takes at /a; give a value of type string",
            "migration/5: neither v1 nor v2 has a place /q; correct the pointer",
            "migration/5: maps nothing; list texts, `before: now`",
            "migration/6: two texts become one, so the way back is not certain; list one of them, and let the others stay or \
         come back as it",
            "migration/7: integer and number do not convert both ways; one of the two is a string",
            "migration/8: the schema of v2 has no place /*; correct the pointer",
            "migration/8: /a and /* are not in the same items; both pointers share all up to the last `*`",
            "migration/9:  names no member; end the pointer with a member's name",
        ]
    );
    let avro = Definition {
        format: Format::Avro,
        schema: json!({"type": "record", "name": "r", "fields": [{"name": "a", "type": "string"}]})
            .to_string(),
        ..version(2, json!({}), json!({"": "public"}), Some(json!([])))
    };
    let old = compile(&version(1, old, json!({"": "public"}), None)).unwrap();
    let said = Lens::of(&old, &compile(&avro).unwrap()).unwrap_err();
    assert!(
        said[0].to_string().contains("only contracts in JSON Schema can have one, and v2 is none"),
        "{said:?}"
    );
}

#[test]
fn what_real_documents_come_to_is_told_in_counts_and_places() {
    let both = pair(
        json!({"names": {"type": "object", "additionalProperties": {"type": "string"}},
            "list": {"type": "array", "items": schema(json!({"n": {"type": "string"}}))}}),
        json!({"names": {"type": "object", "additionalProperties": {"type": "string"}},
            "list": {"type": "array", "items": schema(json!({"n": {"type": "integer"}}))}}),
        json!([{"converted": {"at": "/list/*/n", "old": "string", "new": "integer"}},
            {"mapped": {"at": "/names/*", "values": {"x": "y"}}}]),
    );
    let documents = [
        r#"{"list":[{"n":"1"},{"n":"2"}]}"#,
        r#"{"list":[{"n":"1"},{"n":"002"},{"n":"03"}]}"#,
        r#"{"list":[],"names":{"Ada":"y"}}"#,
        r#"{"list":[{"n":"secret"}]}"#,
    ];
    let documents = documents.iter().map(|text| Some(text.as_bytes().to_vec())).chain([None]);
    let found = rehearse(&both[..1], &both[1], &BTreeSet::from([ClassSet::default()]), documents).unwrap();
    assert!(!found.is_sound());
    assert_eq!(
        found.told(contract::ContractVersion(1)),
        [
            "tried on the latest 4 events of v1: 3 fit, 3 come back valid, 1 the same",
            "1 more cannot be opened and were passed over",
            "/list/*/n comes back different in 1",
            "/names/* comes back different in 1",
            "v2: step 1 (converted /list/*/n from string to integer): is no whole number (in 1)",
        ]
    );
    let nothing = rehearse(&both[..1], &both[1], &BTreeSet::new(), std::iter::empty()).unwrap();
    assert!(nothing.is_sound());
    assert_eq!(nothing.told(contract::ContractVersion(1)), ["tried on no event: there is none of v1 yet"]);
}

/// A version with `id` and `town`, which its events must have.
fn town(number: u32, class: &str, migration: Option<Value>) -> Arc<Contract> {
    let properties = json!({"id": {"type": "string"}, "town": {"type": "string"}});
    let mut definition = version(number, properties, json!({"/id": "personal", "/town": class}), migration);
    let mut schema: Value = serde_json::from_str(&definition.schema).unwrap();
    schema["required"] = json!(["id", "town"]);
    definition.schema = schema.to_string();
    Arc::new(compile(&definition).unwrap())
}

fn tried(way: &[Arc<Contract>], new: &Contract, document: &str) -> Vec<String> {
    let documents = std::iter::once(Some(document.as_bytes().to_vec()));
    let found = rehearse(way, new, &BTreeSet::new(), documents).unwrap();
    found.faults.into_keys().collect()
}

#[test]
fn a_reader_for_whom_the_old_view_cannot_be_made_is_found_before_there_is_one() {
    let document = r#"{"id":"1","town":"Riverside"}"#;
    let (old, new) = (town(1, "public", None), town(2, "personal", Some(json!([]))));
    assert_eq!(
        tried(&[old], &new, document),
        ["for a reader cleared for public alone: v1: what the migration leads to is not valid: /town"]
    );
    let (old, new) = (town(1, "personal", None), town(2, "internal", Some(json!([]))));
    let found = tried(&[old], &new, document);
    assert_eq!(
        found,
        ["for a reader cleared for personal: v1: what the migration leads to is not valid: /town"],
        "whoever may read it by the old version and not by the new one"
    );
}

#[test]
fn where_there_are_many_classes_those_in_use_are_tried() {
    let names = ["a", "b", "c", "d", "e"];
    let all = |migration: Option<Value>, of_a: &str| {
        let mut classify = json!({"/id": "personal"});
        let mut properties = json!({"id": {"type": "string"}});
        for (name, class) in names.iter().zip([of_a, "internal", "special", "tax", "health"]) {
            classify[format!("/{name}")] = class.into();
            properties[*name] = json!({"type": "string"});
        }
        let mut definition =
            version(if migration.is_some() { 2 } else { 1 }, properties, classify, migration);
        let mut schema: Value = serde_json::from_str(&definition.schema).unwrap();
        schema["required"] = json!(["a"]);
        definition.schema = schema.to_string();
        let classes = ["tax", "health"].map(Class::from);
        Arc::new(contract::compile::compile_with(&definition, &classes).unwrap())
    };
    let (old, new) = (all(None, "tax"), all(Some(json!([])), "health"));
    let documents = || std::iter::once(Some(br#"{"id":"1","a":"x"}"#.to_vec()));
    let in_use = |classes: &[&str]| {
        BTreeSet::from([classes.iter().map(|class| Class::from(*class)).collect::<ClassSet>()])
    };
    let way = [old];
    assert!(rehearse(&way, &new, &BTreeSet::new(), documents()).unwrap().is_sound());
    let found = rehearse(&way, &new, &in_use(&["tax"]), documents()).unwrap();
    assert!(
        found.faults.keys().next().unwrap().starts_with("for a reader cleared for tax: v1: "),
        "{found:?}"
    );
}

#[test]
fn what_comes_back_one_version_and_not_the_next_is_found() {
    let text = |more: Value| {
        let mut text = json!({"type": "string"});
        text.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "a": text })
    };
    let public = || json!({"": "public"});
    let versions = [
        version(1, text(json!({"maxLength": 3})), public(), None),
        version(2, text(json!({})), public(), Some(json!([]))),
        version(3, text(json!({})), public(), Some(json!([]))),
    ]
    .map(|definition| Arc::new(compile(&definition).unwrap()));
    let way = [versions[1].clone(), versions[0].clone()];
    assert_eq!(tried(&way[..1], &versions[2], r#"{"a":"long"}"#), [""; 0], "nobody is carried any further");
    assert_eq!(
        tried(&way, &versions[2], r#"{"a":"long"}"#),
        ["for a reader cleared for public alone: v1: what the migration leads to is not valid: /a"]
    );
}

/// What is said of a migration before any document is seen.
fn gaps(old: Value, new: Value, steps: Value) -> Vec<String> {
    let [old, new] = pair(old, new, steps);
    let found = rehearse(&[old], &new, &BTreeSet::new(), std::iter::empty());
    found.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn what_only_the_new_version_has_needs_a_step() {
    let text = || json!({"type": "string"});
    let listed = |texts: &[&str]| json!({"enum": texts});
    let cases = [
        (
            json!({"a": text()}),
            json!({"a": text(), "note": text()}),
            json!([]),
            vec![
                "migration: v2 has /note, v1 does not, and no step says so; write the step `added: /note`, or `renamed` from \
             where it stood",
            ],
        ),
        (json!({"a": text()}), json!({"a": text(), "note": text()}), json!([{"added": "/note"}]), vec![]),
        // The uppermost place alone.
        (
            json!({}),
            json!({"o": schema(json!({"a": text(), "b": text()}))}),
            json!([]),
            vec![
                "migration: v2 has /o, v1 does not, and no step says so; write the step `added: /o`, or `renamed` from where it \
             stood",
            ],
        ),
        // What a step makes on the way is accounted for, what else is in it is not.
        (
            json!({"a": text()}),
            json!({"o": schema(json!({"a": text(), "b": text()}))}),
            json!([{"renamed": {"from": "/a", "to": "/o/a"}}]),
            vec![
                "migration: v2 has /o/b, v1 does not, and no step says so; write the step `added: /o/b`, or `renamed` from where \
             it stood",
            ],
        ),
        (
            json!({"list": {"type": "array", "items": schema(json!({"a": text()}))}}),
            json!({"list": {"type": "array", "items": schema(json!({"a": text(), "b": text()}))}}),
            json!([]),
            vec![
                "migration: v2 has /list/*/b, v1 does not, and no step says so; write the step `added: /list/*/b`, or `renamed` \
             from where it stood",
            ],
        ),
        (
            json!({"a": text()}),
            json!({"a": {"type": ["string", "null"]}}),
            json!([]),
            vec![
                "migration: /a comes back as null or string, and v1 takes string; let v2 take no more than v1, or leave the \
             migration out: those who read the topic are asked instead",
            ],
        ),
        (json!({"a": {"type": ["string", "null"]}}), json!({"a": text()}), json!([]), vec![]),
        (
            json!({"a": text()}),
            json!({"b": {"type": "integer"}}),
            json!([{"renamed": {"from": "/a", "to": "/b"}}]),
            vec![
                "migration: /b comes back as integer, and v1 takes string; write the step `converted: {at: /b, old: string, new: \
             integer}`",
            ],
        ),
        (
            json!({"a": text()}),
            json!({"b": {"type": "integer"}}),
            json!([{"renamed": {"from": "/a", "to": "/b"}}, {"converted": {"at": "/b", "old": "string", "new": "integer"}}]),
            vec![],
        ),
        (
            json!({"a": listed(&["x", "y"])}),
            json!({"a": listed(&["x", "y", "z"])}),
            json!([]),
            vec![
                "migration: at /a v2 has \"z\", which v1 does not list; write the step `mapped` at /a, with a text of v1 for each \
             or `otherwise`",
            ],
        ),
        (
            json!({"a": listed(&["x", "y"])}),
            json!({"a": listed(&["x", "y", "z"])}),
            json!([{"mapped": {"at": "/a", "values": {"x": "x"}, "otherwise": "y"}}]),
            vec![],
        ),
        (
            json!({"a": listed(&["x", "y"])}),
            json!({"a": listed(&["X", "Y"])}),
            json!([{"mapped": {"at": "/a", "values": {"x": "X", "y": "Y"}}}]),
            vec![],
        ),
        (
            json!({"a": {"anyOf": [listed(&["x"]), {"const": "y"}, {"type": "null"}]}}),
            json!({"a": text()}),
            json!([]),
            vec![
                "migration: at /a v2 has any text, which v1 does not list; write the step `mapped` at /a, with a text of v1 for \
             each or `otherwise`",
            ],
        ),
        (
            json!({"a": schema(json!({}))}),
            json!({"a": {"type": "object"}}),
            json!([]),
            vec![
                "migration: /a may have any members in v2, not so in v1; let v2 say as much of them as v1, or leave the migration \
             out: those who read the topic are asked instead",
            ],
        ),
        (json!({"a": {"type": "object"}}), json!({"a": schema(json!({"b": text()}))}), json!([]), vec![]),
    ];
    for (old, new, steps, expected) in cases {
        assert_eq!(gaps(old.clone(), new.clone(), steps.clone()), expected, "{old} {new} {steps}");
    }
}

#[test]
fn what_the_old_version_asks_for_comes_back() {
    let object = |names: &[&str], required: &[&str]| {
        let properties: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
    };
    let o = |inner: Value| json!({"o": inner});
    let lost = |place: &str| {
        vec![format!(
            "migration: v1 asks for {place}, which not each document of v2 gives back; let v2 ask for it, or write the step \
             `removed: {place}` with a `value`"
        )]
    };
    let both = object(&["a", "b"], &["a", "b"]);
    let renamed = |from: &str, to: &str| json!([{"renamed": {"from": from, "to": to}}]);
    for (new, steps, expected) in [
        (o(object(&["a", "b"], &["a"])), json!([]), lost("/o/b")),
        (o(object(&["a"], &["a"])), json!([]), lost("/o/b")),
        (o(object(&["a"], &["a"])), json!([{"removed": "/o/b"}]), lost("/o/b")),
        (o(object(&["a"], &["a"])), json!([{"removed": "/o/b", "value": "x"}]), vec![]),
        (o(object(&["a", "c"], &["a", "c"])), renamed("/o/b", "/o/c"), vec![]),
        (o(object(&["a", "c"], &["a"])), renamed("/o/b", "/o/c"), lost("/o/b")),
        // It stands elsewhere, where it may be missing though `/o` is there.
        (
            json!({"o": object(&["a"], &["a"]), "p": object(&["b"], &["b"])}),
            renamed("/o/b", "/p/b"),
            lost("/o/b"),
        ),
    ] {
        assert_eq!(gaps(o(both.clone()), new.clone(), steps.clone()), expected, "{new} {steps}");
    }
}

/// Steps that lose nothing, each with its part of the old and of the new schema.
fn exact(chosen: &[bool]) -> [Arc<Contract>; 2] {
    let text = || json!({"type": "string"});
    let yes = |index: usize| chosen[index];
    let (mut steps, mut old, mut new) = (Vec::new(), Map::new(), Map::new());
    let renamed = |from: &str, to: &str| json!({"renamed": {"from": from, "to": to}});
    let (mut o, mut list) = ([Map::new(), Map::new()], [Map::new(), Map::new()]);
    old.insert("a".into(), text());
    new.insert(if yes(0) { "a2" } else { "a" }.into(), text());
    steps.extend(yes(0).then(|| renamed("/a", "/a2")));
    o[0].extend([("x".to_owned(), text()), ("y".to_owned(), text())]);
    o[1].insert(if yes(1) { "x2" } else { "x" }.into(), text());
    steps.extend(yes(1).then(|| renamed("/o/x", "/o/x2")));
    if yes(2) {
        new.insert("y2".into(), text());
        steps.push(renamed("/o/y", "/y2"));
    } else {
        o[1].insert("y".into(), text());
    }
    old.insert("b".into(), text());
    if yes(3) {
        new.insert("n".into(), schema(json!({"m": schema(json!({"b": text()}))})));
        steps.push(renamed("/b", "/n/m/b"));
    } else {
        new.insert("b".into(), text());
    }
    list[0].extend([("p".to_owned(), text()), ("q".to_owned(), text())]);
    list[1].insert("p".into(), text());
    if yes(4) {
        list[1].insert("in".into(), schema(json!({"q": text()})));
        steps.push(renamed("/list/*/q", "/list/*/in/q"));
    } else {
        list[1].insert("q".into(), text());
    }
    old.insert("c".into(), text());
    new.insert("c".into(), text());
    steps.extend(yes(5).then(|| json!({"mapped": {"at": "/c", "values": {"u": "U", "v": "u"}}})));
    old.insert("d".into(), text());
    new.insert("d".into(), if yes(6) { json!({"type": "integer"}) } else { text() });
    steps.extend(yes(6).then(|| json!({"converted": {"at": "/d", "old": "string", "new": "integer"}})));
    if yes(7) {
        new.insert("z".into(), json!({"type": "integer"}));
        steps.push(json!({"added": "/z", "value": 1}));
    }
    for (side, index) in [(&mut old, 0), (&mut new, 1)] {
        side.insert("o".into(), schema(Value::Object(o[index].clone())));
        side.insert(
            "list".into(),
            json!({"type": "array", "items": schema(Value::Object(list[index].clone()))}),
        );
    }
    pair(Value::Object(old), Value::Object(new), Value::Array(steps))
}

fn old_document() -> impl Strategy<Value = Value> {
    let text = || proptest::option::of("[a-z\"\\\\é]{0,6}");
    let list = proptest::option::of(proptest::collection::vec((text(), text()), 0..4));
    let mapped = proptest::option::of(prop_oneof![Just("u"), Just("v"), Just("w")]);
    (text(), text(), (text(), text(), any::<bool>()), list, mapped, proptest::option::of(-9999i64..9999))
        .prop_map(|(a, b, (x, y, has_o), list, c, d)| {
            let object = |members: Vec<(&str, Option<Value>)>| -> Value {
                members
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                    .collect::<Map<_, _>>()
                    .into()
            };
            let list = list.map(|items| {
                items
                    .into_iter()
                    .map(|(p, q)| object(vec![("p", p.map(Into::into)), ("q", q.map(Into::into))]))
                    .collect()
            });
            let o = has_o.then(|| object(vec![("x", x.map(Into::into)), ("y", y.map(Into::into))]));
            object(vec![
                ("a", a.map(Into::into)),
                ("b", b.map(Into::into)),
                ("o", o),
                ("list", list),
                ("c", c.map(Into::into)),
                ("d", d.map(|d| d.to_string().into())),
            ])
        })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        "[a-z0-9]{0,4}".prop_map(Into::into)
    ];
    let names = || {
        proptest::sample::select(vec![
            "a", "b", "c", "d", "o", "x", "y", "n", "m", "list", "p", "q", "in", "a2",
        ])
    };
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(names().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const CLASSES: [&str; 3] = ["public", "internal", "personal"];

fn clearance() -> impl Strategy<Value = ClassSet> {
    proptest::collection::btree_set(proptest::sample::select(CLASSES.to_vec()), 0..3)
        .prop_map(|classes| classes.into_iter().map(Class::from).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_loses_nothing_comes_back_as_it_was(chosen in proptest::collection::vec(any::<bool>(), 8), document in old_document()) {
        let both = exact(&chosen);
        let text = document.to_string();
        both[0].check(text.as_bytes(), &mut Workspace::default()).unwrap();
        let forward = lens(&both).forward(text.as_bytes()).unwrap();
        if let Err(violations) = both[1].check(&forward, &mut Workspace::default()) {
            return Err(TestCaseError::fail(format!("{violations:?}")));
        }
        let back = lens(&both).back(&forward).unwrap();
        prop_assert_eq!(parsed(&back), document);
    }

    #[test]
    fn any_document_is_taken_or_refused(chosen in proptest::collection::vec(any::<bool>(), 8), document in any_json()) {
        let both = exact(&chosen);
        let text = document.to_string();
        let lens = Arc::new(lens(&both));
        for taken in [lens.forward(text.as_bytes()), lens.back(text.as_bytes())].into_iter().flatten() {
            parsed(&taken);
        }
        let carrier = Carrier::new(both[0].clone(), &ClassSet::default()).unwrap();
        if let Ok(carried) = carrier.carry(&[lens], text.as_bytes()) {
            both[0].check(&carried, &mut Workspace::default()).unwrap();
        }
    }

    /// Whatever the classes of the two versions are: a reader who is carried is handed a field if both give it.
    #[test]
    fn a_carried_reader_is_handed_what_both_versions_give_and_nothing_else(
        classes in proptest::collection::vec((0..3usize, 0..3usize), 4), cleared in clearance(), is_renamed in any::<bool>(),
    ) {
        let names = ["f0", "f1", "f2", "f3"];
        let new_name = |name: &str| if is_renamed { format!("{name}n") } else { name.to_owned() };
        let text = json!({"type": "string"});
        let inner = |new: bool| {
            let named = names.map(|name| if new { new_name(name) } else { name.to_owned() });
            let properties: Map<String, Value> = named.into_iter().map(|name| (name, text.clone())).collect();
            json!({"id": text, "list": {"type": "array", "items": schema(Value::Object(properties))}})
        };
        let classify = |new: bool| {
            let mut classify = json!({"/id": "personal"});
            for (name, (old_class, new_class)) in names.iter().zip(&classes) {
                let (name, class) = if new { (new_name(name), new_class) } else { ((*name).to_owned(), old_class) };
                classify[format!("/list/*/{name}")] = CLASSES[*class].into();
            }
            classify
        };
        let renamed = |name: &str| json!({"renamed": {"from": format!("/list/*/{name}"), "to": format!("/list/*/{name}n")}});
        let steps = if is_renamed { names.map(renamed).to_vec() } else { Vec::new() };
        let old = Arc::new(compile(&version(1, inner(false), classify(false), None)).unwrap());
        let new = compile(&version(2, inner(true), classify(true), Some(steps.into()))).unwrap();
        let item: Map<String, Value> = names.iter().map(|name| (new_name(name), format!("plant-{name}").into())).collect();
        let document = json!({"id": "person", "list": [item]}).to_string();
        let checked = new.check(document.as_bytes(), &mut Workspace::default()).unwrap();
        let handed = redact(Format::JsonSchema, document.as_bytes(), &checked.spans, &[],
            |span| !cleared.clears(&new.classes()[usize::from(span.class)]));
        let lens = Arc::new(Lens::of(&old, &new).unwrap());
        let carried = Carrier::new(old, &cleared).unwrap().carry(&[lens], &handed);
        let carried = String::from_utf8(carried.unwrap()).unwrap();
        for (name, (old_class, new_class)) in names.iter().zip(&classes) {
            let gives = [old_class, new_class].iter().all(|class| cleared.clears(&Class::from(CLASSES[**class])));
            prop_assert_eq!(carried.contains(&format!("\"{name}\":\"plant-{name}\"")), gives, "{}: {}", name, carried);
        }
        prop_assert_eq!(carried.contains("person"), cleared.clears(&Class::Personal));
    }
}

#[test]
fn a_chain_is_taken_back_version_by_version() {
    let public = || json!({"": "public"});
    let text = json!({"type": "string"});
    let versions = [
        version(1, json!({"a": text}), public(), None),
        version(2, json!({"b": text}), public(), Some(json!([{"renamed": {"from": "/a", "to": "/b"}}]))),
        version(
            3,
            json!({"c": text, "d": text}),
            public(),
            Some(json!([{"renamed": {"from": "/b", "to": "/c"}}, {"added": "/d"}])),
        ),
    ]
    .map(|definition| Arc::new(compile(&definition).unwrap()));
    let lens = |at: usize| Arc::new(Lens::of(&versions[at - 1], &versions[at]).unwrap());
    let carrier = Carrier::new(versions[0].clone(), &ClassSet::default()).unwrap();
    let carried = carrier.carry(&[lens(2), lens(1)], br#"{"d":"new","c":"x"}"#).unwrap();
    assert_eq!(carried, br#"{"a":"x"}"#);
    assert_eq!(
        carrier.carry(&[], br#"{ "a": 1 }"#).unwrap(),
        br#"{ "a": 1 }"#,
        "what is its own goes as it lies"
    );
    let misfit = carrier.carry(&[lens(2)], br#"{"c":"x"}"#).unwrap_err();
    assert_eq!(misfit.to_string(), "v1: what the migration leads to is not valid: the document");
}
