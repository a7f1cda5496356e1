//! How large things may get. What an outsider sends is held to these before memory is taken for it.

/// A sealed value's text, in bytes: as long as the longest event that the bus takes.
pub const TEXT_BYTES: usize = 1024 * 1024;

/// A value before it is sealed, in bytes; its text is a third longer.
pub const VALUE_BYTES: usize = 512 * 1024;

/// Recipients of one value: keys, not agencies.
pub const RECIPIENTS: usize = 1024;

/// A place in a document, as a JSON pointer, in bytes.
pub const POINTER_BYTES: usize = 4096;

/// An agency's name, in bytes.
pub const AGENCY_BYTES: usize = 255;

/// How deep a document may be nested.
pub const DEPTH: usize = 128;

/// The least length of what is encrypted, in bytes: short answers are not told apart by theirs.
pub const LEAST_BYTES: usize = 32;

const _: () = assert!(VALUE_BYTES / 3 * 4 < TEXT_BYTES);
const _: () = assert!(RECIPIENTS <= u16::MAX as usize);
const _: () = assert!(POINTER_BYTES <= u16::MAX as usize);
const _: () = assert!(AGENCY_BYTES <= u8::MAX as usize);
