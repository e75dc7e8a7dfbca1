//! The paper that a figure is drawn on: its borders, and the strokes and words that everything else is made of.

use plotters::{
    coord::Shift,
    element::DashedPathElement,
    prelude::{
        Circle, Color, DrawingArea, DrawingBackend, IntoFont, PathElement, RGBColor, ShapeStyle, Text,
        TextStyle,
    },
    style::text_anchor::{HPos, Pos, VPos},
};

use super::super::figure::{Figure, Layer, Shape};
pub(super) use super::super::paint::Drawn;

pub(super) const MARGIN: f64 = 24.0;
pub(super) const FONT: f64 = 16.5;
pub(super) const ROW: f64 = 22.0;
pub(super) const LANE: f64 = 12.0;
/// How much an area hides what is under it.
pub(super) const AREA_OPACITY: f64 = 0.4;
/// Lines of this width are dashed.
const DASHED: u32 = 1;

pub(super) type Pixel = (i32, i32);

/// The figure, where it is drawn, and the borders of the plot in it, in units of scale 1.
pub(super) struct Paper<'a, DB: DrawingBackend> {
    pub(super) area: &'a DrawingArea<DB, Shift>,
    pub(super) figure: &'a Figure,
    pub(super) scale: f64,
    pub(super) text_down: f64,
    pub(super) size: (f64, f64),
    pub(super) head: f64,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl<DB: DrawingBackend> Paper<'_, DB> {
    /// How many lanes there are above the plot.
    pub(super) fn lanes(&self) -> usize {
        let lane = |layer: &Layer| match &layer.shape {
            Shape::Spans(_, row) | Shape::Marks(_, row) => row + 1,
            _ => 0,
        };
        self.figure.layers.iter().map(lane).max().unwrap_or(0)
    }

    /// The upper edge of a lane.
    pub(super) fn lane(&self, row: usize) -> f64 {
        self.top - (self.lanes() - row.min(self.lanes())) as f64 * LANE
    }

    /// A line of a layer: the thinnest are dashed, so that they can be told from others of their color.
    pub(super) fn line(&self, path: Vec<Pixel>, color: RGBColor, width: u32) -> Drawn<DB> {
        if width > DASHED {
            return self.stroke(path, color, f64::from(width));
        }
        let length = |units: f64| (units * self.scale).round() as i32;
        let style = ShapeStyle::from(&color).stroke_width((1.5 * self.scale).round().max(1.0) as u32);
        self.area.draw(&DashedPathElement::new(path, length(7.0), length(4.0), style))
    }

    pub(super) fn stroke(&self, path: Vec<Pixel>, color: RGBColor, width: f64) -> Drawn<DB> {
        let width = (width * self.scale).round().max(1.0) as u32;
        self.area.draw(&PathElement::new(path, ShapeStyle::from(&color).stroke_width(width)))
    }

    pub(super) fn dot(&self, at: Pixel, color: RGBColor) -> Drawn<DB> {
        self.area.draw(&Circle::new(at, (4.0 * self.scale) as i32, color.filled()))
    }

    pub(super) fn ring(&self, at: Pixel, color: RGBColor) -> Drawn<DB> {
        let line = ShapeStyle::from(&color).stroke_width(self.scale.round().max(1.0) as u32);
        self.area.draw(&Circle::new(at, (4.0 * self.scale) as i32, line))
    }

    pub(super) fn write(&self, text: &str, (x, y): (f64, f64), align: HPos, color: RGBColor) -> Drawn<DB> {
        let style = self.font().color(&color).pos(Pos::new(align, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), self.pixel(x, y + FONT * self.text_down), style))
    }

    pub(super) fn font(&self) -> TextStyle<'static> {
        TextStyle::from(("sans-serif", FONT * self.scale).into_font())
    }

    pub(super) fn width(&self, text: &str) -> f64 {
        self.wide(&self.font(), text)
    }

    /// The width of a text in units of scale 1.
    pub(super) fn wide(&self, style: &TextStyle<'_>, text: &str) -> f64 {
        // Without a size the text is not drawn either, and drawing says why.
        self.area.estimate_text_size(text, style).map_or(0.0, |(width, _)| f64::from(width) / self.scale)
    }

    pub(super) fn pixel(&self, x: f64, y: f64) -> Pixel {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    /// Where a value of both axes stands.
    pub(super) fn place(&self, (x, y): (f64, f64)) -> Pixel {
        let across = self.left + self.figure.x.place(x) * (self.right - self.left);
        let down = self.bottom - self.figure.y.place(y) * (self.bottom - self.top);
        self.pixel(across, down)
    }
}
