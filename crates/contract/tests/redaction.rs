//! Leaving fields out: what is left is a document, and one of the redacted schema.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::support::{birth, compiled, definition, object};
use contract::document::Document;
use contract::limits::Limits;
use contract::redact::{Fate, Redactor, redact, redact_as};
use contract::{Class, ClassSet, Contract, Format, Look, Span, Workspace, compile};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A source of choices that a failing case can be shrunk by.
struct Choices<'c> {
    from: &'c [u32],
    at: usize,
}

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        self.at += 1;
        self.from[self.at % self.from.len()] as usize % count
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }
}

const CLASSES: [&str; 4] = ["public", "internal", "personal", "special"];

/// A schema and its classification, made together.
struct Made<'c> {
    choices: Choices<'c>,
    classify: Map<String, Value>,
    defs: Map<String, Value>,
}

impl Made<'_> {
    fn class(&mut self, path: &str) {
        let class = CLASSES[self.choices.below(4)];
        self.classify.insert(path.to_owned(), json!(class));
    }

    /// What is to be shown of a text that is classified.
    fn form(&mut self, path: &str) {
        const FORMS: [&str; 6] = ["null", "first 1", "last 2", "year", "month", "pseudonym"];
        let class = self.classify[path].as_str().map(Class::from).unwrap();
        let forms = if class.is_about_a_person() { &FORMS[..] } else { &FORMS[..5] };
        if class.is_sealed() && self.choices.yes() {
            let form = forms[self.choices.below(forms.len())];
            self.classify[path] = json!({"class": class, "redact": form});
        }
    }

    fn leaf(&mut self, path: &str) -> Value {
        self.class(path);
        match self.choices.below(5) {
            0 => {
                self.form(path);
                json!({"type": "string", "maxLength": 10})
            }
            1 => json!({"type": "integer", "minimum": 0}),
            2 => json!({"enum": ["x", "y", 3]}),
            3 => json!({"type": ["boolean", "null"]}),
            _ => json!({"const": "c"}),
        }
    }

    fn any(&mut self, path: &str, depth: usize) -> Value {
        if depth == 0 || self.choices.below(3) == 0 {
            return self.leaf(path);
        }
        // Sometimes one rule covers everything below, beside the rules that the places get anyway.
        if self.choices.below(5) == 0 {
            self.class(path);
        }
        match self.choices.below(10) {
            0 | 1 => self.array(path, depth),
            2 => {
                let inner = self.any(&format!("{path}/*"), depth - 1);
                json!({"type": "object", "additionalProperties": inner, "maxProperties": 3})
            }
            3 => self.choice(path, depth, "oneOf"),
            4 => self.choice(path, depth, "anyOf"),
            5 => self.all_of(path, depth),
            6 => self.conditional(path, depth),
            7 => self.shared(path, depth),
            _ => self.object(path, depth, &["a", "b", "c"]),
        }
    }

    fn properties(&mut self, path: &str, depth: usize, names: &[&str]) -> (Map<String, Value>, Vec<String>) {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for name in names {
            properties.insert((*name).to_owned(), self.any(&format!("{path}/{name}"), depth - 1));
            if self.choices.yes() {
                required.push((*name).to_owned());
            }
        }
        (properties, required)
    }

    fn object(&mut self, path: &str, depth: usize, names: &[&str]) -> Value {
        let (properties, required) = self.properties(path, depth, names);
        let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required});
        match self.choices.below(6) {
            0 => schema["minProperties"] = json!(1),
            1 => schema["dependentRequired"] = json!({"a": ["b"]}),
            2 => schema["not"] = json!({"required": ["a", "b", "c"]}),
            3 => schema["propertyNames"] = json!({"maxLength": 1}),
            4 => schema["dependentSchemas"] = json!({"a": {"required": ["b"]}}),
            _ => {}
        }
        schema
    }

    fn array(&mut self, path: &str, depth: usize) -> Value {
        let items = self.any(&format!("{path}/*"), depth - 1);
        let mut schema = json!({"type": "array", "items": items, "maxItems": 3});
        match self.choices.below(4) {
            0 => schema["uniqueItems"] = json!(true),
            1 => schema["contains"] = items,
            2 => {
                let first = self.any(&format!("{path}/0"), depth - 1);
                schema["prefixItems"] = json!([first]);
            }
            _ => {}
        }
        schema
    }

    fn choice(&mut self, path: &str, depth: usize, keyword: &str) -> Value {
        self.class(&format!("{path}/kind"));
        let mut branches = Vec::new();
        for kind in ["one", "two"] {
            let (mut properties, mut required) = self.properties(path, depth, &["a", kind]);
            properties.insert("kind".to_owned(), json!({"const": kind}));
            required.push("kind".to_owned());
            branches.push(json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required}));
        }
        json!({ keyword: branches })
    }

    fn all_of(&mut self, path: &str, depth: usize) -> Value {
        let parts: Vec<Value> = [["a", "b"], ["c", "d"]]
            .iter()
            .map(|names| {
                let (properties, required) = self.properties(path, depth, names);
                json!({"properties": properties, "required": required})
            })
            .collect();
        json!({"type": "object", "allOf": parts, "unevaluatedProperties": false})
    }

    fn conditional(&mut self, path: &str, depth: usize) -> Value {
        self.class(&format!("{path}/flag"));
        let (then, required) = self.properties(path, depth, &["a", "b"]);
        let (otherwise, _) = self.properties(path, depth, &["b", "c"]);
        json!({
            "type": "object", "properties": {"flag": {"type": "boolean"}}, "unevaluatedProperties": false,
            "if": {"properties": {"flag": {"const": true}}, "required": ["flag"]},
            "then": {"properties": then, "required": required}, "else": {"properties": otherwise}
        })
    }

    /// One definition at two places, which may have different classes.
    fn shared(&mut self, path: &str, depth: usize) -> Value {
        let prefix = format!("{path}/a");
        let inner = self.any(&prefix, depth - 1);
        let below: Vec<String> =
            self.classify.keys().filter_map(|at| at.strip_prefix(&prefix)).map(str::to_owned).collect();
        for at in below {
            self.class(&format!("{path}/b{at}"));
        }
        let name = format!("n{}", self.defs.len());
        self.defs.insert(name.clone(), inner);
        let reference = json!({"$ref": format!("#/$defs/{name}")});
        object(json!({"a": reference, "b": reference}))
    }
}

fn made(choices: &[u32]) -> (Value, Value) {
    let mut made = Made { choices: Choices { from: choices, at: 0 }, classify: Map::new(), defs: Map::new() };
    let mut schema = made.object("", 3, &["a", "b", "c"]);
    schema["properties"]["id"] = json!({"type": "string", "minLength": 1});
    schema["required"].as_array_mut().unwrap().push(json!("id"));
    schema["propertyNames"] = json!({"maxLength": 2});
    made.classify.remove("");
    made.classify.insert("/id".to_owned(), json!("personal"));
    schema["$defs"] = Value::Object(made.defs);
    (schema, Value::Object(made.classify))
}

/// A value that mostly fits the schema.
fn sample(schema: &Value, root: &Value, choices: &mut Choices<'_>) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return sample(root.pointer(&reference[1..]).unwrap(), root, choices);
    }
    for keyword in ["oneOf", "anyOf"] {
        if let Some(branches) = schema[keyword].as_array() {
            return sample(&branches[choices.below(branches.len())], root, choices);
        }
    }
    if let Some(options) = schema["enum"].as_array() {
        return options[choices.below(options.len())].clone();
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    match schema["type"].as_str() {
        Some("string") if choices.yes() => json!("1985-03-17"),
        Some("string") => json!("s".repeat(choices.below(4) + 1)),
        Some("integer") => json!(choices.below(100)),
        Some("array") => {
            let count = choices.below(4);
            let first = schema["prefixItems"][0].clone();
            let element = |at| if at == 0 && first.is_object() { &first } else { &schema["items"] };
            (0..count).map(|at| sample(element(at), root, choices)).collect()
        }
        Some("object") => Value::Object(sample_object(schema, root, choices)),
        _ => {
            if choices.yes() {
                Value::Null
            } else {
                json!(choices.yes())
            }
        }
    }
}

fn sample_object(schema: &Value, root: &Value, choices: &mut Choices<'_>) -> Map<String, Value> {
    let mut out = Map::new();
    let mut parts = vec![schema];
    parts.extend(schema["allOf"].as_array().into_iter().flatten());
    if schema.get("if").is_some() {
        parts.push(&schema[if choices.yes() { "then" } else { "else" }]);
    }
    for part in parts {
        for (name, inner) in part["properties"].as_object().into_iter().flatten() {
            let required = part["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
            if required || choices.yes() {
                out.insert(name.clone(), sample(inner, root, choices));
            }
        }
    }
    if schema["additionalProperties"].is_object() {
        for name in ["p", "q"].iter().take(choices.below(3)) {
            out.insert((*name).to_owned(), sample(&schema["additionalProperties"], root, choices));
        }
    }
    out
}

/// White space in every place where JSON admits it.
fn spaced(value: &Value, choices: &mut Choices<'_>, out: &mut String) {
    let space = |choices: &mut Choices<'_>| [" ", "", "\n", "\t "][choices.below(4)];
    out.push_str(space(choices));
    match value {
        Value::Object(members) => {
            out.push('{');
            for (at, (name, inner)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(',')
                }
                out.push_str(space(choices));
                out.push_str(&json!(name).to_string());
                out.push_str(space(choices));
                out.push(':');
                spaced(inner, choices, out);
            }
            out.push_str(space(choices));
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, inner) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',')
                }
                spaced(inner, choices, out);
            }
            out.push_str(space(choices));
            out.push(']');
        }
        leaf => out.push_str(&leaf.to_string()),
    }
    out.push_str(space(choices));
}

fn without(
    contract: &Contract,
    text: &str,
    spans: &[Span],
    (cleared, fate): (&ClassSet, Fate<'static>),
) -> Vec<u8> {
    redact_as(Format::JsonSchema, text.as_bytes(), spans, &[], |span| {
        match cleared.clears(&contract.classes()[span.class as usize]) {
            true => Fate::Kept,
            false => fate,
        }
    })
}

fn clearances() -> Vec<ClassSet> {
    let sets: [&[&str]; 6] = [
        &[],
        &["internal"],
        &["personal"],
        &["special"],
        &["personal", "special"],
        &["internal", "personal", "special"],
    ];
    sets.iter().map(|set| set.iter().map(|class| Class::from(*class)).collect()).collect()
}

/// Checks one made contract with documents; says how many documents were valid.
fn redactions_fit(schema_choices: &[u32], document_choices: &[u32]) -> usize {
    let (schema, classify) = made(schema_choices);
    let definition = definition(&schema, &["/id"], classify);
    // Two rules may name one place twice over a choice's branches; what cannot be compiled has no redaction.
    let contract = match compile(&definition) {
        Ok(contract) => contract,
        Err(faults) => {
            let told = ["has no such place", "is to be shown as"];
            let unneeded = |fault: &contract::Fault| told.iter().any(|told| fault.problem.contains(told));
            assert!(faults.iter().all(unneeded), "{faults:#?}\n{schema:#}");
            return 0;
        }
    };
    let validators: Vec<_> = clearances()
        .into_iter()
        .map(|cleared| {
            let redacted = redacted_schema(&contract, &cleared);
            let validator = jsonschema::options().offline().should_validate_formats(true).build(&redacted);
            (validator.unwrap_or_else(|error| panic!("{error}\n{redacted:#}")), cleared, redacted)
        })
        .collect();
    let mut choices = Choices { from: document_choices, at: 0 };
    let mut valid = 0;
    for _ in 0..8 {
        choices.at = choices.at.wrapping_mul(3) + 1;
        let mut text = String::new();
        spaced(&sample(&schema, &schema, &mut choices), &mut choices, &mut text);
        let Ok(checked) = contract.check(text.as_bytes(), &mut Workspace::default()) else { continue };
        valid += 1;
        assert!(checked.spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{text}");
        assert_eq!(
            redact(Format::JsonSchema, text.as_bytes(), &checked.spans, &[], |_| false),
            text.as_bytes()
        );
        for (validator, cleared, redacted) in &validators {
            for fate in [Fate::Shown("t"), Fate::LeftOut] {
                let left = without(&contract, &text, &checked.spans, (cleared, fate));
                let left = String::from_utf8(left).unwrap();
                assert!(Document::parse(left.as_bytes(), &Limits::default()).is_ok(), "{text}\n{left}");
                let value: Value = serde_json::from_str(&left).unwrap();
                if let Err(error) = validator.validate(&value) {
                    panic!(
                        "{error} at {}\n{text}\n{left}\n{cleared:?}\n{schema:#}\n{redacted:#}\n{:?}",
                        error.instance_path(),
                        definition.classify
                    );
                }
            }
        }
    }
    valid
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_redacted_document_fits_the_redacted_schema(
        schema in prop::collection::vec(any::<u32>(), 61..=61),
        document in prop::collection::vec(any::<u32>(), 127..=127),
    ) {
        redactions_fit(&schema, &document);
    }

    #[test]
    fn a_splice_leaves_any_members_and_elements_out(value in nested(), from in prop::collection::vec(any::<u32>(), 67..=67)) {
        let mut choices = Choices { from: &from, at: 0 };
        let mut text = String::new();
        spaced(&value, &mut choices, &mut text);
        let document = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
        let mut spans = Vec::new();
        pick(document.root(), &mut choices, &mut spans);
        prop_assert_eq!(redact(Format::JsonSchema, text.as_bytes(), &spans, &[], |_| false), text.as_bytes());
        let drop: Vec<bool> = spans.iter().map(|_| choices.yes()).collect();
        let mut at = drop.iter();
        let left = redact(Format::JsonSchema, text.as_bytes(), &spans, &[], |_| *at.next().unwrap());
        let left: Value = serde_json::from_slice(&left).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        let gone: Vec<Span> = spans.iter().zip(&drop).filter(|(_, drop)| **drop).map(|(span, _)| *span).collect();
        prop_assert_eq!(left, expected(document.root(), &gone).unwrap_or(Value::Null), "{}", text);
    }
}

#[test]
fn the_made_contracts_mostly_have_valid_documents() {
    let pseudo = |seed: u64, count: u64| {
        (0..count)
            .map(|at| {
                (seed * 1_000 + at + 1)
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .rotate_left(23)
                    .wrapping_mul(1_442_695_040_888_963_407)
            })
            .map(|word| (word >> 33) as u32)
            .collect::<Vec<u32>>()
    };
    let valid: usize =
        (0..100).map(|seed| redactions_fit(&pseudo(seed, 61), &pseudo(seed + 1000, 127))).sum();
    assert!(valid > 100, "only {valid} documents were valid, so the property says little");
}

fn nested() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(1)), Just(json!("a,b")), Just(json!("}")), Just(Value::Null)];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(inner, 0..5).prop_map(|values| {
                Value::Object(
                    values.into_iter().enumerate().map(|(at, value)| (format!("k{at}"), value)).collect(),
                )
            }),
        ]
    })
}

/// Any members and elements, none inside another.
fn pick(node: contract::document::Node<'_>, choices: &mut Choices<'_>, spans: &mut Vec<Span>) {
    let span =
        |start, end, shape| Span { start, end, class: 0, subject: Span::TOPIC, look: Look::absent(shape) };
    for member in node.members() {
        match choices.yes() {
            true => spans.push(span(member.span().start, member.span().end, contract::Shape::Member)),
            false => pick(member.value(), choices, spans),
        }
    }
    for item in node.items() {
        match choices.yes() {
            true => spans.push(span(item.span().start, item.span().end, contract::Shape::Item)),
            false => pick(item, choices, spans),
        }
    }
}

/// The value without the spans, by the tree instead of the text.
fn expected(node: contract::document::Node<'_>, gone: &[Span]) -> Option<Value> {
    use contract::document::Kind;
    let is_gone = |start: u32| gone.iter().any(|span| span.start == start);
    Some(match node.kind() {
        Kind::Object => Value::Object(
            node.members()
                .filter(|member| !is_gone(member.span().start))
                .map(|member| {
                    (member.key().into_owned(), expected(member.value(), gone).unwrap_or(Value::Null))
                })
                .collect(),
        ),
        Kind::Array => node
            .items()
            .map(|item| {
                if is_gone(item.span().start) {
                    Value::Null
                } else {
                    expected(item, gone).unwrap_or(Value::Null)
                }
            })
            .collect(),
        _ => serde_json::from_str(node.raw()).ok()?,
    })
}

#[test]
fn members_go_with_one_comma_and_elements_become_null() {
    let cases = [
        (
            r#"{"child":{"personId":"123456789","name":"A"},"registrationOffice":"N"}"#,
            r#"{"child":{},"registrationOffice":"N"}"#,
        ),
        (
            r#"{ "registrationOffice":"N", "desk":"4", "child":{"name":"A", "personId":"123456789"} }"#,
            r#"{ "registrationOffice":"N" , "child":{ } }"#,
        ),
        (
            r#"{"desk":"4","registrationOffice":"N","parents":[{"personId":1},{"name":"B","personId":2}],"child":{"personId":"123456789","name":"A"}}"#,
            r#"{"registrationOffice":"N","parents":[{},{}],"child":{}}"#,
        ),
    ];
    let contract = compiled(&birth());
    for (text, left) in cases {
        let checked = contract.check(text.as_bytes(), &mut Workspace::default()).unwrap();
        let redacted = String::from_utf8(without(
            &contract,
            text,
            &checked.spans,
            (&ClassSet::default(), Fate::LeftOut),
        ))
        .unwrap();
        assert_eq!(redacted, left);
    }
}

#[test]
fn a_splice_appends_behind_what_is_there_and_leaves_it_alone() {
    let mut out = b"before,".to_vec();
    let mut splice = Redactor::new(Format::JsonSchema, Vec::new(), &mut out);
    splice.text(b"{");
    splice.leave_out(Look::absent(contract::Shape::Member));
    splice.text(b" ");
    splice.text(b" ,");
    splice.keep(b"\"a\":1");
    splice.text(b"}");
    splice.finish();
    assert_eq!(out, b"before,{  \"a\":1}");
    let mut out = b"before,".to_vec();
    Redactor::new(Format::JsonSchema, Vec::new(), &mut out).leave_out(Look::absent(contract::Shape::Whole));
    assert_eq!(out, b"before,null");
}

fn redacted_schema(contract: &Contract, cleared: &ClassSet) -> Value {
    serde_json::from_str(&contract.redacted_schema(cleared)).unwrap()
}

#[test]
fn the_redacted_schema_has_no_trace_of_what_is_left_out() {
    let contract = compiled(&birth());
    let redacted = redacted_schema(&contract, &ClassSet::default());
    assert_eq!(
        redacted["properties"]["child"],
        json!({"type": "object", "required": [], "additionalProperties": false, "properties": {}})
    );
    assert_eq!(redacted["required"], json!(["child", "registrationOffice"]));
    assert!(redacted["properties"].get("desk").is_none());
    let all: ClassSet = ["internal", "personal", "special"].map(Class::from).into_iter().collect();
    assert_eq!(redacted_schema(&contract, &all), serde_json::from_str::<Value>(&birth().schema).unwrap());
}

#[test]
fn elements_and_whole_documents_become_null_in_the_schema_too() {
    let schema = object(json!({"list": {"type": "array", "items": {"type": "string"}}}));
    let contract = compiled(&definition(&schema, &[], json!({"/list/*": "internal"})));
    assert_eq!(
        redacted_schema(&contract, &ClassSet::default())["properties"]["list"]["items"],
        json!({"type": "null"})
    );
    let contract = compiled(&definition(&json!({"type": "string"}), &[], json!({"": "internal"})));
    assert_eq!(redacted_schema(&contract, &ClassSet::default())["type"], json!("null"));
}
