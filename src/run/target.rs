//! The server under test: the reference server, another program, or a running server.

mod attached;
mod child;
mod program;
mod reference;

use std::{
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use indexmap::IndexMap;

use self::{attached::Attached, program::Running, reference::Reference};
use super::{Interrupt, RunError};
use crate::profile;

pub(super) use self::{child::spawn_badpeer, program::check as check_program, reference::configured};

/// How long a server on another machine may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// A server that can be driven.
pub(super) trait Target {
    /// Where it listens.
    fn service(&self) -> SocketAddr;

    /// The admin address, if it is the reference server.
    fn admin(&self) -> Option<SocketAddr> {
        None
    }

    /// Its processes, without their children; none if they are not on this machine.
    fn processes(&self) -> &[u32];

    /// The cores that it may use: those it was given, if it was started by us.
    fn cores(&self, given: &[usize]) -> Vec<usize> {
        given.to_vec()
    }

    /// Why it is over, in words, if the server has ended by itself.
    fn still_runs(&mut self) -> Result<(), String>;

    /// Stops the server, unless badpeer did not start it.
    fn end(&mut self) -> ServerExit;

    /// The file with its output.
    fn output(&self) -> Option<&Path> {
        None
    }

    /// What a reader of the figures should know.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// How a server ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerExit {
    /// Its exit code or signal.
    pub(super) words: String,
    /// It exited as requested.
    pub(super) in_order: bool,
}

/// What serves where a profile drives the reference server: this program, unless another build of it is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The program.
    pub program: Option<PathBuf>,
    /// Flags of `serve` in addition to those of the profile.
    pub flags: Vec<String>,
}

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

/// The addresses behind `host:port`, of which there is at least one.
fn resolved(address: &str) -> Result<Vec<SocketAddr>, RunError> {
    use std::net::ToSocketAddrs;
    let found =
        address.to_socket_addrs().map_err(|e| RunError::Start(format!("cannot resolve {address}: {e}")))?;
    let mut found: Vec<SocketAddr> = found.collect();
    // `localhost` often is both; most servers listen on the older one, some on both.
    found.sort_by_key(SocketAddr::is_ipv6);
    if found.is_empty() {
        Err(RunError::Start(format!("{address} resolves to no address")))
    } else {
        Ok(found)
    }
}

/// The first of several addresses of a name that accepts connections; the first of all if none does.
fn the_one_that_accepts(addresses: &[SocketAddr]) -> SocketAddr {
    let accepts = |address: &&SocketAddr| TcpStream::connect_timeout(address, PATIENCE).is_ok();
    match addresses {
        [only] => *only,
        several => several.iter().find(accepts).copied().unwrap_or(several[0]),
    }
}
