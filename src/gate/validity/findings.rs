//! What was found out about a trial, in words.

/// What the harness and the host did to a trial, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Why the trial proves nothing; empty if it stands.
    pub invalid: Vec<String>,
    /// Why its times, rates and costs prove nothing; empty if they stand.
    pub disturbed: Vec<String>,
    /// What a reader must bear in mind.
    pub notes: Vec<String>,
}
