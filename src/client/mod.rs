//! Good and bad peers: one engine on a thread of its own drives every connection of every group.
//!
//! A behavior decides ([`crate::behavior`]), a connection acts, the engine keeps the time. What a server does to a
//! client is data, never an error; only our own failure (no descriptor, no port) is.

mod arrivals;
mod connect;
mod connection;
mod direction;
mod download;
mod engine;
mod group;
mod lifecycle;
mod parting;
mod pending;
mod race;

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::{atomic::AtomicBool, mpsc::Sender},
    time::Duration,
};

use nix::{
    libc::linger,
    sys::socket::{setsockopt, sockopt::Linger},
};

use crate::{metric::Row, profile, record::GroupResult, sys::thread_cpu_ns};

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
}

/// What the engine sees at one instant.
#[derive(Clone, Debug)]
pub struct Tick {
    /// When it was due, in nanoseconds since the epoch: a multiple of the sampling period.
    pub due_ns: u64,
    /// When it was taken, in nanoseconds since the epoch.
    pub at_ns: u64,
    /// About the engine itself.
    pub run: Row,
    /// About each group.
    pub groups: Vec<Row>,
}

/// A client's own port, by which the server knows it.
#[derive(Clone, Copy, Debug)]
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
}

/// What became of everything.
#[derive(Clone, Debug)]
pub struct Driven {
    /// About the engine itself.
    pub run: Row,
    /// Each group, for the record.
    pub groups: Vec<GroupResult>,
    /// Each group, as numbers.
    pub summaries: Vec<Row>,
    /// How much the counters of each group grew in the window, and how many seconds it was long in fact; `None` if the
    /// run was cut short.
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
}

/// Drives the clients until the measured window is over, or until `stop` says so. A tick is sent at every sampling
/// period. What was done until then comes back either way.
///
/// # Errors
/// When the machine has no descriptor or no port left for a client.
pub fn drive(plan: &Plan, stop: &AtomicBool, ticks: &Sender<Tick>) -> io::Result<Driven> {
    // Sleeping 50 microseconds too long (the default slack) would be a pacing error of the harness.
    crate::sys::set_timer_slack_ns(1)?;
    let mut engine = engine::Engine::new(plan)?;
    engine.run(stop, ticks)?;
    Ok(engine.finish())
}

/// Makes the coming close an RST: what is under way is dropped, and no port waits in TIME-WAIT.
fn reset_on_close(stream: &TcpStream) {
    // Fails only on a socket that is no socket.
    let _ = setsockopt(stream, Linger, &linger { l_onoff: 1, l_linger: 0 });
}
