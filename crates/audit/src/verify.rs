//! Verifying a bundle offline, in one pass.
//!
//! Memory does not grow with the number of leaves: a compact range for each lane, and a run for each partition.
//! Nothing in a bundle is trusted before the checkpoint's signature; whatever the bytes are, verifying ends with a
//! report or with findings.

use std::io::{BufRead, Read};

use crate::bundle::{Consistency, EventHashes, FORMAT, Header, Leaf, Line, MAX_LINE_BYTES};
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::entry::{Entry, Kind};
use crate::note::VerifierKey;
use crate::proof::verify_consistency;
use crate::report::{Finding, LaneReport, Problem, Report};
use crate::runs::Runs;
use crate::tree::{Frontier, Hash, leaf_hash};

/// Findings that are listed; a bundle with more is as bad.
const MAX_FINDINGS: usize = 100;

/// Verifies a bundle. `previous` are checkpoint notes that were kept from earlier, at most one for each lane; a lane
/// must extend its own. Every finding is about something that an intact bundle does not have.
pub fn verify(reader: impl BufRead, key: &VerifierKey, previous: &[&str]) -> Result<Report, Vec<Finding>> {
    let mut verifier = Verifier::new(key, previous);
    verifier.read(reader);
    verifier.finish()
}

struct Verifier<'k> {
    key: &'k VerifierKey,
    previous: Vec<Checkpoint>,
    headed: bool,
    lanes: Vec<LaneState>,
    runs: Runs,
    report: Report,
    findings: Vec<Finding>,
    line: u64,
}

struct LaneState {
    name: String,
    checkpoint: Checkpoint,
    cosignatures: usize,
    start: u64,
    frontier: Frontier,
    previous: Option<Earlier>,
    /// The publication of the last leaf, whose event hashes may follow.
    publication: Option<Expected>,
    /// A leaf was out of order, and what follows would only say so again.
    broken: bool,
}

struct Earlier {
    checkpoint: Checkpoint,
    connected: bool,
}

struct Expected {
    leaf: u64,
    root: Hash,
    count: u64,
    seen: Frontier,
}

impl<'k> Verifier<'k> {
    fn new(key: &'k VerifierKey, previous: &[&str]) -> Self {
        let mut verifier = Self {
            key,
            previous: Vec::new(),
            headed: false,
            lanes: Vec::new(),
            runs: Runs::default(),
            report: Report::default(),
            findings: Vec::new(),
            line: 0,
        };
        for note in previous {
            match SignedCheckpoint::verify(note, key) {
                Ok(signed) => verifier.previous.push(signed.checkpoint),
                Err(error) => verifier.find(None, None, Problem::Previous(error)),
            }
        }
        verifier
    }

    fn find(&mut self, lane: Option<usize>, leaf: Option<u64>, problem: Problem) {
        if self.findings.len() < MAX_FINDINGS {
            let lane = lane.map(|lane| self.lanes[lane].name.clone());
            let line = (self.line > 0).then_some(self.line);
            self.findings.push(Finding { lane, leaf, line, problem });
        } else if self.findings.len() == MAX_FINDINGS {
            self.findings.push(Finding { lane: None, leaf: None, line: None, problem: Problem::More });
        }
    }

    fn read(&mut self, mut reader: impl BufRead) {
        let mut line = Vec::new();
        while self.findings.len() <= MAX_FINDINGS {
            line.clear();
            self.line += 1;
            match reader.by_ref().take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return self.find(None, None, Problem::Unreadable(error.kind())),
            }
            if line.pop() != Some(b'\n') {
                // Either the limit or the end of the file came before the newline; neither is a whole line.
                let problem =
                    if line.len() + 1 >= MAX_LINE_BYTES { Problem::LineTooLong } else { Problem::NotALine };
                return self.find(None, None, problem);
            }
            match serde_json::from_slice::<Line<'_>>(&line) {
                Ok(Line::Header(header)) if !self.headed => self.header(header),
                Ok(Line::Header(_)) => self.find(None, None, Problem::Header),
                Ok(_) if !self.headed => return self.find(None, None, Problem::Header),
                Ok(Line::Leaf(leaf)) => self.leaf(&leaf),
                Ok(Line::Hashes(hashes)) => self.hashes(&hashes),
                Ok(Line::Consistency(consistency)) => self.consistency(&consistency),
                Err(_) => self.find(None, None, Problem::NotALine),
            }
        }
        self.line = 0;
    }

    fn header(&mut self, header: Header) {
        self.headed = true;
        if header.format != FORMAT {
            self.find(None, None, Problem::Header);
        }
        (self.report.bus, self.report.exported_at) = (header.bus, header.exported_at);
        for lane in header.lanes {
            if self
                .lanes
                .iter()
                .any(|known| known.name == lane.lane || known.checkpoint.origin == lane.origin)
            {
                self.find(None, None, Problem::Header);
                continue;
            }
            let mut problems = Vec::new();
            let (signed, cosignatures) = match SignedCheckpoint::verify(&lane.checkpoint, self.key) {
                Ok(signed) => (Some(signed.checkpoint), signed.note.signatures.len() - 1),
                Err(error) => {
                    problems.push(Problem::Checkpoint(error));
                    (None, 0)
                }
            };
            if let Some(signed) = signed.as_ref().filter(|signed| signed.origin != lane.origin) {
                problems.push(Problem::Origin { signed: signed.origin.clone() });
            }
            let frontier = Frontier::from_hashes(lane.start, lane.frontier);
            if frontier.is_none() || signed.as_ref().is_some_and(|signed| lane.start > signed.size) {
                problems.push(Problem::Start);
            }
            let unsigned = Checkpoint { origin: lane.origin, size: u64::MAX, root: Hash([0; 32]) };
            let checkpoint = signed.unwrap_or(unsigned);
            let earlier = self.previous.iter().find(|earlier| earlier.origin == checkpoint.origin);
            self.lanes.push(LaneState {
                name: lane.lane,
                previous: earlier.map(|earlier| Earlier { checkpoint: earlier.clone(), connected: false }),
                checkpoint,
                cosignatures,
                start: lane.start,
                frontier: frontier.unwrap_or_default(),
                publication: None,
                broken: !problems.is_empty(),
            });
            let index = self.lanes.len() - 1;
            problems.into_iter().for_each(|problem| self.find(Some(index), None, problem));
            self.meet_previous(index);
        }
    }

    fn lane(&mut self, name: &str) -> Option<usize> {
        let index = self.lanes.iter().position(|lane| lane.name == name);
        if index.is_none() {
            self.find(None, None, Problem::UnknownLane);
        }
        index
    }

    fn leaf(&mut self, leaf: &Leaf<'_>) {
        let Some(index) = self.lane(&leaf.lane) else { return };
        if self.lanes[index].broken {
            return;
        }
        self.close_hashes(index);
        let lane = &mut self.lanes[index];
        let expected = lane.frontier.size();
        let problem = match (leaf.index == expected, expected < lane.checkpoint.size) {
            (false, _) => Some(Problem::Order { expected }),
            (true, false) => Some(Problem::BeyondCheckpoint),
            (true, true) => None,
        };
        if let Some(problem) = problem {
            lane.broken = true;
            return self.find(Some(index), Some(leaf.index), problem);
        }
        lane.frontier.push(leaf_hash(leaf.entry.as_bytes()));
        self.meet_previous(index);
        match Entry::decode(leaf.entry.as_bytes()) {
            Err(_) => self.find(Some(index), Some(leaf.index), Problem::Entry),
            Ok(entry) => self.entry(index, leaf.index, entry),
        }
    }

    fn entry(&mut self, lane: usize, leaf: u64, entry: Entry<'_>) {
        if entry.lane != self.lanes[lane].name {
            self.find(Some(lane), Some(leaf), Problem::OtherLane);
        }
        *self.report.kinds.entry(entry.what.name()).or_default() += 1;
        let time = entry.time.into_owned();
        match &mut self.report.times {
            None => self.report.times = Some((time.clone(), time)),
            Some((first, _)) if time < *first => *first = time,
            Some((_, last)) if time > *last => *last = time,
            Some(_) => {}
        }
        let Kind::Publication(publication) = entry.what else { return };
        let mut count: u64 = 0;
        for range in publication.ranges.iter() {
            count = count.saturating_add(range.count);
            if let Err(problem) = self.runs.take(lane, leaf, &publication.topic, *range) {
                self.find(Some(lane), Some(leaf), problem);
            }
        }
        self.report.events = self.report.events.saturating_add(count);
        self.lanes[lane].publication =
            Some(Expected { leaf, root: publication.root, count, seen: Frontier::default() });
    }

    fn hashes(&mut self, hashes: &EventHashes<'_>) {
        let Some(index) = self.lane(&hashes.lane) else { return };
        let lane = &mut self.lanes[index];
        if lane.broken {
            return;
        }
        let expected = lane.publication.as_mut().filter(|expected| expected.leaf == hashes.index);
        let more = hashes.hashes.len() as u64;
        let Some(expected) = expected.filter(|expected| expected.count - expected.seen.size() >= more) else {
            return self.find(Some(index), Some(hashes.index), Problem::StrayHashes);
        };
        hashes.hashes.iter().for_each(|hash| expected.seen.push(*hash));
        let whole = expected.seen.size() == expected.count;
        let right = expected.seen.root() == expected.root;
        self.report.event_hashes += more;
        if whole && !right {
            self.find(Some(index), Some(hashes.index), Problem::EventRoot);
        }
    }

    /// The last publication's hashes are over: none came, or all.
    fn close_hashes(&mut self, lane: usize) {
        if let Some(expected) = self.lanes[lane].publication.take()
            && (1..expected.count).contains(&expected.seen.size())
        {
            self.find(Some(lane), Some(expected.leaf), Problem::IncompleteHashes);
        }
    }

    fn consistency(&mut self, proof: &Consistency<'_>) {
        let Some(index) = self.lane(&proof.lane) else { return };
        let lane = &mut self.lanes[index];
        let (new, broken) = (&lane.checkpoint, lane.broken);
        let Some(earlier) =
            lane.previous.as_mut().filter(|earlier| earlier.checkpoint.size == proof.old_size)
        else {
            // Made for somebody who kept another checkpoint.
            return;
        };
        let old = &earlier.checkpoint;
        match verify_consistency(old.size, &old.root, new.size, &new.root, &proof.proof) {
            Ok(()) => earlier.connected = true,
            Err(_) if broken => {}
            Err(error) => self.find(Some(index), None, Problem::Proof(error)),
        }
    }

    /// Where the leaves reach the size of the earlier checkpoint, the roots must be the same.
    fn meet_previous(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        let size = lane.frontier.size();
        let Some(earlier) = lane.previous.as_mut().filter(|earlier| earlier.checkpoint.size == size) else {
            return;
        };
        // Roots before the start are proved by the checkpoint in the end, which signs the compact range too.
        if lane.frontier.root() == earlier.checkpoint.root {
            earlier.connected = true;
        } else if !lane.broken {
            lane.broken = true;
            self.find(Some(index), None, Problem::Forked { before: size });
        }
    }

    fn finish(mut self) -> Result<Report, Vec<Finding>> {
        if !self.headed && self.findings.is_empty() {
            self.find(None, None, Problem::Header);
        }
        for index in 0..self.lanes.len() {
            self.close_hashes(index);
            self.finish_lane(index);
        }
        for earlier in std::mem::take(&mut self.previous) {
            if !self.lanes.iter().any(|lane| lane.checkpoint.origin == earlier.origin) {
                self.find(None, None, Problem::LaneLeftOut { origin: earlier.origin });
            }
        }
        let whole = self.lanes.iter().all(|lane| lane.start == 0);
        self.report.topics = self.runs.topics();
        // Gaps of a bundle that was not read to its end mean nothing.
        if self.lanes.iter().all(|lane| !lane.broken) {
            for found in std::mem::take(&mut self.runs).breaks(whole) {
                self.find(Some(found.lane), Some(found.leaf), found.problem);
            }
        }
        if self.findings.is_empty() { Ok(self.report) } else { Err(self.findings) }
    }

    fn finish_lane(&mut self, index: usize) {
        let lane = &self.lanes[index];
        if lane.broken {
            return;
        }
        let (size, signed) = (lane.frontier.size(), lane.checkpoint.size);
        let mut problems = Vec::new();
        if size < signed {
            problems.push((Some(size), Problem::Missing { signed }));
        } else if lane.frontier.root() != lane.checkpoint.root {
            problems.push((None, Problem::Root));
        }
        let earlier = lane.previous.as_ref().filter(|earlier| !earlier.connected);
        if let Some(before) = earlier.map(|earlier| earlier.checkpoint.size) {
            if before > signed {
                problems.push((None, Problem::Rewound { before }));
            } else if before < lane.start {
                problems.push((None, Problem::Unconnected { before }));
            }
        }
        self.report.lanes.push(LaneReport {
            origin: lane.checkpoint.origin.clone(),
            start: lane.start,
            size: signed,
            extends: lane.previous.as_ref().map(|earlier| earlier.checkpoint.size),
            cosignatures: lane.cosignatures,
        });
        problems.into_iter().for_each(|(leaf, problem)| self.find(Some(index), leaf, problem));
    }
}
