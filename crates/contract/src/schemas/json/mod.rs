//! JSON Schemas of any draft, with the documents that they refer to.

mod documents;
mod keywords;
pub(super) mod text;

pub(super) use documents::{Documents, Place};
pub(super) use keywords::{Applied, subschemas};
