//! The server under test: the reference server, another program, or a running server.

mod address;
mod attached;
mod child;
mod placeholders;
mod program;
mod reference;
mod server;

use indexmap::IndexMap;

pub use self::server::Build;
use self::{attached::Attached, program::Running, reference::Reference};
pub(super) use self::{
    attached::{Reached, reach},
    child::spawn_badpeer,
    program::check as check_program,
    reference::configured,
    server::{ServerExit, Target},
};
use super::{Interrupt, RunError};
use crate::profile;

/// Starts the server that the profile names, with these files, on these cores; it listens then.
pub(super) fn start(
    server: &profile::Target,
    build: &Build,
    files: &IndexMap<String, String>,
    cores: &[usize],
    interrupt: &mut Interrupt,
) -> Result<Box<dyn Target>, RunError> {
    Ok(match server {
        profile::Target::Reference(options) => Box::new(Reference::start(options, build, cores)?),
        profile::Target::Program(program) => Box::new(Running::start(program, files, cores, interrupt)?),
        profile::Target::Attached { attach } => Box::new(Attached::find(attach)?),
    })
}
