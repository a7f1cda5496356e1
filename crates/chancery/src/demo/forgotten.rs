//! The chapter in which somebody is forgotten.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::offices::{Offices, find};
use super::story::Story;
use super::town::Town;
use crate::output::{Failure, cell};

/// The agencies that have something about a child: its birth, its tax number, its benefit.
const ABOUT_A_CHILD: [&str; 3] = ["civil-registry", "tax-office", "social-insurance"];

pub fn tell(story: &mut Story, offices: &Offices, town: &Town, folder: &Path) -> Result<(), Failure> {
    let birth = &town.births[10];
    let (id, child) = (cell(&birth["id"]), &birth["data"]["child"]);
    let see = || find(&offices.client("tax-office"), "tax-office.births", &id);
    let before = see()?;
    let reason = "Data Protection Act §17";
    let body = json!({"subject": child["personId"], "reason": reason});
    let [asking, others @ ..] = ABOUT_A_CHILD;
    let asked = offices.officer(asking).post("/v1/erasures", &body)?;
    let erasure = cell(&asked["erasure"]);
    story.say(format_args!(
        "{asking}'s data protection officer asks for it, by {reason}; the number stands nowhere"
    ));
    let mut stands = Value::Null;
    for agency in others {
        stands = offices.officer(agency).post(&format!("/v1/erasures/{erasure}/approve"), &json!({}))?;
        story.say(format_args!("{agency}'s agrees"));
    }
    story.check(
        stands["status"] == "carried-out",
        "with the second pair of eyes at each agency the keys are gone",
    )?;
    let after = see()?;
    story.say(format_args!(
        "{id}, for the tax office, before and after:\n  {}\n  {}",
        before["data"], after["data"]
    ));
    let gone = after["erased"] == true && !after.to_string().contains(&cell(&child["name"]));
    story.check(gone && before["data"]["child"]["name"] == child["name"], "the event is a tombstone")?;
    let other = find(&offices.client("tax-office"), "tax-office.births", &cell(&town.births[11]["id"]))?;
    story.check(other["data"]["child"]["name"].is_string(), "another child's event is as it was")?;
    certified(story, offices, &erasure, folder)
}

fn certified(story: &mut Story, offices: &Offices, erasure: &str, folder: &Path) -> Result<(), Failure> {
    let (certificate, key) = (folder.join("certificate.txt"), folder.join("audit.pub"));
    std::fs::write(&key, cell(&offices.operator().get("/v1/audit")?["key"]))?;
    let path = format!("/v1/erasures/{erasure}/certificate");
    let answer = offices.officer(ABOUT_A_CHILD[0]).send("GET", &path, "", None)?.good()?;
    std::fs::write(&certificate, &answer.body)?;
    let mut verify = Command::new(std::env::current_exe()?);
    let report = verify.arg("verify").arg(&certificate).arg("--key").arg(&key).output()?;
    story.say(String::from_utf8_lossy(&report.stdout).trim_end());
    story.check(
        report.status.success(),
        "a signed certificate says so, and who was told; it verifies without the bus",
    )
}
