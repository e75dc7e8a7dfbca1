//! How a buffer uses its memory: how much at first, at most, and in front, and when it moves bytes.

use std::fmt;

/// How many bytes in front of the readable data a fresh buffer keeps free, for a length header written last, unless
/// asked otherwise.
pub const PREPEND_BYTES: usize = 8;

/// The capacity of a fresh buffer, in bytes, unless asked otherwise.
pub const INITIAL_BYTES: usize = 1024;

/// What a contiguous buffer does when the room on the right is too small; a chain of blocks never moves bytes.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Shift {
    /// Shift left whenever that makes room: a mistake near a full buffer, where every small append moves all bytes.
    Always,
    /// Only grow: a mistake if the buffer is never completely empty, because the free front is lost until then.
    Never,
    /// Shift left only if the free front is at least as large as the data, else grow: linear, and bounded.
    #[default]
    Amortized,
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Shift::Always => "always",
            Shift::Never => "never",
            Shift::Amortized => "amortized",
        })
    }
}

/// How a buffer uses its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of memory at the start and at least kept later; 0: none until the first use.
    pub initial: usize,
    /// Most bytes that may wait.
    pub limit: Option<usize>,
    /// Bytes kept free in front of a message.
    pub prepend: usize,
    /// When a contiguous buffer moves what it holds.
    pub shift: Shift,
}

impl Default for Layout {
    fn default() -> Self {
        Self { initial: INITIAL_BYTES, limit: None, prepend: PREPEND_BYTES, shift: Shift::default() }
    }
}

impl Layout {
    /// `initial`, but large enough to be of use beside what is kept in front.
    pub(super) fn first(&self) -> usize {
        if self.initial == 0 { 0 } else { self.initial.max(self.prepend + PREPEND_BYTES) }
    }

    /// The first block that is asked for once it is needed.
    pub(super) fn first_used(&self) -> usize {
        if self.initial == 0 { INITIAL_BYTES.max(self.prepend + PREPEND_BYTES) } else { self.first() }
    }
}
