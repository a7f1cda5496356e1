//! The classes of fields, and sets of them.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The class of a field. `public` is stored in the clear; everything else is sealed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Class {
    /// Anybody with a subscription may read it.
    Public,
    /// Sealed under the topic's own key; belongs to no person.
    Internal,
    /// About a person; sealed under that person's key.
    Personal,
    /// About a person and of a special category (health, biometrics, religion …).
    Special,
    /// A class that a standard adds; treated as about a person.
    Named(std::sync::Arc<str>),
}

impl Class {
    /// The class's name as written in contracts.
    pub fn as_str(&self) -> &str {
        match self {
            Class::Public => "public",
            Class::Internal => "internal",
            Class::Personal => "personal",
            Class::Special => "special",
            Class::Named(name) => name,
        }
    }

    /// Whether a field of this class must belong to a data subject.
    pub fn is_about_a_person(&self) -> bool {
        !matches!(self, Class::Public | Class::Internal)
    }

    /// Whether a field of this class is sealed before it is stored.
    pub fn is_sealed(&self) -> bool {
        !matches!(self, Class::Public)
    }
}

impl From<String> for Class {
    fn from(name: String) -> Self {
        Class::from(name.as_str())
    }
}

impl From<&str> for Class {
    fn from(name: &str) -> Self {
        match name {
            "public" => Class::Public,
            "internal" => Class::Internal,
            "personal" => Class::Personal,
            "special" => Class::Special,
            other => Class::Named(other.into()),
        }
    }
}

impl From<Class> for String {
    fn from(class: Class) -> String {
        class.as_str().to_owned()
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of classes: what a subscription is cleared for, what a delivery opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClassSet(BTreeSet<Class>);

impl ClassSet {
    /// Whether the set clears `class`; `public` needs no clearance.
    pub fn clears(&self, class: &Class) -> bool {
        *class == Class::Public || self.0.contains(class)
    }

    /// Adds a class.
    pub fn insert(&mut self, class: Class) {
        self.0.insert(class);
    }

    /// Adds the classes of another set.
    pub fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The classes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Class> {
        self.0.iter()
    }

    /// Whether no class is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        Self(classes.into_iter().collect())
    }
}
