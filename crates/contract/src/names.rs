//! Names as types: parsed once at the edge, trusted everywhere behind it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that does not have the form its kind of name must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    kind: &'static str,
    given: String,
    wants: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a name for {}: {}", self.given, self.kind, self.wants)
    }
}

impl std::error::Error for NameError {}

fn is_label(s: &str) -> bool {
    !s.is_empty()
        && s.len() <= 63
        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !s.starts_with('-')
        && !s.ends_with('-')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $wants:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Parses a name; the error says which form is wanted.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if text.len() <= 255 && valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameError { kind: $kind, given: text.chars().take(80).collect(), wants: $wants })
                }
            }

            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.to_string()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A topic, `domain.entity.happened`.
    TopicName,
    "a topic",
    "two to six labels of a-z, 0-9 and - joined by dots, such as civil.birth.registered",
    |s| (2..=6).contains(&s.split('.').count()) && s.split('.').all(is_label)
);

name!(
    /// An organisation on the bus, `tax-office`.
    AgencyName,
    "an agency",
    "one label of a-z, 0-9 and -, such as tax-office",
    is_label
);

name!(
    /// Who calls: `name@agency`.
    PrincipalName,
    "a principal",
    "name@agency, such as m.okafor@civil-registry",
    |s| s.split_once('@').is_some_and(|(who, agency)| is_label(agency)
        && !who.is_empty() && who.len() <= 127 && who.split('.').all(is_label))
);

impl PrincipalName {
    /// The agency behind the `@`.
    pub fn agency(&self) -> AgencyName {
        let (_, agency) = self.0.split_once('@').unwrap_or(("", &self.0));
        AgencyName(agency.into())
    }
}

name!(
    /// An agency's place in a topic, `tax-office.births`; also the Kafka consumer group's id.
    SubscriptionName,
    "a subscription",
    "the agency's name, a dot and one to four labels of a-z, 0-9 and -, such as tax-office.births",
    |s| (2..=5).contains(&s.split('.').count()) && s.split('.').all(is_label)
);

/// The number of a contract's version: 1, 2, 3 …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContractVersion(pub u32);

impl fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_forms() {
        assert!(TopicName::parse("civil.birth.registered").is_ok());
        assert!(AgencyName::parse("tax-office").is_ok());
        assert!(PrincipalName::parse("m.okafor@civil-registry").is_ok());
        assert_eq!(
            PrincipalName::parse("m.okafor@civil-registry").unwrap().agency().as_str(),
            "civil-registry"
        );
        assert!(SubscriptionName::parse("tax-office.births").is_ok());
        for bad in ["", "births", "civil..x", "Civil.birth", "civil.birth.", "-a.b", "a.b/c", "a.b c"] {
            assert!(TopicName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(PrincipalName::parse("okafor").is_err());
    }

    #[test]
    fn a_refused_name_says_which_form_is_wanted() {
        let said = TopicName::parse("Births").unwrap_err().to_string();
        assert!(said.contains("civil.birth.registered"), "{said}");
    }
}
