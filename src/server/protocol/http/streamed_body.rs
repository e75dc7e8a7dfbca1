//! The body of an answer that never lies in the send buffer: it takes no memory however slowly it is read.

use std::{io, os::fd::AsFd, sync::Arc};

use nix::sys::uio::pread;

use super::{files::OpenFile, uploads::UploadedCopy};
use crate::codec::{content, http::Span};

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
    /// What is in memory of a file: nothing of it is copied.
    Kept(Arc<OpenFile>),
    /// The usual answer to a request for a file, its head included, in memory as well.
    UsualAnswer(Arc<OpenFile>),
    /// In memory, as it is at the moment.
    Uploaded(Arc<UploadedCopy>),
    /// Generated whenever the kernel has room: what it does not take is generated once more.
    Generated,
}

impl StreamedBody {
    /// All of a usual answer that is kept.
    pub(super) fn usual_answer(file: Arc<OpenFile>) -> Self {
        let length = file.usual_answer().len() as u64;
        Self { source: Source::UsualAnswer(file), span: Span { start: 0, length } }
    }

    /// What is left, where it is kept in memory.
    pub(in crate::server) fn in_memory(&self) -> Option<&[u8]> {
        let bytes = match &self.source {
            Source::Kept(file) => file.content(),
            Source::UsualAnswer(file) => file.usual_answer(),
            Source::File(_) | Source::Uploaded(_) | Source::Generated => return None,
        };
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
            Source::Kept(file) => out.copy_from_slice(&file.content()[start as usize..][..out.len()]),
            Source::UsualAnswer(file) => {
                out.copy_from_slice(&file.usual_answer()[start as usize..][..out.len()]);
            }
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
