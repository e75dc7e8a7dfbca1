//! The first line of a head that may arrive in any number of pieces, behind blank lines.

use super::{BLANK_LINES, LINE_BYTES, Status};
use crate::buffer::Buffer;

/// The search for a request line, between two pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FirstLine {
    /// Blank lines that have come in front of it.
    blank_lines: u8,
}

impl FirstLine {
    /// How many bytes the request line has, its CRLF included; `None` when its end has not come yet. Blank lines in front
    /// of it are taken away, up to [`BLANK_LINES`] of them. It may have `most` bytes, and [`LINE_BYTES`].
    ///
    /// # Errors
    /// The status to answer with when a limit is exceeded, or when the line ends with a bare LF.
    pub(super) fn find(&mut self, receive: &mut dyn Buffer, most: usize) -> Result<Option<usize>, Status> {
        loop {
            let line = receive.find(b"\n").map(|at| at + 1);
            if line.unwrap_or(receive.readable() + 1) > most.min(LINE_BYTES) {
                return Err(Status::UriTooLong);
            }
            let Some(length) = line else { return Ok(None) };
            match receive.peek(length) {
                b"\r\n" if usize::from(self.blank_lines) == BLANK_LINES => return Err(Status::BadRequest),
                b"\r\n" => {
                    receive.retrieve(length);
                    self.blank_lines += 1;
                }
                [.., b'\r', b'\n'] => return Ok(Some(length)),
                _ => return Err(Status::BadRequest),
            }
        }
    }

    /// Whether a blank line has come.
    pub(super) const fn has_begun(self) -> bool {
        self.blank_lines > 0
    }
}
