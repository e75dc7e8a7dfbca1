//! The head of a request: how it is understood, and what is refused.

use std::{borrow::Cow, mem::MaybeUninit};

use super::{
    answer::Keep,
    body::Body,
    fields::Fields,
    limits::FIELDS,
    method::Method,
    range::{ContentRange, Range},
    status::{self, Status},
    target,
};

/// The head of a request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// To what: the path, decoded, without its leading slashes and without the query.
    pub path: Cow<'a, [u8]>,
    /// Whether the connection goes on after the answer, and what the answer has to say about that.
    pub keep: Keep,
    /// What follows the head.
    pub body: Option<Body>,
    /// The peer waits for a word before it sends the body (`Expect: 100-continue`).
    pub expects_continue: bool,
    /// The part that is asked for. Ranges that are none, or several, or conditional, count as all of it.
    pub range: Option<Range>,
    /// The place of the body in the resource, where the request is a PUT that says so.
    pub content_range: Option<ContentRange>,
}

impl<'a> Request<'a> {
    /// Understands a whole head, with its blank line. A body may have at most `most` bytes.
    ///
    /// # Errors
    /// The status to answer with, after which nothing that follows can be trusted.
    pub fn parse(head: &'a [u8], most: u64) -> Result<Self, Status> {
        let mut headers = [const { MaybeUninit::uninit() }; FIELDS];
        let mut request = httparse::Request::new(&mut []);
        let parsed = request.parse_with_uninit_headers(head, &mut headers);
        let parsed = parsed.map_err(|error| refusal(error, head))?;
        // It takes a bare LF for the end of a line, too, and so may see a shorter head.
        if parsed != httparse::Status::Complete(head.len()) {
            return Err(Status::BadRequest);
        }
        Self::of(&request, most)
    }

    fn of(request: &httparse::Request<'_, 'a>, most: u64) -> Result<Self, Status> {
        let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version)
        else {
            return Err(Status::BadRequest);
        };
        let mut fields = Fields::new(most);
        for field in &*request.headers {
            fields.add(field.name.as_bytes(), field.value)?;
        }
        let method = Method::parse(method.as_bytes());
        Self::new(method, target::path(target.as_bytes(), method)?, version, &fields)
    }

    /// A request whose head is well-formed.
    ///
    /// # Errors
    /// As for [`Request::parse`].
    pub(super) fn new(
        method: Method,
        path: Cow<'a, [u8]>,
        version: u8,
        fields: &Fields,
    ) -> Result<Self, Status> {
        Ok(Self {
            method,
            path,
            keep: fields.keep(version),
            body: fields.body(version)?,
            expects_continue: fields.expects_continue(version)?,
            range: fields.range().filter(|_| method == Method::Get),
            content_range: fields.content_range().filter(|_| method == Method::Put),
        })
    }

    /// The same, independent of the bytes it was read from.
    #[must_use]
    pub fn into_owned(self) -> Request<'static> {
        let Self { method, path, keep, body, expects_continue, range, content_range } = self;
        let path = Cow::Owned(path.into_owned());
        Request { method, path, keep, body, expects_continue, range, content_range }
    }
}

/// What a head is answered with that is not well-formed; its request line stands in front.
pub(super) fn refusal(error: httparse::Error, head: &[u8]) -> Status {
    match error {
        httparse::Error::TooManyHeaders => Status::FieldsTooLarge,
        httparse::Error::Version => status::of_version(head),
        _ => Status::BadRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::http::Span;

    const EMPTY: Request<'static> = Request {
        method: Method::Get,
        path: Cow::Borrowed(b""),
        keep: Keep::Open,
        body: None,
        expects_continue: false,
        range: None,
        content_range: None,
    };

    fn parse(head: &str) -> Result<Request<'_>, Status> {
        Request::parse(head.as_bytes(), 1000)
    }

    fn with(fields: &str) -> Result<Request<'static>, Status> {
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n");
        parse(&head).map(Request::into_owned)
    }

    #[test]
    fn a_plain_request_is_parsed() {
        assert_eq!(parse("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Ok(EMPTY));
        assert_eq!(parse("GET / HTTP/1.0\r\n\r\n"), Ok(Request { keep: Keep::Close, ..EMPTY }));
        let path = Cow::Borrowed(&b"a b"[..]);
        let expected = Request { method: Method::Head, path, ..EMPTY };
        assert_eq!(parse("HEAD http://x/a%20b?q HTTP/1.1\r\nHost: x\r\n\r\n"), Ok(expected));
    }

    #[test]
    fn ambiguous_requests_are_refused() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / \r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /%0 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET x HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTQ/1.1\r\nHost: x\r\n\r\n",
        ] {
            assert_eq!(parse(head), Err(Status::BadRequest), "{head}");
        }
    }

    #[test]
    fn unsupported_versions_and_sizes_get_their_own_status() {
        assert_eq!(parse("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), Err(Status::VersionNotSupported));
        assert!(with("A: b\r\n".repeat(FIELDS - 1).trim_end()).is_ok());
        assert_eq!(with("A: b\r\n".repeat(FIELDS).trim_end()), Err(Status::FieldsTooLarge));
    }

    #[test]
    fn the_place_of_a_body_is_read_in_a_put() {
        let place = |method: &str, value: &str| {
            let head = format!("{method} / HTTP/1.1\r\nHost: x\r\nContent-Range: {value}\r\n\r\n");
            parse(&head).map(|request| request.content_range)
        };
        let part = ContentRange::Part(Span { start: 5, length: 10 }, 99);
        assert_eq!(place("PUT", "bytes 5-14/99"), Ok(Some(part)));
        assert_eq!(place("PUT", "bytes 005-014/99"), Ok(Some(part)));
        assert_eq!(place("POST", "bytes 5-14/99"), Ok(None));
        for value in ["bytes */99", "bytes 5-14/*", "bytes 5-4/9", "lines 5-14/99", "bytes=5-14/99", "", "5"]
        {
            assert_eq!(place("PUT", value), Ok(Some(ContentRange::Invalid)), "{value}");
        }
        let twice = "bytes 0-1/2\r\nContent-Range: bytes 0-1/2";
        assert_eq!(place("PUT", twice), Err(Status::BadRequest));
    }

    #[test]
    fn methods_are_distinguished_and_only_get_has_ranges() {
        let parsed = |method: &str| {
            parse(&format!("{method} / HTTP/1.1\r\nHost: x\r\nRange: bytes=1-\r\n\r\n"))
                .map(|request| (request.method, request.range.is_some()))
        };
        assert_eq!(parsed("GET"), Ok((Method::Get, true)));
        assert_eq!(parsed("HEAD"), Ok((Method::Head, false)));
        assert_eq!(parsed("PUT"), Ok((Method::Put, false)));
        assert_eq!(parsed("POST"), Ok((Method::Known, false)));
        assert_eq!(parsed("BREW"), Ok((Method::Unknown, false)));
        assert_eq!(parsed("get"), Ok((Method::Unknown, false)));
    }
}
