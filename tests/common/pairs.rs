//! Comparisons as a user holds them, on a machine that may be busy with other things.

use std::{
    fs,
    sync::{Condvar, Mutex, PoisonError},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{badpeer, ending, places::outside, skip};

/// Two comparisons at a time: with three, pairs are dropped for what the others do.
static FREE: (Mutex<u32>, Condvar) = (Mutex::new(2), Condvar::new());

/// The right to compare, until it is dropped.
pub(crate) struct Turn(u32);

pub(crate) fn turn() -> Turn {
    Turn::of(1)
}

/// The same, with no other comparison beside it.
pub(crate) fn turn_alone() -> Turn {
    Turn::of(2)
}

impl Turn {
    fn of(places: u32) -> Self {
        outside(|| {
            let (free, freed) = &FREE;
            let free = free.lock().unwrap_or_else(PoisonError::into_inner);
            let enough = freed.wait_while(free, |free| *free < places);
            *enough.unwrap_or_else(PoisonError::into_inner) -= places;
        });
        Self(places)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (free, freed) = &FREE;
        *free.lock().unwrap_or_else(PoisonError::into_inner) += self.0;
        freed.notify_all();
    }
}

/// The newest comparison by the profile `quick.toml` in that folder.
pub(crate) fn comparison(folder: &TempDir) -> Value {
    let path = folder.path().join("reports/compare-quick/latest/comparison.json");
    serde_json::from_str(&fs::read_to_string(path).expect("kept")).expect("JSON")
}

/// What it says of the number of that name.
pub(crate) fn finding<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    let mut findings = comparison["findings"].as_array().expect("findings").iter();
    findings.find(|finding| finding["name"] == name).unwrap_or_else(|| panic!("{name}: {comparison:#}"))
}

/// The names of the numbers of which that is said.
pub(crate) fn names_with(comparison: &Value, call: &str) -> Vec<String> {
    let findings = comparison["findings"].as_array().expect("findings").iter();
    let those = findings.filter(|finding| finding["call"] == call);
    those.map(|finding| finding["name"].as_str().expect("a name").to_owned()).collect()
}

/// What it ends with; up to three times, as long as it is INVALID for what others do on this machine.
pub(crate) fn ended_with(folder: &TempDir, words: &[&str]) -> (Option<i32>, String) {
    let mut ended = ending(&badpeer(words, folder.path()));
    for _ in 0..2 {
        if ended.0 == Some(4) {
            ended = ending(&badpeer(words, folder.path()));
        }
    }
    ended
}

/// What a comparison of these two by `quick.toml` ends with; `None`, and a SKIP that names the test, where the machine
/// was too busy with other things to decide: what a gate makes of figures is tested on made-up ones.
pub(crate) fn compare(
    test: &str,
    folder: &TempDir,
    [base, head]: [&str; 2],
    more: &[&str],
) -> Option<(i32, String)> {
    let words = ["compare", "--base", base, "--head", head, "quick.toml"];
    let (code, printed) = ended_with(folder, &[&words[..], more].concat());
    let code = code.expect("it ends by itself");
    let is_kept = folder.path().join("reports/compare-quick").exists();
    let busy = if is_kept { disturbance(&comparison(folder)) } else { None };
    match busy.filter(|_| code != 1) {
        Some(why) => skip(&format!("{test}: {why}")),
        None => return Some((code, printed)),
    }
    None
}

/// What of the machine kept a comparison from telling, if something did.
pub(crate) fn disturbance(comparison: &Value) -> Option<String> {
    let dropped = comparison["dropped"].as_array().expect("a list").len() as u64;
    let mut pressure: Vec<f64> = comparison["host"]["cpu_pressure"]
        .as_array()
        .expect("measured")
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    pressure.sort_by(f64::total_cmp);
    let pressure = pressure.get(pressure.len() / 2).copied().unwrap_or(0.0);
    if dropped * 4 > comparison["asked"].as_u64().expect("a number") {
        return Some(format!("{dropped} pairs were dropped"));
    }
    (pressure > 0.5).then(|| format!("some task waited for a core {:.0} % of the time", pressure * 100.0))
}
