//! The parsed head of an answer: its status, and how its body ends (RFC 9112 section 6.3).

use std::{borrow::Cow, mem::MaybeUninit};

use httparse::Header;

use super::{
    limits::FIELDS,
    range::{Span, content_range},
    token::is_token,
};
use crate::codec::Flaw;

/// What every answer begins with that is understood.
const VERSION: &[u8] = b"HTTP/1.";

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) framing: Framing,
    /// Which part of how many bytes follows, by its `Content-Range`; none where that is malformed.
    pub(super) part: Option<(Span, u64)>,
    /// The server ends the connection after it.
    pub(super) last: bool,
}

/// How the end of a body is found, by what the head says. Some answers have no body, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// It ends with the connection.
    UntilEnd,
}

/// Whether these bytes may be the first of an answer.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let count = bytes.len().min(VERSION.len());
    bytes[..count] == VERSION[..count]
}

/// Where the line of a head begins that ends with LF and no CR before it, if one does; what lies before `from` is known
/// to be right. RFC 9112 lets clients take it for the end of a line; clients that do not do so wait forever.
pub(super) fn bare_lf(head: &[u8], from: usize) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'\n', &head[from..]).map(|at| from + at);
    let end = ends.find(|end| !head[..*end].ends_with(b"\r"))?;
    Some(memchr::memrchr(b'\n', &head[..end]).map_or(0, |before| before + 1))
}

/// What is wrong with a head, and where the line begins that is at fault.
pub(super) type Misread = (usize, Flaw);

impl Reply {
    /// Understands a whole head, with its blank line. A field may go on in the next line (RFC 9112 section 5.2).
    pub(super) fn parse(head: &[u8]) -> Result<Self, Misread> {
        if !may_begin(head) {
            return Err((0, Flaw::StatusLine));
        }
        if let Some(at) = bare_lf(head, 0) {
            return Err((at, Flaw::BareLf));
        }
        let mut few = [const { MaybeUninit::uninit() }; FIELDS];
        let mut many = Vec::new();
        let lines = memchr::memchr_iter(b'\n', head).count();
        let headers = if lines <= FIELDS {
            &mut few[..]
        } else {
            many.resize(lines, MaybeUninit::uninit());
            &mut many[..]
        };
        let mut response = httparse::Response::new(&mut []);
        let mut config = httparse::ParserConfig::default();
        config.allow_obsolete_multiline_headers_in_responses(true);
        let parsed = config.parse_response_with_uninit_headers(&mut response, head, headers);
        let parsed = parsed.map_err(|error| match error {
            httparse::Error::Version | httparse::Error::Status => (0, Flaw::StatusLine),
            _ => (malformed_line(head), Flaw::Head),
        })?;
        let (httparse::Status::Complete(length), Some(version), Some(status)) =
            (parsed, response.version, response.code)
        else {
            return Err((malformed_line(head), Flaw::Head));
        };
        if length != head.len() {
            return Err((length, Flaw::Head));
        }
        let framing = framing(response.headers, version).map_err(|name| {
            // The name is a part of the head.
            let at = (name.as_ptr() as usize).saturating_sub(head.as_ptr() as usize);
            (at, Flaw::Framing)
        })?;
        let last = is_last(response.headers, version);
        Ok(Self { status, framing, part: part(response.headers), last })
    }
}

/// Where the first line begins that is no field, nor the rest of one; the status line where all are.
fn malformed_line(head: &[u8]) -> usize {
    let mut start = memchr::memchr(b'\n', head).map_or(0, |end| end + 1);
    let mut goes_on = false;
    while let Some(length) = memchr::memchr(b'\n', &head[start..]).map(|end| end + 1) {
        let line = head[start..start + length].trim_ascii_end();
        let is_rest = goes_on && line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        if !(line.is_empty() || is_rest || is_field(line)) {
            return start;
        }
        goes_on = true;
        start += length;
    }
    0
}

fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
    !name.is_empty() && name.iter().copied().all(is_token) && value.iter().all(is_text)
}

/// A value without the ends of the lines that it goes over.
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    if !value.iter().any(is_end) {
        return Cow::Borrowed(value.trim_ascii());
    }
    let text: Vec<u8> = value.iter().map(|byte| if is_end(byte) { b' ' } else { *byte }).collect();
    Cow::Owned(text.trim_ascii().to_vec())
}

/// Whether the connection ends with this answer: as it says, or as is usual in its version (RFC 9112 section 9.3).
fn is_last(fields: &[Header<'_>], version: u8) -> bool {
    let options = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("connection"));
    let named = |name: &[u8]| {
        options.clone().any(|field| {
            unfolded(field.value)
                .split(|byte| *byte == b',')
                .any(|one| one.trim_ascii().eq_ignore_ascii_case(name))
        })
    };
    if version == 0 { !named(b"keep-alive") } else { named(b"close") }
}

/// How the body is cut; else the name of the field that makes that uncertain.
fn framing<'a>(fields: &[Header<'a>], version: u8) -> Result<Framing, &'a str> {
    let (mut length, mut coding) = (None, None);
    for field in fields {
        let known = if field.name.eq_ignore_ascii_case("content-length") {
            &mut length
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            &mut coding
        } else {
            continue;
        };
        if known.replace(field).is_some() {
            return Err(field.name);
        }
    }
    match (length, coding) {
        (None, None) => Ok(Framing::UntilEnd),
        (Some(length), None) => number(&unfolded(length.value)).map(Framing::Length).ok_or(length.name),
        (None, Some(coding)) if version == 1 => {
            let codings = unfolded(coding.value);
            let last = codings.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            let chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            Ok(if chunked { Framing::Chunked } else { Framing::UntilEnd })
        }
        (_, Some(coding)) => Err(coding.name),
    }
}

/// The one `Content-Range` there is.
fn part(fields: &[Header<'_>]) -> Option<(Span, u64)> {
    let mut values = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("content-range"));
    let (field, None) = (values.next()?, values.next()) else { return None };
    content_range(&unfolded(field.value))
}

fn number(digits: &[u8]) -> Option<u64> {
    let only = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    only.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(u16, Framing), Flaw> {
        Reply::parse(text.as_bytes()).map(|reply| (reply.status, reply.framing)).map_err(|(_, flaw)| flaw)
    }

    fn with(fields: &str) -> Result<Framing, Flaw> {
        parse(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n")).map(|(_, framing)| framing)
    }

    #[test]
    fn ambiguous_framing_of_an_answer_is_refused() {
        assert_eq!(with("A: b"), Ok(Framing::UntilEnd));
        assert_eq!(with("content-LENGTH:  12 "), Ok(Framing::Length(12)));
        assert_eq!(with("Transfer-Encoding: gzip , Chunked"), Ok(Framing::Chunked));
        assert_eq!(with("Transfer-Encoding: chunked, gzip"), Ok(Framing::UntilEnd));
        for fields in [
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Content-Length: 1, 1",
            "Content-Length: -1",
            "Content-Length: +1",
            "Content-Length: 99999999999999999999",
            "Content-Length: ",
        ] {
            assert_eq!(with(fields), Err(Flaw::Framing), "{fields}");
        }
        assert_eq!(parse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(Flaw::Framing));
    }

    #[test]
    fn a_folded_field_is_one_field() {
        assert_eq!(with("A: b\r\n c\r\n\td\r\nContent-Length: 5"), Ok(Framing::Length(5)));
        assert_eq!(with("Content-Length:\r\n 5\r\n "), Ok(Framing::Length(5)));
        assert_eq!(with("Transfer-Encoding: gzip,\r\n chunked"), Ok(Framing::Chunked));
        let last =
            Reply::parse(b"HTTP/1.1 200 OK\r\nConnection: x,\r\n close\r\n\r\n").map(|reply| reply.last);
        assert_eq!(last, Ok(true));
        assert_eq!(with(" A: b"), Err(Flaw::Head), "of nothing that it could go on");
    }

    #[test]
    fn a_head_may_have_any_number_of_fields() {
        for count in [FIELDS - 1, FIELDS, 150, 5000] {
            let fields = format!("{}Content-Length: 7", "A: b\r\n".repeat(count));
            assert_eq!(with(&fields), Ok(Framing::Length(7)), "{count}");
        }
    }

    #[test]
    fn a_malformed_head_is_refused_naming_the_line() {
        for (fields, line, flaw) in [
            ("A: b\r\nC d\r\nE: f", "C d", Flaw::Head),
            ("A: b\r\nC : d", "C : d", Flaw::Head),
            ("A: b\r\nC: \0", "C: \0", Flaw::Head),
            ("A: b\r\nC: d\nE: f", "C: d", Flaw::BareLf),
            ("A: b\r\nContent-Length: 1, 1", "Content-Length: 1, 1", Flaw::Framing),
            ("content-length: 1\r\nA: b\r\nContent-Length: 2", "Content-Length: 2", Flaw::Framing),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked", Flaw::Framing),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            let (at, found) = Reply::parse(head.as_bytes()).expect_err(fields);
            assert_eq!(found, flaw, "{fields:?}");
            assert!(head[at..].starts_with(line), "{fields:?}: {at}");
        }
    }

    #[test]
    fn a_partial_answer_gives_its_range() {
        let part = |value: &str| {
            let head = format!("HTTP/1.1 206 P\r\nContent-Length: 1\r\nContent-Range: {value}\r\n\r\n");
            Reply::parse(head.as_bytes()).expect("a head").part
        };
        assert_eq!(part("bytes 5-14/99"), Some((Span { start: 5, length: 10 }, 99)));
        for value in
            ["bytes */99", "bytes 5-14/*", "bytes 5-4/9", "lines 0-1/2", "bytes 0-1/2\r\nContent-Range: x"]
        {
            assert_eq!(part(value), None, "{value}");
        }
    }

    #[test]
    fn connection_close_marks_the_last_answer() {
        let last = |text: &str| Reply::parse(text.as_bytes()).map(|reply| reply.last);
        for (head, is_last) in [
            ("HTTP/1.1 200 OK\r\n", false),
            ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", false),
            ("HTTP/1.1 200 OK\r\nconnection: Upgrade , Close\r\n", true),
            ("HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: close\r\n", true),
            ("HTTP/1.0 200 OK\r\n", true),
            ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", false),
        ] {
            assert_eq!(last(&format!("{head}\r\n")), Ok(is_last), "{head}");
        }
    }

    #[test]
    fn malformed_heads_are_refused() {
        assert_eq!(parse("HTTP/1.0 404 Not Found\r\n\r\n"), Ok((404, Framing::UntilEnd)));
        assert_eq!(parse("HTTP/1.1 204\r\n\r\n"), Ok((204, Framing::UntilEnd)));
        for text in
            ["HTTP/2 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "+OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n"]
        {
            assert_eq!(parse(text), Err(Flaw::StatusLine), "{text}");
        }
        // What it means is for who asked to say.
        assert_eq!(parse("HTTP/1.1 999 ?\r\n\r\n"), Ok((999, Framing::UntilEnd)));
        for fields in ["A b", "A : b", " A: b", "A: b\0"] {
            assert_eq!(with(fields), Err(Flaw::Head), "{fields:?}");
        }
        for fields in ["A: b\n\nC: d", "A: b\nC: d", "A: b\r\n\nC: d"] {
            assert_eq!(with(fields), Err(Flaw::BareLf), "{fields:?}");
        }
    }
}
