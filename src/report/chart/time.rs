//! Charts over time: one for each panel that a metric is declared for.

use super::{
    axis::Axis,
    figure::{BACKDROP, Figure, GRAY, INK, Layer, Note, ORANGE, Places, SKY, Shape, VERMILION, color, pale},
    lanes::{lanes, struck},
    title::title,
};
use crate::{
    metric::{Fold, Metric, Panel, Scope, Unit},
    profile::Group,
    record::Repeat,
    stats::slopes,
};

/// A panel in words: file, what is drawn, how to read it.
const PANELS: [(Panel, &str, &str, &str); 7] = [
    (
        Panel::Throughput,
        "throughput",
        "Answers received and verified per second",
        "Answers per second of each client group from one sample to the next; the broad band behind a line shows the \
         requests that became due in an open loop. Where a line leaves its band, the server no longer keeps up. A \
         group that keeps its rate while others misbehave is served fairly.",
    ),
    (
        Panel::Latency,
        "latency",
        "Response time, from when a request was due: median (dashed) and 99th percentile (solid) of each interval",
        "Response time counts from when a request was due, so a server that hangs cannot hide it. A gap is an \
         interval without any answer. The scale is logarithmic.",
    ),
    (
        Panel::Service,
        "service-time",
        "Service time, from when a request was sent: median (dashed) and 99th percentile (solid) of each interval",
        "Service time counts from when a request was sent: the time that the server took. Response time minus service \
         time is how long requests waited to be sent. The chart shows open loops only; in a closed loop the two times \
         are equal. The scale is logarithmic.",
    ),
    (
        Panel::BytesWait,
        "where-the-bytes-wait",
        "Where bytes wait (stacked), and the server's resident memory",
        "Bytes that a slow client does not read wait in one of three places: the server's own buffers, the send queue \
         of its kernel, or the client's kernel. The areas are stacked; the line is the server's resident memory.",
    ),
    (
        Panel::RequestsWait,
        "where-requests-wait",
        "Where bytes of requests wait (stacked)",
        "Bytes of requests that the server does not process wait in one of three places: the server's receive buffers, \
         the receive queue of its kernel, or the send queue of the client's kernel. The areas are stacked.",
    ),
    (
        Panel::Cpu,
        "cpu",
        "CPU time, in percent of one core",
        "CPU time of the server and the load generator, in user space and in the kernel. If the load generator comes \
         near the limit of its cores, it is the load generator that is measured.",
    ),
    (
        Panel::Connections,
        "connections",
        "Open connections",
        "Open connections as the clients, the server and its kernel see them. Connections in CLOSE-WAIT wait for the \
         server to close them: if they accumulate, the server leaks connections.",
    ),
];

/// Bytes that are disjoint, from the server's side to the client's: these can be stacked.
const STACKED: [Metric; 6] = [
    Metric::SendBuffered,
    Metric::KernelSendQueue,
    Metric::ClientReceiveQueue,
    Metric::ReceiveBuffered,
    Metric::KernelReceiveQueue,
    Metric::ClientSendQueue,
];

/// Where most requests never wait: without so many bytes of them there is nothing to see.
const FEW_REQUEST_BYTES: f64 = 1_048_576.0;

/// A metric over time.
struct Curve<'a> {
    metric: Metric,
    /// The group's place in the profile, and its name.
    group: Option<(usize, &'a str)>,
    /// How many metrics of the same scope the panel had before.
    rank: usize,
    /// Seconds and values.
    places: Places,
}

/// The charts of a repeat, without those that nothing was read for.
pub(super) fn figures(repeat: &Repeat, groups: &[Group]) -> Vec<Figure> {
    PANELS.iter().filter_map(|panel| figure(repeat, groups, *panel)).collect()
}

fn figure(
    repeat: &Repeat,
    groups: &[Group],
    (panel, name, about, caption): (Panel, &str, &str, &str),
) -> Option<Figure> {
    let curves = curves(repeat, panel);
    let unit = unit(curves.first()?.metric);
    let (from, to) = (repeat.series.at_ns.first()?, repeat.series.at_ns.last()?);
    let x = Axis::seconds(*from as f64 / 1e9, *to as f64 / 1e9);
    let mut layers = layers(&curves);
    let y = vertical(panel, unit, &layers)?;
    if panel == Panel::RequestsWait && y.to < FEW_REQUEST_BYTES {
        return None;
    }
    layers.extend(lanes(repeat, groups, &x));
    let Parts { outside: shaded, phases, notes } = Parts::of(repeat, &x);
    let struck = struck(&repeat.evictions, &x);
    let (name, about, caption) = (name.to_owned(), about.to_owned(), caption.to_owned());
    Some(Figure {
        name,
        title: title(repeat, panel),
        about,
        caption,
        x,
        y,
        shaded,
        phases,
        struck,
        notes,
        layers,
    })
}

fn vertical(panel: Panel, unit: Unit, layers: &[Layer]) -> Option<Axis> {
    let values = layers.iter().flat_map(|layer| match &layer.shape {
        Shape::Line(pieces, _) => pieces.concat(),
        Shape::Area { upper, .. } => upper.clone(),
        _ => Vec::new(),
    });
    let values: Vec<f64> = values.map(|(_, value)| value).collect();
    let max = values.iter().copied().fold(0.0, f64::max);
    if !matches!(panel, Panel::Latency | Panel::Service) {
        return Some(Axis::from_zero(unit, max));
    }
    let min = values.into_iter().filter(|v| *v > 0.0).reduce(f64::min)?;
    Some(Axis::decades(unit, min, max))
}

/// A counter is drawn by its slope.
fn is_counter(metric: Metric) -> bool {
    metric.spec().folds.iter().any(|fold| matches!(fold, Fold::Rate | Fold::Total))
}

/// Whether it is nothing in most runs, and then no line.
fn of_some_runs(metric: Metric) -> bool {
    matches!(metric, Metric::SocketsCloseWait | Metric::SocketsClosing)
}

fn unit(metric: Metric) -> Unit {
    let unit = metric.spec().unit;
    if is_counter(metric) { unit.per_second() } else { unit }
}

fn curves(repeat: &Repeat, panel: Panel) -> Vec<Curve<'_>> {
    let of_panel = |scope| {
        let metrics = Metric::ALL.iter().filter(move |m| m.spec().panel == panel && m.spec().scope == scope);
        metrics.copied().enumerate()
    };
    let curve = |metric, rank, group: Option<(usize, _)>| {
        let column = match group {
            Some((_, name)) => repeat.series.group(name, metric),
            None => repeat.series.run(metric),
        };
        let read = match group {
            // What is stacked has the times of the samples; a slope is over the time between the readings.
            _ if !is_counter(metric) => repeat.series.points(column?),
            Some((_, name)) => repeat.series.group_points(name, metric),
            None => repeat.series.run_points(metric),
        };
        // Nanoseconds of CPU per second are shares of a core.
        let slope_factor = metric.spec().unit.per_second_factor();
        let (points, scale) = if is_counter(metric) { (slopes(&read), slope_factor) } else { (read, 1.0) };
        let places: Places = points.into_iter().map(|(at, value)| (at as f64 / 1e9, value * scale)).collect();
        let places = while_it_lasted(places);
        let seen = places.iter().any(|(_, value)| *value > 0.0) || !of_some_runs(metric);
        (!places.is_empty() && seen).then_some(Curve { metric, group, rank, places })
    };
    // Where both are drawn, the whole run's lines are broad and lie below the groups'; the broadest lies at the bottom.
    let mut curves: Vec<_> =
        of_panel(Scope::Run).filter_map(|(rank, metric)| curve(metric, rank, None)).collect();
    for (index, group) in repeat.groups.iter().enumerate() {
        let group = Some((index, group.name.as_str()));
        curves.extend(of_panel(Scope::Group).filter_map(|(rank, metric)| curve(metric, rank, group)));
    }
    curves.sort_by_key(|curve| curve.metric != Metric::Connections);
    curves
}

/// Areas from the bottom up, then the lines over them.
fn layers(curves: &[Curve<'_>]) -> Vec<Layer> {
    let stacked: Vec<&Curve<'_>> =
        STACKED.iter().filter_map(|metric| curves.iter().find(|curve| curve.metric == *metric)).collect();
    let lines = curves.iter().filter(|curve| !STACKED.contains(&curve.metric));
    let lines = lines.map(|curve| curve.layer(Shape::Line(pieces(&curve.places), curve.width())));
    stack(&stacked).into_iter().chain(lines).collect()
}

fn stack(curves: &[&Curve<'_>]) -> Vec<Layer> {
    let mut times: Vec<f64> =
        curves.iter().flat_map(|curve| curve.places.iter().map(|(at, _)| *at)).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let mut lower: Places = times.iter().map(|at| (*at, 0.0)).collect();
    let mut layers = Vec::new();
    for curve in curves {
        let upper: Places = lower.iter().map(|(at, below)| (*at, below + curve.at(*at))).collect();
        layers.push(curve.layer(Shape::Area { lower, upper: upper.clone() }));
        lower = upper;
    }
    layers
}

impl Curve<'_> {
    fn layer(&self, shape: Shape) -> Layer {
        let label = match self.group {
            Some((_, name)) => match self.metric {
                Metric::Answered | Metric::Alive => name.to_owned(),
                Metric::Due => format!("{name}: due"),
                metric => format!("{name}: {}", metric.spec().label()),
            },
            None => self.metric.spec().label(),
        };
        Layer { label: Some(label), color: self.color(), shape }
    }

    fn color(&self) -> plotters::style::RGBColor {
        match (self.group, self.metric) {
            (Some((index, _)), Metric::Due) => pale(color(index)),
            (Some((index, _)), _) => color(index),
            (None, Metric::ServerRss | Metric::SocketsCloseWait) => INK,
            (None, Metric::Connections) => BACKDROP,
            (None, Metric::HarnessCpu | Metric::SocketsEstablished | Metric::SocketsClosing) => GRAY,
            (None, Metric::SendBuffered | Metric::ReceiveBuffered) => VERMILION,
            (None, Metric::KernelSendQueue | Metric::KernelReceiveQueue) => ORANGE,
            (None, Metric::ClientReceiveQueue | Metric::ClientSendQueue) => SKY,
            (None, _) => color(self.rank),
        }
    }

    /// Of several metrics of a group, which share its color, each is thicker than the one before.
    fn width(&self) -> u32 {
        match self.metric.spec().panel {
            Panel::Latency | Panel::Service => 1 + 2 * self.rank as u32,
            Panel::Connections if self.metric == Metric::Connections => 5,
            _ if self.metric == Metric::Due => 6,
            _ => 2,
        }
    }

    /// The value at a time: the last that was read.
    fn at(&self, time: f64) -> f64 {
        let after = self.places.partition_point(|(at, _)| *at <= time);
        after.checked_sub(1).map_or(0.0, |last| self.places[last].1)
    }
}

/// Without what was read once more when the clients had gone: a dot by itself, far from all others, is in the tables.
fn while_it_lasted(mut places: Places) -> Places {
    if pieces(&places).last().is_some_and(|piece| piece.len() == 1 && places.len() > 2) {
        places.pop();
    }
    places
}

/// A line is broken where values are missing.
fn pieces(places: &[(f64, f64)]) -> Vec<Places> {
    let mut steps: Vec<f64> = places.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_by(f64::total_cmp);
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(f64::INFINITY);
    places.chunk_by(|a, b| b.0 - a.0 <= usual * 1.9).map(<[_]>::to_vec).collect()
}

/// The parts of the time that was drawn, and the words above them.
struct Parts {
    /// Outside the measured window.
    outside: Vec<(f64, f64)>,
    /// Every second phase.
    phases: Vec<(f64, f64)>,
    notes: Vec<Note>,
}

impl Parts {
    fn of(repeat: &Repeat, x: &Axis) -> Self {
        let seconds = |ns: i64| ns as f64 / 1e9;
        let (from, to) = (seconds(repeat.window_ns.0), seconds(repeat.window_ns.1));
        let phases: Vec<(f64, f64, &str)> = repeat
            .phases
            .iter()
            .map(|phase| (seconds(phase.from_ns), seconds(phase.to_ns), phase.name.as_str()))
            .collect();
        // A phase may be called `after`, too.
        let (within, behind) = if phases.is_empty() {
            (vec![(from, to, "measured")], "after")
        } else {
            (phases.clone(), "clients left")
        };
        let outside = [(x.from, from, "warm-up"), (to, x.to, behind)];
        let outside: Vec<_> = outside.into_iter().filter(|(from, to, _)| to > from).collect();
        let extent = x.to - x.from;
        let wide = outside.iter().chain(&within).filter(|(from, to, _)| to - from > extent * 0.07);
        let note = |(from, to, text): &(f64, f64, &str)| Note {
            at: f64::midpoint(*from, *to),
            text: (*text).into(),
            rule: false,
        };
        let mut notes: Vec<Note> = wide.map(note).collect();
        notes.sort_by(|a, b| a.at.total_cmp(&b.at));
        Self {
            outside: outside.iter().map(|(from, to, _)| (*from, *to)).collect(),
            phases: phases.iter().skip(1).step_by(2).map(|(from, to, _)| (*from, *to)).collect(),
            notes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Phase;

    #[test]
    fn a_line_breaks_where_values_are_missing() {
        let places = [(0.0, 1.0), (0.1, 1.0), (0.2, 1.0), (0.5, 2.0), (0.6, 2.0)];
        assert_eq!(pieces(&places), [places[..3].to_vec(), places[3..].to_vec()]);
        assert_eq!(pieces(&places[..1]), [places[..1].to_vec()]);
    }

    #[test]
    fn areas_are_stacked() {
        let curve =
            |metric, places: &[(f64, f64)]| Curve { metric, group: None, rank: 0, places: places.to_vec() };
        let below = curve(Metric::SendBuffered, &[(0.0, 1.0), (1.0, 2.0)]);
        let above = curve(Metric::KernelSendQueue, &[(0.0, 10.0), (0.5, 20.0)]);
        let layers = stack(&[&below, &above]);
        let Shape::Area { upper, .. } = &layers[1].shape else { panic!("an area") };
        assert_eq!(*upper, [(0.0, 11.0), (0.5, 21.0), (1.0, 22.0)]);
    }

    #[test]
    fn every_panel_that_a_metric_is_declared_for_is_drawn() {
        for metric in Metric::ALL {
            let panel = metric.spec().panel;
            assert!(panel == Panel::None || PANELS.iter().any(|(known, ..)| *known == panel), "{metric:?}");
        }
    }

    #[test]
    fn phases_are_named_and_every_second_one_is_tinted() {
        const SECOND: i64 = 1_000_000_000;
        let x = Axis::seconds(0.0, 10.0);
        let mut repeat = Repeat { window_ns: (SECOND, 9 * SECOND), ..Repeat::default() };
        let texts =
            |parts: &Parts| -> Vec<String> { parts.notes.iter().map(|note| note.text.clone()).collect() };
        let plain = Parts::of(&repeat, &x);
        assert_eq!(texts(&plain), ["warm-up", "measured", "after"]);
        assert_eq!((plain.outside.as_slice(), plain.phases.len()), (&[(0.0, 1.0), (9.0, 10.0)][..], 0));
        repeat.phases = [("before", 1, 3), ("with", 3, 7), ("after", 7, 9)]
            .map(|(name, from, to)| Phase { name: name.into(), from_ns: from * SECOND, to_ns: to * SECOND })
            .to_vec();
        let phased = Parts::of(&repeat, &x);
        assert_eq!(texts(&phased), ["warm-up", "before", "with", "after", "clients left"]);
        assert_eq!((phased.outside, phased.phases), (plain.outside, vec![(3.0, 7.0)]));
    }
}
