//! The layers of a figure: lines, areas, bars, dots, and the lanes above the plot.

use plotters::prelude::{Color, DrawingBackend, Polygon, Rectangle};

use super::{
    super::figure::{Layer, Shape},
    paper::{AREA_OPACITY, Drawn, Paper},
};

impl<DB: DrawingBackend> Paper<'_, DB> {
    pub(super) fn layer(&self, layer: &Layer) -> Drawn<DB> {
        let pixels = |places: &[(f64, f64)]| places.iter().map(|&p| self.place(p)).collect::<Vec<_>>();
        match &layer.shape {
            Shape::Line(pieces, width) => {
                for piece in pieces {
                    match pixels(piece)[..] {
                        [alone] => self.dot(alone, layer.color)?,
                        ref line => self.line(line.to_vec(), layer.color, *width)?,
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
}
