//! Resources that the load generator can run out of.

use serde::{Deserialize, Serialize};

/// A resource that the load generator ran out of; the server is not the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceExhaustion {
    /// badpeer may open no more descriptors (`EMFILE`).
    Descriptors,
    /// No process of this machine may open more descriptors (`ENFILE`).
    MachineDescriptors,
    /// No local port was left for a connection to this address (`EADDRNOTAVAIL`).
    Ports,
    /// The kernel had no memory for another socket (`ENOMEM`, `ENOBUFS`).
    Memory,
    /// epoll may watch no more sockets for this user (`ENOSPC`).
    Watches,
    /// No further thread could be started (`EAGAIN`).
    Threads,
}

impl ResourceExhaustion {
    /// Its name in a sentence.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::MachineDescriptors => "descriptors of the whole machine",
            Self::Ports => "local ports",
            Self::Memory => "kernel memory for sockets",
            Self::Watches => "epoll watches",
            Self::Threads => "threads",
        }
    }

    /// What to change.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Descriptors => {
                "raise the limit (`ulimit -n`, or LimitNOFILE= of a service), or use fewer clients"
            }
            Self::MachineDescriptors => "raise the limit (`sysctl -w fs.file-max`), or use fewer clients",
            Self::Ports => {
                "name more addresses of this machine (`source` in the profile, --source of bench), widen the range \
                 (`sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`), wait a minute for ports in TIME-WAIT, or \
                 use fewer clients"
            }
            Self::Memory => {
                "raise net.ipv4.tcp_mem or lower net.ipv4.tcp_rmem and tcp_wmem, or use fewer clients"
            }
            Self::Watches => "raise the limit (`sysctl -w fs.epoll.max_user_watches`), or use fewer clients",
            Self::Threads => "raise it (`ulimit -u`, or TasksMax= of a service), or ask for fewer threads",
        }
    }
}
