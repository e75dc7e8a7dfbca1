//! RESP2, the protocol of redis: a command to repeat ([`Command`]), and [`Decoder`] for its answers
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

mod command;
mod decoder;
mod grammar;
mod limits;

use self::command::Wanted;
pub use self::{command::Command, decoder::Decoder};
pub(super) use self::{
    decoder::Rules,
    limits::{LINE_BYTES, MOST_DEPTH},
};

/// A command with an argument of 4 EiB, which is beyond what any server takes.
pub(super) const ENDLESS: &[u8] = b"*1\r\n$4611686018427387904\r\n";
