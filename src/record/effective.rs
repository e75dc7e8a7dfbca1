//! The settings in effect while a repeat was measured.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::resource_exhaustion::ResourceExhaustion;

/// The settings in effect, read back from the system.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Effective {
    /// Numbers of the cores of the server or of the core experiment, from 0; empty: any.
    pub server_cores: Vec<usize>,
    /// Numbers of the cores of the load generator, from 0; empty: any.
    pub client_cores: Vec<usize>,
    /// Threads of the load generator; 0: not known, as in an older record.
    #[serde(default)]
    pub client_threads: u32,
    /// The physical cores that badpeer may use, their hardware threads, and how they were divided, in words.
    #[serde(default)]
    pub cores: String,
    /// The server's address and port.
    pub address: String,
    /// The addresses that clients connected from, and how many connections came from each.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub client_addresses: IndexMap<String, u64>,
    /// Kernel receive buffer of a client of each group, in bytes, as `getsockopt(SO_RCVBUF)` says.
    pub client_receive_buffer: Vec<u64>,
    /// Kernel send buffer of a client of each group, in bytes, as `getsockopt(SO_SNDBUF)` says.
    pub client_send_buffer: Vec<u64>,
    /// Which instructions of the server were counted, or why none were.
    #[serde(default)]
    pub instructions: String,
    /// How the server ended: its exit code or signal, in words; `left running` if badpeer did not start it.
    pub server_exit: String,
    /// The resource that the load generator ran out of, which ended the repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "shortage")]
    pub exhaustion: Option<ResourceExhaustion>,
}
