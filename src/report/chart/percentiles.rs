//! Latency over the whole distribution, on an axis where each further nine has the same width, so that the slowest
//! answers are visible.

use super::{
    axis::Axis,
    figure::{Figure, Layer, Places, Shape, color, pale},
};
use crate::{
    metric::{Fold, Key, Metric, Stat, Unit},
    record::{Buckets, Repeat},
    report::view::show,
};

/// Places for each factor of ten, at equal distances.
const PER_DECADE: f64 = 40.0;

/// The chart of a repeat's latencies; `None` when nothing was answered in the window.
pub(super) fn figure(repeat: &Repeat) -> Option<Figure> {
    let answered = repeat.groups.iter().enumerate().filter(|(_, group)| group.response_ns.count() > 0);
    let most = answered.clone().map(|(_, group)| group.response_ns.count()).max()?;
    let mut layers = Vec::new();
    for (index, group) in answered {
        let line = |buckets, width| Shape::Line(vec![curve(buckets)], width);
        let (name, color) = (&group.name, color(index));
        // In a closed loop a request is due when it can be sent: the two are the same.
        if repeat.series.group(name, Metric::IntervalServiceP50).is_some() {
            let label = Some(format!("{name}: service time"));
            layers.push(Layer { label, color: pale(color), shape: line(&group.service_ns, 5) });
        }
        let label = Some(format!("{name}: response time"));
        layers.push(Layer { label, color, shape: line(&group.response_ns, 2) });
    }
    let values = layers.iter().flat_map(|layer| match &layer.shape {
        Shape::Line(pieces, _) => pieces.concat(),
        _ => Vec::new(),
    });
    let values: Vec<f64> = values.map(|(_, value)| value).collect();
    let (min, max) =
        (values.iter().copied().reduce(f64::min)?.max(1.0), values.iter().copied().reduce(f64::max)?);
    Some(Figure {
        name: "latency-percentiles".to_owned(),
        title: title(repeat),
        about: "Latency that this share of the answers did not exceed; each further nine has the same width on the axis"
            .to_owned(),
        caption: "Response time counts from when a request was due, service time from when it was sent. Where the two \
            curves differ, requests waited to be sent. The right end of a curve is the slowest answer. The chart \
            covers only the measured window; the vertical scale is logarithmic if values lie far apart."
            .to_owned(),
        x: Axis::nines(most as f64),
        y: Axis::of_values(Unit::Nanoseconds, min, max),
        shaded: Vec::new(),
        phases: Vec::new(),
        struck: Vec::new(),
        notes: Vec::new(),
        layers,
    })
}

fn title(repeat: &Repeat) -> String {
    let of = |name: &str, metric| {
        let stat = Stat { metric, fold: Fold::Final };
        repeat.summary.get(&Key::new(Some(name), stat).to_string()).map(|ns| show(Unit::Nanoseconds, *ns))
    };
    let known = repeat.groups.iter().filter_map(|group| {
        Some((of(&group.name, Metric::LatencyP99)?, of(&group.name, Metric::LatencyMax)?, &group.name))
    });
    match known.collect::<Vec<_>>().as_slice() {
        [] => "Response time".to_owned(),
        [(p99, max, name)] => format!("99 % of answers to {name} came within {p99}, the slowest after {max}"),
        [(p99, max, name), (p99_too, max_too, name_too), ..] => format!(
            "99 % of answers came within {p99} to {name} and {p99_too} to {name_too}, the slowest after {max} and {max_too}"
        ),
    }
}

/// Values at 1/(1 − q), up to the last share that so many values can resolve.
fn curve(buckets: &Buckets) -> Places {
    let count = buckets.count() as f64;
    let last = (count.log10() * PER_DECADE).ceil() as u32;
    let place = |step: u32| {
        let x = 10_f64.powf(f64::from(step) / PER_DECADE).min(count);
        Some((x, buckets.quantile(1.0 - 1.0 / x)? as f64))
    };
    let end = buckets.quantile(1.0).map(|slowest| (count.max(1.0), slowest as f64));
    (0..last).filter_map(place).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_nine_has_the_same_width() {
        let places = curve(&Buckets((1..=1000).map(|ns| (ns, 1)).collect()));
        assert_eq!((places[0], places[places.len() - 1]), ((1.0, 1.0), (1000.0, 1000.0)));
        assert_eq!(places.len(), 121);
        let at = |x: f64| places.iter().find(|place| (place.0 - x).abs() < 1e-9).map(|place| place.1);
        assert_eq!((at(10.0), at(100.0)), (Some(900.0), Some(990.0)));
        assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }

    #[test]
    fn one_answer_gives_a_curve() {
        assert_eq!(curve(&Buckets(vec![(7, 1)])), [(1.0, 7.0)]);
        assert_eq!(curve(&Buckets::default()), []);
    }
}
