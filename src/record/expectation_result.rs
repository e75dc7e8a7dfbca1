//! The verdict of an expectation.

use serde::{Deserialize, Serialize};

use super::verdict::{ExpectationVerdict, Verdict};
use crate::metric::Key;

/// An expectation, the measured value, and the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ExpectationResult {
    /// The name in `[expect]`.
    pub name: String,
    /// The condition, as written; `(implied)` behind it where the profile does not write it.
    pub condition: String,
    /// The worst value over the repeats, in the metric's unit; `None` if it was not measured.
    pub measured: Option<f64>,
    /// Why the measured value is a lower bound, if it is one: requests that were `unanswered`, `lost` or `skipped`, or whose
    /// answers were `errors`, lie there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub censored: Option<String>,
    /// The verdict.
    #[serde(rename = "outcome")]
    #[schemars(with = "ExpectationVerdict")]
    pub verdict: Verdict,
    /// The reason, in a sentence, if the values do not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ExpectationResult {
    /// A verdict on a number that is known.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        condition: impl Into<String>,
        measured: Option<f64>,
        verdict: Verdict,
    ) -> Self {
        let (name, condition) = (name.into(), condition.into());
        Self { name, condition, measured, censored: None, verdict, reason: None }
    }

    /// Whether the profile does not write it.
    #[must_use]
    pub fn is_implied(&self) -> bool {
        self.condition.ends_with("(implied)")
    }

    /// What was measured, behind what was expected in a sentence.
    #[must_use]
    pub fn fact(&self) -> String {
        if self.measured.is_some() { format!("measured {}", self.shown()) } else { self.shown() }
    }

    /// The measured value with its unit, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        let shown = match (self.measured, Key::parse(&self.name)) {
            (Some(value), Some(key)) => key.stat.unit().show(value),
            (Some(value), None) => value.to_string(),
            (None, _) => return "not measured".to_owned(),
        };
        lower_bound(shown, self.censored.as_deref())
    }
}

/// A value in words; a lower bound has a `>` and its cause: `> 1.9 s (unanswered)`.
#[must_use]
pub fn lower_bound(shown: String, cause: Option<&str>) -> String {
    match cause {
        Some(cause) => format!("> {shown} ({cause})"),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_bound_is_marked_with_its_cause() {
        let mut verdict = ExpectationResult::new("good.latency_p99", "< 20ms", Some(1.9e9), Verdict::Fail);
        assert_eq!(verdict.shown(), "1.90 s");
        verdict.censored = Some("unanswered".to_owned());
        assert_eq!(verdict.shown(), "> 1.90 s (unanswered)");
        assert_eq!(verdict.fact(), "measured > 1.90 s (unanswered)");
        verdict.measured = None;
        assert_eq!((verdict.shown(), verdict.fact()), ("not measured".to_owned(), "not measured".to_owned()));
    }

    #[test]
    fn verdicts_of_older_records_are_read() {
        let text = "{\"name\":\"a\",\"condition\":\"= 0\",\"measured\":0.0,\"outcome\":\"PASS\"}";
        let verdict: ExpectationResult = serde_json::from_str(text).expect("a verdict");
        assert_eq!(verdict, ExpectationResult::new("a", "= 0", Some(0.0), Verdict::Pass));
        assert_eq!(serde_json::to_string(&verdict).expect("JSON"), text);
    }
}
