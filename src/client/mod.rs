//! The load generator: good and bad peers, on a thread of its own or on several that share the connections of every
//! group.
//!
//! A behavior decides ([`crate::behavior`]), a connection acts, the event loop of each thread keeps the time. What a server
//! does to a client is data, never an error; only our own failure (no descriptor, no port) is.
//!
//! ```text
//!   threads ── event_loop: owns the connections, in slots, and drives them
//!                ├── group: which are opened, which requests they start, what comes of both
//!                │     └── workload: all that a group and its connections know of each other
//!                └── connection: one exchange of requests and answers
//!                      ├── race: several threads on its socket
//!                      └── transport: the system calls on it; context: what all of a thread share
//! ```

mod close_reason;
mod connect_limit;
mod connection;
mod context;
mod delays;
mod event_loop;
mod exhaustion;
mod group;
mod histogram;
mod kept;
mod latencies;
mod plan;
mod race;
mod request;
mod results;
mod share;
mod sources;
mod threads;
mod transport;
mod workload;

use std::sync::{atomic::AtomicBool, mpsc::Sender};

pub(crate) use self::sources::spreads;
pub use self::{
    connect_limit::{AcceptQueue, QueueReading},
    kept::{Kept, put_together},
    latencies::Latencies,
    plan::{Plan, Shard},
    results::{DriveError, Driven, KeptTick, PhaseNumbers, Port, Seen, Tick},
};

/// Drives the clients until the measured window is over, or until `stop` says so. A tick is sent at every sampling
/// period, and at both borders of the window, by each thread. What was done until then comes back either way, also when
/// the machine has no descriptor or no port left for another client, which ends the run.
///
/// # Errors
/// [`DriveError`]: then nothing was measured.
pub fn drive(plan: &Plan, stop: &AtomicBool, ticks: &Sender<Tick>) -> Result<Driven, DriveError> {
    threads::drive(plan, stop, ticks).map(Driven::of)
}

/// Drives the clients of a shard in the same way. What was counted can be kept, and put together with what other shards
/// counted.
///
/// # Errors
/// [`DriveError`]: then nothing was measured.
pub fn drive_shard(plan: &Plan, stop: &AtomicBool, ticks: &Sender<Tick>) -> Result<Kept, DriveError> {
    threads::drive(plan, stop, ticks).map(|all| Kept::of(all, plan.epoch_ns))
}
