//! Bytes written as text, with the escapes `\r`, `\n`, `\t`, `\0`, `\\` and `\x80`.

use std::borrow::Cow;
use std::{fmt::Write, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes in a profile. TOML knows escapes of its own between double quotes; between single quotes only those of this
/// type count, so `'\x00\r\n'` is three bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

/// An escape that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`\\{0}` is not a valid escape: write \\r, \\n, \\t, \\0, \\\\ or \\x and two hexadecimal digits, in \
     'single quotes'"
)]
pub struct BadEscape(String);

impl FromStr for Octets {
    type Err = BadEscape;

    fn from_str(text: &str) -> Result<Self, BadEscape> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            rest = &rest[at + 1..];
            let (byte, length) = escape(rest).ok_or_else(|| BadEscape(rest.chars().take(3).collect()))?;
            bytes.push(byte);
            rest = &rest[length..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        Ok(Self(bytes))
    }
}

/// The byte that an escape stands for, and how many characters it has behind the backslash.
fn escape(text: &str) -> Option<(u8, usize)> {
    let simple = match text.as_bytes().first()? {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'0' => 0,
        b'\\' => b'\\',
        b'x' => {
            let digits = text.get(1..3).filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
            return Some((u8::from_str_radix(digits, 16).ok()?, 3));
        }
        _ => return None,
    };
    Some((simple, 1))
}

impl std::fmt::Display for Octets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            b'\r' => f.write_str("\\r"),
            b'\n' => f.write_str("\\n"),
            b'\\' => f.write_str("\\\\"),
            b' '..=b'~' => f.write_char(char::from(*byte)),
            other => write!(f, "\\x{other:02x}"),
        })
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Octets {
    fn schema_name() -> Cow<'static, str> {
        "Octets".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes as text, in which \\r, \\n, \\t, \\0, \\\\ and \\x1f stand for bytes",
            "type": "string",
        })
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shown_bytes_are_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(Octets(bytes.clone()).to_string().parse(), Ok(Octets(bytes)));
        }
    }

    #[test]
    fn escapes_stand_for_bytes() {
        let octets: Octets = r"a\r\n\t\0\\\x80\xFFä".parse().expect("escapes");
        assert_eq!(octets.0, b"a\r\n\t\0\\\x80\xff\xc3\xa4");
        for text in [r"\", r"\q", r"\x", r"\x1", r"\xg0", r"\xä"] {
            assert!(text.parse::<Octets>().is_err(), "{text}");
        }
        let error = r"\q!".parse::<Octets>().expect_err("none").to_string();
        assert!(error.starts_with("`\\q!` is not a valid escape"), "{error}");
    }
}
