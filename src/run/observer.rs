//! The observer of a run, and the progress that is reported to it.

use std::path::Path;

use crate::{
    profile::{Axes, Profile},
    record::Record,
};

/// Observer of a run; methods that are not needed can be left out.
pub trait Observer {
    /// A repeat begins: which one, of how many, at which point of the sweep, and how long it takes.
    fn repeat(&mut self, _number: usize, _of: usize, _axes: &Axes, _profile: &Profile) {}
    /// A sample was taken.
    fn sample(&mut self, _progress: &Progress) {}
    /// Where files of the run can be left.
    fn folder(&self) -> Option<&Path> {
        None
    }
    /// The server has exited; this file holds its output and will be deleted.
    fn output(&mut self, _file: &Path) {}
    /// A repeat is over; the record holds it.
    fn repeat_done(&mut self, _record: &Record) {}
}

/// The position of a repeat in the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Seconds since the first client.
    pub seconds: f64,
    /// Answers per second to the good clients (to all, where there are no good ones), over the last second; `None` at the
    /// beginning.
    pub answers_per_second: Option<f64>,
    /// The largest 99th percentile of their response time between two samples of the last second, in nanoseconds.
    pub response_p99_ns: Option<f64>,
    /// Resident memory of the server, in bytes.
    pub server_rss_bytes: Option<f64>,
    /// Kernel memory of the server's sockets, in bytes.
    pub kernel_memory_bytes: Option<f64>,
    /// Connections evicted so far.
    pub evictions: Option<f64>,
}
