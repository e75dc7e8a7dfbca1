//! The phases of a repeat's measured window.

use serde::{Deserialize, Serialize};

/// A named part of the measured window. Its numbers are in the summary, with ` @ ` and its name behind theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Phase {
    /// Its name in the profile.
    pub name: String,
    /// When it began, in nanoseconds since the first client started.
    pub from_ns: i64,
    /// When it ended, in nanoseconds since the first client started.
    pub to_ns: i64,
}
