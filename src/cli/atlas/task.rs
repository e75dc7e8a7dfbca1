//! A run of an atlas that is to be made.

use crate::atlas::{CellProfile, Variant};

/// A fault at a variant of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) server: usize,
    pub(super) variant: Variant,
    pub(super) fault: usize,
}

/// How a cell is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// For a few seconds, with the machine to itself: what peers cost, and what good clients notice.
    Alone,
    /// Beside others, until the timeouts of hardened variants are over.
    Short,
    /// Beside others, for as long as `--hold` says.
    Long,
}

impl Look {
    /// What is added to the name of a run.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Alone => "",
            Self::Short => "-short",
            Self::Long => "-held",
        }
    }
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
