//! The standards' policies: what the central agency forbids beyond the bus's own rules, in Cedar
//! (<https://www.cedarpolicy.com>).
//!
//! The rules of [`decide()`](crate::decide()) say whose right something is; they are the one policy that allows
//! ([`RIGHTS`]). A policy of the standards takes away from that: in Cedar a `forbid` beats every `permit`, and a policy
//! that cannot be evaluated counts as one that forbids. What there is to permit beyond the rules is the action `grant`:
//! that the owner of a topic agrees to a request for access before anybody looks at it. The topic's steward permits it
//! in the topic's own policies, and nowhere else; a `forbid` of the standards beats that too.
//!
//! What policies can speak of is a schema ([`SCHEMA`]), and a policy that does not hold by it is refused before it is one.

mod asked;
mod bounds;
mod entities;
mod handed;
mod hits;
mod judge;
mod read;

pub use asked::{Asked, Reference};
pub use hits::hits;
pub use judge::{Basis, Reason, Steps, Verdict, may_consume, may_publish};
pub(crate) use judge::{forbidden, granting};
pub use read::{LOCAL, Policies, PolicyFault, Shown};

/// What policies can speak of, in Cedar's schema language.
pub const SCHEMA: &str = include_str!("chancery.cedarschema");

/// Policies to begin with.
pub const DEFAULTS: &str = include_str!("defaults.cedar");

/// The action that only a policy permits.
pub const GRANT: &str = "grant";

/// The policy that stands for the bus's own rules: whatever they allow is allowed.
pub const RIGHTS: &str = "chancery.rights";
