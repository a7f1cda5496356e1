//! The standards' policies as those who publish, consume and ask meet them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::time::Duration;

use bus::{Bus, Caller, Pull, Refusal, RefusalKind};
use common::*;
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
    let decisions = world.bus.decisions(4).unwrap();
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
