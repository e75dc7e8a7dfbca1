//! The grammar of RESP2, between two pieces: what every byte is a part of, without keeping any.

use super::limits::{LINE_BYTES, MOST_DEPTH};
use crate::codec::Flaw;

/// The longest bulk string, in bytes, as redis has it (`proto-max-bulk-len`).
const BULK_BYTES: i64 = 512 << 20;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Simple,
    Error,
    Integer,
    Bulk,
    Array,
    /// A bulk string or an array that is not there.
    Null,
}

/// What a piece begins with, and how many of its bytes that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Types, numbers, ends of lines.
    Framing(usize),
    /// Bytes of a simple string, an error or a bulk string.
    Content(usize),
    /// Framing, the last of which ends a value of this kind. Arrays end with their last element, and are an error if
    /// that is one.
    Value(usize, Kind),
}

/// The state between two bytes.
#[derive(Clone, Debug)]
pub(super) struct Grammar {
    at: At,
    /// Elements that are still to come of each array around the present value.
    open: Vec<u32>,
    /// A hash of the kinds, lengths and counts of what lies in the present array.
    shape: u64,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Type,
    /// A simple string or an error, and how long it is so far.
    Line(Kind, u64),
    Number(Kind, Number),
    /// The line feed behind a line of this length, or behind this number.
    LineEnd(Kind, i64),
    /// A bulk string's content, and how much of it is left.
    Bulk(u64),
    BulkEnd,
}

#[derive(Clone, Copy, Debug, Default)]
struct Number {
    signed: bool,
    negative: bool,
    digits: u32,
    value: i64,
}

impl Grammar {
    pub(super) fn new() -> Self {
        Self { at: At::Type, open: Vec::new(), shape: 0 }
    }

    /// How many arrays the present value lies in.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the present value is a bulk string.
    pub(super) fn is_bulk(&self) -> bool {
        matches!(self.at, At::Bulk(_))
    }

    /// What the arrays that came since the last call are made of: two have the same shape if all in them is of the same kind
    /// and as long. A number has no length.
    pub(super) fn take_shape(&mut self) -> u64 {
        std::mem::take(&mut self.shape)
    }

    /// What the piece, which is not empty, begins with. Nothing is looked at twice.
    ///
    /// # Errors
    /// Which byte of the piece breaks the grammar, and how.
    pub(super) fn next(&mut self, piece: &[u8]) -> Result<Part, (usize, Flaw)> {
        match &mut self.at {
            At::Bulk(left @ 1..) => {
                let taken = (*left).min(piece.len() as u64);
                *left -= taken;
                return Ok(Part::Content(taken as usize));
            }
            At::Line(_, length) if piece[0] != b'\r' => {
                let taken = memchr::memchr2(b'\r', b'\n', piece).unwrap_or(piece.len());
                let room = (LINE_BYTES - *length) as usize;
                if taken == 0 || taken > room {
                    return Err((taken.min(room), Flaw::RespEnd));
                }
                *length += taken as u64;
                return Ok(Part::Content(taken));
            }
            _ => {}
        }
        for (index, &byte) in piece.iter().enumerate() {
            if let Some(kind) = self.step(byte).map_err(|flaw| (index, flaw))? {
                return Ok(Part::Value(index + 1, kind));
            }
            // Behind the head of an array a value begins that lies in it.
            if matches!(self.at, At::Bulk(1..) | At::Line(..) | At::Type) {
                return Ok(Part::Framing(index + 1));
            }
        }
        Ok(Part::Framing(piece.len()))
    }

    /// One byte further; the kind of the value that it ends.
    fn step(&mut self, byte: u8) -> Result<Option<Kind>, Flaw> {
        self.at = match (self.at, byte) {
            (At::Type, b'+') => At::Line(Kind::Simple, 0),
            (At::Type, b'-') => At::Line(Kind::Error, 0),
            (At::Type, b':') => At::Number(Kind::Integer, Number::default()),
            (At::Type, b'$') => At::Number(Kind::Bulk, Number::default()),
            (At::Type, b'*') => At::Number(Kind::Array, Number::default()),
            (At::Type, other) => return Err(Flaw::RespType(other)),
            (At::Line(kind, length), b'\r') => At::LineEnd(kind, length as i64),
            (At::Number(kind, number), b'\r') => At::LineEnd(kind, number.finish(kind)?),
            (At::Number(kind, number), byte) => At::Number(kind, number.push(byte)?),
            (At::LineEnd(kind, number), b'\n') => return self.line_end(kind, number),
            (At::Bulk(0), b'\r') => At::BulkEnd,
            (At::BulkEnd, b'\n') => return Ok(Some(self.value(Kind::Bulk))),
            _ => return Err(Flaw::RespEnd),
        };
        Ok(None)
    }

    fn line_end(&mut self, kind: Kind, number: i64) -> Result<Option<Kind>, Flaw> {
        if kind == Kind::Array || !self.open.is_empty() {
            let length = if kind == Kind::Integer { 0 } else { number as u64 };
            // As FxHash does it.
            let word = self.shape.rotate_left(5) ^ length << 3 ^ kind as u64;
            self.shape = word.wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        match (kind, number) {
            (Kind::Bulk | Kind::Array, -1) => Ok(Some(self.value(Kind::Null))),
            (Kind::Bulk, length) => {
                self.at = At::Bulk(length as u64);
                Ok(None)
            }
            (Kind::Array, 1..) if self.open.len() == MOST_DEPTH => Err(Flaw::RespDepth),
            (Kind::Array, 1..) => {
                self.open.push(number as u32);
                self.at = At::Type;
                Ok(None)
            }
            _ => Ok(Some(self.value(kind))),
        }
    }

    /// A value is whole, and with it perhaps the arrays around it.
    fn value(&mut self, kind: Kind) -> Kind {
        self.at = At::Type;
        let mut ended = kind;
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                break;
            }
            self.open.pop();
            ended = if ended == Kind::Error { Kind::Error } else { Kind::Array };
        }
        ended
    }
}

impl Number {
    fn push(mut self, byte: u8) -> Result<Self, Flaw> {
        match byte {
            b'-' | b'+' if self.digits == 0 && !self.signed => {
                (self.signed, self.negative) = (true, byte == b'-');
                return Ok(self);
            }
            b'0'..=b'9' => {}
            _ => return Err(Flaw::RespNumber),
        }
        let digit = i64::from(byte - b'0');
        let shifted = self.value.checked_mul(10);
        let value =
            shifted.and_then(|v| if self.negative { v.checked_sub(digit) } else { v.checked_add(digit) });
        self.value = value.ok_or(Flaw::RespNumber)?;
        self.digits += 1;
        Ok(self)
    }

    /// The number is whole: may a value of this kind have it?
    fn finish(self, kind: Kind) -> Result<i64, Flaw> {
        let allowed = match kind {
            Kind::Bulk => -1..=BULK_BYTES,
            Kind::Array => -1..=i64::from(u32::MAX),
            _ => i64::MIN..=i64::MAX,
        };
        if self.digits > 0 && allowed.contains(&self.value) { Ok(self.value) } else { Err(Flaw::RespNumber) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values, each with the number of arrays that it lies in.
    type Values = Vec<(usize, Kind)>;

    /// The values that end in `bytes`, fed in pieces of `step`, and where they break the grammar.
    fn read(bytes: &[u8], step: usize) -> (Values, Option<(usize, Flaw)>) {
        let (mut grammar, mut values, mut at) = (Grammar::new(), Vec::new(), 0);
        for mut piece in bytes.chunks(step) {
            while !piece.is_empty() {
                let taken = match grammar.next(piece) {
                    Ok(Part::Framing(taken) | Part::Content(taken)) => taken,
                    Ok(Part::Value(taken, kind)) => {
                        values.push((grammar.depth(), kind));
                        taken
                    }
                    Err((index, flaw)) => return (values, Some((at + index, flaw))),
                };
                at += taken;
                piece = &piece[taken..];
            }
        }
        (values, None)
    }

    fn check(text: &str, values: &[(usize, Kind)], flaw: Option<(usize, Flaw)>) {
        for step in 1..=text.len() {
            assert_eq!(read(text.as_bytes(), step), (values.to_vec(), flaw), "{text:?} by {step}");
        }
    }

    #[test]
    fn every_kind_of_value_is_distinguished() {
        check("+OK\r\n", &[(0, Kind::Simple)], None);
        check("+\r\n-ERR no\r\n", &[(0, Kind::Simple), (0, Kind::Error)], None);
        check(":-9223372036854775808\r\n:+7\r\n", &[(0, Kind::Integer), (0, Kind::Integer)], None);
        check("$3\r\na\r\n\r\n$0\r\n\r\n", &[(0, Kind::Bulk), (0, Kind::Bulk)], None);
        check("$-1\r\n*-1\r\n*0\r\n", &[(0, Kind::Null), (0, Kind::Null), (0, Kind::Array)], None);
    }

    #[test]
    fn arrays_end_with_their_last_element() {
        let (nested, element) = (Kind::Array, Kind::Integer);
        check("*2\r\n:1\r\n:2\r\n", &[(1, element), (0, nested)], None);
        check("*2\r\n*1\r\n:1\r\n*1\r\n*0\r\n", &[(1, nested), (0, nested)], None);
        check("*1\r\n*1\r\n$1\r\nx\r\n+y\r\n", &[(0, nested), (0, Kind::Simple)], None);
        check("*1\r\n*1\r\n-x\r\n", &[(0, Kind::Error)], None);
    }

    #[test]
    fn arrays_of_the_same_kinds_and_lengths_have_the_same_shape() {
        let shape = |text: &str, step: usize| {
            let mut grammar = Grammar::new();
            for mut piece in text.as_bytes().chunks(step) {
                while let Ok(Part::Framing(taken) | Part::Content(taken) | Part::Value(taken, _)) =
                    grammar.next(piece)
                {
                    piece = &piece[taken..];
                    if piece.is_empty() {
                        break;
                    }
                }
            }
            grammar.take_shape()
        };
        let texts = [
            "*0\r\n",
            "*1\r\n$0\r\n\r\n",
            "*1\r\n$-1\r\n",
            "*1\r\n*-1\r\n",
            "*1\r\n*0\r\n",
            "*1\r\n+\r\n",
            "*1\r\n:0\r\n",
            "*2\r\n:0\r\n:0\r\n",
            "*2\r\n$1\r\nx\r\n$2\r\nyy\r\n",
            "*2\r\n$2\r\nxx\r\n$1\r\ny\r\n",
        ];
        for (index, text) in texts.iter().enumerate() {
            let whole = shape(text, text.len());
            assert!((1..text.len()).all(|step| shape(text, step) == whole), "{text:?}");
            assert!(texts[..index].iter().all(|other| shape(other, other.len()) != whole), "{text:?}");
        }
        assert_eq!(shape("*1\r\n:7\r\n", 1), shape("*1\r\n:-12\r\n", 1));
        assert_eq!(shape("$3\r\nabc\r\n", 1), shape("$0\r\n\r\n", 1), "it lies in no array");
    }

    #[test]
    fn a_syntax_error_is_found_at_its_byte() {
        for (text, at, flaw) in [
            ("HTTP/1.1", 0, Flaw::RespType(b'H')),
            (":\r\n", 1, Flaw::RespNumber),
            (":-\r\n", 2, Flaw::RespNumber),
            (":--1\r\n", 2, Flaw::RespNumber),
            (":+-1\r\n", 2, Flaw::RespNumber),
            (":1x\r\n", 2, Flaw::RespNumber),
            (":9223372036854775808\r\n", 19, Flaw::RespNumber),
            ("$-2\r\n", 3, Flaw::RespNumber),
            ("$536870913\r\n", 10, Flaw::RespNumber),
            ("*4294967296\r\n", 11, Flaw::RespNumber),
            ("+OK\n", 3, Flaw::RespEnd),
            ("+OK\rx", 4, Flaw::RespEnd),
            ("$1\r\nxy", 5, Flaw::RespEnd),
            ("$1\r\nx\ry", 6, Flaw::RespEnd),
            ("$0\r\nx", 4, Flaw::RespEnd),
        ] {
            check(text, &[], Some((at, flaw)));
        }
        let deep = "*1\r\n".repeat(MOST_DEPTH + 1);
        check(&deep, &[], Some((deep.len() - 1, Flaw::RespDepth)));
        let long = format!("+{}", "x".repeat(LINE_BYTES as usize + 1));
        for step in [1, 1000, long.len()] {
            let flaw = Some((LINE_BYTES as usize + 1, Flaw::RespEnd));
            assert_eq!(read(long.as_bytes(), step), (vec![], flaw));
        }
    }
}
