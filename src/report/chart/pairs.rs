//! Two servers compared: how much worse each number may be, and the differences of the pairs in the order of the run.

use indexmap::IndexMap;

use super::{
    axis::Axis,
    figure::{Figure, GRAY, INK, Layer, Note, ORANGE, PALETTE, Places, SKY, Shape, VERMILION, stem},
};
use crate::{
    gate::{PairedChange, PairedComparison},
    record::Verdict,
};

/// Changes are drawn from half to double; what lies beyond stands at the edge.
const LEAST: f64 = -0.5;
const MOST: f64 = 1.0;
/// Numbers that have room in one chart.
const ROWS: usize = 14;

/// The charts of a comparison: the intervals of each point, then the pairs of each number.
pub(in crate::report) fn figures(comparison: &PairedComparison) -> Vec<Figure> {
    let mut points: IndexMap<String, Vec<&PairedChange>> = IndexMap::new();
    for finding in comparison.telling() {
        points.entry(finding.here()).or_default().push(finding);
    }
    let parts =
        points.iter().flat_map(|(here, findings)| findings.chunks(ROWS).map(move |part| (here, part)));
    let parts: Vec<(&String, &[&PairedChange])> = parts.collect();
    let several = parts.len() > 1;
    let intervals = parts.into_iter().enumerate().map(|(index, (here, findings))| Figure {
        name: if several { format!("intervals-{}", index + 1) } else { "intervals".to_owned() },
        ..intervals(here, findings)
    });
    let pairs = comparison.telling().enumerate().map(|(index, finding)| pairs(index + 1, finding));
    intervals.chain(pairs).collect()
}

/// Each number's interval, with its floor and its budget.
fn intervals(here: &str, findings: &[&PairedChange]) -> Figure {
    let row = |index: usize| (findings.len() - 1 - index) as f64;
    let mut layers = Vec::new();
    let upright = |of: fn(&PairedChange) -> f64, high: f64| {
        let mark = |(index, finding): (usize, &&PairedChange)| {
            let at = of(finding);
            (at <= MOST).then(|| vec![(at, row(index) - high), (at, row(index) + high)])
        };
        findings.iter().enumerate().filter_map(mark).collect::<Vec<Places>>()
    };
    let mut layer = |label: &str, color, shape| layers.push(Layer { label: label_of(label), color, shape });
    layer("floor", SKY, Shape::Line(upright(|finding| finding.gated.floor, 0.25), 2));
    layer("budget", INK, Shape::Line(upright(|finding| finding.gated.budget, 0.35), 3));
    for verdict in [Verdict::Regression, Verdict::Inconclusive, Verdict::Pass] {
        let with_verdict: Vec<(usize, &&PairedChange)> =
            findings.iter().enumerate().filter(|(_, finding)| finding.verdict == verdict).collect();
        if with_verdict.is_empty() {
            continue;
        }
        let span = |(index, finding): &(usize, &&PairedChange)| {
            vec![(finding.evidence.change.low, row(*index)), (finding.evidence.change.high, row(*index))]
        };
        let middle =
            |(index, finding): &(usize, &&PairedChange)| (finding.evidence.change.value, row(*index));
        layer(verdict.word(), color(verdict), Shape::Line(with_verdict.iter().map(span).collect(), 3));
        layer("", color(verdict), Shape::Dots(with_verdict.iter().map(middle).collect()));
    }
    let ends = findings.iter().flat_map(|f| [f.evidence.change.low, f.evidence.change.high, f.gated.budget]);
    let names: Vec<String> = findings.iter().rev().map(|finding| finding.gated.name.clone()).collect();
    let at = if here.is_empty() { String::new() } else { format!(" at {here}") };
    let worse = findings.iter().filter(|finding| finding.verdict == Verdict::Regression).count();
    Figure {
        name: String::new(),
        title: format!("How much worse the head is{at}: {worse} of {} metrics are a REGRESSION", findings.len()),
        about: "Estimate (dot) and 95 % interval of each metric; right of zero is worse".to_owned(),
        caption: "In percent of the base, with a constant added to both sides if values near zero are compared. A \
            metric is a REGRESSION if it is certainly worse by more than its floor, and a PASS if its interval ends \
            below its budget. An interval that reaches the edge of the chart continues beyond it."
            .to_owned(),
        x: changes(ends),
        y: Axis::names(&names),
        shaded: Vec::new(),
        phases: Vec::new(),
        struck: Vec::new(),
        notes: vec![Note { at: 0.0, text: "no change".to_owned(), rule: true }],
        layers,
    }
}

/// The differences of one number's pairs.
fn pairs(number: usize, finding: &PairedChange) -> Figure {
    let count = finding.evidence.differences.len();
    let shares: Vec<f64> =
        finding.evidence.differences.iter().map(|difference| difference.exp_m1()).collect();
    let place = |(index, share): (usize, &f64)| (index as f64, *share);
    let all: Places = shares.iter().enumerate().map(place).collect();
    let (first, fresh) = all.split_at(finding.evidence.first_stage());
    let across = |at: f64| vec![vec![(-0.5, at), (count as f64 - 0.5, at)]];
    let line = |label: &str, color, at, width| Layer {
        label: label_of(label),
        color,
        shape: Shape::Line(across(at), width),
    };
    let mut layers = vec![
        line("no difference", GRAY, 0.0, 1),
        line("floor", SKY, finding.gated.floor, 2),
        line("budget", INK, finding.gated.budget, 2),
        line("estimate", color(finding.verdict), finding.evidence.change.value, 2),
    ];
    let dots = |label: &str, color, places: &[(f64, f64)]| Layer {
        label: label_of(label),
        color,
        shape: Shape::Dots(places.to_vec()),
    };
    layers.push(dots("a pair", PALETTE[0], first));
    if !fresh.is_empty() {
        layers.push(dots("a fresh pair, for confirmation", PALETTE[3], fresh));
    }
    let numbers: Vec<String> = (1..=count).map(|pair| pair.to_string()).collect();
    let marks = [finding.gated.budget, finding.evidence.change.low, finding.evidence.change.high];
    let here = finding.here();
    let at = if here.is_empty() { String::new() } else { format!(" at {here}") };
    Figure {
        name: format!("pairs-{number}-{}", stem(&finding.gated.name)),
        title: format!("{}{at}: {}", finding.gated.name, finding.verdict.word()),
        about: "How much worse the head was in each pair, in the order of the run; higher is worse".to_owned(),
        caption: "Drift of the machine appears as a slope, an outlier as a distant dot; neither decides the verdict, \
            which is based on ranks. A dot at the edge lies beyond it."
            .to_owned(),
        x: Axis::names(&numbers).named("pair"),
        y: changes(shares.into_iter().chain(marks)),
        shaded: Vec::new(),
        phases: Vec::new(),
        struck: Vec::new(),
        notes: Vec::new(),
        layers,
    }
}

/// An axis for these changes.
fn changes(values: impl Iterator<Item = f64>) -> Axis {
    let within = values.filter(|value| value.is_finite()).map(|value| value.clamp(LEAST, MOST));
    let (low, high) = within.fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    Axis::changes(low, high).named("worse by")
}

fn color(verdict: Verdict) -> plotters::style::RGBColor {
    match verdict {
        Verdict::Regression | Verdict::Fail => VERMILION,
        Verdict::Pass => PALETTE[2],
        Verdict::Inconclusive | Verdict::Invalid => ORANGE,
    }
}

fn label_of(label: &str) -> Option<String> {
    (!label.is_empty()).then(|| label.to_owned())
}
