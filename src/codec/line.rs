//! The `line` protocol: a message ends with `\n`, and with `\r\n` as well. Clients send lines of hexadecimal digits
//! that say where they belong, and every line must come back.

use super::{
    Answered, Flaw, Tally,
    verifier::{Source, Verifier},
};
use crate::buffer::Buffer;

/// No line is as long as what has come without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line may have {limit} bytes, its end included")]
pub struct TooLong {
    /// The limit, in bytes.
    pub limit: usize,
}

/// How long the first line is, in bytes, its end included. `None`: its end has not come yet.
///
/// # Errors
/// [`TooLong`] when its end did not come within the first `limit` bytes.
pub fn next(receive: &mut dyn Buffer, limit: usize) -> Result<Option<usize>, TooLong> {
    let whole = receive.find(b"\n").map(|at| at + 1);
    if whole.unwrap_or(receive.readable() + 1) > limit { Err(TooLong { limit }) } else { Ok(whole) }
}

/// Checks the lines that come back on one connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    stream: u32,
    /// Bytes of a line without its end.
    size: u64,
    verifier: Verifier,
    /// Bytes of the present line that came.
    have: u64,
    sequence: u64,
}

impl Decoder {
    pub(super) fn new(stream: u32, size: u64) -> Self {
        Self { stream, size, verifier: Verifier::new(stream), have: 0, sequence: 0 }
    }

    pub(super) fn tally(&self) -> Tally {
        self.verifier.tally()
    }

    pub(super) fn verifier(&mut self) -> &mut Verifier {
        &mut self.verifier
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], answered: &mut impl FnMut(Answered)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.take(&bytes[..end]);
            self.finish(answered);
            bytes = &bytes[end + 1..];
        }
        self.take(bytes);
    }

    /// The line goes on; what is beyond its length is judged with its end.
    fn take(&mut self, bytes: &[u8]) {
        let room = self.size.saturating_sub(self.have).min(bytes.len() as u64);
        let (expected, surplus) = bytes.split_at(room as usize);
        let offset = self.sequence.wrapping_mul(self.size) + self.have;
        self.verifier.compare(Source::Text(self.stream), offset, expected);
        self.verifier.pass(surplus.len());
        self.have += bytes.len() as u64;
    }

    fn finish(&mut self, answered: &mut impl FnMut(Answered)) {
        let (found, wanted) = (self.have, self.size);
        if found != wanted {
            let start = self.verifier.received() - found;
            self.verifier.flaw(start, Flaw::Length { found, wanted }, found.abs_diff(wanted));
        }
        self.verifier.pass(1);
        self.have = 0;
        answered(Answered { sequence: self.sequence, error: false, last: false });
        self.sequence += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{self, Kind};

    fn lines(kind: Kind, bytes: &[u8], step: usize) -> (Vec<Vec<u8>>, Option<TooLong>) {
        let (mut receive, mut lines) = (buffer::make(kind, 16, None), Vec::new());
        for piece in bytes.chunks(step) {
            receive.append(piece).unwrap();
            loop {
                match next(&mut *receive, 20) {
                    Ok(None) => break,
                    Ok(Some(length)) => {
                        lines.push(receive.peek(length).to_vec());
                        receive.retrieve(length);
                    }
                    Err(error) => return (lines, Some(error)),
                }
            }
        }
        (lines, None)
    }

    #[test]
    fn fragmentation_changes_nothing() {
        let text = b"one\ntwo\r\n\n\r\n\0\xff\n0123456789012345678\nlast\n";
        let expected: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        for kind in [Kind::Contiguous, Kind::Chained] {
            for step in 1..=text.len() {
                assert_eq!(
                    lines(kind, text, step),
                    (expected.iter().map(|line| line.to_vec()).collect(), None)
                );
            }
        }
    }

    #[test]
    fn a_line_that_does_not_end_in_time_is_refused() {
        for kind in [Kind::Contiguous, Kind::Chained] {
            for step in 1..=24 {
                let refused = (vec![b"a\n".to_vec()], Some(TooLong { limit: 20 }));
                assert_eq!(lines(kind, b"a\n01234567890123456789\n", step), refused);
                assert_eq!(lines(kind, b"a\n01234567890123456789", step), refused);
            }
        }
    }
}
