//! Requests that upload a resource in ranges: one range each, with its place in the head and its content behind it.

use std::sync::Arc;

use super::{
    SHARED_STREAM, content,
    http::{RequestSpec, Span},
    part_of,
};

/// The ranges that one connection uploads, one after the other, and again from the first. Their requests are all of the same
/// length.
#[derive(Debug)]
pub(super) struct UploadRanges {
    heads: Vec<Vec<u8>>,
    /// The first byte of the first range.
    start: u64,
    /// Bytes of each range.
    length: u64,
    /// How a request begins that never ends.
    pub(super) endless: Arc<[u8]>,
}

impl UploadRanges {
    /// The ranges that part `index` (from 0) of `parts` uploads of `whole` bytes, to a server known as `host`, where each part
    /// has `ranges` of them.
    pub(super) fn new(
        spec: &RequestSpec,
        host: &str,
        whole: u64,
        (index, parts): (u64, u64),
        ranges: u64,
    ) -> Self {
        let span = |range| {
            let (start, length) = part_of(whole, index * ranges + range, parts * ranges);
            Span { start, length }
        };
        let heads: Vec<Vec<u8>> =
            (0..ranges).map(|range| spec.head_of_range(host, span(range), whole)).collect();
        let Span { start, length } = span(0);
        // In place of the empty line, a field that goes on and on.
        let endless = [&heads[0][..heads[0].len() - 2], b"X-Endless: "].concat().into();
        Self { heads, start, length, endless }
    }

    pub(super) fn message_bytes(&self) -> u64 {
        self.head_bytes() + self.length
    }

    pub(super) fn head_bytes(&self) -> u64 {
        self.heads[0].len() as u64
    }

    pub(super) fn fill(&self, mut offset: u64, mut out: &mut [u8]) {
        let (size, head_bytes) = (self.message_bytes(), self.head_bytes());
        while !out.is_empty() {
            let (range, at) = ((offset / size) % self.heads.len() as u64, offset % size);
            let taken = if at < head_bytes {
                let left = &self.heads[range as usize][at as usize..];
                let take = left.len().min(out.len());
                out[..take].copy_from_slice(&left[..take]);
                take
            } else {
                let done = at - head_bytes;
                let take = (self.length - done).min(out.len() as u64) as usize;
                content::fill(SHARED_STREAM, self.start + range * self.length + done, &mut out[..take]);
                take
            };
            offset += taken as u64;
            out = &mut out[taken..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(ranges: &UploadRanges, count: u64, step: usize) -> Vec<u8> {
        let mut out = vec![0; (count * ranges.message_bytes()) as usize];
        for (index, piece) in out.chunks_mut(step).enumerate() {
            ranges.fill((index * step) as u64, piece);
        }
        out
    }

    #[test]
    fn every_range_follows_its_head_and_all_together_are_the_whole() {
        let spec: RequestSpec = toml::from_str("method = \"PUT\"\npath = \"/u\"").expect("a request");
        let mut whole = vec![0; 1200];
        content::fill(SHARED_STREAM, 0, &mut whole);
        for (parts, ranges) in [(1, 1), (1, 4), (3, 1), (2, 3)] {
            let mut joined = vec![0; 1200];
            for index in 0..parts {
                let uploaded = UploadRanges::new(&spec, "h", 1200, (index, parts), ranges);
                let bytes = sent(&uploaded, ranges, 4000);
                for message in bytes.chunks(uploaded.message_bytes() as usize) {
                    let (head, body) = message.split_at(uploaded.head_bytes() as usize);
                    let head = std::str::from_utf8(head).expect("a head");
                    let place = head.split("Content-Range: bytes ").nth(1).expect("a place");
                    let start: usize =
                        place.split('-').next().and_then(|s| s.parse().ok()).expect("a number");
                    joined[start..start + body.len()].copy_from_slice(body);
                }
                assert_eq!(sent(&uploaded, 2 * ranges, 7), [&bytes[..], &bytes].concat(), "and again");
            }
            assert!(joined == whole, "{parts} parts with {ranges} ranges");
        }
    }
}
