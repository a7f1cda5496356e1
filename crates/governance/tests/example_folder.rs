//! The folder that ships with the bus, from an empty bus to nothing left to do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;

use crate::support::{Check, NOW, applied, closed, desired, opened, operator};
use governance::{Desired, apply_all, plan};

fn folder() -> BTreeMap<String, String> {
    crate::support::folder("examples/governance")
}

#[test]
fn the_example_is_applied_and_then_nothing_is_left_to_do() {
    let desired = desired(&folder());
    let state = applied(&opened(), &desired);
    assert_eq!((state.agencies().count(), state.topics().count()), (7, 8));
    assert_eq!(state.subscriptions().filter(|s| s.is_live(NOW)).count(), desired.subscriptions.len());
    assert!(state.topics().all(|topic| topic.newest_active().is_some()));
    for state in [state.clone(), closed(state)] {
        let again = plan(&state, &desired, NOW, &Check);
        assert!(again.is_empty() && again.waits.is_empty() && again.unmanaged.is_empty(), "{again}");
    }
}

#[test]
fn every_contract_of_the_example_compiles() {
    for topic in desired(&folder()).topics.values() {
        let compiled = contract::compile::compile(&topic.contract);
        assert!(compiled.is_ok(), "{}: {:?}", topic.topic, compiled.err());
    }
}

#[test]
fn what_the_folder_does_not_mention_is_told_and_stays() {
    let full = desired(&folder());
    let state = applied(&opened(), &full);
    let mut less = folder();
    less.retain(|path, _| {
        !path.contains("emergency-services") && !path.contains("emergency.alert") && !path.contains("alerts")
    });
    let plan = plan(&state, &desired(&less), NOW, &Check);
    assert!(plan.is_empty(), "{plan}");
    assert!(plan.unmanaged.contains(&"agency emergency-services".to_owned()), "{plan}");
    assert!(plan.unmanaged.contains(&"topic emergency.alert.issued".to_owned()), "{plan}");
    assert!(plan.unmanaged.contains(&"subscription courts.alerts (live)".to_owned()), "{plan}");
}

fn edited(path: &str, from: &str, to: &str) -> BTreeMap<String, String> {
    let mut files = folder();
    let text = files.get_mut(path).unwrap();
    assert!(text.contains(from), "{path} has no {from:?}");
    *text = text.replace(from, to);
    files
}

const BIRTHS: &str = "topics/civil.birth.registered/topic.yaml";

#[test]
fn a_new_contract_version_is_proposed_and_waits_for_its_consumers() {
    let state = applied(&opened(), &desired(&folder()));
    let newer = desired(&edited(BIRTHS, "version: 1", "version: 2"));
    let whats = |plan: &governance::Plan| plan.steps.iter().map(|step| step.what.clone()).collect::<Vec<_>>();
    let active = "~ contract v2 of civil.birth.registered: active";
    let new = "+ contract v2 of civil.birth.registered";
    assert_eq!(whats(&plan(&state, &newer, NOW, &Check)), [new, active]);
    assert!(plan(&applied(&state, &newer), &newer, NOW, &Check).is_empty());

    let plan = plan(&closed(state), &newer, NOW, &Check);
    assert_eq!(whats(&plan), [new]);
    let waits = "contract v2 of civil.birth.registered: goes live after a notice of 2w unless somebody objects \
         (permits-office, social-insurance, tax-office)";
    assert_eq!(plan.waits, [waits]);
}

#[test]
fn what_cannot_be_is_refused_whole_with_the_reason() {
    let state = applied(&opened(), &desired(&folder()));
    for (path, from, to, code) in [
        (BIRTHS, "partitions: 4", "partitions: 8", "partitions-are-fixed"),
        (BIRTHS, "latency: standard", "latency: batch", "latency-is-fixed"),
        (BIRTHS, "/child/sex: personal", "/child/sex: internal", "version-exists"),
        (BIRTHS, "version: 1", "version: 3", "version-gap"),
        ("subscriptions/courts.alerts.yaml", "emergency.alert.issued", "tax.id.assigned", "other-topic"),
    ] {
        let plan = plan(&state, &desired(&edited(path, from, to)), NOW, &Check);
        let (step, refused) = apply_all(&state, &operator(), &plan, NOW, &Check).unwrap_err();
        assert_eq!(refused.code, code, "{}: {refused}", step.what);
    }
}

#[test]
fn changes_are_told_with_what_was_and_what_will_be() {
    let state = applied(&opened(), &desired(&folder()));
    for (path, from, to, what) in [
        (
            BIRTHS,
            "retention: 10y",
            "retention: 12y",
            "~ topic civil.birth.registered\n    retention: \"10y\" → \"12y\"",
        ),
        (
            BIRTHS,
            "deputy: l.brandt",
            "deputy: n.new",
            "~ topic civil.birth.registered\n    deputy: l.brandt@civil-registry → n.new@civil-registry\n    + principal \
             n.new@civil-registry (steward, without a token)",
        ),
        (
            "agencies/courts.yaml",
            "name: Courts Administration",
            "name: Courts",
            "~ agency courts\n    name: \"Courts Administration\" → \"Courts\"",
        ),
        (
            "subscriptions/courts.alerts.yaml",
            "2030-01-01",
            "2029-01-01",
            "~ subscription courts.alerts\n    expires: 2030-01-01 → 2029-01-01",
        ),
    ] {
        let newer = desired(&edited(path, from, to));
        let plan = plan(&state, &newer, NOW, &Check);
        let whats: Vec<&str> = plan.steps.iter().map(|step| step.what.as_str()).collect();
        assert_eq!(whats, [what]);
        assert!(governance::plan(&applied(&state, &newer), &newer, NOW, &Check).is_empty());
    }
}

#[test]
fn faults_name_their_file_line_and_field_all_at_once() {
    let mut files = edited(BIRTHS, "owner: civil-registry\n", "");
    *files.get_mut(BIRTHS).unwrap() = files[BIRTHS]
        .replace("retention: 10y", "retention: 10 years")
        .replace("v1.schema.json", "v9.schema.json");
    let alerts = "subscriptions/courts.alerts.yaml";
    *files.get_mut(alerts).unwrap() = files[alerts].replace("clears:", "clear:");
    *files.get_mut("agencies/courts.yaml").unwrap() =
        files["agencies/courts.yaml"].replace("agency: courts", "agency: court");
    files.insert("agencies/x.yml".into(), String::new());
    files.insert("standards/base.cedar".into(), "forbid (principal;".into());
    files.insert("notes.txt".into(), String::new());
    files.insert("subscriptions/.gitkeep".into(), String::new());
    files.insert("standards/standards.toml".into(), "[limits]\nretention_min = \"1 day\"\n".into());
    let faults = Desired::from_files(&files).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for start in [
        "agencies/courts.yaml:1: agency: is \"court\"",
        "agencies/x.yml: is not a .yaml file",
        "notes.txt: is not a file of governance",
        "standards/base.cedar:1: unexpected token",
        "standards/standards.toml: limits.retention_min: \"1 day\" is not",
        "subscriptions/courts.alerts.yaml:6: unknown field `clear`",
        "topics/civil.birth.registered/topic.yaml: owner: is missing",
        "topics/civil.birth.registered/topic.yaml:8: retention: \"10 years\" is not",
        "topics/civil.birth.registered/topic.yaml:13: contract.schema: there is no file \"v9.schema.json\"",
    ] {
        assert!(told.iter().any(|fault| fault.starts_with(start)), "{start}\n{told:#?}");
    }
    assert_eq!(told.len(), 9, "{told:#?}");
}

#[test]
fn standards_come_from_the_folder_where_it_has_them() {
    let mut files = folder();
    let toml = "classes = [\"tax-secret\"]\n[limits]\nretention_max = \"50y\"\npartitions_max = 32\n";
    files.insert("standards/standards.toml".into(), toml.into());
    let desired = desired(&files);
    let state = applied(&opened(), &desired);
    assert_eq!(state.standards().limits.partitions_max, 32);
    assert!(state.standards().knows(&"tax-secret".into()) && !state.standards().knows(&"other".into()));
    assert!(plan(&state, &desired, NOW, &Check).is_empty());
}
