//! One finding about the machine.

use serde::Serialize;

/// The state of one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing to fix.
    Good,
    /// It works, up to a point.
    Limited,
    /// It does not work here.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub topic: &'static str,
    /// How good it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What it costs a measurement; empty when it is good.
    pub costs: String,
    /// How to fix it, as a command if there is one; empty when it is good.
    pub mend: String,
}

pub(super) fn good(topic: &'static str, found: String) -> Finding {
    Finding { topic, state: State::Good, found, costs: String::new(), mend: String::new() }
}

impl Finding {
    pub(super) fn but(self, state: State, costs: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state, costs: costs.into(), mend: mend.into(), ..self }
    }
}
