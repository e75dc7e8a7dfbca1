//! The decision of a behavior: what it may know, and what it does next.

use std::{num::NonZeroU8, time::Duration};

use rand::rngs::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use crate::units::Bytes;

/// What a client does next in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Move at most so many bytes with one system call, as soon as the socket lets it, and ask again.
    Move(usize),
    /// Send at most so many bytes of a request that never ends, in place of all that are due, and ask again. For
    /// behaviors that send nothing else from the first byte on.
    Endless(usize),
    /// Do nothing for so long, and ask again. Waits follow each other without drifting.
    Wait(Duration),
    /// Do nothing for so long from now, and ask again.
    Rest(Duration),
    /// Do nothing more in this direction; the connection stays.
    Hold,
    /// Let several threads send the next messages, or read the next answers, on this one socket at the same time.
    Race(Race),
    /// End the connection.
    End(CloseMethod),
}

/// How a client ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CloseMethod {
    /// FIN: an orderly close.
    Close,
    /// FIN in the sending direction only; answers are still read.
    HalfClose,
    /// RST: what is under way is dropped.
    Reset,
    /// Neither FIN nor RST: from now on the server gets no segment, not even an acknowledgment.
    Vanish,
}

/// What a behavior may know.
#[derive(Debug)]
pub struct View<'a> {
    /// Bytes moved in this direction so far.
    pub moved: u64,
    /// Bytes that wait to be sent; unknown for receiving, and then `u64::MAX`.
    pub left: u64,
    /// Where in its messages the direction is.
    pub message: Message,
    /// Randomness, seeded by the run.
    pub rng: &'a mut Xoshiro256PlusPlus,
}

/// Where in its messages a direction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Requests sent, or answers received, to the last byte.
    pub whole: u64,
    /// Bytes of the next request's head that are still to be sent: 0 within its body, and for receiving.
    pub head_left: u64,
    /// Bytes of the next request that are still to be sent; unknown for receiving, and then `u64::MAX`.
    pub left: u64,
}

impl Message {
    /// Where one is who has sent so many bytes of requests with `size` bytes (at least 1), `head` of them their head.
    #[must_use]
    pub const fn of_requests(moved: u64, head: u64, size: u64) -> Self {
        let at = moved % size;
        Self { whole: moved / size, head_left: head.saturating_sub(at), left: size - at }
    }

    /// Where one is who has received so many answers.
    #[must_use]
    pub const fn of_answers(whole: u64) -> Self {
        Self { whole, head_left: 0, left: u64::MAX }
    }
}

/// The decision.
pub trait Behavior: Send {
    /// What to do next.
    fn next(&mut self, view: View<'_>) -> Step;

    /// How the connection ends now that everything that is due was sent, if it does. For sending only: who receives
    /// is always asked what to do next.
    fn spent(&mut self, _: View<'_>) -> Option<CloseMethod> {
        None
    }

    /// Changes bytes that are about to be sent, of which the first is byte `offset` of the connection. Bytes that the
    /// socket did not take come again: what becomes of one depends on its offset alone.
    fn corrupt(&mut self, _offset: u64, _bytes: &mut [u8]) {}
}

/// Threads on one socket, and how each of them uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Race {
    /// How many.
    pub threads: NonZeroU8,
    /// Their system calls wait for the socket; else they fail, and `poll` waits.
    #[serde(default)]
    pub blocking: bool,
    /// Sending: bytes of each message that have a system call of their own; 0 for none.
    #[serde(default)]
    pub header: Bytes,
    /// A thread keeps the others out until its message, or its part, is through.
    #[serde(default)]
    pub lock: bool,
}
