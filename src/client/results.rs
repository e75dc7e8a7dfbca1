//! What the clients report: while they run, and when they are done.

use std::io;

use serde::{Deserialize, Serialize};

use super::{
    exhaustion::exhausted,
    latencies::{KeptLatencies, Latencies},
};
use crate::{
    address::{Address, Endpoint},
    metric::{Metric, Row},
    record::{Cause, GroupResult, ResourceExhaustion},
};

/// What one thread of the load generator sees at one instant.
#[derive(Clone, Debug)]
pub struct Tick {
    /// When it was due, in nanoseconds since the epoch: at a multiple of the sampling period, or at a border of the window.
    pub due_ns: u64,
    /// When it was taken, in nanoseconds since the epoch.
    pub at_ns: u64,
    /// About this thread.
    pub run: Row,
    /// About its part of each group.
    pub groups: Vec<Seen>,
}

/// A tick that is kept until the run is over, and in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptTick {
    /// When it was due, in nanoseconds since the epoch.
    pub due_ns: u64,
    at_ns: u64,
    run: Row,
    groups: Vec<(Row, KeptLatencies)>,
}

impl Tick {
    /// The same in little memory.
    #[must_use]
    pub fn kept(&self) -> KeptTick {
        let groups = self.groups.iter().map(|seen| (seen.counts.clone(), seen.latencies.kept())).collect();
        KeptTick { due_ns: self.due_ns, at_ns: self.at_ns, run: self.run.clone(), groups }
    }
}

impl KeptTick {
    /// The tick again, of a run with so many groups.
    ///
    /// # Errors
    /// What cannot be of such a run.
    pub fn restored(&self, groups: usize) -> Result<Tick, String> {
        if self.groups.len() != groups {
            return Err(format!("a sample does not have the {groups} groups of the profile"));
        }
        let seen = |(counts, latencies): &(Row, KeptLatencies)| {
            Ok(Seen { counts: counts.clone(), latencies: latencies.restored()? })
        };
        Ok(Tick {
            due_ns: self.due_ns,
            at_ns: self.at_ns,
            run: self.run.clone(),
            groups: self.groups.iter().map(seen).collect::<Result<_, String>>()?,
        })
    }
}

/// What one thread of the load generator sees of a group.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The counters, and the open connections.
    pub counts: Row,
    /// Latencies of the answers that came since the last tick.
    pub latencies: Latencies,
}

/// A client's own end, by which the server knows it, and what became of its connection.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Port {
    /// Its address and port; a port that a connection has left may come again.
    pub end: Endpoint,
    /// The number of the client's group.
    pub group: usize,
    /// When the connection was opened, on the monotonic clock.
    pub opened_ns: u64,
    /// When the client saw its connection end, on the monotonic clock.
    pub ended_ns: Option<u64>,
    /// It was the peer that ended it, by FIN or by RST.
    pub ended_by_peer: bool,
    /// It did so by RST.
    pub ended_by_reset: bool,
    /// The last answer before the end was an error.
    pub ended_after_error: bool,
    /// The handshake was completed.
    pub was_connected: bool,
    /// It was open when the clients stopped.
    pub is_alive: bool,
    /// When the first byte was sent of a request that was never sent to its end, on the monotonic clock.
    pub unfinished_ns: Option<u64>,
}

/// The numbers of a group in a phase of the window; and those of them that are lower bounds, and why.
pub type PhaseNumbers = (Row, Vec<(Metric, Cause)>);

/// What became of everything.
#[derive(Clone, Debug, Default)]
pub struct Driven {
    /// About the load generator itself.
    pub run: Row,
    /// Each group, for the record.
    pub groups: Vec<GroupResult>,
    /// Each group, as numbers.
    pub summaries: Vec<Row>,
    /// Of each group, the numbers that are lower bounds, and why.
    pub censored: Vec<Vec<(Metric, Cause)>>,
    /// Of each group, its numbers in each phase of the window, and those of them that are lower bounds, and why.
    pub phases: Vec<Vec<PhaseNumbers>>,
    /// How much the counters of each group grew in the window, and how many seconds it was long in fact; `None` if
    /// the run was cut short before it began.
    pub window: Option<(Vec<Row>, f64)>,
    /// The counters of each group in the end.
    pub whole: Vec<Row>,
    /// Requests answered in the measured window, over all groups.
    pub answered_in_window: u64,
    /// Every connection that was opened, in order.
    pub ports: Vec<Port>,
    /// Kernel receive and send buffer of a client of each group, in bytes, as read back.
    pub buffers: Vec<(u64, u64)>,
    /// When the clients stopped and began to end what was left, on the monotonic clock.
    pub stopped_ns: u64,
    /// What the clients were not permitted to do, in words.
    pub notes: Vec<String>,
    /// What they ran out of, which ended the run.
    pub exhaustion: Option<ResourceExhaustion>,
}

/// Why clients cannot be driven at all.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The machine has not got what the threads take that drive them: no fault of the server's.
    #[error("cannot start the clients' threads: {0}; {remedy}", remedy = remedy(.0))]
    Threads(io::Error),
    /// No client can ever connect from here: the network cannot be reached, or it is not permitted.
    #[error("the clients cannot connect to {0}: {1}")]
    Connect(Box<Address>, io::Error),
}

fn remedy(error: &io::Error) -> &'static str {
    exhausted(error).map_or("ask for fewer threads", ResourceExhaustion::remedy)
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn a_failed_thread_start_names_the_missing_resource_and_its_remedy() {
        for (error, remedy) in [
            (Errno::EAGAIN, "raise it (`ulimit -u`"),
            (Errno::EMFILE, "raise the limit (`ulimit -n`"),
            (Errno::EPERM, "ask for fewer threads"),
        ] {
            let message = DriveError::Threads(error.into()).to_string();
            assert!(
                message.starts_with("cannot start the clients' threads: ") && message.contains(remedy),
                "{message}"
            );
        }
    }
}
