//! The head of an answer: status line, date, content type and other fields.

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};

use super::{Range, Span, Status};

/// The interim answer for a client that waits before it sends its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The methods that a resource has unless it can be uploaded.
const METHODS: &str = "GET, HEAD";

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The connection stays open, which is the default.
    Open,
    /// The connection stays open, which the answer announces (HTTP/1.0).
    Alive,
    /// The connection ends, which the answer announces.
    Close,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// How the request was taken.
    pub status: Status,
    /// What becomes of the connection.
    pub keep: Keep,
    /// Bytes that follow the head (or would, had the method not been HEAD).
    pub length: u64,
    /// What they are.
    pub media_type: &'a str,
    /// When the resource last changed, as [`http_date`] writes it.
    pub last_modified: Option<&'a str>,
    /// The methods that the resource has: said with status 405.
    pub methods: &'static str,
    /// For a part: which one, or none where none was possible; and how long the whole is.
    pub part: Option<(Option<Span>, u64)>,
}

impl Answer<'static> {
    /// A short text that says no more than the status does: the head, and its body.
    #[must_use]
    pub fn plain(status: Status, keep: Keep) -> (Self, &'static [u8]) {
        let text = status.text();
        let length = text.len() as u64;
        let media_type = "text/plain";
        let answer =
            Self { status, keep, length, media_type, last_modified: None, methods: METHODS, part: None };
        (answer, text.as_bytes())
    }
}

impl<'a> Answer<'a> {
    /// A resource of `length` bytes, or the part of it that is asked for: the head, and which bytes follow.
    #[must_use]
    pub fn of(
        length: u64,
        media_type: &'a str,
        last_modified: Option<&'a str>,
        range: Option<Range>,
        keep: Keep,
    ) -> (Self, Option<Span>) {
        let status = Status::Ok;
        let whole = Self { status, keep, length, media_type, last_modified, methods: METHODS, part: None };
        match range.map(|range| range.within(length)) {
            None => (whole, Some(Span { start: 0, length })),
            Some(Some(span)) => {
                let part = Some((Some(span), length));
                (Self { status: Status::PartialContent, length: span.length, part, ..whole }, Some(span))
            }
            Some(None) => {
                let part = Some((None, length));
                let (plain, text) = Answer::plain(Status::RangeNotSatisfiable, keep);
                (Self { part, length: text.len() as u64, ..plain }, None)
            }
        }
    }

    /// Appends the head, blank line included. `date` is the present, as [`http_date`] writes it.
    pub fn write(&self, date: &str, out: &mut Vec<u8>) {
        put(out, &["HTTP/1.1 ", self.status.line(), "\r\nServer: badpeer\r\nDate: ", date]);
        put(out, &["\r\nContent-Type: ", self.media_type, "\r\nContent-Length: "]);
        put_number(out, self.length);
        match self.status {
            Status::MethodNotAllowed => put(out, &["\r\nAllow: ", self.methods]),
            Status::Ok | Status::PartialContent => put(out, &["\r\nAccept-Ranges: bytes"]),
            _ => {}
        }
        if let Some(date) = self.last_modified {
            put(out, &["\r\nLast-Modified: ", date]);
        }
        if let Some((span, whole)) = self.part {
            put(out, &["\r\nContent-Range: bytes "]);
            if let Some(Span { start, length }) = span {
                put_number(out, start);
                put(out, &["-"]);
                put_number(out, start + length - 1);
            } else {
                put(out, &["*"]);
            }
            put(out, &["/"]);
            put_number(out, whole);
        }
        put(
            out,
            &[match self.keep {
                Keep::Open => "\r\n\r\n",
                Keep::Alive => "\r\nConnection: keep-alive\r\n\r\n",
                Keep::Close => "\r\nConnection: close\r\n\r\n",
            }],
        );
    }
}

fn put(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Without the formatting machinery: there are up to four numbers in a head, and heads are most of the work.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Seconds since 1970 as HTTP writes them (RFC 9110 section 5.6.7). Years beyond 9999 are written as 1970.
#[must_use]
pub fn http_date(unix_seconds: i64) -> String {
    let timestamp = Timestamp::from_second(unix_seconds).unwrap_or_default();
    DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).unwrap_or_default()
}

/// What a file holds, by the end of its name.
#[must_use]
pub fn media_type(path: &[u8]) -> &'static str {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let dot = name.iter().rposition(|byte| *byte == b'.');
    let extension = dot.map(|dot| name[dot + 1..].to_ascii_lowercase()).unwrap_or_default();
    match &extension[..] {
        b"html" | b"htm" => "text/html; charset=utf-8",
        b"css" => "text/css; charset=utf-8",
        b"js" | b"mjs" => "text/javascript; charset=utf-8",
        b"txt" | b"log" | b"md" | b"toml" => "text/plain; charset=utf-8",
        b"csv" => "text/csv; charset=utf-8",
        b"json" => "application/json",
        b"xml" => "application/xml",
        b"svg" => "image/svg+xml",
        b"png" => "image/png",
        b"jpg" | b"jpeg" => "image/jpeg",
        b"gif" => "image/gif",
        b"webp" => "image/webp",
        b"ico" => "image/x-icon",
        b"woff2" => "font/woff2",
        b"pdf" => "application/pdf",
        b"wasm" => "application/wasm",
        b"mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(answer: Answer<'_>) -> String {
        let mut out = Vec::new();
        answer.write("DATE", &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_head_announces_its_body() {
        let (whole, span) = Answer::of(1234, "text/css", Some("THEN"), None, Keep::Open);
        assert_eq!(span, Some(Span { start: 0, length: 1234 }));
        assert_eq!(
            written(whole),
            "HTTP/1.1 200 OK\r\nServer: badpeer\r\nDate: DATE\r\nContent-Type: text/css\r\nContent-Length: 1234\r\n\
             Accept-Ranges: bytes\r\nLast-Modified: THEN\r\n\r\n"
        );
        let (part, span) = Answer::of(10, "x", None, Some(Range::Last(4)), Keep::Alive);
        assert_eq!(span, Some(Span { start: 6, length: 4 }));
        let head = written(part);
        assert!(head.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Length: 4\r\n"), "{head}");
        assert!(
            head.ends_with("\r\nContent-Range: bytes 6-9/10\r\nConnection: keep-alive\r\n\r\n"),
            "{head}"
        );
        let (none, span) = Answer::of(10, "x", None, Some(Range::From(10, None)), Keep::Close);
        assert_eq!(span, None);
        let head = written(none);
        assert!(head.starts_with("HTTP/1.1 416 "), "{head}");
        assert!(head.ends_with("\r\nContent-Range: bytes */10\r\nConnection: close\r\n\r\n"), "{head}");
    }

    #[test]
    fn a_405_lists_the_allowed_methods() {
        let (answer, text) = Answer::plain(Status::MethodNotAllowed, Keep::Open);
        assert_eq!(text, b"405 Method Not Allowed\n");
        assert!(written(answer).contains("\r\nContent-Length: 23\r\nAllow: GET, HEAD\r\n"));
    }

    #[test]
    fn dates_have_the_http_format() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(0), http_date(i64::MAX));
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 7, 10, 1234, u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn the_content_type_follows_the_extension() {
        assert_eq!(media_type(b"a/index.HTML"), "text/html; charset=utf-8");
        assert_eq!(media_type(b"a.html/b"), "application/octet-stream");
        assert_eq!(media_type(b"archive.tar.gz"), "application/octet-stream");
        assert_eq!(media_type(b".png"), "image/png");
    }
}
