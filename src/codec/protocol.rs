//! The protocols of clients and servers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The protocol of a connection.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Every byte is sent back unchanged.
    Echo,
    /// Length-prefixed messages with a sequence number and a checksum; the answer has the requested length.
    #[default]
    Frame,
    /// Every line is sent back when it is complete.
    Line,
    /// HTTP/1.1: one request, repeated on persistent connections.
    Http,
    /// RESP2, the protocol of redis: one command, repeated.
    Resp,
    /// Bytes from the profile, and a delimiter or a length for the answer.
    Raw,
}

impl Protocol {
    /// What a group of clients can write about it, for `badpeer list protocols`.
    #[must_use]
    pub const fn keys(self) -> &'static str {
        match self {
            Self::Echo => "load: payload, of at least one byte",
            Self::Frame => "load: payload, and answer (if it has another length)",
            Self::Line => "load: payload, without the end of the line",
            Self::Http => {
                "http = { method = \"GET\" | \"HEAD\" | \"POST\", path, headers = { Name = \"value\" }, status = \
                 \"2xx\" | 200 | [200, 404], check = \"none\" | \"status\" | \"length\" | \"bytes\" | \"content\", \
                 ranges = true }; load: payload (the body of a POST), and answer (the expected length of the body)"
            }
            Self::Resp => {
                "resp = { command = \"PING\" | \"ECHO\" | \"SET key\" | \"GET key\" | … }; load: payload (the last argument), \
                 and answer (the length of the value of a GET)"
            }
            Self::Raw => {
                "raw = { send = 'text\\r\\n', until = '\\r\\n' or length = \"7B\", check = \"none\" | \"length\" | \"bytes\" }, with \\r, \\n, \
                 \\t, \\0, \\\\ and \\xHH between single quotes"
            }
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Echo => "echo",
            Self::Frame => "frame",
            Self::Line => "line",
            Self::Http => "http",
            Self::Resp => "resp",
            Self::Raw => "raw",
        })
    }
}
