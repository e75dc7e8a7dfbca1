//! Encoders and decoders of messages: `echo` (a stream in which every byte identifies its place), `frame`
//! (length, checksum, sequence number), `line` and `http`, for clients and servers; `resp` and `raw`, for clients.

mod answer_decoder;
mod check;
pub mod content;
pub mod echo;
mod encoder;
mod error_answer;
mod flaw;
pub mod frame;
pub mod http;
pub mod line;
mod part;
mod protocol;
pub mod raw;
pub mod resp;
mod sample;
mod script;
mod tally;
mod text;
mod upload;
mod verifier;

pub use self::{
    check::Check,
    content::SHARED_STREAM,
    encoder::Encoder,
    error_answer::{ErrorAnswer, Excerpt},
    flaw::Flaw,
    part::part_of,
    protocol::Protocol,
    script::{Decoder, Script},
    tally::{Answered, Fault, Tally},
};
