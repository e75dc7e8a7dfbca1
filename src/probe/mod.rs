//! Probes: a process, its sockets and the machine, read through the kernel by an ordinary user.

mod between;
mod connection_tracker;
mod descendants;
mod gently;
mod gone;
mod host;
mod inet_diag;
mod instructions;
mod listener_drops;
pub mod listeners;
mod netem;
mod netlink;
mod other_clients;
mod peak;
mod proc_file;
mod process;
mod reference;
mod rest;
mod send_stall;
mod server_sockets;
mod socket_reading;
mod sockets;
mod topology;
mod tracked_connection;
mod tree;
mod unix_diag;
mod unix_sockets;

pub use between::Between;
pub use connection_tracker::ConnectionTracker;
pub use descendants::descendants;
pub use host::{HostProbe, HostReading, describe_machine};
pub use inet_diag::{SocketEntry, TcpState, TimeWait};
pub use instructions::TaskCounters;
pub use listener_drops::ListenerDrops;
pub use netem::NetemTrial;
pub use other_clients::{OtherClients, RequestCounts};
pub use process::{ProcessProbe, ProcessReading};
pub use reference::{Journal, ReferenceProbe, ReportedEviction};
pub use rest::Rest;
pub use send_stall::SendStall;
pub use socket_reading::{ClientQueues, ListenReading, SideReading, SocketReading};
pub use sockets::SocketProbe;
pub use topology::{Halves, Topology, allowed_cpus};
pub use tracked_connection::TrackedConnection;
pub use tree::{TreeProbe, TreeReading};

/// Whether something becomes so within five seconds.
#[cfg(test)]
fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while std::time::Instant::now() < deadline {
        if is_so() {
            return true;
        }
    }
    false
}
