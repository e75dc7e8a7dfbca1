//! The matrix of the atlas as a picture: a row for each variant of a server, a column for each fault.

use plotters::{
    coord::Shift,
    prelude::{Color, DrawingArea, DrawingBackend, IntoFont, RGBColor, Rectangle, Text, TextStyle, WHITE},
    style::text_anchor::{HPos, Pos, VPos},
};

use super::words::{self, Tone};
use crate::{
    atlas::{Atlas, Cell},
    report::{
        ReportError,
        chart::paint::{self, Drawn},
    },
};

const MARGIN: i32 = 20;
const HEAD: i32 = 118;
const FOOT: i32 = 44;
/// The width of the names of servers and variants.
const NAMES: i32 = 300;
const COLUMN: i32 = 92;
const ROW: i32 = 70;
/// From one line of a cell to the next.
const LINE: i32 = 13;
/// Space between two servers.
const GAP: i32 = 8;
const FONT: f64 = 14.0;
const SMALL: f64 = 11.5;

const INK: RGBColor = RGBColor(29, 29, 31);
const QUIET: RGBColor = RGBColor(98, 98, 106);
const HARM: RGBColor = RGBColor(143, 29, 20);

impl Tone {
    const fn color(self) -> RGBColor {
        match self {
            Self::Early => RGBColor(168, 220, 194),
            Self::Late => RGBColor(246, 226, 162),
            Self::Held => RGBColor(243, 178, 148),
            Self::GoesOn => RGBColor(207, 227, 243),
            Self::Died => INK,
            Self::Nothing => WHITE,
            Self::Unknown => RGBColor(226, 226, 230),
        }
    }
}

pub(super) fn svg(atlas: &Atlas) -> Result<String, ReportError> {
    paint::vectors("atlas", size(atlas), |area| draw(atlas, area, 1.0, 0.0))
}

pub(super) fn png(atlas: &Atlas) -> Result<Vec<u8>, ReportError> {
    paint::pixels("atlas", size(atlas), 1.0, |area, scale| draw(atlas, area, scale, paint::TEXT_DOWN))
}

/// Width and height.
fn size(atlas: &Atlas) -> (u32, u32) {
    let rows: usize = atlas.measured().map(|server| atlas.variants(&server.name).len()).sum();
    let width = MARGIN * 2 + NAMES + COLUMN * atlas.faults.len() as i32;
    let height = HEAD + FOOT + ROW * rows as i32 + GAP * atlas.measured().count() as i32;
    (width.max(900) as u32, height as u32)
}

/// Where the picture is drawn.
struct Paper<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    scale: f64,
    text_down: f64,
}

fn draw<DB: DrawingBackend>(
    atlas: &Atlas,
    area: &DrawingArea<DB, Shift>,
    scale: f64,
    text_down: f64,
) -> Drawn<DB> {
    let paper = Paper { area, scale, text_down };
    area.fill(&WHITE)?;
    paper.write("Which timeout stops which fault", (MARGIN, 26), (20.0, INK, HPos::Left))?;
    let about = format!(
        "{} peers at a time; the number is the time until the server ended them, below it by what, the memory of each peer, \
         what good clients notice, and what the kernel still keeps of each peer afterwards (left); ≠: its documentation says \
         something else",
        atlas.peers
    );
    for (row, line) in paper.broken(&about, size(atlas).0 as i32 - 2 * MARGIN).iter().enumerate() {
        paper.write(line, (MARGIN, 50 + 16 * row as i32), (SMALL + 1.0, QUIET, HPos::Left))?;
    }
    for (index, fault) in atlas.faults.iter().enumerate() {
        let center = MARGIN + NAMES + COLUMN * index as i32 + COLUMN / 2;
        let lines = paper.broken(&fault.title, COLUMN - 6);
        for (row, line) in lines.iter().rev().enumerate() {
            paper.write(line, (center, HEAD - 14 - 15 * row as i32), (SMALL, INK, HPos::Center))?;
        }
    }
    let mut top = HEAD;
    for server in atlas.measured() {
        let variants = atlas.variants(&server.name);
        for (row, variant) in variants.iter().enumerate() {
            let middle = top + ROW / 2;
            if row == 0 {
                for (index, line) in paper.broken(&server.title, NAMES - 90).iter().enumerate() {
                    paper.write(line, (MARGIN, middle + 17 * index as i32), (FONT, INK, HPos::Left))?;
                }
            }
            paper.write(variant.name(), (MARGIN + NAMES - 10, middle), (SMALL, QUIET, HPos::Right))?;
            for (index, fault) in atlas.faults.iter().enumerate() {
                let left = MARGIN + NAMES + COLUMN * index as i32;
                if let Some(cell) = atlas.cell(&server.name, *variant, &fault.name) {
                    paper.cell(cell, (left, top))?;
                }
            }
            top += ROW;
        }
        top += GAP;
    }
    paper.legend(top + FOOT / 2 - GAP / 2)
}

impl<DB: DrawingBackend> Paper<'_, DB> {
    fn pixel(&self, (x, y): (i32, i32)) -> (i32, i32) {
        let scaled = |length: i32| (f64::from(length) * self.scale).round() as i32;
        (scaled(x), scaled(y))
    }

    fn style(&self, size: f64) -> TextStyle<'static> {
        TextStyle::from(("sans-serif", size * self.scale).into_font())
    }

    fn write(
        &self,
        text: &str,
        (x, y): (i32, i32),
        (size, color, align): (f64, RGBColor, HPos),
    ) -> Drawn<DB> {
        let style = self.style(size).color(&color).pos(Pos::new(align, VPos::Center));
        let (x, y) = self.pixel((x, y));
        let down = (size * self.text_down * self.scale).round() as i32;
        self.area.draw(&Text::new(text.to_owned(), (x, y + down), style))
    }

    fn width(&self, text: &str, size: f64) -> i32 {
        // Without a size the text is not drawn either, and drawing says why.
        let width = self.area.estimate_text_size(text, &self.style(size)).map_or(0, |(width, _)| width);
        (f64::from(width) / self.scale) as i32
    }

    fn fill(&self, (x, y): (i32, i32), (wide, high): (i32, i32), color: RGBColor) -> Drawn<DB> {
        self.area
            .draw(&Rectangle::new([self.pixel((x, y)), self.pixel((x + wide, y + high))], color.filled()))
    }

    /// Text in lines that are no wider, broken between words.
    fn broken(&self, text: &str, width: i32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ') {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}"), FONT) <= width => {
                    line.extend([" ", word]);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    fn cell(&self, cell: &Cell, (left, top): (i32, i32)) -> Drawn<DB> {
        let tone = words::tone(cell);
        self.fill((left + 1, top + 1), (COLUMN - 2, ROW - 2), tone.color())?;
        let (ink, harm) = if tone == Tone::Died { (WHITE, WHITE) } else { (INK, HARM) };
        let lines = [
            (words::marked(cell), FONT - 1.0, ink),
            (words::by(cell), SMALL - 1.0, ink),
            (words::cost(cell), SMALL - 1.0, ink),
            (words::harm(cell), SMALL - 1.0, harm),
            (words::left(cell), SMALL - 1.0, harm),
        ];
        let lines: Vec<_> = lines.into_iter().filter(|(text, ..)| !text.is_empty()).collect();
        let first = top + (ROW - LINE * (lines.len() as i32 - 1)) / 2;
        for (index, (text, size, color)) in lines.iter().enumerate() {
            let middle = first + LINE * index as i32;
            self.write(text, (left + COLUMN / 2, middle), (*size, *color, HPos::Center))?;
        }
        Ok(())
    }

    fn legend(&self, middle: i32) -> Drawn<DB> {
        let mut left = MARGIN;
        for (tone, what) in Tone::LEGEND {
            self.fill((left, middle - 8), (16, 16), tone.color())?;
            self.write(what, (left + 24, middle), (SMALL, INK, HPos::Left))?;
            left += 24 + self.width(what, SMALL) + 28;
        }
        Ok(())
    }
}
