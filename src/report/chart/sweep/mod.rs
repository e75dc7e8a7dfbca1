//! A number along the sweep: the first axis from left to right, a line for each group and each value of other axes.

mod title;

use indexmap::IndexSet;

use self::title::{Lines, Settings, finding, line_setting, title};
use super::{
    axis::Axis,
    figure::{Figure, Layer, Places, Shape, color},
};
use crate::{
    metric::{Fold, Key, Metric, Scope, Stat},
    record::{Point, Record},
    stats::mean,
    units::{Bytes, Rate, Span},
};

/// Drawn for every sweep, whatever is expected.
const ALWAYS: [Stat; 4] = [
    Stat { metric: Metric::Answered, fold: Fold::Rate },
    Stat { metric: Metric::LatencyP99, fold: Fold::Final },
    Stat { metric: Metric::ServerRss, fold: Fold::Peak },
    Stat { metric: Metric::CoreCpuPerStep, fold: Fold::Final },
];

/// A line's name, its means and its repeats.
type Line = (String, (Places, Places));
/// Those that have something to show, each with the place of its color.
type Drawn = Vec<(usize, Line)>;

/// The charts of a sweep: of what is expected, and of some numbers that always matter.
pub(super) fn figures(record: &Record) -> Vec<Figure> {
    let Some(first) = record.points.iter().find_map(|point| point.axes.keys().next()) else {
        return Vec::new();
    };
    if record.points.len() < 2 {
        return Vec::new();
    }
    // The chart that tells most may be of one group alone.
    let mut numbers: Vec<Key<'_>> = record.profile.telling_number().into_iter().collect();
    let expected = record.profile.expect.keys().filter_map(|name| Key::parse(name));
    for number in ALWAYS.map(|stat| Key::new(None, stat)).into_iter().chain(expected) {
        if !numbers.iter().any(|other| (other.stat, other.phase) == (number.stat, number.phase)) {
            numbers.push(Key { group: None, ..number });
        }
    }
    numbers.into_iter().filter_map(|number| figure(record, first, number)).collect()
}

/// The name of the chart of this number.
pub(in crate::report) fn file_name(Key { stat, phase, .. }: Key<'_>) -> String {
    let phase = phase.map(|phase| format!("-{phase}")).unwrap_or_default();
    format!("sweep-{}{phase}", stat.name())
}

/// The chart of this number of the group, or of every group if none is named.
fn figure(record: &Record, axis: &str, number: Key<'_>) -> Option<Figure> {
    let stat = number.stat;
    let names: IndexSet<String> = record.points.iter().filter_map(|p| p.axes.get(axis).cloned()).collect();
    let names: Vec<String> = names.into_iter().collect();
    let labels: Vec<String> =
        names.iter().map(|name| record.profile.value_label(axis, name).unwrap_or(name).to_owned()).collect();
    let quantities = quantities(&names);
    let x_axis = match &quantities {
        Some(values) => Axis::quantities(values.iter().copied().zip(labels.iter().cloned()).collect()),
        None => Axis::names(&labels),
    }
    .named(axis);
    let places = quantities.clone().unwrap_or_else(|| (0..names.len()).map(|place| place as f64).collect());
    let mut lines = Lines::new();
    for point in &record.points {
        let here = point.axes.get(axis)?;
        let x = places[names.iter().position(|name| name == here)?];
        for (line, values) in measured(record, point, axis, number) {
            let (means, repeats) = lines.entry(line).or_default();
            means.extend(mean(&values).map(|value| (x, value)));
            if values.len() > 1 {
                repeats.extend(values.into_iter().map(|value| (x, value)));
            }
        }
    }
    if quantities.is_some() {
        // A line leads from the least to the greatest, in whatever order the sweep had them.
        lines.values_mut().for_each(|(means, _)| means.sort_by(|(a, _), (b, _)| a.total_cmp(b)));
    }
    let all = || lines.values().flat_map(|(means, repeats)| means.iter().chain(repeats)).map(|(_, v)| *v);
    let settings = Settings::new(axis, &places, &labels, quantities.is_some());
    let title = title(number, &finding(stat.unit(), &lines, &settings)?);
    // All zero is no picture: the table says it.
    let (min, max) = (all().reduce(f64::min)?, all().reduce(f64::max).filter(|max| *max > 0.0)?);
    let y_axis = Axis::of_values(stat.unit(), min, max);
    // A line has its color in every chart of the sweep, also where others have nothing to show.
    let drawn: Drawn =
        lines.into_iter().enumerate().filter(|(_, (_, (means, _)))| !means.is_empty()).collect();
    let (layers, caption) = match quantities {
        Some(_) => (beside_each_other(drawn, &x_axis), LINES),
        None => (bars(drawn, y_axis.is_log()), BARS),
    };
    Some(Figure {
        name: file_name(number),
        title,
        about: stat.help() + scales(&x_axis, &y_axis),
        caption: format!("{caption}{}", if has_bounds(record, number) { BOUNDS } else { "" }),
        layers,
        x: x_axis,
        y: y_axis,
        shaded: Vec::new(),
        phases: Vec::new(),
        struck: Vec::new(),
        notes: Vec::new(),
    })
}

/// Whether the number is a lower bound at some point; of whichever group, if it names none.
fn has_bounds(record: &Record, number: Key<'_>) -> bool {
    let repeats = record.repeats();
    repeats.flat_map(|repeat| repeat.censored.keys()).filter_map(|name| Key::parse(name)).any(|key| {
        (key.stat, key.phase) == (number.stat, number.phase)
            && number.group.is_none_or(|only| key.group == Some(only))
    })
}

/// Which scales are not what the eye takes them for.
fn scales(x: &Axis, y: &Axis) -> &'static str {
    match (x.is_log(), y.is_log()) {
        (true, true) => " (both scales logarithmic)",
        (true, false) => " (horizontal scale logarithmic)",
        (false, true) => " (vertical scale logarithmic)",
        (false, false) => "",
    }
}

const BOUNDS: &str =
    " Some values are lower bounds because requests were not answered; the table marks them.";
const LINES: &str = "Dots are means over the repeats, rings are single repeats. The lines between dots are not \
    measurements.";
const BARS: &str =
    "Bars, or dots on a logarithmic scale, are means over the repeats; rings are single repeats.";

/// Distance between lines with the same values, as a share of the axis.
const APART: f64 = 0.008;

/// What the values of the swept key are worth, if three or more of them are quantities.
fn quantities(names: &[String]) -> Option<Vec<f64>> {
    let bytes = |text: &String| text.parse::<Bytes>().ok().map(|bytes| bytes.0 as f64);
    let times = |text: &String| text.parse::<Span>().ok().map(|span| span.0.as_secs_f64());
    let rates = |text: &String| text.parse::<Rate>().ok().map(|rate| rate.0);
    let quantities = names.iter().map(bytes).collect::<Option<Vec<f64>>>();
    let quantities = quantities.or_else(|| names.iter().map(times).collect());
    let quantities = quantities.or_else(|| names.iter().map(rates).collect());
    quantities.filter(|values| values.len() > 2)
}

/// Lines a little apart, so that those with the same values are all to be seen.
fn beside_each_other(lines: Drawn, axis: &Axis) -> Vec<Layer> {
    let middle = (lines.len() as f64 - 1.0) / 2.0;
    let moved = |places: Places, by: f64| places.into_iter().map(|(x, y)| (axis.further(x, by), y)).collect();
    let line = |(i, (color, (name, (means, repeats)))): (usize, (usize, Line))| {
        let by = (i as f64 - middle) * APART;
        layers(color, (name, (moved(means, by), moved(repeats, by))))
    };
    lines.into_iter().enumerate().flat_map(line).collect()
}

/// Names have nothing between them that a line could lead through. A bar has no meaning where its foot is not zero.
fn bars(lines: Drawn, is_log: bool) -> Vec<Layer> {
    let width = 0.7 / lines.len() as f64;
    let middle = (lines.len() as f64 - 1.0) / 2.0;
    let layers = |(index, (of_color, (name, (means, repeats)))): (usize, (usize, Line))| {
        let color = color(of_color);
        let by = (index as f64 - middle) * width;
        let moved = |places: Places| places.into_iter().map(|(x, y)| (x + by, y)).collect();
        let label = (!name.is_empty()).then_some(name);
        let means: Places = moved(means);
        let shape = if is_log { Shape::Dots(means) } else { Shape::Bars(means, width * 0.9) };
        [Layer { label, color, shape }, Layer { label: None, color, shape: Shape::Rings(moved(repeats)) }]
    };
    lines.into_iter().enumerate().flat_map(layers).collect()
}

/// The values of the repeats of one point, by line; of one group only, if the number names one.
fn measured(record: &Record, point: &Point, axis: &str, number: Key<'_>) -> Vec<(String, Vec<f64>)> {
    let groups: Vec<Option<&str>> = match number.stat.metric.spec().scope {
        Scope::Run | Scope::Core => vec![None],
        Scope::Group => {
            let groups = point.repeats.first().map(|repeat| repeat.groups.as_slice()).unwrap_or_default();
            let names = groups.iter().map(|group| group.name.as_str());
            names.filter(|name| number.group.is_none_or(|only| only == *name)).map(Some).collect()
        }
    };
    let others = point.axes.iter().filter(|(key, _)| *key != axis);
    let named = |(key, value): (&String, &String)| match record.profile.value_label(key, value) {
        Some(label) => label.to_owned(),
        None => line_setting(key, value),
    };
    let others: Vec<String> = others.map(named).collect();
    let line = |group: Option<&str>| {
        // Who is meant is in the title where it is one group.
        let name = group.filter(|_| number.group.is_none()).map(str::to_owned);
        let parts = name.into_iter().chain(others.iter().cloned());
        (parts.collect::<Vec<_>>().join(", "), point.values(&Key { group, ..number }.to_string()))
    };
    groups.into_iter().map(line).collect()
}

fn layers(index: usize, (name, (means, repeats)): Line) -> [Layer; 3] {
    let color = color(index);
    // A single line needs no name: the title has it.
    let label = (!name.is_empty()).then_some(name);
    [
        Layer { label, color, shape: Shape::Line(vec![means.clone()], 2) },
        Layer { label: None, color, shape: Shape::Dots(means) },
        Layer { label: None, color, shape: Shape::Rings(repeats) },
    ]
}
