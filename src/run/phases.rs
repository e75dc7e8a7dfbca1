//! The numbers of each phase of the measured window.

use super::costs::Costs;
use crate::{
    client::Driven,
    metric::{Fold, Key, Row, Scope, Stat},
    profile::Profile,
    record::{Phase, Repeat},
    stats::{Instants, fold_within},
};

/// Adds the numbers of every phase that was measured to its end. `instants` are those of the whole window.
pub(super) fn add(repeat: &mut Repeat, profile: &Profile, driven: &Driven, instants: Instants) {
    for (index, phase) in profile.phases().into_iter().enumerate() {
        let [from, to] = [phase.from, phase.to].map(|since| since.as_nanos() as i64);
        if to > instants.to {
            continue;
        }
        repeat.phases.push(Phase { name: phase.name.to_owned(), from_ns: from, to_ns: to });
        let part = Part { instants: Instants { from, to, ..instants }, has_next: to < instants.to };
        let mut numbers = of_run(repeat, profile, driven, part);
        for (group, spec) in profile.clients.iter().enumerate() {
            let Some((row, censored)) = driven.phases.get(group).and_then(|phases| phases.get(index)) else {
                continue;
            };
            numbers.extend(of_group(repeat, &spec.name, row, part));
            repeat.censored.extend(censored.iter().map(|(metric, cause)| {
                let key = Key::new(Some(&spec.name), Stat::once(*metric));
                (key.within(phase.name).to_string(), cause.word().to_owned())
            }));
        }
        let named = |(key, value): (Key<'_>, f64)| (key.within(phase.name).to_string(), value);
        repeat.summary.extend(numbers.into_iter().map(named));
    }
}

/// The numbers of this scope that a phase has.
fn stats(scope: Scope) -> impl Iterator<Item = Stat> {
    Stat::all().filter(move |stat| stat.metric.spec().scope == scope && stat.exists_per_phase())
}

fn of_run(repeat: &Repeat, profile: &Profile, driven: &Driven, part: Part) -> Vec<(Key<'static>, f64)> {
    let mut costs = Row::default();
    Costs::new(profile, repeat, part.instants, &driven.whole).add(&mut costs);
    let value = |stat: Stat| match stat.fold {
        Fold::Final => costs.value(stat.metric),
        fold => folded(fold, stat, &repeat.series.run_points(stat.metric), part),
    };
    stats(Scope::Run).filter_map(|stat| Some((Key::new(None, stat), value(stat)?))).collect()
}

fn of_group<'a>(repeat: &Repeat, group: &'a str, row: &Row, part: Part) -> Vec<(Key<'a>, f64)> {
    let value = |stat: Stat| match stat.fold {
        Fold::Final => row.value(stat.metric),
        fold => folded(fold, stat, &repeat.series.group_points(group, stat.metric), part),
    };
    stats(Scope::Group).filter_map(|stat| Some((Key::new(Some(group), stat), value(stat)?))).collect()
}

/// A phase by its borders.
#[derive(Clone, Copy)]
struct Part {
    instants: Instants,
    /// Another phase, or time without one, follows in the window.
    has_next: bool,
}

/// What a gauge shows at the border to the next phase may be of that phase already: groups come and leave there. So the reading
/// before it is the last one of the phase.
fn folded(fold: Fold, stat: Stat, readings: &[(i64, f64)], Part { instants, has_next }: Part) -> Option<f64> {
    let is_counter = matches!(fold, Fold::Rate | Fold::Total | Fold::Whole);
    let factor = if fold == Fold::Rate { stat.metric.spec().unit.per_second_factor() } else { 1.0 };
    let before = &readings[..readings.partition_point(|(at, _)| *at < instants.to)];
    let part = match before.last() {
        Some((last, _)) if has_next && !is_counter && *last >= instants.from => {
            return fold_within(fold, before, Instants { to: *last, ..instants });
        }
        _ => instants,
    };
    fold_within(fold, readings, part).map(|value| value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metric::Metric,
        profile::Source,
        record::{Cause, Series},
    };

    const SECOND: i64 = 1_000_000_000;

    /// A window from 1 s to 5 s, with samples a second apart from 0 on.
    fn repeat(cut_at: i64) -> Repeat {
        let text = "title = \"t\"\nmeasure = \"4s\"\n[[clients]]\nname = \"good\"\ncount = 1\n\
                    load = { depth = 1, payload = 9 }\n[phases]\nbefore = \"1s\"\nwith = \"2s\"\nafter = \"4s\"";
        let profile = Source { file: "t.toml".into(), text: text.into() }.parse(&[]).expect("valid");
        let mut series = Series { at_ns: (0..6).map(|s| s * SECOND).collect(), ..Series::default() };
        let column = |values: [f64; 6]| values.map(Some).to_vec();
        series.columns.insert("kernel_memory".to_owned(), column([0.0, 5.0, 6.0, 99.0, 80.0, 7.0]));
        series
            .columns
            .insert("server_cpu".to_owned(), column([0.0, 1.0, 2.0, 4.0, 6.0, 7.0].map(|s| s * 1e9)));
        series.columns.insert("good.requests".to_owned(), column([0.0, 10.0, 30.0, 40.0, 50.0, 90.0]));
        let phase = |p99: f64, censored: &[(Metric, Cause)]| {
            let mut row = Row::default();
            row.set(Metric::LatencyP99, p99);
            (row, censored.to_vec())
        };
        let phases =
            vec![phase(2e6, &[]), phase(8e8, &[(Metric::LatencyP99, Cause::Unanswered)]), phase(3e6, &[])];
        let driven = Driven { phases: vec![phases], whole: vec![Row::default()], ..Driven::default() };
        let mut repeat = Repeat { series, ..Repeat::default() };
        add(&mut repeat, &profile, &driven, Instants { from: SECOND, to: cut_at, left: Some(6 * SECOND) });
        repeat
    }

    #[test]
    fn every_phase_has_its_numbers() {
        let repeat = repeat(5 * SECOND);
        assert_eq!(
            repeat.phases.iter().map(|phase| phase.name.as_str()).collect::<Vec<_>>(),
            ["before", "with", "after"]
        );
        for (name, wanted) in [
            // The reading at the border may be of the next phase.
            ("kernel_memory_peak @ before", 5.0),
            ("kernel_memory_growth @ with", 93.0),
            ("kernel_memory_last @ after", 7.0),
            ("good.requests_rate @ before", 20.0),
            ("good.requests @ with", 20.0),
            ("server_cpu_rate @ with", 2.0 * Metric::ServerCpu.spec().unit.per_second_factor() * 1e9),
            ("server_cpu_per_request @ before", 5e7),
            ("good.latency_p99 @ with", 8e8),
        ] {
            let found = repeat.summary.get(name).unwrap_or_else(|| panic!("{name} is missing"));
            assert!((found - wanted).abs() < 1e-6 * wanted, "{name}: {found} instead of {wanted}");
        }
        assert_eq!(repeat.censored.get("good.latency_p99 @ with").map(String::as_str), Some("unanswered"));
        assert!(!repeat.summary.contains_key("corrupt_bytes @ with"), "what is not of a phase");
    }

    #[test]
    fn a_phase_that_was_cut_short_has_no_numbers() {
        let repeat = repeat(3 * SECOND);
        assert_eq!(repeat.phases.len(), 1);
        assert!(repeat.summary.keys().all(|name| name.ends_with(" @ before")), "{:?}", repeat.summary.keys());
    }
}
