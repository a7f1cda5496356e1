//! The NL GOV profile for CloudEvents, version 1.1 of 17 March 2026 (Logius, notificatieservices/cloudevents-nl): what
//! it adds to CloudEvents, section by section. Where it prints MUST without a test that a machine could make, people
//! hold it.
//!
//! The checks of events run for each of them: they look at bytes, keep nothing and allocate nothing.

use super::{Held, Level, Profile, Rule, Subject};
use crate::cloudevents::is_uri_reference;
use crate::definition::Format;
use crate::{AttributeValue, CloudEvent};
use Level::{Must, Should};

/// The profile.
pub static PROFILE: Profile =
    Profile { id: "nl_gov", name: "NL GOV profile for CloudEvents 1.1", rules: RULES };

/// "Size Limits": what every intermediary forwards.
const COMPACT_BYTES: usize = 64 * 1024;

/// Generic top-level domains that a Dutch type can begin with; any two letters count as a country's.
const GENERIC: [&str; 11] =
    ["amsterdam", "biz", "com", "edu", "frl", "gov", "info", "int", "mil", "net", "org"];

/// An organisation's number in the register of Dutch government organisations (OIN) has 20 digits.
const OIN_DIGITS: usize = 20;

/// A number of the trade register (KvK) has 8.
const KVK_DIGITS: usize = 8;

static RULES: &[Rule] = &[
    Rule {
        id: "id-persistent",
        level: Must,
        section: "id",
        about: "id",
        says: "must be the identifier that persistently identifies the event, where there is one",
        remedy: "",
        held: Held::People,
    },
    Rule {
        id: "id-random",
        level: Must,
        section: "id",
        about: "id",
        says: "must be told to be random in dataschema, where it is, and should then be a UUID",
        remedy: "",
        held: Held::People,
    },
    Rule {
        id: "source-no-location",
        level: Must,
        section: "source",
        about: "source",
        says: "must not reference an external data location",
        remedy: "name the system, urn:nld:oin:NUMBER:systeem:NAME, and put the location into dataref",
        held: Held::Event(|event| !is_location(event)),
    },
    Rule {
        id: "source-urn",
        level: Should,
        section: "source",
        about: "source",
        says: "should be a URN of the namespace nld",
        remedy: "use sources such as urn:nld:oin:NUMBER:systeem:NAME, and let an operator register the prefix",
        held: Held::Both(other_sources, |event| nld(&event.source).is_some()),
    },
    Rule {
        id: "source-parts",
        level: Should,
        section: "source",
        about: "source",
        says: "should name the organisation and then the system that publishes",
        remedy: "write urn:nld:oin:NUMBER:systeem:NAME",
        held: Held::Event(|event| nld(&event.source).is_none_or(|named| system(named).is_some())),
    },
    Rule {
        id: "source-register",
        level: Should,
        section: "source",
        about: "source",
        says: "should name the organisation by its OIN or its number in the trade register",
        remedy: "write urn:nld:oin: with the 20 digits of the OIN, or urn:nld:kvknr: with the 8 of the trade register",
        held: Held::Event(|event| nld(&event.source).is_none_or(is_registered)),
    },
    Rule {
        id: "type-reverse-dns",
        level: Must,
        section: "type",
        about: "type",
        says: "must be in reverse domain name notation",
        remedy: "begin with a top-level domain, such as nl.brp.persoon-verhuisd; events of topics that have their name \
                 already may have the domain before it",
        held: Held::Both(no_reverse_dns, |event| is_reverse_dns(&event.ty)),
    },
    Rule {
        id: "type-one-version",
        level: Must,
        section: "type",
        about: "type",
        says: "must have one version number only, with the letter v before it",
        remedy: "end with one .vN, such as nl.brp.persoon-verhuisd.v2",
        held: Held::Both(more_versions, |event| has_one_version(&event.ty)),
    },
    Rule {
        id: "type-no-organisation",
        level: Should,
        section: "type",
        about: "type",
        says: "should not have the name of an organisation",
        remedy: "use the name of the data source, the domain or the law: organisations change",
        held: Held::Contract(organisation),
    },
    Rule {
        id: "type-domain-plural",
        level: Must,
        section: "type",
        about: "type",
        says: "must name a domain in the plural, where it names one",
        remedy: "",
        held: Held::People,
    },
    Rule {
        id: "type-explained",
        level: Must,
        section: "type",
        about: "type",
        says: "must be explained to consumers who ask",
        remedy: "",
        held: Held::By(
            "the topic, which has a description, a legal basis, a steward and a contract for all to read",
        ),
    },
    Rule {
        id: "type-changes",
        level: Should,
        section: "type",
        about: "type",
        says: "should change with incompatible changes only, and old and new be produced for some time",
        remedy: "",
        held: Held::By(
            "the versions of contracts: what a change means, who agrees, and the sunset of the old one",
        ),
    },
    Rule {
        id: "data-json",
        level: Should,
        section: "datacontenttype",
        about: "datacontenttype",
        says: "should be JSON",
        remedy: "write the contract in JSON Schema",
        held: Held::Contract(no_json),
    },
    Rule {
        id: "dataschema-one",
        level: Should,
        section: "dataschema",
        about: "dataschema",
        says: "should not differ for the same data",
        remedy: "",
        held: Held::By("the topic, which has one contract, in versions"),
    },
    Rule {
        id: "time-documented",
        level: Must,
        section: "time",
        about: "time",
        says: "must be clearly documented, and should be when the event was recorded",
        remedy: "",
        held: Held::People,
    },
    Rule {
        id: "dataref-uri",
        level: Must,
        section: "dataref",
        about: "dataref",
        says: "must be a URI reference",
        remedy: "write where the data can be fetched, such as https://api.example/zaken/42",
        held: Held::Event(has_fetchable_data),
    },
    Rule {
        id: "thin",
        level: Should,
        section: "Size Limits, dataref",
        about: "data",
        says: "should link to what is sensitive or large, not embed it",
        remedy: "say whom the event is about and where the rest is fetched, in dataref (informatiearm notificeren)",
        held: Held::Both(embedded, |event| event.data_len() <= COMPACT_BYTES),
    },
    Rule {
        id: "sequence",
        level: Must,
        section: "sequence",
        about: "sequence",
        says: "must not be empty, and must be there with a sequencetype",
        remedy: "write the place of the event among those of its source, or leave both attributes out",
        held: Held::Event(has_sequence),
    },
    Rule {
        id: "sequence-integer",
        level: Must,
        section: "SequenceType Values, Integer",
        about: "sequence",
        says: "must be a signed integer of 32 bits where sequencetype is Integer",
        remedy: "write the number in digits, such as \"1234\", or leave sequencetype out",
        held: Held::Event(counts),
    },
];

/// Whether `source` says where something is fetched, which is for `dataref` to say: it has the scheme of a locator, or
/// is the very reference.
fn is_location(event: &CloudEvent) -> bool {
    let locates = |scheme: &str| {
        event.source.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    ["https:", "http:", "ftp:", "ftps:", "sftp:", "file:", "data:"].into_iter().any(locates)
        || event.extension("dataref") == Some(event.source.as_str())
}

/// What follows `urn:nld:`; scheme and namespace in any case (RFC 8141, section 3.1).
fn nld(source: &str) -> Option<&str> {
    const START: &str = "urn:nld:";
    let (start, named) = source.split_at_checked(START.len())?;
    (start.eq_ignore_ascii_case(START) && !named.is_empty()).then_some(named)
}

/// The register that names the organisation and its number there, with what follows: `oin:NUMBER:…`, `kvknr:NUMBER.…`.
fn registered(named: &str) -> Option<(usize, &str, &str)> {
    let (register, rest) = named.split_once(':')?;
    let digits = match register {
        "oin" => OIN_DIGITS,
        "kvknr" => KVK_DIGITS,
        _ => return None,
    };
    let end = rest.bytes().take_while(u8::is_ascii_digit).count();
    Some((digits, &rest[..end], &rest[end..]))
}

fn is_registered(named: &str) -> bool {
    registered(named).is_some_and(|(wanted, number, rest)| {
        number.len() == wanted && (rest.is_empty() || rest.starts_with([':', '.']))
    })
}

/// The system, which follows the organisation: `:systeem:NAME` by the profile's first example, `.NAME` by its others.
fn system(named: &str) -> Option<&str> {
    let rest = match registered(named) {
        Some((_, "", _)) => return None,
        Some((_, _, rest)) => rest,
        None => &named[named.find([':', '.'])?..],
    };
    let name = rest.strip_prefix(":systeem:").or_else(|| rest.strip_prefix([':', '.']))?;
    (!name.is_empty() && name != "systeem" && name != "systeem:").then_some(name)
}

/// Prefixes of the owner's that are no URN of the namespace.
fn other_sources(subject: &Subject<'_>) -> Option<String> {
    let could_be = |prefix: &str| {
        let (start, shorter) = ("urn:nld:".as_bytes(), prefix.len().min(8));
        prefix.as_bytes()[..shorter].eq_ignore_ascii_case(&start[..shorter])
    };
    let other: Vec<&str> =
        subject.sources.iter().map(String::as_str).filter(|prefix| !could_be(prefix)).collect();
    (!other.is_empty()).then(|| format!("the owner's prefixes are others: {}", other.join(", ")))
}

/// Whether a type begins with a top-level domain and goes on.
fn is_reverse_dns(ty: &str) -> bool {
    let Some((first, rest)) = ty.split_once('.') else { return false };
    let is_country = first.len() == 2 && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_country || GENERIC.iter().any(|domain| first.eq_ignore_ascii_case(domain)))
        && rest.split('.').all(|label| !label.is_empty())
}

/// The name of a topic, which is a type of its events, where no domain stands before it.
pub(super) fn no_reverse_dns(subject: &Subject<'_>) -> Option<String> {
    let topic = subject.definition.topic.as_str();
    (!is_reverse_dns(topic)).then(|| format!("{topic} begins with no top-level domain"))
}

/// At most one `vN`, and no number without the letter at the end, where versions stand.
fn has_one_version(ty: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = |label: &&str| label.strip_prefix('v').is_some_and(is_number);
    ty.split('.').filter(is_version).count() <= 1 && !ty.rsplit('.').next().is_some_and(is_number)
}

fn more_versions(subject: &Subject<'_>) -> Option<String> {
    let topic = subject.definition.topic.as_str();
    (!has_one_version(topic)).then(|| format!("{topic} has more, or a number without the letter"))
}

fn organisation(subject: &Subject<'_>) -> Option<String> {
    let topic = subject.definition.topic.as_str();
    let named = topic.split('.').find(|label| (subject.is_organisation)(label))?;
    Some(format!("{topic} has {named}, which is an agency"))
}

fn no_json(subject: &Subject<'_>) -> Option<String> {
    let other = match subject.definition.format {
        Format::JsonSchema => return None,
        Format::Avro => "Avro",
        Format::Protobuf => "Protocol Buffers",
    };
    Some(format!("the contract's format is {other}"))
}

/// Fields about people beyond those that say whom the event is about.
fn embedded(subject: &Subject<'_>) -> Option<String> {
    let definition = subject.definition;
    let is_more = |(pointer, rule): &(&crate::Pointer, &crate::FieldRule)| {
        rule.class.is_about_a_person() && !definition.subject.contains(pointer)
    };
    let more: Vec<String> =
        definition.classify.iter().filter(is_more).map(|(pointer, _)| pointer.to_string()).collect();
    (!more.is_empty()).then(|| format!("carries {} about people", more.join(", ")))
}

/// Whether `dataref`, where it is given, can be one.
fn has_fetchable_data(event: &CloudEvent) -> bool {
    event.extensions.iter().all(|(name, value)| {
        name != "dataref" || matches!(value, AttributeValue::String(text) if is_uri_reference(text))
    })
}

fn has_sequence(event: &CloudEvent) -> bool {
    let given = |wanted: &str| event.extensions.iter().find(|(name, _)| name == wanted);
    let is_text = |value: &AttributeValue| matches!(value, AttributeValue::String(text) if !text.is_empty());
    match (given("sequence"), given("sequencetype")) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((_, sequence)), kind) => is_text(sequence) && kind.is_none_or(|(_, kind)| is_text(kind)),
    }
}

/// The text writes `Integer` and its example `integer`: both mean it.
fn counts(event: &CloudEvent) -> bool {
    let is_integer = event.extension("sequencetype").is_some_and(|kind| kind.eq_ignore_ascii_case("integer"));
    !is_integer || event.extension("sequence").is_some_and(|text| text.parse::<i32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: impl Fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(form(text), "{text:?} keeps to it");
        }
        for text in bad {
            assert!(!form(text), "{text:?} does not");
        }
    }

    /// The profile's four examples are of the namespace and name a system; two of them name the organisation by a number.
    #[test]
    fn sources_name_organisation_and_system() {
        let numbers = [
            "urn:nld:oin:00000001823288444000:systeem:BRP-component",
            "urn:nld:kvknr:09220932.burgerzakensysteem",
        ];
        let names = [
            "urn:nld:gemeente-nijmegen.burgerzakensysteem",
            "urn:nld:gemeente-Bergen%20%28L%29.burgerzakensysteem",
        ];
        let all = [numbers, names].concat();
        check(
            |source| nld(source).is_some(),
            &[&all[..], &["URN:NLD:x"]].concat(),
            &["urn:xx:tax-office:desk", "urn:nld:", "urn:nld", "urn:nldx:oin", "", "é:nld:oin:1"],
        );
        let named = |source: &str| nld(source).unwrap_or_default().to_owned();
        check(
            |source| system(&named(source)).is_some(),
            &all,
            &[
                "urn:nld:oin:00000001823288444000",
                "urn:nld:oin:00000001823288444000:",
                "urn:nld:oin:00000001823288444000:systeem",
                "urn:nld:oin:00000001823288444000:systeem:",
                "urn:nld:oin:systeem:BRP-component",
                "urn:nld:gemeente-nijmegen",
            ],
        );
        check(
            |source| is_registered(&named(source)),
            &numbers,
            &[
                names[0],
                "urn:nld:oin:0000000182328844400:systeem:BRP-component",
                "urn:nld:oin:000000018232884440001:systeem:BRP-component",
                "urn:nld:oin:00000001823288444000x:systeem:BRP-component",
                "urn:nld:kvknr:0922093.burgerzakensysteem",
            ],
        );
    }

    #[test]
    fn types_are_reverse_domain_names_with_one_version() {
        check(
            is_reverse_dns,
            &[
                "nl.brp.persoon-verhuisd",
                "nl.overheid.zaken.zaakstatus-gewijzigd",
                "frl.a",
                "EU.a.v1",
                "org.a",
            ],
            &["brp.persoon-verhuisd", "nl", "nl.", "nl..a", "", "n1.a", "civil.birth.registered"],
        );
        check(
            has_one_version,
            &[
                "nl.brp.huwelijk-voltrokken",
                "nl.brp.a.v1",
                "nl.a.v2.b",
                "nl.2026.a",
                "nl.a.version1",
                "nl.v.a",
            ],
            &["nl.brp.a.v0.1.0", "nl.brp.a.v1.v2", "nl.brp.a.1", "nl.brp.v1.a.v1"],
        );
    }
}
