//! What must hold: `"good.latency_p99" = "< 20ms"`, several conditions separated by commas. In a sweep,
//! `"server_waits_rate @ server.trigger=edge"` holds for some points only, and `"> 90% @ server.trigger=level"` compares
//! with another point. `"good.latency_p99 @ with"` is of a phase of the measured window, and `"< 200% @ before"` compares with
//! another phase of the same repeat. `"<= 1s or <= 20 * latency_p50"` holds if either does, and compares with a number of the same
//! repeat.

mod condition;

use indexmap::IndexMap;

pub use self::condition::{Alternative, Condition, Known, Wanted};
use super::{
    names::{At, Names, in_phase},
    value::Axes,
};
use crate::metric::{Key, Stat};

/// A name and the conditions that its number must meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The name, as written.
    pub name: String,
    /// The name of the number in a repeat's summary.
    pub number: String,
    /// What it names.
    pub stat: Stat,
    /// The phase of the measured window that it is of, if it is of one.
    pub phase: Option<String>,
    /// It is expected only at points of the sweep where these keys have these values.
    pub at: Axes,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

impl Expectation {
    /// The client group that its number is of, if it is of one.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        Key::parse(&self.number).and_then(|key| key.group)
    }

    /// Whether it is meant for the point with these keys and values.
    #[must_use]
    pub fn is_at(&self, axes: &IndexMap<String, String>) -> bool {
        self.at.iter().all(|(key, value)| axes.get(key) == Some(value))
    }

    /// Reads one line of `[expect]`.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and what may have been meant.
    pub(super) fn parse(name: &str, conditions: &str, names: &Names<'_>) -> Result<Self, String> {
        let (number, At { axes, phase }) = match name.split_once('@') {
            Some((number, at)) => (number.trim(), names.at(at)?),
            None => (name, At::default()),
        };
        let stat = names.stat(number)?;
        let number = phase.as_deref().map_or(Ok(number.to_owned()), |phase| in_phase(number, stat, phase))?;
        let conditions = Condition::all(conditions, &number, stat, names)?;
        Ok(Self { name: name.to_owned(), number, stat, phase, at: axes, conditions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str, conditions: &str) -> Result<Expectation, String> {
        let sweep =
            toml::from_str("\"server.trigger\" = [\"level\", \"edge\"]\nseed = [1, 2]").expect("a sweep");
        Expectation::parse(name, conditions, &names(&sweep))
    }

    fn names(sweep: &IndexMap<String, Vec<toml::Value>>) -> Names<'_> {
        Names { groups: vec!["good", "slow reader"], is_core: false, sweep, phases: vec!["before", "with"] }
    }

    /// Whether a condition holds of a number.
    fn meets(condition: &Condition, measured: f64) -> bool {
        let number = |wanted: &Wanted| if let Wanted::Number(limit) = wanted { Some(*limit) } else { None };
        condition.holds(Known::Exactly(measured), number) == Some(true)
    }

    fn holds(expectation: &Expectation, measured: f64) -> bool {
        meets(&expectation.conditions[0], measured)
    }

    fn wanted(condition: &Condition) -> &Wanted {
        &condition.alternatives[0].wanted
    }

    #[test]
    fn a_group_may_have_spaces_in_its_name() {
        let expectation = parsed("slow reader.evicted", "= 200").expect("valid");
        assert_eq!(expectation.stat, Stat::named("evicted").expect("a stat"));
        assert!(holds(&expectation, 200.0) && !holds(&expectation, 199.0));
    }

    #[test]
    fn the_number_has_the_unit_of_the_metric() {
        let both = parsed("good.latency_p99", "> 1ms, <= 20ms").expect("valid").conditions;
        assert_eq!((wanted(&both[0]), wanted(&both[1])), (&Wanted::Number(1e6), &Wanted::Number(20e6)));
        assert!(meets(&both[1], 20e6) && !meets(&both[0], 1e6));
        assert_eq!(parsed("server_rss_growth", "< 64MiB").expect("valid").conditions[0].text, "< 64MiB");
        assert!(parsed("server_rss_growth", "< 64ms").expect_err("no size").contains("64KiB"));
    }

    #[test]
    fn a_wrong_name_is_refused_with_suggestions() {
        for (name, condition, part) in [
            ("god.latency_p99", "< 1s", "did you mean `good`?"),
            ("good.latency_p9", "< 1s", "did you mean `latency_p90`?"),
            ("latency_p99", "< 1s", "write \"good.latency_p99\""),
            ("good.server_rss_peak", "< 1MiB", "write \"server_rss_peak\""),
            ("core_footprint", "< 1MiB", "a metric of core experiments only"),
            ("corrupt_bytes", "0", "must start with"),
            ("corrupt_bytes", "< many", "not a size"),
        ] {
            let message = parsed(name, condition).expect_err(name);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_core_experiment_has_its_own_numbers() {
        let sweep = IndexMap::new();
        let names = Names { groups: Vec::new(), is_core: true, sweep: &sweep, phases: Vec::new() };
        assert!(Expectation::parse("core_footprint", "< 1MiB", &names).is_ok());
        for (name, part) in [
            ("server_rss_peak", "not a metric of a core experiment"),
            ("core_footprnt", "did you mean `core_footprint`?"),
        ] {
            let message = Expectation::parse(name, "< 1MiB", &names).expect_err(name);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn conditions_may_select_or_compare_points_of_a_sweep() {
        let expectation =
            parsed("good.latency_p99 @ server.trigger=edge", "< 20ms, >= 90% @ server.trigger=level, seed=2")
                .expect("valid");
        assert_eq!((expectation.number.as_str(), expectation.conditions.len()), ("good.latency_p99", 2));
        assert_eq!(expectation.at, [("server.trigger".to_owned(), "edge".to_owned())]);
        let Wanted::Share(share, at) = wanted(&expectation.conditions[1]) else { panic!("a share") };
        assert_eq!((*share, at.len()), (0.9, 2));
        for (name, condition, part) in [
            ("evictions @ server.triger=edge", "= 0", "did you mean `server.trigger`?"),
            ("evictions @ server.trigger=edgy", "= 0", "did you mean `edge`?"),
            ("evictions @ edge", "= 0", "there is no phase `edge`"),
            ("evictions", "> 90 @ seed=1", "not a share such as 80%"),
        ] {
            let message = parsed(name, condition).expect_err(name);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn conditions_may_name_or_compare_phases() {
        let p99 =
            parsed("good.latency_p99 @ with, seed=2", "< 200% @ before, < 3 * latency_p50").expect("valid");
        assert_eq!((p99.number.as_str(), p99.phase.as_deref()), ("good.latency_p99 @ with", Some("with")));
        assert_eq!(
            (p99.at, p99.stat.name()),
            (vec![("seed".to_owned(), "2".to_owned())], "latency_p99".to_owned())
        );
        assert_eq!(wanted(&p99.conditions[0]), &Wanted::Times(2.0, "good.latency_p99 @ before".into()));
        assert_eq!(wanted(&p99.conditions[1]), &Wanted::Times(3.0, "good.latency_p50 @ with".into()));
        let other = parsed("good.latency_p99 @ with", "< 2 * latency_p50 @ before").expect("valid");
        assert_eq!(wanted(&other.conditions[0]), &Wanted::Times(2.0, "good.latency_p50 @ before".into()));
        let point = parsed("good.latency_p99 @ with", "< 90% @ seed=1").expect("valid");
        assert!(
            matches!(wanted(&point.conditions[0]), Wanted::Share(share, at) if (share - 0.9).abs() < 1e-9 && at.len() == 1)
        );
        for (name, condition, part) in [
            ("good.latency_p99", "< 90% @ before, seed=1", "a phase or with a point"),
            ("good.latency_p99", "< 2 * latency_p50 @ seed=1", "compare with a phase"),
            ("good.latency_p99 @ with", "< 2 * evicted_after_p50", "has no value for a phase"),
            ("good.latency_p99 @ during", "< 1s", "there is no phase `during`"),
        ] {
            let message = parsed(name, condition).expect_err(name);
            assert!(message.contains(part), "{message}");
        }
    }
}
