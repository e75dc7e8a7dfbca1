//! How long one connection may keep the others waiting.

/// System calls that one connection may make in one direction before the others have their turn.
pub(super) const TURN_CALLS: usize = 64;
