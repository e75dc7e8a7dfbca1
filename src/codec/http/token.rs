//! The characters of names and methods.

/// Whether each byte may be in a token.
const OF_TOKENS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mark = matches!(
            byte as u8,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        );
        table[byte] = (byte as u8).is_ascii_alphanumeric() || mark;
        byte += 1;
    }
    table
};

/// Whether a name of a field may hold it (RFC 9110 section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    OF_TOKENS[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_and_the_marks_of_rfc_9110_are_of_tokens() {
        let is_of_tokens = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert!((0..=u8::MAX).all(|byte| is_token(byte) == is_of_tokens(byte)));
    }
}
