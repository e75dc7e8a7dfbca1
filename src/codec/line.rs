//! The `line` protocol: a message ends with `\n`, and with `\r\n` as well. Clients send lines of hexadecimal digits
//! that say where they belong, and every line must come back.

use super::{
    ErrorAnswer, Excerpt, Flaw, Tally,
    content::Origin,
    text,
    verifier::{Mark, Source, Verifier},
};
use crate::buffer::Buffer;

/// No line is as long as what has come without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line may have at most {limit} bytes, including its end")]
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
    /// The first of them.
    begins: Excerpt,
    /// The tally before it.
    mark: Mark,
    /// Its first digits, as many as show where it comes from.
    opening: Vec<u8>,
    /// Where it comes from, if it is whole so far and not the line that is awaited.
    elsewhere: Option<Origin>,
    /// The number of the line that is awaited.
    expected: u64,
}

impl Decoder {
    pub(super) fn new(stream: u32, size: u64) -> Self {
        let verifier = Verifier::new(stream);
        let (mark, opening, begins) = (verifier.mark(), Vec::new(), Excerpt::default());
        Self { stream, size, verifier, have: 0, begins, mark, opening, elsewhere: None, expected: 0 }
    }

    pub(super) fn tally(&self) -> Tally {
        let mut tally = self.verifier.tally();
        if self.have > 0 && self.elsewhere.is_none() && !self.verifier.is_clean_since(self.mark) {
            let (stream, number, at) = (self.stream, self.expected + 1, self.verifier.received() - self.have);
            tally.first_error.get_or_insert(ErrorAnswer { stream, number, at, begins: self.begins });
        }
        tally
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], answered: &mut impl FnMut(u64)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.take(&bytes[..end]);
            self.finish(answered);
            bytes = &bytes[end + 1..];
        }
        self.take(bytes);
    }

    /// The peer has ended its stream.
    pub(super) fn end(&mut self) {
        if self.have > 0 {
            self.verifier.cut_off();
        }
    }

    /// The line goes on; what is beyond its length is judged with its end.
    fn take(&mut self, bytes: &[u8]) {
        if self.have == 0 {
            self.mark = self.verifier.mark();
            self.begins = Excerpt::default();
        }
        self.begins.push(bytes);
        let room = self.size.saturating_sub(self.have).min(bytes.len() as u64);
        let (expected, surplus) = bytes.split_at(room as usize);
        let offset = self.expected.wrapping_mul(self.size) + self.have;
        self.verifier.compare(Source::Text(self.stream), offset, expected);
        self.verifier.pass(surplus.len());
        self.follow(expected);
        self.have += bytes.len() as u64;
    }

    /// Looks where else the line may come from, once enough of it is there to decide, and whether the rest fits.
    fn follow(&mut self, digits: &[u8]) {
        let enough = text::EXPLAIN_BYTES.min(usize::try_from(self.size).unwrap_or(usize::MAX));
        let (first, rest) = digits.split_at(digits.len().min(enough - self.opening.len()));
        self.opening.extend_from_slice(first);
        if !first.is_empty() && self.opening.len() == enough && !self.verifier.is_clean_since(self.mark) {
            let origin = text::explain(&self.opening, self.stream);
            self.elsewhere = origin.filter(|origin| origin.offset.is_multiple_of(self.size));
        }
        let done = self.have.max(enough as u64);
        self.elsewhere =
            self.elsewhere.filter(|from| text::matching(from.stream, from.offset + done, rest) == rest.len());
    }

    /// A line is whole. One that is another connection's has taken the place of the one that was awaited.
    fn finish(&mut self, answered: &mut impl FnMut(u64)) {
        let (found, wanted, awaited) = (self.have, self.size, self.expected);
        let start = self.verifier.received() - found;
        self.verifier.pass(1);
        self.have = 0;
        self.opening.clear();
        self.expected = awaited + 1;
        let elsewhere = self.elsewhere.take().filter(|_| found == wanted);
        if found != wanted {
            self.verifier.flaw(start, Flaw::Length { found, wanted }, found.abs_diff(wanted));
        }
        let Some(origin) = elsewhere else {
            if !self.verifier.is_clean_since(self.mark) {
                self.verifier.begins(awaited, start, self.begins.bytes());
            }
            return answered(awaited);
        };
        self.verifier.misplaced(self.mark, start, found, origin);
        if origin.stream != self.stream {
            return;
        }
        let sequence = origin.offset / wanted;
        if sequence < awaited {
            self.verifier.reordered();
        }
        self.expected = awaited.max(sequence + 1);
        answered(sequence);
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
    fn a_line_longer_than_the_limit_is_refused() {
        for kind in [Kind::Contiguous, Kind::Chained] {
            for step in 1..=24 {
                let refused = (vec![b"a\n".to_vec()], Some(TooLong { limit: 20 }));
                assert_eq!(lines(kind, b"a\n01234567890123456789\n", step), refused);
                assert_eq!(lines(kind, b"a\n01234567890123456789", step), refused);
            }
        }
    }
}
