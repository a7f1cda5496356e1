//! CloudEvents 1.0.2, the core specification. Its MUSTs are held by whatever reads events, whether the profile is on or
//! not; what remains is advice to those who write contracts. No rule of it costs an event anything.

use super::{Held, Level, Profile, Rule, Subject, nl_gov};
use Level::{Must, Should};

/// The profile.
pub static PROFILE: Profile = Profile { id: "cloudevents", name: "CloudEvents 1.0.2", rules: RULES };

/// The parsers of events: the JSON format, and what the doors read from headers.
const READ: &str = "what reads events (`contract/cloudevents/json_format.rs`, each door's binary mode)";

/// What every event is checked for.
const ATTRIBUTES: &str = "the check of attributes (`contract/cloudevents/attributes.rs`)";

const COMPILER: &str = "the contract compiler (`contract/compile.rs`)";

/// A rule that another place holds; whoever breaks it is told there what to do.
const fn held(
    (id, level): (&'static str, Level),
    section: &'static str,
    about: &'static str,
    says: &'static str,
    by: &'static str,
) -> Rule {
    Rule { id, level, section, about, says, remedy: "", held: Held::By(by) }
}

static RULES: &[Rule] = &[
    held(
        ("attribute-name", Must),
        "Attribute Naming Convention",
        "the name of an attribute",
        "must be of a-z and 0-9",
        ATTRIBUTES,
    ),
    held(
        ("attribute-name-length", Should),
        "Attribute Naming Convention",
        "the name of an extension",
        "should have at most 20 characters",
        COMPILER,
    ),
    held(
        ("value-type", Must),
        "Type System",
        "an attribute",
        "must be a string, a boolean or an integer of 32 bits",
        READ,
    ),
    held(
        ("value-characters", Must),
        "Type System",
        "an attribute",
        "must not have control characters or noncharacters",
        ATTRIBUTES,
    ),
    held(
        ("required", Must),
        "REQUIRED Attributes",
        "id, source, specversion and type",
        "must be there",
        READ,
    ),
    held(("id", Must), "id", "id", "must not be empty", ATTRIBUTES),
    held(
        ("identity", Must),
        "id",
        "source and id",
        "must be unique for each event",
        "the identities of a topic (`bus/identities.rs`)",
    ),
    held(("source", Must), "source", "source", "must be a URI reference", ATTRIBUTES),
    Rule {
        id: "source-absolute",
        level: Should,
        section: "source",
        about: "source",
        says: "should be an absolute URI",
        remedy: "an operator registers prefixes with a scheme for the agency, such as urn:xx:tax-office:",
        held: Held::Contract(relative_source),
    },
    held(("specversion", Must), "specversion", "specversion", "must be 1.0", READ),
    held(("type", Must), "type", "type", "must not be empty", ATTRIBUTES),
    Rule {
        id: "type-reverse-dns",
        level: Should,
        section: "type",
        about: "type",
        says: "should begin with a reverse-DNS name",
        remedy: "let producers put the state's before it (the setting state_prefix), or name a new topic so",
        held: Held::Contract(nl_gov::no_reverse_dns),
    },
    held(
        ("datacontenttype", Must),
        "datacontenttype",
        "datacontenttype",
        "must be a media type (RFC 2046)",
        ATTRIBUTES,
    ),
    held(("dataschema", Must), "dataschema", "dataschema", "must be a URI", ATTRIBUTES),
    held(("subject", Must), "subject", "subject", "must not be empty", ATTRIBUTES),
    held(("time", Must), "time", "time", "must be a timestamp (RFC 3339)", ATTRIBUTES),
    held(
        ("extension", Must),
        "Extension Context Attributes",
        "an extension",
        "must have a name of its own",
        ATTRIBUTES,
    ),
    held(
        ("extension-defined", Should),
        "Defining Extensions",
        "an extension",
        "should be defined",
        "the contract, which declares it with its class; others are refused (`contract/cloudevents/attributes.rs`)",
    ),
    held(
        ("size", Must),
        "Size Limits",
        "an event of 64 KiB",
        "must be forwarded",
        "the bounds, which are wider (`bus/limits.rs`: 1 MiB of data)",
    ),
    held(
        ("attributes-not-sensitive", Should),
        "Privacy and Security",
        "an attribute",
        "should not carry what is sensitive",
        "the guard (`bus/publish/guard.rs`), and the seal for attributes that a contract classifies",
    ),
    held(
        ("data-encrypted", Should),
        "Privacy and Security",
        "data",
        "should be encrypted",
        "the seal, for all that is not public (`crates/seal`)",
    ),
    held(
        ("transport", Should),
        "Privacy and Security",
        "the protocol",
        "should be secured",
        "the listeners: TLS on all but loopback (`crates/tls`)",
    ),
];

/// A registered prefix without a scheme: what begins with it is relative to something that nobody names.
fn relative_source(subject: &Subject<'_>) -> Option<String> {
    let has_scheme = |prefix: &str| {
        prefix.split_once(':').is_some_and(|(scheme, _)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        })
    };
    let relative: Vec<&str> =
        subject.sources.iter().map(String::as_str).filter(|prefix| !has_scheme(prefix)).collect();
    (!relative.is_empty()).then(|| format!("the owner's prefixes have no scheme: {}", relative.join(", ")))
}
