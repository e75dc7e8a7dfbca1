//! The names of lines at their ends, where there is room for them: the legend is for what is not named there.

use plotters::{prelude::DrawingBackend, style::text_anchor::HPos};

use super::{
    super::figure::{INK, Layer, Shape},
    paper::{Drawn, Paper},
};

/// The most room for names beside the plot, as a share of the figure's width.
const MOST: f64 = 0.22;
/// How far before the border of the plot a line may end, as a share of the plot's width.
const NEAR: f64 = 0.1;
/// Lines of this width lie behind others, which end where they do.
const BEHIND: u32 = 5;
/// From the border of the plot to the names.
const LEADER: f64 = 12.0;
/// Names are so far apart,
const GAP: f64 = 18.0;
/// and at most so far above or below the ends of their lines.
const FURTHEST: f64 = 40.0;

impl<DB: DrawingBackend> Paper<'_, DB> {
    /// The places of those layers that are named at their ends: all lines that end near the border, if there are several, and
    /// all names fit and stand near their lines.
    pub(super) fn named(&self) -> Vec<usize> {
        let layers = self.figure.layers.iter().enumerate();
        let ends_near = |layer: &Layer| {
            let is_near = |(x, _)| self.figure.x.place(x) >= 1.0 - NEAR;
            layer.label.is_some() && end(layer).is_some_and(is_near)
        };
        let named: Vec<usize> = layers.filter(|(_, layer)| ends_near(layer)).map(|(i, _)| i).collect();
        let has_room = self.widest(&named) + LEADER <= MOST * self.size.0;
        let is_told = named.len() > 1 && has_room && self.name_places(&named).is_some();
        if is_told { named } else { Vec::new() }
    }

    /// The right border of the plot that leaves room for these names.
    pub(super) fn right_of_names(&self, named: &[usize]) -> f64 {
        if named.is_empty() {
            return self.right;
        }
        self.right.min(self.size.0 - 8.0 - LEADER - self.widest(named))
    }

    /// The names, below each other beside the plot, each with a thin line from the end of its own.
    pub(super) fn names(&self, named: &[usize]) -> Drawn<DB> {
        let places = self.name_places(named).unwrap_or_default();
        for (layer, y) in named.iter().map(|i| &self.figure.layers[*i]).zip(places) {
            let (Some(end), Some(label)) = (end(layer), layer.label.as_deref()) else { continue };
            let x = self.right + LEADER;
            self.stroke(vec![self.place(end), self.pixel(x - 3.0, y)], layer.color, 1.0)?;
            self.write(label, (x, y), HPos::Left, INK)?;
        }
        Ok(())
    }

    /// The width of the widest of these names.
    fn widest(&self, named: &[usize]) -> f64 {
        let labels = named.iter().filter_map(|i| self.figure.layers[*i].label.as_deref());
        labels.map(|label| self.width(label)).fold(0.0, f64::max)
    }

    /// How far down each name stands; `None` where one would be far from its line.
    fn name_places(&self, named: &[usize]) -> Option<Vec<f64>> {
        let ends = named.iter().filter_map(|i| end(&self.figure.layers[*i]));
        let down = |(_, y)| self.bottom - self.figure.y.place(y) * (self.bottom - self.top);
        let ends: Vec<f64> = ends.map(down).collect();
        let places = apart(&ends, self.top, self.bottom);
        let is_near = ends.iter().zip(&places).all(|(end, place)| (end - place).abs() <= FURTHEST);
        is_near.then_some(places)
    }
}

/// The last place of a line that lies behind no other.
fn end(layer: &Layer) -> Option<(f64, f64)> {
    match &layer.shape {
        Shape::Line(pieces, width) if *width < BEHIND => pieces.last()?.last().copied(),
        _ => None,
    }
}

/// Heights that are [`GAP`] apart and as near to the wanted ones as they can be (by the sum of squares), between two borders.
fn apart(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    // Without the gaps, which are the same whatever is done, heights must only not fall: neighbors that do are pooled
    // (Barlow et al., "Statistical Inference under Order Restrictions", 1972).
    let gaps = |rank: usize| rank as f64 * GAP;
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (rank, index) in order.iter().enumerate() {
        let mut pool = (wanted[*index] - gaps(rank), 1);
        while let Some(last) = pools.pop_if(|last| last.0 >= pool.0) {
            let count = last.1 + pool.1;
            pool = ((last.0 * last.1 as f64 + pool.0 * pool.1 as f64) / count as f64, count);
        }
        pools.push(pool);
    }
    let lowest = (bottom - gaps(wanted.len().saturating_sub(1))).max(top);
    let heights = pools.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count));
    let mut places = vec![0.0; wanted.len()];
    for ((rank, index), height) in order.into_iter().enumerate().zip(heights) {
        places[index] = height.clamp(top, lowest) + gaps(rank);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_touch_move_apart() {
        assert_eq!(apart(&[50.0, 10.0], 0.0, 100.0), [50.0, 10.0], "far enough apart");
        assert_eq!(apart(&[50.0, 50.0], 0.0, 100.0), [41.0, 59.0]);
        assert_eq!(apart(&[20.0, 50.0, 52.0, 54.0], 0.0, 100.0), [17.0, 35.0, 53.0, 71.0]);
    }

    #[test]
    fn names_stay_between_the_borders() {
        assert_eq!(apart(&[99.0, 100.0], 0.0, 100.0), [82.0, 100.0]);
        assert_eq!(apart(&[0.0, 0.0], 5.0, 100.0), [5.0, 23.0]);
        assert_eq!(apart(&[], 0.0, 100.0), [] as [f64; 0]);
    }
}
