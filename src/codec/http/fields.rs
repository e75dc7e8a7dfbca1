//! The fields of a head that decide how it goes on: framing, persistence, ranges. All others are ignored.

use super::{Body, ContentRange, Keep, Range, Status};

/// What the fields that matter say, independent of the bytes they were read from: those may be gone when the next field
/// comes.
#[derive(Debug)]
pub(super) struct Fields {
    /// Most bytes of a body.
    most: u64,
    /// Whether the host is one.
    host: Option<bool>,
    length: Option<Result<Option<Body>, Status>>,
    coding: Option<Coding>,
    close: bool,
    keep_alive: bool,
    /// Whether what is expected is `100-continue`.
    expect: Option<bool>,
    range: Option<Asked>,
    conditional: bool,
    content_range: Option<ContentRange>,
}

/// What a range comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Part(Range),
    /// It is none, or one of several.
    Whole,
}

/// What all transfer codings come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Chunked,
    /// There is one that we do not know.
    Unknown,
    /// None, in a field of that name; or chunks in chunks.
    Void,
}

impl Fields {
    /// No fields yet; a body may have `most` bytes.
    pub(super) const fn new(most: u64) -> Self {
        Self {
            most,
            host: None,
            length: None,
            coding: None,
            close: false,
            keep_alive: false,
            expect: None,
            range: None,
            conditional: false,
            content_range: None,
        }
    }

    /// One more field.
    ///
    /// # Errors
    /// [`Status::BadRequest`] when it must be single and is not.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        // The length alone distinguishes most of them, without a comparison.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => once(&mut self.host, is_host(value))?,
            5 if name.eq_ignore_ascii_case(b"range") => {
                once(&mut self.range, Range::parse(value).map_or(Asked::Whole, Asked::Part))?;
            }
            6 if name.eq_ignore_ascii_case(b"expect") => {
                once(&mut self.expect, value.eq_ignore_ascii_case(b"100-continue"))?;
            }
            8 if name.eq_ignore_ascii_case(b"if-range") => self.conditional = true,
            10 if name.eq_ignore_ascii_case(b"connection") => self.connection(value),
            13 if name.eq_ignore_ascii_case(b"content-range") => {
                once(&mut self.content_range, ContentRange::parse(value))?;
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                once(&mut self.length, Body::of_length(value, self.most))?;
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.codings(value),
            _ => {}
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for option in members(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn codings(&mut self, value: &[u8]) {
        for coding in members(value) {
            self.coding = Some(match self.coding {
                Some(Coding::Unknown) => Coding::Unknown,
                _ if !coding.eq_ignore_ascii_case(b"chunked") => Coding::Unknown,
                None => Coding::Chunked,
                Some(_) => Coding::Void,
            });
        }
        self.coding = self.coding.or(Some(Coding::Void));
    }

    /// RFC 9112 section 9.3.
    pub(super) fn keep(&self, version: u8) -> Keep {
        match version {
            _ if self.close => Keep::Close,
            0 if self.keep_alive => Keep::Alive,
            0 => Keep::Close,
            _ => Keep::Open,
        }
    }

    /// What follows the head: RFC 9112 section 6.3. Also refuses what makes the head itself void (section 3.2).
    pub(super) fn body(&self, version: u8) -> Result<Option<Body>, Status> {
        if !self.host.unwrap_or(version == 0) {
            return Err(Status::BadRequest);
        }
        match (self.length, self.coding) {
            (None, None) => Ok(None),
            (Some(body), None) => body,
            // Both: the peer, or somebody on the way, has lost count (section 6.1).
            (Some(_), Some(_)) | (None, Some(Coding::Void)) => Err(Status::BadRequest),
            _ if version == 0 => Err(Status::BadRequest),
            (None, Some(Coding::Unknown)) => Err(Status::NotImplemented),
            (None, Some(Coding::Chunked)) => Ok(Some(Body::chunked(self.most))),
        }
    }

    /// RFC 9110 section 10.1.1: an expectation of HTTP/1.0 is ignored.
    pub(super) fn expects_continue(&self, version: u8) -> Result<bool, Status> {
        match self.expect {
            Some(true) if version > 0 => Ok(true),
            Some(false) if version > 0 => Err(Status::ExpectationFailed),
            _ => Ok(false),
        }
    }

    /// The part asked for. A condition (`If-Range`) is answered as if it did not hold: with the whole.
    pub(super) fn range(&self) -> Option<Range> {
        match self.range {
            Some(Asked::Part(range)) if !self.conditional => Some(range),
            _ => None,
        }
    }

    /// The place of the body in the resource.
    pub(super) const fn content_range(&self) -> Option<ContentRange> {
        self.content_range
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Status> {
    if slot.replace(value).is_none() { Ok(()) } else { Err(Status::BadRequest) }
}

/// The members of a list, without empty ones: RFC 9110 section 5.6.1.
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// The bytes of a host and a port.
const OF_HOSTS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mark = matches!(
            byte as u8,
            b'!' | b'$'..=b'+' | b'-' | b'.' | b':' | b';' | b'=' | b'[' | b']' | b'_' | b'~'
        );
        table[byte] = (byte as u8).is_ascii_alphanumeric() || mark;
        byte += 1;
    }
    table
};

/// A host and perhaps a port; empty where the target has no authority (RFC 9112 section 3.2).
fn is_host(value: &[u8]) -> bool {
    // Without an end in between this takes half the time.
    value.iter().fold(true, |is_host, byte| is_host & OF_HOSTS[usize::from(*byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(named: &[(&str, &str)]) -> Result<Fields, Status> {
        let mut fields = Fields::new(1000);
        for (name, value) in named {
            fields.add(name.as_bytes(), value.as_bytes())?;
        }
        Ok(fields)
    }

    fn body(fields: &[(&str, &str)]) -> Result<Option<Body>, Status> {
        read(&[&[("Host", "x")], fields].concat())?.body(1)
    }

    #[test]
    fn ambiguous_framing_of_a_request_is_refused() {
        let (length, coding) = ("Content-Length", "Transfer-Encoding");
        assert_eq!(body(&[]), Ok(None));
        assert_eq!(body(&[(length, "0")]), Ok(None));
        assert_eq!(body(&[(length, "7")]), Body::of_length(b"7", 1000));
        assert_eq!(body(&[(coding, "Chunked")]), Ok(Some(Body::chunked(1000))));
        for fields in [
            &[(length, "7"), (length, "7")][..],
            &[(length, "7, 7")],
            &[(length, "+7")],
            &[(length, "-7")],
            &[(length, "0x7")],
            &[(length, "")],
            &[(length, "7"), (coding, "chunked")],
            &[(length, "7"), (coding, "gzip")],
            &[(coding, "chunked, chunked")],
            &[(coding, "chunked"), (coding, "chunked")],
            &[(coding, "")],
        ] {
            assert_eq!(body(fields), Err(Status::BadRequest), "{fields:?}");
        }
        for codings in ["gzip", "gzip, chunked", "identity", "xchunked", "chunked;q=1"] {
            assert_eq!(body(&[(coding, codings)]), Err(Status::NotImplemented), "{codings}");
        }
        assert_eq!(body(&[(length, "1001")]), Err(Status::ContentTooLarge));
        assert_eq!(body(&[(length, "99999999999999999999")]), Err(Status::ContentTooLarge));
        assert_eq!(read(&[(coding, "chunked")]).unwrap().body(0), Err(Status::BadRequest));
    }

    #[test]
    fn a_connection_persists_unless_close_is_announced() {
        for (version, value, expected) in [
            (1, "", Keep::Open),
            (1, "keep-alive", Keep::Open),
            (1, "foo, Close", Keep::Close),
            (0, "", Keep::Close),
            (0, "Keep-Alive", Keep::Alive),
            (0, "keep-alive, close", Keep::Close),
        ] {
            assert_eq!(read(&[("connection", value)]).unwrap().keep(version), expected, "{value}");
        }
    }

    #[test]
    fn only_100_continue_can_be_expected() {
        let expect = |value| read(&[("Expect", value)]).unwrap();
        assert_eq!(expect("100-Continue").expects_continue(1), Ok(true));
        assert_eq!(expect("100-continue").expects_continue(0), Ok(false));
        assert_eq!(expect("200-ok").expects_continue(1), Err(Status::ExpectationFailed));
    }

    #[test]
    fn a_range_with_if_range_is_ignored() {
        assert!(read(&[("Range", "bytes=1-2")]).unwrap().range().is_some());
        assert!(read(&[("Range", "bytes=1-2"), ("If-Range", "\"x\"")]).unwrap().range().is_none());
    }

    #[test]
    fn exactly_one_valid_host_is_required() {
        let host = |value: &str| read(&[("Host", value)]).unwrap().body(1).is_ok();
        assert!(host("example.com:80") && host("[::1]:80") && host(""));
        assert!(!host("a/b") && !host("a@b") && !host("a b") && !host("a,b"));
        assert!(read(&[]).unwrap().body(1).is_err() && read(&[]).unwrap().body(0).is_ok());
    }
}
