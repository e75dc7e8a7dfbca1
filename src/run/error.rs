//! Why a run could not be started or finished.

/// Why a run could not be made, or not be finished. Nothing of this is the server's behavior under load: that is data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// This machine cannot run the profile.
    #[error("{message}")]
    Impossible {
        /// The keys that cause this.
        path: Vec<String>,
        /// What to change.
        message: String,
    },
    /// The program that the profile drives is not installed, and the profile says how to install it.
    #[error("{0}")]
    Missing(String),
    /// The server could not be started or reached, or a core experiment not be started.
    #[error("{0}")]
    Start(String),
    /// The user ended the run before the server listened.
    #[error("interrupted before the server listened")]
    Interrupted,
    /// The server ended while it was driven, or a core experiment before it was over.
    #[error("{0}")]
    Died(String),
    /// The clients could not be run.
    #[error("{0}")]
    Clients(String),
}

impl RunError {
    pub(super) fn impossible(path: &[&str], message: impl Into<String>) -> Self {
        Self::Impossible { path: path.iter().map(|&key| key.to_owned()).collect(), message: message.into() }
    }
}
