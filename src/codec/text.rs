//! Content as text, for protocols in which some bytes are delimiters: two hexadecimal digits for each byte of a stream.

use super::content::{self, Origin};

/// How many digits [`explain`] needs: those of [`content::EXPLAIN_BYTES`] bytes, and one that may be half a byte.
pub(super) const EXPLAIN_BYTES: usize = 2 * content::EXPLAIN_BYTES + 1;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Bytes of content that are made at a time.
const BLOCK: usize = 256;

/// Writes the digits of `stream` from digit `offset` on.
pub(super) fn fill(stream: u32, mut offset: u64, mut out: &mut [u8]) {
    let mut block = [0; BLOCK];
    if offset % 2 == 1 {
        let Some((digit, rest)) = out.split_first_mut() else { return };
        content::fill(stream, offset / 2, &mut block[..1]);
        *digit = digits(block[0])[1];
        (offset, out) = (offset + 1, rest);
    }
    for piece in out.chunks_mut(2 * BLOCK) {
        let bytes = &mut block[..piece.len().div_ceil(2)];
        content::fill(stream, offset / 2, bytes);
        for (pair, byte) in piece.chunks_mut(2).zip(bytes) {
            pair.copy_from_slice(&digits(*byte)[..pair.len()]);
        }
        offset += piece.len() as u64;
    }
}

fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|nibble| DIGITS[usize::from(nibble)])
}

/// Compares `digits` with the stream from digit `offset` on: how many of them, from the first, are right.
pub(super) fn matching(stream: u32, offset: u64, digits: &[u8]) -> usize {
    let mut right = 0;
    let mut block = [0; 64];
    while right < digits.len() {
        let piece = &digits[right..digits.len().min(right + block.len())];
        let expected = &mut block[..piece.len()];
        fill(stream, offset + right as u64, expected);
        let same = if piece == expected {
            piece.len()
        } else {
            piece.iter().zip(&*expected).take_while(|(a, b)| a == b).count()
        };
        right += same;
        if same < piece.len() {
            break;
        }
    }
    right
}

/// Says where the first [`EXPLAIN_BYTES`] of `digits` come from: the offset counts digits.
pub(super) fn explain(digits: &[u8], own: u32) -> Option<Origin> {
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    (0..2).find_map(|half| {
        let pairs = digits.get(half..)?.chunks_exact(2);
        let bytes: Option<Vec<u8>> = pairs.map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect();
        let origin = content::explain(&bytes?, own)?;
        let offset = (origin.offset * 2).checked_sub(half as u64)?;
        Some(Origin { offset, ..origin })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(stream: u32, offset: u64, count: usize) -> Vec<u8> {
        let mut out = vec![0; count];
        fill(stream, offset, &mut out);
        out
    }

    proptest! {
        #[test]
        fn any_piece_equals_the_same_part_of_the_whole(offset in 0_u64..900, count in 0_usize..900) {
            let whole = made(7, 0, 1800);
            prop_assert_eq!(made(7, offset, count), &whole[offset as usize..offset as usize + count]);
        }

        #[test]
        fn a_changed_digit_is_found_at_its_offset(offset in 0_u64..900, count in 1_usize..300, at in 0_usize..300) {
            let mut piece = made(3, offset, count);
            prop_assert_eq!(matching(3, offset, &piece), count);
            let at = at % count;
            piece[at] ^= 0x80;
            prop_assert_eq!(matching(3, offset, &piece), at);
        }

        #[test]
        fn enough_digits_identify_their_origin(stream in 0_u32..5000, offset in 0_u64..(1 << 39)) {
            let piece = made(stream, offset, EXPLAIN_BYTES);
            prop_assert_eq!(explain(&piece, 9), Some(Origin { stream, offset }));
        }
    }

    #[test]
    fn digits_encode_the_content() {
        let mut bytes = [0; 2];
        content::fill(1, 0, &mut bytes);
        assert_eq!(made(1, 0, 4), format!("{:02x}{:02x}", bytes[0], bytes[1]).into_bytes());
        assert_eq!(explain(b"no digits at all, but long enough", 1), None);
    }
}
