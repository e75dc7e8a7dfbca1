//! The head of an answer, understood: its status, and how its body is cut (RFC 9112 section 6.3).

use std::mem::MaybeUninit;

use super::{FIELDS, Span};
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

/// Whether a line of a head ends with LF and no CR before it; what lies before `from` is known to be right. RFC 9112 lets
/// clients take it for the end of a line; those that do not wait for ever.
pub(super) fn has_bare_lf(head: &[u8], from: usize) -> bool {
    memchr::memchr_iter(b'\n', &head[from..]).any(|at| !head[..from + at].ends_with(b"\r"))
}

impl Reply {
    /// Understands a whole head, with its blank line.
    pub(super) fn parse(head: &[u8]) -> Result<Self, Flaw> {
        if !may_begin(head) {
            return Err(Flaw::StatusLine);
        }
        if has_bare_lf(head, 0) {
            return Err(Flaw::BareLf);
        }
        let mut headers = [const { MaybeUninit::uninit() }; FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let parsed = config.parse_response_with_uninit_headers(&mut response, head, &mut headers);
        let parsed = parsed.map_err(|error| match error {
            httparse::Error::Version | httparse::Error::Status => Flaw::StatusLine,
            _ => Flaw::Head,
        })?;
        let (httparse::Status::Complete(length), Some(version), Some(status)) =
            (parsed, response.version, response.code)
        else {
            return Err(Flaw::Head);
        };
        if length != head.len() {
            return Err(Flaw::Head);
        }
        if !(100..=599).contains(&status) {
            return Err(Flaw::StatusLine);
        }
        let framing = framing(response.headers, version)?;
        let last = is_last(response.headers, version);
        Ok(Self { status, framing, part: part(response.headers), last })
    }
}

/// Whether the connection ends with this answer: as it says, or as is usual in its version (RFC 9112 section 9.3).
fn is_last(fields: &[httparse::Header<'_>], version: u8) -> bool {
    let options = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("connection"));
    let mut options =
        options.flat_map(|field| field.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let mut named = |name: &[u8]| options.any(|option| option.eq_ignore_ascii_case(name));
    if version == 0 { !named(b"keep-alive") } else { named(b"close") }
}

fn framing(fields: &[httparse::Header<'_>], version: u8) -> Result<Framing, Flaw> {
    let (mut length, mut coding) = (None, None);
    for field in fields {
        let known = if field.name.eq_ignore_ascii_case("content-length") {
            &mut length
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            &mut coding
        } else {
            continue;
        };
        if known.replace(field.value).is_some() {
            return Err(Flaw::Framing);
        }
    }
    match (length, coding) {
        (None, None) => Ok(Framing::UntilEnd),
        (Some(digits), None) => number(digits).map(Framing::Length).ok_or(Flaw::Framing),
        (None, Some(codings)) if version == 1 => {
            let last = codings.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            let chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            Ok(if chunked { Framing::Chunked } else { Framing::UntilEnd })
        }
        _ => Err(Flaw::Framing),
    }
}

/// `bytes 0-499/1234`, once (RFC 9110 section 14.4).
fn part(fields: &[httparse::Header<'_>]) -> Option<(Span, u64)> {
    let mut values = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("content-range"));
    let (value, None) = (values.next()?.value, values.next()) else { return None };
    let (range, whole) = std::str::from_utf8(value).ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let [start, last, whole] = [first, last, whole].map(|digits| number(digits.as_bytes()));
    let length = last?.checked_sub(start?)?.checked_add(1)?;
    Some((Span { start: start?, length }, whole?))
}

fn number(digits: &[u8]) -> Option<u64> {
    let only = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    only.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(u16, Framing), Flaw> {
        Reply::parse(text.as_bytes()).map(|reply| (reply.status, reply.framing))
    }

    fn with(fields: &str) -> Result<Framing, Flaw> {
        parse(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n")).map(|(_, framing)| framing)
    }

    #[test]
    fn the_framing_is_certain_or_refused() {
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
    fn a_part_says_where_it_belongs() {
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
    fn an_answer_says_whether_it_is_the_last() {
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
    fn a_head_is_one_or_is_refused() {
        assert_eq!(parse("HTTP/1.0 404 Not Found\r\n\r\n"), Ok((404, Framing::UntilEnd)));
        assert_eq!(parse("HTTP/1.1 204\r\n\r\n"), Ok((204, Framing::UntilEnd)));
        for text in
            ["HTTP/2 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "+OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n"]
        {
            assert_eq!(parse(text), Err(Flaw::StatusLine), "{text}");
        }
        assert_eq!(parse("HTTP/1.1 999 ?\r\n\r\n"), Err(Flaw::StatusLine));
        for fields in ["A b", "A : b", " A: b", "A: b\0"] {
            assert_eq!(with(fields), Err(Flaw::Head), "{fields:?}");
        }
        for fields in ["A: b\n\nC: d", "A: b\nC: d", "A: b\r\n\nC: d"] {
            assert_eq!(with(fields), Err(Flaw::BareLf), "{fields:?}");
        }
    }
}
