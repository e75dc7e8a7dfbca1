//! Bytes as they are: what is sent is written out ([`Exchange`]), and an answer ends at a delimiter or has a length.

mod answer_end;
mod decoder;
mod exchange;
mod octets;
mod rules;

pub(super) use self::{answer_end::MOST_BYTES, rules::Rules};
pub use self::{decoder::Decoder, exchange::Exchange, octets::Octets};
