//! `docs/formats/end-to-end.md` is true: its vector opens with its key.

use end_to_end::{Context, PrivateKey, Sealed, open};

const PAGE: &str = include_str!("../../../docs/formats/end-to-end.md");

/// What stands in the page's table of the vector under a name.
fn of(name: &str) -> String {
    let vector = PAGE.split("## A vector").nth(1).unwrap();
    let row = vector.lines().find(|line| line.starts_with(&format!("| {name} |")));
    let cell = row.unwrap_or_else(|| panic!("the page has no {name}")).split('|').nth(2).unwrap();
    cell.trim().trim_matches('`').to_owned()
}

#[test]
fn the_vector_of_the_page_opens() {
    let key: PrivateKey = of("private key").parse().unwrap();
    assert_eq!(key.public().to_string(), of("public key"));
    assert_eq!(key.id().to_string(), of("key id"));
    let (topic, source, id, pointer) = (of("topic"), of("source"), of("id"), of("pointer"));
    let context = Context { topic: &topic, source: &source, id: &id, pointer: &pointer };
    let text = of("sealed value");
    let sealed = Sealed::parse(&text).unwrap();
    assert_eq!(sealed.addressees()[0].agency, of("agency"));
    assert_eq!(*open(&text, &[key], &context).unwrap(), of("value"));
}
