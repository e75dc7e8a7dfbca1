//! Good and bad peers: an engine on a thread of its own, or several that share the connections of every group.
//!
//! A behavior decides ([`crate::behavior`]), a connection acts, the engine keeps the time. What a server does to a
//! client is data, never an error; only our own failure (no descriptor, no port) is.

mod arrivals;
mod close;
mod connect;
mod connection;
mod direction;
mod download;
mod engine;
mod grace;
mod group;
mod judged;
mod latencies;
mod lifecycle;
mod pauses;
mod pending;
mod queue;
mod race;
mod receiving;
mod run_delay;
mod share;
mod silence;
mod starting;
mod threads;

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::{Arc, atomic::AtomicBool, mpsc::Sender},
    time::Duration,
};

use nix::{
    libc::linger,
    sys::socket::{setsockopt, sockopt::Linger},
};

pub use self::latencies::Latencies;
use crate::{
    metric::{Metric, Row},
    profile,
    record::{Cause, GroupResult, ResourceExhaustion},
};

/// What the clients do, when and to whom.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the server listens.
    pub address: SocketAddr,
    /// Who drives it.
    pub groups: Vec<profile::Group>,
    /// Fixes everything random.
    pub seed: u64,
    /// When the first client connects, on the monotonic clock.
    pub epoch_ns: u64,
    /// Time before the measured window.
    pub warmup: Duration,
    /// The measured window.
    pub measure: Duration,
    /// Time between two ticks.
    pub sample_every: Duration,
    /// Threads that drive the clients, at least 1: each has its share of every group, and ticks of its own.
    pub threads: u32,
    /// Set once the server was looked at when the window ended: until then, for up to [`Plan::SAMPLE_PATIENCE`], the clients
    /// leave their connections as they are.
    pub sampled: Arc<AtomicBool>,
}

impl Plan {
    /// How long the clients wait after the window for a look at the server.
    pub const SAMPLE_PATIENCE: Duration = Duration::from_secs(1);

    /// When the window begins and ends, in nanoseconds since the epoch.
    #[must_use]
    pub fn borders_ns(&self) -> [u64; 2] {
        [self.warmup, self.warmup + self.measure].map(|since| since.as_nanos() as u64)
    }

    /// When the next sample and tick is due, in nanoseconds since the epoch: at every sampling period and at both borders of
    /// the window. `after` is when the one before was due, or taken. `None` after the window.
    #[must_use]
    pub fn next_sample_ns(&self, after: Option<u64>) -> Option<u64> {
        let every = self.sample_every.as_nanos() as u64;
        let [start, end] = self.borders_ns();
        let period = (after.unwrap_or(0) / every + 1) * every;
        let is_due = |due: &u64| after.is_none_or(|after| *due > after) && *due <= end;
        [period, start, end].into_iter().filter(is_due).min()
    }
}

/// What an engine sees at one instant.
#[derive(Clone, Debug)]
pub struct Tick {
    /// When it was due, in nanoseconds since the epoch: at a multiple of the sampling period, or at a border of the window.
    pub due_ns: u64,
    /// When it was taken, in nanoseconds since the epoch.
    pub at_ns: u64,
    /// About the engine itself.
    pub run: Row,
    /// About its part of each group.
    pub groups: Vec<Seen>,
}

/// What an engine sees of a group.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The counters, and the open connections.
    pub counts: Row,
    /// Latencies of the answers that came since the last tick.
    pub latencies: Latencies,
}

/// A client's own port, by which the server knows it, and what became of its connection.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Port {
    /// The port; one that a connection has left may come again.
    pub number: u16,
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

/// What became of everything.
#[derive(Clone, Debug, Default)]
pub struct Driven {
    /// About the engine itself.
    pub run: Row,
    /// Each group, for the record.
    pub groups: Vec<GroupResult>,
    /// Each group, as numbers.
    pub summaries: Vec<Row>,
    /// Of each group, the numbers that are lower bounds, and why.
    pub censored: Vec<Vec<(Metric, Cause)>>,
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
    pub shortage: Option<ResourceExhaustion>,
}

/// Why clients cannot be driven at all.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The machine has not got what the threads take that drive them: no fault of the server's.
    #[error("cannot start the clients' threads: {0}; {remedy}", remedy = remedy(.0))]
    Threads(io::Error),
    /// No client can ever connect from here: the network cannot be reached, or it is not permitted.
    #[error("the clients cannot connect to {0}: {1}")]
    Connect(SocketAddr, io::Error),
}

fn remedy(error: &io::Error) -> &'static str {
    connect::exhausted(error).map_or("ask for fewer threads", ResourceExhaustion::remedy)
}

/// Drives the clients until the measured window is over, or until `stop` says so. A tick is sent at every sampling
/// period, and at both borders of the window, by each thread. What was done until then comes back either way, also when the machine has no descriptor or no
/// port left for another client, which ends the run.
///
/// # Errors
/// [`DriveError`]: then nothing was measured.
pub fn drive(plan: &Plan, stop: &AtomicBool, ticks: &Sender<Tick>) -> Result<Driven, DriveError> {
    threads::drive(plan, stop, ticks)
}

/// Makes the coming close an RST: what is under way is dropped, and no port waits in TIME-WAIT.
fn reset_on_close(stream: &TcpStream) {
    // Fails only on a socket that is no socket.
    let _ = setsockopt(stream, Linger, &linger { l_onoff: 1, l_linger: 0 });
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
            let said = DriveError::Threads(error.into()).to_string();
            assert!(
                said.starts_with("cannot start the clients' threads: ") && said.contains(remedy),
                "{said}"
            );
        }
    }
}
