//! What stands around the layers of a figure: title, notes, shades and axes.

use plotters::{
    prelude::{Color, DrawingBackend, IntoFont, RGBColor, Rectangle, Text, TextStyle},
    style::{
        FontStyle, FontTransform,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    super::figure::{GRAY, INK},
    paper::{Drawn, FONT, MARGIN, Paper, ROW},
};
use crate::text::shortened;

const TITLE_FONT: f64 = 23.0;
const GRID: RGBColor = RGBColor(226, 226, 226);
const SHADE: RGBColor = RGBColor(242, 242, 242);
const PHASE: RGBColor = RGBColor(230, 238, 249);
const STRUCK: RGBColor = RGBColor(252, 226, 212);

impl<DB: DrawingBackend> Paper<'_, DB> {
    pub(super) fn head(&self) -> Drawn<DB> {
        let room = self.size.0 - 2.0 * MARGIN;
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

    /// In which row each note stands, so that none covers another, and where it starts.
    pub(super) fn note_rows(&self) -> Vec<(f64, usize)> {
        // The borders of the plot are not known yet; those of the paper are near enough to detect overlaps.
        let (left, right) = (MARGIN + 70.0, self.size.0 - MARGIN);
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

    pub(super) fn notes(&self, rows: &[(f64, usize)]) -> Drawn<DB> {
        for (note, (_, row)) in self.figure.notes.iter().zip(rows) {
            let x = self.left + self.figure.x.place(note.at) * (self.right - self.left);
            let y = self.lane(0) - 4.0 - (*row as f64 + 0.5) * ROW;
            let half = self.width(&note.text) / 2.0;
            let middle = x.clamp(MARGIN + half, self.size.0 - MARGIN - half);
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

    pub(super) fn shade(&self) -> Drawn<DB> {
        let figure = self.figure;
        let (top, bottom) = (self.pixel(0.0, self.top).1, self.pixel(0.0, self.bottom).1);
        for (spans, color) in [(&figure.shaded, SHADE), (&figure.phases, PHASE), (&figure.struck, STRUCK)] {
            for (from, to) in spans {
                let (a, b) = (self.place((*from, 0.0)).0, self.place((*to, 0.0)).0);
                self.area.draw(&Rectangle::new([(a, top), (b.max(a + 2), bottom)], color.filled()))?;
            }
        }
        Ok(())
    }

    pub(super) fn axes(&self) -> Drawn<DB> {
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
            let middle = x.min(self.size.0 - 6.0 - half);
            if middle - half > free {
                self.write(label, (middle, self.bottom + 18.0), HPos::Center, GRAY)?;
                free = middle + half + 10.0;
            }
        }
        Ok(())
    }

    pub(super) fn axis_titles(&self) -> Drawn<DB> {
        let (across, down) = (f64::midpoint(self.left, self.right), f64::midpoint(self.top, self.bottom));
        let (x, y) = (self.figure.x.title(), self.figure.y.title());
        if !x.is_empty() {
            self.write(x, (across, self.bottom + 40.0), HPos::Center, GRAY)?;
        }
        if y.is_empty() {
            return Ok(());
        }
        let style = self.font().color(&GRAY).pos(Pos::new(HPos::Center, VPos::Center));
        let upright = style.transform(FontTransform::Rotate270);
        // What moves other text down moves this one to the right.
        let place = self.pixel(MARGIN - 6.0 + FONT * self.text_down, down);
        self.area.draw(&Text::new(y.to_owned(), place, upright))
    }
}
