//! How long lines and how deep arrays may be.

/// The longest simple string or error, in bytes.
pub(in crate::codec) const LINE_BYTES: u64 = 64 * 1024;
/// How deep arrays may lie within arrays.
pub(in crate::codec) const MOST_DEPTH: usize = 32;
