//! The result of a calibration, for a terminal.

use super::{
    super::table::{Align, Table},
    columns,
    style::Style,
};
use crate::gate::Calibration;

/// The result of a calibration, as text.
#[must_use]
pub fn calibration(calibration: &Calibration, style: Style) -> String {
    let summary = calibration.summary();
    let right = |title| (title, Align::Right);
    let head = [("metric", Align::Left), right("worse by"), right("suspected"), right("confirmed")];
    let mut table = Table::new("What the gate detects", &head);
    if !calibration.is_planted {
        table.column("detects changes from", Align::Right);
    }
    for (name, number) in &summary.numbers {
        let change = number.change.map_or_else(String::new, |change| format!("{:+.1} %", change * 100.0));
        let mut cells = vec![name.clone(), change, number.suspected.to_string(), number.called.to_string()];
        if !calibration.is_planted {
            cells.push(number.found_from.map_or("never".to_owned(), |from| format!("{:.0} %", from * 100.0)));
        }
        table.row(cells);
    }
    let (alarms, gates) = (summary.alarms, summary.gates);
    let invalid = match summary.invalid {
        0 => String::new(),
        count => format!(" Another {count} were INVALID and do not count."),
    };
    let text = match summary.alarm_rate_below {
        None => format!(
            "{alarms} of {gates} comparisons with a server that is known to be worse ended with REGRESSION or \
                FAIL.{invalid}"
        ),
        Some(below) => format!(
            "{alarms} of {gates} comparisons of the server with itself ended with REGRESSION or FAIL: the false \
             alarm rate is below {:.1} % (95 % confidence).{invalid} \"detects changes from\" is the smallest change \
             that the first stage would report in four of five comparisons.",
            below * 100.0
        ),
    };
    let legend = "\"worse by\" is the median; \"suspected\" counts the comparisons whose first stage reported the \
        metric, \"confirmed\" those whose fresh pairs confirmed it.";
    let text = format!("{text} {legend} It took {:.0} s.", summary.seconds);
    format!("\n{}\n{}", columns::table(&table, style.width), style.hanging("", &text, 0))
}
