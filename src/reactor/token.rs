//! What epoll reports a connection by: its slot, and which of those that had the slot it is.

/// A connection, by its slot and the slot's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub(super) u64);

impl Token {
    /// A token outside any [`Slots`](super::Slots), for listeners and signals: `n` counts from 0.
    #[must_use]
    pub const fn special(n: u32) -> Self {
        Self(u64::MAX - n as u64)
    }

    pub(super) const fn new(slot: u32, generation: u32) -> Self {
        Self(((generation as u64) << 32) | slot as u64)
    }

    /// The slot: small numbers, used again after their connection is gone.
    #[must_use]
    pub const fn slot(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    pub(super) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}
