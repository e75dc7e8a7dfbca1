//! The lateness of evictions as a cumulative distribution.

use indexmap::IndexMap;

use super::{
    axis::Axis,
    figure::{Figure, Layer, Note, Places, Shape, color},
};
use crate::{metric::Unit, record::Repeat, report::view::show, stats::quantile};

/// The chart of a repeat's evictions by timeout; `None` when there were none.
pub(super) fn figure(repeat: &Repeat) -> Option<Figure> {
    let mut reasons: IndexMap<&str, Vec<f64>> = IndexMap::new();
    for eviction in &repeat.evictions {
        if let Some(lateness) = eviction.lateness_ns {
            reasons.entry(&eviction.reason).or_default().push(lateness as f64);
        }
    }
    let all: Vec<f64> = reasons.values().flatten().copied().collect();
    let (min, p99, max) = (quantile(&all, 0.0)?, quantile(&all, 0.99)?, quantile(&all, 1.0)?);
    let layer = |(index, (reason, values)): (usize, (&str, Vec<f64>))| Layer {
        label: Some(format!("{reason} × {}", values.len())),
        color: color(index),
        shape: Shape::Line(vec![steps(values, max)], 2),
    };
    let early = all.iter().filter(|lateness| **lateness < 0.0).count();
    let early = if early == 0 { "none too early".to_owned() } else { format!("{early} too early") };
    let late = show(Unit::Nanoseconds, max);
    Some(Figure {
        name: "eviction-lateness".to_owned(),
        title: format!("Evictions: the latest was {late} after the end of its timeout, {early}"),
        about: "Share of evictions that were at most this late after the end of their timeout".to_owned(),
        caption:
            "Counted from the end of the timeout. Left of zero is too early; a curve that rises steeply just \
            right of zero is a precise timer."
                .to_owned(),
        x: Axis::around_zero(Unit::Nanoseconds, min, max),
        y: Axis::share(),
        shaded: Vec::new(),
        phases: Vec::new(),
        struck: Vec::new(),
        notes: vec![
            Note { at: 0.0, text: "end of the timeout".to_owned(), rule: true },
            Note { at: p99, text: format!("99 %: {}", show(Unit::Nanoseconds, p99)), rule: true },
        ],
        layers: reasons.into_iter().enumerate().map(layer).collect(),
    })
}

/// A step up at each value, from none to all.
fn steps(mut values: Vec<f64>, to: f64) -> Places {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let step = |(i, value): (usize, &f64)| [(*value, i as f64 / count), (*value, (i + 1) as f64 / count)];
    let mut places: Places = values.iter().enumerate().flat_map(step).collect();
    // Points too many to be distinguished on paper are left out, but not the ends.
    let every = places.len().div_ceil(4000);
    let last = places.len() - 1;
    let mut index = 0..;
    places.retain(|_| index.next().is_some_and(|i| i % every == 0 || i == last));
    places.push((to, 1.0));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cumulative_share_rises_from_0_to_1() {
        assert_eq!(steps(vec![3.0, 1.0], 5.0), [(1.0, 0.0), (1.0, 0.5), (3.0, 0.5), (3.0, 1.0), (5.0, 1.0)]);
        let many = steps((0..100_000).map(f64::from).collect(), 100_000.0);
        assert!(many.len() <= 4002 && many[many.len() - 2] == (99_999.0, 1.0));
    }
}
