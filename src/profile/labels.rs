//! How a profile wants to be shown: short names for the values of its sweep, and the chart that tells most.

use super::{
    fault::{Fault, fault},
    keys::Profile,
    suggestion::meant,
    value::plain,
};
use crate::metric::Key;

/// The charts of a run without a sweep.
pub const CHARTS: [&str; 9] = [
    "throughput",
    "latency",
    "service-time",
    "where-the-bytes-wait",
    "where-requests-wait",
    "cpu",
    "connections",
    "latency-percentiles",
    "eviction-lateness",
];

impl Profile {
    /// The label of a value that a key has at some point of the sweep, if the profile gives one.
    #[must_use]
    pub fn value_label(&self, key: &str, value: &str) -> Option<&str> {
        let index = self.sweep.get(key)?.iter().position(|one| plain(one) == value)?;
        self.labels.get(key)?.get(index).map(String::as_str)
    }

    /// The number that the chart which tells most shows along the sweep; `None` where the profile names none, or a chart of a
    /// run without a sweep.
    #[must_use]
    pub fn telling_number(&self) -> Option<Key<'_>> {
        self.chart.as_deref().filter(|_| !self.sweep.is_empty()).and_then(Key::parse)
    }

    pub(super) fn check_labels(&self) -> Result<(), Fault> {
        for (key, labels) in &self.labels {
            let path = ["labels", key.as_str()];
            let Some(values) = self.sweep.get(key) else {
                let hint = meant(key, self.sweep.keys().map(String::as_str));
                return fault(&path, format!("[sweep] has no key `{key}`{hint}"));
            };
            if labels.len() != values.len() {
                let (labels, values) = (labels.len(), values.len());
                return fault(
                    &path,
                    format!("must have a label for each of {values} values, and has {labels}"),
                );
            }
            let twice = labels.iter().enumerate().find(|(i, label)| labels[..*i].contains(label));
            if let Some((_, label)) = twice {
                return fault(&path, format!("`{label}` is the label of two values"));
            }
        }
        Ok(())
    }

    pub(super) fn check_chart(&self) -> Result<(), Fault> {
        let Some(chart) = self.chart.as_deref() else { return Ok(()) };
        if !self.sweep.is_empty() {
            return self.names().charted(chart).or_else(|message| fault(&["chart"], message));
        }
        if CHARTS.contains(&chart) {
            return Ok(());
        }
        let hint = meant(chart, CHARTS.into_iter());
        let sweep = if chart.contains('.') { "; a metric can be named only with [sweep]" } else { "" };
        fault(&["chart"], format!("`{chart}` is none of {}{sweep}{hint}", CHARTS.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{SHIPPED, Source};

    const TEXT: &str =
        "title = \"t\"\n[[clients]]\nname = \"good\"\ncount = 1\nload = { depth = 1, payload = 9 }\n";

    fn parsed(head: &str, tail: &str) -> Result<Profile, String> {
        let text = format!("{head}\n{TEXT}{tail}");
        Source { file: "t.toml".into(), text }.parse(&[]).map_err(|error| error.message)
    }

    #[test]
    fn a_value_of_the_sweep_has_its_label() {
        let sweep = "[sweep]\n\"clients.good.rx\" = [\"steady\", { slow = { bytes = 9, every = \"1s\" } }]\n";
        let labels = "[labels]\n\"clients.good.rx\" = [\"fast\", \"slow\"]\n";
        let profile = parsed("", &format!("{sweep}{labels}")).expect("valid");
        let slow = plain(&profile.sweep["clients.good.rx"][1]);
        assert_eq!(profile.value_label("clients.good.rx", &slow), Some("slow"));
        assert_eq!(profile.value_label("clients.good.rx", "else"), None);
        assert_eq!(profile.value_label("seed", "1"), None);
    }

    #[test]
    fn labels_belong_to_the_values_of_the_sweep() {
        let sweep = "[sweep]\nseed = [1, 2]\n[labels]\n";
        for (labels, message) in [
            ("seeds = [\"a\", \"b\"]", "did you mean `seed`?"),
            ("seed = [\"a\"]", "a label for each of 2 values, and has 1"),
            ("seed = [\"a\", \"a\"]", "`a` is the label of two values"),
        ] {
            let error = parsed("", &format!("{sweep}{labels}\n")).expect_err(labels);
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn the_telling_chart_is_a_number_along_a_sweep_and_a_chart_over_time_without() {
        let sweep = "[sweep]\nseed = [1, 2]\n";
        assert!(parsed("chart = \"good.latency_p99\"", sweep).is_ok());
        assert!(parsed("chart = \"cpu\"", "").is_ok());
        let phases = format!("{sweep}[phases]\nbefore = \"1s\"\nwith = \"3s\"\n");
        let of_phase = parsed("chart = \"good.latency_p99 @ with\"", &phases).expect("a number of a phase");
        assert_eq!(of_phase.telling_number().and_then(|key| key.phase), Some("with"));
        for (chart, tail, part) in [
            ("cpu", sweep, "there is no metric `cpu`"),
            ("good.latency_p99", "", "a metric can be named only with [sweep]"),
            ("god.latency_p99", sweep, "did you mean `good`?"),
            ("good.latency_p99 @ wiht", &phases, "there is no phase `wiht`; did you mean `with`?"),
            ("good.latency_p99 @ with", sweep, "must be a phase, as in [phases]"),
            (
                "good.latency_p99 @ seed=1",
                &phases,
                "is drawn along the whole sweep: name a phase, or nothing",
            ),
            ("good.server_ended @ with", &phases, "`server_ended` has no value for a phase"),
        ] {
            let error = parsed(&format!("chart = \"{chart}\""), tail).expect_err(chart);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn no_shipped_profile_has_tables_as_names_of_points() {
        for shipped in SHIPPED {
            let source = Source { file: shipped.name.into(), text: shipped.text.into() };
            let profile = source.parse(&[]).unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
            for (key, values) in &profile.sweep {
                for value in values.iter().filter(|value| value.is_table() || value.is_array()) {
                    assert!(profile.value_label(key, &plain(value)).is_some(), "{}: {key}", shipped.name);
                }
            }
        }
    }
}
