//! Promises about folders of governance files: applied whole or not at all, whatever is in the way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::common::*;
use bus::clock::SystemClock;
use bus::{Bus, Opened, Settings};
use contract::TopicName;
use journal::faults::FaultyDisk;
use journal::{Embedded, Options};

/// The world's folder, and with it what is applied last: a subscription.
fn with_last(expires: &str) -> BTreeMap<String, String> {
    let mut files = files();
    let births = "topics/civil.birth.registered/";
    let topic = files[&format!("{births}topic.yaml")].replace("civil.birth", "civil.death");
    let schema = files[&format!("{births}v1.schema.json")].clone();
    files.insert("topics/civil.death.registered/topic.yaml".to_owned(), topic);
    files.insert("topics/civil.death.registered/v1.schema.json".to_owned(), schema);
    let agency = files["agencies/tax-office.yaml"].replace("tax-office", "zoo");
    files.insert("agencies/zoo.yaml".to_owned(), agency);
    let last = files["subscriptions/tax-office.births.yaml"].replace("tax-office", "zoo");
    let last = last.replace("civil.birth", "civil.death").replace("2035-01-01", expires);
    files.insert("subscriptions/zoo.deaths.yaml".to_owned(), last.replace("zoo.births", "zoo.deaths"));
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_last_step_is_refused_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let before = world.bus.state(&world.operator).unwrap();
    let refused = world.bus.apply(&world.operator, &with_last("2199-01-01"), false).await.unwrap_err();
    assert!(refused.text.starts_with("+ subscription zoo.deaths"), "{refused}");
    assert!(refused.text.ends_with("nothing was applied"), "{refused}");
    let deaths: TopicName = "civil.death.registered".parse().unwrap();
    assert!(world.bus.contract(&world.operator, &deaths, None).is_err());
    assert_eq!(*world.bus.state(&world.operator).unwrap(), *before);
    let world = reopened(world, folder.path()).await;
    assert_eq!(*world.bus.state(&world.operator).unwrap(), *before);
    assert!(world.bus.contract(&world.operator, &deaths, None).is_err());

    // What was in the way gone, the same folder is applied.
    world.bus.apply(&world.operator, &with_last("2035-01-01"), false).await.unwrap();
    assert!(world.bus.contract(&world.operator, &deaths, None).is_ok());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_applied_twice_changes_nothing_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let files = with_last("2035-01-01");
    assert!(!world.bus.apply(&world.operator, &files, false).await.unwrap().is_empty());
    let (once, decided) = (world.bus.state(&world.operator).unwrap(), decisions(&world.bus));
    assert!(world.bus.apply(&world.operator, &files, false).await.unwrap().is_empty());
    assert_eq!(*world.bus.state(&world.operator).unwrap(), *once);
    assert_eq!(decisions(&world.bus), decided, "nothing was decided");
    world.bus.close().await;
}

/// How many decisions the audit knows. Notices become events when there is time, and are none.
fn decisions(bus: &Bus) -> usize {
    bus.decisions(None, 1_000).unwrap().decisions.len()
}

async fn on(disk: &FaultyDisk, data: &Path) -> (Bus, Opened) {
    let options = Options { log_bytes: 1 << 20, ..Options::default() };
    let (journal, _) = Embedded::open("/journal", Arc::new(disk.clone()), options).unwrap();
    let settings = Settings {
        data: data.to_owned(),
        name: "test-bus".to_owned(),
        state_prefix: None,
        keys: Default::default(),
    };
    Bus::open(settings, Arc::new(journal), Arc::new(TestKms), Arc::new(SystemClock)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_the_power_breaks_off_is_there_whole_or_not_at_all() {
    let (mut nothing, mut whole) = (0, 0);
    for step in 1.. {
        let (disk, data) = (FaultyDisk::new(step), tempfile::tempdir().unwrap());
        let (bus, opened) = on(&disk, data.path()).await;
        let token = opened.operator_token.unwrap();
        let operator = bus.identify(&token).unwrap();
        bus.apply(&operator, &files(), false).await.unwrap();
        let before = bus.state(&operator).unwrap();
        disk.crash_after(step);
        let applied = bus.apply(&operator, &with_last("2035-01-01"), false).await;
        let was_in_time = !disk.is_down();
        disk.crash();
        bus.close().await;
        drop(bus);

        disk.restart();
        let (bus, _) = on(&disk, data.path()).await;
        let operator = bus.identify(&token).unwrap();
        let is_whole = bus.plan(&operator, &with_last("2035-01-01"), false).await.unwrap().is_empty();
        let is_nothing = *bus.state(&operator).unwrap() == *before;
        assert!(is_whole || (is_nothing && applied.is_err()), "step {step}: {applied:?}");
        if is_whole {
            whole += 1
        } else {
            nothing += 1
        }
        bus.close().await;
        if was_in_time {
            break;
        }
    }
    assert!(nothing > 0 && whole > 0, "{nothing} times nothing, {whole} times all");
}
