//! HTTP/1.1 (RFC 9110 and RFC 9112). A server's side: requests out of bytes, heads of answers into bytes. A client's
//! side: a request to repeat ([`RequestSpec`]), and [`Decoder`] for the answers.
//!
//! ```text
//!   receive buffer ┬ Search ─→ a whole head ─ Request::parse ─→ method, target, range …  ─→ the application
//!                  ├ LineParser: the same, line by line ────────↗
//!                  └ Body::skip ─→ nothing: bodies are read to their end and not kept        Answer ─→ bytes
//! ```
//! What can be read in two ways is refused: two readings of one request are how requests are smuggled.

mod answer;
mod body;
mod decoder;
mod fields;
mod first_line;
mod limits;
mod line_parser;
mod method;
mod range;
mod reply;
mod request;
mod request_spec;
mod search;
mod status;
mod statuses;
mod target;
mod token;
mod usual;

pub(super) use self::decoder::Rules;
pub use self::{
    answer::{Answer, CONTINUE, Keep, http_date, media_type},
    body::Body,
    decoder::Decoder,
    limits::{BLANK_LINES, FIELDS, HEAD_BYTES, LINE_BYTES, MOST_INTERIM},
    line_parser::LineParser,
    method::Method,
    range::{ContentRange, Range, Span},
    request::Request,
    request_spec::{HttpMethod, RequestSpec},
    search::Search,
    status::Status,
    statuses::Statuses,
};
