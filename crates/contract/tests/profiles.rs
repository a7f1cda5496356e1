//! Each rule of each profile, with what keeps to it and what does not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bytes::Bytes;
use contract::cloudevents::{AttributeRules, check_attributes, parse_structured};
use contract::profiles::{ALL, Finding, Held, Level, Profiles, Subject};
use contract::{CloudEvent, Definition, TopicName, compile};
use serde_json::{Value, json};

const DUTCH: Profiles = Profiles { cloudevents: true, nl_gov: true };
const SOURCE: &str = "urn:nld:oin:00000001823288444000:systeem:BRP-component";

/// An event that keeps to everything, with other members: one that is null is left out.
fn text(members: &Value) -> String {
    let mut event = json!({
        "specversion": "1.0", "id": "1", "source": SOURCE, "type": "nl.brp.persoon-verhuisd", "data": {"a": 1},
    });
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => drop(event.as_object_mut().unwrap().remove(name)),
            value => event[name] = value.clone(),
        }
    }
    event.to_string()
}

fn event(members: &Value) -> CloudEvent {
    parse_structured(&Bytes::from(text(members))).unwrap()
}

/// The rules that an event does not keep to.
fn broken(members: &Value) -> BTreeSet<&'static str> {
    let event = event(members);
    let asked = DUTCH.of_events();
    asked.iter().filter(|asked| !asked.is_kept_by(&event)).map(|asked| asked.rule.id).collect()
}

#[test]
fn each_rule_that_events_are_held_against_finds_what_breaks_it_and_nothing_else() {
    let long = "x".repeat(64 * 1024);
    let cases = [
        (
            "source-no-location",
            json!({"source": "urn:nld:kvknr:09220932.burgerzaken"}),
            vec![
                json!({"source": "https://api.example/zaken"}),
                json!({"source": "HTTP://api.example"}),
                json!({"source": "ftp://x.example/a"}),
                json!({"dataref": SOURCE}),
            ],
        ),
        (
            "source-urn",
            json!({"source": "URN:NLD:oin:00000001823288444000:systeem:a"}),
            vec![json!({"source": "urn:xx:tax-office:desk"}), json!({"source": "/desk"})],
        ),
        (
            "source-parts",
            json!({"source": "urn:nld:kvknr:09220932.burgerzakensysteem"}),
            vec![
                json!({"source": "urn:nld:oin:00000001823288444000"}),
                json!({"source": "urn:nld:oin:00000001823288444000:systeem:"}),
            ],
        ),
        (
            "source-register",
            json!({"source": "urn:nld:oin:00000001823288444000:systeem:a"}),
            vec![
                json!({"source": "urn:nld:gemeente-nijmegen.burgerzakensysteem"}),
                json!({"source": "urn:nld:oin:1823288444:systeem:a"}),
            ],
        ),
        (
            "type-reverse-dns",
            json!({"type": "nl.overheid.zaken.zaakstatus-gewijzigd"}),
            vec![json!({"type": "zaken.zaakstatus-gewijzigd"})],
        ),
        (
            "type-one-version",
            json!({"type": "nl.brp.persoon-verhuisd.v2"}),
            vec![
                json!({"type": "nl.brp.persoon-verhuisd.v0.1.0"}),
                json!({"type": "nl.brp.v1.persoon-verhuisd.v1"}),
                json!({"type": "nl.brp.persoon-verhuisd.2"}),
            ],
        ),
        (
            "dataref-uri",
            json!({"dataref": "/personen/42"}),
            vec![json!({"dataref": "not a reference"}), json!({"dataref": 7}), json!({"dataref": ""})],
        ),
        ("thin", json!({"data": "x"}), vec![json!({"data": long})]),
        (
            "sequence",
            json!({"sequence": "a"}),
            vec![
                json!({"sequence": ""}),
                json!({"sequence": 1}),
                json!({"sequencetype": "Letters"}),
                json!({"sequence": "1", "sequencetype": ""}),
            ],
        ),
        (
            "sequence-integer",
            json!({"sequence": "-2147483648", "sequencetype": "Integer"}),
            vec![
                json!({"sequence": "2147483648", "sequencetype": "Integer"}),
                json!({"sequence": "1.5", "sequencetype": "integer"}),
            ],
        ),
    ];
    for (rule, kept, breaks) in &cases {
        assert_eq!(broken(kept), BTreeSet::new(), "{kept}");
        for members in breaks {
            let found = broken(members);
            // A source that is a location is of no namespace either.
            let besides = |id: &&str| *rule == "source-no-location" && **id == *"source-urn";
            let found: Vec<_> = found.into_iter().filter(|id| !besides(id)).collect();
            assert_eq!(found, [*rule], "{members}");
        }
    }
    let asked: BTreeSet<&str> = DUTCH.of_events().iter().map(|asked| asked.rule.id).collect();
    assert_eq!(asked, cases.iter().map(|(rule, ..)| *rule).collect());
}

/// The two events that the profile prints (section Example, and its guideline), without the data.
#[test]
fn the_published_examples_keep_to_the_profile() {
    let first = json!({
        "type": "nl.overheid.zaken.zaakstatus-gewijzigd", "subject": "999990342",
        "id": "f3dce042-cd6e-4977-844d-05be8dce7cea", "time": "2021-12-10T17:31:00Z", "nlbrpnationaliteit": "0083",
        "dataref": "https://gemeenteX/api/persoon/999990342", "sequence": "1234", "sequencetype": "integer",
        "datacontenttype": "application/json",
    });
    let second = json!({
        "type": "nl.overheid.zaken.zaakstatus-gewijzigd", "id": "f3dce042-cd6e-4977-844d-05be8dce7cea",
        "datacontenttype": "application/vnd.apache.thrift.binary", "data_base64": "YWFwIG5vb3QgbWllcw==", "data": null,
    });
    for members in [first, second] {
        assert_eq!(broken(&members), BTreeSet::new(), "{members}");
    }
}

#[test]
fn an_event_pays_nothing_for_cloudevents() {
    assert!(Profiles::default().of_events().is_empty());
}

fn definition(topic: &str) -> Definition {
    let schema = r#"{"type":"object","additionalProperties":false,"properties":{"bsn":{"type":"string"},"naam":{"type":"string"}}}"#;
    serde_json::from_value(json!({
        "topic": topic, "version": 1, "format": "json-schema", "schema": schema,
        "subject": ["/bsn"], "classify": {"/bsn": "personal", "/naam": "public"},
    }))
    .unwrap()
}

fn found(definition: &Definition, sources: &[&str]) -> Vec<Finding> {
    let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
    let is_organisation = |label: &str| label == "belastingdienst";
    DUTCH.findings(&Subject { definition, sources: &sources, is_organisation: &is_organisation })
}

#[test]
fn each_rule_that_contracts_are_held_against_finds_what_breaks_it_and_nothing_else() {
    let good = definition("nl.brp.persoon-verhuisd");
    assert!(found(&good, &[]).is_empty() && found(&good, &["urn:nld:oin:1", "urn:nl"]).is_empty());
    let avro = Definition { format: contract::Format::Avro, ..good.clone() };
    let mut fat = good.clone();
    fat.classify.values_mut().for_each(|rule| rule.class = "personal".into());
    let cases: [(&[&str], Definition, &[&str], &str); 7] = [
        (
            &["source-absolute", "source-urn"],
            good.clone(),
            &["/desk"],
            "the owner's prefixes have no scheme: /desk",
        ),
        (
            &["source-urn"],
            good.clone(),
            &["urn:nld:", "https://a"],
            "the owner's prefixes are others: https://a",
        ),
        (
            &["type-reverse-dns", "type-reverse-dns"],
            definition("civil.birth.registered"),
            &[],
            "civil.birth.registered begins with no top-level domain",
        ),
        (
            &["type-one-version"],
            definition("nl.brp.verhuisd.v1.v2"),
            &[],
            "nl.brp.verhuisd.v1.v2 has more, or a number without the letter",
        ),
        (
            &["type-no-organisation"],
            definition("nl.belastingdienst.aanslag"),
            &[],
            "nl.belastingdienst.aanslag has belastingdienst, which is an agency",
        ),
        (&["data-json"], avro, &[], "the contract's format is Avro"),
        (&["thin"], fat, &[], "carries /naam about people"),
    ];
    let mut tried = BTreeSet::new();
    for (rules, definition, sources, what) in cases {
        let found = found(&definition, sources);
        let ids: Vec<&str> = found.iter().map(|finding| finding.rule.id).collect();
        assert_eq!(ids, rules, "{found:?}");
        assert_eq!(found[0].what, what);
        tried.extend(found.iter().map(|finding| (finding.profile.id, finding.rule.id)));
    }
    let all: BTreeSet<_> = ALL
        .iter()
        .flat_map(|profile| profile.rules.iter().map(|rule| (profile.id, rule)))
        .filter(|(_, rule)| matches!(rule.held, Held::Contract(_) | Held::Both(..)))
        .map(|(profile, rule)| (profile, rule.id))
        .collect();
    assert_eq!(tried, all);
}

/// A topic has its name for good, so its registration is where a MUST of contracts is refused. A rule about what a later
/// version can break would have to be refused there too.
#[test]
fn what_a_contract_must_be_concerns_the_topic_s_name() {
    let musts = ALL
        .iter()
        .flat_map(|profile| profile.rules)
        .filter(|rule| rule.level == Level::Must && matches!(rule.held, Held::Contract(_) | Held::Both(..)));
    assert!(musts.map(|rule| rule.about).all(|about| about == "type"));
}

#[test]
fn a_finding_says_which_rule_of_which_text_and_what_to_do() {
    let said = found(&definition("nl.belastingdienst.aanslag"), &[])[0].to_string();
    assert_eq!(
        said,
        "type: nl.belastingdienst.aanslag has belastingdienst, which is an agency (type should not have the name of an \
         organisation: NL GOV profile for CloudEvents 1.1, type); use the name of the data source, the domain or the \
         law: organisations change"
    );
}

/// Whether what reads events and checks their attributes takes this one.
fn taken(text: &str) -> bool {
    let Ok(event) = parse_structured(&Bytes::copy_from_slice(text.as_bytes())) else { return false };
    let topic = TopicName::parse("nl.brp.persoon-verhuisd").unwrap();
    let declared = BTreeMap::from([("regio".to_owned(), "public".into())]);
    let rules =
        AttributeRules { topic: &topic, extensions: &declared, source_prefixes: &[], state_prefix: None };
    check_attributes(&event, &rules).is_ok()
}

/// What CloudEvents demands of each event holds though no check of the profile looks: readers and the check of
/// attributes refuse it, whichever profile is on.
#[test]
fn the_musts_of_cloudevents_are_held_where_the_table_says() {
    let cases = [
        ("attribute-name", json!({"regio": "n"}), vec![json!({"Regio": "n"}), json!({"re-gio": "n"})]),
        ("value-type", json!({"regio": 7}), vec![json!({"regio": 2_147_483_648_u64}), json!({"regio": [1]})]),
        (
            "value-characters",
            json!({"regio": "é"}),
            vec![json!({"regio": "a\nb"}), json!({"regio": "\u{FFFE}"}), json!({"subject": "a\u{7f}"})],
        ),
        (
            "required",
            json!({}),
            vec![
                json!({"id": null}),
                json!({"source": null}),
                json!({"type": null}),
                json!({"specversion": null}),
            ],
        ),
        ("id", json!({"id": "0"}), vec![json!({"id": ""})]),
        ("source", json!({"source": "/a"}), vec![json!({"source": ""}), json!({"source": "a b"})]),
        (
            "specversion",
            json!({"specversion": "1.0"}),
            vec![json!({"specversion": "0.3"}), json!({"specversion": ""})],
        ),
        ("type", json!({"type": "nl.brp.persoon-verhuisd"}), vec![json!({"type": ""})]),
        (
            "datacontenttype",
            json!({"datacontenttype": "application/json"}),
            vec![json!({"datacontenttype": "json"})],
        ),
        (
            "dataschema",
            json!({"dataschema": "urn:a:b"}),
            vec![json!({"dataschema": "/a"}), json!({"dataschema": ""})],
        ),
        ("subject", json!({"subject": "a"}), vec![json!({"subject": ""})]),
        (
            "time",
            json!({"time": "2021-12-10T17:31:00Z"}),
            vec![json!({"time": "2021-12-10"}), json!({"time": ""})],
        ),
        ("extension", json!({"regio": "a"}), vec![json!({"undeclared": "a"})]),
    ];
    for (rule, kept, breaks) in &cases {
        assert!(taken(&text(kept)), "{rule}: {kept}");
        for members in breaks {
            assert!(!taken(&text(members)), "{rule}: {members}");
        }
    }
    assert!(!taken(&text(&json!({})).replacen('{', r#"{"regio":"a","regio":"b","#, 1)), "one name twice");
    let mut long = definition("nl.brp.persoon-verhuisd");
    assert!(compile(&long).is_ok());
    long.extensions.insert("x".repeat(21), "public".into());
    assert!(compile(&long).is_err(), "a name of 21 characters");

    // Those that are no form of an event have their proof elsewhere: identities and bounds in the bus's own tests.
    let elsewhere = ["identity", "size"];
    let core = ALL.iter().find(|profile| profile.id == "cloudevents").unwrap();
    let musts = core.rules.iter().filter(|rule| rule.level == Level::Must).map(|rule| rule.id);
    let tried: BTreeSet<&str> = cases.iter().map(|(rule, ..)| *rule).chain(elsewhere).collect();
    assert_eq!(musts.collect::<BTreeSet<_>>(), tried);
}

/// The page that states read has each rule as it is: level, section, and who holds it.
#[test]
fn the_page_of_standards_lists_every_rule() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/profiles.md");
    let page = fs::read_to_string(page).unwrap();
    for profile in ALL {
        for rule in profile.rules {
            let held = match rule.held {
                Held::Contract(_) => "each contract".to_owned(),
                Held::Event(_) => "each event".to_owned(),
                Held::Both(..) => "each contract, each event".to_owned(),
                Held::By(by) => by.to_owned(),
                Held::People => "people".to_owned(),
            };
            let (id, level) = (rule.id, rule.level.as_str());
            let row =
                format!("| `{id}` | {level} | {} | {} {} | {held} |", rule.section, rule.about, rule.says);
            assert!(page.contains(&row), "docs/profiles.md lacks\n{row}");
        }
    }
}
