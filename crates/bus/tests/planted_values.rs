//! No plaintext of a classified field on disk, in metrics, in errors, in dead letters.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;

use crate::common::*;
use contract::Data;

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_value_stands_in_the_clear_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let mut said = String::new();
    for number in 0..400 {
        receipt(publish(&world, birth(number)).await);
    }
    for number in 400..440 {
        let mut event = birth(number);
        let broken = match number % 4 {
            0 => text(&event).replace("2026-11-01", "1st of November"),
            1 => text(&event).replace("\"name\"", "\"nmae\""),
            2 => text(&event).replace("}],", "},"),
            _ => text(&event).replace("\"birthDate\"", "\"name\":\"Zephyrine again\",\"birthDate\""),
        };
        event.data = Some(Data::Json(broken.into()));
        // Nobody looked at the id of an event that breaks its contract, or that is refused for its very id.
        event.id = format!("birth-of-PID-{number:07}");
        said += &refusal(publish(&world, event).await).to_string();
    }
    let opened = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    let first = &opened.events[0];
    world.bus.reject(&world.tax, &cleared(), first.partition, first.offset, "not understood").await.unwrap();
    let redacted = world.bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    for delivered in &redacted.events {
        said += &text(&delivered.event);
        said += &format!("{:?}", delivered.event);
    }
    said += &world.bus.metrics_text();
    said += &format!("{:?}", world.bus.dead_letters(&world.tax, None).unwrap());
    let mut bundle = Vec::new();
    world.bus.audit().export(0, true, &mut bundle).unwrap();
    said += &String::from_utf8(bundle).unwrap();
    world.bus.close().await;
    for planted in ["Zephyrine", "Thaddeus", "PID-0", "PAR-0", "Clerkson"] {
        assert!(!said.contains(planted), "{planted} was said");
        search(folder.path(), planted.as_bytes());
    }
    assert!(text(&opened.events[0].event).contains("Zephyrine"), "the search would find nothing anyway");
}

pub fn search(folder: &Path, planted: &[u8]) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            search(&entry.path(), planted);
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        let found = bytes.windows(planted.len()).any(|window| window == planted);
        assert!(!found, "{} stands in {}", String::from_utf8_lossy(planted), entry.path().display());
    }
}
