//! The story, chapter by chapter.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::json;

use super::forgotten;
use super::life::{Life, lock};
use super::offices::{AGENCIES, Offices, commit, find, publish_one, pull};
use super::server::Server;
use super::story::{Story, quantile_ms, thousands};
use super::town::Town;
use crate::output::{Failure, cell, line};

/// Which subscription reads all of a topic.
const READERS: [(&str, &str, &str); 8] = [
    ("civil.birth.registered", "tax-office", "tax-office.births"),
    ("civil.marriage.registered", "tax-office", "tax-office.marriages"),
    ("tax.id.assigned", "social-insurance", "social-insurance.tax-ids"),
    ("tax.payment.received", "social-insurance", "social-insurance.tax-payments"),
    ("benefit.child.granted", "tax-office", "tax-office.child-benefits"),
    ("permit.building.issued", "tax-office", "tax-office.building-permits"),
    ("court.decision.published", "tax-office", "tax-office.decisions"),
    ("emergency.alert.issued", "courts", "courts.alerts"),
];

/// Tells the whole story.
pub fn tell(seed: u64, births: usize, stay: bool) -> Result<(), Failure> {
    let started = Instant::now();
    let folder = tempfile::Builder::new().prefix("chancery-demo-").tempdir()?;
    let data = folder.path().join("data");
    let mut story = Story::new();
    line("Chancery: a year in the town of Riverside, on a bus of its own.");

    story.chapter("The bus starts, and six agencies come on it");
    let server = Server::start(&data, "127.0.0.1:0")?;
    story.say(&server.ready);
    let (url, address) = (format!("http://{}", server.address), server.address.clone());
    let token = std::fs::read_to_string(data.join("operator.token"))?.trim().to_owned();
    let (offices, changes) = Offices::found(&url, &token)?;
    story.say(format_args!("{changes} changes from a folder of files: {}", AGENCIES.join(", ")));
    story.say(
        "eight topics with owner, steward, deputy and contract; eighteen subscriptions, each with a purpose",
    );
    story.say("the bootstrap is closed: from now on owners and data protection officers decide");

    story.chapter("A year of the town, with the plug pulled in the middle");
    let town = Town::new(seed, births);
    let life = Life::default();
    let server = Mutex::new(server);
    let mut crash = String::new();
    let in_the_middle = || -> Result<(), Failure> {
        let acknowledged = life.acknowledged();
        let mut server = lock(&server);
        server.kill()?;
        let again = Instant::now();
        *server = Server::start(&data, &address)?;
        let back_ms = again.elapsed().as_millis();
        let log = server.log_text();
        let recovered = log.lines().rfind(|line| line.contains("journal open")).unwrap_or_default();
        let recovered = recovered.split_once("INFO ").map_or(recovered, |(_, said)| said);
        crash = format!(
            "kill -9 with {} events acknowledged and more under way; back after {back_ms} ms\nit says: {recovered}",
            thousands(acknowledged as u64)
        );
        Ok(())
    };
    let year = Instant::now();
    life.live(&town, &offices, in_the_middle)?;
    story.say(&crash);
    for (topic, ids) in lock(&life.ledger).iter() {
        story.say(format_args!("{:>7}  {topic}", thousands(ids.len() as u64)));
    }
    let total = life.acknowledged();
    story.say(format_args!(
        "{} events acknowledged in {:.1} s; {} of them were sent again after the crash and recognised",
        thousands(total as u64),
        year.elapsed().as_secs_f64(),
        life.duplicates.load(Ordering::Relaxed)
    ));
    story.say("each birth made the tax office assign a tax number and social insurance grant a benefit, by themselves");
    alerts(&story, &life);

    story.chapter("Nothing acknowledged is lost, nothing is there twice");
    nothing_lost(&mut story, &offices, &life)?;

    story.chapter("An event that breaks its contract is refused, and the producer learns why");
    refused(&mut story, &offices, &town)?;

    story.chapter("The same event, for one who is cleared and for one who is not");
    cleared(&mut story, &offices)?;

    story.chapter("A dead letter, and its second delivery");
    dead_letter(&mut story, &offices)?;

    story.chapter("The same event again, and another event under its name");
    duplicate(&mut story, &offices, &town)?;

    story.chapter("One birth, followed across agencies");
    traced(&mut story, &offices)?;

    story.chapter("A child is forgotten, by the law and by three people's word");
    forgotten::tell(&mut story, &offices, &town, folder.path())?;

    story.chapter("No personal data in the clear");
    sealed(&mut story, &data, &town)?;

    story.chapter("The audit, checked without the bus");
    audited(&mut story, &offices, folder.path())?;

    summary(&story, &offices, &data, started)?;
    end(server.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner), folder, &url, stay)
}

fn alerts(story: &Story, life: &Life) {
    let (mut alerts, mut batches) = (lock(&life.alert_ms), lock(&life.batch_ms));
    let line = |what: &str, times: &mut [f64]| {
        let (p50, p99) = (quantile_ms(times, 0.5), quantile_ms(times, 0.99));
        story.say(format_args!(
            "{what}: half within {p50:.1} ms, 99 of 100 within {p99:.1} ms ({} taken)",
            times.len()
        ));
    };
    line("an emergency alert was durable", &mut alerts);
    line("a batch of 40 events beside it ", &mut batches);
}

fn nothing_lost(story: &mut Story, offices: &Offices, life: &Life) -> Result<(), Failure> {
    let ledger = lock(&life.ledger);
    let (mut found, mut missing, mut twice, mut misplaced) = (0usize, 0usize, 0usize, 0usize);
    for (topic, agency, subscription) in READERS {
        let client = offices.client(agency);
        let mut places: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        let mut from = "earliest".to_owned();
        loop {
            let (events, cursor) = pull(&client, subscription, &format!("max=1000&from={from}"))?;
            if events.is_empty() {
                break;
            }
            for event in &events {
                let number = |name: &str| event[name].as_u64().unwrap_or(u64::MAX);
                places.entry(cell(&event["id"])).or_default().push((number("partition"), number("offset")));
            }
            from = cursor;
        }
        found += places.values().map(Vec::len).sum::<usize>();
        twice += places.values().filter(|places| places.len() > 1).count();
        for (id, receipt) in ledger.get(topic).into_iter().flatten() {
            match places.get(id).and_then(|places| places.first()) {
                None => missing += 1,
                Some(place) => misplaced += usize::from(place != receipt),
            }
        }
    }
    let acknowledged: usize = ledger.values().map(BTreeMap::len).sum();
    story.check(
        missing == 0,
        format_args!(
            "all {} acknowledged events are there ({missing} missing)",
            thousands(acknowledged as u64)
        ),
    )?;
    story
        .check(misplaced == 0, format_args!("each stands where its receipt says ({misplaced} elsewhere)"))?;
    story.check(
        twice == 0 && found == acknowledged,
        format_args!("none is there twice ({} read, {twice} twice)", thousands(found as u64)),
    )
}

fn refused(story: &mut Story, offices: &Offices, town: &Town) -> Result<(), Failure> {
    let mut birth = town.births[0].clone();
    birth["id"] = "birth-with-a-typo".into();
    birth["data"]["child"]["dateOfBirth"] = "2026-13-01".into();
    let (status, problem) = publish_one(&offices.client("civil-registry"), &birth)?;
    let detail = cell(&problem["detail"]);
    story.say(format_args!("{status} {detail}"));
    let names_all = ["civil.birth.registered v1", "/child/dateOfBirth", "m.okafor"]
        .iter()
        .all(|part| detail.contains(part));
    story.check(status == 422 && names_all, "the refusal names the contract, the field and the steward")?;
    story.check(!problem.to_string().contains("2026-13-01"), "it does not repeat the personal value")
}

fn cleared(story: &mut Story, offices: &Offices) -> Result<(), Failure> {
    let id = "birth-000020";
    let tax = find(&offices.client("tax-office"), "tax-office.births", id)?;
    let permits = find(&offices.client("permits-office"), "permits-office.births", id)?;
    story.say(format_args!(
        "the tax office, cleared for internal and personal, to assign tax numbers:\n  {}",
        tax["data"]
    ));
    story.say(format_args!(
        "the permits office, cleared for nothing, to count births:\n  {}",
        permits["data"]
    ));
    story.check(tax["data"]["child"]["name"].is_string(), "the one sees the child's name")?;
    story.check(
        tax["data"]["child"].get("healthNote").is_none(),
        "but not the note on its health, which is of the class special",
    )?;
    let open = permits.to_string();
    let name = cell(&tax["data"]["child"]["name"]);
    let hidden = !open.contains(&name) && !open.contains(&cell(&tax["data"]["child"]["personId"]));
    story.check(hidden, "the other sees neither name nor number; the event's subject is a pseudonym")
}

fn dead_letter(story: &mut Story, offices: &Offices) -> Result<(), Failure> {
    let (client, subscription) = (offices.client("social-insurance"), "social-insurance.marriages");
    let (events, cursor) = pull(&client, subscription, "max=1")?;
    let event = events.first().ok_or_else(|| Failure::new("no marriage to process"))?;
    let body = json!({"partition": event["partition"], "offset": event["offset"], "reason": "the registration office is not in our table yet"});
    let letter = client.post(&format!("/v1/subscriptions/{subscription}/reject"), &body)?;
    commit(&client, subscription, &cursor)?;
    story.say(format_args!(
        "social insurance cannot process {}: {}",
        cell(&event["id"]),
        cell(&letter["reason"])
    ));
    let id = cell(&letter["id"]);
    let listed = client.get("/v1/dead-letters?subscription=social-insurance.marriages")?;
    story.check(
        listed["dead_letters"][0]["id"] == letter["id"],
        format_args!("the dead letter {id} is a reference, not a copy, and blocks nothing"),
    )?;
    client.post(&format!("/v1/dead-letters/{id}/redrive"), &json!({}))?;
    let (events, cursor) = pull(&client, subscription, "max=1")?;
    let again = events.first().is_some_and(|next| next["id"] == event["id"] && next["redriven"] == 1);
    story.check(again, "after the table is mended it comes again, before anything else")?;
    commit(&client, subscription, &cursor)?;
    let listed = client.get("/v1/dead-letters?subscription=social-insurance.marriages")?;
    story.check(
        listed["dead_letters"].as_array().is_some_and(Vec::is_empty),
        "and when it is processed, the letter is gone",
    )
}

fn duplicate(story: &mut Story, offices: &Offices, town: &Town) -> Result<(), Failure> {
    let client = offices.client("civil-registry");
    let (first_status, first) = publish_one(&client, &town.births[3])?;
    let (status, again) = publish_one(&client, &town.births[3])?;
    story.say(format_args!("sent once more: {status}, {again}"));
    story.check(
        first_status == 200 && status == 200 && first == again,
        "a repeat gets the receipt of the first time",
    )?;
    let mut other = town.births[3].clone();
    other["data"]["registrationOffice"] = "Elsewhere".into();
    let (status, problem) = publish_one(&client, &other)?;
    story.say(format_args!("{status} {}", cell(&problem["detail"])));
    story.check(status == 409, "other content under the same identity is refused")
}

fn traced(story: &mut Story, offices: &Offices) -> Result<(), Failure> {
    let answer = offices.operator().get("/v1/trace/birth-000020")?;
    let steps = answer["steps"].as_array().cloned().unwrap_or_default();
    for step in &steps {
        let indent = if step["causation"].is_null() { "" } else { "   " };
        let part = |field: &str| cell(&step[field]);
        story.say(format_args!(
            "{indent}{} by {} ({}, audit leaf {})",
            part("topic"),
            part("agency"),
            part("id"),
            part("leaf")
        ));
        for disclosed in step["disclosed"].as_array().into_iter().flatten() {
            let opened = cell(&disclosed["opened"]);
            let opened = if opened.is_empty() { "public fields only".to_owned() } else { opened };
            story.say(format_args!(
                "{indent}   → {} to {} [{opened}]",
                cell(&disclosed["agency"]),
                cell(&disclosed["purpose"])
            ));
        }
    }
    let topics: Vec<String> = steps.iter().map(|step| cell(&step["topic"])).collect();
    let whole = ["civil.birth.registered", "tax.id.assigned", "benefit.child.granted"]
        .iter()
        .all(|topic| topics.iter().any(|t| t == topic));
    story.check(whole, "one birth, a tax number and a benefit at three agencies, and who was handed each")
}

fn sealed(story: &mut Story, data: &Path, town: &Town) -> Result<(), Failure> {
    let (mut bytes, mut hits) = (0u64, Vec::new());
    search(data, &town.planted, &mut bytes, &mut hits)?;
    let log = std::fs::read_to_string(data.with_extension("log"))?;
    hits.extend(town.planted.iter().filter(|planted| log.contains(planted.as_str())).cloned());
    let what = format!(
        "{} names and numbers of people: none in {} bytes on disk, none in the log",
        town.planted.len(),
        thousands(bytes)
    );
    story.check(
        hits.is_empty() && bytes > 0,
        format_args!("{what}{}", if hits.is_empty() { "" } else { " — FOUND" }),
    )
}

fn search(folder: &Path, planted: &[String], bytes: &mut u64, hits: &mut Vec<String>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            search(&path, planted, bytes, hits)?;
            continue;
        }
        let content = std::fs::read(&path)?;
        // Preallocated files end in zeros, which hold nothing.
        let used = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        *bytes += used as u64;
        let text = String::from_utf8_lossy(&content[..used]);
        hits.extend(planted.iter().filter(|planted| text.contains(planted.as_str())).cloned());
    }
    Ok(())
}

fn audited(story: &mut Story, offices: &Offices, folder: &Path) -> Result<(), Failure> {
    let operator = offices.operator();
    let (bundle, key) = (folder.join("audit.jsonl"), folder.join("audit.pub"));
    std::fs::write(&key, cell(&operator.get("/v1/audit")?["key"]))?;
    let mut out = std::fs::File::create(&bundle)?;
    let bytes = operator.download("/v1/audit/export?hashes=true", &mut out)?;
    story.say(format_args!(
        "one file of {} bytes, one public key, one command: chancery verify audit.jsonl --key audit.pub",
        thousands(bytes)
    ));
    let verify = || -> Result<std::process::Output, Failure> {
        Ok(Command::new(std::env::current_exe()?)
            .arg("verify")
            .arg(&bundle)
            .arg("--key")
            .arg(&key)
            .output()?)
    };
    let report = verify()?;
    story.say(String::from_utf8_lossy(&report.stdout).trim_end());
    story.check(report.status.success(), "the audit verifies, without the bus and without a network")?;
    let mut altered = std::fs::read(&bundle)?;
    let at = altered
        .windows(10)
        .rposition(|window| window == b"disclosure")
        .ok_or_else(|| Failure::new("no disclosure"))?;
    altered[at + 2] ^= 1;
    std::fs::write(&bundle, altered)?;
    let report = verify()?;
    story.say(format_args!(
        "with one bit of it changed: {}",
        String::from_utf8_lossy(&report.stderr).lines().last().unwrap_or_default()
    ));
    story.check(!report.status.success(), "a single changed bit is found")
}

fn summary(story: &Story, offices: &Offices, data: &Path, started: Instant) -> Result<(), Failure> {
    let metrics = offices.operator().send("GET", "/metrics", "", None)?.good()?;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let sum = |name: &str| -> u64 {
        let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>() as u64
    };
    line("\nSince the restart, by the bus's own metrics");
    for (what, name) in [
        ("events accepted", "chancery_events_published_total"),
        ("duplicates recognised", "chancery_events_duplicate_total"),
        ("events refused", "chancery_events_refused_total"),
        ("events handed over", "chancery_events_delivered_total"),
        ("leaves in the audit (all time)", "chancery_audit_tree_size"),
    ] {
        line(format_args!("   {what:32}{:>10}", thousands(sum(name))));
    }
    line(format_args!("   {:32}{:>10}", "bytes in the data folder", thousands(used_bytes(data)?)));
    line(format_args!("\n{} checks held in {:.0} seconds.", story.checks(), started.elapsed().as_secs_f64()));
    Ok(())
}

/// Bytes that the folder takes on the disk.
fn used_bytes(folder: &Path) -> Result<u64, Failure> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        bytes += if path.is_dir() { used_bytes(&path)? } else { path.metadata()?.blocks() * 512 };
    }
    Ok(bytes)
}

fn end(mut server: Server, folder: tempfile::TempDir, url: &str, stay: bool) -> Result<(), Failure> {
    if stay {
        let kept = folder.keep();
        let id = server.leave_running();
        line(format_args!("\nThe bus goes on at {url} (process {id})."));
        line(format_args!(
            "   export CHANCERY_URL={url} CHANCERY_TOKEN=$(cat {}/data/operator.token)",
            kept.display()
        ));
        line("   chancery topic list");
        line("   chancery trace birth-000020");
        line(format_args!("   kill {id}    ends it"));
        return Ok(());
    }
    server.stop()?;
    line("\nNext: chancery serve, then chancery apply examples/governance, then the tour in README.md.");
    Ok(())
}
