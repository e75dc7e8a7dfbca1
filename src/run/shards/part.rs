//! What a shard or an observer measured, as it is kept in a file.

use serde::{Deserialize, Serialize};

use super::identity::Identity;
use crate::{
    client::{Kept, KeptTick, Shard},
    gate::{Findings, Window},
    profile::Profile,
    record::Machine,
    run::{observed::Observed, sample::Samples},
};

/// What a shard measured. Times are nanoseconds since the first client.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) run: Identity,
    pub(super) shard: Shard,
    pub(super) of: Origin,
    pub(super) kept: Kept,
    /// What the threads of the shard saw together, at each instant.
    pub(super) ticks: Vec<KeptTick>,
    /// What was read of its machine and its process, by when that was due.
    pub(super) host: Samples,
    /// What its machine did to it.
    pub(super) findings: Findings,
}

/// What an observer measured.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ObserverPart {
    pub(super) run: Identity,
    pub(super) of: Origin,
    pub(super) seen: Observed,
}

/// What a part is of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The profile's name.
    pub(super) name: String,
    /// The profile, without secrets.
    pub(super) profile: Profile,
    /// The window, where it is not the one that the profile is written for.
    pub(super) window: Option<Window>,
    /// The server's address and port.
    pub(super) address: String,
    pub(super) machine: Machine,
    /// The cores that the process may use.
    pub(super) cores: Vec<usize>,
}
