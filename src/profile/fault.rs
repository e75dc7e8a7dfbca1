//! A fault of a profile, before its place in the file is known.

/// A fault of a profile: the keys that lead to it, and what to write instead.
pub(super) struct Fault {
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

pub(super) fn fault<T>(path: &[&str], message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { path: path.iter().map(|&key| key.to_owned()).collect(), message: message.into() })
}
