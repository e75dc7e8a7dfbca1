//! Looking without touching: a process, its sockets and the machine, read through the kernel by an ordinary user.

mod between;
mod hold_up;
mod host;
mod inet_diag;
mod instructions;
pub mod listeners;
mod netlink;
mod proc_file;
mod process;
mod reference;
mod sighting;
mod sightings;
mod sockets;
mod tree;

pub use between::Between;
pub use hold_up::HoldUp;
pub use host::{HostProbe, HostReading};
pub use inet_diag::{SocketEntry, TcpState};
pub use instructions::TaskCounters;
pub use process::{ProcessProbe, ProcessReading};
pub use reference::{Journal, ReferenceProbe, ReportedEviction};
pub use sighting::Sighting;
pub use sightings::Sightings;
pub use sockets::{ListenReading, SideReading, SocketProbe, SocketReading};
pub use tree::{TreeProbe, TreeReading};
