//! A figure on paper: the one place that draws, for pictures and vectors alike.
//!
//! ```text
//!   title
//!   what is drawn
//!   ── legend   ── legend                 in as many rows as it needs
//!            note         note            likewise
//!          ▬▬▬▬▬▬▬▬▬▬  ı ı              lanes: who was there, and when connections were evicted
//!   ticks  ┌──────────────────────────┐
//!          │ plot                     │
//!          └──────────────────────────┘
//!            ticks
//! ```

use plotters::{
    coord::Shift,
    prelude::{
        Circle, Color, DrawingArea, DrawingAreaErrorKind, DrawingBackend, IntoFont, PathElement, Polygon,
        RGBColor, Rectangle, ShapeStyle, Text, TextStyle, WHITE,
    },
    style::{
        FontStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::figure::{Figure, GRAY, INK, Layer, Shape};
use crate::text::shortened;

/// The size of a figure at scale 1.
pub(super) const SIZE: (u32, u32) = (1000, 500);

const MARGIN: f64 = 24.0;
const TITLE_FONT: f64 = 23.0;
const FONT: f64 = 16.5;
const ROW: f64 = 22.0;
const HEAD: f64 = 66.0;
const FOOT: f64 = 46.0;
const SWATCH: f64 = 26.0;
const LANE: f64 = 12.0;
const GRID: RGBColor = RGBColor(226, 226, 226);
const SHADE: RGBColor = RGBColor(242, 242, 242);
const STRUCK: RGBColor = RGBColor(252, 226, 212);

type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;
type Pixel = (i32, i32);

/// How a kind of paper differs from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Medium {
    /// Every length is multiplied by this.
    pub(super) scale: f64,
    /// How far text has to be moved down to stand in the middle of its row, as a share of its size.
    pub(super) text_down: f64,
}

/// Draws a figure.
pub(super) fn draw<DB: DrawingBackend>(
    figure: &Figure,
    area: &DrawingArea<DB, Shift>,
    Medium { scale, text_down }: Medium,
) -> Drawn<DB> {
    area.fill(&WHITE)?;
    let mut paper = Paper { area, figure, scale, text_down, left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 };
    let legend = paper.legend_places();
    let notes = paper.note_rows();
    let rows = |places: &[(f64, usize)]| places.iter().map(|(_, row)| row + 1).max().unwrap_or(0) as f64;
    let widest = figure.y.ticks.iter().map(|(_, label)| paper.width(label)).fold(0.0, f64::max);
    paper.left = MARGIN + widest + 12.0;
    paper.right = f64::from(SIZE.0) - MARGIN - 8.0;
    let lanes = paper.lanes() as f64 * LANE;
    paper.top =
        HEAD + (rows(&legend) + rows(&notes)) * ROW + lanes + if notes.is_empty() { 16.0 } else { 6.0 };
    paper.bottom = f64::from(SIZE.1) - FOOT;

    paper.head()?;
    paper.legend(&legend)?;
    paper.shade()?;
    paper.axes()?;
    for layer in &figure.layers {
        paper.layer(layer)?;
    }
    paper.notes(&notes)
}

/// The figure, where it is drawn, and the borders of the plot in it, in units of scale 1.
struct Paper<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    figure: &'a Figure,
    scale: f64,
    text_down: f64,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl<DB: DrawingBackend> Paper<'_, DB> {
    fn head(&self) -> Drawn<DB> {
        let room = f64::from(SIZE.0) - 2.0 * MARGIN;
        let bold = |size: f64| ("sans-serif", size * self.scale, FontStyle::Bold).into_font();
        let (mut size, mut title) = (TITLE_FONT, self.figure.title.clone());
        while self.wide(&TextStyle::from(bold(size)), &title) > room {
            if size > FONT {
                size -= 0.5;
            } else {
                title = shortened(&title, title.chars().count() - 1);
            }
        }
        let style = TextStyle::from(bold(size)).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        self.area.draw(&Text::new(title, self.pixel(MARGIN, 24.0 + size * self.text_down), style))?;
        self.write(&self.figure.about, (MARGIN, 49.0), HPos::Left, GRAY)
    }

    /// Where each entry of the legend starts, and in which row.
    fn legend_places(&self) -> Vec<(f64, usize)> {
        let (mut x, mut row) = (MARGIN, 0);
        let labels = self.figure.layers.iter().filter_map(|layer| layer.label.as_deref());
        let mut place = |label: &str| {
            let width = SWATCH + 8.0 + self.width(label) + 26.0;
            if x > MARGIN && x + width > f64::from(SIZE.0) - MARGIN {
                (x, row) = (MARGIN, row + 1);
            }
            x += width;
            (x - width, row)
        };
        labels.map(&mut place).collect()
    }

    fn legend(&self, places: &[(f64, usize)]) -> Drawn<DB> {
        let entries = self.figure.layers.iter().filter_map(|layer| Some((layer, layer.label.as_deref()?)));
        for ((layer, label), (x, row)) in entries.zip(places) {
            let y = HEAD + (*row as f64 + 0.5) * ROW;
            let (from, middle, to) =
                (self.pixel(*x, y), self.pixel(x + SWATCH / 2.0, y), self.pixel(x + SWATCH, y));
            match &layer.shape {
                Shape::Line(_, width) => self.stroke(vec![from, to], layer.color, f64::from(*width))?,
                Shape::Area { .. } | Shape::Bars(..) => {
                    let corners = [self.pixel(*x, y - 6.0), self.pixel(x + SWATCH, y + 6.0)];
                    self.area.draw(&Rectangle::new(corners, layer.color.mix(AREA_OPACITY).filled()))?;
                    self.stroke(vec![corners[0], (corners[1].0, corners[0].1)], layer.color, 2.0)?;
                }
                Shape::Spans(..) => {
                    let corners = [self.pixel(*x, y - 3.0), self.pixel(x + SWATCH, y + 3.0)];
                    self.area.draw(&Rectangle::new(corners, layer.color.filled()))?;
                }
                Shape::Marks(..) => {
                    let ends =
                        vec![self.pixel(x + SWATCH / 2.0, y - 7.0), self.pixel(x + SWATCH / 2.0, y + 7.0)];
                    self.stroke(ends, layer.color, 2.0)?;
                }
                Shape::Rings(_) => self.ring(middle, layer.color)?,
                Shape::Dots(_) => self.dot(middle, layer.color)?,
            }
            self.write(label, (x + SWATCH + 8.0, y), HPos::Left, INK)?;
        }
        Ok(())
    }

    /// In which row each note stands, so that none covers another, and where it starts.
    fn note_rows(&self) -> Vec<(f64, usize)> {
        // The borders of the plot are not known yet; those of the paper are near enough to detect overlaps.
        let (left, right) = (MARGIN + 70.0, f64::from(SIZE.0) - MARGIN);
        let mut ends: Vec<Vec<(f64, f64)>> = Vec::new();
        let mut place = |at: f64, width: f64| {
            let middle = left + self.figure.x.place(at) * (right - left);
            let from = (middle - width / 2.0).clamp(MARGIN, right - width);
            let free = |taken: &Vec<(f64, f64)>| {
                taken.iter().all(|(a, b)| from + width + 14.0 < *a || b + 14.0 < from)
            };
            let row = ends.iter().position(free).unwrap_or(ends.len());
            ends.resize(ends.len().max(row + 1), Vec::new());
            ends[row].push((from, from + width));
            (from, row)
        };
        self.figure.notes.iter().map(|note| place(note.at, self.width(&note.text))).collect()
    }

    fn notes(&self, rows: &[(f64, usize)]) -> Drawn<DB> {
        for (note, (_, row)) in self.figure.notes.iter().zip(rows) {
            let x = self.left + self.figure.x.place(note.at) * (self.right - self.left);
            let y = self.lane(0) - 4.0 - (*row as f64 + 0.5) * ROW;
            let half = self.width(&note.text) / 2.0;
            let middle = x.clamp(MARGIN + half, f64::from(SIZE.0) - MARGIN - half);
            self.write(&note.text, (middle, y), HPos::Center, GRAY)?;
            if note.rule {
                let mut from = y + ROW / 2.0;
                while from < self.bottom {
                    let to = (from + 6.0).min(self.bottom);
                    self.stroke(vec![self.pixel(x, from), self.pixel(x, to)], GRAY, 1.0)?;
                    from += 11.0;
                }
            }
        }
        Ok(())
    }

    fn shade(&self) -> Drawn<DB> {
        let shaded = self.figure.shaded.iter().map(|span| (span, SHADE));
        for ((from, to), color) in shaded.chain(self.figure.struck.iter().map(|span| (span, STRUCK))) {
            let (a, b) = (self.place((*from, 0.0)).0, self.place((*to, 0.0)).0);
            let (top, bottom) = (self.pixel(0.0, self.top).1, self.pixel(0.0, self.bottom).1);
            self.area.draw(&Rectangle::new([(a, top), (b.max(a + 2), bottom)], color.filled()))?;
        }
        Ok(())
    }

    /// How many lanes there are above the plot.
    fn lanes(&self) -> usize {
        let lane = |layer: &Layer| match &layer.shape {
            Shape::Spans(_, row) | Shape::Marks(_, row) => row + 1,
            _ => 0,
        };
        self.figure.layers.iter().map(lane).max().unwrap_or(0)
    }

    /// The upper edge of a lane.
    fn lane(&self, row: usize) -> f64 {
        self.top - (self.lanes() - row.min(self.lanes())) as f64 * LANE
    }

    fn axes(&self) -> Drawn<DB> {
        let (left, right) = (self.pixel(self.left, 0.0).0, self.pixel(self.right, 0.0).0);
        for (value, label) in &self.figure.y.ticks {
            let unscaled = self.bottom - self.figure.y.place(*value) * (self.bottom - self.top);
            let y = self.pixel(0.0, unscaled).1;
            self.stroke(vec![(left, y), (right, y)], GRID, 1.0)?;
            self.write(label, (self.left - 10.0, unscaled), HPos::Right, GRAY)?;
        }
        let base = self.pixel(0.0, self.bottom).1;
        self.stroke(vec![(left, base), (right, base)], GRAY, 1.0)?;
        let mut free = f64::NEG_INFINITY;
        for (value, label) in &self.figure.x.ticks {
            let x = self.left + self.figure.x.place(*value) * (self.right - self.left);
            self.stroke(vec![self.pixel(x, self.bottom), self.pixel(x, self.bottom + 5.0)], GRAY, 1.0)?;
            let half = self.width(label) / 2.0;
            let middle = x.min(f64::from(SIZE.0) - 6.0 - half);
            if middle - half > free {
                self.write(label, (middle, self.bottom + 18.0), HPos::Center, GRAY)?;
                free = middle + half + 10.0;
            }
        }
        Ok(())
    }

    fn layer(&self, layer: &Layer) -> Drawn<DB> {
        let pixels = |places: &[(f64, f64)]| places.iter().map(|&p| self.place(p)).collect::<Vec<_>>();
        match &layer.shape {
            Shape::Line(pieces, width) => {
                for piece in pieces {
                    match pixels(piece)[..] {
                        [alone] => self.dot(alone, layer.color)?,
                        ref line => self.stroke(line.to_vec(), layer.color, f64::from(*width))?,
                    }
                }
            }
            Shape::Area { lower, upper } => {
                let edge = pixels(upper);
                let outline = edge.iter().copied().chain(pixels(lower).into_iter().rev()).collect::<Vec<_>>();
                self.area.draw(&Polygon::new(outline, layer.color.mix(AREA_OPACITY).filled()))?;
                self.stroke(edge, layer.color, 2.0)?;
            }
            Shape::Spans(spans, row) => {
                let top = self.lane(*row);
                let (from, to) = (self.pixel(0.0, top + 3.0).1, self.pixel(0.0, top + 9.0).1);
                for span in spans {
                    let (a, b) = (self.place((span.0, 0.0)).0, self.place((span.1, 0.0)).0);
                    self.area.draw(&Rectangle::new([(a, from), (b.max(a + 3), to)], layer.color.filled()))?;
                }
            }
            Shape::Marks(at, row) => {
                let top = self.lane(*row);
                let (from, to) = (self.pixel(0.0, top + 1.0).1, self.pixel(0.0, top + 11.0).1);
                for at in at {
                    let x = self.place((*at, 0.0)).0;
                    self.stroke(vec![(x, from), (x, to)], layer.color, 1.0)?;
                }
            }
            Shape::Rings(places) => pixels(places).into_iter().try_for_each(|p| self.ring(p, layer.color))?,
            Shape::Dots(places) => pixels(places).into_iter().try_for_each(|p| self.dot(p, layer.color))?,
            Shape::Bars(places, width) => {
                for &(x, y) in places {
                    let foot = self.place((x - width / 2.0, self.figure.y.from));
                    let head = self.place((x + width / 2.0, y));
                    self.area.draw(&Rectangle::new([foot, head], layer.color.mix(AREA_OPACITY).filled()))?;
                    self.stroke(vec![(foot.0, head.1), head], layer.color, 3.0)?;
                }
            }
        }
        Ok(())
    }

    fn stroke(&self, path: Vec<Pixel>, color: RGBColor, width: f64) -> Drawn<DB> {
        let width = (width * self.scale).round().max(1.0) as u32;
        self.area.draw(&PathElement::new(path, ShapeStyle::from(&color).stroke_width(width)))
    }

    fn dot(&self, at: Pixel, color: RGBColor) -> Drawn<DB> {
        self.area.draw(&Circle::new(at, (4.0 * self.scale) as i32, color.filled()))
    }

    fn ring(&self, at: Pixel, color: RGBColor) -> Drawn<DB> {
        let line = ShapeStyle::from(&color).stroke_width(self.scale.round().max(1.0) as u32);
        self.area.draw(&Circle::new(at, (4.0 * self.scale) as i32, line))
    }

    fn write(&self, text: &str, (x, y): (f64, f64), align: HPos, color: RGBColor) -> Drawn<DB> {
        let style = self.font().color(&color).pos(Pos::new(align, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), self.pixel(x, y + FONT * self.text_down), style))
    }

    fn font(&self) -> TextStyle<'static> {
        TextStyle::from(("sans-serif", FONT * self.scale).into_font())
    }

    fn width(&self, text: &str) -> f64 {
        self.wide(&self.font(), text)
    }

    /// The width of a text in units of scale 1.
    fn wide(&self, style: &TextStyle<'_>, text: &str) -> f64 {
        // Without a size the text is not drawn either, and drawing says why.
        self.area.estimate_text_size(text, style).map_or(0.0, |(width, _)| f64::from(width) / self.scale)
    }

    fn pixel(&self, x: f64, y: f64) -> Pixel {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    /// Where a value of both axes stands.
    fn place(&self, (x, y): (f64, f64)) -> Pixel {
        let across = self.left + self.figure.x.place(x) * (self.right - self.left);
        let down = self.bottom - self.figure.y.place(y) * (self.bottom - self.top);
        self.pixel(across, down)
    }
}

/// How much an area hides what is under it.
const AREA_OPACITY: f64 = 0.4;
