//! The head of a request: how it is understood, and what is refused.

use std::{borrow::Cow, mem::MaybeUninit};

use super::{
    answer::Keep,
    body::Body,
    fields::Fields,
    limits::{FIELDS, LINE_BYTES},
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
            fields.add(*field)?;
        }
        let method = Method::parse(method);
        Self::new(method, target::path(target, method)?, version, &fields)
    }

    /// Understands the head that `bytes` begin with, and how long it is, where one look suffices: it is whole, it is no longer
    /// than `most_head` and than a request line may be, and nothing in it is unusual. `None` otherwise: then
    /// [`Search`](super::Search) finds where it ends, and [`Self::parse`] what is wrong with it. A body may have at most
    /// `most` bytes.
    #[must_use]
    pub fn parse_first(bytes: &'a [u8], most_head: usize, most: u64) -> Option<(Self, usize)> {
        // A blank line in front is one of the unusual things, and a first line that ends with a bare LF.
        let first_line = memchr::memchr(b'\n', bytes)?;
        if first_line < 2 || bytes[first_line - 1] != b'\r' {
            return None;
        }
        let mut headers = [const { MaybeUninit::uninit() }; FIELDS];
        let mut request = httparse::Request::new(&mut []);
        let Ok(httparse::Status::Complete(length)) = request.parse_with_uninit_headers(bytes, &mut headers)
        else {
            return None;
        };
        if length > most_head.min(LINE_BYTES) || !bytes[..length].ends_with(b"\r\n\r\n") {
            return None;
        }
        Some((Self::of(&request, most).ok()?, length))
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
    use crate::{
        buffer::{self, Kind},
        codec::http::{Search, Span},
    };

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

    /// What one look makes of the bytes, and what a search and a parse of the head that it finds make of them.
    fn both_ways(bytes: &[u8]) -> [Option<(Request<'static>, usize)>; 2] {
        let at_once = Request::parse_first(bytes, 1000, 1000);
        let mut receive = buffer::make(Kind::Contiguous, 16, None);
        receive.append(bytes).expect("room");
        let found = Search::default().next(&mut *receive, 1000).ok().flatten();
        // Blank lines in front were taken away.
        let whole = receive.front().to_vec();
        let in_two = found
            .and_then(|length| Some((Request::parse(&whole[..length], 1000).ok()?.into_owned(), length)));
        [at_once.map(|(request, length)| (request.into_owned(), length)), in_two]
    }

    #[test]
    fn one_look_is_enough_for_a_usual_head() {
        for (bytes, is_enough) in [
            (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], true),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n", true),
            (b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nabc", true),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r", false),
            (b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", false),
            (b"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", false),
            (b"GET / HTTP/1.1\nHost: x\r\n\r\n", false),
            (b"GET / HTTP/1.1\r\nHost: x\n\n", false),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\nA: b\r\n\r\n", false),
            (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", false),
            (b"GET / HTTP/2.7\r\nHost: x\r\n\r\n", false),
            (b"", false),
        ] {
            let [at_once, in_two] = both_ways(bytes);
            assert_eq!(at_once.is_some(), is_enough, "{}", bytes.escape_ascii());
            assert!(at_once.is_none() || at_once == in_two, "{}: {in_two:?}", bytes.escape_ascii());
        }
        let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(1000));
        assert_eq!(Request::parse_first(long.as_bytes(), 1000, 1000), None, "longer than a head may be");
        let longer = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(LINE_BYTES));
        assert_eq!(Request::parse_first(longer.as_bytes(), 1 << 20, 1000), None, "for the search to judge");
    }

    proptest::proptest! {
        #[test]
        fn one_look_never_differs_from_a_search_and_a_parse(
            pieces in proptest::collection::vec(
                proptest::sample::select(&[
                    "GET / HTTP/1.1\r\n", "HEAD /a HTTP/1.0\r\n", "GET /b HTTP/1.1\n", "Host: x\r\n", "Host: x\n",
                    "\r\n", "\n", "\r", "Content-Length: 3\r\n", "Range: bytes=0-1\r\n", "Connection: close\r\n", " ",
                    "A: b\r\n", "abc", ":", "\0",
                ][..]),
                0..9,
            )
        ) {
            let [at_once, in_two] = both_ways(pieces.concat().as_bytes());
            proptest::prop_assert!(at_once.is_none() || at_once == in_two, "{pieces:?}: {at_once:?}, {in_two:?}");
        }
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
