//! `junit.xml`: each verdict is a test case. INCONCLUSIVE is skipped, and INVALID is an error.

use std::fmt::Write;

use super::{super::medium::html as text, Case, CiReport};
use crate::record::Outcome;

/// The whole file.
pub(in crate::report) fn render(report: &CiReport) -> String {
    let count = |outcome| report.cases.iter().filter(|case| case.result == outcome).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\"",
        report.cases.len(),
        count(Outcome::Fail),
        count(Outcome::Invalid),
        count(Outcome::Inconclusive),
        report.seconds
    );
    let suite = text(&report.suite);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"badpeer\" {counts}>\n\
         <testsuite name=\"{suite}\" {counts}>\n"
    );
    for case in &report.cases {
        // They were judged together when all was measured: none took time of its own.
        let _ = writeln!(
            out,
            "<testcase name=\"{}\" classname=\"badpeer.{suite}\" time=\"0\">{}</testcase>",
            text(&case.name),
            element(case).unwrap_or_default()
        );
    }
    out + "</testsuite>\n</testsuites>\n"
}

/// The element for a case that did not pass. The facts are also in the body, because some readers show only the body.
fn element(case: &Case) -> Option<String> {
    let tag = match case.result {
        Outcome::Pass => return None,
        Outcome::Fail => "failure",
        Outcome::Invalid => "error",
        Outcome::Inconclusive => "skipped",
    };
    let (facts, word) = (text(&case.facts), case.word);
    Some(match case.result {
        Outcome::Inconclusive => format!("<{tag} message=\"{word}: {facts}\"/>"),
        _ => {
            format!("<{tag} message=\"{facts}\" type=\"{word}\">{word} {}: {facts}</{tag}>", text(&case.name))
        }
    })
}
