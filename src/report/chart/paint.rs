//! Drawings as files: SVG, and PNG drawn at twice its size and halved, for smooth edges.

use std::{fmt::Display, sync::Once};

use plotters::{
    coord::Shift,
    drawing::DrawingAreaErrorKind,
    prelude::{BitMapBackend, DrawingArea, DrawingBackend, IntoDrawingArea, SVGBackend},
    style::{FontStyle, register_font},
};

use crate::report::{ReportError, medium};

/// plotters puts the baseline of text half its size below the top of its box, but means the box's middle to be 0.4 of
/// the size below the top: figures, 0.63 of the size high, come to stand too high by the rest, a share of the size.
pub(in crate::report) const TEXT_DOWN: f64 = 0.21;

/// What drawing comes to.
pub(in crate::report) type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// An SVG document of this size; `name` is for errors.
pub(in crate::report) fn vectors(
    name: &str,
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Drawn<SVGBackend<'static>>,
) -> Result<String, ReportError> {
    load_font();
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
    draw(&area).and_then(|()| area.present()).map_err(|error| failed(name, &error))?;
    drop(area);
    Ok(medium::xml_document(text))
}

/// A PNG file so many times as large as this size; what draws it is told by what to multiply lengths.
pub(in crate::report) fn pixels(
    name: &str,
    size: (u32, u32),
    enlarged: f64,
    draw: impl FnOnce(&DrawingArea<BitMapBackend<'_>, Shift>, f64) -> Drawn<BitMapBackend<'static>>,
) -> Result<Vec<u8>, ReportError> {
    load_font();
    let enlarge = |length: u32| (f64::from(length) * enlarged) as u32;
    let (width, height) = (enlarge(size.0), enlarge(size.1));
    let mut pixels = vec![0; (width * 2 * height * 2 * 3) as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (width * 2, height * 2)).into_drawing_area();
    draw(&area, enlarged * 2.0).and_then(|()| area.present()).map_err(|error| failed(name, &error))?;
    drop(area);
    encode(width, height, &halved(&pixels, width as usize)).map_err(|error| failed(name, &error))
}

fn failed(name: &str, reason: &dyn Display) -> ReportError {
    ReportError::Chart { chart: name.to_owned(), reason: reason.to_string() }
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
