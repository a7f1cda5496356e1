//! What the command line prints: tables for people, JSON for programs, reasons on stderr.

use std::fmt;
use std::io::{self, Write};

use serde_json::Value;

/// Why a command ends with a code above 0.
#[derive(Debug)]
pub struct Failure {
    /// The reason.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    /// Refused or failed: exit code 1.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, code: 1 }
    }

    /// Wrong usage: exit code 64.
    pub fn usage(text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, code: 64 }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n  {hint}"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::new(error.to_string())
    }
}

/// Prints a reason.
pub fn error(failure: &Failure) {
    let _ = writeln!(io::stderr(), "{failure}");
}

/// Prints a line. A reader that went away is not an error of ours.
pub fn line(text: impl fmt::Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints a line of progress or of what was found out beside the answer.
pub fn note(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints JSON for programs.
pub fn json(value: &Value) {
    line(serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints aligned columns under a head; nothing but `empty` where there are no rows.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]], empty: &str) {
    if rows.is_empty() {
        return line(empty);
    }
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let print = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        line(padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    print(head.map(|title| title));
    rows.iter().for_each(|row| print(std::array::from_fn(|column| row[column].as_str())));
}

/// A value of an answer as a cell.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The items of an answer's list as rows of the named fields.
pub fn rows<const N: usize>(list: &Value, fields: [&str; N]) -> Vec<[String; N]> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| fields.map(|field| cell(item.pointer(field).unwrap_or(&Value::Null)))).collect()
}
