//! A run of an atlas that is to be made.

use crate::atlas::{CellProfile, Variant};

/// A fault at a variant of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) server: usize,
    pub(super) variant: Variant,
    pub(super) fault: usize,
}

/// A run that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Its name: that of its profile.
    pub(super) name: String,
    pub(super) profile: CellProfile,
    /// Whether it has the machine to itself.
    pub(super) alone: bool,
}
