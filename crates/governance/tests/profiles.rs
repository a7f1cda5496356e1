//! Event-design profiles as standards: whom they hit, and what they keep from being registered.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use crate::support::{
    Check, NOW, applied, create_topic, decided, definition, desired, done, folder, operator,
};
use contract::Profiles;
use governance::profiles::Lint;
use governance::{Desired, Standards, plan};
use serde_json::json;

const NL_GOV: Profiles = Profiles { cloudevents: true, nl_gov: true };

fn switched_on() -> Desired {
    Desired { standards: Some(Standards { profiles: NL_GOV, ..Standards::default() }), ..Desired::default() }
}

#[test]
fn a_plan_tells_whom_a_profile_hits_that_it_switches_on() {
    let state = crate::support::small_bus();
    let advice = plan(&state, &switched_on(), NOW, &Check).advice;
    assert_eq!(
        advice,
        [
            "type must be in reverse domain name notation: x.one v1, x.one v2, x.two v1, 1 more (NL GOV profile for \
          CloudEvents 1.1, type)"
        ]
    );
    assert!(Lint::of(&state).under(NL_GOV).all().len() > advice.len(), "the lint has each by itself");
    let on = applied(&state, &switched_on());
    assert_eq!(plan(&on, &switched_on(), NOW, &Check).advice, [""; 0], "what is known is not told again");
}

#[test]
fn a_plan_advises_on_the_contracts_that_it_makes() {
    let mut wish = desired(&folder("examples/governance"));
    let of_all = plan(&crate::support::opened(), &wish, NOW, &Check).advice;
    assert_eq!(of_all.len(), 1, "{of_all:?}");
    assert!(of_all[0].contains("benefit.child.granted v1, civil.birth.registered v1"), "{of_all:?}");
    assert!(of_all[0].contains(", 5 more (CloudEvents 1.0.2, type)"), "{of_all:?}");
    let standing = applied(&crate::support::opened(), &wish);
    let mut next = desired(&folder("examples/governance"));
    let topic = next.topics.values_mut().next().unwrap();
    let mut version = (*topic.contract).clone();
    version.version.0 = 2;
    topic.contract = version.into();
    let proposing = plan(&standing, &next, NOW, &Check);
    assert!(!proposing.is_empty() && proposing.advice.is_empty(), "a version cannot change its topic's name");
    let silent = Profiles { cloudevents: false, nl_gov: false };
    wish.standards = Some(Standards { profiles: silent, ..Standards::default() });
    assert_eq!(plan(&crate::support::opened(), &wish, NOW, &Check).advice, [""; 0]);
    wish.standards = Some(Standards { profiles: NL_GOV, ..Standards::default() });
    let dutch = plan(&crate::support::opened(), &wish, NOW, &Check).advice;
    let thin = dutch.iter().find(|line| line.starts_with("data should link to what is sensitive"));
    assert!(thin.is_some_and(|line| line.contains("civil.birth.registered v1")), "{dutch:?}");
    let sources = dutch.iter().find(|line| line.starts_with("source should be a URN of the namespace nld"));
    assert!(
        sources.is_some_and(|line| line.contains("civil.birth.registered v1")),
        "the folder's agencies count"
    );
}

#[test]
fn a_topic_gets_no_name_that_a_profile_forbids_and_one_that_has_it_goes_on() {
    let mut state = applied(&crate::support::small_bus(), &switched_on());
    let refused = decided(&state, &operator(), create_topic("y.one")).unwrap_err();
    assert_eq!(refused.code, "invalid-topic");
    assert!(refused.text.starts_with("type: y.one begins with no top-level domain ("), "{refused}");
    assert!(refused.text.contains("; begin with a top-level domain"), "{refused}");
    done(&mut state, &operator(), create_topic("nl.y.one"));
    // What is only recommended is said by the lint.
    done(&mut state, &operator(), create_topic("nl.a.one"));
    let found = Lint::of(&state).all();
    let of_name: Vec<_> = found.iter().filter(|one| one.topic.as_str() == "nl.a.one").collect();
    assert_eq!(of_name.len(), 1, "{of_name:?}");
    assert_eq!((of_name[0].finding.rule.id, of_name[0].version.0), ("type-no-organisation", 1));
    let next = json!({"command": "propose-contract", "definition": definition("x.one", 3, "{}")});
    done(&mut state, &operator(), next);
}
