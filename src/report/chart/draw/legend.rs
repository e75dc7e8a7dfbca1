//! The legend of a figure: what is drawn how.

use plotters::{
    prelude::{Color, DrawingBackend, Rectangle},
    style::text_anchor::HPos,
};

use super::{
    super::figure::{INK, Shape},
    paper::{AREA_OPACITY, Drawn, MARGIN, Paper, ROW},
};

const SWATCH: f64 = 26.0;

/// An entry of the legend.
pub(super) struct Entry {
    /// The layer's place among those of the figure.
    layer: usize,
    /// Where the entry starts.
    x: f64,
    /// From above.
    row: usize,
}

impl<DB: DrawingBackend> Paper<'_, DB> {
    /// The entries of the legend, without those layers that are named elsewhere.
    pub(super) fn legend_entries(&self, named: &[usize]) -> Vec<Entry> {
        let (mut x, mut row) = (MARGIN, 0);
        let layers = self.figure.layers.iter().enumerate().filter(|(i, _)| !named.contains(i));
        let mut place = |(layer, label): (usize, &str)| {
            let width = SWATCH + 8.0 + self.width(label) + 26.0;
            if x > MARGIN && x + width > self.size.0 - MARGIN {
                (x, row) = (MARGIN, row + 1);
            }
            x += width;
            Entry { layer, x: x - width, row }
        };
        layers.filter_map(|(i, layer)| Some(place((i, layer.label.as_deref()?)))).collect()
    }

    pub(super) fn legend(&self, entries: &[Entry]) -> Drawn<DB> {
        for Entry { layer, x, row } in entries {
            let layer = &self.figure.layers[*layer];
            let y = self.head + (*row as f64 + 0.5) * ROW;
            let (from, middle, to) =
                (self.pixel(*x, y), self.pixel(x + SWATCH / 2.0, y), self.pixel(x + SWATCH, y));
            match &layer.shape {
                Shape::Line(_, width) => self.line(vec![from, to], layer.color, *width)?,
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
            let label = layer.label.as_deref().unwrap_or_default();
            self.write(label, (x + SWATCH + 8.0, y), HPos::Left, INK)?;
        }
        Ok(())
    }
}

/// How many rows these entries take.
pub(super) fn rows(entries: &[Entry]) -> f64 {
    entries.last().map_or(0.0, |entry| (entry.row + 1) as f64)
}
