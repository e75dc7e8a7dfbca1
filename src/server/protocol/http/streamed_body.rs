//! The body of an answer that never lies in the send buffer: it takes no memory however slowly it is read.

use std::{io, os::fd::AsFd, sync::Arc};

use nix::sys::uio::pread;

use super::{files::OpenFile, uploads::UploadedCopy};
use crate::codec::{content, http::Span};

/// Up to so many bytes of a body in memory are copied behind their head, for one `send`; a longer one goes out from where it
/// lies, by `writev` with its head. A copy and one `send` cost 0.97 of a `writev` up to 2 KiB, 0.99 at 4 KiB, 1.02 at 8 KiB and
/// 1.05 at 16 KiB (`.ci/ratios --only border`).
pub(super) const COPIED_BYTES: usize = 4 * 1024;
/// Whose content is generated where there is no file.
pub(super) const STREAM: u32 = 0;

/// What follows the send buffer: bytes of a file, uploaded or generated ones.
#[derive(Clone, Debug)]
pub(in crate::server) struct StreamedBody {
    pub(in crate::server) source: Source,
    /// What is left of it.
    pub(in crate::server) span: Span,
}

/// Where the bytes come from.
#[derive(Clone, Debug)]
pub(in crate::server) enum Source {
    File(Arc<OpenFile>),
    /// In memory, and never changed: nothing of it is copied.
    Kept(Arc<[u8]>),
    /// In memory, as it is at the moment.
    Uploaded(Arc<UploadedCopy>),
    /// Generated whenever the kernel has room: what it does not take is generated once more.
    Generated,
}

impl StreamedBody {
    /// All of what is kept in memory.
    pub(super) fn kept(bytes: &Arc<[u8]>) -> Self {
        Self { source: Source::Kept(Arc::clone(bytes)), span: Span { start: 0, length: bytes.len() as u64 } }
    }

    /// What is left, where it is kept in memory.
    pub(in crate::server) fn in_memory(&self) -> Option<&[u8]> {
        let Source::Kept(bytes) = &self.source else { return None };
        Some(&bytes[self.span.start as usize..][..self.span.length as usize])
    }

    /// The first bytes of what is left, without sending them.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file was cut short after its length was announced: only the end of the connection can
    /// show that to the peer.
    pub(in crate::server) fn read(&self, out: &mut [u8]) -> io::Result<()> {
        let start = self.span.start;
        match &self.source {
            Source::File(file) => return read_file(file, start, out),
            Source::Kept(bytes) => out.copy_from_slice(&bytes[start as usize..][..out.len()]),
            Source::Uploaded(copy) => copy.read(start, out),
            Source::Generated => content::fill(STREAM, start, out),
        }
        Ok(())
    }

    /// So many bytes of it are sent.
    pub(in crate::server) fn sent(&mut self, count: usize) {
        self.span.start += count as u64;
        self.span.length -= count as u64;
    }

    /// Sends up to so many bytes to somebody who takes everything; whether there were any.
    #[cfg(test)]
    pub(in crate::server) fn send_into(&mut self, out: &mut Vec<u8>, most: usize) -> bool {
        let (start, count) = (out.len(), self.span.length.min(most as u64) as usize);
        out.resize(start + count, 0);
        self.read(&mut out[start..]).expect("what was announced");
        self.sent(count);
        count > 0
    }
}

fn read_file(file: &OpenFile, start: u64, out: &mut [u8]) -> io::Result<()> {
    let mut have = 0;
    while have < out.len() {
        match pread(file.as_fd(), &mut out[have..], start as libc::off_t + have as libc::off_t)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => have += count,
        }
    }
    Ok(())
}
