//! The answers' status codes, each declared once: RFC 9110 section 15, RFC 6585 section 5, RFC 4918
//! section 11.5.

macro_rules! statuses {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal $reason:literal; )+) => {
        /// How a request was taken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Status { $( $(#[doc = $doc])+ $name, )+ }

        impl Status {
            /// Three digits, a space, and words.
            #[must_use]
            pub fn line(self) -> &'static str {
                match self { $( Self::$name => concat!($code, " ", $reason), )+ }
            }

            /// The default text of the body.
            pub(super) fn text(self) -> &'static str {
                match self { $( Self::$name => concat!($code, " ", $reason, "\n"), )+ }
            }
        }
    };
}

statuses! {
    /// Here it is.
    Ok = 200 "OK";
    /// Here is the part.
    PartialContent = 206 "Partial Content";
    /// No request at all, or one that can be read in two ways.
    BadRequest = 400 "Bad Request";
    /// It is there, and not for everybody.
    Forbidden = 403 "Forbidden";
    /// There is no such thing.
    NotFound = 404 "Not Found";
    /// It is known, but not here.
    MethodNotAllowed = 405 "Method Not Allowed";
    /// The request took too long to come.
    RequestTimeout = 408 "Request Timeout";
    /// It does not go with what is there already.
    Conflict = 409 "Conflict";
    /// The head does not say how long the body is.
    LengthRequired = 411 "Length Required";
    /// The body is beyond the limit.
    ContentTooLarge = 413 "Content Too Large";
    /// The request line is beyond the limit.
    UriTooLong = 414 "URI Too Long";
    /// Nothing lies in the range.
    RangeNotSatisfiable = 416 "Range Not Satisfiable";
    /// An expectation other than `100-continue`.
    ExpectationFailed = 417 "Expectation Failed";
    /// The fields are beyond the limit.
    FieldsTooLarge = 431 "Request Header Fields Too Large";
    /// The application failed.
    InternalServerError = 500 "Internal Server Error";
    /// A method or transfer coding that is not known.
    NotImplemented = 501 "Not Implemented";
    /// Descriptors or memory are short at the moment.
    ServiceUnavailable = 503 "Service Unavailable";
    /// Neither HTTP/1.0 nor HTTP/1.1.
    VersionNotSupported = 505 "HTTP Version Not Supported";
    /// Other resources have taken the room that there is.
    InsufficientStorage = 507 "Insufficient Storage";
}

/// A request line whose version is not ours: is it one at all?
pub(super) fn of_version(head: &[u8]) -> Status {
    let line =
        head.split(|byte| *byte == b'\r').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    match line.rsplit(|byte| *byte == b' ').next() {
        Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor])
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Status::VersionNotSupported
        }
        _ => Status::BadRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_has_three_digits_and_a_reason() {
        assert_eq!(Status::NotFound.line(), "404 Not Found");
        assert_eq!(Status::NotFound.text(), "404 Not Found\n");
    }

    #[test]
    fn another_http_version_is_distinguished_from_garbage() {
        assert_eq!(of_version(b"GET / HTTP/3.0\r\n\r\n"), Status::VersionNotSupported);
        assert_eq!(of_version(b"GET / HTTP/1.2\r\n\r\n"), Status::VersionNotSupported);
        for garbage in [&b"GET / HTTP/1.10\r\n\r\n"[..], b"GET / HTTP\r\n", b"GET / RTSP/1.0\r\n", b""] {
            assert_eq!(of_version(garbage), Status::BadRequest);
        }
    }
}
