//! `bencher.json`: Bencher Metric Format, `{benchmark: {measure: {value, lower_value, upper_value}}}`.

use serde_json::{Map, Value, json};

use super::ci_report::{CiReport, Number, at};
use crate::metric::{Fold, Metric};

/// The longest names that Bencher takes, in characters.
const LONGEST_BENCHMARK: usize = 1024;
const LONGEST_MEASURE: usize = 64;

/// The whole file.
pub(in crate::report) fn render(report: &CiReport) -> String {
    let mut all: Map<String, Value> = Map::new();
    for number in &report.numbers {
        let group = number.group().map(|group| format!(" {group}")).unwrap_or_default();
        let phase = number.phase().map(|phase| format!(" @ {phase}")).unwrap_or_default();
        let benchmark = format!("{}{}{group}{phase}", report.suite, at(&number.point));
        let benchmark: String = benchmark.chars().take(LONGEST_BENCHMARK).collect();
        let measures = all.entry(benchmark).or_insert_with(|| Value::Object(Map::new()));
        if let Some(measures) = measures.as_object_mut() {
            measures.insert(measure(number), metric(number));
        }
    }
    format!("{:#}\n", Value::Object(all))
}

/// The measures that Bencher has by itself are nanoseconds and operations per second: a group's median and its rate.
fn measure(number: &Number) -> String {
    match (number.stat.metric, number.stat.fold) {
        (Metric::LatencyP50, Fold::Final) => "latency".to_owned(),
        (Metric::Answered, Fold::Rate) => "throughput".to_owned(),
        _ => number.stat.name().chars().take(LONGEST_MEASURE).collect(),
    }
}

fn metric(number: &Number) -> Value {
    match number.range {
        Some((low, high)) => json!({"value": number.value, "lower_value": low, "upper_value": high}),
        None => json!({"value": number.value}),
    }
}
