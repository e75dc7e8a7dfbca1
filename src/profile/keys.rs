//! The keys of a profile: a server, the clients that drive it, and what is expected.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{core::Core, target::Target};
use crate::{
    behavior,
    codec::{Protocol, http, raw, resp},
    load::{Load, Reconnect, Schedule},
    units::{Bytes, Count, Span},
};

/// A question: a server and the clients that drive it, or a core experiment; and what is expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What is claimed, in a sentence.
    pub title: String,
    /// What a reader should know to understand the figures.
    #[serde(default)]
    pub about: String,
    /// Fixes everything random.
    #[serde(default = "defaults::seed")]
    pub seed: u64,
    /// Time before measuring starts; its requests are not in the latencies.
    #[serde(default = "defaults::warmup")]
    pub warmup: Span,
    /// Time that is measured.
    #[serde(default = "defaults::measure")]
    pub measure: Span,
    /// How often the whole is done, each time with a fresh server and a seed of its own.
    #[serde(default = "defaults::repeats")]
    #[schemars(range(min = 1))]
    pub repeats: u32,
    /// Time between two samples.
    #[serde(default = "defaults::sample_every")]
    pub sample_every: Span,
    /// Threads that drive the clients, 1 to 64: connections and requests of every group are shared out among them.
    #[serde(default = "defaults::client_threads")]
    #[schemars(range(min = 1, max = 64))]
    pub client_threads: u32,
    /// Who is driven.
    #[serde(default)]
    pub server: Target,
    /// Who drives it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<Group>,
    /// In place of server and clients, and of all that is about their time: an experiment with a data structure alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<Core>,
    /// Keys and the values each takes in turn; all combinations are run.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(with = "IndexMap<String, Vec<serde_json::Value>>")]
    pub sweep: IndexMap<String, Vec<toml::Value>>,
    /// What must hold: a name from `badpeer list metrics`, and conditions.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub expect: IndexMap<String, String>,
    /// What `badpeer compare` gates beside or instead of what it gates anyway, or `"off"`: a name from
    /// `badpeer list metrics`, and `"floor 10%, budget 20%"`. A change is a regression if it is surely larger than the
    /// floor, and a pass if it is surely smaller than the budget.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub gate: IndexMap<String, String>,
}

/// Clients that are alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name in tables, charts and expectations.
    pub name: String,
    /// Connections.
    #[schemars(range(min = 1))]
    pub count: u32,
    /// What they speak.
    #[serde(default)]
    pub protocol: Protocol,
    /// For `http`: the request, and what its answer must be; `GET /` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<http::RequestSpec>,
    /// For `resp`: the command; `PING` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resp: Option<resp::Command>,
    /// For `raw`: the bytes, and how an answer ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<raw::Exchange>,
    /// What they ask for; nothing if they are `idle`.
    #[serde(default)]
    pub load: Load,
    /// When they connect, counted from the start of the warm-up.
    #[serde(default)]
    pub start: Span,
    /// How its first connections are opened: no faster than this; all at once unless set. An open loop starts when the
    /// last one has come about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_rate: Option<Schedule>,
    /// Requests on each connection, at most: when the last of them is answered the client closes it; no end unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_connection: Option<Count>,
    /// How long each connection is kept before it is closed: by a good client when it has the answers that are under way, by
    /// others at once. The first ones of a group are kept for a random part of it, so that they do not end in step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Span>,
    /// How connections that ended are opened again. Unless set, none is, but those of good HTTP clients that the server ended in
    /// good order: it announced the end, or nothing was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<Reconnect>,
    /// Kernel receive buffer (`SO_RCVBUF`), set before connecting; the kernel doubles it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recv_buffer: Option<Bytes>,
    /// Kernel send buffer (`SO_SNDBUF`), set before connecting; the kernel doubles it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_buffer: Option<Bytes>,
    /// How they receive.
    #[serde(default)]
    pub rx: behavior::Spec,
    /// How they send.
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
    pub(super) const fn client_threads() -> u32 {
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
}

impl Profile {
    /// Keys that say nothing about a core experiment.
    pub(super) const OF_CLIENTS: [&'static str; 7] =
        ["server", "clients", "warmup", "measure", "sample_every", "client_threads", "gate"];

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

    /// Connections of all groups.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.clients.iter().map(|group| u64::from(group.count)).sum()
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
