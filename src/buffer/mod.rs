//! Buffers: the bytes that a connection holds between the socket and the application.

mod block;
mod chained;
mod contiguous;
mod nothing;
mod search;

use std::fmt;
use std::io::{self, ErrorKind, IoSliceMut, Read, Write};

pub use chained::Chained;
pub use contiguous::Contiguous;
pub use nothing::Nothing;

/// How many bytes in front of the readable data a fresh buffer keeps free, for a length header written last, unless
/// asked otherwise.
pub const PREPEND_BYTES: usize = 8;

/// The capacity of a fresh buffer, in bytes, unless asked otherwise.
pub const INITIAL_BYTES: usize = 1024;

/// What a buffer has done since it was made: counts, so that policies can be compared without a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes put in, by `append` and `read_from`.
    pub appended: u64,
    /// Bytes copied inside the buffer: shifted to the front, or to a larger home.
    pub moved: u64,
    /// Number of allocations.
    pub allocations: u64,
}

/// The limit would be exceeded; nothing was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} bytes would wait, the limit is {limit}")]
pub struct Full {
    /// The limit, in bytes.
    pub limit: usize,
    /// What `readable()` would have become.
    pub wanted: usize,
}

/// A queue of bytes between a socket and an application.
///
/// ```text
/// | prependable |  readable  |  writable  |
/// 0          read          write      capacity
/// ```
pub trait Buffer {
    /// Bytes that wait to be taken out.
    fn readable(&self) -> usize;
    /// Bytes that can be put in without moving or allocating anything.
    fn writable(&self) -> usize;
    /// Free bytes in front of the readable data.
    fn prependable(&self) -> usize;
    /// Put bytes in at the end. Nothing is put in when the limit would be exceeded.
    ///
    /// # Errors
    /// [`Full`] when `readable() + bytes.len()` is above the limit.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Full>;
    /// Put bytes in front of the readable data. Up to `prependable()` of them cost nothing but their copy, and a
    /// buffer that was empty before its message was appended has room for [`Layout::prepend`]. More are possible, but
    /// may move data or ask for memory.
    ///
    /// # Errors
    /// [`Full`] as for `append`.
    fn prepend(&mut self, bytes: &[u8]) -> Result<(), Full>;
    /// Offset of the first `delimiter` in the readable bytes. A repeated search for the same delimiter resumes
    /// where the last one stopped, so that a message arriving in pieces is scanned once. The empty delimiter is
    /// found at 0.
    fn find(&mut self, delimiter: &[u8]) -> Option<usize>;
    /// The first `n` readable bytes as one slice; may move them together. Panics if `n > readable()`.
    fn peek(&mut self, n: usize) -> &[u8];
    /// The longest run of readable bytes at the front that is contiguous as it stands (empty only when nothing waits).
    fn front(&self) -> &[u8];
    /// Forget the first `n` readable bytes. Panics if `n > readable()`.
    fn retrieve(&mut self, n: usize);
    /// One vectored read (`readv`) into the writable space and `spill`; what landed in the spill is appended.
    /// Takes no more than the limit allows. `Ok(0)` means end of stream. An empty spill is allowed. Panics if the
    /// source claims to have read more than it was offered.
    ///
    /// # Errors
    /// Whatever the source says, untouched (`WouldBlock`, `Interrupted` included). `ErrorKind::StorageFull`
    /// when the limit leaves no room for a single byte; the source is not touched then.
    fn read_from(&mut self, source: &mut dyn Read, spill: &mut [u8]) -> io::Result<usize>;
    /// One vectored write (`writev`) of readable bytes; what was taken is retrieved. When nothing waits, the sink is
    /// not touched and the answer is `Ok(0)`. Panics if the sink claims to have taken more than it was offered.
    ///
    /// # Errors
    /// Whatever the sink says, untouched; nothing is lost then.
    fn write_to(&mut self, sink: &mut dyn Write) -> io::Result<usize>;
    /// See to it that `n` bytes, or a block full of them, can be put in without a spill. The limit stays the limit.
    fn reserve(&mut self, n: usize);
    /// Give back memory that is needed neither for the readable bytes nor for the initial capacity. When to ask is
    /// the owner's policy: a buffer never shrinks by itself.
    fn shrink(&mut self);
    /// Heap bytes held now.
    fn footprint(&self) -> usize;
    /// What was done since the buffer was made.
    fn work(&self) -> Work;
}

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

/// What a contiguous buffer does when the room on the right is too small; a chain of blocks never moves bytes.
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
pub enum Shift {
    /// Shift left whenever that makes room: a mistake near a full buffer, where every small append moves all bytes.
    Always,
    /// Only grow: a mistake if the buffer is never completely empty, because the free front is lost until then.
    Never,
    /// Shift left only if the free front is at least as large as the data, else grow: linear, and bounded.
    #[default]
    Amortized,
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Shift::Always => "always",
            Shift::Never => "never",
            Shift::Amortized => "amortized",
        })
    }
}

/// How a buffer uses its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of memory at the start and at least kept later; 0: none until the first use.
    pub initial: usize,
    /// Most bytes that may wait.
    pub limit: Option<usize>,
    /// Bytes kept free in front of a message.
    pub prepend: usize,
    /// When a contiguous buffer moves what it holds.
    pub shift: Shift,
}

impl Default for Layout {
    fn default() -> Self {
        Self { initial: INITIAL_BYTES, limit: None, prepend: PREPEND_BYTES, shift: Shift::default() }
    }
}

impl Layout {
    /// `initial`, but large enough to be of use beside what is kept in front.
    fn first(&self) -> usize {
        if self.initial == 0 { 0 } else { self.initial.max(self.prepend + PREPEND_BYTES) }
    }

    /// The first block that is asked for once it is needed.
    fn first_used(&self) -> usize {
        if self.initial == 0 { INITIAL_BYTES.max(self.prepend + PREPEND_BYTES) } else { self.first() }
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

/// May `more` bytes join those that wait?
fn admit(readable: usize, more: usize, limit: Option<usize>) -> Result<(), Full> {
    let wanted = readable.saturating_add(more);
    match limit {
        Some(limit) if wanted > limit => Err(Full { limit, wanted }),
        _ => Ok(()),
    }
}

/// One vectored read of at most `room` bytes into `tail`, then `spill`: how many bytes landed in each.
fn scatter(
    source: &mut dyn Read,
    tail: &mut [u8],
    spill: &mut [u8],
    room: usize,
) -> io::Result<(usize, usize)> {
    if room == 0 {
        return Err(ErrorKind::StorageFull.into());
    }
    let in_tail = tail.len().min(room);
    let in_spill = spill.len().min(room - in_tail);
    let slices = &mut [IoSliceMut::new(&mut tail[..in_tail]), IoSliceMut::new(&mut spill[..in_spill])];
    let taken = match slices {
        [tail, spill] if spill.is_empty() => source.read(tail)?,
        slices => source.read_vectored(slices)?,
    };
    let offered = in_tail + in_spill;
    assert!(taken <= offered, "the source was offered {offered} bytes and claims to have read {taken}");
    Ok((taken.min(in_tail), taken.saturating_sub(in_tail)))
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
