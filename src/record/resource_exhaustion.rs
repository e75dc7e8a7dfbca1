//! What a machine can run out of while clients are driven.

use serde::{Deserialize, Serialize};

/// What the clients ran out of: no doing of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Shortage")]
pub enum ResourceExhaustion {
    /// The harness may open no more descriptors (`EMFILE`).
    Descriptors,
    /// Nobody on this machine may (`ENFILE`).
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
                "raise the limit (`ulimit -n`, or LimitNOFILE= of a service) or ask for fewer clients"
            }
            Self::MachineDescriptors => "raise it (`sysctl -w fs.file-max`), or ask for fewer clients",
            Self::Ports => {
                "widen the range (`sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`), wait a minute for ports in \
                 TIME-WAIT, or ask for fewer clients"
            }
            Self::Memory => {
                "raise net.ipv4.tcp_mem or lower net.ipv4.tcp_rmem and tcp_wmem, or ask for fewer clients"
            }
            Self::Watches => "raise it (`sysctl -w fs.epoll.max_user_watches`), or ask for fewer clients",
            Self::Threads => "raise it (`ulimit -u`, or TasksMax= of a service), or ask for fewer threads",
        }
    }
}
