//! Records with numbers that no run leaves: whatever a file says, a report of it is made or refused, and nothing panics.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use badpeer::{
    gate::BaselineComparison,
    record::Record,
    report::{
        self, Format,
        terminal::{self, Style},
        tracker::Numbers,
    },
};
use serde_json::Value;

use super::fixture;

/// Those that no picture is drawn for.
const FORMATS: [Format; 7] = [
    Format::Csv,
    Format::Markdown,
    Format::Junit,
    Format::GithubBenchmark,
    Format::Bencher,
    Format::Openmetrics,
    Format::Hlog,
];

/// Makes everything of it.
fn shown(record: &Record) {
    let _ = terminal::render(record, Style::PLAIN);
    let other = fixture::record();
    let _ = terminal::records(&other, record, Style::PLAIN);
    let comparison = BaselineComparison::of("main", &other, record);
    let _ = BaselineComparison::of("main", record, &other);
    // One that cannot be made says so.
    let _ = report::files(record, Some(&comparison), &FORMATS, Numbers::All);
}

/// The places of all numbers in a value, those of the elements of a list but the first left out.
fn numbers(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Number(_) => drop(found.insert(at.to_owned())),
        Value::Array(all) => {
            // A pair has two ends.
            all.iter().take(2).enumerate().for_each(|(n, one)| numbers(one, &format!("{at}/{n}"), found));
        }
        Value::Object(all) => all.iter().for_each(|(key, one)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            numbers(one, &format!("{at}/{key}"), found);
        }),
        _ => {}
    }
}

/// The places of numbers that stand side by side, for each place that has some.
fn side_by_side(places: &BTreeSet<String>) -> Vec<Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for place in places {
        let (parent, _) = place.rsplit_once('/').expect("a path");
        all.entry(parent).or_default().push(place);
    }
    all.into_values().filter(|places| places.len() > 1).collect()
}

#[test]
fn no_number_of_a_record_makes_a_report_panic() {
    let whole = serde_json::to_value(fixture::record()).expect("JSON");
    let mut places = BTreeSet::new();
    numbers(&whole["points"][0]["trials"][0], "/points/0/trials/0", &mut places);
    numbers(&whole["machine"], "/machine", &mut places);
    places.retain(|place| !place.contains("/series/columns/") && !place.contains("/summary/"));
    places.extend(["/points/0/trials/0/summary/good.latency_p99".to_owned()]);
    assert!(places.len() > 60, "{places:?}");
    let extremes: [Value; 3] = [u64::MAX.into(), i64::MAX.into(), i64::MIN.into()];
    let mut wrong = Vec::new();
    let mut read = 0;
    let each = places.iter().map(|place| vec![place.as_str()]);
    for set in each.chain(side_by_side(&places)) {
        for extreme in &extremes {
            let mut mutated = whole.clone();
            for place in &set {
                *mutated.pointer_mut(place).expect("a place") = extreme.clone();
            }
            let Ok(record) = serde_json::from_value::<Record>(mutated) else { continue };
            read += 1;
            if catch_unwind(AssertUnwindSafe(|| shown(&record))).is_err() {
                wrong.push(format!("{} = {extreme}", set.join(", ")));
            }
        }
    }
    assert!(read > 100, "{read}");
    assert_eq!(wrong, Vec::<String>::new());
}
