//! A topic's contract by the Open Data Contract Standard 3.1 (Bitol).

use bus::clock::rfc3339;
use contract::{Class, Format, KeyRule, Outline, Pointer, Redaction};
use governance::{Agency, Topic, Version, duration};
use serde_json::{Map, Value, json};

use super::servers::Servers;

/// What a document is of.
pub struct Of<'a> {
    /// The bus's name.
    pub bus: &'a str,
    /// Where clients reach it.
    pub servers: &'a Servers,
    /// The topic.
    pub topic: &'a Topic,
    /// Its owner, where it is known.
    pub owner: Option<&'a Agency>,
    /// The version of its contract.
    pub version: &'a Version,
}

/// The document of one version, whose fields are those of `outline`.
pub fn document(of: &Of<'_>, outline: &Outline) -> Value {
    let Of { topic, version, .. } = of;
    let classes = classes(outline);
    json!({
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": format!("urn:chancery:{}:{}", of.bus, topic.name),
        "name": topic.name.as_str(),
        "version": version.number().0.to_string(),
        "status": version.status.to_string(),
        "domain": topic.name.as_str().split('.').next(),
        "tenant": topic.owner.as_str(),
        "tags": [format!("owner:{}", topic.owner), format!("latency:{}", topic.latency)],
        "description": {
            "purpose": topic.description,
            "usage": format!("chancery subscription request asks for a subscription to {}", topic.name),
            "limitations": limitations(&classes),
        },
        "contractCreatedTs": rfc3339(version.proposed_ms),
        "authoritativeDefinitions": definitions(of),
        "schema": [schema(of, outline)],
        "team": team(of),
        "roles": roles(topic, &classes),
        "support": support(of.owner),
        "servers": servers(of),
        "slaProperties": sla(of),
        "customProperties": custom(of),
    })
}

/// The classes that its fields have, in order.
fn classes(outline: &Outline) -> Vec<Class> {
    let below = outline.fields.iter().chain(outline.elements.as_deref()).flat_map(classes);
    let mut classes: Vec<Class> = outline.class.iter().cloned().chain(below).collect();
    classes.sort();
    classes.dedup();
    classes
}

fn limitations(classes: &[Class]) -> String {
    let sealed: Vec<&str> = classes.iter().filter(|class| class.is_sealed()).map(Class::as_str).collect();
    match sealed.is_empty() {
        true => "Every field is public.".to_owned(),
        false => format!(
            "Fields of the classes {} are sealed; whoever is not cleared for one gets documents without its fields.",
            sealed.join(", ")
        ),
    }
}

fn definitions(of: &Of<'_>) -> Value {
    let contract = format!("/v1/contracts/{}/{}", of.topic.name, of.version.number().0);
    json!([
        { "type": "implementation", "url": of.servers.url(&contract), "description": "The contract on the bus." },
        { "type": "schema", "url": of.servers.url(&format!("{contract}/schema")), "description": "Its schema." },
    ])
}

fn schema(of: &Of<'_>, outline: &Outline) -> Value {
    let key = match &of.version.definition.key {
        KeyRule::At(pointer) => Some(pointer),
        KeyRule::Subject | KeyRule::None => None,
    };
    let properties: Vec<Value> = match outline.types.contains(&"object") {
        true => outline.fields.iter().map(|field| property(field, key)).collect(),
        // A document that is a value itself has no members to be told by name.
        false => vec![property(&Outline { name: "document".to_owned(), ..outline.clone() }, key)],
    };
    json!({
        "name": of.topic.name.as_str(),
        "physicalName": of.topic.name.as_str(),
        "physicalType": "topic",
        "logicalType": "object",
        "description": of.topic.description,
        "properties": properties,
    })
}

fn property(field: &Outline, key: Option<&Pointer>) -> Value {
    let mut told = item(field, key);
    told.insert("name".to_owned(), field.name.as_str().into());
    Value::Object(told)
}

/// What a property says but for its name, which the items of an array have not.
fn item(field: &Outline, key: Option<&Pointer>) -> Map<String, Value> {
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
    tell("physicalType", field.types.join(" or ").into());
    if let Some(logical) = logical_type(&field.types) {
        tell("logicalType", logical.into());
    }
    tell("required", field.required.into());
    if let Some(class) = &field.class {
        tell("classification", class.as_str().into());
    }
    let mut custom = Vec::new();
    if let Some(of) = &field.of {
        let about = "The pointer to the identifier of the person it is about.";
        custom.push(json!({ "property": "dataSubject", "value": of, "description": about }));
    }
    if field.redact != Redaction::Absent {
        let about = "What who is not cleared for its classification sees in its place.";
        custom.push(json!({ "property": "redaction", "value": field.redact, "description": about }));
    }
    if !custom.is_empty() {
        tell("customProperties", custom.into());
    }
    if key == Some(&field.pointer) {
        tell("partitioned", true.into());
        tell("partitionKeyPosition", 1.into());
    }
    if field.types.contains(&"object") && !field.fields.is_empty() {
        tell("properties", field.fields.iter().map(|below| property(below, key)).collect());
    }
    if let Some(elements) = &field.elements {
        tell("items", item(elements, key).into());
    }
    told
}

/// The standard's one word for the types, where it has one. Bytes are text to it, as they are in JSON.
fn logical_type(types: &[&'static str]) -> Option<&'static str> {
    let mut values = types.iter().filter(|name| **name != "null");
    match (values.next(), values.next()) {
        (Some(&"bytes"), None) => Some("string"),
        (Some(one), None) => Some(*one),
        _ => None,
    }
}

fn team(of: &Of<'_>) -> Value {
    let name = of.owner.map_or(of.topic.owner.as_str(), |owner| owner.profile.name.as_str());
    json!({
        "name": name,
        "description": format!("The agency {}, which owns the topic.", of.topic.owner),
        "members": [
            { "username": of.topic.steward.as_str(), "role": "steward" },
            { "username": of.topic.deputy.as_str(), "role": "deputy" },
        ],
    })
}

/// Who publishes, who reads, and whose word it takes.
fn roles(topic: &Topic, classes: &[Class]) -> Vec<Value> {
    let owners = format!("{} or {}", topic.steward, topic.deputy);
    let sealed = classes.iter().filter(|class| class.is_sealed()).map(|class| {
        let mut role = json!({
            "role": format!("subscription cleared for {class}"),
            "access": "read",
            "description": format!("Is handed the fields of the class {class} too."),
            "firstLevelApprovers": owners,
        });
        if class.is_about_a_person() {
            role["secondLevelApprovers"] = "the data protection officer of the subscribed agency".into();
        }
        role
    });
    let all = [
        json!({ "role": "producer", "access": "write", "description": format!("A producer of {}.", topic.owner) }),
        json!({
            "role": "subscription", "access": "read", "description": "Is handed the public fields.",
            "firstLevelApprovers": owners,
        }),
    ];
    all.into_iter().chain(sealed).collect()
}

fn support(owner: Option<&Agency>) -> Vec<Value> {
    let channel = |address: &String, about: &str| {
        let mut channel = json!({ "channel": address, "description": about });
        if address.contains('@') && !address.contains(':') {
            channel["tool"] = "email".into();
            channel["url"] = format!("mailto:{address}").into();
        }
        channel
    };
    let Some(profile) = owner.map(|owner| &owner.profile) else { return Vec::new() };
    let contacts = profile.contacts.iter().map(|contact| channel(contact, "The owner agency."));
    let dpo = Some(&profile.dpo).filter(|dpo| !dpo.is_empty());
    contacts.chain(dpo.map(|dpo| channel(dpo, "Its data protection officer."))).collect()
}

fn servers(of: &Of<'_>) -> Vec<Value> {
    let format = match of.version.definition.format {
        Format::JsonSchema => "json",
        Format::Avro => "avro",
        Format::Protobuf => "protobuf",
    };
    let http = json!({
        "server": "http", "type": "api", "location": of.servers.url(""),
        "description": "CloudEvents 1.0 over HTTP; /openapi.json describes every route.",
    });
    let kafka = of.servers.kafka.as_ref().map(|host| {
        json!({
            "server": "kafka", "type": "kafka", "host": host, "format": format,
            "description": "Any Kafka client; a consumer group's id is the name of a subscription.",
        })
    });
    [http].into_iter().chain(kafka).collect()
}

fn sla(of: &Of<'_>) -> Vec<Value> {
    const DAY_S: u64 = 24 * 60 * 60;
    let Of { topic, version, .. } = of;
    let (value, unit) = match topic.retention_s.is_multiple_of(DAY_S) {
        true => (topic.retention_s / DAY_S, "d"),
        false => (topic.retention_s, "s"),
    };
    let mut all = vec![
        json!({ "property": "retention", "value": value, "unit": unit }),
        json!({
            "property": "latency", "value": topic.latency.as_str(),
            "description": "The latency class: realtime overtakes everything, batch waits for room.",
        }),
    ];
    if let Some((_, at_ms)) = &version.activated {
        all.push(json!({ "property": "generalAvailability", "value": rfc3339(*at_ms) }));
    }
    if let Some(sunset) = version.sunset {
        all.push(json!({ "property": "endOfLife", "value": sunset.to_string() }));
    }
    all
}

fn custom(of: &Of<'_>) -> Vec<Value> {
    let Of { topic, version, .. } = of;
    let definition = &version.definition;
    let window = definition.identity_window_s.map(|seconds| json!(duration::to_text(seconds)));
    let all = [
        ("legalBasis", Some(json!(topic.legal_basis))),
        ("keep", (topic.keep_s > 0).then(|| json!(duration::to_text(topic.keep_s)))),
        ("partitions", Some(json!(topic.partitions))),
        ("key", Some(json!(String::from(topic.key.clone())))),
        ("format", Some(json!(definition.format))),
        ("compatibility", Some(json!(definition.compatibility))),
        ("dataSubjects", Some(json!(definition.subject))),
        ("extensions", Some(json!(definition.extensions))),
        ("identity", definition.identity.as_ref().map(|pointer| json!(pointer.to_string()))),
        ("identityWindow", window),
        ("migration", definition.migration.as_ref().map(|steps| json!(steps))),
    ];
    let told = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
    told.map(|(name, value)| json!({ "property": name, "value": value })).collect()
}
