//! The CloudEvents JSON format and the rules for attributes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::cloudevents::{
    AttributeRules, check_attributes, parse_batch, parse_structured, write_batch, write_structured,
};
use contract::{AttributeValue, Class, CloudEvent, ContractVersion, Data, TopicName};
use proptest::prelude::*;

fn parse(text: &str) -> Result<CloudEvent, String> {
    parse_structured(&Bytes::copy_from_slice(text.as_bytes())).map_err(|fault| fault.to_string())
}

fn with(members: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"civil.birth.registered"{members}}}"#)
}

#[test]
fn json_data_is_a_slice_of_the_input_byte_for_byte() {
    let text = Bytes::from(with(r#","data" : { "a" : 1.50, "b":"\u0041" } "#));
    let event = parse_structured(&text).unwrap();
    let Some(Data::Json(data)) = event.data else { panic!("no JSON data") };
    assert_eq!(data, r#"{ "a" : 1.50, "b":"\u0041" }"#);
    assert!(text.as_ptr_range().contains(&data.as_ptr()), "not copied");
}

#[test]
fn data_follows_its_media_type() {
    let data = |members: &str| parse(&with(members)).map(|event| event.data);
    let json = |text: &'static str| Ok(Some(Data::Json(Bytes::from_static(text.as_bytes()))));
    let binary = |text: &'static [u8]| Ok(Some(Data::Binary(Bytes::from_static(text))));
    assert_eq!(data(r#","data":"x""#), json("\"x\""));
    assert_eq!(data(r#","data":null"#), json("null"));
    assert_eq!(data(r#","datacontenttype":"application/ld+JSON; a=b","data":[1]"#), json("[1]"));
    assert_eq!(data(r#","datacontenttype":"text/xml","data":"<a b=\"c\"/>""#), binary(b"<a b=\"c\"/>"));
    assert_eq!(data(r#","datacontenttype":"image/png","data_base64":"AP+A""#), binary(b"\x00\xff\x80"));
    assert_eq!(data(r#","data_base64":"eyJhIjoxfQ==""#), json("{\"a\":1}"));
    assert_eq!(data(""), Ok(None));
    for (members, said) in [
        (
            r#","datacontenttype":"text/xml","data":{"a":1}"#,
            "data must be a string, as datacontenttype is not JSON",
        ),
        (r#","data":1,"data_base64":"AA==""#, "data and data_base64 exclude each other"),
        (r#","data_base64":"A""#, "data_base64 must be a string in base64 (RFC 4648, section 4)"),
        (r#","data_base64":1"#, "data_base64 must be a string in base64 (RFC 4648, section 4)"),
    ] {
        assert_eq!(data(members), Err(said.to_owned()));
    }
}

#[test]
fn what_is_no_event_is_refused_in_words() {
    for (text, said) in [
        ("[]".to_owned(), "an event is a JSON object"),
        ("{".to_owned(), "the event is not valid JSON: the text ends inside a value (byte 1)"),
        (r#"{"specversion":"1.0","id":"1","source":"/s"}"#.to_owned(), "the attribute type is missing"),
        (r#"{"id":"1","source":"/s","type":"t"}"#.to_owned(), "the attribute specversion is missing"),
        (
            r#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#.to_owned(),
            "the attribute specversion must be \"1.0\"",
        ),
        (
            r#"{"specversion":"1.0","id":null,"source":"/s","type":"t"}"#.to_owned(),
            "the attribute id is missing",
        ),
        (with(r#","time":7"#), "the attribute time must be a string"),
        (with(r#","Region":"n""#), "\"Region\" is not a name for an attribute: use a-z and 0-9"),
        (
            with(r#","region":{}"#),
            "the attribute region must be a string, a boolean or an integer of 32 bits",
        ),
        (
            with(r#","region":2147483648"#),
            "the attribute region must be a string, a boolean or an integer of 32 bits",
        ),
        (with(r#","id":"2""#), "the event is not valid JSON: an object has the same key twice (byte 76)"),
    ] {
        assert_eq!(parse(&text).unwrap_err(), said, "{text}");
    }
    let event = parse(&with(r#","subject":null,"region":null,"flag":true,"count":-3"#)).unwrap();
    assert_eq!(
        event.extensions,
        [
            ("flag".to_owned(), AttributeValue::Boolean(true)),
            ("count".to_owned(), AttributeValue::Integer(-3))
        ]
    );
}

#[test]
fn one_wrong_event_does_not_spoil_a_batch() {
    let good = with(r#","data":{"x":"],{\""}"#);
    let text = format!(" [ {good} , {{\"id\":1}}, 7 ,{{\"a\":1,\"a\":2}}, {{\"a\" 1}},{good}] ");
    let events = parse_batch(&Bytes::from(text)).unwrap();
    let taken: Vec<bool> = events.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, false, false, false, false, true]);
    assert_eq!(parse_batch(&Bytes::from_static(b" [ ] ")).unwrap(), []);
    for whole in ["", "{}", "[", "[1", "[1,", "[1,]", "[,1]", "[1] 2", "[\"a]", "null"] {
        let said = parse_batch(&Bytes::from(whole)).unwrap_err().to_string();
        assert!(said.starts_with("a batch is a JSON array of events: "), "{whole}: {said}");
    }
}

fn check(
    event: &CloudEvent,
    prefixes: &[&str],
    state: Option<&str>,
) -> Result<Option<ContractVersion>, Vec<String>> {
    let topic = TopicName::parse("civil.birth.registered").unwrap();
    let extensions = BTreeMap::from([("region".to_owned(), Class::Public)]);
    let source_prefixes: Vec<String> = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
    let rules = AttributeRules {
        topic: &topic,
        extensions: &extensions,
        source_prefixes: &source_prefixes,
        state_prefix: state,
    };
    check_attributes(event, &rules)
        .map(|named| named.version)
        .map_err(|wrong| wrong.into_iter().map(|one| one.text).collect())
}

#[test]
fn a_type_names_the_topic_with_prefix_and_version() {
    let typed = |ty: &str, state: Option<&str>| {
        let event = CloudEvent { ty: ty.to_owned(), ..parse(&with("")).unwrap() };
        check(&event, &[], state).map_err(|_| ())
    };
    for (ty, state, version) in [
        ("civil.birth.registered", None, None),
        ("civil.birth.registered.v12", None, Some(12)),
        ("org.example.civil.birth.registered", None, None),
        ("org.example.civil.birth.registered.v2", Some("org.example."), Some(2)),
        ("civil.birth.registered.v2", Some("org.example"), Some(2)),
    ] {
        assert_eq!(typed(ty, state), Ok(version.map(ContractVersion)), "{ty}");
    }
    for (ty, state) in [
        ("", None),
        ("birth.registered", None),
        ("civil.birth.registered.v", None),
        ("civil.birth.registered.v0", None),
        ("civil.birth.registered.v+1", None),
        ("civil.birth.registered.x", None),
        ("xcivil.birth.registered", None),
        (".civil.birth.registered", None),
        ("a..civil.birth.registered", None),
        ("com.other.civil.birth.registered", Some("org.example.")),
        ("civil.birth.registered.v99999999999", None),
    ] {
        assert_eq!(typed(ty, state), Err(()), "{ty}");
    }
}

#[test]
fn attributes_that_break_a_rule_are_told_all_at_once() {
    let trace = r#","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01""#;
    let good = parse(&with(&format!(r#","time":"2026-01-31T00:00:00Z","region":"n"{trace}"#))).unwrap();
    assert_eq!(check(&good, &[], None), Ok(None));
    assert_eq!(check(&good, &["/s"], None), Ok(None));
    let long = "x".repeat(2000);
    let bad = CloudEvent {
        id: String::new(),
        source: "a b".to_owned(),
        ty: "other".to_owned(),
        subject: Some(long),
        time: Some("yesterday".to_owned()),
        datacontenttype: Some("json".to_owned()),
        dataschema: Some("/relative".to_owned()),
        extensions: vec![
            ("unknown".to_owned(), AttributeValue::Boolean(true)),
            ("traceparent".to_owned(), AttributeValue::String("x".to_owned())),
            ("Bad".to_owned(), AttributeValue::Integer(1)),
            ("region".to_owned(), AttributeValue::Integer(1)),
            ("region".to_owned(), AttributeValue::Integer(1)),
        ],
        data: None,
    };
    assert_eq!(
        check(&bad, &[], None).unwrap_err(),
        [
            "id is empty",
            "source is not a URI reference, such as urn:xx:tax-office:desk",
            "type does not name the topic: civil.birth.registered, or civil.birth.registered.v1 for a version of its contract",
            "subject is longer than 1024 bytes",
            "time is not a date and time with an offset (RFC 3339)",
            "datacontenttype is not a media type, such as application/json",
            "dataschema is not an absolute URI",
            "unknown is not an extension attribute that the contract declares",
            "traceparent is not a W3C trace context",
            "Bad is not a name for an extension attribute: use a-z and 0-9",
            "region is given twice",
        ]
    );
    let elsewhere = check(&good, &["urn:xx:tax-office:"], None).unwrap_err();
    assert_eq!(elsewhere, ["source does not begin with one of the agency's prefixes: urn:xx:tax-office:"]);
}

fn any_event() -> impl Strategy<Value = CloudEvent> {
    let text = || any::<String>();
    let maybe = || prop::option::of(any::<String>());
    let value = prop_oneof![
        text().prop_map(AttributeValue::String),
        any::<i32>().prop_map(AttributeValue::Integer),
        any::<bool>().prop_map(AttributeValue::Boolean),
    ];
    let extensions = prop::collection::btree_map("x[a-z0-9]{1,8}", value, 0..4);
    let json = prop::sample::select(vec!["{}", "null", "[1, 2.50]", "{ \"a\" : \"\\u0041\" }", "\"x\""]);
    let data = prop_oneof![
        Just((None, None)),
        (prop::sample::select(vec![None, Some("application/json"), Some("application/ld+json")]), json)
            .prop_map(|(media, json)| (media, Some(Data::Json(Bytes::from(json))))),
        (
            prop::sample::select(vec!["image/png", "text/plain", "application/xml"]),
            prop::collection::vec(any::<u8>(), 0..20)
        )
            .prop_map(|(media, bytes)| (Some(media), Some(Data::Binary(Bytes::from(bytes))))),
    ];
    (text(), text(), text(), maybe(), maybe(), maybe(), extensions, data).prop_map(
        |(id, source, ty, subject, time, dataschema, extensions, (media, data))| CloudEvent {
            id,
            source,
            ty,
            subject,
            time,
            datacontenttype: media.map(str::to_owned),
            dataschema,
            extensions: extensions.into_iter().collect(),
            data,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(events in prop::collection::vec(any_event(), 0..4)) {
        for event in &events {
            let mut out = Vec::new();
            write_structured(event, &mut out);
            prop_assert_eq!(&parse_structured(&Bytes::from(out)).unwrap(), event);
        }
        let mut out = Vec::new();
        write_batch(&events, &mut out);
        let read: Vec<CloudEvent> = parse_batch(&Bytes::from(out)).unwrap().into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(read, events);
    }

    #[test]
    fn no_text_makes_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = parse_structured(&Bytes::from(bytes.clone()));
        let _ = parse_batch(&Bytes::from(bytes));
    }
}
