//! A chart as data: all that is to be seen, before anything is drawn.

use plotters::style::RGBColor;

use super::axis::Axis;

/// A chart.
#[derive(Clone, Debug)]
pub(in crate::report) struct Figure {
    /// Its file's stem.
    pub(in crate::report) name: String,
    /// What there is to see, in a line.
    pub(in crate::report) title: String,
    /// What is drawn, and in which unit.
    pub(in crate::report) about: String,
    /// How to read it, for the page.
    pub(in crate::report) caption: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Times outside the measured window.
    pub(super) shaded: Vec<(f64, f64)>,
    /// Times at which connections were evicted.
    pub(super) struck: Vec<(f64, f64)>,
    /// Words above the plot, the first in the lowest row.
    pub(super) notes: Vec<Note>,
    pub(super) layers: Vec<Layer>,
}

impl Figure {
    /// How far the values of lines, bars and dots lie apart, as a share of the largest (0 to 1).
    pub(in crate::report) fn spread(&self) -> f64 {
        let values = self.layers.iter().flat_map(|layer| match &layer.shape {
            Shape::Line(pieces, _) => pieces.concat(),
            Shape::Bars(places, _) | Shape::Dots(places) => places.clone(),
            _ => Vec::new(),
        });
        let values: Vec<f64> = values.map(|(_, value)| value).collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        let least = values.into_iter().fold(most, f64::min);
        if most > 0.0 { (most - least) / most } else { 0.0 }
    }
}

/// Words above the plot, centered at a value of the x-axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    pub(super) at: f64,
    pub(super) text: String,
    /// A dashed line leads down from the words.
    pub(super) rule: bool,
}

/// One thing to see, with its entry in the legend.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// What it is; a layer without a label shares that of another.
    pub(super) label: Option<String>,
    pub(super) color: RGBColor,
    pub(super) shape: Shape,
}

/// Places `(x, y)` in the axes' values.
pub(super) type Places = Vec<(f64, f64)>;

/// How a layer looks.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Lines with gaps between them, so many units wide.
    Line(Vec<Places>, u32),
    /// The area between two lines over the same x.
    Area {
        /// Its lower edge.
        lower: Places,
        /// Its upper edge.
        upper: Places,
    },
    /// Times from and to, in the lane of that number above the plot.
    Spans(Vec<(f64, f64)>, usize),
    /// Short marks, likewise.
    Marks(Vec<f64>, usize),
    /// Rings, one for each repeat.
    Rings(Places),
    /// Filled dots.
    Dots(Places),
    /// Bars from the x-axis up, so wide in its values.
    Bars(Places, f64),
}

/// A number's name as a part of a file's.
pub(super) fn stem(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

/// Text and whatever is most important.
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
/// Whatever is beside the point.
pub(super) const GRAY: RGBColor = RGBColor(110, 110, 110);

/// What others are seen before.
pub(super) const BACKDROP: RGBColor = RGBColor(170, 170, 170);

/// Colors that people with any color vision tell apart (Okabe and Ito, "Color universal design", 2008), without the
/// yellow, which cannot be read on white.
pub(super) const PALETTE: [RGBColor; 6] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY];
const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);

/// The color of the `index`-th of several like things; where the palette ends it begins again, darker.
pub(super) fn color(index: usize) -> RGBColor {
    let RGBColor(r, g, b) = PALETTE[index % PALETTE.len()];
    let darker = |channel: u8| (f64::from(channel) * 0.55_f64.powi((index / PALETTE.len()) as i32)) as u8;
    RGBColor(darker(r), darker(g), darker(b))
}

/// A color for what lies behind that of the same thing.
pub(super) fn pale(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let paler = |channel: u8| 255 - ((255.0 - f64::from(channel)) * 0.3) as u8;
    RGBColor(paler(r), paler(g), paler(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pale_follows_the_papers_color() {
        let style = include_str!("../html/page.css");
        for color in PALETTE {
            let RGBColor(r, g, b) = pale(color);
            let rule = format!(".plot svg [stroke=\"#{r:02X}{g:02X}{b:02X}\"]");
            assert!(style.contains(&rule), "no rule {rule} in page.css");
        }
    }
}
