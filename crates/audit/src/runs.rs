//! Whether the publications of each partition follow one another without gap or overlap.
//!
//! A topic that changed its latency class has publications in several lanes, whose order among each other a bundle
//! does not tell. So each lane's consecutive ranges are joined into runs as they come, and the runs of a partition are
//! laid side by side at the end.

use std::collections::BTreeMap;

use crate::entry::Range;
use crate::report::Problem;

/// Unconnected runs that are remembered before the check is given up: an honest bundle has one for each partition
/// and change of lane.
const MAX_RUNS: usize = 1 << 20;

/// The runs of every partition.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    topics: BTreeMap<String, BTreeMap<(u32, usize), Vec<Run>>>,
    count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    end: u64,
    lane: usize,
    leaf: u64,
}

/// A problem of the order of publications, at a leaf of a lane.
pub(crate) struct Break {
    pub(crate) lane: usize,
    pub(crate) leaf: u64,
    pub(crate) problem: Problem,
}

impl Runs {
    /// Takes up the range of a publication at `leaf` of the lane with the number `lane`.
    pub(crate) fn take(&mut self, lane: usize, leaf: u64, topic: &str, range: Range) -> Result<(), Problem> {
        let end = range.first.checked_add(range.count).ok_or(Problem::RangeOverflows)?;
        if range.count == 0 {
            return Ok(());
        }
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.to_owned(), BTreeMap::new());
        }
        let partitions = self.topics.get_mut(topic).expect("inserted above");
        let runs = partitions.entry((range.partition, lane)).or_default();
        match runs.last_mut() {
            Some(run) if run.end == range.first => run.end = end,
            _ if self.count == MAX_RUNS => return Err(Problem::TooManyBreaks),
            _ => {
                runs.push(Run { first: range.first, end, lane, leaf });
                self.count += 1;
            }
        }
        Ok(())
    }

    /// The topics that had publications.
    pub(crate) fn topics(&self) -> usize {
        self.topics.len()
    }

    /// What does not fit. `whole` says that every lane was read from its first leaf, and then every partition begins
    /// with offset 0.
    pub(crate) fn breaks(self, whole: bool) -> Vec<Break> {
        let mut breaks = Vec::new();
        for (topic, lanes) in self.topics {
            let mut partitions: BTreeMap<u32, Vec<Run>> = BTreeMap::new();
            for ((partition, _), runs) in lanes {
                partitions.entry(partition).or_default().extend(runs);
            }
            for (partition, mut runs) in partitions {
                runs.sort_unstable_by_key(|run| (run.first, run.end));
                let mut expected = if whole { 0 } else { runs.first().map_or(0, |run| run.first) };
                for run in runs {
                    let (topic, first) = (topic.clone(), run.first);
                    let problem = match first.cmp(&expected) {
                        std::cmp::Ordering::Equal => None,
                        std::cmp::Ordering::Greater => {
                            Some(Problem::Gap { topic, partition, expected, first })
                        }
                        std::cmp::Ordering::Less => {
                            Some(Problem::Overlap { topic, partition, expected, first })
                        }
                    };
                    breaks.extend(problem.map(|problem| Break { lane: run.lane, leaf: run.leaf, problem }));
                    expected = expected.max(run.end);
                }
            }
        }
        breaks
    }
}
