//! The interface of all buffers: what goes in, what comes out, and what it costs.

use std::io::{self, Read, Write};

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
    /// buffer that was empty before its message was appended has room for [`super::Layout::prepend`]. More are possible, but
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
