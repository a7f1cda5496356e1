//! Governance written as a folder: read again it is the same, and planned against where it came from it changes nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::{Check, NOW, applied, closed, command, definition, desired, folder, opened};
use contract::{Definition, Format, Profiles, TopicName};
use governance::commands::{AgencyProfile, SubscriptionRequest};
use governance::leaks::{Answer, Leaks};
use governance::notices::{When, Wishes};
use governance::{
    Access, Changes, Command, Consenting, Desired, Erasing, Limits, Ownership, Standards, plan,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

/// The example, and topics in all three languages.
fn example() -> BTreeMap<String, String> {
    let mut files = folder("examples/governance");
    files.extend(folder("compat/governance"));
    files.insert("standards/standards.toml".into(), "classes = [\"tax-secret\"]\n".into());
    files
}

#[test]
fn what_is_written_as_a_folder_reads_as_what_it_was() {
    let wished = desired(&example());
    let written = wished.to_files();
    assert_eq!(desired(&written), wished);
    let formats: Vec<Format> = wished.topics.values().map(|topic| topic.contract.format).collect();
    for format in [Format::JsonSchema, Format::Avro, Format::Protobuf] {
        assert!(formats.contains(&format), "{format:?}");
    }
    assert!(written.keys().any(|path| path.ends_with("v1.avsc")), "{:?}", written.keys());
}

#[test]
fn a_form_of_redaction_is_read_and_written_and_a_bare_null_is_meant() {
    let at = "topics/benefit.child.granted/topic.yaml";
    for (text, form) in
        [("null", "null"), ("~", "null"), ("\"null\"", "null"), ("first 2", "first 2"), ("absent", "absent")]
    {
        let mut files = example();
        let yaml = files[at].replace("redact: last 4", &format!("redact: {text}"));
        files.insert(at.to_owned(), yaml);
        let wished = desired(&files);
        let topic =
            wished.topics.values().find(|topic| topic.topic.as_str() == "benefit.child.granted").unwrap();
        let rule = &topic.contract.classify[&"/recipient/iban".parse().unwrap()];
        assert_eq!(rule.redact.to_string(), form);
        assert_eq!(desired(&wished.to_files()), wished);
    }
    for (text, remedy) in
        [("redact: last 9", "use absent, null, first N"), ("redact: ", "write `redact: null`")]
    {
        let mut files = example();
        let yaml = files[at].replace("redact: last 4", text);
        files.insert(at.to_owned(), yaml);
        let faults = Desired::from_files(&files).unwrap_err();
        let told = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(told.contains("classify./recipient/iban") && told.contains(remedy), "{told}");
    }
}

#[test]
fn a_redaction_without_a_value_is_told_in_every_way_of_writing_it() {
    let at = "topics/benefit.child.granted/topic.yaml";
    let files = example();
    let rule = files[at].lines().find(|line| line.contains("redact: last 4")).unwrap().to_owned();
    let (place, indent) =
        (rule.trim_start().split(':').next().unwrap(), rule.len() - rule.trim_start().len());
    let place = format!("{:indent$}{place}", "");
    let deeper = " ".repeat(indent + 2);
    for (inside, is_null) in [
        (format!("{place}:\n{deeper}class: personal\n{deeper}redact: null"), true),
        (format!("{place}:\n{deeper}redact: null # nothing of it\n{deeper}class: personal"), true),
        (format!("{place}:\n{deeper}redact:\n{deeper}  null\n{deeper}class: personal"), true),
        (format!("{place}: {{redact: null, class: personal}}"), true),
        (format!("{place}:\n{deeper}class: personal\n{deeper}redact:"), false),
        (format!("{place}:\n{deeper}redact:\n{deeper}class: personal"), false),
        (format!("{place}:\n{deeper}redact: # null\n{deeper}class: personal"), false),
        (format!("{place}: {{redact: , class: personal}}"), false),
        (format!("{place}: {{class: personal, redact:}}"), false),
    ] {
        let mut files = files.clone();
        let yaml = files[at].replace(&rule, &inside);
        files.insert(at.to_owned(), yaml);
        let read = Desired::from_files(&files);
        let told = read.as_ref().err().into_iter().flatten().map(ToString::to_string).collect::<String>();
        assert_eq!(
            (read.is_ok(), told.contains("write `redact: null`")),
            (is_null, !is_null),
            "{inside}\n{told}"
        );
    }
}

#[test]
fn a_bus_as_a_folder_changes_nothing_on_it_and_makes_the_same_elsewhere() {
    let state = applied(&opened(), &desired(&example()));
    let written = Desired::of(&state, NOW).to_files();
    for state in [state.clone(), closed(state.clone())] {
        let nothing = plan(&state, &desired(&written), NOW, &Check);
        assert!(nothing.is_empty() && nothing.waits.is_empty() && nothing.unmanaged.is_empty(), "{nothing}");
    }
    assert_eq!(applied(&opened(), &desired(&written)), state);
}

#[test]
fn what_is_over_is_not_written() {
    let mut state = applied(&opened(), &desired(&example()));
    let root = crate::support::operator();
    let revoke =
        json!({"command": "revoke-subscription", "subscription": "courts.alerts", "reason": "moved"});
    crate::support::done(&mut state, &root, revoke);
    let (topic, version) = ("tax.id.assigned", 1);
    let sunset =
        json!({"command": "deprecate-contract", "topic": topic, "version": version, "sunset": "2026-02-01"});
    crate::support::done(&mut state, &root, sunset);
    crate::support::done(
        &mut state,
        &root,
        json!({"command": "retire-contract", "topic": topic, "version": version}),
    );
    let written = Desired::of(&state, NOW).to_files();
    for gone in ["subscriptions/courts.alerts.yaml", "topics/tax.id.assigned/topic.yaml"] {
        assert!(example().contains_key(gone) && !written.contains_key(gone), "{gone}");
    }
    let to_gone = "subscriptions/social-insurance.tax-ids.yaml";
    assert!(!written.contains_key(to_gone), "nobody can subscribe to what is not there");
    assert!(plan(&state, &desired(&written), NOW, &Check).is_empty());
}

/// Texts as people and machines write them, those that a file's syntax could take for something else among them.
fn text() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "null",
        "~",
        "yes",
        "No",
        "1",
        "1e3",
        "0x1f",
        "2030-01-01",
        "- a",
        "a: b",
        "a #b",
        "#",
        "'",
        "\"",
        "[x]",
        "{x}",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%",
        "@",
        "`",
        "a\nb\n",
        " a ",
        "\ta",
        "a\r\nb",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "---",
        "...",
        "? a",
        "<<",
        "é ü 漢 🦀",
        "a\\nb",
        "\u{0}",
        "\u{7}",
        "=",
        ".inf",
        "0o7",
        "12:30:45",
    ]);
    prop_oneof![odd.prop_map(str::to_owned), any::<String>(), "[ -~]{0,200}"]
        .prop_filter("is not blank", |text| !text.trim().is_empty())
}

fn agency() -> impl Strategy<Value = AgencyProfile> {
    let lists = (proptest::collection::vec(text(), 0..3), proptest::collection::vec(text(), 0..3));
    (text(), text(), lists, any::<bool>(), wishes()).prop_map(
        |(name, mandate, (contacts, sources), empty, notices)| AgencyProfile {
            agency: crate::support::agency("a"),
            name,
            dpo: if empty { String::new() } else { mandate.clone() },
            mandate,
            contacts,
            domains: if empty { Vec::new() } else { vec!["civil".to_owned()] },
            sources,
            notices,
        },
    )
}

fn wishes() -> impl Strategy<Value = Wishes> {
    let email = proptest::collection::vec(select(vec!["desk@a.example", "null@1e3"]), 0..3);
    let webhook = proptest::option::of(select(vec!["https://a.example/x?y#z", "http://127.0.0.1:1"]));
    let kinds = proptest::collection::vec(select(vec!["contract", "topic.orphaned"]), 0..3);
    let digest = select(vec![When::AtOnce, When::Daily]);
    (email, webhook, kinds, digest).prop_map(|(email, webhook, kinds, digest)| Wishes {
        email: email.into_iter().map(str::to_owned).collect(),
        webhook: webhook.map(str::to_owned),
        kinds: kinds.into_iter().map(str::to_owned).collect(),
        digest,
    })
}

fn contract() -> impl Strategy<Value = Definition> {
    let pointers = proptest::collection::vec(select(vec!["/a", "/b~1c", "/*/d", "", "/0"]), 0..3);
    let classes = proptest::collection::btree_map(select(vec!["/a", "/b~1c", "/*/d", "/null"]), text(), 0..4);
    let key = select(vec!["subject", "none", "/a", ""]);
    let formats = select(vec!["json-schema", "avro", "protobuf"]);
    let optional = (proptest::option::of(any::<u64>()), any::<bool>(), proptest::option::of(text()));
    (pointers, classes, key, formats, text(), 1..9u32, optional).prop_map(
        |(subject, classes, key, format, schema, version, (window, of, extension))| {
            let rule = |class: &String| if of { json!({"class": class, "of": "/a"}) } else { json!(class) };
            let classify: BTreeMap<&str, _> = classes.iter().map(|(at, class)| (*at, rule(class))).collect();
            let mut wished = definition("x.one", version, &schema);
            wished["format"] = json!(format);
            wished["subject"] = json!(subject);
            wished["classify"] = json!(classify);
            wished["key"] = json!(key);
            wished["identity_window_s"] = json!(window);
            wished["identity"] = json!(of.then_some("/a"));
            wished["extensions"] = extension.map_or(json!({}), |class| json!({"yes": class}));
            serde_json::from_value(wished).unwrap()
        },
    )
}

fn subscription() -> impl Strategy<Value = SubscriptionRequest> {
    (text(), text(), proptest::collection::vec(text(), 0..3)).prop_map(|(purpose, legal_basis, clears)| {
        let mut wished = crate::support::request("b.live", "x.one", &[]);
        (wished["purpose"], wished["legal_basis"]) = (json!(purpose), json!(legal_basis));
        wished["clears"] = json!(clears);
        if !clears.is_empty() {
            wished["consent"] = json!(clears[0]);
        }
        match command(wished) {
            Command::RequestSubscription(wish) => wish,
            other => panic!("{other:?}"),
        }
    })
}

fn standards() -> impl Strategy<Value = Standards> {
    let classes = proptest::collection::vec(text(), 0..3);
    let purposes = proptest::collection::btree_set("[a-z \"\\\\]{0,9}x", 0..3);
    (1..u64::MAX, any::<u64>(), 1..=1024u32, classes, any::<bool>(), purposes).prop_map(
        |(seconds, notice_s, partitions_max, classes, silence_is_consent, purposes)| Standards {
            limits: Limits {
                retention_min_s: seconds,
                retention_max_s: u64::MAX,
                partitions_max,
                subscription_max_s: seconds,
            },
            changes: Changes { notice_s, silence_is_consent },
            access: Access {
                purposes,
                two_owners: classes.iter().map(|class| class.as_str().into()).collect(),
                renewal_s: seconds,
                unused_s: notice_s,
                delegation_max_s: seconds,
            },
            ownership: Ownership {
                confirm_every_s: seconds,
                freeze_after_s: seconds,
                suspend_after_s: seconds,
                notice_s: seconds,
            },
            erasure: Erasing { answer_within_s: seconds },
            consent: Consenting {
                topics: classes.iter().map(|_| TopicName::parse("x.one").unwrap()).collect(),
            },
            profiles: Profiles { cloudevents: !silence_is_consent, nl_gov: silence_is_consent },
            leaks: Leaks {
                otherwise: if silence_is_consent { Answer::Flag } else { Answer::Refuse },
                by_detector: BTreeMap::from([
                    ("email".to_owned(), Answer::Ignore),
                    ("telephone".to_owned(), Answer::Flag),
                ]),
            },
            classes: classes.iter().map(|class| class.as_str().into()).collect(),
            policies: policies(notice_s % 3),
        },
    )
}

fn policies(files: u64) -> BTreeMap<String, String> {
    let text = |file| format!("@id(\"p{file}\")\nforbid (principal, action, resource);\n");
    (0..files).map(|file| (format!("f{file}.cedar"), text(file))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_wish_survives_its_files(
        agency in agency(), contract in contract(), subscription in subscription(), standards in standards(),
        (description, days) in (text(), 1..9999u32),
    ) {
        let Command::CreateTopic(mut topic) = command(crate::support::create_topic("x.one")) else { panic!() };
        topic.description = description;
        if days % 2 == 0 {
            topic.access = r#"permit (principal, action == Action::"grant", resource);"#.to_owned();
        }
        topic.retention = format!("{days}h");
        topic.retention = governance::duration::to_text(governance::duration::parse_seconds(&topic.retention).unwrap());
        topic.keep = (days % 3 == 0).then(|| topic.retention.clone());
        topic.contract = Arc::new(contract);
        let wished = Desired {
            standards: Some(standards),
            agencies: BTreeMap::from([(agency.agency.clone(), agency)]),
            topics: BTreeMap::from([(topic.topic.clone(), topic)]),
            subscriptions: BTreeMap::from([(subscription.subscription.clone(), subscription)]),
            is_part: false,
        };
        let files = wished.to_files();
        let read = Desired::from_files(&files);
        prop_assert_eq!(read.as_ref(), Ok(&wished), "{:#?}", files);
    }
}
