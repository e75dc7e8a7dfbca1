//! The atlas as files: a page, a picture of its matrix, and tables for programs and documents.

mod advice;
mod html;
mod markdown;
mod picture;
mod words;

use super::{ReportError, medium};
use crate::atlas::{Atlas, Cell, Outcome, ServerEntry, Variant};

/// The page and the tables of an atlas, by name.
///
/// # Errors
/// A file that cannot be made.
pub fn texts(atlas: &Atlas) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let failed = |error: &dyn std::fmt::Display| ReportError::Page(error.to_string());
    let json = serde_json::to_string_pretty(atlas).map_err(|error| failed(&error))?;
    Ok(vec![
        ("atlas.json".to_owned(), json.into_bytes()),
        ("index.html".to_owned(), html::page(atlas)?.into_bytes()),
        ("atlas.md".to_owned(), markdown::page(atlas).into_bytes()),
        ("atlas.csv".to_owned(), csv(atlas).map_err(|error| failed(&error))?),
    ])
}

/// The pictures of its matrix, by name. Drawing them takes far longer than writing the texts.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn pictures(atlas: &Atlas) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    Ok(vec![
        ("atlas.png".to_owned(), picture::png(atlas)?),
        ("atlas.svg".to_owned(), picture::svg(atlas)?.into_bytes()),
    ])
}

/// What a terminal shows: a line for each server and variant.
#[must_use]
pub fn summary(atlas: &Atlas) -> String {
    let of_server = |server: &ServerEntry| {
        if let Some(why) = &server.skipped {
            return format!("SKIP  {}: {why}\n", server.title);
        }
        let rows = Variant::ALL.iter().filter_map(|variant| counts(atlas, server, *variant));
        format!("{}\n{}", server.title, rows.collect::<Vec<_>>().concat())
    };
    medium::terminal(&atlas.servers.iter().map(of_server).collect::<Vec<_>>().concat(), false)
}

/// How many faults a variant of a server ends, holds, and so on.
fn counts(atlas: &Atlas, server: &ServerEntry, variant: Variant) -> Option<String> {
    let own = |cell: &&Cell| cell.server == server.name && cell.variant == variant;
    let cells: Vec<&Cell> = atlas.cells.iter().filter(own).collect();
    let count = |is: fn(&Outcome) -> bool| cells.iter().filter(|cell| is(&cell.outcome)).count();
    let parts = [
        ("ends", count(|outcome| matches!(outcome, Outcome::Ended { .. }))),
        ("holds", count(|outcome| matches!(outcome, Outcome::Held { .. }))),
        ("serves", count(|outcome| matches!(outcome, Outcome::GoesOn))),
        ("dies of", count(|outcome| matches!(outcome, Outcome::Died { .. }))),
        ("not known:", count(|outcome| matches!(outcome, Outcome::Unknown { .. }))),
    ];
    let shown = parts.iter().filter(|(_, count)| *count > 0);
    let shown: Vec<String> = shown.map(|(what, count)| format!("{what} {count}")).collect();
    (!shown.is_empty()).then(|| format!("  {:<9} {}\n", variant.name(), shown.join(", ")))
}

/// A row for each cell.
fn csv(atlas: &Atlas) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "server",
        "version",
        "variant",
        "fault",
        "outcome",
        "seconds",
        "ended",
        "connected",
        "ended_by",
        "user_bytes_per_peer",
        "kernel_bytes_per_peer",
        "good_p99_before_seconds",
        "good_p99_with_seconds",
        "good_silence_with_seconds",
        "good_failed",
        "sockets_left_behind",
        "bytes_left_behind",
        "documented",
        "contradicts",
        "run",
    ])?;
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for cell in &atlas.cells {
        let server = atlas.servers.iter().find(|server| server.name == cell.server);
        let seconds = words::seconds(&cell.outcome);
        let ended = match cell.outcome {
            Outcome::Ended { peers, .. } => peers.to_string(),
            _ => String::new(),
        };
        let row = [
            cell.server.clone(),
            server.and_then(|server| server.version.clone()).unwrap_or_default(),
            cell.variant.name().to_owned(),
            cell.fault.clone(),
            words::kind(&cell.outcome).to_owned(),
            number(seconds),
            ended,
            cell.peers.1.to_string(),
            words::ended_by(&cell.outcome).unwrap_or_default(),
            number(cell.user_bytes_per_peer),
            number(cell.kernel_bytes_per_peer),
            number(cell.p99_ns.map(|(before, _)| before / 1e9)),
            number(cell.p99_ns.map(|(_, with)| with / 1e9)),
            number(cell.silence_ns.map(|(_, with)| with / 1e9)),
            cell.good_failed.to_string(),
            cell.left_behind.map(|(sockets, _)| sockets.to_string()).unwrap_or_default(),
            cell.left_behind.map(|(_, bytes)| bytes.to_string()).unwrap_or_default(),
            cell.documented.as_ref().map(|documented| documented.says.clone()).unwrap_or_default(),
            cell.contradicts().map(|does| does.to_string()).unwrap_or_default(),
            cell.runs.last().cloned().unwrap_or_default(),
        ];
        writer.write_record(row.iter().map(|text| medium::csv(text)))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}
