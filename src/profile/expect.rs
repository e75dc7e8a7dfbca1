//! What must hold: `"good.latency_p99" = "< 20ms"`, several conditions separated by commas.

use crate::metric::{Scope, Stat};

/// How a measured number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Below,
    AtMost,
    Above,
    AtLeast,
    Equal,
    Not,
}

/// The longer signs come first: `<=` starts with `<`.
const SIGNS: [(&str, Comparison); 7] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("!=", Comparison::Not),
    ("==", Comparison::Equal),
    ("<", Comparison::Below),
    (">", Comparison::Above),
    ("=", Comparison::Equal),
];

/// A comparison with a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    comparison: Comparison,
    /// What the measured number is compared with, in the stat's unit.
    pub wanted: f64,
    /// As written.
    pub text: String,
}

/// A name and the conditions that its number must meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The name, as written.
    pub name: String,
    /// What it names.
    pub stat: Stat,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

impl Condition {
    fn parse(text: &str, stat: Stat) -> Result<Self, String> {
        let text = text.trim();
        let sign = SIGNS.iter().find(|(sign, _)| text.starts_with(sign));
        let (sign, comparison) =
            sign.ok_or(format!("`{text}` must start with <, <=, >, >=, = or !=, as in \"< 20ms\""))?;
        let wanted = stat.unit().parse(text[sign.len()..].trim())?;
        Ok(Self { comparison: *comparison, wanted, text: text.to_owned() })
    }

    /// Whether it holds of a measured number.
    #[must_use]
    pub fn holds(&self, measured: f64) -> bool {
        match self.comparison {
            Comparison::Below => measured < self.wanted,
            Comparison::AtMost => measured <= self.wanted,
            Comparison::Above => measured > self.wanted,
            Comparison::AtLeast => measured >= self.wanted,
            // Counts are whole and exact as floats; nothing else is compared for equality in earnest.
            Comparison::Equal => (measured - self.wanted).abs() < 1e-9,
            Comparison::Not => (measured - self.wanted).abs() >= 1e-9,
        }
    }

    /// Of several measured numbers, the one that is hardest on this condition.
    #[must_use]
    pub fn hardest(&self, measured: impl Iterator<Item = f64>) -> Option<f64> {
        match self.comparison {
            Comparison::Below | Comparison::AtMost => measured.reduce(f64::max),
            Comparison::Above | Comparison::AtLeast => measured.reduce(f64::min),
            Comparison::Equal | Comparison::Not => measured.reduce(|a, b| if self.holds(a) { b } else { a }),
        }
    }
}

impl Expectation {
    /// Reads one line of `[expect]`; `groups` are the names that may stand in front.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and what may have been meant.
    pub(super) fn parse(name: &str, conditions: &str, groups: &[&str]) -> Result<Self, String> {
        let (group, stat_name) = match name.rsplit_once('.') {
            Some((group, stat)) => (Some(group), stat),
            None => (None, name),
        };
        if let Some(group) = group.filter(|group| !groups.contains(group)) {
            return Err(format!(
                "there is no client group `{group}`{}",
                meant(group, groups.iter().copied())
            ));
        }
        let known: Vec<String> = Stat::all().map(Stat::name).collect();
        let stat = Stat::named(stat_name).ok_or_else(|| {
            let hint = meant(stat_name, known.iter().map(String::as_str));
            format!("there is no metric `{stat_name}`{hint}; see `badpeer list metrics`")
        })?;
        match (stat.metric.spec().scope, group) {
            (Scope::Group, None) => {
                let example = groups.first().copied().unwrap_or("group");
                return Err(format!("`{stat_name}` belongs to a group: write \"{example}.{stat_name}\""));
            }
            (Scope::Run, Some(_)) => {
                return Err(format!("`{stat_name}` belongs to the whole run: write \"{stat_name}\""));
            }
            _ => {}
        }
        let conditions =
            conditions.split(',').map(|text| Condition::parse(text, stat)).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), stat, conditions })
    }
}

/// `; did you mean …?` where one of the known names is near enough to be meant.
pub(super) fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|k| (strsim::damerau_levenshtein(name, k), k)).min_by_key(|(distance, _)| *distance);
    match near {
        Some((distance, k)) if distance <= 1 + name.len() / 4 => format!("; did you mean `{k}`?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str, conditions: &str) -> Result<Expectation, String> {
        Expectation::parse(name, conditions, &["good", "slow reader"])
    }

    #[test]
    fn a_group_may_have_spaces_in_its_name() {
        let expectation = parsed("slow reader.evicted", "= 200").expect("valid");
        assert_eq!(expectation.stat, Stat::named("evicted").expect("a stat"));
        assert!(expectation.conditions[0].holds(200.0) && !expectation.conditions[0].holds(199.0));
    }

    #[test]
    fn the_number_has_the_unit_of_the_metric() {
        let both = parsed("good.latency_p99", "> 1ms, <= 20ms").expect("valid").conditions;
        assert_eq!((both[0].wanted, both[1].wanted), (1e6, 20e6));
        assert!(both[1].holds(20e6) && !both[0].holds(1e6));
        assert_eq!(parsed("server_rss_growth", "< 64MiB").expect("valid").conditions[0].text, "< 64MiB");
        assert!(parsed("server_rss_growth", "< 64ms").expect_err("no size").contains("64KiB"));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_may_be_meant() {
        for (name, condition, part) in [
            ("god.latency_p99", "< 1s", "did you mean `good`?"),
            ("good.latency_p9", "< 1s", "did you mean `latency_p90`?"),
            ("latency_p99", "< 1s", "write \"good.latency_p99\""),
            ("good.server_rss_peak", "< 1MiB", "write \"server_rss_peak\""),
            ("corrupt_bytes", "0", "must start with"),
            ("corrupt_bytes", "< many", "not a size"),
        ] {
            let message = parsed(name, condition).expect_err(name);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn the_hardest_repeat_decides() {
        let below = &parsed("evictions", "< 5").expect("valid").conditions[0];
        assert_eq!(below.hardest([1.0, 7.0, 3.0].into_iter()), Some(7.0));
        let equal = &parsed("evictions", "= 5").expect("valid").conditions[0];
        assert_eq!(equal.hardest([5.0, 4.0, 5.0].into_iter()), Some(4.0));
        assert_eq!(equal.hardest(std::iter::empty()), None);
    }
}
