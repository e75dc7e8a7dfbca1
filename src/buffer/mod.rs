//! Buffers: the bytes that a connection holds between the socket and the application.

mod admission;
mod block;
mod chained;
mod contiguous;
mod contract;
mod layout;
mod nothing;
mod search;

use std::fmt;

pub use self::{
    chained::Chained,
    contiguous::Contiguous,
    contract::{Buffer, Full, Work},
    layout::{INITIAL_BYTES, Layout, PREPEND_BYTES, Shift},
    nothing::Nothing,
};

/// Data structure of a buffer.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Buffer")]
pub enum Kind {
    /// One block that grows by doubling; see [`Contiguous`].
    Contiguous,
    /// A sequence of blocks; see [`Chained`].
    #[default]
    Chained,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Contiguous => "contiguous",
            Kind::Chained => "chained",
        })
    }
}

/// A buffer of this kind that starts with `initial` bytes of memory (0: none until the first use) and lets at most
/// `limit` bytes wait.
#[must_use]
pub fn make(kind: Kind, initial: usize, limit: Option<usize>) -> Box<dyn Buffer + Send> {
    make_with(kind, Layout { initial, limit, ..Layout::default() })
}

/// A buffer of this kind and layout.
#[must_use]
pub fn make_with(kind: Kind, layout: Layout) -> Box<dyn Buffer + Send> {
    match kind {
        Kind::Contiguous => Box::new(Contiguous::with(layout)),
        Kind::Chained => Box::new(Chained::with(layout)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_kind_has_the_same_name_in_profiles_and_flags() {
        for kind in [Kind::Contiguous, Kind::Chained] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.to_string());
            assert_eq!(<Kind as clap::ValueEnum>::from_str(&kind.to_string(), false), Ok(kind));
        }
        assert_eq!(Kind::default(), Kind::Chained);
        for shift in [Shift::Always, Shift::Never, Shift::Amortized] {
            assert_eq!(serde_json::to_value(shift).unwrap(), shift.to_string());
        }
    }
}
