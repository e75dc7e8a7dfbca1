//! The keys of a profile: a server, the clients that drive it, and the expectations.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{client_threads::ClientThreads, core::Core, source_addresses::SourceAddresses, target::Target};
use crate::{
    behavior,
    codec::{Protocol, http, raw, resp},
    load::{ConnectRate, Load, Reconnect},
    units::{Bytes, Count, Span},
};

/// A server and the clients that drive it, or a core experiment; and the expectations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What the profile shows, in a sentence.
    pub title: String,
    /// What a reader needs to know to understand the figures.
    #[serde(default)]
    pub about: String,
    /// The chart that tells most, which the page and the gallery show first: with `[sweep]` a name from
    /// `badpeer list metrics`, else the name of a chart, as `where-the-bytes-wait`. Default: the first expected number
    /// that differs, or where something happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<String>,
    /// Seed of all random choices, from 0 to 2⁶³ - 1.
    #[serde(default = "defaults::seed")]
    pub seed: u64,
    /// Time before the measured window; its requests are not in the latencies.
    #[serde(default = "defaults::warmup")]
    pub warmup: Span,
    /// Length of the measured window.
    #[serde(default = "defaults::measure")]
    pub measure: Span,
    /// Number of repeats, each with a fresh server and its own seed.
    #[serde(default = "defaults::repeats")]
    #[schemars(range(min = 1))]
    pub repeats: u32,
    /// Time between two samples.
    #[serde(default = "defaults::sample_every")]
    pub sample_every: Span,
    /// Threads of the load generator, 1 to 64, or auto: one for each of its cores. Connections and requests of every group
    /// are divided among them. Default: 1.
    #[serde(default)]
    pub client_threads: ClientThreads,
    /// Addresses of this machine that the clients connect from, in turn, for groups without a `source` of their own.
    /// Default: with a server in 127.0.0.0/8 the first 1000 connections come from 127.0.0.1, the next from 127.0.0.2, and
    /// so on; otherwise the kernel chooses one address for all.
    #[serde(default, skip_serializing_if = "SourceAddresses::is_default")]
    pub source: SourceAddresses,
    /// The server.
    #[serde(default)]
    pub server: Target,
    /// Phases of the measured window by name, and when each begins, counted from the start of the warm-up; it lasts until
    /// the next one begins. Numbers are also measured for each phase: `good.latency_p99 @ with`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub phases: IndexMap<String, Span>,
    /// The client groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<Group>,
    /// An experiment with a data structure, in place of a server, clients and a measured window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<Core>,
    /// Keys and the values that each takes; all combinations are run.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(with = "IndexMap<String, Vec<serde_json::Value>>")]
    pub sweep: IndexMap<String, Vec<toml::Value>>,
    /// Short names for the values of a key of `[sweep]`, one for each in the same order: charts and tables use them.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, Vec<String>>,
    /// Expectations: a name from `badpeer list metrics`, and conditions.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub expect: IndexMap<String, String>,
    /// Limits of `badpeer compare`, in addition to or in place of its defaults: a name from `badpeer list metrics`, and
    /// `"floor 10%, budget 20%"` or `"off"`. A change is a regression if it is certainly larger than the floor, and a
    /// pass if it is certainly smaller than the budget.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub gate: IndexMap<String, String>,
}

/// A group of equal clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name in tables, charts and expectations.
    pub name: String,
    /// Number of connections; an upload in ranges has one more, which fetches the server's copy back.
    #[schemars(range(min = 1))]
    pub count: u32,
    /// Their protocol.
    #[serde(default)]
    pub protocol: Protocol,
    /// For `http`: the request, and how its answer is checked. Default: `GET /`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<http::RequestSpec>,
    /// For `resp`: the command. Default: `PING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resp: Option<resp::Command>,
    /// For `raw`: the bytes, and how an answer ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<raw::Exchange>,
    /// Their load; none if they are `idle`.
    #[serde(default)]
    pub load: Load,
    /// When they connect, counted from the start of the warm-up.
    #[serde(default)]
    pub start: Span,
    /// When they leave, counted from the start of the warm-up: a good client closes its connection when it has all open
    /// answers, another client at once, and no connection is opened any more. Their figures are of the part of the
    /// measured window before it. Default: they stay until the end of the measured window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Span>,
    /// Largest rate at which the first connections are opened, whatever the server accepts; off: all at once. Default: as
    /// fast as the server accepts them. An open loop starts when all connections are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_rate: Option<ConnectRate>,
    /// Largest number of requests on each connection: the client closes it when the last of them is answered. Default:
    /// unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_connection: Option<Count>,
    /// Lifetime of each connection. A good client then closes it when it has all open answers, another client at once.
    /// The first connections of a group live for a random part of this time, so that they do not end in step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Span>,
    /// How ended connections are opened again. Default: they are not, except those of good HTTP clients that the server
    /// closed regularly: it announced the close, or no request was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<Reconnect>,
    /// Addresses of this machine that the group connects from, in turn. Default: those of the profile's `source`.
    #[serde(default, skip_serializing_if = "SourceAddresses::is_default")]
    pub source: SourceAddresses,
    /// Kernel receive buffer (`SO_RCVBUF`), set before connecting; the kernel doubles it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recv_buffer: Option<Bytes>,
    /// Kernel send buffer (`SO_SNDBUF`), set before connecting; the kernel doubles it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_buffer: Option<Bytes>,
    /// Behavior in receiving.
    #[serde(default)]
    pub rx: behavior::Spec,
    /// Behavior in sending.
    #[serde(default)]
    pub tx: behavior::Spec,
}

/// What a profile takes for granted.
mod defaults {
    use super::{Duration, Span};

    pub(super) const fn seed() -> u64 {
        42
    }
    pub(super) const fn warmup() -> Span {
        Span(Duration::from_secs(1))
    }
    pub(super) const fn measure() -> Span {
        Span(Duration::from_secs(5))
    }
    pub(super) const fn repeats() -> u32 {
        1
    }
    pub(super) const fn sample_every() -> Span {
        Span(Duration::from_millis(100))
    }
}

impl Group {
    /// Whether it behaves well in both directions: it takes and sends whatever there is at once.
    #[must_use]
    pub const fn is_steady(&self) -> bool {
        self.rx.is_steady() && self.tx.is_steady()
    }

    /// Whether it behaves well and asks for something: how it is served is what the server is judged by.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.is_steady() && !self.tx.is_idle()
    }
}

impl Profile {
    /// Keys that say nothing about a core experiment.
    pub(super) const OF_CLIENTS: [&'static str; 9] = [
        "server",
        "clients",
        "warmup",
        "measure",
        "phases",
        "sample_every",
        "client_threads",
        "source",
        "gate",
    ];

    /// The profile as TOML, for people: without what says nothing about it.
    ///
    /// # Errors
    /// A value that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let mut table = toml::Table::try_from(self)?;
        if self.core.is_some() {
            table.retain(|key, _| !Self::OF_CLIENTS.contains(&key));
        }
        toml::to_string_pretty(&table)
    }

    /// Number of connections of all groups.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.clients.iter().map(|group| u64::from(group.connections())).sum()
    }

    /// The groups that ask for the next answer when they have one.
    pub fn closed_loops(&self) -> impl Iterator<Item = &Group> {
        self.clients.iter().filter(|group| group.load.is_closed_loop())
    }

    /// Time that clients run: warm-up and measured window.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.warmup.0 + self.measure.0
    }
}
