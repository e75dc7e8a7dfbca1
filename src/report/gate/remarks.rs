//! Notes on a comparison.

use crate::{
    gate::{Expected, Judged, PairedComparison},
    record::{Verdict, named_at},
    stats::quantile,
};

/// All of it, a sentence or two each.
pub(in crate::report) fn remarks(comparison: &PairedComparison) -> Vec<String> {
    let mut all = expectations(comparison);
    let still: Vec<&str> = comparison
        .findings
        .iter()
        .filter(|finding| !finding.is_telling())
        .map(|finding| finding.gated.name.as_str())
        .collect();
    if !still.is_empty() {
        all.push(format!("gated, and within the floor in every pair: {}", still.join(", ")));
    }
    if !comparison.not_gated.is_empty() {
        let names = comparison.not_gated.join(", ");
        all.push(format!("not gated, because it was not measured or rests on too few events: {names}"));
    }
    all.extend(disturbance(comparison));
    if let Some(first) = comparison.dropped.first() {
        let (count, words) = match comparison.dropped.len() {
            1 => (1, "pair was dropped, and another one was measured in its place"),
            more => (more, "pairs were dropped, and another one was measured in place of each"),
        };
        let asked = comparison.origin.asked;
        all.push(format!("{count} {words} (at most {asked} more); the first: {first}"));
    }
    all
}

/// How many expectations hold, and how they were judged of repeats that were shorter than the profile asks for.
fn expectations(comparison: &PairedComparison) -> Vec<String> {
    let Some(expected) = &comparison.expected else {
        return vec!["the expectations of the profile were not judged".to_owned()];
    };
    let met = expected.iter().filter(|expected| expected.result.verdict == Verdict::Pass).count();
    let mut all = vec![match expected.len() {
        0 if comparison.not_judged.is_empty() => {
            "the profile has no expectations that could be judged".to_owned()
        }
        count => format!("the head meets {met} of {count} expectations of the profile"),
    }];
    if let Some(window) = comparison.window {
        let named = |judged: Judged| -> Vec<String> {
            let those = expected.iter().filter(move |expected| expected.judged == judged);
            those.map(|Expected { result, axes, .. }| named_at(&result.name, axes)).collect()
        };
        let parts = [
            (named(Judged::AsItIs), "judged as they are"),
            (named(Judged::Scaled), "scaled to the profile's window"),
            (comparison.not_judged.clone(), "not judged"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(names, _)| !names.is_empty())
            .map(|(names, how)| format!("{how}: {}", names.join(", ")))
            .collect();
        all.push(format!(
            "repeats measured for {} s, but the profile asks for {} s (use -d {}s to judge all expectations); {}",
            window.measured,
            window.asked,
            window.asked,
            parts.join("; ")
        ));
    } else if !comparison.not_judged.is_empty() {
        all.push(format!("not judged: {}", comparison.not_judged.join(", ")));
    }
    all
}

/// What the host did in the repeats, if it was measured.
fn disturbance(comparison: &PairedComparison) -> Option<String> {
    let host = &comparison.host;
    let kinds = [
        ("steal", &host.steal),
        ("CPU pressure", &host.cpu_pressure),
        ("the server waited for a core", &host.server_run_delay),
    ];
    let parts = kinds.into_iter().filter_map(|(what, shares)| {
        let (usual, worst) = (quantile(shares, 0.5)?, quantile(shares, 1.0)?);
        Some(format!("{what} {:.1} % ({:.1} %)", usual * 100.0, worst * 100.0))
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty())
        .then(|| format!("the host, in the median repeat (in the worst): {}", parts.join(", ")))
}
