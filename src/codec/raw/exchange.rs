//! The bytes that a group of raw clients sends, and how an answer ends.

use serde::{Deserialize, Serialize};

use super::{
    answer_end::{AnswerEnd, Delimiter},
    octets::Octets,
    rules::Rules,
};
use crate::{
    codec::{Check, sample::Sample},
    units::Bytes,
};

/// Bytes to send, and how the answer ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The request.
    pub send: Octets,
    /// An answer ends with these bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Octets>,
    /// Length of an answer in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Bytes>,
    /// How much of an answer is checked.
    #[serde(default)]
    pub check: Check,
}

impl Exchange {
    /// Whether the bytes can be sent and the end of an answer is defined.
    ///
    /// # Errors
    /// The key that is at fault, and what to write instead.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.send.0.is_empty() {
            return Err(("send", "write at least one byte to send"));
        }
        if self.until.is_some() == self.length.is_some() {
            return Err((
                "until",
                "say how an answer ends: either until = '\\r\\n' (its last bytes) or length = \"12B\"",
            ));
        }
        if self.until.as_ref().is_some_and(|until| until.0.is_empty()) {
            return Err(("until", "write at least one byte that an answer ends with"));
        }
        if self.length == Some(Bytes(0)) {
            return Err(("length", "an answer has at least one byte"));
        }
        if matches!(self.check, Check::Content | Check::Status) {
            return Err(("check", "raw answers have no status: write length, bytes or none"));
        }
        Ok(())
    }

    pub(in crate::codec) fn rules(&self) -> Rules {
        let end = match (&self.until, self.length) {
            (Some(until), _) => AnswerEnd::Delimiter(Delimiter::new(until.0.clone())),
            (None, length) => AnswerEnd::Length(length.unwrap_or(Bytes(1)).0),
        };
        Rules { end, check: self.check, sample: Sample::default() }
    }
}
