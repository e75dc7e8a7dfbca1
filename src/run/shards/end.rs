//! How a shard or an observer ended.

use crate::run::RunError;

/// How a shard or an observer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardEnd {
    /// It did its part.
    Finished {
        /// Why its part is not valid; empty if it is.
        invalid: Vec<String>,
    },
    /// It was not ready when it should have started, and did nothing.
    Late(String),
    /// The user ended it.
    Interrupted,
    /// It could not do its part.
    Failed(RunError),
}

impl ShardEnd {
    /// The exit code of the process, as `badpeer --help` explains them.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Finished { invalid } if invalid.is_empty() => 0,
            Self::Finished { .. } | Self::Late(_) => 4,
            Self::Interrupted | Self::Failed(RunError::Interrupted) => 130,
            Self::Failed(RunError::Impossible { .. }) => 2,
            Self::Failed(_) => 3,
        }
    }

    /// What there is to say about it, if there is.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Finished { invalid } => Some(invalid.join("; ")).filter(|text| !text.is_empty()),
            Self::Late(why) => Some(why.clone()),
            Self::Interrupted => None,
            Self::Failed(error) => Some(error.to_string()),
        }
    }
}
