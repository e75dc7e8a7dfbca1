//! How much of an answer is checked.

use serde::{Deserialize, Serialize};

/// How much of an answer is checked, if the protocol does not define it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = with_old_word)]
pub enum Check {
    /// Only where it ends: neither its status nor its length nor its bytes
    None,
    /// Its status, but neither its length nor its bytes
    Status,
    /// Its status and its length, which must be that of the first answer with this status, or load.answer
    Length,
    /// Its status, its length and every byte, which must be those of the first answer with this status in the group
    /// (after 4 MiB of all statuses together, by their checksum); also written `same`
    #[default]
    #[serde(alias = "same")]
    Bytes,
    /// As `bytes`, but the bytes must be the content that the reference server generates for `/bytes/N`
    #[value(skip)]
    Content,
    /// Its status, and its length if load.answer is set
    #[value(skip)]
    Any,
}

/// What profiles of older versions say for `bytes`.
fn with_old_word(schema: &mut schemars::Schema) {
    if let Some(words) = schema.get_mut("oneOf").and_then(serde_json::Value::as_array_mut) {
        words.push(serde_json::json!({ "type": "string", "const": "same", "description": "As `bytes`" }));
    }
}

impl Check {
    /// Whether the length of an answer is judged where the profile says it.
    pub(super) const fn judges_length(self) -> bool {
        !matches!(self, Self::None | Self::Status)
    }
}
