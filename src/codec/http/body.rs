//! Bodies of requests, which are read to their end, counted, and not stored (RFC 9112 sections 6 and 7).

use super::{HEAD_BYTES, Status, target::hex};
use crate::buffer::Buffer;

/// A body that is being read, between two pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body(Framing);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Bytes left.
    Length(u64),
    Chunked(Chunked),
}

/// The grammar of chunks, between two pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunked {
    at: At,
    /// Bytes of content that may still come.
    room: u64,
    /// Bytes of extensions and trailers that may still come: content pays for its own framing.
    extras: usize,
    /// Whether they are counted anew for each chunk, and for the trailers, as a client does: an answer may be of any length.
    is_answer: bool,
}

/// What a piece begins with, and how many of its bytes that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Sizes, extensions, ends of lines, trailers.
    Framing(usize),
    Content(usize),
    /// Framing, and the end of the body.
    Last(usize),
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A chunk's size, and what its digits have given so far.
    Size(Option<u64>),
    Extension(u64),
    /// The line feed behind a size.
    SizeEnd(u64),
    /// A chunk's content, and how much of it is left.
    Data(u64),
    DataReturn,
    DataEnd,
    /// The first byte of a trailer, or of the blank line behind all of them.
    Trailer,
    TrailerLine,
    TrailerEnd,
    LastEnd,
}

impl Body {
    /// A body of the length that `Content-Length` gives; none if it is 0.
    ///
    /// # Errors
    /// A status when it is no number, or above `most`.
    pub(super) fn of_length(value: &[u8], most: u64) -> Result<Option<Self>, Status> {
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Status::BadRequest);
        }
        let length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        match length {
            Some(0) => Ok(None),
            Some(length) if length <= most => Ok(Some(Self(Framing::Length(length)))),
            _ => Err(Status::ContentTooLarge),
        }
    }

    /// A body in chunks, of at most `most` bytes together.
    pub(super) fn chunked(most: u64) -> Self {
        Self(Framing::Chunked(Chunked::new(most)))
    }

    /// How many bytes of it are left, if its head says how long it is.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        if let Framing::Length(left) = self.0 { Some(left) } else { None }
    }

    /// Takes away what belongs to the body; `true` when all of it has come.
    ///
    /// # Errors
    /// The status to answer with, after which nothing that follows can be trusted.
    pub fn skip(&mut self, receive: &mut dyn Buffer) -> Result<bool, Status> {
        self.take(receive, &mut |_| {})
    }

    /// Takes away what belongs to the body and hands out its content, piece by piece; `true` when all of it has come.
    ///
    /// # Errors
    /// As [`Self::skip`].
    pub fn take(&mut self, receive: &mut dyn Buffer, content: &mut dyn FnMut(&[u8])) -> Result<bool, Status> {
        match &mut self.0 {
            Framing::Length(left) => {
                while *left > 0 && receive.readable() > 0 {
                    let piece = receive.front();
                    let taken = (piece.len() as u64).min(*left) as usize;
                    content(&piece[..taken]);
                    receive.retrieve(taken);
                    *left -= taken as u64;
                }
                Ok(*left == 0)
            }
            Framing::Chunked(chunked) => loop {
                let piece = receive.front();
                if piece.is_empty() {
                    return Ok(false);
                }
                match chunked.next(piece).map_err(|(_, status)| status)? {
                    Part::Framing(taken) => receive.retrieve(taken),
                    Part::Content(taken) => {
                        content(&piece[..taken]);
                        receive.retrieve(taken);
                    }
                    Part::Last(taken) => {
                        receive.retrieve(taken);
                        return Ok(true);
                    }
                }
            },
        }
    }
}

impl Chunked {
    /// Chunks of at most `most` bytes of content together.
    pub(super) fn new(most: u64) -> Self {
        Self { at: At::Size(None), room: most, extras: HEAD_BYTES, is_answer: false }
    }

    /// Chunks of an answer, of any length.
    pub(super) fn of_answer() -> Self {
        Self { is_answer: true, ..Self::new(u64::MAX >> 1) }
    }

    /// What the piece begins with. Nothing is looked at twice.
    ///
    /// # Errors
    /// Which byte of the piece fits no chunk, and the status to answer that with.
    pub(super) fn next(&mut self, piece: &[u8]) -> Result<Part, (usize, Status)> {
        if let At::Data(left) = self.at {
            let taken = left.min(piece.len() as u64);
            self.at = if taken == left { At::DataReturn } else { At::Data(left - taken) };
            return Ok(Part::Content(taken as usize));
        }
        for (index, &byte) in piece.iter().enumerate() {
            if self.at == At::LastEnd && byte == b'\n' {
                return Ok(Part::Last(index + 1));
            }
            self.at = self.step(byte).map_err(|status| (index, status))?;
            if let At::Data(_) = self.at {
                return Ok(Part::Framing(index + 1));
            }
        }
        Ok(Part::Framing(piece.len()))
    }

    fn step(&mut self, byte: u8) -> Result<At, Status> {
        Ok(match (self.at, byte) {
            (At::Size(Some(size)) | At::Extension(size), b'\r') => At::SizeEnd(size),
            (At::Size(Some(size)), b';' | b' ' | b'\t') => At::Extension(size),
            (At::Size(size), _) => At::Size(Some(self.size(size.unwrap_or(0), byte)?)),
            (At::TrailerEnd, b'\n') => At::Trailer,
            (At::SizeEnd(size), b'\n') => {
                self.room -= size;
                self.extras = if self.is_answer { HEAD_BYTES } else { self.extras };
                if size == 0 { At::Trailer } else { At::Data(size) }
            }
            (At::DataReturn, b'\r') => At::DataEnd,
            (At::DataEnd, b'\n') => At::Size(None),
            (At::Trailer, b'\r') => At::LastEnd,
            (At::TrailerLine, b'\r') => At::TrailerEnd,
            (At::Extension(size), byte) if is_text(byte) => {
                self.extra(Status::BadRequest)?;
                At::Extension(size)
            }
            (At::Trailer | At::TrailerLine, byte) if is_text(byte) => {
                self.extra(Status::FieldsTooLarge)?;
                At::TrailerLine
            }
            _ => return Err(Status::BadRequest),
        })
    }

    fn size(&mut self, before: u64, digit: u8) -> Result<u64, Status> {
        let digit = hex(digit).ok_or(Status::BadRequest)?;
        self.extras = if before == 0 && digit == 0 { self.extras.saturating_sub(1) } else { self.extras };
        // The room is checked at every digit, so that no size overflows.
        let size = before.checked_mul(16).map(|size| size + u64::from(digit));
        match size.filter(|size| *size <= self.room) {
            _ if self.extras == 0 => Err(Status::BadRequest),
            Some(size) => Ok(size),
            None => Err(Status::ContentTooLarge),
        }
    }

    fn extra(&mut self, beyond: Status) -> Result<(), Status> {
        self.extras = self.extras.checked_sub(1).ok_or(beyond)?;
        Ok(())
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{self, Kind};

    /// What is left behind the body when the bytes come in pieces of `step`.
    fn rest(kind: Kind, bytes: &[u8], step: usize) -> Result<Option<Vec<u8>>, Status> {
        let (mut body, mut receive) = (Body::chunked(1000), buffer::make(kind, 16, None));
        let mut pieces = bytes.chunks(step);
        while let Some(piece) = pieces.next() {
            receive.append(piece).unwrap();
            if body.skip(&mut *receive)? {
                let waiting = receive.readable();
                return Ok(Some([receive.peek(waiting), &pieces.collect::<Vec<_>>().concat()].concat()));
            }
        }
        assert_eq!(receive.readable(), 0, "nothing of an unfinished body is kept");
        Ok(None)
    }

    fn check(bytes: &[u8], expected: &Result<Option<Vec<u8>>, Status>) {
        for kind in [Kind::Contiguous, Kind::Chained] {
            for step in 1..=bytes.len() {
                assert_eq!(
                    rest(kind, bytes, step),
                    *expected,
                    "{:?} by {step}",
                    String::from_utf8_lossy(bytes)
                );
            }
        }
    }

    #[test]
    fn a_chunked_body_ends_at_its_last_chunk() {
        for bytes in [
            "0\r\n\r\nREST",
            "5\r\nhello\r\n0\r\n\r\nREST",
            "00a;x=\"y\"\r\n0123456789\r\n1 ;z\r\n!\r\n000\r\nA: b\r\nC: d\r\n\r\nREST",
            "3E8\r\n",
        ] {
            let bytes = if bytes == "3E8\r\n" {
                format!("{bytes}{}\r\n0\r\n\r\nREST", "x".repeat(1000))
            } else {
                bytes.to_owned()
            };
            check(bytes.as_bytes(), &Ok(Some(b"REST".to_vec())));
            check(&bytes.as_bytes()[..bytes.len() - 5], &Ok(None));
        }
    }

    #[test]
    fn invalid_chunks_are_refused() {
        for bytes in [
            "\r\n",
            ";\r\n",
            "g\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            "1\n",
            "1\rx",
            "1;\n",
            "1;\x01",
            "1\r\nab",
            "1\r\na\rb",
            "1\r\na\n",
            "0\r\n\rx",
            "0\r\n\n",
            "0\r\nA: b\n",
            "0\r\nA: b\rc",
            " 1\r\n",
        ] {
            check(bytes.as_bytes(), &Err(Status::BadRequest));
        }
    }

    #[test]
    fn body_limits_are_exact_to_the_byte() {
        for bytes in ["3e9\r\n", "ffffffffffffffffffff", "1\r\na\r\n3e8\r\n"] {
            check(bytes.as_bytes(), &Err(Status::ContentTooLarge));
        }
        let long = |opening: &str, status| {
            let whole = [opening.as_bytes(), &vec![b'0'; HEAD_BYTES + 1]].concat();
            for step in [1, 1000, whole.len()] {
                assert_eq!(rest(Kind::Chained, &whole, step), Err(status), "{opening}");
            }
        };
        long("1;", Status::BadRequest);
        long("", Status::BadRequest);
        long("0\r\n", Status::FieldsTooLarge);
    }

    #[test]
    fn chunk_extensions_are_bounded_per_chunk_in_answers_and_in_total_in_requests() {
        let chunk = |size: &str, extension: usize, content: &str| {
            format!("{size};x={}\r\n{content}", "y".repeat(extension))
        };
        let body = |extension| {
            let last = format!("{}A: {}\r\n\r\n", chunk("0", extension, ""), "b".repeat(extension));
            chunk("1", extension, "z\r\n").repeat(3) + &last
        };
        let read = |mut chunked: Chunked, text: &str| {
            let mut bytes = text.as_bytes();
            loop {
                match chunked.next(bytes).map_err(|(_, status)| status)? {
                    Part::Last(taken) => return Ok(bytes.len() - taken),
                    Part::Framing(taken) | Part::Content(taken) => bytes = &bytes[taken..],
                }
            }
        };
        let fits = HEAD_BYTES - 3;
        assert_eq!(read(Chunked::of_answer(), &body(fits)), Ok(0));
        assert_eq!(read(Chunked::of_answer(), &body(fits + 10)), Err(Status::BadRequest));
        assert_eq!(read(Chunked::new(1000), &body(fits)), Err(Status::BadRequest));
        assert_eq!(read(Chunked::new(1000), &body(fits / 6)), Ok(0));
    }

    #[test]
    fn a_body_of_known_length_ends_after_its_bytes() {
        let mut body = Body::of_length(b"007", 7).unwrap().unwrap();
        let mut receive = buffer::make(Kind::Chained, 16, None);
        receive.append(b"01234").unwrap();
        assert_eq!(body.skip(&mut *receive), Ok(false));
        receive.append(b"56REST").unwrap();
        assert_eq!(body.skip(&mut *receive), Ok(true));
        assert_eq!(receive.peek(4), b"REST");
    }
}
