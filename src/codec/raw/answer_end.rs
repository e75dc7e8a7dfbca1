//! How the end of an answer is found: by its length, or by a delimiter.

/// The longest answer that ends at a delimiter, in bytes.
pub(in crate::codec) const MOST_BYTES: u64 = 64 << 20;

/// How the end of an answer is found.
#[derive(Debug)]
pub(super) enum AnswerEnd {
    Length(u64),
    Delimiter(Delimiter),
}

/// A delimiter, for a search that looks at every byte once (Knuth, Morris and Pratt, SIAM J. Comput. 6, 1977).
#[derive(Debug)]
pub(super) struct Delimiter {
    bytes: Vec<u8>,
    /// For each count of bytes that fit: the longest shorter count that fits as well.
    fallback: Vec<usize>,
}

impl Delimiter {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let mut fallback = vec![0; bytes.len()];
        for end in 1..bytes.len() {
            let mut fits = fallback[end - 1];
            while fits > 0 && bytes[fits] != bytes[end] {
                fits = fallback[fits - 1];
            }
            fallback[end] = fits + usize::from(bytes[fits] == bytes[end]);
        }
        Self { bytes, fallback }
    }

    /// How many bytes of the piece there are up to the delimiter's end, if it ends there; `fits` of its bytes came
    /// before.
    pub(super) fn find(&self, fits: &mut usize, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < piece.len() {
            if *fits == 0 {
                at += memchr::memchr(self.bytes[0], &piece[at..])?;
            }
            while *fits > 0 && self.bytes[*fits] != piece[at] {
                *fits = self.fallback[*fits - 1];
            }
            *fits += usize::from(self.bytes[*fits] == piece[at]);
            at += 1;
            if *fits == self.bytes.len() {
                *fits = 0;
                return Some(at);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_delimiter_is_found_at_its_first_end(
            bytes in proptest::collection::vec(0_u8..3, 0..200),
            delimiter in proptest::collection::vec(0_u8..3, 1..6),
            step in 1_usize..20,
        ) {
            let searched = Delimiter::new(delimiter.clone());
            let (mut fits, mut before, mut found) = (0, 0, None);
            for piece in bytes.chunks(step) {
                found = searched.find(&mut fits, piece).map(|end| before + end);
                if found.is_some() {
                    break;
                }
                before += piece.len();
            }
            let expected = bytes.windows(delimiter.len()).position(|window| window == delimiter);
            prop_assert_eq!(found, expected.map(|at| at + delimiter.len()));
        }
    }
}
