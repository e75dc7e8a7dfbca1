//! Messages out of bytes, however they arrive: `echo` (a raw stream that says of every byte where it belongs) and
//! `frame` (length, checksum, sequence number), for clients and servers; `line` and `http`, a server's side.

pub mod content;
pub mod echo;
mod encoder;
pub mod frame;
pub mod http;
pub mod line;

use std::fmt;

use content::Origin;
pub use encoder::Encoder;
use serde::{Deserialize, Serialize};

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Every byte comes back as it was sent.
    Echo,
    /// Length-prefixed messages with a sequence number and a checksum; the answer has the length that was asked for.
    #[default]
    Frame,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Echo => "echo",
            Self::Frame => "frame",
        })
    }
}

/// What checking a stream of answers has found so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Bytes received and compared.
    pub verified: u64,
    /// Bytes that were not what they should be at their place.
    pub corrupt: u64,
    /// Messages that came in pieces with other bytes between them.
    pub torn: u64,
    /// Messages that came whole, but after a later one.
    pub reordered: u64,
    /// The first thing that was wrong.
    pub first_fault: Option<Fault>,
}

impl Tally {
    /// Takes over the counts of another connection, and its first fault if there was none yet.
    pub fn add(&mut self, other: &Self) {
        self.verified += other.verified;
        self.corrupt += other.corrupt;
        self.torn += other.torn;
        self.reordered += other.reordered;
        self.first_fault = self.first_fault.or(other.first_fault);
    }

    fn fault(&mut self, stream: u32, at: u64, found: Option<Origin>) {
        self.first_fault.get_or_insert(Fault { stream, at, found });
    }
}

/// A place in a connection's received bytes that does not hold what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The connection, by the number of its stream.
    pub stream: u32,
    /// Offset in all bytes that the connection received.
    pub at: u64,
    /// What was found there instead, where that can be told.
    pub found: Option<Origin>,
}

impl Fault {
    /// Numbers the connections from 0, where the first one's content is `first`.
    pub fn count_streams_from(&mut self, first: u32) {
        let number = |stream: u32| stream.wrapping_sub(first) % content::STREAMS;
        self.stream = number(self.stream);
        if let Some(origin) = &mut self.found {
            origin.stream = number(origin.stream);
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}, received byte {}: ", self.stream, self.at)?;
        match self.found {
            Some(origin) if origin.stream == self.stream => {
                write!(f, "here is byte {} of this connection's stream", origin.offset)
            }
            Some(origin) => write!(f, "here is byte {} of connection {}", origin.offset, origin.stream),
            None => f.write_str("the bytes belong to no stream of this run"),
        }
    }
}

/// Finds the answers in what one connection receives, and checks every byte.
#[derive(Clone, Debug)]
pub enum Decoder {
    /// The stream itself comes back.
    Echo(echo::Decoder),
    /// Frames come back.
    Frame(frame::Decoder),
}

impl Decoder {
    /// Expects answers with `answer` bytes of payload on the connection of this stream.
    #[must_use]
    pub fn new(protocol: Protocol, stream: u32, answer: u32) -> Self {
        match protocol {
            Protocol::Echo => Self::Echo(echo::Decoder::new(stream, u64::from(answer))),
            Protocol::Frame => Self::Frame(frame::Decoder::new(stream, answer)),
        }
    }

    /// Takes the bytes that arrived next; calls `answered` with the sequence number of every message they complete.
    pub fn feed(&mut self, bytes: &[u8], answered: &mut impl FnMut(u64)) {
        match self {
            Self::Echo(decoder) => decoder.feed(bytes, answered),
            Self::Frame(decoder) => decoder.feed(bytes, answered),
        }
    }

    /// What was found so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        match self {
            Self::Echo(decoder) => decoder.tally(),
            Self::Frame(decoder) => decoder.tally(),
        }
    }
}
