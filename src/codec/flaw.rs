//! What can be wrong with an answer other than its content: its framing, its status, its length.

use serde::{Deserialize, Serialize};

use super::{http, raw, resp};

/// What is wrong with an answer. Behind a flaw of the framing nothing can be told apart any more.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// No HTTP answer begins like this.
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
    /// Interim HTTP answers (1xx), and never the answer itself.
    #[error("more than {max} interim answers (1xx) without a final answer", max = http::MOST_INTERIM)]
    TooManyInterim,
    /// The length of an HTTP body is told in no way, or in two.
    #[error("the length of the body is ambiguous")]
    Framing,
    /// An HTTP body in chunks breaks the grammar of RFC 9112.
    #[error("a malformed chunk")]
    Chunk,
    /// The peer wants to speak something else from now on (101).
    #[error("the server switches protocols without a request to do so")]
    Upgrade,
    /// Another HTTP status than expected.
    #[error("status {found} where {wanted} is expected")]
    Status {
        /// As received.
        found: u16,
        /// As the profile says.
        wanted: u16,
    },
    /// A HTTP status that is none of those that are expected.
    #[error("status {found}, which is not one of the expected ones")]
    StatusOther {
        /// As received.
        found: u16,
    },
    /// Another part than the one that was asked for, or of another whole.
    #[error("the answer is not the requested part")]
    Part,
    /// Another length than expected.
    #[error("an answer with {found} bytes where {wanted} are expected")]
    Length {
        /// Bytes that came.
        found: u64,
        /// Bytes that are expected.
        wanted: u64,
    },
    /// Another byte than the first answer to the same request has at its place.
    #[error("from here on this answer differs from the first one to the same request")]
    Different,
    /// Another checksum than the first answer to the same request, behind the bytes that are compared one by one.
    #[error(
        "somewhere in the {bytes} bytes from here on this answer differs from the first one to the same request"
    )]
    DifferentWithin {
        /// Bytes that only their checksum tells about.
        bytes: u64,
    },
    /// The peer ended the connection, and not between two answers.
    #[error("the connection ends here, in the middle of an answer")]
    CutOff,
    /// The length in front of a frame is another one than that of the answer that was asked for.
    #[error("a frame's length is wrong here, so nothing after it can be decoded")]
    FrameLength,
    /// The head of a frame has a wrong byte.
    #[error("a wrong byte in the head of a frame")]
    FrameHead,
    /// The checksum in front of a frame is wrong, and everything that it covers is right.
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
    /// RESP arrays within arrays within arrays.
    #[error("RESP arrays nested more than {max} deep", max = resp::MOST_DEPTH)]
    RespDepth,
    /// A RESP error.
    #[error("the answer is an error")]
    RespError,
    /// A RESP null where a value is expected.
    #[error("the answer is null: there is no value under the key")]
    RespNull,
    /// Another RESP value than the command gives.
    #[error("an answer that does not match the command")]
    RespOther,
    /// An answer's delimiter does not come.
    #[error("an answer of more than {max} bytes without its delimiter", max = raw::MOST_BYTES)]
    NoDelimiter,
    /// An answer to no request.
    #[error("an unrequested answer")]
    Unasked,
}

/// How much a fault tells; of several, the first of the least rank is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Bytes are not what they should be.
    Corrupt,
    /// An answer is whole and well-formed, and says that the request has failed.
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
