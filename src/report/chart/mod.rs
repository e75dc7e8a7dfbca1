//! Charts of a record. A chart is first made as data (a [`Figure`]: one file for each kind of chart), then drawn as PNG
//! or SVG by the same code. The declaration of a metric names the panel in which it appears.

mod axis;
mod capacity;
mod draw;
mod figure;
pub(super) mod history;
mod lanes;
mod lateness;
mod live;
pub(super) mod paint;
pub(super) mod pairs;
mod percentiles;
mod sweep;
mod time;
mod title;

use self::draw::Medium;
pub(super) use self::{
    capacity::NAME as CAPACITY,
    figure::{Figure, at_night},
    live::Live,
    sweep::file_name as sweep_file_name,
};
use super::ReportError;
use crate::record::Record;

/// A picture is this much larger than the figure, and drawn at twice that size, then halved: smooth edges.
const ENLARGED: f64 = 1.4;

const VECTORS: Medium = Medium { scale: 1.0, text_down: 0.0, size: draw::SIZE, has_head: true };

/// For the screen of a phone, where the words above the plot are text of the page.
const NARROW: Medium = Medium { size: draw::NARROW_SIZE, has_head: false, ..VECTORS };

const PIXELS: Medium =
    Medium { scale: ENLARGED * 2.0, text_down: paint::TEXT_DOWN, size: draw::SIZE, has_head: true };

/// Every chart that the record has data for: along the sweep first, then those of each point's first repeat.
pub(super) fn figures(record: &Record) -> Vec<Figure> {
    let mut figures: Vec<Figure> =
        capacity::figure(record).into_iter().chain(sweep::figures(record)).collect();
    for (index, point) in record.points.iter().enumerate().filter(|(index, _)| is_drawn(record, *index)) {
        let Some(repeat) = point.repeats.first() else { continue };
        let suffix = if record.points.len() > 1 { format!("-{}", index + 1) } else { String::new() };
        let of_point = time::figures(repeat, &record.profile.clients).into_iter();
        let of_point = of_point.chain(percentiles::figure(repeat)).chain(lateness::figure(repeat));
        figures.extend(of_point.map(|figure| Figure { name: format!("{}{suffix}", figure.name), ..figure }));
    }
    figures
}

/// Whether a point has charts of its own: of the levels of a search, the ends of the bracket.
fn is_drawn(record: &Record, index: usize) -> bool {
    let Some(capacity) = &record.capacity else { return true };
    let ends = [&capacity.bracket.holds, &capacity.bracket.fails];
    let value = capacity.levels.get(index).map(|level| level.value);
    ends.into_iter().flatten().any(|border| Some(border.value) == value)
}

impl Figure {
    /// What is drawn, as elements of an SVG of [`draw::SIZE`], without the element around them.
    pub(super) fn shapes(&self) -> Result<String, ReportError> {
        self.elements(VECTORS)
    }

    /// The same for a phone: of [`draw::NARROW_SIZE`], without the title and what is drawn.
    pub(super) fn narrow_shapes(&self) -> Result<String, ReportError> {
        self.elements(NARROW)
    }

    fn elements(&self, medium: Medium) -> Result<String, ReportError> {
        let svg = self.vectors(medium)?;
        let inside =
            svg.split_once("<svg").and_then(|(_, svg)| svg.split_once('>')).map_or("", |(_, inside)| inside);
        Ok(inside.trim_end().trim_end_matches("</svg>").to_owned())
    }

    /// An SVG file.
    pub(super) fn svg(&self) -> Result<String, ReportError> {
        self.vectors(VECTORS)
    }

    fn vectors(&self, medium: Medium) -> Result<String, ReportError> {
        paint::vectors(&self.name, medium.size, |area| draw::draw(self, area, medium))
    }

    /// A PNG file.
    pub(super) fn png(&self) -> Result<Vec<u8>, ReportError> {
        self.picture(ENLARGED)
    }

    /// A PNG file so many times as large as the figure.
    pub(super) fn picture(&self, enlarged: f64) -> Result<Vec<u8>, ReportError> {
        paint::pixels(&self.name, draw::SIZE, enlarged, |area, scale| {
            draw::draw(self, area, Medium { scale, ..PIXELS })
        })
    }
}
