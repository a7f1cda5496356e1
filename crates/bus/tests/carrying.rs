//! Who is carried past a version is handed the version that it reads: never the newer one, and never more than either
//! gives.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;

use crate::common::*;
use bus::limits::SET_ASIDE_MAX;
use bus::{Delivered, Fetch, Pull, RefusalKind, Wanted};
use bytes::Bytes;
use contract::{AgencyName, CloudEvent, ContractVersion, Data};
use governance::{Command, Standards};

/// Version 2: the office stands elsewhere and may have a longer name, the clerk is gone, and a parent's name is nobody's
/// secret any more.
pub fn second_version(steps: &str) -> BTreeMap<String, String> {
    let mut files = files();
    let topic = files.remove("topics/civil.birth.registered/topic.yaml").unwrap();
    let schema = files.remove("topics/civil.birth.registered/v1.schema.json").unwrap();
    let topic = topic
        .replace("version: 1", "version: 2")
        .replace("v1.schema", "v2.schema")
        .replace("/parents/*/name: {class: personal, of: /parents/*/personId}", "/parents/*/name: public")
        .replace("/registrationOffice", "/office")
        .replace("    /clerk: internal\n", "");
    let schema = schema
        .replace("registrationOffice", "office")
        .replace(", \"maxLength\": 4000", "")
        .replace(",\n    \"clerk\": {\"type\": \"string\"}", "");
    BTreeMap::from([
        ("topics/civil.birth.registered/topic.yaml".to_owned(), topic + steps),
        ("topics/civil.birth.registered/v2.schema.json".to_owned(), schema),
    ])
}

pub const STEPS: &str = "  migration:
    - renamed: {from: /registrationOffice, to: /office}
    - removed: /clerk
      value: nobody
";

pub fn second_birth(number: usize) -> CloudEvent {
    of_office(number, "North")
}

/// Too long a name for version 1, which no step can take back.
fn odd_birth(number: usize) -> CloudEvent {
    of_office(number, &"Secret ".repeat(600))
}

pub fn of_office(number: usize, office: &str) -> CloudEvent {
    let data = text(&birth(number)).replace("registrationOffice", "office").replace("North", office);
    let (before, _) = data.split_once(",\"clerk\"").unwrap();
    CloudEvent { data: Some(Data::Json(Bytes::from(format!("{before} }}")))), ..birth(number) }
}

fn acknowledge(agency: &str) -> Command {
    let agency = AgencyName::parse(agency).unwrap();
    Command::AcknowledgeContract { topic: topic(), version: ContractVersion(2), agency }
}

/// Two births of version 1, then version 2 live without anybody's word.
async fn carried(folder: &std::path::Path) -> World {
    let world = world(folder).await;
    for number in 1..=2 {
        receipt(publish(&world, birth(number)).await);
    }
    let plan = world.bus.apply(&world.operator, &second_version(STEPS), true).await;
    let live = plan.unwrap_or_else(|refusal| panic!("{refusal}"));
    assert!(live.steps.iter().any(|step| step.what.contains("active")), "{live}");
    world
}

async fn head_of_statistics(world: &World) -> bus::Caller {
    let token = world.bus.create_principal(
        &world.operator,
        "head@statistics".parse().unwrap(),
        AgencyName::parse("statistics").unwrap(),
        governance::Roles::from(governance::Role::Steward),
    );
    world.bus.identify(&token.await.unwrap().token).unwrap()
}

pub async fn pulled(
    world: &World,
    caller: &bus::Caller,
    name: &contract::SubscriptionName,
) -> Vec<Delivered> {
    let pull = Pull { from: Some(bus::From::Earliest), ..all() };
    let mut events = world.bus.pull(caller, name, pull).await.unwrap().events;
    events.sort_by(|a, b| a.event.id.cmp(&b.event.id));
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carried_reader_is_handed_what_both_versions_give() {
    let folder = tempfile::tempdir().unwrap();
    let world = carried(folder.path()).await;
    for name in [cleared(), uncleared()] {
        let found =
            world.bus.subscriptions(&world.operator).into_iter().find(|one| one.name == name).unwrap();
        assert_eq!(found.carried_on(), Some(ContractVersion(1)), "{name}");
    }
    receipt(publish(&world, second_birth(3)).await);
    let wanted = r#""registrationOffice":"North""#;
    let told = pulled(&world, &world.tax, &cleared()).await;
    assert_eq!(told.len(), 3);
    assert_eq!(text(&told[0].event), text(&birth(1)), "its own version goes as it lies, byte for byte");
    let third = text(&told[2].event);
    assert!(third.contains(wanted) && third.contains(r#""clerk":"nobody""#), "{third}");
    assert!(third.contains("Thaddeus W3") && third.contains("PID-0000003"), "{third}");
    let told = pulled(&world, &world.statistics, &uncleared()).await;
    let third = text(&told[2].event);
    assert!(third.contains(wanted), "{third}");
    for kept in ["nobody", "clerk", "Thaddeus", "PID", "office\""] {
        assert!(!third.contains(kept), "{kept}: {third}");
    }
    let delivery = world.bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    assert_eq!(delivery.carried_on, Some(ContractVersion(1)));
    // What it was not handed cannot be found out by asking either.
    let (place, name) = (&told[2], uncleared());
    let guess = "is it Thaddeus W3?";
    world.bus.reject(&world.statistics, &name, place.partition, place.offset, guess).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_that_agrees_later_goes_over() {
    let folder = tempfile::tempdir().unwrap();
    let world = carried(folder.path()).await;
    receipt(publish(&world, second_birth(3)).await);
    let world = reopened(world, folder.path()).await;
    let told = pulled(&world, &world.statistics, &uncleared()).await;
    assert!(text(&told[2].event).contains("registrationOffice"), "after a start too");

    let head = head_of_statistics(&world).await;
    world.bus.govern(&head, acknowledge("statistics")).await.unwrap();
    let told = pulled(&world, &world.statistics, &uncleared()).await;
    assert!(text(&told[2].event).contains(r#""office":"North""#));
    assert!(text(&told[2].event).contains("Thaddeus W3"), "public in the version that it agreed to");
    assert!(
        world.bus.govern(&head, acknowledge("statistics")).await.unwrap().events.is_empty(),
        "said again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_back_is_set_aside_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let world = carried(folder.path()).await;
    let odd = receipt(publish(&world, odd_birth(3)).await);
    let told = pulled(&world, &world.statistics, &uncleared()).await;
    assert_eq!(told.len(), 2, "the odd one is not handed over");
    let letters = world.bus.dead_letters(&world.statistics, Some(&uncleared())).unwrap();
    let letter = &letters[0];
    assert_eq!((letters.len(), letter.partition, letter.offset), (1, odd.partition, odd.offset));
    assert_eq!(
        letter.reason,
        "cannot be taken back to the version that is read: v1: what the migration leads to is not valid: \
         /registrationOffice"
    );
    assert_eq!(letter.by.as_str(), "clerk@bus");

    // From its own place it goes on behind it, and is not told twice.
    world.bus.seek(&world.statistics, &uncleared(), &bus::From::Latest).await.unwrap();
    let odd = receipt(publish(&world, odd_birth(4)).await);
    let delivery = world.bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    assert!(delivery.events.is_empty());
    assert_eq!(world.bus.places(&world.statistics, &uncleared()).unwrap()[&odd.partition], odd.offset + 1);
    assert_eq!(world.bus.dead_letters(&world.statistics, Some(&uncleared())).unwrap().len(), 2);

    // One that keeps its own places is told where to go on.
    let wanted = Wanted { partition: odd.partition, offset: odd.offset, max_bytes: 1 << 20 };
    let fetch = Fetch { wanted: vec![wanted], max_bytes: 1 << 20 };
    let fetched =
        world.bus.fetch(&world.statistics, &uncleared(), fetch, |events| events.len()).await.unwrap();
    let portion = &fetched.portions[0];
    assert_eq!((portion.passed, portion.events.as_ref().unwrap()), (Some(odd.offset), &0));
    receipt(publish(&world, second_birth(5)).await);
    let delivery = world.bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    assert_eq!(delivery.events[0].event.id, "birth-5");
}

/// What an agency was told of a kind.
fn told(world: &World, agency: &str, kind: &str) -> Vec<String> {
    let agency = AgencyName::parse(agency).unwrap();
    let all = world.bus.notices(&world.operator, Some(&agency), 1_000).unwrap();
    all.into_iter().filter(|one| one.notice.kind == kind).map(|one| one.notice.text.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn those_concerned_are_told_once_that_events_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let world = carried(folder.path()).await;
    let carried = told(&world, "statistics", "subscription.carried");
    assert_eq!(carried.len(), 1, "{carried:?}");
    assert!(carried[0].contains("statistics.births") && carried[0].contains("goes on by v1"), "{carried:?}");
    for number in 3..=5 {
        receipt(publish(&world, odd_birth(number)).await);
        pulled(&world, &world.statistics, &uncleared()).await;
    }
    for agency in ["statistics", "civil-registry"] {
        let said = told(&world, agency, "subscription.set-aside");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("statistics.births") && said[0].contains("an event of v2"), "{said:?}");
        assert!(!said[0].contains("Secret"), "{said:?}");
    }
    assert!(told(&world, "tax-office", "subscription.set-aside").is_empty());
    let world = reopened(world, folder.path()).await;
    receipt(publish(&world, odd_birth(6)).await);
    pulled(&world, &world.statistics, &uncleared()).await;
    assert_eq!(told(&world, "statistics", "subscription.set-aside").len(), 1, "after a start too");
    assert_eq!(world.bus.dead_letters(&world.statistics, Some(&uncleared())).unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_too_many_are_set_aside_delivery_stops_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let world = carried(folder.path()).await;
    let odd = (0..SET_ASIDE_MAX + 3).map(|number| Ok(odd_birth(100 + number))).collect();
    for outcome in world.bus.publish(&world.registry, &topic(), odd).await.unwrap() {
        receipt(outcome);
    }
    let name = uncleared();
    let letters = || world.bus.dead_letters(&world.statistics, Some(&uncleared())).unwrap();
    let stopped = loop {
        match world.bus.pull(&world.statistics, &name, all()).await {
            Ok(delivery) => {
                world.bus.commit(&world.statistics, &name, &delivery.cursor).await.unwrap();
            }
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((stopped.kind, stopped.code), (RefusalKind::Conflict, Some("set-aside-full")));
    let wanted = "subscription statistics.births is carried on v1 of civil.birth.registered: 1000 events of v2 that cannot \
                  be taken back to it wait as dead letters, and more are not set aside";
    assert_eq!(stopped.text, wanted);
    let hint = stopped.hint.unwrap();
    assert!(
        hint.contains("chancery contract acknowledge civil.birth.registered 2 --agency statistics"),
        "{hint}"
    );
    assert_eq!(letters().len(), SET_ASIDE_MAX);
    let all_partitions = (0..4).map(|partition| Wanted { partition, offset: 0, max_bytes: 1 << 20 });
    let fetch = Fetch { wanted: all_partitions.collect(), max_bytes: 1 << 22 };
    let fetched = world.bus.fetch(&world.statistics, &name, fetch, |events| events.len()).await;
    assert_eq!(fetched.unwrap_err().code, Some("set-aside-full"), "by every door");

    // What is decided about makes room, and nothing was skipped.
    world.bus.discard(&world.statistics, &letters()[0].id, "of no use").await.unwrap();
    while world.bus.pull(&world.statistics, &name, all()).await.is_ok() {}
    assert_eq!(letters().len(), SET_ASIDE_MAX);
    let behind: u64 =
        world.bus.lag(&world.statistics, &name).unwrap().iter().map(|lag| lag.end - lag.place).sum();
    assert_eq!(behind, 2, "those are not passed over");

    // Who goes over reads on, letters and all.
    let head = head_of_statistics(&world).await;
    world.bus.govern(&head, acknowledge("statistics")).await.unwrap();
    let delivery = world.bus.pull(&world.statistics, &name, all()).await.unwrap();
    assert_eq!(delivery.events.len(), 2);
    world.bus.redrive(&world.statistics, &letters()[0].id).await.unwrap();
    let delivery = world.bus.pull(&world.statistics, &name, all()).await.unwrap();
    assert!(text(&delivery.events[0].event).contains("Secret Secret"), "handed over as version 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_loses_real_events_is_refused_with_places_alone_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for number in 1..=5 {
        receipt(publish(&world, birth(number)).await);
    }
    // What the schemas say already is told before any event is looked at, as often as one likes.
    for _ in 0..30 {
        let refusal = world.bus.apply(&world.operator, &second_version("  migration: []\n"), false).await;
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.code, Some("invalid-contract"), "{refusal}");
        assert!(
            refusal.text.contains("write the step `added: /office`, or `renamed` from where it stood"),
            "{refusal}"
        );
    }
    let steps = "  migration:\n    - renamed: {from: /registrationOffice, to: /office}\n";
    let refusal = world.bus.apply(&world.operator, &second_version(steps), false).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.code), (RefusalKind::Contract, Some("migration-fails")));
    assert!(refusal.text.contains("\nv2: the document is not valid; nothing was applied"), "{refusal}");
    // What was tried and what it came to is the audit's.
    let tried = world.bus.decisions(None, 1).unwrap().decisions.remove(0)["tried"].clone();
    assert_eq!(
        (&tried["came_to"]["events"], &tried["came_to"]["fit_new"]),
        (&5.into(), &0.into()),
        "{tried}"
    );
    for kept in ["Zephyrine", "Clerkson", "PID", "North"] {
        assert!(!refusal.text.contains(kept), "{refusal}");
    }
    let state = world.bus.state(&world.operator).unwrap();
    assert_eq!(state.topic(&topic()).unwrap().versions.len(), 1, "nothing was proposed");

    for _ in 1..20 {
        world.bus.apply(&world.operator, &second_version(steps), false).await.unwrap_err();
    }
    // Each failure says one thing of what is sealed: so many a day, and then none succeeds either.
    let late = world.bus.apply(&world.operator, &second_version(STEPS), false).await.unwrap_err();
    let wanted = "20 trials on events of civil.birth.registered became no proposal today";
    assert!(late.text.contains(wanted), "{late}");
    let world = reopened(world, folder.path()).await;
    world.bus.apply(&world.operator, &second_version(STEPS), false).await.unwrap();
    let state = world.bus.state(&world.operator).unwrap();
    let rehearsal = state.topic(&topic()).unwrap().versions[&ContractVersion(2)].rehearsal.clone().unwrap();
    assert_eq!((rehearsal.events, rehearsal.fit_new, rehearsal.fit_old, rehearsal.same), (5, 5, 5, 0));
    assert_eq!(rehearsal.losses, BTreeMap::from([("/clerk".to_owned(), 5)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_without_a_proposal_is_in_the_audit_whatever_refused_that() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for number in 1..=5 {
        receipt(publish(&world, birth(number)).await);
    }
    let tried =
        || world.bus.decisions(None, 1).unwrap().decisions.remove(0)["tried"]["came_to"]["fit_new"].clone();
    // A later step of the folder does.
    let mut files = second_version(STEPS);
    let births = files["topics/civil.birth.registered/topic.yaml"].clone();
    let nobodys = births
        .replace("civil.birth.registered", "civil.divorce.registered")
        .replace("version: 2", "version: 1");
    let nobodys = nobodys.replace("owner: civil-registry", "owner: nobody").replace(STEPS, "");
    files.insert("topics/civil.divorce.registered/topic.yaml".to_owned(), nobodys);
    let schema = files["topics/civil.birth.registered/v2.schema.json"].clone();
    files.insert("topics/civil.divorce.registered/v2.schema.json".to_owned(), schema);
    let refusal = world.bus.apply(&world.operator, &files, false).await.unwrap_err();
    assert!(refusal.text.contains("nobody"), "{refusal}");
    assert_eq!(tried(), 5);
    // A policy does.
    let policy = r#"@id("no-more") forbid (principal, action == Action::"propose-contract", resource);"#;
    let policies = BTreeMap::from([("a.cedar".to_owned(), policy.to_owned())]);
    let standards = Standards { policies, ..Standards::default() };
    world.bus.govern(&world.operator, Command::SetStandards { standards }).await.unwrap();
    let refusal = world.bus.apply(&world.operator, &second_version(STEPS), false).await.unwrap_err();
    assert_eq!(refusal.code, Some("forbidden-by-standards"), "{refusal}");
    assert_eq!(tried(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tries_what_it_would_propose_within_the_same_limits() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for number in 1..=5 {
        receipt(publish(&world, birth(number)).await);
    }
    let lossy = "  migration:\n    - renamed: {from: /registrationOffice, to: /office}\n";
    let planned = async |caller: &bus::Caller, files: &BTreeMap<String, String>| {
        world.bus.plan(caller, files, false).await.unwrap().refused
    };
    let said = planned(&world.operator, &second_version(lossy)).await;
    assert_eq!(
        said,
        [
            "contract v2 of civil.birth.registered: the migration of v2 of civil.birth.registered does not carry each event of \
          v1\nv2: the document is not valid"
        ]
    );
    let applied = world.bus.apply(&world.operator, &second_version(lossy), false).await.unwrap_err();
    assert!(
        applied.text.contains("v2: the document is not valid"),
        "the same as applying it says: {applied}"
    );
    let entry = |place: usize| world.bus.decisions(None, 5).unwrap().decisions.remove(place);
    assert_eq!((&entry(1)["command"], &entry(1)["tried"]["came_to"]["fit_new"]), (&"plan".into(), &0.into()));

    // Whoever may not propose learns nothing, and nothing is tried.
    assert_eq!(planned(&world.statistics, &second_version(lossy)).await, [""; 0]);
    // The same again, as pipelines ask, is no other guess; another one is, whatever it comes to.
    for _ in 0..40 {
        assert_eq!(planned(&world.operator, &second_version(STEPS)).await, [""; 0]);
    }
    assert_eq!(entry(0)["tried"]["came_to"]["fit_new"], 5);
    let guess = |number: usize| STEPS.replace("nobody", &format!("nobody {number}"));
    for number in 0..17 {
        assert_eq!(planned(&world.operator, &second_version(&guess(number))).await, [""; 0]);
    }
    let late = planned(&world.operator, &second_version(&guess(99))).await;
    assert!(
        late[0].contains("20 trials on events of civil.birth.registered became no proposal today"),
        "{late:?}"
    );
    let late = world.bus.apply(&world.operator, &second_version(STEPS), false).await.unwrap_err();
    assert!(late.text.contains("20 trials"), "{late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carried_reader_gets_tombstones_of_its_own_version() {
    let folder = tempfile::tempdir().unwrap();
    let world = carried(folder.path()).await;
    receipt(publish(&world, second_birth(3)).await);
    let role = governance::Role::Dpo;
    let officer = principal(&world.bus, &world.operator, "d@civil-registry", role).await;
    let subject = bus::Subject::parse("PID-0000003".to_owned()).unwrap();
    let erasure = world.bus.request_erasure(&officer, &subject, "An Act".to_owned()).await.unwrap();
    world.bus.govern(&world.operator, Command::ApproveErasure { erasure }).await.unwrap();
    let told = pulled(&world, &world.tax, &cleared()).await;
    assert_eq!(text(&told[0].event), text(&birth(1)));
    let third = &told[2].event;
    assert!(third.extensions.iter().any(|(name, _)| name == "erased"), "{third:?}");
    let document: serde_json::Value = serde_json::from_str(&text(third)).unwrap();
    let left = serde_json::json!({"registrationOffice": "North", "clerk": "nobody", "parents": [{}]});
    assert_eq!(document, left);
    world.bus.close().await;
}
