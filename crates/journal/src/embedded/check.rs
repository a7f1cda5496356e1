//! The doctor's look: every byte of every file that counts, every checksum.

use super::catalogue::Catalogue;
use super::engine::Engine;
use super::frame;
use super::log::Log;
use super::read::fetch;
use super::segment::{Segment, finding};
use crate::disk::Access;
use crate::error::{Finding, JournalError};

/// Records verified with one read.
const RECORDS_AT_ONCE: usize = 256;

pub(super) fn check(engine: &Engine) -> Vec<Finding> {
    let mut findings: Vec<Finding> = check_catalogue(engine).into_iter().collect();
    for lane in engine.open_lanes() {
        let logs: Vec<_> = lane.logs.read().iter().cloned().collect();
        findings.extend(logs.iter().filter_map(|log| check_log(engine, log)));
    }
    let segments = engine.segments.read().clone();
    for segment in segments {
        findings.extend(segment.check_pages());
        findings.extend(check_records(&segment).err().and_then(|error| finding(&segment.path, error)));
    }
    findings
}

fn check_catalogue(engine: &Engine) -> Option<Finding> {
    // With the lock, or a change that is being written would look torn.
    let _catalogue = engine.catalogue.lock();
    let path = Catalogue::path(&engine.root);
    match Catalogue::open(&engine.disk, &engine.root, Access::Read) {
        Ok(Some(opened)) => opened.damage,
        Ok(None) => Some(Finding::new(&path, 0, "missing; restore the folder from a backup")),
        Err(error) => Some(Finding::new(&path, 0, error.to_string())),
    }
}

/// The first damage in a log: frames cannot be told apart after it.
fn check_log(engine: &Engine, log: &Log) -> Option<Finding> {
    let (used, mut position) = (log.used(), 0);
    for number in 0.. {
        if position >= used {
            break;
        }
        match frame::read(&*log.file, log.identity(engine.salt), position, number) {
            Ok(Some(frame)) => position += frame::extent(frame.head.payload as usize),
            Ok(None) => {
                return Some(Finding::new(&log.path, position, format!("group {} is damaged", number + 1)));
            }
            Err(error) => return Some(Finding::new(&log.path, position, error.to_string())),
        }
    }
    None
}

fn check_records(segment: &Segment) -> Result<(), JournalError> {
    for part in &segment.parts {
        let mut spots = Vec::with_capacity(part.count as usize);
        segment.walk_all(part.ordinal, part.count, &mut |spot| spots.push(spot))?;
        for (index, chunk) in spots.chunks(RECORDS_AT_ONCE).enumerate() {
            let first = part.first + (index * RECORDS_AT_ONCE) as u64;
            fetch(&*segment.file, &segment.path, (part.stream, first), chunk, &mut Vec::new())?;
        }
    }
    Ok(())
}
