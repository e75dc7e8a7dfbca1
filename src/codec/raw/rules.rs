//! The checks of the answers of a group.

use super::answer_end::AnswerEnd;
use crate::codec::{check::Check, sample::Sample};

/// What the answers must be. All connections of a group share it.
#[derive(Debug)]
pub(in crate::codec) struct Rules {
    pub(super) end: AnswerEnd,
    pub(super) check: Check,
    /// The first answer.
    pub(super) sample: Sample,
}
