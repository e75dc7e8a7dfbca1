//! RESP2, the protocol of redis: a command to repeat ([`Command`]), and [`Decoder`] for its answers
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

mod command;
mod decoder;
mod grammar;

pub use self::{command::Command, decoder::Decoder};
pub(super) use self::{command::Wanted, grammar::LINE_BYTES, grammar::MOST_DEPTH};
