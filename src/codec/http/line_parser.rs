//! The head of a request, parsed and taken out of the buffer line by line as it arrives.

use std::{borrow::Cow, mem};

use super::{
    Method, Request, Status, fields::Fields, first_line::FirstLine, limits::FIELDS, limits::HEAD_BYTES,
    request::refusal, target,
};
use crate::buffer::Buffer;

/// A state machine that takes each line of a head out of the buffer as soon as all of it has come, and keeps what the
/// line says. [`Search`] and [`Request::parse`] do the same with the whole head.
///
/// ```text
///   blank lines ─→ request line ─→ field ─→ field … ─→ blank line
///       taken          taken       taken    taken         taken  ─→ Request
/// ```
/// Both give the same requests, and refuse the same heads at the same byte with the same status. An error in a
/// line is therefore reported only when the head has ended, or has become too long.
///
/// A head under way costs one allocation, and one more for its path.
///
/// [`Search`]: super::Search
#[derive(Debug, Default)]
pub struct LineParser {
    first_line: FirstLine,
    /// The head, from its request line on.
    head: Option<Box<Head>>,
}

/// What the lines have said that have come.
#[derive(Debug)]
struct Head {
    /// Bytes taken.
    length: usize,
    /// The last line ended with CRLF, and not with a bare LF.
    ends_in_crlf: bool,
    method: Method,
    path: Cow<'static, [u8]>,
    version: u8,
    /// How many fields have come.
    count: usize,
    fields: Fields,
    /// What is wrong with the first line that cannot be read; none is looked at after it.
    malformed: Option<Status>,
    /// What is wrong with a line that can be read.
    invalid: Option<Status>,
}

impl LineParser {
    /// The next request, once the blank line at the end of its head has come. Blank lines in front of it are taken away. A
    /// head may have `most` bytes, and [`HEAD_BYTES`]; a body may have `most` bytes.
    ///
    /// # Errors
    /// The status to answer with, after which nothing that follows can be trusted.
    pub fn next(
        &mut self,
        receive: &mut dyn Buffer,
        most: usize,
    ) -> Result<Option<Request<'static>>, Status> {
        let parsed = self.advance(receive, most);
        if !matches!(parsed, Ok(None)) {
            *self = Self::default();
        }
        parsed
    }

    /// Whether something of the next request has come that no longer lies in the receive buffer.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.head.is_some() || self.first_line.has_begun()
    }

    fn advance(&mut self, receive: &mut dyn Buffer, most: usize) -> Result<Option<Request<'static>>, Status> {
        let most_of_body = most as u64;
        let most = most.min(HEAD_BYTES);
        let head = match self.head.take() {
            Some(head) => head,
            None => match self.first_line.find(receive, most)? {
                Some(length) => {
                    let head = Box::new(Head::new(receive.peek(length), most_of_body));
                    receive.retrieve(length);
                    head
                }
                None => return Ok(None),
            },
        };
        let head = self.head.insert(head);
        loop {
            let line = receive.find(b"\n").map(|at| at + 1);
            if head.length + line.unwrap_or(receive.readable() + 1) > most {
                return Err(Status::FieldsTooLarge);
            }
            let Some(length) = line else { return Ok(None) };
            let is_last = head.add_line(receive.peek(length));
            receive.retrieve(length);
            if is_last {
                return self.head.take().map(|head| head.finish()).transpose();
            }
        }
    }
}

impl Head {
    /// With its request line.
    fn new(line: &[u8], most_of_body: u64) -> Self {
        let mut head = Self {
            length: line.len(),
            ends_in_crlf: true,
            method: Method::Unknown,
            path: Cow::Borrowed(b""),
            version: 0,
            count: 0,
            fields: Fields::new(most_of_body),
            malformed: None,
            invalid: None,
        };
        let mut request = httparse::Request::new(&mut []);
        let parsed = request.parse(line);
        match (parsed, request.method, request.path, request.version) {
            (Ok(_), Some(method), Some(target), Some(version)) => {
                (head.method, head.version) = (Method::parse(method.as_bytes()), version);
                match target::path(target.as_bytes(), head.method) {
                    Ok(path) => head.path = Cow::Owned(path.into_owned()),
                    Err(status) => head.invalid = Some(status),
                }
            }
            (Err(error), ..) => head.malformed = Some(refusal(error, line)),
            _ => head.malformed = Some(Status::BadRequest),
        }
        head
    }

    /// Whether that was the end of the head: a blank line after a line that ended with CRLF, as [`Search`] finds it.
    ///
    /// [`Search`]: super::Search
    fn add_line(&mut self, line: &[u8]) -> bool {
        self.length += line.len();
        let follows_crlf = mem::replace(&mut self.ends_in_crlf, line.ends_with(b"\r\n"));
        match line {
            b"\r\n" if follows_crlf => return true,
            _ if self.malformed.is_some() => {}
            // Others would take it for the end of the head.
            b"\r\n" | b"\n" => self.malformed = Some(Status::BadRequest),
            _ => self.add_field(line),
        }
        false
    }

    fn add_field(&mut self, line: &[u8]) {
        let mut field = [httparse::EMPTY_HEADER];
        // It is incomplete, because no blank line follows. The field is there all the same.
        if httparse::parse_headers(line, &mut field).is_err() {
            self.malformed = Some(Status::BadRequest);
        } else if self.count == FIELDS {
            self.malformed = Some(Status::FieldsTooLarge);
        } else {
            self.count += 1;
            let [field] = field;
            self.invalid = self.invalid.or(self.fields.add(field.name.as_bytes(), field.value).err());
        }
    }

    fn finish(self) -> Result<Request<'static>, Status> {
        match self.malformed.or(self.invalid) {
            Some(status) => Err(status),
            None => Request::new(self.method, self.path, self.version, &self.fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{LINE_BYTES, Search},
        *,
    };
    use crate::buffer::{self, Kind};

    const MOST: usize = 1 << 20;

    /// The requests found in bytes that come in pieces of `step`, and what is wrong with the next.
    type Found = (Vec<Request<'static>>, Option<Status>);

    fn line_by_line(kind: Kind, bytes: &[u8], step: usize) -> Found {
        let (mut receive, mut parser) = (buffer::make(kind, 16, None), LineParser::default());
        let mut found = Vec::new();
        for piece in bytes.chunks(step) {
            receive.append(piece).unwrap();
            loop {
                match parser.next(&mut *receive, MOST) {
                    Ok(None) => break,
                    Ok(Some(request)) => found.push(request),
                    Err(status) => return (found, Some(status)),
                }
            }
        }
        (found, None)
    }

    fn whole(bytes: &[u8]) -> Found {
        let (mut receive, mut search) = (buffer::make(Kind::Contiguous, 16, None), Search::default());
        receive.append(bytes).unwrap();
        let mut found = Vec::new();
        loop {
            match search.next(&mut *receive, MOST) {
                Ok(None) => return (found, None),
                Ok(Some(length)) => match Request::parse(receive.peek(length), MOST as u64) {
                    Ok(request) => {
                        found.push(request.into_owned());
                        receive.retrieve(length);
                    }
                    Err(status) => return (found, Some(status)),
                },
                Err(status) => return (found, Some(status)),
            }
        }
    }

    #[test]
    fn gives_the_requests_and_errors_of_the_whole_head() {
        let line = |length: usize| format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(length - 13));
        let many =
            |fields: usize| format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(fields - 1));
        let long = |head: usize| format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "b".repeat(head - 32));
        let fields = |fields: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n");
        for text in [
            "GET / HTTP/1.0\r\n\r\n\r\n\r\nHEAD /a%20b HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n"
                .into(),
            fields("Range:\tbytes=1-2 \r\nA:\r\nExpect: 100-continue"),
            fields("Content-Length: 7"),
            fields("Content-Length: 7\r\nContent-Length: 7\r\nA b: c"),
            fields("Content-Length: x\r\nTransfer-Encoding: chunked"),
            fields("Transfer-Encoding: gzip"),
            fields("Expect: 200-ok"),
            fields("A: b\r\n c"),
            fields("A : b"),
            fields(": b"),
            fields("A: b\0"),
            fields("A: b\rc"),
            fields("A: b\nB: c"),
            fields("A: b\n\r\nB: c"),
            fields("A: b\r\n\nB: c"),
            fields("\r\r"),
            "GET / HTTP/1.1\n\n".into(),
            "GET / HTTP/2.0\r\nA b\r\n\r\n".into(),
            "GET / HTTP/\r\n\r\n".into(),
            "GET /\r\n\r\n".into(),
            "GET /%0 HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            "\r\r\n\r\n".into(),
            "G\r\n".into(),
            line(LINE_BYTES),
            line(LINE_BYTES + 1),
            many(FIELDS),
            many(FIELDS + 1),
            many(FIELDS + 1).replace("GET /", "GET /%0"),
            format!("{}A b\r\n\r\n", many(FIELDS + 1).trim_end_matches("\r\n").to_owned() + "\r\n"),
            long(HEAD_BYTES),
            long(HEAD_BYTES + 1),
            long(HEAD_BYTES + 1).replace("HTTP/1.1", "HTTP/2.0"),
        ] {
            let expected = whole(text.as_bytes());
            for kind in [Kind::Contiguous, Kind::Chained] {
                for step in [1, 2, 7, 1000, text.len()] {
                    let start = &text[..text.len().min(200)];
                    assert_eq!(
                        line_by_line(kind, text.as_bytes(), step),
                        expected,
                        "{kind}, {step}: {start:?}"
                    );
                }
            }
        }
    }

    /// What a contiguous buffer holds and has moved after a head of 4.5 KB has come three times in pieces of 64 bytes.
    fn after_pieces(mut next: impl FnMut(&mut dyn Buffer) -> bool) -> (usize, u64) {
        let head =
            format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", format!("A: {}\r\n", "b".repeat(118)).repeat(36));
        let mut receive = buffer::make(Kind::Contiguous, buffer::INITIAL_BYTES, None);
        let mut found = 0;
        for piece in head.repeat(3).as_bytes().chunks(64) {
            receive.append(piece).unwrap();
            found += u64::from(next(&mut *receive));
        }
        assert_eq!((found, receive.readable()), (3, 0));
        (receive.footprint(), receive.work().moved)
    }

    #[test]
    fn a_buffer_stays_small_if_lines_are_taken_as_they_come() {
        let mut search = Search::default();
        let whole = after_pieces(|receive| {
            let length = search.next(receive, MOST).unwrap();
            receive.retrieve(length.unwrap_or(0));
            length.is_some()
        });
        let mut parser = LineParser::default();
        let line_by_line = after_pieces(|receive| parser.next(receive, MOST).unwrap().is_some());
        assert_eq!((whole.0, line_by_line.0), (8200, 1032));
        assert!(5 * line_by_line.1 < whole.1, "{} and {} bytes were moved", line_by_line.1, whole.1);
        assert!(size_of::<Head>() <= 224, "{}", size_of::<Head>());
    }

    #[test]
    fn only_the_last_line_waits_in_the_buffer() {
        let (mut receive, mut parser) = (buffer::make(Kind::Chained, 64, None), LineParser::default());
        receive.append(b"GET /a HTTP/1.1\r\nHost: x\r\nA: ").unwrap();
        assert_eq!(parser.next(&mut *receive, MOST), Ok(None));
        assert_eq!((receive.readable(), parser.has_begun()), (3, true));
        receive.append(b"b\r\n\r\nGET").unwrap();
        let request = parser.next(&mut *receive, MOST).unwrap().expect("a request");
        assert_eq!(&*request.path, b"a");
        assert_eq!((receive.readable(), parser.has_begun()), (3, false));
    }
}
