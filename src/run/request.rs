//! What is to be run, and the record that it begins with.

use indexmap::IndexMap;

use super::origin::{commit, now};
use crate::{
    gate::Window,
    probe::describe_machine,
    profile::{Axes, Profile, Source},
    record::{FORMAT, Record},
    soak,
};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Request {
    /// The profile's name.
    pub name: String,
    /// The profile's text, to locate errors in it.
    pub source: Source,
    /// The profile before its sweep is expanded.
    pub profile: Profile,
    /// Every point of the sweep.
    pub points: Vec<(Axes, Profile)>,
    /// The files that the server needs, by name.
    pub files: IndexMap<String, String>,
    /// The command line, for the record.
    pub command: Vec<String>,
    /// The window, where it is not the one that the profile is written for.
    pub window: Option<Window>,
    /// Processes that the clients are divided among.
    pub processes: u32,
    /// Whether growth is looked for, and what is asked of it.
    pub soak: Option<soak::Plan>,
}

impl Request {
    /// The profile at every point of the sweep.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.points.iter().map(|(_, profile)| profile)
    }

    /// The record of the run before anything was measured.
    pub(super) fn record(&self) -> Record {
        Record {
            format: FORMAT,
            badpeer: env!("CARGO_PKG_VERSION").to_owned(),
            command: self.command.clone(),
            name: self.name.clone(),
            started: now(),
            machine: describe_machine(),
            commit: commit(),
            profile: self.profile.without_secrets(),
            files: self.files.clone(),
            points: Vec::new(),
            capacity: None,
            soak: None,
            interrupted: false,
        }
    }
}
