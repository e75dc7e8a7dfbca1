//! Core experiments: a server's data structures without a server. One declaration gives the keys of `[core]`, the flags of
//! the process that runs an experiment, their defaults and their help.

use clap::{Parser, Subcommand};
use serde::{Deserialize, Serialize};

use super::server::choices;
use crate::{
    buffer::{Kind, Shift},
    codec::http,
    units::{Bytes, Count, OrOff, Span},
};

/// The experiment and its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Subcommand, schemars::JsonSchema)]
#[serde(tag = "experiment", rename_all = "lowercase")]
pub enum Core {
    /// A constant backlog: at each step bytes enter a buffer at its end and leave it at its front; then the buffer is
    /// drained
    Backlog(Backlog),
    /// A length header is put in front of an existing body; each step is a message
    Prepend(Prepend),
    /// Armed deadlines, of which each step moves one; then all of them are reached
    Timers(Timers),
    /// Messages arrive in pieces, and the decoder runs after each piece; each step is a message
    Decode(Decode),
}

/// A standing backlog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Parser, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backlog {
    /// Data structure of the buffer
    #[arg(long, value_enum, default_value_t)]
    pub buffer: Kind,

    /// When a contiguous buffer moves what it holds to make room
    #[arg(long, value_enum, default_value_t)]
    pub shift: Shift,

    /// Bytes in the buffer before and after each step
    #[arg(long, value_name = "SIZE", default_value = "1MiB")]
    pub backlog: Bytes,

    /// Free bytes behind the backlog in the first capacity of a contiguous buffer; off: the buffer grows from 1 KiB by
    /// doubling
    #[arg(long, value_name = "SIZE|off", default_value = "off")]
    pub room: OrOff<Bytes>,

    /// Bytes that enter and leave in each step
    #[arg(long, value_name = "SIZE", default_value = "4KiB")]
    pub piece: Bytes,

    /// Number of steps
    #[arg(long, value_name = "N", default_value = "20000")]
    pub steps: Count,
}

/// A header in front of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Parser, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prepend {
    /// How the header is put in front of the body
    #[arg(long, value_enum, default_value_t)]
    pub method: Method,

    /// Bytes of a body
    #[arg(long, value_name = "SIZE", default_value = "512B")]
    pub body: Bytes,

    /// Number of messages
    #[arg(long, value_name = "N", default_value = "20000")]
    pub steps: Count,
}

/// Deadlines that are moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Parser, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timers {
    /// How deadlines are kept
    #[arg(long, value_enum, default_value_t)]
    pub scheme: Scheme,

    /// Number of armed deadlines, one for each connection
    #[arg(long, value_name = "N", default_value = "100000")]
    pub armed: Count,

    /// How far ahead a deadline is moved
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub timeout: Span,

    /// Simulated time between two events, each on a random connection
    #[arg(long, value_name = "TIME", default_value = "10us")]
    pub every: Span,

    /// Resolution of the wheel
    #[arg(long, value_name = "TIME", default_value = "1ms")]
    pub tick: Span,

    /// Number of events
    #[arg(long, value_name = "N", default_value = "3000000")]
    pub steps: Count,
}

/// Messages in pieces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Parser, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Decode {
    /// Decoder that finds the end of a message
    #[arg(long, value_enum, default_value_t)]
    pub decoder: Decoder,

    /// Data structure of the receive buffer
    #[arg(long, value_enum, default_value_t)]
    pub buffer: Kind,

    /// Bytes of a message
    #[arg(long, value_name = "SIZE", default_value = "1KiB")]
    pub message: Bytes,

    /// Bytes that arrive at a time
    #[arg(long, value_name = "SIZE", default_value = "1B")]
    pub piece: Bytes,

    /// Total bytes that arrive: as many whole messages as fit, and at least one
    #[arg(long, value_name = "SIZE", default_value = "1MiB")]
    pub volume: Bytes,
}

choices! {
    /// How a header is put in front of a body.
    Method {
        /// Written into the free bytes that the buffer keeps in front: one write.
        #[default]
        Prepend "prepend",
        /// Put in front of a buffer without free bytes: the body moves, then one write.
        Insert "insert",
        /// Header and body as the two parts of one writev.
        Writev "writev",
        /// The header has a write of its own.
        TwoWrites "two-writes",
    }

    /// How deadlines are kept.
    Scheme {
        /// A timing wheel that moves a timer at once.
        #[default]
        Wheel "wheel",
        /// A binary heap; a move pushes the new deadline and leaves the old one, which is dropped when it is reached.
        Heap "heap",
        /// A timing wheel in which a move is only noted: a timer that fires too early is armed again for the noted
        /// deadline.
        Lazy "lazy",
    }

    /// Decoder that finds the end of a message.
    Decoder {
        /// Lines; each search resumes where the last one stopped.
        #[default]
        Line "line",
        /// Heads of HTTP/1.1 requests; searched like lines, parsed when complete.
        Http "http",
        /// Frames with their length in front; the checksum is computed when a frame is complete.
        Frame "frame",
        /// Lines; each search starts at the first byte: a mistake, quadratic in the length of a line.
        Rescan "rescan",
    }
}

macro_rules! default_is_what_the_flags_say {
    ($($name:ident)+) => { $(
        impl Default for $name {
            fn default() -> Self {
                Self::parse_from([stringify!($name)])
            }
        }
    )+ };
}
default_is_what_the_flags_say!(Backlog Prepend Timers Decode);

/// The most that the sizes of an experiment may be: sums of some of them still are sizes.
const MOST_BYTES: u64 = 1 << 40;
/// The longest time: a year.
const MOST_SECONDS: u64 = 365 * 24 * 3600;
/// A request line, a `Host` and the blank line take this much of a head.
const LEAST_HEAD: u64 = 64;

impl Core {
    /// The words that make `badpeer core` run this experiment.
    #[must_use]
    pub fn to_arguments(&self) -> Vec<String> {
        let table = toml::Table::try_from(self).unwrap_or_default();
        let plain = |value: &toml::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let experiment = table.get("experiment").map(plain);
        let keys = table.iter().filter(|(key, _)| *key != "experiment");
        let flags = keys.flat_map(|(key, value)| [format!("--{}", key.replace('_', "-")), plain(value)]);
        experiment.into_iter().chain(flags).collect()
    }

    /// Memory that it takes at most, in bytes, about: a block and the larger one that takes its place, or a chain.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let Self::Backlog(Backlog { buffer, shift, backlog, piece, steps, .. }) = self else { return 0 };
        match (buffer, shift) {
            (Kind::Chained, _) => backlog.0 + backlog.0 / 8,
            (Kind::Contiguous, Shift::Never) => 2 * (backlog.0 + piece.0 * u64::from(steps.0)),
            (Kind::Contiguous, _) => 3 * backlog.0,
        }
    }

    /// Whether all of it is possible together, and does what it says.
    ///
    /// # Errors
    /// The key that is at fault, and what to write instead.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::Backlog(backlog) => backlog.check(),
            Self::Prepend(prepend) => sizes(&[("body", prepend.body)]),
            Self::Timers(timers) => timers.check(),
            Self::Decode(decode) => decode.check(),
        }
    }
}

impl Backlog {
    fn check(&self) -> Result<(), (&'static str, String)> {
        sizes(&[("backlog", self.backlog), ("piece", self.piece)])?;
        let Some(room) = self.room.0 else { return Ok(()) };
        if self.buffer != Kind::Contiguous {
            return Err((
                "room",
                "needs buffer = \"contiguous\": a chain of blocks has no single capacity".into(),
            ));
        }
        sizes(&[("room", room)])
    }
}

impl Timers {
    fn check(&self) -> Result<(), (&'static str, String)> {
        for (key, time) in [("timeout", self.timeout), ("every", self.every), ("tick", self.tick)] {
            if time.0.is_zero() || time.0.as_secs() > MOST_SECONDS {
                return Err((key, "must be longer than 0 and at most a year".into()));
            }
        }
        Ok(())
    }
}

impl Decode {
    fn check(&self) -> Result<(), (&'static str, String)> {
        sizes(&[("message", self.message), ("piece", self.piece), ("volume", self.volume)])?;
        let (least, most) = match self.decoder {
            Decoder::Line | Decoder::Rescan => (2, MOST_BYTES),
            Decoder::Http => (LEAST_HEAD, http::HEAD_BYTES as u64),
            Decoder::Frame => (frame_bytes(0), frame_bytes(crate::codec::frame::MAX_PAYLOAD_BYTES)),
        };
        if (least..=most).contains(&self.message.0) {
            return Ok(());
        }
        let (least, most) = (Bytes(least), Bytes(most));
        Err(("message", format!("must be from {least} to {most} for decoder = \"{}\"", self.decoder)))
    }
}

/// A frame with that payload.
const fn frame_bytes(payload: usize) -> u64 {
    (crate::codec::frame::HEADER_BYTES + payload) as u64
}

fn sizes(sizes: &[(&'static str, Bytes)]) -> Result<(), (&'static str, String)> {
    match sizes.iter().find(|(_, size)| !(1..=MOST_BYTES).contains(&size.0)) {
        Some((key, _)) => Err((key, format!("must be from 1B to {}", Bytes(MOST_BYTES)))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that a process gets.
    #[derive(Debug, Parser)]
    struct Words {
        #[command(subcommand)]
        core: Core,
    }

    fn core(text: &str) -> Core {
        toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_arguments_are_parsed_back_to_the_experiment() {
        for text in [
            "experiment = 'backlog'\nbuffer = 'contiguous'\nshift = 'never'\nroom = '4KiB'",
            "experiment = 'prepend'\nmethod = 'two-writes'\nbody = 100",
            "experiment = 'timers'\nscheme = 'lazy'\narmed = 7\nevery = '1us'",
            "experiment = 'decode'\ndecoder = 'http'\npiece = '2B'",
        ] {
            let asked = core(text);
            let words = [vec!["core".to_owned()], asked.to_arguments()].concat();
            assert_eq!(Words::try_parse_from(words).expect("words").core, asked);
        }
    }

    #[test]
    fn impossible_experiments_are_refused() {
        for (text, key) in [
            ("experiment = 'backlog'\npiece = 0", "piece"),
            ("experiment = 'backlog'\nroom = '4KiB'", "room"),
            ("experiment = 'backlog'\nbuffer = 'contiguous'\nroom = 0", "room"),
            ("experiment = 'prepend'\nbody = 0", "body"),
            ("experiment = 'timers'\ntick = 0", "tick"),
            ("experiment = 'timers'\ntimeout = '9000h'", "timeout"),
            ("experiment = 'decode'\ndecoder = 'http'\nmessage = '65KiB'", "message"),
            ("experiment = 'decode'\ndecoder = 'frame'\nmessage = '31B'", "message"),
            ("experiment = 'decode'\nvolume = 0", "volume"),
        ] {
            assert_eq!(core(text).check().map_err(|(key, _)| key), Err(key), "{text}");
        }
        for name in ["backlog", "prepend", "timers", "decode"] {
            assert_eq!(core(&format!("experiment = '{name}'")).check(), Ok(()));
        }
    }

    #[test]
    fn a_growing_block_takes_more_memory_than_a_chain() {
        let memory = |more: &str| core(&format!("experiment = 'backlog'\n{more}")).memory_bytes() >> 20;
        assert_eq!((memory(""), memory("buffer = 'contiguous'")), (1, 3));
        assert_eq!(memory("buffer = 'contiguous'\nshift = 'never'"), 158);
    }
}
