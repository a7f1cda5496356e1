//! Publication: the CloudEvents HTTP binding (binary, structured, batched) to `publish` and back.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bus::{Incoming, Outcome, Refusal, RefusalKind};
use contract::cloudevents::{EventFault, is_json, parse_batch, parse_structured};
use contract::document::{Malformed, Mistake};
use contract::{AttributeValue, CloudEvent, Data};
use serde_json::json;

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::{Problem, malformed};
use crate::wire;

/// `POST /v1/topics/{topic}/events`.
pub async fn publish(
    State(door): State<Door>,
    Path(topic): Path<String>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let topic = wire::name(&topic)?;
    let content_type = text(&headers, "content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/cloudevents-batch+json" => {
            let parsed = parse_batch(&body).map_err(faulty)?;
            let events: Vec<Incoming> =
                parsed.into_iter().map(|event| event.map_err(faulty).map(|e| traced(e, &headers))).collect();
            let ids: Vec<Option<String>> =
                events.iter().map(|event| event.as_ref().ok().map(|event| event.id.clone())).collect();
            let outcomes = door.bus.publish(&caller, &topic, events).await?;
            Ok(batch_answer(&ids, &outcomes))
        }
        "application/cloudevents+json" => {
            let event = parse_structured(&body).map_err(faulty).map(|event| traced(event, &headers));
            one(door.bus.publish(&caller, &topic, vec![event]).await?)
        }
        _ => {
            let event = binary(&headers, content_type, body).map(|event| traced(event, &headers));
            one(door.bus.publish(&caller, &topic, vec![event]).await?)
        }
    }
}

fn unreadable(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(RefusalKind::Malformed, format!("the event does not read: {what}"))
        .hint("CloudEvents 1.0: specversion, id, source and type are needed")
}

fn faulty(fault: EventFault) -> Refusal {
    match fault {
        EventFault::NotAnArray(Malformed { what: Mistake::TooMany(_), .. }) => {
            Refusal::new(RefusalKind::TooLarge, fault.to_string()).hint("send smaller batches")
        }
        EventFault::Malformed(Malformed { what: Mistake::TooLong(_), .. }) => {
            Refusal::new(RefusalKind::TooLarge, fault.to_string())
                .hint("large payloads belong behind dataref")
        }
        _ => unreadable(fault),
    }
}

fn one(outcomes: Vec<Outcome>) -> Result<Response, Problem> {
    match outcomes.into_iter().next() {
        Some(Outcome::Accepted(receipt)) => {
            Ok((StatusCode::CREATED, Json(wire::receipt(&receipt))).into_response())
        }
        Some(Outcome::Duplicate(receipt)) => {
            Ok((StatusCode::OK, Json(wire::receipt(&receipt))).into_response())
        }
        Some(Outcome::Refused(refusal)) => Err(Problem(refusal)),
        None => Err(malformed("the request holds no event")),
    }
}

fn batch_answer(ids: &[Option<String>], outcomes: &[Outcome]) -> Response {
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Refused(_))).count();
    let status = match refused {
        0 => StatusCode::OK,
        all if all == outcomes.len() => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::MULTI_STATUS,
    };
    let results: Vec<_> =
        ids.iter().zip(outcomes).map(|(id, outcome)| wire::result(id.as_deref(), outcome)).collect();
    (status, Json(json!({ "results": results }))).into_response()
}

/// The HTTP request's trace becomes the event's where it has none of its own.
fn traced(mut event: CloudEvent, headers: &HeaderMap) -> CloudEvent {
    if event.extension("traceparent").is_none()
        && let Some(parent) = text(headers, "traceparent")
    {
        event.extensions.push(("traceparent".to_owned(), AttributeValue::String(parent.to_owned())));
    }
    event
}

/// HTTP binding, section 3.1: attributes are `ce-` headers, the body is the data.
fn binary(headers: &HeaderMap, content_type: &str, body: Bytes) -> Result<CloudEvent, Refusal> {
    if text(headers, "ce-specversion") != Some("1.0") {
        return Err(unreadable("the header ce-specversion: 1.0 is missing"));
    }
    let mut event = CloudEvent {
        datacontenttype: (!content_type.is_empty()).then(|| content_type.to_owned()),
        data: data(content_type, body),
        ..CloudEvent::empty()
    };
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix("ce-") else { continue };
        let value =
            std::str::from_utf8(value.as_bytes()).map_err(|_| unreadable(format!("header {header}")))?;
        let value =
            percent_decoded(value).ok_or_else(|| unreadable(format!("header {header} is not UTF-8")))?;
        match name {
            "specversion" => {}
            name => event.set(name, value),
        }
    }
    Ok(event)
}

fn data(content_type: &str, body: Bytes) -> Option<Data> {
    let declared = (!content_type.is_empty()).then_some(content_type);
    match (body.is_empty(), is_json(declared)) {
        (true, _) => None,
        (false, true) => Some(Data::Json(body)),
        (false, false) => Some(Data::Binary(body)),
    }
}

/// HTTP binding, section 3.1.3.2: `%` escapes of UTF-8; surrounding double quotes are taken off.
fn percent_decoded(value: &str) -> Option<String> {
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = || u8::from_str_radix(std::str::from_utf8(tail.get(..2)?).ok()?, 16).ok();
        rest = match (first, escaped()) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                &tail[2..]
            }
            (byte, _) => {
                bytes.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use bus::Receipt;
    use contract::TopicName;

    #[test]
    fn header_values_are_percent_decoded() {
        for (given, wanted) in [
            ("plain", Some("plain")),
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", Some("Euro € 😀")),
            ("\"quoted\"", Some("quoted")),
            ("100%", Some("100%")),
            ("%zz", Some("%zz")),
            ("%FF", None),
        ] {
            assert_eq!(percent_decoded(given).as_deref(), wanted, "{given}");
        }
    }

    #[test]
    fn binary_mode_reads_attributes_from_headers_and_data_from_the_body() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", "7"),
            ("ce-source", "urn:xx:a"),
            ("ce-type", "a.b.c"),
            ("ce-correlationid", "affair"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let event = binary(&headers, "application/json; charset=utf-8", Bytes::from_static(b"{}")).unwrap();
        let event = traced(event, &headers);
        assert_eq!((event.id.as_str(), event.ty.as_str()), ("7", "a.b.c"));
        assert_eq!(event.extension("correlationid"), Some("affair"));
        assert!(event.extension("traceparent").is_some());
        assert_eq!(event.data, Some(Data::Json(Bytes::from_static(b"{}"))));
        headers.remove("ce-specversion");
        assert!(binary(&headers, "", Bytes::new()).is_err());
    }

    #[test]
    fn a_batch_is_200_all_207_some_422_none() {
        let topic = TopicName::parse("a.b").unwrap();
        let good = Outcome::Accepted(Receipt { topic, partition: 0, offset: 1, leaf: 2, quarantined: None });
        let bad = Outcome::Refused(Refusal::new(RefusalKind::Contract, "no"));
        for (outcomes, wanted) in [
            (vec![good.clone(), good.clone()], 200),
            (vec![good.clone(), bad.clone()], 207),
            (vec![bad.clone(), bad], 422),
            (vec![], 200),
        ] {
            let ids = vec![None; outcomes.len()];
            assert_eq!(batch_answer(&ids, &outcomes).status().as_u16(), wanted);
        }
    }
}
