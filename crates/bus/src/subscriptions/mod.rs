//! A subscription's place in a topic: what it has processed, who of its consumers reads which partitions, and what it
//! could not process.

pub mod cursor;
pub mod dead_letters;
pub mod members;
pub mod memberships;
pub mod places;
