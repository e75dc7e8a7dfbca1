//! A figure as data for the page's script, which lets a reader zoom into it.

use plotters::style::RGBColor;
use serde::Serialize;

use super::{
    axis::{Axis, Shows},
    figure::{Figure, Layer, Places, Shape},
};
use crate::metric::Unit;

/// What the page's script draws: the same as the picture, in values.
#[derive(Serialize)]
pub(in crate::report) struct Live<'a> {
    name: &'a str,
    title: &'a str,
    about: &'a str,
    x: Scale<'a>,
    y: Scale<'a>,
    shaded: Vec<(f64, f64)>,
    phases: Vec<(f64, f64)>,
    struck: Vec<(f64, f64)>,
    /// Words above the plot, each with the value that it is centered at.
    notes: Vec<(f64, &'a str)>,
    /// Values of the x-axis, for several layers each.
    xs: Vec<Vec<f64>>,
    layers: Vec<LiveLayer<'a>>,
}

#[derive(Serialize)]
struct Scale<'a> {
    /// What its values are.
    title: &'a str,
    /// `seconds`, `nines`, or the unit.
    shows: &'static str,
    log: bool,
    from: f64,
    to: f64,
    /// Only where the script could not find them itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticks: Option<&'a [(f64, String)]>,
}

#[derive(Serialize)]
struct LiveLayer<'a> {
    label: Option<&'a str>,
    color: String,
    #[serde(flatten)]
    shape: LiveShape,
}

/// `x` is the place of the layer's x values in `xs`; `null` is a gap.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum LiveShape {
    Line { width: u32, x: usize, y: Vec<Option<f64>> },
    Area { x: usize, y: Vec<Option<f64>> },
    Spans { lane: usize, spans: Vec<(f64, f64)> },
    Marks { lane: usize, at: Vec<f64> },
}

impl Figure {
    /// Whether it shows what happened when.
    pub(in crate::report) fn is_over_time(&self) -> bool {
        self.x.shows == Shows::Seconds
    }

    /// Whether a phone needs a picture of its own: the script does not draw the figure, and long names beside the axis leave
    /// room for it.
    pub(in crate::report) fn has_narrow(&self) -> bool {
        self.y.shows != Shows::Settings && self.live().is_none()
    }

    /// The figure for the page's script: over time, or over shares of the answers. `None`: a picture is all there is.
    pub(in crate::report) fn live(&self) -> Option<Live<'_>> {
        let y = match self.y.shows {
            Shows::Measured(unit) => scale(&self.y, unit_name(unit), false),
            _ => return None,
        };
        let x = match self.x.shows {
            Shows::Seconds => scale(&self.x, "seconds", false),
            Shows::Nines => scale(&self.x, "nines", true),
            _ => return None,
        };
        let mut xs = Vec::new();
        let layers = self.layers.iter().map(|layer| live_layer(layer, &mut xs));
        let layers = layers.collect::<Option<_>>()?;
        Some(Live {
            name: &self.name,
            title: &self.title,
            about: &self.about,
            x,
            y,
            shaded: spans(&self.shaded),
            phases: spans(&self.phases),
            struck: spans(&self.struck),
            notes: self.notes.iter().map(|note| (brief(note.at), note.text.as_str())).collect(),
            xs,
            layers,
        })
    }
}

fn scale<'a>(axis: &'a Axis, shows: &'static str, ticks: bool) -> Scale<'a> {
    let ticks = ticks.then_some(axis.ticks.as_slice());
    Scale {
        title: axis.title(),
        shows,
        log: axis.is_log(),
        from: brief(axis.from),
        to: brief(axis.to),
        ticks,
    }
}

fn live_layer<'a>(layer: &'a Layer, xs: &mut Vec<Vec<f64>>) -> Option<LiveLayer<'a>> {
    let shape = match &layer.shape {
        Shape::Line(pieces, width) => {
            let (x, y) = with_gaps(pieces);
            LiveShape::Line { width: *width, x: place(xs, x), y }
        }
        Shape::Area { upper, .. } => {
            let (x, y) = with_gaps(std::slice::from_ref(upper));
            LiveShape::Area { x: place(xs, x), y }
        }
        Shape::Spans(times, lane) => LiveShape::Spans { lane: *lane, spans: spans(times) },
        Shape::Marks(at, lane) => {
            LiveShape::Marks { lane: *lane, at: at.iter().map(|at| brief(*at)).collect() }
        }
        Shape::Rings(_) | Shape::Dots(_) | Shape::Bars(..) => return None,
    };
    let RGBColor(r, g, b) = layer.color;
    Some(LiveLayer { label: layer.label.as_deref(), color: format!("#{r:02x}{g:02x}{b:02x}"), shape })
}

fn spans(times: &[(f64, f64)]) -> Vec<(f64, f64)> {
    times.iter().map(|(from, to)| (brief(*from), brief(*to))).collect()
}

/// All pieces in one, with a gap in the middle between each two.
fn with_gaps(pieces: &[Places]) -> (Vec<f64>, Vec<Option<f64>>) {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for piece in pieces {
        if let (Some(before), Some(first)) = (x.last(), piece.first()) {
            x.push(brief(f64::midpoint(*before, first.0)));
            y.push(None);
        }
        for place in piece {
            x.push(brief(place.0));
            y.push(Some(brief(place.1)));
        }
    }
    (x, y)
}

/// Where these values are among those that are there already.
fn place(xs: &mut Vec<Vec<f64>>, x: Vec<f64>) -> usize {
    xs.iter().position(|known| *known == x).unwrap_or_else(|| {
        xs.push(x);
        xs.len() - 1
    })
}

/// Seven significant digits: finer than any screen, and the record has them all.
fn brief(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}

const fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::BytesPerSecond => "bytes/s",
        Unit::Nanoseconds => "ns",
        Unit::Count => "count",
        Unit::PerSecond => "/s",
        Unit::Cores | Unit::Share => "share",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_lie_between_pieces() {
        let pieces = [vec![(1.0, 5.0), (2.0, 6.0)], vec![(4.0, 7.0)]];
        let (x, y) = with_gaps(&pieces);
        assert_eq!(x, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(y, [Some(5.0), Some(6.0), None, Some(7.0)]);
    }

    #[test]
    fn values_keep_seven_digits() {
        let written = [0.123_456_789, 0.0, 1_048_576.0].map(|value| brief(value).to_string());
        assert_eq!(written, ["0.1234568", "0", "1048576"]);
    }

    #[test]
    fn equal_times_are_stored_once() {
        let mut xs = Vec::new();
        let places = [vec![1.0], vec![2.0], vec![1.0]].map(|x| place(&mut xs, x));
        assert_eq!((places, xs.len()), ([0, 1, 0], 2));
    }
}
