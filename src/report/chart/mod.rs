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
pub(super) mod pairs;
mod percentiles;
mod sweep;
mod time;
mod title;

use std::sync::Once;

use plotters::{
    prelude::{BitMapBackend, IntoDrawingArea, SVGBackend},
    style::{FontStyle, register_font},
};

use self::draw::Medium;
pub(super) use self::{
    capacity::NAME as CAPACITY,
    figure::{Figure, at_night},
    live::Live,
    sweep::file_name as sweep_file_name,
};
use super::{ReportError, medium};
use crate::record::Record;

/// A picture is this much larger than the figure, and drawn at twice that size, then halved: smooth edges.
const ENLARGED: f64 = 1.4;

const VECTORS: Medium = Medium { scale: 1.0, text_down: 0.0, size: draw::SIZE, has_head: true };

/// For the screen of a phone, where the words above the plot are text of the page.
const NARROW: Medium = Medium { size: draw::NARROW_SIZE, has_head: false, ..VECTORS };

/// plotters puts the baseline of text half its size below the top of its box, but means the box's middle to be 0.4 of
/// the size below the top: figures, 0.63 of the size high, come to stand too high by the rest.
const PIXELS: Medium = Medium { scale: ENLARGED * 2.0, text_down: 0.21, size: draw::SIZE, has_head: true };

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
        load_font();
        let mut text = String::new();
        let area = SVGBackend::with_string(&mut text, medium.size).into_drawing_area();
        draw::draw(self, &area, medium).and_then(|()| area.present()).map_err(|e| self.failed(&e))?;
        drop(area);
        Ok(medium::xml_document(text))
    }

    /// A PNG file.
    pub(super) fn png(&self) -> Result<Vec<u8>, ReportError> {
        self.picture(ENLARGED)
    }

    /// A PNG file so many times as large as the figure.
    pub(super) fn picture(&self, enlarged: f64) -> Result<Vec<u8>, ReportError> {
        load_font();
        let side = |length: u32| (f64::from(length) * enlarged) as u32;
        let (width, height) = (side(draw::SIZE.0), side(draw::SIZE.1));
        let mut pixels = vec![0; (width * 2 * height * 2 * 3) as usize];
        let area = BitMapBackend::with_buffer(&mut pixels, (width * 2, height * 2)).into_drawing_area();
        let medium = Medium { scale: enlarged * 2.0, ..PIXELS };
        draw::draw(self, &area, medium).and_then(|()| area.present()).map_err(|e| self.failed(&e))?;
        drop(area);
        encode(width, height, &halved(&pixels, width as usize)).map_err(|e| self.failed(&e))
    }

    fn failed(&self, reason: &dyn std::fmt::Display) -> ReportError {
        ReportError::Chart { chart: self.name.clone(), reason: reason.to_string() }
    }
}

/// A PNG file of these pixels: red, green and blue, a byte each.
fn encode(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Balanced);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(file)
}

/// Each pixel the mean of four, `width` of them in a row.
fn halved(pixels: &[u8], width: usize) -> Vec<u8> {
    let row = width * 2 * 3;
    let mut out = Vec::with_capacity(pixels.len() / 4);
    for rows in pixels.chunks_exact(row * 2) {
        let (above, below) = rows.split_at(row);
        for (a, b) in above.chunks_exact(6).zip(below.chunks_exact(6)) {
            for channel in [0, 1, 2] {
                let left = u16::from(a[channel]) + u16::from(b[channel]);
                let right = u16::from(a[channel + 3]) + u16::from(b[channel + 3]);
                out.push(((left + right) / 4) as u8);
            }
        }
    }
    out
}

/// The font comes with the program: nothing has to be installed.
fn load_font() {
    static LOADED: Once = Once::new();
    LOADED.call_once(|| {
        let font = include_bytes!("../../../assets/DejaVuSans.ttf");
        let loaded = register_font("sans-serif", FontStyle::Normal, font);
        assert!(loaded.is_ok(), "the font in assets/ is a font");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_averages_four_pixels() {
        let pixels: Vec<u8> = [[0, 0, 0, 4, 8, 0], [4, 0, 4, 0, 0, 0]].concat();
        assert_eq!(halved(&pixels, 1), [2, 2, 1]);
    }
}
