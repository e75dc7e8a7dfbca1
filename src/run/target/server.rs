//! A server under test: what can be asked of it, and how it ended.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::address::Address;

/// A server that can be driven.
pub(in crate::run) trait Target {
    /// Where it listens.
    fn service(&self) -> Address;

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
pub(in crate::run) struct ServerExit {
    /// Its exit code or signal.
    pub(in crate::run) words: String,
    /// It exited as requested.
    pub(in crate::run) in_order: bool,
}

/// What serves where a profile drives the reference server: this program, unless another build of it is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The program.
    pub program: Option<PathBuf>,
    /// Flags of `serve` in addition to those of the profile.
    pub flags: Vec<String>,
}
