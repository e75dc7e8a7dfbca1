//! Search for the end of a head that may arrive in any number of pieces.

use super::{HEAD_BYTES, Status, first_line::FirstLine};
use crate::buffer::Buffer;

/// The search for the end of the next head, between two pieces. Until it is found, all that has come of the head stays in
/// the buffer; [`LineParser`](super::LineParser) takes each line as it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Something has come of the head, but not its end.
    is_begun: bool,
    /// The end of the request line has come.
    in_fields: bool,
    first_line: FirstLine,
}

impl Search {
    /// How many bytes the next head has, its blank line included; `None` when its end has not come yet. Blank lines
    /// in front of a request line are taken away, up to [`BLANK_LINES`] of them (RFC 9112 section 2.2). A head may have
    /// `most` bytes, and [`HEAD_BYTES`].
    ///
    /// [`BLANK_LINES`]: super::BLANK_LINES
    ///
    /// # Errors
    /// The status to answer with when a limit is exceeded, or when the first line ends with a bare LF: where such a
    /// head ends is a matter of taste.
    pub fn next(&mut self, receive: &mut dyn Buffer, most: usize) -> Result<Option<usize>, Status> {
        let most = most.min(HEAD_BYTES);
        self.is_begun |= receive.readable() > 0;
        if !self.in_fields {
            self.in_fields = self.first_line.find(receive, most)?.is_some();
        }
        if !self.in_fields {
            return Ok(None);
        }
        let whole = receive.find(b"\r\n\r\n").map(|at| at + 4);
        if whole.unwrap_or(receive.readable() + 1) > most {
            return Err(Status::FieldsTooLarge);
        }
        if whole.is_some() {
            *self = Self::default();
        }
        Ok(whole)
    }

    /// Whether nothing of the next head was searched yet.
    #[must_use]
    pub fn is_new(self) -> bool {
        !self.is_begun
    }

    /// Whether something of the next request has come that no longer lies in the receive buffer: a blank line.
    #[must_use]
    pub const fn has_begun(self) -> bool {
        self.first_line.has_begun()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{BLANK_LINES, LINE_BYTES},
        *,
    };
    use crate::buffer::{self, Kind};

    /// The heads found in `bytes` that come in pieces of `step`, and what is wrong with the next.
    fn heads(kind: Kind, bytes: &[u8], step: usize) -> (Vec<Vec<u8>>, Option<Status>) {
        let mut receive = buffer::make(kind, 16, None);
        let (mut search, mut found) = (Search::default(), Vec::new());
        for piece in bytes.chunks(step) {
            receive.append(piece).unwrap();
            loop {
                match search.next(&mut *receive, usize::MAX) {
                    Ok(None) => break,
                    Ok(Some(length)) => {
                        found.push(receive.peek(length).to_vec());
                        receive.retrieve(length);
                    }
                    Err(status) => return (found, Some(status)),
                }
            }
        }
        (found, None)
    }

    fn check(bytes: &[u8], steps: impl Iterator<Item = usize>, expected: &(Vec<Vec<u8>>, Option<Status>)) {
        for step in steps {
            for kind in [Kind::Contiguous, Kind::Chained] {
                assert!(heads(kind, bytes, step) == *expected, "{kind}, pieces of {step} bytes");
            }
        }
    }

    #[test]
    fn fragmentation_changes_nothing() {
        let (one, two) =
            (b"GET / HTTP/1.0\r\n\r\n".to_vec(), b"HEAD /x HTTP/1.1\r\nHost: y\r\n\r\n".to_vec());
        let text = [&one[..], b"\r\n\r\n", &two, &two].concat();
        check(&text, 1..=text.len(), &(vec![one.clone(), two.clone(), two], None));
        let bare = [&one[..], b"GET / HTTP/1.1\nHost: x\n\n"].concat();
        check(&bare, 1..=bare.len(), &(vec![one], Some(Status::BadRequest)));
    }

    #[test]
    fn blank_lines_before_a_request_are_skipped_up_to_a_limit() {
        let request = b"GET / HTTP/1.0\r\n\r\n".to_vec();
        let blank = b"\r\n".repeat(BLANK_LINES);
        let most = [&blank[..], &request, &blank, &request].concat();
        let steps = || [1, 2, 3, most.len()].into_iter();
        check(&most, steps(), &(vec![request.clone(); 2], None));
        let more = [&blank[..], &request, &blank, b"\r\n", &request].concat();
        check(&more, steps(), &(vec![request], Some(Status::BadRequest)));
    }

    #[test]
    fn head_limits_are_exact_however_the_head_arrives() {
        let line = |length: usize| format!("{}\r\n\r\n", "x".repeat(length - 2)).into_bytes();
        let fields = |length: usize| format!("x\r\n{}\r\n\r\n", "y".repeat(length - 7)).into_bytes();
        for (limit, fits, exceeds, status) in [
            (LINE_BYTES, line(LINE_BYTES), line(LINE_BYTES + 1), Status::UriTooLong),
            (HEAD_BYTES, fields(HEAD_BYTES), fields(HEAD_BYTES + 1), Status::FieldsTooLarge),
        ] {
            let steps = || [1, 1000, 65_535, 1 << 20].into_iter();
            check(&fits, steps(), &(vec![fits.clone()], None));
            check(&exceeds, steps(), &(vec![], Some(status)));
            // Known as soon as the limit is reached: a buffer of that size would take no more.
            check(&exceeds[..limit], steps(), &(vec![], Some(status)));
        }
    }
}
