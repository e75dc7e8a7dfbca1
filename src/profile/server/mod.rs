//! The reference server's knobs: one declaration gives the keys of `[server]`, the flags of `badpeer serve`, their
//! defaults and their help.

mod check;
mod choices;

use std::{path::PathBuf, sync::LazyLock};

use clap::{ArgAction, Parser};
use serde::{Deserialize, Serialize};

pub(super) use self::choices::choices;
pub use self::choices::{
    Dispatch, EvictBy, HeadParsing, Overflow, Progress, ReadStrategy, Service, Trigger, WriteInterest,
};
use crate::{
    buffer::{Kind, Shift},
    units::{ByteRate, Bytes, Count, OrOff, Span},
};

/// The settings of the reference server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Parser, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerOptions {
    /// Address and port to listen on, where port 0 takes a free one; or unix:/PATH, unix:@NAME, or unix: for a fresh path, which is
    /// removed in the end
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: String,

    /// Protocol of every connection
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Service,

    /// Directory of the files that HTTP serves: each is looked up once a second, and one of up to 16 KiB answered from memory
    /// until then. Without it, /bytes/N is answered with N bytes and every other path with "ok"
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,

    /// How the heads of HTTP requests are parsed: whole, once they have arrived, or line by line as they arrive, which
    /// keeps the receive buffer small while they do
    #[arg(long, value_enum, default_value_t)]
    pub head_parsing: HeadParsing,

    /// Memory for what clients upload to /uploads/NAME over HTTP (PUT, whole or in ranges); a copy can be fetched back while
    /// the server runs; off refuses uploads
    #[arg(long, value_name = "SIZE|off", default_value = "off")]
    pub uploads: OrOff<Bytes>,

    /// Largest number of connections; further ones are closed at once
    #[arg(long, value_name = "N|off", default_value = "off")]
    pub max_connections: OrOff<Count>,

    /// Connections that may wait to be accepted, on each listening socket; the kernel grants no more than net.core.somaxconn,
    /// and drops what comes beyond: its clients try again a second later
    #[arg(long, value_name = "N", default_value = "4096")]
    pub backlog: Count,

    /// Descriptors that the process may hold (soft RLIMIT_NOFILE), about a dozen for itself and one for each connection;
    /// off: as many as the hard limit allows
    #[arg(long, value_name = "N|off", default_value = "off")]
    pub descriptors: OrOff<Count>,

    /// Time to finish answers under way after SIGTERM; a second SIGTERM ends at once
    #[arg(long, value_name = "TIME", default_value = "500ms")]
    pub drain: Span,

    /// Which threads serve which connections; workers-shared is a mistake that mixes up the answers
    #[arg(long, value_enum, default_value_t)]
    pub dispatch: Dispatch,

    /// Number of threads, unless dispatch is single
    #[arg(long, value_name = "N", default_value = "2")]
    pub threads: Count,

    /// How epoll reports readiness
    #[arg(long, value_enum, default_value_t)]
    pub trigger: Trigger,

    /// When the server asks for writability (EPOLLOUT); eager is a mistake that makes a level-triggered loop spin
    #[arg(long, value_enum, default_value_t)]
    pub write_interest: WriteInterest,

    /// Sends in a row to one connection before the others have their turn; off lets a fast reader occupy the loop
    #[arg(long, value_name = "N|off", default_value = "16")]
    pub max_sends: OrOff<Count>,

    /// Largest number of bytes offered to the kernel in one send; off offers all waiting bytes
    #[arg(long, value_name = "SIZE|off", default_value = "off")]
    pub send_piece: OrOff<Bytes>,

    /// A mistake: with edge triggering, a connection that used up max_sends is not armed again and hangs
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = false)]
    pub lost_wakeup: bool,

    /// Bytes taken from one connection before the others have their turn, counted after each read; off is a mistake:
    /// with edge triggering, a client that sends fast enough starves all others
    #[arg(long, value_name = "SIZE|off", default_value = "256KiB")]
    pub read_quantum: OrOff<Bytes>,

    /// CPU time spent on each message, as an application would
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub work_per_message: Span,

    /// Time that each request is in progress before it is answered, without CPU time, as when an application waits for a
    /// database; a connection has one request in progress, and the requests behind it wait
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub processing_time: Span,

    /// Largest number of requests in progress, over all connections; further ones wait complete in the receive buffers,
    /// and the connections take turns
    #[arg(long, value_name = "N|off", default_value = "off")]
    pub concurrency_limit: OrOff<Count>,

    /// Data structure of the send and receive buffers
    #[arg(long, value_enum, default_value_t)]
    pub buffer: Kind,

    /// First capacity of each buffer; 0 allocates memory when the first byte waits and frees it when the buffer is idle
    #[arg(long, value_name = "SIZE", default_value = "1KiB")]
    pub initial: Bytes,

    /// Bytes each buffer keeps free in front of a message, for a header that is written last
    #[arg(long, value_name = "SIZE", default_value = "8B")]
    pub prepend: Bytes,

    /// When a contiguous buffer moves what it holds to make room; always (quadratic near a full buffer) and never (the
    /// free front is lost) are mistakes
    #[arg(long, value_enum, default_value_t)]
    pub shift: Shift,

    /// Free memory that a connection no longer needs; false is a mistake: the memory of one burst is kept forever
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true)]
    pub shrink: bool,

    /// How bytes get from the socket into the receive buffer
    #[arg(long, value_enum, default_value_t)]
    pub read_strategy: ReadStrategy,

    /// Largest content of a connection's receive buffer, and so the longest message
    #[arg(long, value_name = "SIZE|off", default_value = "16MiB")]
    pub receive_limit: OrOff<Bytes>,

    /// Largest content of a connection's send buffer; overflow says what happens beyond it
    #[arg(long, value_name = "SIZE|off", default_value = "16MiB")]
    pub send_limit: OrOff<Bytes>,

    /// What happens beyond the send limit: evict, or stop reading requests until less than half of the limit waits
    #[arg(long, value_enum, default_value_t)]
    pub overflow: Overflow,

    /// A connection with more than this in its send buffer for longer than soft_time is evicted
    #[arg(long, value_name = "SIZE|off", default_value = "off")]
    pub soft_limit: OrOff<Bytes>,

    /// Longest time for which the soft limit may be exceeded without interruption
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub soft_time: Span,

    /// Time that data may stay unsent without progress; then the connection is evicted
    #[arg(long, value_name = "TIME|off", default_value = "10s")]
    pub send_timeout: OrOff<Span>,

    /// What counts as progress for the send timeout; write-event is a mistake that evicts slow readers
    #[arg(long, value_enum, default_value_t)]
    pub progress: Progress,

    /// Minimum rate at which a client must acknowledge data, on average since data began to wait; below it the
    /// connection is evicted
    #[arg(long, value_name = "RATE|off", default_value = "off")]
    pub min_rate: OrOff<ByteRate>,

    /// Time that data may wait before min_rate applies
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub grace: Span,

    /// Longest time for which the send buffer may be non-empty, whatever progress is made; then the connection is
    /// evicted
    #[arg(long, value_name = "TIME|off", default_value = "off")]
    pub deadline: OrOff<Span>,

    /// Longest time from the first byte of a message to its last; then the connection is evicted, in HTTP with a 408
    /// answer if the client has received all earlier answers (an echo is always complete)
    #[arg(long, value_name = "TIME|off", default_value = "off")]
    pub message_timeout: OrOff<Span>,

    /// Time without a byte received while nothing waits to be sent, or to be acknowledged; then the connection is evicted
    #[arg(long, value_name = "TIME|off", default_value = "off")]
    pub idle_timeout: OrOff<Span>,

    /// Time that sent data may stay unacknowledged, or the peer's window closed, until the kernel ends the connection
    /// (TCP_USER_TIMEOUT)
    #[arg(long, value_name = "TIME|off", default_value = "off")]
    pub user_timeout: OrOff<Span>,

    /// How an evicted connection is ended; after a 408 answer always with a FIN, because an RST could discard the
    /// answer
    #[arg(long, value_enum, default_value_t)]
    pub evict_by: EvictBy,

    /// Kernel send buffer of each connection (SO_SNDBUF): Linux grants twice this value, up to twice net.core.wmem_max;
    /// off leaves the size to the kernel's autotuning
    #[arg(long, value_name = "SIZE|off", default_value = "off")]
    pub send_buffer: OrOff<Bytes>,

    /// Unsent bytes in the kernel above which a connection is not writable (TCP_NOTSENT_LOWAT); off: a third of its
    /// send buffer must be free
    #[arg(long, value_name = "SIZE|off", default_value = "off")]
    pub notsent_lowat: OrOff<Bytes>,

    /// Resolution of deadlines: an eviction is at most this late, and never early
    #[arg(long, value_name = "TIME", default_value = "1ms")]
    pub tick: Span,

    /// A defect for a gate to find, in no profile and no help, and only in builds with the feature `planted-defects`: bytes
    /// that are leaked for each accepted connection
    #[arg(long, value_name = "SIZE", default_value = "0B", hide = true)]
    #[serde(skip)]
    pub plant_leak: Bytes,

    /// Only each so-manieth connection leaks
    #[arg(long, value_name = "N", default_value = "1", hide = true)]
    #[serde(skip, default = "one")]
    pub plant_leak_every: Count,

    /// Another such defect: how much later every timer fires
    #[arg(long, value_name = "TIME", default_value = "0s", hide = true)]
    #[serde(skip)]
    pub plant_delay: Span,
}

const fn one() -> Count {
    Count(1)
}

impl Default for ServerOptions {
    fn default() -> Self {
        static DEFAULT: LazyLock<ServerOptions> = LazyLock::new(|| ServerOptions::parse_from(["serve"]));
        DEFAULT.clone()
    }
}

impl ServerOptions {
    /// Why the kernel does not grant the backlog, if it lets so many wait at most; a default that is cut is no fault.
    #[must_use]
    pub fn refused_backlog(&self, somaxconn: u32) -> Option<&'static str> {
        let is_cut = self.backlog.0 > somaxconn && self.backlog != Self::default().backlog;
        is_cut.then_some(
            "is more than net.core.somaxconn allows: raise it (`sysctl -w net.core.somaxconn=N`), or use a smaller \
             backlog",
        )
    }

    /// The flags that make `badpeer serve` run with these options; what is so by default is left to the program, which may
    /// be another build that does not know of it.
    #[must_use]
    pub fn to_flags(&self) -> Vec<String> {
        let table = |options: &Self| toml::Table::try_from(options).unwrap_or_default();
        let default = table(&Self::default());
        table(self)
            .into_iter()
            .filter(|(key, value)| default.get(key) != Some(value))
            .flat_map(|(key, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                [format!("--{}", key.replace('_', "-")), value]
            })
            .collect()
    }
}
