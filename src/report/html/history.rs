//! `history.html`: every metric over the runs of a history.

use super::page::{details, figure, page};
use crate::report::{ReportError, chart::Figure};

/// The whole page: the charts of each profile.
pub(in crate::report) fn render(
    profiles: &[(String, Vec<Figure>)],
    runs: usize,
) -> Result<String, ReportError> {
    let mut body = format!(
        "<header>\n<p class=\"kicker\">badpeer · history</p>\n<h1>Over the commits</h1>\n<p class=\"about\">{runs} \
         {}. A line joins only runs on the same machine and kernel. To compare two commits, measure pairs \
         (<code>badpeer compare</code>): these runs were measured at different times.</p>\n</header>\n",
        if runs == 1 { "run" } else { "runs" },
    );
    for (index, (profile, figures)) in profiles.iter().enumerate() {
        let charts: Result<String, ReportError> =
            figures.iter().map(|chart| figure(chart, &chart.name)).collect();
        body += &details(profile, &charts?, index == 0);
    }
    page("badpeer: history", &body, &[])
}
