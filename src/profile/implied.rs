//! Implied expectations: no byte is corrupt, and no request of a good client gets an error.

use indexmap::IndexMap;

use super::{Expectation, Group, Profile};
use crate::metric::{Key, Kind, Metric, Stat};

/// What is behind a condition that the profile does not write.
const IMPLIED: &str = " (implied)";

/// The numbers of a group that say whether what it received was right.
const CONTENT: [Metric; 4] = [Metric::GroupCorrupt, Metric::Torn, Metric::Reordered, Metric::Disordered];

impl Profile {
    /// What is expected at the point with these keys beside what is written: where something is expected of how late evictions
    /// are, that what the server says of them is what was seen from outside; where anything is expected of the run of a
    /// server, that no byte is wrong and that no answer to a steady group is an error. Not of a number that the profile
    /// names itself at this point; and where it names what is wrong in some groups, or threads of a group share a socket,
    /// wrong bytes are those of the others.
    #[must_use]
    pub fn implied(&self, axes: &IndexMap<String, String>) -> Vec<Expectation> {
        if self.core.is_some() {
            return Vec::new();
        }
        let written = self.expectations();
        let is_of_all = |e: &&Expectation| e.is_at(axes) && e.phase.is_none();
        let here: Vec<&Expectation> = written.iter().filter(is_of_all).collect();
        let names = |group: &Group, metrics: &[Metric]| {
            let of = |e: &&Expectation| e.group() == Some(group.name.as_str());
            here.iter().any(|e| metrics.contains(&e.stat.metric) && of(e))
        };
        let is_timed = here.iter().any(|expectation| expectation.stat.metric.spec().kind == Kind::Lateness);
        let is_disputed = here.iter().any(|expectation| expectation.stat.metric == Metric::EvictionsDisputed);
        let may_be_wrong =
            |group: &Group| names(group, &CONTENT) || group.rx.race().is_some() || group.tx.race().is_some();
        let number =
            |group: &Group, metric: Metric| Key::new(Some(&group.name), Stat::once(metric)).to_string();
        let (excused, others): (Vec<&Group>, Vec<&Group>) =
            self.clients.iter().partition(|group| may_be_wrong(group));
        let mut numbers: Vec<String> = Vec::new();
        if is_timed && !is_disputed {
            numbers.push(Metric::EvictionsDisputed.spec().name.to_owned());
        }
        if !here.iter().any(|expectation| expectation.stat.metric == Metric::CorruptBytes) {
            if excused.is_empty() {
                numbers.push(Metric::CorruptBytes.spec().name.to_owned());
            } else {
                numbers.extend(others.iter().map(|group| number(group, Metric::GroupCorrupt)));
            }
        }
        let asks = |group: &&Group| group.is_good();
        let unnamed = |group: &&Group| !names(group, &[Metric::Errors, Metric::ErrorsShare]);
        let silent_on_errors = self.clients.iter().filter(asks).filter(unnamed);
        numbers.extend(silent_on_errors.map(|group| number(group, Metric::Errors)));
        numbers.iter().filter_map(|number| self.none_of(number)).collect()
    }

    /// That there is none of this number.
    fn none_of(&self, number: &str) -> Option<Expectation> {
        let mut expectation = Expectation::parse(number, "= 0", &self.names()).ok()?;
        for condition in &mut expectation.conditions {
            condition.text += IMPLIED;
        }
        Some(expectation)
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::Source;

    fn implied(expect: &str) -> Vec<String> {
        let text = format!(
            "title = \"t\"\nseed = 1\n[[clients]]\nname = \"good\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n\
             [[clients]]\nname = \"bad\"\ncount = 1\nload = {{ depth = 1, payload = 9, answer = \"8MiB\" }}\nrx = \"stall\"\n\
             [[clients]]\nname = \"idle\"\ncount = 1\ntx = \"idle\"\n[sweep]\nseed = [1, 2]\n[expect]\n{expect}"
        );
        let profile = Source { file: "t.toml".into(), text }.parse(&[]).expect("valid");
        let axes = [("seed".to_owned(), "1".to_owned())].into_iter().collect();
        let implied = profile.implied(&axes);
        implied.iter().map(|e| format!("{} {}", e.name, e.conditions[0].text)).collect()
    }

    #[test]
    fn no_errors_are_expected_by_default() {
        let both = ["corrupt_bytes = 0 (implied)", "good.errors = 0 (implied)"];
        for expect in [
            "server_rss_growth = \"< 1GiB\"",
            "evictions = \"= 1\"",
            "\"good.latency_p99\" = \"< 1s\"",
            "\"corrupt_bytes @ seed=2\" = \">= 0B\"",
            "",
        ] {
            assert_eq!(implied(expect), both, "{expect}");
        }
    }

    #[test]
    fn shared_sockets_imply_no_expectation_about_bytes() {
        let text = "title = \"t\"\n[server]\nprotocol = \"echo\"\n[[clients]]\nname = \"race\"\ncount = 1\nprotocol = \"echo\"\n\
                    load = { depth = 1, payload = 99 }\ntx = { race = { threads = 2 } }\n[[clients]]\nname = \"good\"\ncount = 1\n\
                    protocol = \"echo\"\nload = { depth = 1, payload = 99 }\n";
        let profile = Source { file: "t.toml".into(), text: text.into() }.parse(&[]).expect("valid");
        let implied = profile.implied(&indexmap::IndexMap::new());
        let names: Vec<&str> = implied.iter().map(|expectation| expectation.name.as_str()).collect();
        assert_eq!(names, ["good.corrupt", "good.errors"]);
    }

    #[test]
    fn an_expectation_of_lateness_implies_undisputed_evictions() {
        let content = ["corrupt_bytes = 0 (implied)", "good.errors = 0 (implied)"];
        let truth = "evictions_disputed = 0 (implied)";
        assert_eq!(implied("eviction_lateness_p99 = \"< 1s\""), [&[truth], &content[..]].concat());
        assert_eq!(implied("\"eviction_lateness_p99 @ seed=2\" = \"< 1s\""), content);
        let own = "eviction_lateness_p99 = \"< 1s\"\nevictions_disputed = \"< 9\"";
        assert_eq!(implied(own), content);
    }

    #[test]
    fn named_expectations_are_not_implied() {
        assert_eq!(implied("corrupt_bytes = \">= 0B\""), ["good.errors = 0 (implied)"]);
        assert_eq!(implied("\"good.errors\" = \"< 9\""), ["corrupt_bytes = 0 (implied)"]);
        assert_eq!(implied("\"good.errors_share\" = \"< 9%\""), ["corrupt_bytes = 0 (implied)"]);
        assert_eq!(
            implied("\"good.torn\" = \"> 0\""),
            ["bad.corrupt = 0 (implied)", "idle.corrupt = 0 (implied)", "good.errors = 0 (implied)"]
        );
    }
}
