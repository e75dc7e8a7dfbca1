//! How much a server holds, as a bracket: what a search for it leaves behind.

use serde::{Deserialize, Serialize};

use super::{expectation_result::ExpectationResult, verdict::Verdict};
use crate::units::{ByteRate, Bytes, Rate, Span};

/// A search for how much a server holds: a key of the profile was set to one level after another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Capacity {
    /// The key of the profile that was set.
    pub of: String,
    /// What its values are.
    pub unit: LevelUnit,
    /// The first level that was measured, in the unit.
    pub from: u64,
    /// The largest level that may be measured, in the unit.
    pub to: u64,
    /// The search ends when the bracket is this narrow, as a share of its lower end.
    pub precision: f64,
    /// Repeats that must agree at each end of the bracket.
    pub confirmations: u32,
    /// The measured levels, from the lowest to the highest; each is the point of the same place in `points`.
    pub levels: Vec<Level>,
    /// Between which levels the capacity lies.
    pub bracket: Bracket,
    /// How the search ended; `None` if it was cut short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<SearchEnd>,
    /// What a reader should know of the search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// What the levels of a search are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LevelUnit {
    /// A number.
    Count,
    /// So many per second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Nanoseconds.
    Nanoseconds,
}

/// A level, and what each repeat at it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Level {
    /// The level, in the unit of the search.
    pub value: u64,
    /// The level as a profile has it: `640`, `640/s`.
    pub text: String,
    /// What each repeat came to, in the order of measurement.
    pub repeats: Vec<LevelRepeat>,
}

/// What a repeat at a level came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LevelRepeat {
    /// Whether the level held.
    pub finding: Finding,
    /// What was not met, if it failed; why nothing is known, if it is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a level holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Finding {
    /// All conditions were met.
    Holds,
    /// A condition was not met.
    Fails,
    /// It held in some repeats and failed in others.
    Mixed,
    /// Neither is known: the repeat was not valid, something was not measured, or the peers were not all held.
    Inconclusive,
}

/// Between which levels the capacity lies: from the highest that holds to the lowest that fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Bracket {
    /// The highest level that holds below the lowest that does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Border>,
    /// The lowest level that fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails: Option<Border>,
}

/// An end of a bracket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Border {
    /// The level, in the unit of the search.
    pub value: u64,
    /// The level as a profile has it.
    pub text: String,
    /// Repeats that agree on it.
    pub repeats: u32,
    /// What was measured there of the conditions that the failing end does not meet; of all, if nothing failed.
    pub figures: Vec<ExpectationResult>,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SearchEnd {
    /// Both ends are confirmed, and as near to each other as was asked for, or levels between them hold only sometimes.
    Narrow,
    /// Both ends are confirmed, and the time budget ended before they were as near to each other as was asked for.
    OutOfTime,
    /// The largest level holds.
    NoFailure,
    /// The first level fails.
    FirstFails,
    /// Levels stayed inconclusive, or the time budget ended too early, so that an end is missing or not confirmed.
    Inconclusive,
}

impl LevelUnit {
    /// A level as a profile has it.
    #[must_use]
    pub fn text(self, value: u64) -> String {
        match self {
            Self::Count => value.to_string(),
            Self::PerSecond => Rate(value as f64).to_string(),
            Self::Bytes => Bytes(value).to_string(),
            Self::BytesPerSecond => ByteRate(value).to_string(),
            Self::Nanoseconds => Span(std::time::Duration::from_nanos(value)).to_string(),
        }
    }
}

impl Level {
    /// Number of repeats with this finding.
    #[must_use]
    pub fn count(&self, finding: Finding) -> u32 {
        self.repeats.iter().filter(|repeat| repeat.finding == finding).count() as u32
    }

    /// Number of repeats in which it held or failed.
    #[must_use]
    pub fn conclusive(&self) -> u32 {
        self.count(Finding::Holds) + self.count(Finding::Fails)
    }

    /// Whether it holds, by all repeats in which that could be told.
    #[must_use]
    pub fn finding(&self) -> Finding {
        match (self.count(Finding::Holds), self.count(Finding::Fails)) {
            (0, 0) => Finding::Inconclusive,
            (_, 0) => Finding::Holds,
            (0, _) => Finding::Fails,
            _ => Finding::Mixed,
        }
    }

    /// The first reason of a repeat with this finding.
    #[must_use]
    pub fn reason(&self, finding: Finding) -> Option<&str> {
        let mut of = self.repeats.iter().filter(|repeat| repeat.finding == finding);
        of.find_map(|repeat| repeat.reason.as_deref())
    }
}

impl Finding {
    /// The word for it in a sentence.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Mixed => "mixed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl Capacity {
    /// PASS if the bracket is what was searched for, FAIL if not even the first level holds, else INCONCLUSIVE.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self.end {
            Some(SearchEnd::Narrow | SearchEnd::OutOfTime | SearchEnd::NoFailure) => Verdict::Pass,
            Some(SearchEnd::FirstFails) => Verdict::Fail,
            Some(SearchEnd::Inconclusive) | None => Verdict::Inconclusive,
        }
    }

    /// Levels above the failing end that hold all the same.
    pub fn contradictions(&self) -> impl Iterator<Item = &Level> {
        let fails = self.bracket.fails.as_ref().map_or(u64::MAX, |border| border.value);
        self.levels.iter().filter(move |level| level.value > fails && level.finding() == Finding::Holds)
    }

    /// Levels that hold only sometimes, and those of which it is not known.
    pub fn unclear(&self) -> impl Iterator<Item = &Level> {
        self.levels.iter().filter(|level| matches!(level.finding(), Finding::Mixed | Finding::Inconclusive))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Finding::{Fails, Holds, Inconclusive, Mixed},
        *,
    };

    #[test]
    fn a_level_that_held_once_and_failed_once_is_mixed() {
        let level = |findings: &[Finding]| Level {
            value: 1,
            text: "1".into(),
            repeats: findings.iter().map(|finding| LevelRepeat { finding: *finding, reason: None }).collect(),
        };
        for (findings, finding, conclusive) in [
            (&[][..], Inconclusive, 0),
            (&[Inconclusive, Holds], Holds, 1),
            (&[Inconclusive, Fails, Fails], Fails, 2),
            (&[Holds, Inconclusive, Fails], Mixed, 2),
        ] {
            let level = level(findings);
            assert_eq!((level.finding(), level.conclusive()), (finding, conclusive), "{findings:?}");
        }
    }

    #[test]
    fn levels_are_written_as_a_profile_has_them() {
        let texts = [
            (LevelUnit::Count, 640, "640"),
            (LevelUnit::PerSecond, 1500, "1500/s"),
            (LevelUnit::Bytes, 65536, "64KiB"),
            (LevelUnit::BytesPerSecond, 1000, "1000B/s"),
            (LevelUnit::Nanoseconds, 1_500_000, "1500us"),
        ];
        for (unit, value, text) in texts {
            assert_eq!(unit.text(value), text);
        }
    }
}
