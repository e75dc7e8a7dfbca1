//! The request that a group of clients repeats, and what its answer must be.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{limits::LINE_BYTES, range::Span, statuses::Statuses, token::is_token};
use crate::codec::{Check, raw::Octets};

/// The `User-Agent` of every request, unless the profile sets another: whoever runs the server can see who sends them
/// (RFC 9110 section 10.1.5).
const USER_AGENT: &str = concat!("badpeer/", env!("CARGO_PKG_VERSION"));

/// An HTTP/1.1 request, and how its answer is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RequestSpec {
    /// The method.
    pub method: HttpMethod,
    /// The target of the request line, from its first slash on.
    pub path: String,
    /// The body of the request. Default: the payload of the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Octets>,
    /// Header fields, in addition to `Host` and `User-Agent` (unless they are given here) and `Content-Length`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// The expected statuses: 200, `"3xx"`, or a list; every other status is an error. Default: `"2xx"`.
    pub status: Statuses,
    /// How much of an answer is checked.
    pub check: Check,
    /// The connections of the group download the resource together: each requests its own part (`Range`, status 206),
    /// and the next download starts when all parts have arrived. With method = "PUT" they upload it together, each its own
    /// part (`Content-Range`), and one more connection then fetches the server's copy and compares it byte for byte.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ranges: bool,
}

/// The methods that clients use.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "UPPERCASE")]
#[value(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// Requests the resource.
    #[default]
    Get,
    /// Requests only the head of the answer to GET.
    Head,
    /// Sends the payload of the load as the body.
    Post,
    /// Sends the body as the new resource.
    Put,
    /// Sends the body as a change of the resource.
    Patch,
    /// Deletes the resource; a body is optional.
    Delete,
    /// Lists the methods of the resource; a body is optional.
    Options,
}

impl HttpMethod {
    /// Whether a request may have a body.
    #[must_use]
    pub const fn may_have_body(self) -> bool {
        !matches!(self, Self::Get | Self::Head)
    }

    /// Whether it always says how long its body is, also where there is none (RFC 9110 section 8.6).
    const fn tells_length(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }

    /// Whether several of the same have the effect of one (RFC 9110 section 9.2.2).
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Self::Post | Self::Patch)
    }
}

impl Default for RequestSpec {
    fn default() -> Self {
        let (method, path, headers) = (HttpMethod::Get, "/".to_owned(), IndexMap::new());
        let (body, status, check) = (None, Statuses::default(), Check::default());
        Self { method, path, body, headers, status, check, ranges: false }
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        })
    }
}

impl RequestSpec {
    /// Whether it is a request that can be sent, with a body of `payload` bytes.
    ///
    /// # Errors
    /// The key that is at fault, and what to write instead.
    pub fn check(&self, payload: u64) -> Result<(), (&'static str, String)> {
        let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !self.path.starts_with('/') || !visible(&self.path) || self.path.len() > LINE_BYTES / 2 {
            return Err((
                "path",
                "begin it with `/`, and percent-encode spaces and characters that are not ASCII".into(),
            ));
        }
        if !self.status.are_final() {
            return Err(("status", "must be from 200 to 599: other statuses are not final answers".into()));
        }
        if (payload > 0 || self.body.is_some()) && !self.method.may_have_body() {
            let message = format!("{} sends no payload: set method = \"POST\"", self.method);
            return Err(("method", message));
        }
        if payload > 0 && self.body.is_some() {
            return Err(("body", "is the request's body, and so is load.payload: remove one of them".into()));
        }
        self.check_ranges()?;
        for (name, value) in &self.headers {
            let of_ranges = ["range", "content-range"];
            if self.ranges && of_ranges.iter().any(|of_ranges| name.eq_ignore_ascii_case(of_ranges)) {
                let message = format!("`{name}` is set by the client because of ranges = true: remove it");
                return Err(("headers", message));
            }
            let ours = ["content-length", "transfer-encoding", "connection", "expect"];
            if ours.contains(&name.to_ascii_lowercase().as_str()) {
                let message = format!(
                    "`{name}` is set by the client: remove it (connections are kept, and load.payload is the \
                        body)"
                );
                return Err(("headers", message));
            }
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err((
                    "headers",
                    format!("`{name}` is not a valid field name (RFC 9110 section 5.1)"),
                ));
            }
            if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
                return Err((
                    "headers",
                    format!("the value of `{name}` contains a control character: remove it"),
                ));
            }
        }
        Ok(())
    }

    fn check_ranges(&self) -> Result<(), (&'static str, String)> {
        let fault = match self.method {
            _ if !self.ranges => return Ok(()),
            HttpMethod::Get if self.status == Statuses::default() => return Ok(()),
            HttpMethod::Put if self.body.is_some() => {
                ("body", "is generated in an upload in ranges: remove it, and set load.payload to the length")
            }
            HttpMethod::Put if !matches!(self.check, Check::Bytes | Check::Content) => {
                ("check", "is \"content\" for the copy of an upload in ranges: remove it")
            }
            HttpMethod::Put => return Ok(()),
            _ => (
                "ranges",
                "implies GET and status 206, or uploads with method = \"PUT\": remove method and status",
            ),
        };
        Err((fault.0, fault.1.into()))
    }

    /// The head of the request, of a part of at least one byte or the whole, for a server known as `host`.
    #[must_use]
    pub fn head(&self, host: &str, payload: u64, part: Option<Span>) -> Vec<u8> {
        let mut lines = self.first_lines(host);
        if let Some(Span { start, length }) = part {
            lines.push(format!("Range: bytes={start}-{}", start + length - 1));
        }
        let length = self.body.as_ref().map_or(payload, |body| body.0.len() as u64);
        if length > 0 || self.method.tells_length() {
            lines.push(format!("Content-Length: {length}"));
        }
        joined(&lines)
    }

    /// The head of the request that uploads these of `whole` bytes. It is of the same length for all ranges of that length:
    /// leading zeros change no number (RFC 9110 section 14.4).
    pub(in crate::codec) fn head_of_range(&self, host: &str, range: Span, whole: u64) -> Vec<u8> {
        let (digits, Span { start, length }) = (whole.to_string().len(), range);
        let last = start + length - 1;
        let mut lines = self.first_lines(host);
        lines.push(format!("Content-Range: bytes {start:0digits$}-{last:0digits$}/{whole}"));
        lines.push(format!("Content-Length: {length}"));
        joined(&lines)
    }

    fn first_lines(&self, host: &str) -> Vec<String> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.path)];
        let ours = [("Host", host), ("User-Agent", USER_AGENT)];
        let is_given = |name| self.headers.keys().any(|given| given.eq_ignore_ascii_case(name));
        let missing = ours.into_iter().filter(|(name, _)| !is_given(name));
        lines.extend(missing.map(|(name, value)| format!("{name}: {value}")));
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        lines
    }
}

fn joined(lines: &[String]) -> Vec<u8> {
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> RequestSpec {
        toml::from_str(text).expect("a request")
    }

    #[test]
    fn a_server_parses_the_head() {
        let text =
            |spec: RequestSpec, payload| String::from_utf8(spec.head("h:1", payload, None)).expect("text");
        let ours = format!("Host: h:1\r\nUser-Agent: badpeer/{}\r\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(text(RequestSpec::default(), 0), format!("GET / HTTP/1.1\r\n{ours}\r\n"));
        let part = RequestSpec::default().head("h:1", 0, Some(Span { start: 5, length: 10 }));
        assert_eq!(part, format!("GET / HTTP/1.1\r\n{ours}Range: bytes=5-14\r\n\r\n").into_bytes());
        let fields = "headers = { host = \"z\", user-agent = \"\", A = \"b c\" }";
        let post = spec(&format!("method = \"POST\"\npath = \"/x?y\"\n{fields}"));
        assert_eq!(
            text(post, 7),
            "POST /x?y HTTP/1.1\r\nhost: z\r\nuser-agent: \r\nA: b c\r\nContent-Length: 7\r\n\r\n"
        );
        let put = spec("method = \"PUT\"\nbody = 'a\\r\\n'");
        assert_eq!(text(put, 0), format!("PUT / HTTP/1.1\r\n{ours}Content-Length: 3\r\n\r\n"));
        let range = spec("method = \"PUT\"").head_of_range("h:1", Span { start: 5, length: 10 }, 2000);
        let place = "Content-Range: bytes 0005-0014/2000\r\nContent-Length: 10\r\n\r\n";
        assert_eq!(range, format!("PUT / HTTP/1.1\r\n{ours}{place}").into_bytes());
        assert_eq!(text(spec("method = \"DELETE\""), 0), format!("DELETE / HTTP/1.1\r\n{ours}\r\n"));
    }

    #[test]
    fn an_impossible_request_is_refused_naming_its_key() {
        assert_eq!(RequestSpec::default().check(0), Ok(()));
        for (text, payload, key) in [
            ("path = \"x\"", 0, "path"),
            ("path = \"/a b\"", 0, "path"),
            ("path = \"/ä\"", 0, "path"),
            ("status = 100", 0, "status"),
            ("status = []", 0, "status"),
            ("", 1, "method"),
            ("body = 'x'", 0, "method"),
            ("method = \"POST\"\nbody = 'x'", 1, "body"),
            ("ranges = true\nmethod = \"HEAD\"", 0, "ranges"),
            ("ranges = true\nstatus = 200", 0, "ranges"),
            ("ranges = true\nmethod = \"POST\"", 1, "ranges"),
            ("ranges = true\nmethod = \"PUT\"\nbody = 'x'", 0, "body"),
            ("ranges = true\nmethod = \"PUT\"\ncheck = \"none\"", 1, "check"),
            ("ranges = true\nmethod = \"PUT\"\nheaders = { Content-Range = \"\" }", 1, "headers"),
            ("ranges = true\nheaders = { range = \"bytes=0-\" }", 0, "headers"),
            ("headers = { \"a b\" = \"\" }", 0, "headers"),
            ("headers = { A = \"b\\r\\nC: d\" }", 0, "headers"),
            ("headers = { Content-Length = \"7\" }", 0, "headers"),
        ] {
            assert_eq!(spec(text).check(payload).map_err(|(key, _)| key), Err(key), "{text}");
        }
    }
}
