//! Which letter failed last by each way: a file beside the views, for the doctor. Nothing depends on it; what is lost
//! of it, the log has.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::courier::Letter;
use crate::clock::rfc3339;

/// Longest reason that is kept.
const WHY_MAX_CHARS: usize = 300;

/// The last failure of each way, by the way's name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Failures(pub BTreeMap<String, Failure>);

/// A letter that did not arrive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// To whom.
    pub agency: String,
    /// When, RFC 3339.
    pub at: String,
    /// Why.
    pub why: String,
}

impl Failures {
    /// What is known of them in a data folder; nothing where nothing can be read.
    pub fn read(data: &Path) -> Self {
        let kept = fs::read(path(data)).ok();
        kept.and_then(|kept| serde_json::from_slice(&kept).ok()).unwrap_or_default()
    }

    /// A letter failed.
    pub fn add(&mut self, letter: &Letter, why: &str, now_ms: u64) {
        let (agency, why) = (letter.agency.to_string(), why.chars().take(WHY_MAX_CHARS).collect());
        self.0.insert(letter.way.as_str().to_owned(), Failure { agency, at: rfc3339(now_ms), why });
    }

    /// Keeps them. A half-written file reads as none.
    pub fn write(&self, data: &Path) {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        let written = fs::create_dir_all(data.join("views")).and_then(|()| fs::write(path(data), text));
        if let Err(error) = written {
            tracing::debug!(%error, "which letter failed last is not kept");
        }
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("views/letters.json")
}
