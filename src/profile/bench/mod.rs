//! The profile of a `badpeer bench` command: a server, good clients, and misbehaving clients by name.

use std::fmt::Write;

use indexmap::IndexMap;
use toml::Value;

use super::{
    Target,
    client_threads::ClientThreads,
    peer::{Crowd, Peer},
    phase_plan::PhasePlan,
    source_addresses::SourceAddresses,
};
use crate::{
    codec::{
        Check, Protocol,
        http::{HttpMethod, Statuses},
        raw::Octets,
    },
    load::{Reconnect, Schedule},
    units::{Bytes, Count, Span},
};

/// How long a good client may wait for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongestWait {
    /// A second, or 20 times the median where that is longer.
    #[default]
    Usual,
    /// So long.
    AtMost(Span),
    /// Without a limit.
    Any,
}

impl std::str::FromStr for LongestWait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Any),
            _ => text.parse().map(Self::AtMost).map_err(|error| format!("{error}, or off")),
        }
    }
}

/// The options of `badpeer bench`.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The server.
    pub target: Target,
    /// The protocol.
    pub protocol: Protocol,
    /// Good clients.
    pub connections: u32,
    /// Threads of the load generator.
    pub threads: ClientThreads,
    /// Addresses that all clients connect from.
    pub source: SourceAddresses,
    /// Requests per second of all good clients (open loop); without it each sends the next when it has its answer.
    pub rate: Option<Schedule>,
    /// Requests that a good client sends on one connection, at most; then it opens another. No bound unless set.
    pub requests_per_connection: Option<Count>,
    /// Bytes of a good client's request; none for HTTP and RESP.
    pub payload: Bytes,
    /// The path for HTTP.
    pub path: String,
    /// The path for slow and stalled HTTP readers.
    pub bad_path: String,
    /// The expected statuses of HTTP.
    pub status: Statuses,
    /// How much of an HTTP answer is checked.
    pub check: Check,
    /// How long a good client may wait for an answer.
    pub longest_wait: LongestWait,
    /// Warm-up before the measured window.
    pub warmup: Span,
    /// Length of the measured window without misbehaving clients.
    pub measure: Span,
    /// The misbehaving clients.
    pub bad: Vec<Crowd>,
    /// When they come and leave, and what they may cost.
    pub phases: PhasePlan,
    /// Fields of the head of HTTP's requests.
    pub headers: IndexMap<String, String>,
    /// The HTTP method.
    pub method: HttpMethod,
    /// The body of HTTP's requests.
    pub body: Option<Octets>,
}

/// Bytes in a field of a slow writer's HTTP request, so that sending its head takes 100 s: the usual timeout of servers is 60 s,
/// and most take heads of 8 KiB.
const SLOW_HEAD_PADDING: usize = 1000;

/// Metrics that must be 0 for good clients: silent connections, errors, unanswered and lost requests, and ended or
/// refused connections.
const NONE_OF: [&str; 7] =
    ["silent_connections", "errors", "unanswered", "lost", "evicted", "refused", "timed_out"];

impl Bench {
    /// The profile's text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let has_bad = !self.bad.is_empty();
        let crowds: Vec<String> =
            self.bad.iter().map(|crowd| format!(", {} × {}", crowd.count, crowd.name)).collect();
        let title = format!("{}: {} good clients{}", self.place(), self.connections, crowds.concat());
        let load = match &self.rate {
            Some(rate) => format!("rate = \"{rate}\""),
            None => "depth = 1".to_owned(),
        };
        let _ = write!(
            text,
            "title = {}\nwarmup = \"{}\"\nmeasure = \"{}\"\nclient_threads = {}\n{}{}\n{}\n[[clients]]\nname = \"good\"\ncount = {}\n\
             {}load = {{ {load}{} }}\n{}",
            quoted(&title),
            self.warmup,
            if has_bad { self.phases.measure() } else { self.measure },
            Value::try_from(self.threads).unwrap_or_else(|_| Value::Integer(1)),
            self.source_key(),
            if has_bad {
                format!("sample_every = \"{}\"\n", self.phases.sample_every())
            } else {
                String::new()
            },
            toml::to_string(&IndexMap::from([("server", &self.target)])).unwrap_or_default(),
            self.connections,
            self.protocol_keys(&self.path),
            self.payload(&self.payload.to_string()),
            self.lives(),
        );
        for crowd in &self.bad {
            let _ = write!(
                text,
                "\n[[clients]]\nname = \"{}\"\ncount = {}\n{}{}",
                crowd.name,
                crowd.count,
                self.phases.group_keys(self.warmup),
                self.manner(crowd),
            );
        }
        if has_bad {
            text += &self.phases.phases(self.warmup);
        }
        text + "\n[expect]\n" + &self.expect()
    }

    /// The expectations of the profile: every good client gets the right answer in time and is not evicted, and bad clients
    /// cost no more than they may.
    fn expect(&self) -> String {
        let mut lines: Vec<String> =
            NONE_OF.iter().map(|name| format!("\"good.{name}\" = \"= 0\"\n")).collect();
        lines.insert(0, "corrupt_bytes = \"= 0\"\n".to_owned());
        if self.rate.is_some() {
            // The last one that became due may come too late to be started.
            lines.push("\"good.skipped_share\" = \"< 1%\"\n".to_owned());
        }
        if self.protocol == Protocol::Http {
            // A close may cross a request now and then; a server that reads requests and answers with a close looks the same.
            lines.push("\"good.retried_share\" = \"< 10%\"\n".to_owned());
        }
        lines.extend(match self.longest_wait {
            LongestWait::Usual => {
                Some("\"good.longest_wait\" = \"<= 1s or <= 20 * latency_p50\"\n".to_owned())
            }
            LongestWait::AtMost(most) => Some(format!("\"good.longest_wait\" = \"<= {most}\"\n")),
            LongestWait::Any => None,
        });
        if !self.bad.is_empty() {
            lines.push(self.phases.expect());
        }
        lines.concat()
    }

    fn source_key(&self) -> String {
        if self.source.is_default() {
            return String::new();
        }
        toml::to_string(&IndexMap::from([("source", &self.source)])).unwrap_or_default()
    }

    /// The keys of a group for its protocol.
    fn protocol_keys(&self, path: &str) -> String {
        // What bad peers ask for instead is there to be read.
        let is_own = path == self.path;
        let method = if is_own { self.method } else { HttpMethod::default() };
        self.keys_of(&self.headers, path, method, self.body.as_ref().filter(|_| is_own))
    }

    /// The keys of a group for its protocol, with this request over HTTP.
    fn keys_of(
        &self,
        headers: &IndexMap<String, String>,
        path: &str,
        method: HttpMethod,
        body: Option<&Octets>,
    ) -> String {
        let http = match self.protocol {
            Protocol::Http => {
                let mut keys = toml::Table::new();
                keys.insert("path".to_owned(), path.into());
                if method != HttpMethod::default() {
                    keys.insert("method".to_owned(), method.to_string().into());
                }
                keys.extend(body.map(|body| ("body".to_owned(), body.to_string().into())));
                if !headers.is_empty() {
                    keys.extend(Value::try_from(headers).map(|fields| ("headers".to_owned(), fields)));
                }
                if self.status != Statuses::default() {
                    keys.extend(Value::try_from(&self.status).map(|status| ("status".to_owned(), status)));
                }
                if self.check != Check::default() {
                    keys.extend(Value::try_from(self.check).map(|check| ("check".to_owned(), check)));
                }
                format!("http = {}\n", Value::Table(keys))
            }
            _ => String::new(),
        };
        format!("protocol = \"{}\"\n{http}", self.protocol)
    }

    /// How long a connection of a good client lives. If an HTTP server closes it, the client reconnects.
    fn lives(&self) -> String {
        let reconnect = format!("reconnect = {{ at_most = \"{}\" }}\n", Reconnect::MOST_ATTEMPTS);
        match (self.requests_per_connection, self.protocol) {
            (Some(most), _) => format!("requests_per_connection = {most}\n{reconnect}"),
            (None, Protocol::Http) => reconnect,
            _ => String::new(),
        }
    }

    /// How long a request is, where that can be chosen.
    fn payload(&self, size: &str) -> String {
        match self.protocol {
            Protocol::Http | Protocol::Resp => String::new(),
            _ => format!(", payload = \"{size}\""),
        }
    }

    /// The keys of a group of misbehaving clients for its load and behavior.
    fn manner(&self, crowd: &Crowd) -> String {
        let reads = |rx: &str| {
            let rate = u64::from(crowd.count) * 10;
            // An echo is as long as what was sent; elsewhere a short request may ask for a long answer.
            let sizes = match self.protocol {
                Protocol::Frame => ", payload = \"16B\", answer = \"64KiB\"".to_owned(),
                _ => self.payload("64KiB"),
            };
            let keys = self.protocol_keys(&self.bad_path);
            // At a UNIX socket what waits is in the server's send buffer.
            let buffer = if self.target.is_unix() { "" } else { "recv_buffer = \"16KiB\"\n" };
            format!("{keys}{buffer}load = {{ rate = \"{rate}/s\"{sizes} }}\nrx = {rx}\n")
        };
        let sends = |tx: &str| {
            let (keys, payload) = (self.protocol_keys(&self.path), self.payload("128B"));
            format!("{keys}load = {{ depth = 1{payload} }}\ntx = {tx}\n")
        };
        // A head that is longer than what any timeout for heads gives time for.
        let sends_slowly = |tx: &str| {
            if self.protocol != Protocol::Http {
                return sends(tx);
            }
            let mut headers = self.headers.clone();
            headers.insert("X-Padding".to_owned(), "x".repeat(SLOW_HEAD_PADDING));
            let keys = self.keys_of(&headers, &self.path, self.method, self.body.as_ref());
            format!("{keys}load = {{ depth = 1 }}\ntx = {tx}\n")
        };
        let sends_body = |tx: &str| {
            let is_http = self.protocol == Protocol::Http;
            let body = self.body.as_ref().filter(|body| is_http && !body.0.is_empty());
            let method = if self.method.may_have_body() { self.method } else { HttpMethod::Post };
            let keys = self.keys_of(&self.headers, &self.path, method, body);
            let payload = if body.is_some() { "" } else { ", payload = \"1KiB\"" };
            format!("{keys}load = {{ depth = 1{payload} }}\ntx = {tx}\n")
        };
        match crowd.peer {
            Peer::SlowReader => reads("{ slow = { bytes = 1024, every = \"100ms\" } }"),
            Peer::StalledReader => reads("\"stall\""),
            Peer::SlowWriter => sends_slowly("{ slow = { bytes = 1, every = \"100ms\" } }"),
            Peer::SlowBody => sends_body("{ slow-body = { every = \"100ms\" } }"),
            Peer::HalfSent => sends("{ stall = { after = \"8B\" } }"),
            Peer::Fragmented => sends("{ fragment = { bytes = 1 } }"),
            Peer::Idle => sends("\"stall\""),
        }
    }

    /// The server in a word.
    fn place(&self) -> &str {
        match &self.target {
            Target::Program(program) => program.command.first().map_or("", String::as_str),
            target => target.address(),
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
