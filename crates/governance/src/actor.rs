//! Who asks, and in which roles.

use std::fmt;

use contract::{AgencyName, PrincipalName};
use serde::{Deserialize, Serialize};

/// What a principal is there to do. Texts and bits are frozen: they stand in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the bus for all agencies; sees no payload.
    Operator,
    /// Speaks for its agency: topics, contracts, subscriptions.
    Steward,
    /// Publishes its agency's events.
    Producer,
    /// Takes events under its agency's subscriptions.
    Consumer,
    /// Reads metadata across agencies, changes nothing, sees no payload.
    Regulator,
    /// Its agency's data protection officer.
    Dpo,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 6] =
        [Role::Operator, Role::Steward, Role::Producer, Role::Consumer, Role::Regulator, Role::Dpo];

    /// The role's text in files, commands and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Steward => "steward",
            Role::Producer => "producer",
            Role::Consumer => "consumer",
            Role::Regulator => "regulator",
            Role::Dpo => "dpo",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleError(String);

impl fmt::Display for RoleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a role: operator, steward, producer, consumer, regulator and dpo are", self.0)
    }
}

impl std::error::Error for RoleError {}

impl std::str::FromStr for Role {
    type Err = RoleError;
    fn from_str(text: &str) -> Result<Self, RoleError> {
        let known = Role::ALL.into_iter().find(|role| role.as_str() == text);
        known.ok_or_else(|| RoleError(text.chars().take(40).collect()))
    }
}

/// A set of roles; in JSON a list of their texts.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Role>", into = "Vec<Role>")]
pub struct Roles(u8);

impl Roles {
    /// Whether `role` is in the set.
    pub fn contains(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// The set with `role` in it.
    #[must_use]
    pub fn with(self, role: Role) -> Self {
        Self(self.0 | role.bit())
    }

    /// The roles, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.contains(*role))
    }

    /// Whether no role is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::default(), Self::with)
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self::default().with(role)
    }
}

impl From<Vec<Role>> for Roles {
    fn from(roles: Vec<Role>) -> Self {
        roles.into_iter().collect()
    }
}

impl From<Roles> for Vec<Role> {
    fn from(roles: Roles) -> Self {
        roles.iter().collect()
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.iter().map(Role::as_str).collect();
        f.write_str(&texts.join(", "))
    }
}

/// Who asks: a principal as the bus authenticated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The principal.
    pub principal: PrincipalName,
    /// Its agency.
    pub agency: AgencyName,
    /// What it may be at this moment.
    pub roles: Roles,
}

impl Actor {
    /// Whether the actor has `role`.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(role)
    }

    /// Whether the actor has `role` in `agency`.
    pub fn is_of(&self, agency: &AgencyName, role: Role) -> bool {
        self.agency == *agency && self.is(role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_keep_their_texts_in_json() {
        let roles: Roles = [Role::Dpo, Role::Operator].into_iter().collect();
        let json = serde_json::to_string(&roles).unwrap();
        assert_eq!(json, r#"["operator","dpo"]"#);
        assert_eq!(serde_json::from_str::<Roles>(&json).unwrap(), roles);
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("{:?}", role.as_str()));
        }
        assert!("king".parse::<Role>().is_err());
    }
}
