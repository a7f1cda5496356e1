//! What is asked for about persons: their erasure, and that something is kept.

use serde::{Deserialize, Serialize};

use crate::state::{HoldOn, Person};

/// The erasure of a person. The bus makes the name and finds the parts: whoever asks says only the identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// Its name.
    pub erasure: String,
    /// The person, as the keys of each agency call them that seal something about them.
    pub parts: Vec<Person>,
    /// Why, and by which law.
    pub reason: String,
}

/// A legal hold. The bus makes the name, and turns a person's identifier into what agencies call them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Its name.
    pub hold: String,
    /// What it keeps.
    pub on: HoldOn,
    /// Why.
    pub reason: String,
    /// What it rests on: a case, an order.
    pub reference: String,
}
