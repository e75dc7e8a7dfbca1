//! The beginning of the first answer that was an error or could not be decoded, for the report.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{content, raw::Octets};

/// An answer that was an error, or that could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ErrorAnswer {
    /// The connection, by the number of its stream.
    pub stream: u32,
    /// Which of the connection's answers it is, from 1.
    pub number: u64,
    /// Offset of what is shown in all bytes that the connection received.
    pub at: u64,
    /// Its status line, or its first bytes.
    pub begins: Excerpt,
}

impl ErrorAnswer {
    /// Numbers the connections from 0, where the first one's content is `first`.
    pub(super) fn count_streams_from(&mut self, first: u32) {
        self.stream = self.stream.wrapping_sub(first) % content::STREAMS;
    }
}

/// Connections are counted from 1, as people do.
impl fmt::Display for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = u64::from(self.stream) + 1;
        write!(f, "connection {connection}, answer {}: `{}`", self.number, self.begins)
    }
}

/// The first bytes of something, at most 64; shown and kept as text in which `\r`, `\n`, `\\` and `\x1f` stand for bytes.
#[derive(Clone, Copy)]
pub struct Excerpt {
    bytes: [u8; Excerpt::MOST],
    length: u8,
}

impl Default for Excerpt {
    fn default() -> Self {
        Self { bytes: [0; Self::MOST], length: 0 }
    }
}

impl Excerpt {
    /// Bytes that are kept.
    pub const MOST: usize = 64;

    /// The first of these.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut excerpt = Self::default();
        excerpt.push(bytes);
        excerpt
    }

    /// Takes what follows, as far as there is room.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let have = usize::from(self.length);
        let take = bytes.len().min(Self::MOST - have);
        self.bytes[have..have + take].copy_from_slice(&bytes[..take]);
        self.length += take as u8;
    }

    /// What is kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl PartialEq for Excerpt {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Excerpt {}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Reports set it between backticks.
        f.write_str(&Octets(self.bytes().to_vec()).to_string().replace('`', "\\x60"))
    }
}

impl Serialize for Excerpt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Excerpt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let octets: Octets = String::deserialize(deserializer)?.parse().map_err(de::Error::custom)?;
        Ok(Self::of(&octets.0))
    }
}

impl JsonSchema for Excerpt {
    fn schema_name() -> Cow<'static, str> {
        "Excerpt".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The first bytes of something, as text in which \\r, \\n, \\\\ and \\x1f stand for bytes",
            "type": "string",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_keeps_the_first_bytes_and_is_read_back() {
        let mut excerpt = Excerpt::of(b"a\r\n\x00`b");
        assert_eq!(excerpt.to_string(), "a\\r\\n\\x00\\x60b");
        let text = serde_json::to_string(&excerpt).expect("JSON");
        assert_eq!(serde_json::from_str::<Excerpt>(&text).expect("an excerpt"), excerpt);
        excerpt.push(&[b'c'; 100]);
        excerpt.push(b"d");
        assert_eq!(excerpt.bytes().len(), Excerpt::MOST);
        assert!(excerpt.bytes().ends_with(b"c"));
    }

    #[test]
    fn an_error_answer_names_its_connection_and_number() {
        let begins = Excerpt::of(b"HTTP/1.1 404 Not Found");
        let mut answer = ErrorAnswer { stream: 7, number: 1, at: 0, begins };
        answer.count_streams_from(4);
        assert_eq!(answer.to_string(), "connection 4, answer 1: `HTTP/1.1 404 Not Found`");
    }
}
