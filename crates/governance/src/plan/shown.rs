//! Values as a plan shows them.

use contract::{AgencyName, ClassSet, KeyRule, PrincipalName};

use crate::notices::Wishes;
use crate::{Date, Latency};

/// A value on a line of detail.
pub(super) trait Shown {
    /// The value as its file writes it; texts in quotes, so that an empty one is seen.
    fn shown(&self) -> String;
}

impl Shown for String {
    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Shown for Vec<String> {
    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Shown for ClassSet {
    fn shown(&self) -> String {
        let classes: Vec<&str> = self.iter().map(|class| class.as_str()).collect();
        format!("[{}]", classes.join(", "))
    }
}

impl Shown for KeyRule {
    fn shown(&self) -> String {
        self.clone().into()
    }
}

macro_rules! shown_as_displayed {
    ($($kind:ty),*) => {
        $(impl Shown for $kind {
            fn shown(&self) -> String {
                self.to_string()
            }
        })*
    };
}

shown_as_displayed!(AgencyName, PrincipalName, Date, Latency, Wishes, u32);
