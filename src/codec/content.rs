//! Bytes that say where they belong: a seeded sequence that can be made, checked and explained at any offset.
//!
//! The stream is cut into words of eight bytes. Word `i` of stream `s` is `mix(s << 40 | i)`, where `mix` is a
//! bijection of 64 bits. So any eight bytes in a row can be turned back into the stream and the offset they come
//! from: loss, repetition, reordering and mixing between connections are not only noticed but named.

/// The word that `mix` turns into noise has this many bits for the offset; the others are the stream.
const OFFSET_BITS: u32 = 40;

/// The stream that belongs to no connection: what the reference server makes in HTTP, and what clients store in redis.
pub const SHARED_STREAM: u32 = 0;

/// Streams are numbered below this, so that stream and offset fit a word.
pub const STREAMS: u32 = 1 << (64 - OFFSET_BITS);

/// The finalizer of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The inverse of `mix`: the multipliers' inverses modulo 2^64, and the shifts undone.
const fn unmix(word: u64) -> u64 {
    let word = (word ^ (word >> 31) ^ (word >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    let word = (word ^ (word >> 27) ^ (word >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    word ^ (word >> 30) ^ (word >> 60)
}

fn word(stream: u32, index: u64) -> [u8; 8] {
    mix((u64::from(stream) << OFFSET_BITS) | index).to_le_bytes()
}

/// Writes the bytes of `stream` from `offset` on. Streams repeat after 8 TiB.
pub fn fill(stream: u32, offset: u64, out: &mut [u8]) {
    let skipped = (offset % 8) as usize;
    let head = ((8 - skipped) % 8).min(out.len());
    let (first, rest) = out.split_at_mut(head);
    if head > 0 {
        first.copy_from_slice(&word(stream, offset / 8)[skipped..][..head]);
    }
    let index = offset.div_ceil(8);
    let whole = (rest.len() / 8) as u64;
    let mut words = rest.chunks_exact_mut(8);
    for (i, chunk) in words.by_ref().enumerate() {
        chunk.copy_from_slice(&word(stream, index + i as u64));
    }
    let tail = words.into_remainder();
    if !tail.is_empty() {
        tail.copy_from_slice(&word(stream, index + whole)[..tail.len()]);
    }
}

/// Compares `bytes` with the stream from `offset` on: how many of them, from the first, are right.
#[must_use]
pub fn matching(stream: u32, offset: u64, bytes: &[u8]) -> usize {
    let head = ((8 - offset % 8) % 8).min(bytes.len() as u64) as usize;
    let (first, rest) = bytes.split_at(head);
    let partial = word(stream, offset / 8);
    let skipped = (offset % 8) as usize;
    let right = first.iter().zip(&partial[skipped..]).take_while(|(a, b)| a == b).count();
    if right < head {
        return right;
    }
    let index = offset.div_ceil(8);
    let words = rest.chunks_exact(8);
    let tail = words.remainder();
    let wrong = words.enumerate().find(|(i, chunk)| **chunk != word(stream, index + *i as u64));
    if let Some((i, chunk)) = wrong {
        return head + i * 8 + common_prefix(chunk, &word(stream, index + i as u64));
    }
    let last = index + (rest.len() / 8) as u64;
    bytes.len() - tail.len() + common_prefix(tail, &word(stream, last))
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Where some bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Origin {
    /// The stream they belong to.
    pub stream: u32,
    /// The offset of the first of them.
    pub offset: u64,
}

/// How many bytes [`explain`] needs to be sure to find a whole word, wherever the first of them lies within its own.
pub const EXPLAIN_BYTES: usize = 15;

/// An own stream is believed on a single word when the offset is below this.
const LIKELY_WORDS: u64 = 1 << 33;

/// Says where the first [`EXPLAIN_BYTES`] of `bytes` come from. All of them must fit; of the stream `own` a whole
/// word is enough, so that short pieces are recognized. Noise is taken for content once in 2^27 times.
#[must_use]
pub fn explain(bytes: &[u8], own: u32) -> Option<Origin> {
    let bytes = &bytes[..EXPLAIN_BYTES.min(bytes.len())];
    (0..8).find_map(|lead| {
        let chunk: [u8; 8] = bytes.get(lead..lead + 8)?.try_into().ok()?;
        let plain = unmix(u64::from_le_bytes(chunk));
        let stream = (plain >> OFFSET_BITS) as u32;
        let index = plain & ((1 << OFFSET_BITS) - 1);
        let offset = (index * 8).checked_sub(lead as u64)?;
        let fitting = matching(stream, offset, bytes);
        let enough = if stream == own && index < LIKELY_WORDS { lead + 8 } else { EXPLAIN_BYTES };
        (fitting >= enough).then_some(Origin { stream, offset })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(stream: u32, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        fill(stream, offset, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn unmix_undoes_mix(any: u64) {
            prop_assert_eq!(unmix(mix(any)), any);
        }

        #[test]
        fn any_piece_equals_the_same_part_of_the_whole(offset in 0_u64..500, len in 0_usize..100) {
            let whole = made(7, 0, 700);
            prop_assert_eq!(made(7, offset, len), &whole[offset as usize..offset as usize + len]);
        }

        #[test]
        fn a_flipped_byte_is_found_at_its_offset(offset in 0_u64..1000, len in 1_usize..200, at in 0_usize..200) {
            let mut bytes = made(3, offset, len);
            prop_assert_eq!(matching(3, offset, &bytes), len);
            let at = at % len;
            bytes[at] ^= 0x40;
            prop_assert_eq!(matching(3, offset, &bytes), at);
        }

        #[test]
        fn fifteen_bytes_identify_their_origin(stream in 0_u32..5000, offset in 0_u64..(1 << 39)) {
            let bytes = made(stream, offset, EXPLAIN_BYTES);
            prop_assert_eq!(explain(&bytes, 0), Some(Origin { stream, offset }));
        }
    }

    #[test]
    fn noise_has_no_origin() {
        assert_eq!(explain(&[0x55; 64], 9), None);
        assert_eq!(explain(&made(8, 0, 14), 9), None, "too short to be sure of another stream");
        assert_eq!(explain(&[], 9), None);
    }
}
