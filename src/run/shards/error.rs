//! Why the files of shards cannot be merged.

/// Why a folder cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There are files of different runs.
    #[error("{0}")]
    Different(String),
    /// There is nothing to merge, or it cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// No shard has measured anything.
    #[error("no shard has measured anything: {0}")]
    Nothing(String),
}
