//! A command that was not carried out, and why.

use std::fmt;

use serde_json::Value;

use crate::policy::Basis;

/// Why a command was refused. The state is as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Stable and kebab-case; programs may branch on it.
    pub code: &'static str,
    /// What is wrong, for the person who asked. Several faults stand one on a line.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The policies that forbid it, where the standards do.
    pub basis: Option<Box<Basis>>,
}

impl Refused {
    /// A refusal without a hint.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), hint: None, basis: None }
    }

    /// The refusal with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The refusal, where migrations were tried before it came to that.
    #[must_use]
    pub(crate) fn after_trials(mut self, trials: Vec<Value>) -> Self {
        if !trials.is_empty() {
            self.basis.get_or_insert_with(|| Box::new(Basis::rights())).tried.splice(0..0, trials);
        }
        self
    }

    /// The asker lacks the right; `who` could do it.
    pub(crate) fn not_allowed(what: &str, who: impl fmt::Display) -> Self {
        Self::new("not-allowed", format!("{what} is not yours to do: {who} can"))
    }

    /// Nothing of that name exists.
    pub(crate) fn unknown(kind: &str, name: impl fmt::Display) -> Self {
        Self::new("unknown", format!("there is no {kind} {name}"))
    }

    /// Something of that name exists already.
    pub(crate) fn exists(kind: &str, name: impl fmt::Display) -> Self {
        Self::new("exists", format!("the {kind} {name} exists already"))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n{hint}"))
    }
}

impl std::error::Error for Refused {}
