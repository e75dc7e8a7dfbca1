//! `openmetrics.txt`: every number as a gauge, in base units, for Prometheus and for GitLab's metrics reports.

use std::fmt::Write;

use indexmap::IndexMap;

use super::ci_report::{CiReport, Number};
use crate::metric::{Scope, Stat, Unit};

/// The whole file.
pub(in crate::report) fn render(report: &CiReport) -> String {
    let mut families: IndexMap<String, Vec<&Number>> = IndexMap::new();
    for number in &report.numbers {
        families.entry(number.stat.name()).or_default().push(number);
    }
    let mut out = String::new();
    for numbers in families.values() {
        let stat = numbers[0].stat;
        let (unit, divisor) = unit(stat.unit());
        let name = family(stat, unit);
        let _ = writeln!(out, "# TYPE {name} gauge");
        if !unit.is_empty() {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
        let _ = writeln!(out, "# HELP {name} {}", escaped(&stat.help()));
        for number in numbers {
            let _ = writeln!(out, "{name}{{{}}} {}", labels(report, number), number.value / divisor);
        }
    }
    out + "# EOF\n"
}

/// A unit, where there is one, is the name's last part; a group's `corrupt` in bytes is not the run's `corrupt_bytes`.
fn family(stat: Stat, unit: &str) -> String {
    let of = if stat.metric.spec().scope == Scope::Group { "badpeer_group" } else { "badpeer" };
    let name = format!("{of}_{}", stat.name());
    if unit.is_empty() || name.ends_with(&format!("_{unit}")) { name } else { format!("{name}_{unit}") }
}

/// The base unit, and what a value is divided by to be in it.
const fn unit(unit: Unit) -> (&'static str, f64) {
    match unit {
        Unit::Bytes => ("bytes", 1.0),
        Unit::Nanoseconds => ("seconds", 1e9),
        Unit::BytesPerSecond => ("bytes_per_second", 1.0),
        Unit::Share | Unit::Cores => ("ratio", 1.0),
        Unit::Count | Unit::PerSecond => ("", 1.0),
    }
}

fn labels(report: &CiReport, number: &Number) -> String {
    let mut labels = vec![("profile", report.suite.as_str())];
    if !number.point.is_empty() {
        labels.push(("point", &number.point));
    }
    if let Some(group) = number.group() {
        labels.push(("group", group));
    }
    if let Some(phase) = number.phase() {
        labels.push(("phase", phase));
    }
    let each: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
    each.join(",")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_unique_family() {
        let mut names: Vec<String> = Stat::all().map(|stat| family(stat, unit(stat.unit()).0)).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
