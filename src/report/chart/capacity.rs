//! The levels of a search for how much a server holds: the number that decides over them, colored by what they came to.

use super::{
    axis::Axis,
    figure::{Figure, GRAY, Layer, ORANGE, Places, Shape, VERMILION, color},
};
use crate::{
    metric::{Fold, Key, Metric, Stat, Unit},
    profile::{Condition, Wanted},
    record::{Capacity, Finding, LevelUnit, Record},
    report::capacity,
    stats::mean,
};

/// Its name.
pub(in crate::report) const NAME: &str = "capacity";

/// The chart; `None` if nothing that could be drawn was measured.
pub(super) fn figure(record: &Record) -> Option<Figure> {
    let found = record.capacity.as_ref()?;
    let rss = Stat { metric: Metric::ServerRss, fold: Fold::Peak };
    let names = capacity::deciding(record, found);
    let names = names.into_iter().chain([Key::new(None, rss).to_string()]);
    let is_measured = |name: &String| {
        Key::parse(name)
            .is_some_and(|key| record.points.iter().any(|point| !point.values(&key.to_string()).is_empty()))
    };
    let name = names.into_iter().find(is_measured)?;
    let key = Key::parse(&name)?;
    let repeats = repeats(record, found, &key.to_string());
    let limits = limits(record, &name);
    let values = || repeats.iter().map(|(_, (_, value))| *value).chain(limits.iter().copied());
    let (min, max) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let levels = || found.levels.iter().map(|level| level.value as f64);
    let x = Axis::decades(unit(found.unit), levels().next()?, levels().next_back()?).named(&found.of);
    let stat = key.stat;
    let whose = key.group.map(|group| format!(" of {group}")).unwrap_or_default();
    let phase = key.phase.map(|phase| format!(" @ {phase}")).unwrap_or_default();
    Some(Figure {
        name: NAME.to_owned(),
        title: capacity::bracket(found),
        about: format!("{}{whose}{phase} at each level (horizontal scale logarithmic)", stat.metric.spec().label()),
        caption: "Dots are repeats, colored by what their level came to; rings are repeats that prove nothing. The line \
                  leads through the means of the levels and is no measurement between them. Dashed is what was to be met."
            .to_owned(),
        layers: layers(record, found, &key.to_string(), &repeats, &limits),
        y: Axis::of_values(stat.unit(), min, max),
        x,
        shaded: Vec::new(),
        phases: Vec::new(),
        struck: Vec::new(),
        notes: Vec::new(),
    })
}

const fn unit(levels: LevelUnit) -> Unit {
    match levels {
        LevelUnit::Count => Unit::Count,
        LevelUnit::PerSecond => Unit::PerSecond,
        LevelUnit::Bytes => Unit::Bytes,
        LevelUnit::BytesPerSecond => Unit::BytesPerSecond,
        LevelUnit::Nanoseconds => Unit::Nanoseconds,
    }
}

/// The number in each repeat that has it, at its level, and what that is to be shown as: an inconclusive repeat, or what the
/// level came to.
fn repeats(record: &Record, found: &Capacity, number: &str) -> Vec<(Finding, (f64, f64))> {
    let of_level = found.levels.iter().zip(&record.points).flat_map(|(level, point)| {
        level.repeats.iter().zip(&point.repeats).filter_map(|(one, repeat)| {
            let finding = if one.finding == Finding::Inconclusive { one.finding } else { level.finding() };
            Some((finding, (level.value as f64, *repeat.summary.get(number)?)))
        })
    });
    of_level.collect()
}

/// The plain numbers that the number of this name is compared with.
fn limits(record: &Record, name: &str) -> Vec<f64> {
    let expectations = record.profile.expectations();
    let of_name = expectations.iter().filter(|expectation| expectation.name == name);
    let wanted = of_name.flat_map(|expectation| &expectation.conditions).flat_map(|condition: &Condition| {
        condition.alternatives.iter().filter_map(|alternative| match alternative.wanted {
            Wanted::Number(limit) => Some(limit),
            Wanted::Share(..) | Wanted::Times(..) => None,
        })
    });
    wanted.collect()
}

fn layers(
    record: &Record,
    found: &Capacity,
    number: &str,
    repeats: &[(Finding, (f64, f64))],
    limits: &[f64],
) -> Vec<Layer> {
    let means: Places = found
        .levels
        .iter()
        .zip(&record.points)
        .filter_map(|(level, point)| Some((level.value as f64, mean(&point.values(number))?)))
        .collect();
    let ends = means.first().zip(means.last()).map(|((first, _), (last, _))| (*first, *last));
    let mut layers = vec![Layer { label: None, color: GRAY, shape: Shape::Line(vec![means], 2) }];
    let limit = |(index, limit): (usize, &f64)| {
        let (first, last) = ends?;
        let label = (index == 0).then(|| "to be met".to_owned());
        Some(Layer { label, color: GRAY, shape: Shape::Line(vec![vec![(first, *limit), (last, *limit)]], 1) })
    };
    layers.extend(limits.iter().enumerate().filter_map(limit));
    let kinds = [
        (Finding::Holds, color(0)),
        (Finding::Mixed, ORANGE),
        (Finding::Fails, VERMILION),
        (Finding::Inconclusive, GRAY),
    ];
    for (finding, color) in kinds {
        let places: Places =
            repeats.iter().filter(|(of, _)| *of == finding).map(|(_, place)| *place).collect();
        if places.is_empty() {
            continue;
        }
        let shape = if finding == Finding::Inconclusive { Shape::Rings(places) } else { Shape::Dots(places) };
        layers.push(Layer { label: Some(finding.word().to_owned()), color, shape });
    }
    layers
}
