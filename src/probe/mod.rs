//! Probes: a process, its sockets and the machine, read through the kernel by an ordinary user.

mod between;
mod connection_tracker;
mod descendants;
mod gone;
mod host;
mod inet_diag;
mod instructions;
pub mod listeners;
mod netlink;
mod other_clients;
mod peak;
mod proc_file;
mod process;
mod reference;
mod rest;
mod send_stall;
mod server_sockets;
mod sockets;
mod topology;
mod tracked_connection;
mod tree;

pub use between::Between;
pub use connection_tracker::ConnectionTracker;
pub use descendants::descendants;
pub use host::{HostProbe, HostReading, describe_machine};
pub use inet_diag::{SocketEntry, TcpState, TimeWait};
pub use instructions::TaskCounters;
pub use other_clients::{OtherClients, RequestCounts};
pub use process::{ProcessProbe, ProcessReading};
pub use reference::{Journal, ReferenceProbe, ReportedEviction};
pub use rest::Rest;
pub use send_stall::SendStall;
pub use sockets::{ListenReading, SideReading, SocketProbe, SocketReading};
pub use topology::{Halves, Topology, allowed_cpus};
pub use tracked_connection::TrackedConnection;
pub use tree::{TreeProbe, TreeReading};
