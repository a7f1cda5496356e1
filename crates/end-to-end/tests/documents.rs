//! Fields of documents are sealed and opened where they stand; the rest stays as it was written.

use end_to_end::documents::{DocumentError, Event, Field, Found, open, seal, with_member};
use end_to_end::{OpenError, PrivateKey, Recipient};

const EVENT: Event<'static> = Event { topic: "health.case.reported", source: "urn:clinic", id: "c-1" };

#[test]
fn fields_come_back_and_the_rest_stays_to_the_digit() {
    let key = PrivateKey::generate().unwrap();
    let recipients = [Recipient { agency: "institute".to_owned(), key: key.public().clone() }];
    let fields: Vec<Field<'_>> = ["/finding", "/cases/*/note", "/by/*", "/a~1b"]
        .map(|pointer| Field { pointer, recipients: Some(&recipients) })
        .into();
    let document = r#"{"number":1.000,"big":12345678901234567890123,"finding":{"icd": "B20"},"cases":[{"note":"ä\u00e4"},{"note":null},{"other":[1 , 2]}],"by":{"x y":7},"a/b":true,"finding2":"f"}"#;
    let sealed = seal(document, &fields, &EVENT).unwrap();
    for gone in ["\"B20\"", "\\u00e4", ":true"] {
        assert!(!sealed.contains(gone), "{sealed}");
    }
    for stays in
        ["1.000", "12345678901234567890123", "\"note\":null", "[1 , 2]", "\"finding2\":\"f\"", "\"x y\""]
    {
        assert!(sealed.contains(stays), "{sealed}");
    }
    // What is sealed already is not sealed again: the same file may be sent twice.
    assert_eq!(seal(&sealed, &fields, &EVENT).unwrap(), sealed);
    let (opened, found) = open(&sealed, std::slice::from_ref(&key), &EVENT).unwrap();
    assert_eq!(opened, document);
    let places: Vec<&str> = found.iter().map(|found| found.pointer.as_str()).collect();
    assert_eq!(places, ["/finding", "/cases/0/note", "/by/x y", "/a~1b"]);
    assert!(found.iter().all(|found| found.left.is_none()));
    let other = PrivateKey::generate().unwrap();
    let (left, found) = open(&sealed, &[other], &EVENT).unwrap();
    assert_eq!(left, sealed);
    assert!(found.iter().all(|found| found.left == Some(OpenError::NotForUs)));
    // Two values of one event change places.
    let swapped = sealed.replace("\"finding\":", "\"gone\":");
    let (_, found) = open(&swapped, &[key], &EVENT).unwrap();
    assert_eq!(found[0], Found { pointer: "/gone".to_owned(), left: Some(OpenError::Misplaced) });
}

#[test]
fn a_document_that_is_one_value_and_what_is_no_document() {
    let key = PrivateKey::generate().unwrap();
    let recipients = [Recipient { agency: "a".to_owned(), key: key.public().clone() }];
    let whole = [Field { pointer: "", recipients: Some(&recipients) }];
    let sealed = seal("\"secret\"", &whole, &EVENT).unwrap();
    assert_eq!(open(&sealed, &[key], &EVENT).unwrap().0, "\"secret\"");
    assert_eq!(seal("{", &whole, &EVENT), Err(DocumentError::NotJson));
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let inner = [Field { pointer: "/0", recipients: Some(&recipients) }];
    assert_eq!(seal(&deep, &inner[..0], &EVENT), Err(DocumentError::NotJson));
    // A line that names a member counts more than one with `*`, which must not reach into it.
    let fields =
        [Field { pointer: "/*", recipients: Some(&recipients) }, Field { pointer: "/b", recipients: None }];
    let sealed = seal(r#"{"a":"x","b":"y"}"#, &fields, &EVENT).unwrap();
    assert!(!sealed.contains("\"x\"") && sealed.contains("\"b\":\"y\""), "{sealed}");
    // Nor further down, be it at places that no line names.
    let fields = [("/id", None), ("/a", None), ("/*/x", Some(&recipients[..]))]
        .map(|(pointer, recipients)| Field { pointer, recipients });
    let sealed = seal(r#"{"id":"1","a":{"x":"v"},"z":{"x":"w"}}"#, &fields, &EVENT).unwrap();
    assert!(sealed.starts_with(r#"{"id":"1","a":{"x":"v"},"z":{"x":"e2e1."#), "{sealed}");
    assert_eq!(
        with_member(r#"{"id": "1", "data": {"a":1.0}, "x": [1, 2]}"#, "data", "2").unwrap(),
        r#"{"id":"1","data":2,"x":[1, 2]}"#
    );
}
