//! The head of a usual request, understood in one pass over its bytes: no list of fields is made, and no end is searched for.

use super::{
    fields::Fields,
    limits::{FIELDS, LINE_BYTES},
    method::Method,
    request::Request,
    target,
    token::is_token,
};

impl<'a> Request<'a> {
    /// Understands the head that `bytes` begin with, and how long it is, where one look suffices: it is whole, it is no longer
    /// than `most_head` and than a request line may be, and nothing in it is unusual. `None` otherwise: then
    /// [`Search`](super::Search) finds where it ends, and [`Self::parse`] what is wrong with it, if anything is. A body may
    /// have at most `most` bytes.
    #[must_use]
    pub fn parse_first(bytes: &'a [u8], most_head: usize, most: u64) -> Option<(Self, usize)> {
        let within = bytes.get(..most_head.min(LINE_BYTES)).unwrap_or(bytes);
        let mut rest = Rest(within);
        let (method, target, version) = rest.request_line()?;
        let mut fields = Fields::new(most);
        let mut count = 0;
        while !rest.skip(b"\r\n") {
            count += 1;
            if count > FIELDS {
                return None;
            }
            let (name, value) = rest.field()?;
            fields.add(name, value).ok()?;
        }
        let path = target::path(target, method).ok()?;
        Some((Self::new(method, path, version, &fields).ok()?, within.len() - rest.0.len()))
    }
}

/// What is left of the bytes.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// Method, target and minor version of `METHOD /target HTTP/1.x`.
    fn request_line(&mut self) -> Option<(Method, &'a [u8], u8)> {
        let method = if self.skip(b"GET ") { b"GET" } else { self.until(b' ')? };
        if method.is_empty() || !method.iter().all(u8::is_ascii_uppercase) {
            return None;
        }
        let target = self.until(b' ')?;
        if target.is_empty() || !target.is_ascii() {
            return None;
        }
        let version = u8::from(self.skip(b"HTTP/1.1\r\n"));
        (version == 1 || self.skip(b"HTTP/1.0\r\n")).then(|| (Method::parse(method), target, version))
    }

    /// Name and value of `Name: value`.
    #[inline]
    fn field(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let colon = self.0.iter().position(|byte| !is_token(*byte))?;
        let (name, after) = self.0.split_at(colon);
        let after = after.strip_prefix(b":")?;
        let (value, after) = after.split_at(first_below(b' ', after)?);
        self.0 = after;
        (self.skip(b"\r\n") && !name.is_empty()).then(|| (name, value.trim_ascii()))
    }

    /// What stands in front of this byte, which is taken, too. No white space or control character is among it.
    #[inline]
    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let (word, after) = self.0.split_at(first_below(b'!', self.0)?);
        self.0 = &after[1..];
        (after[0] == end).then_some(word)
    }

    /// Takes these bytes, if they come next.
    #[inline]
    fn skip<const N: usize>(&mut self, bytes: &[u8; N]) -> bool {
        match self.0.split_first_chunk() {
            Some((first, rest)) if first == bytes => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }
}

/// The place of the first byte that is less than `least` (at most 128), or DEL.
#[inline]
fn first_below(least: u8, bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        let found = below(least, u64::from_le_bytes(*word));
        if found != 0 {
            return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = after;
    }
    let found = rest.iter().position(|byte| *byte < least || *byte == 0x7f)?;
    Some(bytes.len() - rest.len() + found)
}

/// The highest bit of each byte of `word` that is less than `least` (at most 128), or DEL; only the lowest of them is certain,
/// as a borrow reaches those above it (Bit Twiddling Hacks, "Determine if a word has a byte less than n").
fn below(least: u8, word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let is_less = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word;
    (is_less(word, least) | is_less(word ^ (ONES * 0x7f), 1)) & (ONES * 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        buffer::{self, Kind},
        codec::http::Search,
    };

    #[test]
    fn the_first_control_character_is_found_wherever_it_is() {
        for least in [b' ', b'!'] {
            for byte in 0..=u8::MAX {
                let is_found = byte < least || byte == 0x7f;
                for at in 0..20 {
                    let mut bytes = [b'a', 0xff, b'~', 0x80].repeat(5);
                    bytes[at] = byte;
                    assert_eq!(first_below(least, &bytes), is_found.then_some(at), "{byte} at {at}");
                    bytes.truncate(at + 1);
                    assert_eq!(
                        first_below(least, &bytes),
                        is_found.then_some(at),
                        "{byte} at {at}, the last"
                    );
                }
            }
        }
        assert_eq!(first_below(b' ', b""), None);
    }

    /// What one look makes of the bytes, and what a search and a parse of the head that it finds make of them.
    fn both_ways(bytes: &[u8]) -> [Option<(Request<'static>, usize)>; 2] {
        let at_once = Request::parse_first(bytes, 1000, 1000);
        let mut receive = buffer::make(Kind::Contiguous, 16, None);
        receive.append(bytes).expect("room");
        let found = Search::default().next(&mut *receive, 1000).ok().flatten();
        // Blank lines in front were taken away.
        let whole = receive.front().to_vec();
        let in_two = found
            .and_then(|length| Some((Request::parse(&whole[..length], 1000).ok()?.into_owned(), length)));
        [at_once.map(|(request, length)| (request.into_owned(), length)), in_two]
    }

    #[test]
    fn one_look_is_enough_for_a_usual_head() {
        for (bytes, is_enough) in [
            (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], true),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n", true),
            (b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nabc", true),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r", false),
            (b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", false),
            (b"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", false),
            (b"GET / HTTP/1.1\nHost: x\r\n\r\n", false),
            (b"GET / HTTP/1.1\r\nHost: x\n\n", false),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\nA: b\r\n\r\n", false),
            (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", false),
            (b"GET / HTTP/2.7\r\nHost: x\r\n\r\n", false),
            (b" / HTTP/1.1\r\nHost: x\r\n\r\n", false),
            (b"GET  HTTP/1.1\r\nHost: x\r\n\r\n", false),
            (b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", false),
            (b"", false),
        ] {
            let [at_once, in_two] = both_ways(bytes);
            assert_eq!(at_once.is_some(), is_enough, "{}", bytes.escape_ascii());
            assert!(at_once.is_none() || at_once == in_two, "{}: {in_two:?}", bytes.escape_ascii());
        }
        let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(1000));
        assert_eq!(Request::parse_first(long.as_bytes(), 1000, 1000), None, "longer than a head may be");
        let longer = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(LINE_BYTES));
        assert_eq!(Request::parse_first(longer.as_bytes(), 1 << 20, 1000), None, "for the search to judge");
    }

    #[test]
    fn one_look_accepts_no_byte_that_a_parse_refuses() {
        let head = b"GET /a HTTP/1.1\r\nHost: x\r\nA-b: c d\r\n\r\n";
        for at in 0..head.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = head.to_vec();
                bytes[at] = byte;
                let [at_once, in_two] = both_ways(&bytes);
                assert!(at_once.is_none() || at_once == in_two, "{}: {in_two:?}", bytes.escape_ascii());
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn one_look_never_differs_from_a_search_and_a_parse(
            pieces in proptest::collection::vec(
                proptest::sample::select(&[
                    "GET / HTTP/1.1\r\n", "HEAD /a HTTP/1.0\r\n", "GET /b HTTP/1.1\n", "Host: x\r\n", "Host: x\n",
                    "\r\n", "\n", "\r", "Content-Length: 3\r\n", "Range: bytes=0-1\r\n", "Connection: close\r\n", " ",
                    "A: b\r\n", "abc", ":", "\0", "GET", "/", " HTTP/1.1\r\n", "Host:x \r\n", "\t", "\u{e9}", "\"", "%2",
                ][..]),
                0..9,
            )
        ) {
            let [at_once, in_two] = both_ways(pieces.concat().as_bytes());
            proptest::prop_assert!(at_once.is_none() || at_once == in_two, "{pieces:?}: {at_once:?}, {in_two:?}");
        }
    }
}
