//! Parts of a resource: the `Range` field, resolved when the length is known (RFC 9110 section 14).

/// One range, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// From this byte to that one, both included, or to the end.
    From(u64, Option<u64>),
    /// So many of the last bytes.
    Last(u64),
}

/// The bytes of a resource that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first.
    pub start: u64,
    /// How many.
    pub length: u64,
}

/// Where in a resource the body of a request belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// These of so many bytes. The range may lie beyond them.
    Part(Span, u64),
    /// What the field says is no range: a request that says so must not be carried out (section 14.5).
    Invalid,
}

impl ContentRange {
    pub(super) fn parse(value: &[u8]) -> Self {
        content_range(value).map_or(Self::Invalid, |(span, whole)| Self::Part(span, whole))
    }
}

impl Range {
    /// Reads the value of a `Range` field. A unit other than bytes, several ranges, and what is no range at all give
    /// `None`: a server may ignore the field (section 14.2), and must when it does not understand it.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (unit, range) = std::str::from_utf8(value).ok()?.split_once('=')?;
        let (first, last) = range.split_once('-').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
        let (first, last) = (first.trim_start_matches([' ', '\t']), last.trim_end_matches([' ', '\t']));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Some(Self::From(first, Some(last))),
            (Some(first), None) if last.is_empty() => Some(Self::From(first, None)),
            (None, Some(count)) if first.is_empty() => Some(Self::Last(count)),
            _ => None,
        }
    }

    /// What it means for a resource of `length` bytes; `None` when none of them lies in it.
    #[must_use]
    pub fn within(self, length: u64) -> Option<Span> {
        let (start, end) = match self {
            Self::From(first, last) => {
                (first, last.map_or(length, |last| last.saturating_add(1).min(length)))
            }
            Self::Last(count) => (length.saturating_sub(count), length),
        };
        (start < end).then(|| Span { start, length: end - start })
    }
}

/// The value of a `Content-Range` field (section 14.4), `bytes 0-499/1234`: which bytes, and how many there are in all.
pub(super) fn content_range(value: &[u8]) -> Option<(Span, u64)> {
    let (unit, range) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    let (range, whole) = range.split_once('/').filter(|_| unit == "bytes")?;
    let (first, last) = range.split_once('-')?;
    let exact = |digits| number(digits).filter(|number| *number < u64::MAX);
    let (start, last, whole) = (exact(first)?, exact(last)?, exact(whole)?);
    let length = last.checked_sub(start)?.checked_add(1)?;
    Some((Span { start, length }, whole))
}

/// Digits and nothing else (`parse` takes a plus sign, too). More than fit a number are as good as the largest one.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(range: &str, length: u64) -> Option<(u64, u64)> {
        let range = Range::parse(format!("bytes={range}").as_bytes()).expect("a range");
        range.within(length).map(|span| (span.start, span.length))
    }

    #[test]
    fn a_range_is_cut_to_the_length() {
        assert_eq!(bytes("0-0", 10), Some((0, 1)));
        assert_eq!(bytes("2-4", 10), Some((2, 3)));
        assert_eq!(bytes("9-99999999999999999999", 10), Some((9, 1)));
        assert_eq!(bytes("3-", 10), Some((3, 7)));
        assert_eq!(bytes("-4", 10), Some((6, 4)));
        assert_eq!(bytes("-40", 10), Some((0, 10)));
        assert_eq!(bytes(&format!("0-{}", u64::MAX), 10), Some((0, 10)));
    }

    #[test]
    fn a_range_beyond_the_end_is_unsatisfiable() {
        for (range, length) in [("10-", 10), ("10-20", 10), ("-0", 10), ("0-", 0), ("-5", 0)] {
            assert_eq!(bytes(range, length), None, "{range}");
        }
    }

    #[test]
    fn anything_but_a_single_range_is_ignored() {
        for value in
            ["bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "bytes=+1-2", "bytes=a-b", "lines=1-2", "0-1"]
        {
            assert_eq!(Range::parse(value.as_bytes()), None, "{value}");
        }
        assert_eq!(Range::parse(b"Bytes= 1-2 "), Some(Range::From(1, Some(2))));
    }
}
