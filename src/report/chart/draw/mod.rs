//! A figure on paper: the one place that draws, for pictures and vectors alike.
//!
//! ```text
//!   title
//!   what is drawn
//!   ── legend   ── legend                 in as many rows as it needs
//!            note         note            likewise
//!          ▬▬▬▬▬▬▬▬▬▬  ı ı              lanes: who was there, and when connections were evicted
//!   ticks  ┌──────────────────────────┐
//!          │ plot                     │ names of lines, where there is room
//!          └──────────────────────────┘
//!            ticks
//!                     title of the axis    that of the other one stands upright at the left
//! ```

mod ends;
mod frame;
mod layers;
mod legend;
mod paper;

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend, WHITE},
};

use self::paper::{Drawn, LANE, MARGIN, Paper, ROW};
use super::{axis::Axis, figure::Figure};

/// The size of a figure at scale 1.
pub(super) const SIZE: (u32, u32) = (1000, 500);
/// The size of one for the screen of a phone.
pub(super) const NARROW_SIZE: (u32, u32) = (400, 340);

const HEAD: f64 = 66.0;
const FOOT: f64 = 46.0;
/// The room of an axis's title.
const AXIS_TITLE: f64 = 20.0;

/// How a kind of paper differs from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Medium {
    /// Every length is multiplied by this.
    pub(super) scale: f64,
    /// How far text has to be moved down to stand in the middle of its row, as a share of its size.
    pub(super) text_down: f64,
    /// Width and height of the figure at scale 1.
    pub(super) size: (u32, u32),
    /// Whether the title and what is drawn stand above the plot.
    pub(super) has_head: bool,
}

/// Draws a figure.
pub(super) fn draw<DB: DrawingBackend>(
    figure: &Figure,
    area: &DrawingArea<DB, Shift>,
    Medium { scale, text_down, size: (width, height), has_head }: Medium,
) -> Drawn<DB> {
    area.fill(&WHITE)?;
    let (size, head) = ((f64::from(width), f64::from(height)), if has_head { HEAD } else { MARGIN });
    let (left, top, right, bottom) = (0.0, 0.0, 0.0, 0.0);
    let mut paper = Paper { area, figure, scale, text_down, size, head, left, top, right, bottom };
    let notes = paper.note_rows();
    let widest = figure.y.ticks.iter().map(|(_, label)| paper.width(label)).fold(0.0, f64::max);
    let title = |axis: &Axis| if axis.title().is_empty() { 0.0 } else { AXIS_TITLE };
    paper.left = MARGIN + title(&figure.y) + widest + 12.0;
    paper.right = size.0 - MARGIN - 8.0;
    paper.bottom = size.1 - FOOT - title(&figure.x);
    let notes_height = notes.iter().map(|(_, row)| row + 1).max().unwrap_or(0) as f64 * ROW;
    let between = paper.lanes() as f64 * LANE + if notes.is_empty() { 16.0 } else { 6.0 };
    let top = |legend: f64| head + legend * ROW + notes_height + between;
    // With every name in the legend the plot is the lowest: names that fit beside it then fit in any case.
    paper.top = top(legend::rows(&paper.legend_entries(&[])));
    let named = paper.named();
    let legend = paper.legend_entries(&named);
    paper.top = top(legend::rows(&legend));
    paper.right = paper.right_of_names(&named);

    if has_head {
        paper.head()?;
    }
    paper.legend(&legend)?;
    paper.shade()?;
    paper.axes()?;
    paper.axis_titles()?;
    for layer in &figure.layers {
        paper.layer(layer)?;
    }
    paper.names(&named)?;
    paper.notes(&notes)
}
