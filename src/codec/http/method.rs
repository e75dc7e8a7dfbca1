//! The method of a request.

/// The method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The resource.
    Get,
    /// The head of what `Get` would answer.
    Head,
    /// Its new content.
    Put,
    /// A method of RFC 9110 (or PATCH, RFC 5789) that no resource here has.
    Known,
    /// No method known.
    Unknown,
}

impl Method {
    pub(super) fn parse(text: &[u8]) -> Self {
        match text {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"PUT" => Self::Put,
            b"POST" | b"DELETE" | b"OPTIONS" | b"TRACE" | b"CONNECT" | b"PATCH" => Self::Known,
            _ => Self::Unknown,
        }
    }
}
