//! The standards' policies as those who publish, consume and ask meet them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::*;
use bus::{Bus, Caller, Pull, Refusal, RefusalKind};
use governance::{Command, Standards};
use serde_json::json;

async fn set(bus: &Bus, operator: &Caller, policies: &[(&str, &str)]) -> Result<(), Refusal> {
    let policies = policies.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let standards = Standards { policies: policies.collect(), ..Standards::default() };
    bus.govern(operator, Command::SetStandards { standards }).await.map(drop)
}

fn blocked(name: &str, action: &str) -> String {
    format!(
        "@id(\"blocked\") forbid (principal == Principal::{name:?}, action == Action::{action:?}, resource);"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_holds_at_once_for_who_publishes_and_for_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    receipt(publish(&world, birth(1)).await);
    let read = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    let after = bus::From::Cursor(read.cursor);

    // A consumer that waits is told, and is handed nothing that comes then.
    let waiting = tokio::spawn({
        let (bus, tax) = (world.bus.clone(), world.tax.clone());
        let pull = Pull { from: Some(after.clone()), wait_ms: 30_000, ..all() };
        async move { bus.pull(&tax, &cleared(), pull).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let text = blocked(world.tax.principal.as_str(), "consume");
    set(&world.bus, &world.operator, &[("a.cedar", &text)]).await.unwrap();
    receipt(publish(&world, birth(2)).await);
    let told = waiting.await.unwrap().unwrap_err();
    assert_eq!((told.kind, told.code), (RefusalKind::Forbidden, Some("forbidden-by-standards")), "{told}");
    assert!(told.text.contains("policy blocked"), "{told}");

    let text = blocked(world.registry.principal.as_str(), "publish");
    set(&world.bus, &world.operator, &[("a.cedar", &text)]).await.unwrap();
    let told = world.bus.publish(&world.registry, &topic(), vec![Ok(birth(3))]).await.unwrap_err();
    assert_eq!(told.kind, RefusalKind::Forbidden, "{told}");
    // The other is let in again, and finds what came meanwhile.
    let pull = Pull { from: Some(after), ..all() };
    assert_eq!(world.bus.pull(&world.tax, &cleared(), pull).await.unwrap().events.len(), 1);

    set(&world.bus, &world.operator, &[]).await.unwrap();
    receipt(publish(&world, birth(3)).await);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_explained_by_the_policies_of_its_time_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let text = r#"@id("frozen") @reason("the register is being moved")
        forbid (principal, action == Action::"change-agency", resource == Agency::"tax-office");"#;
    set(&world.bus, &world.operator, &[("a.cedar", text)]).await.unwrap();
    let change = json!({"command": "change-agency", "agency": "tax-office", "name": "Revenue"});
    let change: Command = serde_json::from_value(change).unwrap();
    let told = world.bus.govern(&world.operator, change.clone()).await.unwrap_err();
    assert!(told.text.contains("the register is being moved (policy frozen)"), "{told}");
    set(&world.bus, &world.operator, &[]).await.unwrap();
    world.bus.govern(&world.operator, change).await.unwrap();

    let world = reopened(world, folder.path()).await;
    let decisions = world.bus.decisions(None, 4).unwrap().decisions;
    let seen: Vec<_> =
        decisions.iter().map(|one| (one["command"].clone(), one["policies"].clone())).collect();
    let rights = json!(["chancery.rights"]);
    let expected = [
        (json!("change-agency"), rights.clone()),
        (json!("set-standards"), rights.clone()),
        (json!("change-agency"), json!(["frozen"])),
        (json!("set-standards"), rights),
    ];
    assert_eq!(seen, expected);

    let index = decisions[2]["index"].as_u64().unwrap();
    let explained = world.bus.explain(&world.operator, index).unwrap();
    let (then, now) = (explained.then.unwrap(), explained.now.unwrap());
    assert_eq!((then.allowed, then.policies()), (false, vec!["frozen".to_owned()]));
    assert!(now.allowed, "{now:?}");
    assert_eq!(explained.policies[0].file, "a.cedar");
    // What the policies of then allowed, as the audit says.
    let index = decisions[1]["index"].as_u64().unwrap();
    assert!(world.bus.explain(&world.operator, index).unwrap().then.unwrap().allowed);

    let refused = world.bus.explain(&world.tax, index).unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Forbidden);
    let missing = world.bus.explain(&world.operator, 1_000_000).unwrap_err();
    assert_eq!(missing.kind, RefusalKind::Unknown);
    world.bus.close().await;
}

/// The world's folder with these policies and another topic.
fn with(policies: &str, topic: &str) -> BTreeMap<String, String> {
    let mut files = files();
    files.insert("standards/standards.toml".to_owned(), String::new());
    files.insert("standards/a.cedar".to_owned(), policies.to_owned());
    let births = "topics/civil.birth.registered";
    let text = files[&format!("{births}/topic.yaml")].replace("civil.birth.registered", topic);
    let schema = files[&format!("{births}/v1.schema.json")].clone();
    files.insert(format!("topics/{topic}/topic.yaml"), text);
    files.insert(format!("topics/{topic}/v1.schema.json"), schema);
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_explained_step_by_step_by_the_policies_that_it_was_judged_by() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    // Refused by the policies that it would have set itself, which never are in force.
    let own = r#"@id("civil-only") @reason("the register alone")
        forbid (principal, action == Action::"create-topic", resource) unless { resource in Domain::"civil" };"#;
    let told = world.bus.apply(&world.operator, &with(own, "tax.birth.registered"), false).await.unwrap_err();
    assert!(told.text.contains("the register alone (policy civil-only)"), "{told}");
    // Applied under policies that were set before.
    set(&world.bus, &world.operator, &[("a.cedar", own)]).await.unwrap();
    world.bus.apply(&world.operator, &with(own, "civil.death.registered"), false).await.unwrap();
    set(&world.bus, &world.operator, &[]).await.unwrap();

    let world = reopened(world, folder.path()).await;
    let decisions = world.bus.decisions(None, 4).unwrap().decisions;
    let index = |place: usize| decisions[place]["index"].as_u64().unwrap();
    let refused = world.bus.explain(&world.operator, index(3)).unwrap();
    let then = refused.then.unwrap();
    assert_eq!((then.allowed, then.policies()), (false, vec!["civil-only".to_owned()]));
    assert!(refused.now.unwrap().allowed);
    assert_eq!(refused.policies[0].policy, "civil-only");

    let applied = world.bus.explain(&world.operator, index(1)).unwrap();
    assert_eq!((applied.left_out, applied.steps.len()), (0, 1));
    let step = &applied.steps[0];
    assert!(step.step.starts_with("+ topic civil.death.registered"), "{}", step.step);
    assert_eq!(
        (step.question.action.as_str(), step.question.principal.as_str()),
        ("create-topic", world.operator.principal.as_str())
    );
    assert!(step.again.then.as_ref().unwrap().allowed && step.again.now.allowed);
    assert_eq!(decisions[1]["steps"]["kept"], 1);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_of_a_folders_questions_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let text = r#"forbid (principal, action == Action::"publish", resource == Topic::"nowhere.to.go");"#;
    set(&world.bus, &world.operator, &[("a.cedar", text)]).await.unwrap();
    let mut files = with(text, "civil.death.registered");
    for number in 0..105 {
        let agency = files["agencies/tax-office.yaml"].replace("tax-office", &format!("office{number}"));
        files.insert(format!("agencies/office{number}.yaml"), agency);
    }
    world.bus.apply(&world.operator, &files, false).await.unwrap();
    let index = world.bus.decisions(None, 1).unwrap().decisions[0]["index"].as_u64().unwrap();
    let explained = world.bus.explain(&world.operator, index).unwrap();
    assert_eq!((explained.steps.len(), explained.left_out), (100, 6));
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_listed_page_by_page_to_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let all = world.bus.decisions(None, 1_000).unwrap();
    assert_eq!(all.before, None, "all was looked through");
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let page = world.bus.decisions(before, 2).unwrap();
        assert!(page.decisions.len() <= 2);
        listed.extend(page.decisions);
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    assert!(listed.len() > 2);
    assert_eq!(listed, all.decisions);
    world.bus.close().await;
}
