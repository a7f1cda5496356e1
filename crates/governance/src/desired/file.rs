//! One file being read, and what is wrong with it; and one being written.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

use super::FileFault;

/// A text with its place in the file.
pub(super) type Text = Spanned<String>;

/// A file and its faults so far.
pub(super) struct File<'a> {
    /// Relative to the folder.
    pub path: &'a str,
    /// Its text.
    pub content: &'a str,
    faults: Vec<FileFault>,
}

impl<'a> File<'a> {
    /// A file with no fault yet.
    pub fn new(path: &'a str, content: &'a str) -> Self {
        Self { path, content, faults: Vec::new() }
    }

    /// The faults found.
    pub fn into_faults(self) -> Vec<FileFault> {
        self.faults
    }

    /// Whether none was found.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// Notes a fault of the whole file.
    pub fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(FileFault::of(self.path, text));
    }

    /// Notes a fault at `line`.
    pub fn fault_at(&mut self, line: Option<u64>, text: impl Into<String>) {
        self.faults.push(FileFault { line, ..FileFault::of(self.path, text) });
    }

    /// Notes a fault of a field.
    pub fn field_fault(&mut self, field: &str, line: Option<u64>, text: impl Into<String>) {
        let field = Some(field.to_owned());
        self.faults.push(FileFault { line, field, ..FileFault::of(self.path, text) });
    }

    /// The file as YAML.
    pub fn yaml<T: DeserializeOwned>(&mut self) -> Option<T> {
        match serde_saphyr::from_str(self.content) {
            Ok(form) => Some(form),
            Err(error) => {
                let line = error.location().map(|location| location.line()).filter(|line| *line > 0);
                let text = error.without_snippet().to_string();
                self.fault_at(line, text);
                None
            }
        }
    }

    /// A field that must be there and not empty.
    pub fn demanded(&mut self, field: &str, text: Option<Text>) -> Option<String> {
        match text {
            Some(text) if !text.value.trim().is_empty() => Some(text.value),
            Some(text) => {
                self.field_fault(field, line(&text), "is empty");
                None
            }
            None => {
                self.field_fault(field, None, "is missing");
                None
            }
        }
    }

    /// A field that must be there and of its form.
    pub fn demanded_as<T: FromStr<Err: Display>>(&mut self, field: &str, text: Option<Text>) -> Option<T> {
        let Some(text) = text else {
            self.field_fault(field, None, "is missing");
            return None;
        };
        self.parsed(field, &text)
    }

    /// A field of its form.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, field: &str, text: &Text) -> Option<T> {
        match text.value.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.field_fault(field, line(text), error.to_string());
                None
            }
        }
    }

    /// Notes a fault where a file's name and what it says of itself differ.
    pub fn named_after(&mut self, field: &str, said: Option<&Text>, name: &str) {
        if let Some(said) = said.filter(|said| said.value != name) {
            let text = format!("is {:?}, but the file is that of {name:?}", said.value);
            self.field_fault(field, line(said), text);
        }
    }
}

/// The line of a field's value.
pub(super) fn line<T>(value: &Spanned<T>) -> Option<u64> {
    Some(value.referenced.line()).filter(|line| *line > 0)
}

/// A form as a YAML file.
pub(super) fn written(form: &impl Serialize) -> String {
    serde_saphyr::to_string(form).expect("texts, numbers, lists and maps of them always write")
}
