//! The findings about a repeat, in words.

/// What the load generator and the host did to a repeat, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Findings {
    /// Why the repeat is not valid; empty if it is.
    pub invalid: Vec<String>,
    /// Why its times, rates and costs are not valid; empty if they are.
    pub disturbed: Vec<String>,
    /// Notes for the reader.
    pub notes: Vec<String>,
}
