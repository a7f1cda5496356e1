//! What policies were asked for the steps of folders. A leaf of the audit has room for one question, and a folder may
//! have a hundred: they stand in a stream beside it, and the leaf holds their digest. With them stand the policies that a
//! refused folder would have set, which are nowhere else. They are kept as long as the audit is.

use std::collections::BTreeMap;
use std::sync::Arc;

use audit::Hash;
use governance::policy::{Asked, Basis};
use governance::{Policies, State};
use journal::{Journal, JournalError, StreamId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::lanes::Fact;
use crate::limits::QUESTIONS_MAX_BYTES;
use crate::marks::Marker;
use crate::policies::digest;

/// The record of one decision. On disk, never rename.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Questions {
    /// The first steps that policies were asked about, in their order.
    pub steps: Vec<Step>,
    /// How many more there were.
    pub left_out: u64,
    /// Policies that never were in force, by digest; each is its files by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<String, BTreeMap<String, String>>,
}

/// What was asked for one step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// The step, in a line.
    pub step: String,
    /// The digest of the policies that were asked.
    pub policies: String,
    /// The question.
    pub question: Asked,
}

impl Questions {
    /// Of a decision on a folder; nothing where there is nothing to keep. The policies of one that is applied are in
    /// the history of the standards.
    pub fn of(basis: &Basis, state: &State, is_applied: bool) -> Option<Self> {
        let mut questions = Self { left_out: basis.steps.left_out, ..Self::default() };
        let mut bytes = 0;
        for (step, asked, policies) in &basis.steps.kept {
            bytes += serde_json::to_vec(asked).map_or(0, |written| written.len());
            if bytes > QUESTIONS_MAX_BYTES {
                questions.left_out += 1;
                continue;
            }
            let (step, policies) = (step.clone(), digest(policies.texts()));
            questions.steps.push(Step { step, policies, question: asked.clone() });
        }
        let steps = basis.steps.kept.iter().map(|(_, _, policies)| policies);
        let all = steps.chain(basis.asked.iter().map(|(_, policies)| policies));
        let never_in_force = |policies: &&Arc<Policies>| !is_applied && *policies != state.policies();
        for policies in all.filter(never_in_force) {
            let texts = policies.texts();
            questions.policies.entry(digest(texts)).or_insert_with(|| texts.clone());
        }
        (!questions.steps.is_empty() || !questions.policies.is_empty()).then_some(questions)
    }

    /// What the audit says of them.
    pub fn summary(&self) -> Value {
        let sha256 = Hash::of(&self.encode());
        json!({ "kept": self.steps.len(), "left_out": self.left_out, "sha256": sha256 })
    }

    /// Their record, found again by what the audit says of them.
    pub fn fact(&self, stream: StreamId, marker: &Marker) -> Fact {
        let body = self.encode();
        Fact { stream, marks: vec![marker.questions(&Hash::of(&body))], body }
    }

    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and names always encode")
    }

    /// Those of which the audit says this.
    pub fn find(
        journal: &dyn Journal,
        stream: StreamId,
        marker: &Marker,
        summary: &Value,
    ) -> Result<Option<Self>, JournalError> {
        let Ok(sha256) = serde_json::from_value::<Hash>(summary["sha256"].clone()) else { return Ok(None) };
        for found in journal.find(marker.questions(&sha256))? {
            let record = journal.read(found.stream, found.offset, 1)?.into_iter().next();
            let record = record.filter(|record| found.stream == stream && Hash::of(&record.body) == sha256);
            if let Some(record) = record {
                return Ok(serde_json::from_slice(&record.body).ok());
            }
        }
        Ok(None)
    }
}
