//! Which connections of a group the server ended, as clients and the server's own sockets show it.

use serde::{Deserialize, Serialize};

/// Connections of a group that the server ended while the clients held them. Times are in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct ServerEndings {
    /// Number of all of them.
    pub count: u64,
    /// Of all, ended by RST, as their clients saw.
    pub by_reset: u64,
    /// Of all, ended by FIN, as their clients or the server's sockets show.
    pub by_fin: u64,
    /// Of all, the ones that their clients had not noticed when the run stopped: the FIN waits behind unread bytes, or
    /// the client has vanished.
    pub unnoticed: u64,
    /// Of the unnoticed, the ones that are counted as still alive.
    pub unnoticed_alive: u64,
    /// Of all, the ones whose last answer was an error: HTTP's 408, for instance.
    pub after_error: u64,
    /// Of all, the ones that no reading of the server's sockets showed: how long they made no progress is not known.
    pub unseen: u64,
    /// Median time from connecting until the server ended it, in nanoseconds.
    pub after_ns: Option<u64>,
    /// How long they were held without progress: the shortest, at most; the median, about; the longest, at least. The last
    /// progress is dated by two looks.
    pub held_ns: Option<(u64, u64, u64)>,
    /// How far the bounds of such a time lie apart, at most.
    pub held_uncertain_ns: Option<u64>,
    /// Sockets that the server has closed and its kernel still kept at the end of the window, before the clients ended
    /// what was left. `None` where that cannot be seen: on another machine, or at a UNIX-domain socket.
    pub left_sockets: Option<u64>,
    /// Kernel memory of those, in bytes.
    pub left_bytes: Option<u64>,
}
