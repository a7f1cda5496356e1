//! The bus as an AsyncAPI 3.0 document: a channel for each topic, a message for each version of its contract in force.
//!
//! Actions are the bus's own: it receives what producers send, and sends what subscriptions are handed.

use contract::{Class, Definition, Format, Redaction};
use governance::notices::is_own;
use governance::{State, Status, Topic, Version, duration};
use serde_json::{Map, Value, json};

use super::servers::Servers;

/// The document.
pub fn document(bus: &str, servers: &Servers, state: &State) -> Value {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for topic in state.topics() {
        let versions: Vec<&Version> = topic.versions.values().filter(|version| in_force(version)).collect();
        channels.insert(topic.name.to_string(), channel(topic, &versions, servers));
        // What the bus itself publishes nobody sends to it.
        if !is_own(&topic.name) {
            operations.insert(format!("receive-{}", topic.name), receive(topic));
        }
        operations.insert(format!("send-{}", topic.name), send(topic));
        messages.extend(versions.into_iter().map(|version| (key(version), message(version))));
    }
    json!({
        "asyncapi": "3.0.0",
        "id": format!("urn:chancery:{bus}"),
        "info": {
            "title": format!("The events of {bus}"),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every topic with its owner and its contracts. Fields that are not public are sealed; a \
                subscription that is not cleared for a class gets documents without the fields of that class.",
        },
        "defaultContentType": "application/json",
        "servers": doors(servers),
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "securitySchemes": security_schemes() },
    })
}

fn in_force(version: &Version) -> bool {
    matches!(version.status, Status::Active | Status::Deprecated)
}

/// A message's name among all: `civil.birth.registered.v1`.
fn key(version: &Version) -> String {
    format!("{}.{}", version.definition.topic, version.number())
}

fn doors(servers: &Servers) -> Value {
    let scheme = |name: &str| json!({ "$ref": format!("#/components/securitySchemes/{name}") });
    let mut doors = json!({ "http": {
        "host": servers.http,
        "protocol": servers.scheme(),
        "description": "CloudEvents 1.0 over HTTP; /openapi.json describes every route.",
        "security": [scheme("bearer"), scheme("basic")],
    }});
    if let Some(kafka) = &servers.kafka {
        doors["kafka"] = json!({
            "host": kafka,
            "protocol": if servers.tls { "kafka-secure" } else { "kafka" },
            "description": "Any Kafka client; a consumer group's id is the name of a subscription.",
            "security": [scheme("plain"), scheme("scramSha256"), scheme("scramSha512")],
        });
    }
    doors
}

fn security_schemes() -> Value {
    const WHO: &str = "The user is the principal, NAME@AGENCY, the password its token.";
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "A principal's token." },
        "basic": { "type": "http", "scheme": "basic", "description": WHO },
        "plain": { "type": "plain", "description": WHO },
        "scramSha256": { "type": "scramSha256", "description": WHO },
        "scramSha512": { "type": "scramSha512", "description": WHO },
    })
}

fn channel(topic: &Topic, versions: &[&Version], servers: &Servers) -> Value {
    let message = |version: &&Version| {
        let of = json!({ "$ref": format!("#/components/messages/{}", key(version)) });
        (version.number().to_string(), of)
    };
    let doors = ["http"].into_iter().chain(servers.kafka.as_ref().map(|_| "kafka"));
    let doors: Vec<Value> = doors.map(|door| json!({ "$ref": format!("#/servers/{door}") })).collect();
    let domain = topic.name.as_str().split('.').next().unwrap_or_default();
    let mut channel = json!({
        "address": topic.name.as_str(),
        "description": topic.description,
        "servers": doors,
        "messages": versions.iter().map(message).collect::<Map<_, _>>(),
        "tags": [
            { "name": format!("domain:{domain}") },
            { "name": format!("owner:{}", topic.owner) },
            { "name": format!("latency:{}", topic.latency) },
        ],
        "bindings": { "kafka": {
            "partitions": topic.partitions,
            "topicConfiguration": { "retention.ms": topic.retention_s.saturating_mul(1000) },
            "bindingVersion": "0.5.0",
        }},
        "x-owner": topic.owner.as_str(),
        "x-steward": topic.steward.as_str(),
        "x-deputy": topic.deputy.as_str(),
        "x-legal-basis": topic.legal_basis,
        "x-latency": topic.latency.as_str(),
        "x-retention": duration::to_text(topic.retention_s),
        "x-key": String::from(topic.key.clone()),
        "x-http-path": format!("/v1/topics/{}/events", topic.name),
    });
    if topic.keep_s > 0 {
        channel["x-keep"] = duration::to_text(topic.keep_s).into();
    }
    channel
}

fn receive(topic: &Topic) -> Value {
    json!({
        "action": "receive",
        "channel": channel_of(topic),
        "summary": format!("Producers of {} publish", topic.owner),
        "bindings": { "http": { "method": "POST", "bindingVersion": "0.3.0" } },
    })
}

fn send(topic: &Topic) -> Value {
    json!({
        "action": "send",
        "channel": channel_of(topic),
        "summary": "Subscriptions are handed events, as far as they are cleared",
        "description": "By HTTP from /v1/subscriptions/NAME/events, by Kafka as the consumer group NAME. \
            chancery subscription request asks for one.",
        "bindings": { "http": { "method": "GET", "bindingVersion": "0.3.0" } },
    })
}

fn channel_of(topic: &Topic) -> Value {
    json!({ "$ref": format!("#/channels/{}", topic.name) })
}

fn message(version: &Version) -> Value {
    let definition = &version.definition;
    let classes =
        definition.classify.iter().map(|(place, rule)| (place.to_string(), rule.class.as_str().into()));
    let mut message = json!({
        "name": definition.topic.as_str(),
        "title": format!("{} {}", definition.topic, version.number()),
        "contentType": content_type(definition.format),
        "headers": headers(definition),
        "payload": payload(version),
        "correlationId": { "location": "$message.header#/ce_correlationid" },
        "deprecated": version.status == Status::Deprecated,
        "x-contract-version": version.number().0,
        "x-status": version.status.to_string(),
        "x-compatibility": definition.compatibility,
        "x-classification": classes.collect::<Map<String, Value>>(),
        "x-data-subjects": definition.subject,
    });
    let shown = definition.classify.iter().filter(|(_, rule)| rule.redact != Redaction::Absent);
    let shown: Map<String, Value> =
        shown.map(|(place, rule)| (place.to_string(), rule.redact.to_string().into())).collect();
    if !shown.is_empty() {
        message["x-redaction"] = shown.into();
    }
    if let Some(sunset) = version.sunset {
        message["x-sunset"] = sunset.to_string().into();
    }
    message
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::JsonSchema => "application/json",
        Format::Avro => "application/avro",
        Format::Protobuf => "application/protobuf",
    }
}

/// The attributes of CloudEvents as Kafka headers (its Kafka binding, binary mode); over HTTP they begin with `ce-`.
fn headers(definition: &Definition) -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let mut properties = json!({
        "ce_specversion": { "type": "string", "const": "1.0" },
        "ce_id": text("With ce_source the identity of the event: the same again is recognised."),
        "ce_source": text("The context in which it happened, under a prefix of the owner agency."),
        "ce_type": text("The topic; with .vN behind it, of that version of the contract."),
        "ce_time": { "type": "string", "format": "date-time" },
        "ce_subject": text("What it is about; sealed where that is a person."),
        "ce_correlationid": text("What all events of one affair share."),
        "ce_causationid": text("The event that caused it."),
        "content-type": text("The media type of the data."),
    });
    for (name, class) in &definition.extensions {
        let class = Class::as_str(class);
        properties[format!("ce_{name}")] = json!({ "type": "string", "x-classification": class });
    }
    // Where the contract says where the identity stands, attributes may be missing altogether.
    let required: &[&str] = match &definition.identity {
        Some(_) => &[],
        None => &["ce_specversion", "ce_id", "ce_source", "ce_type"],
    };
    json!({ "type": "object", "required": required, "properties": properties })
}

/// The schema in its own language. A text that does not read as JSON, which no contract has, stands as text.
fn payload(version: &Version) -> Value {
    let definition = &version.definition;
    let text = || Value::from(definition.schema.as_str());
    let json = || serde_json::from_str(&definition.schema).unwrap_or_else(|_| text());
    let (format, schema) = match definition.format {
        Format::JsonSchema => {
            let mut schema = json();
            rebase(&mut schema, &format!("#/components/messages/{}/payload/schema", key(version)));
            ("application/schema+json;version=2020-12", schema)
        }
        Format::Avro => ("application/vnd.apache.avro+json;version=1.9.0", json()),
        Format::Protobuf => ("application/vnd.google.protobuf;version=3", text()),
    };
    json!({ "schemaFormat": format, "schema": schema })
}

/// References within a schema lead on from where it stands in the document: AsyncAPI's tools follow them from the root.
fn rebase(schema: &mut Value, root: &str) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| rebase(item, root)),
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().filter(|_| name == "$ref").and_then(|to| to.strip_prefix('#')) {
                    Some(place) if place.is_empty() || place.starts_with('/') => {
                        *member = format!("{root}{place}").into();
                    }
                    _ => rebase(member, root),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_on_from_the_root_of_the_document() {
        let mut schema = json!({
            "$ref": "#/$defs/a",
            "properties": { "$ref": { "$ref": "#" }, "b": { "anyOf": [{ "$ref": "#named" }, { "$ref": "other#/c" }] } },
        });
        rebase(&mut schema, "#/x");
        let expected = json!({
            "$ref": "#/x/$defs/a",
            "properties": { "$ref": { "$ref": "#/x" }, "b": { "anyOf": [{ "$ref": "#named" }, { "$ref": "other#/c" }] } },
        });
        assert_eq!(schema, expected);
    }
}
