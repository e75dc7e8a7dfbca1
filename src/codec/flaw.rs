//! What can be wrong with an answer other than its content: its framing, its status, its length.

use serde::{Deserialize, Serialize};

use super::{http, raw, resp};

/// What is wrong with an answer. After a flaw of the framing nothing more can be decoded.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Not an HTTP answer.
    #[error("this is not an HTTP/1.0 or HTTP/1.1 answer")]
    StatusLine,
    /// The head of an HTTP answer breaks the grammar of RFC 9112.
    #[error("a malformed head")]
    Head,
    /// A line of the head of an HTTP answer does not end with CR LF, as RFC 9112 has it.
    #[error("a line of the head ends with a bare LF, without a CR before it (RFC 9112 section 2.2)")]
    BareLf,
    /// The head of an HTTP answer does not end.
    #[error("a head of more than {max} bytes", max = http::HEAD_BYTES)]
    HeadTooLong,
    /// Interim HTTP answers (1xx) without a final answer.
    #[error("more than {max} interim answers (1xx) without a final answer", max = http::MOST_INTERIM)]
    TooManyInterim,
    /// The length of an HTTP body is missing or ambiguous.
    #[error("the length of the body is ambiguous")]
    Framing,
    /// An HTTP body in chunks breaks the grammar of RFC 9112.
    #[error("a malformed chunk")]
    Chunk,
    /// The server switches protocols (101).
    #[error("the server switches protocols without a request to do so")]
    Upgrade,
    /// An unexpected HTTP status.
    #[error("status {found} where {wanted} is expected")]
    Status {
        /// As received.
        found: u16,
        /// The expected status.
        wanted: u16,
    },
    /// An HTTP status that is not one of the expected ones.
    #[error("status {found}, which is not one of the expected ones")]
    StatusOther {
        /// As received.
        found: u16,
    },
    /// Not the requested part, or a part of another resource.
    #[error("the answer is not the requested part")]
    Part,
    /// An unexpected length.
    #[error("an answer with {found} bytes where {wanted} are expected")]
    Length {
        /// Bytes that came.
        found: u64,
        /// Bytes that are expected.
        wanted: u64,
    },
    /// A byte that differs from the first answer to the same request.
    #[error("from here on this answer differs from the first one to the same request")]
    Different,
    /// A checksum that differs from the first answer to the same request, after the bytes that are compared one by one.
    #[error(
        "somewhere in the {bytes} bytes from here on this answer differs from the first one to the same request"
    )]
    DifferentWithin {
        /// Bytes that are compared by checksum only.
        bytes: u64,
    },
    /// The server ended the connection in the middle of an answer.
    #[error("the connection ends here, in the middle of an answer")]
    CutOff,
    /// The length in front of a frame differs from that of the requested answer.
    #[error("a frame's length is wrong here, so nothing after it can be decoded")]
    FrameLength,
    /// The head of a frame has a wrong byte.
    #[error("a wrong byte in the head of a frame")]
    FrameHead,
    /// The checksum in front of a frame is wrong, although its content is right.
    #[error("a frame's checksum is wrong, although its content is right")]
    FrameChecksum,
    /// No RESP value begins with this byte.
    #[error("no RESP value begins with byte 0x{0:02x}")]
    RespType(u8),
    /// A RESP number is malformed or out of range.
    #[error("a malformed RESP number or length")]
    RespNumber,
    /// A RESP line does not end, or not with CR LF.
    #[error("a RESP line or string without an end (a line may have {max} bytes)", max = resp::LINE_BYTES)]
    RespEnd,
    /// RESP arrays that are nested too deep.
    #[error("RESP arrays nested more than {max} deep", max = resp::MOST_DEPTH)]
    RespDepth,
    /// A RESP error.
    #[error("the answer is an error")]
    RespError,
    /// A RESP null where a value is expected.
    #[error("the answer is null: there is no value under the key")]
    RespNull,
    /// A RESP value that does not match the command.
    #[error("an answer that does not match the command")]
    RespOther,
    /// The delimiter of an answer is missing.
    #[error("an answer of more than {max} bytes without its delimiter", max = raw::MOST_BYTES)]
    NoDelimiter,
    /// An answer to no request.
    #[error("an unrequested answer")]
    Unasked,
}

/// How informative a fault is; of several faults, the first of the lowest rank is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Bytes are not what they should be.
    Corrupt,
    /// An answer is complete and well-formed, and reports a failed request.
    Error,
    /// An answer was cut off, which an eviction does.
    CutOff,
}

impl Flaw {
    pub(super) const fn rank(self) -> Rank {
        match self {
            Self::Status { .. }
            | Self::StatusOther { .. }
            | Self::Part
            | Self::RespError
            | Self::RespNull => Rank::Error,
            Self::CutOff => Rank::CutOff,
            _ => Rank::Corrupt,
        }
    }
}
