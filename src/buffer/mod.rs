//! Bytes that wait: what a connection holds between the socket and the application.

use std::io::{self, Read, Write};

/// How many bytes in front of the readable data a fresh buffer keeps free, for a length header written last.
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
    /// Times memory was asked for.
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
    /// Put at most [`PREPEND_BYTES`] bytes in front of the readable data, without moving it if there is room.
    ///
    /// # Errors
    /// [`Full`] as for `append`.
    fn prepend(&mut self, bytes: &[u8]) -> Result<(), Full>;
    /// Offset of the first `delimiter` in the readable bytes. A repeated search for the same delimiter resumes
    /// where the last one stopped, so that a message arriving in pieces is scanned once.
    fn find(&mut self, delimiter: &[u8]) -> Option<usize>;
    /// The first `n` readable bytes as one slice; may move them together. Panics if `n > readable()`.
    fn peek(&mut self, n: usize) -> &[u8];
    /// The longest run of readable bytes at the front that is contiguous as it stands (empty only when nothing waits).
    fn front(&self) -> &[u8];
    /// Forget the first `n` readable bytes. Panics if `n > readable()`.
    fn retrieve(&mut self, n: usize);
    /// One vectored read (`readv`) into the writable space and `spill`; what landed in the spill is appended.
    /// Takes no more than the limit allows. `Ok(0)` means end of stream.
    ///
    /// # Errors
    /// Whatever the source says, untouched (`WouldBlock`, `Interrupted` included). `ErrorKind::StorageFull`
    /// when the limit leaves no room for a single byte; the source is not touched then.
    fn read_from(&mut self, source: &mut dyn Read, spill: &mut [u8]) -> io::Result<usize>;
    /// One vectored write (`writev`) of readable bytes; what was taken is retrieved.
    ///
    /// # Errors
    /// Whatever the sink says, untouched; nothing is lost then.
    fn write_to(&mut self, sink: &mut dyn Write) -> io::Result<usize>;
    /// Give back memory that is not needed for the readable bytes.
    fn shrink(&mut self);
    /// Heap bytes held now.
    fn footprint(&self) -> usize;
    /// What was done since the buffer was made.
    fn work(&self) -> Work;
}

/// How bytes that wait are kept.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One piece of memory that is shifted and grown.
    Contiguous,
    /// Blocks in a list; nothing is ever moved.
    #[default]
    Chained,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Contiguous => "contiguous",
            Self::Chained => "chained",
        })
    }
}
