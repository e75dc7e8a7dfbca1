//! A chart as data: all that is to be seen, before anything is drawn.

use plotters::style::RGBColor;

use super::axis::Axis;
use crate::files;

/// A chart.
#[derive(Clone, Debug)]
pub(in crate::report) struct Figure {
    /// What it is called in its page; its file's stem is made of it.
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
    /// Phases of the window, of which every second one is tinted.
    pub(super) phases: Vec<(f64, f64)>,
    /// Times at which connections were evicted.
    pub(super) struck: Vec<(f64, f64)>,
    /// Words above the plot, the first in the lowest row.
    pub(super) notes: Vec<Note>,
    pub(super) layers: Vec<Layer>,
}

impl Figure {
    /// Its file of that kind. A name may hold what a user wrote: it leads nowhere else, and is never too long.
    pub(in crate::report) fn file(&self, kind: &str) -> String {
        format!("{}.{kind}", files::name(&self.name))
    }

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
    /// Lines with gaps between them, so many units wide; those of one unit are dashed.
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

/// Colors that people with any color vision can distinguish (Okabe and Ito, "Color universal design", 2008), without
/// the yellow, which cannot be read on white.
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

/// Dark paper.
const NIGHT: RGBColor = RGBColor(23, 24, 27);

/// The colors that must be others on dark paper, with what they are there: pale ones are pale on that paper, too, and those
/// that are darker than the palette's are lighter than it instead.
pub(in crate::report) fn at_night() -> Vec<(RGBColor, RGBColor)> {
    let mixed = |RGBColor(r, g, b): RGBColor, RGBColor(x, y, z): RGBColor, share: f64| {
        let mix =
            |one: u8, other: u8| (f64::from(one) * share + f64::from(other) * (1.0 - share)).round() as u8;
        RGBColor(mix(r, x), mix(g, y), mix(b, z))
    };
    let white = RGBColor(255, 255, 255);
    let bright = |index: usize| match index {
        0 => mixed(BLUE, white, 0.75),
        _ if index < PALETTE.len() => color(index),
        _ => mixed(PALETTE[index % PALETTE.len()], white, 0.5),
    };
    let colors = 0..2 * PALETTE.len();
    let strong = colors.clone().map(|index| (color(index), bright(index)));
    let behind = colors.map(|index| (pale(color(index)), mixed(bright(index), NIGHT, 0.4)));
    let backdrop = (BACKDROP, mixed(BACKDROP, NIGHT, 0.5));
    strong.chain(behind).chain([backdrop]).filter(|(day, night)| day != night).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two colors, after WCAG 2.1.
    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let light = |RGBColor(r, g, b)| {
            let linear = |channel: u8| {
                let share = f64::from(channel) / 255.0;
                if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
        };
        let (a, b) = (light(one), light(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_color_has_contrast_on_dark_paper_and_pale_ones_have_less() {
        let night = at_night();
        let shown = |day: RGBColor| night.iter().find(|(of, _)| *of == day).map_or(day, |(_, night)| *night);
        for index in 0..2 * PALETTE.len() {
            let (strong, behind) =
                (contrast(shown(color(index)), NIGHT), contrast(shown(pale(color(index))), NIGHT));
            assert!(
                strong > 4.0 && behind < strong * 0.7 && behind > 1.3,
                "{index}: {strong:.2} {behind:.2}"
            );
        }
        assert!(contrast(shown(BACKDROP), NIGHT) < contrast(shown(GRAY), NIGHT) * 1.2);
    }
}
