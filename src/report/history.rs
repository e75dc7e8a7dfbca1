//! `history.csv`: a row for each run and point, with the numbers that are gated or expected, for charts over commits and for
//! programs that look for changes. Rows are only ever added; a number that is new is a new column at the right, empty in the
//! rows before it.

use std::io;

use indexmap::{IndexMap, IndexSet};

use super::{medium, view::sound};
use crate::{
    gate::{censored_by, gated},
    metric::Key,
    record::{Loopback, Machine, Point, Record, place},
    stats::mean,
};

/// What every row begins with.
const HEAD: [&str; 7] = ["time", "commit", "profile", "point", "machine", "kernel", "badpeer"];

/// One run at one point.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// When it started (RFC 3339).
    pub(super) time: String,
    /// Empty where there was none.
    pub(super) commit: String,
    pub(super) profile: String,
    /// The point of the sweep, empty without one.
    pub(super) point: String,
    /// Processor and cores, and the loopback interface if it is not as usual.
    pub(super) machine: String,
    pub(super) kernel: String,
    badpeer: String,
    /// In base units; the mean over the repeats.
    pub(super) numbers: IndexMap<String, f64>,
}

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be opened.
    #[error("cannot read the history {0}: {1}; `badpeer run --history` creates one")]
    Read(String, io::Error),
    /// Nothing can be added to it.
    #[error("cannot write the history {0}: {1}; name another file with --history=FILE")]
    Write(String, io::Error),
    /// It is none.
    #[error("{file}:{line}: {reason}")]
    Parse {
        /// The file.
        file: String,
        /// The line, from 1 on.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

impl Row {
    /// The machine without its loopback interface.
    pub(super) fn hardware(&self) -> &str {
        self.machine.split(LOOPBACK).next().unwrap_or_default()
    }
}

/// The rows of a record.
fn rows(record: &Record) -> Vec<Row> {
    let expected = record.profile.expect.keys();
    let expected = expected
        .map(|name| Key::parse(name).map_or_else(|| Key::name_in(name).to_owned(), |key| key.to_string()));
    let gated = gated(&record.profile).into_iter().map(|gated| gated.name);
    let of_core = ["core_cpu_per_step".to_owned()];
    let names: IndexSet<String> = gated.chain(expected).chain(of_core).collect();
    let row = |point: &Point| {
        // A lower bound is no number to draw a line through.
        let is_known = |name: &&String| censored_by(point, name).is_none();
        let number = |name: &String| Some((name.clone(), mean(&point.values(name))?));
        Row {
            time: record.started.clone(),
            commit: record.commit.clone().unwrap_or_default(),
            profile: record.name.clone(),
            point: place(&point.axes, " "),
            machine: machine(&record.machine),
            kernel: record.machine.kernel.clone(),
            badpeer: record.badpeer.clone(),
            numbers: names.iter().filter(is_known).filter_map(number).collect(),
        }
    };
    let sound: Vec<Point> = record.points.iter().map(sound).collect();
    sound.iter().filter(|point| !point.repeats.is_empty()).map(row).collect()
}

/// What stands between the machine and its loopback interface.
const LOOPBACK: &str = ", loopback ";

/// The machine in words, with its loopback interface if that is not as usual: no line is drawn from one to another.
fn machine(machine: &Machine) -> String {
    let other = machine.loopback.filter(|loopback| *loopback != Loopback::USUAL);
    let other = other.map_or_else(String::new, |loopback| format!("{LOOPBACK}{loopback}"));
    format!("{}, {} cores{other}", machine.cpu, machine.cores)
}

/// What a history becomes with one more record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addition {
    /// These bytes stand behind what is there.
    Behind(Vec<u8>),
    /// These bytes take the place of what is there: there are more columns now.
    Whole(Vec<u8>),
}

/// What the history with this text becomes with the rows of one more record; `file` is its name, for what is wrong with it.
///
/// # Errors
/// A text that is no history, or rows that cannot be written.
pub fn addition(text: &str, file: &str, record: &Record) -> Result<Addition, Box<dyn std::error::Error>> {
    let rows = rows(record);
    let (known, old) = parse(text, file)?;
    let mut columns: IndexSet<String> = known.into_iter().collect();
    let before = columns.len();
    columns.extend(rows.iter().flat_map(|row| row.numbers.keys().cloned()));
    if text.ends_with('\n') && columns.len() == before {
        return Ok(Addition::Behind(lines(&columns, false, &rows)?));
    }
    let all: Vec<Row> = old.into_iter().chain(rows).collect();
    Ok(Addition::Whole(lines(&columns, true, &all)?))
}

/// Whether the text is a history; `file` is its name.
///
/// # Errors
/// Where it is none.
pub fn check(text: &str, file: &str) -> Result<(), HistoryError> {
    parse(text, file).map(drop)
}

/// Rows as CSV, with or without their head.
fn lines(columns: &IndexSet<String>, with_head: bool, rows: &[Row]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_head {
        writer.write_record(columns)?;
    }
    for row in rows {
        let own = [&row.time, &row.commit, &row.profile, &row.point, &row.machine, &row.kernel, &row.badpeer];
        let own: IndexMap<&str, &String> = HEAD.into_iter().zip(own).collect();
        let cell = |column: &String| match own.get(column.as_str()) {
            Some(text) => medium::csv(text),
            None => row.numbers.get(column).map(ToString::to_string).unwrap_or_default(),
        };
        writer.write_record(columns.iter().map(cell))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn wrong(file: &str, line: u64, reason: &dyn std::fmt::Display) -> HistoryError {
    HistoryError::Parse { file: file.to_owned(), line, reason: reason.to_string() }
}

/// The columns of a history, which has at least those of every row.
fn columns(head: &csv::StringRecord, file: &str) -> Result<Vec<String>, HistoryError> {
    let columns: Vec<String> = head.iter().map(str::to_owned).collect();
    match HEAD.iter().find(|name| !columns.iter().any(|column| column == *name)) {
        None => Ok(columns),
        Some(missing) => {
            let reason = format!(
                "there is no column `{missing}`: this is not a history; name a file that \
                 `badpeer run --history` wrote"
            );
            Err(wrong(file, 1, &reason))
        }
    }
}

/// Why a line could not be read.
fn unreadable(file: &str, error: &csv::Error) -> HistoryError {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let reason =
                format!("it has {len} cells instead of {expected_len}: correct the line, or delete it");
            wrong(file, line, &reason)
        }
        _ => wrong(file, line, error),
    }
}

/// The columns and the rows of a history, in the order of the file. Every row ends with its line: of a last one that does not,
/// the end may be missing (a full disk, a machine that stopped). What it has too few cells of is left out, and so is its
/// last number, which may have had more digits.
pub(super) fn parse(text: &str, file: &str) -> Result<(Vec<String>, Vec<Row>), HistoryError> {
    if text.trim().is_empty() {
        return Ok((HEAD.iter().map(|name| (*name).to_owned()).collect(), Vec::new()));
    }
    let is_cut = !text.ends_with('\n');
    let last_line = text.lines().count() as u64;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = columns(reader.headers().map_err(|error| wrong(file, 1, &error))?, file)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let is_last = |line: u64| is_cut && line == last_line;
        let has_too_few = |error: &csv::Error| match error.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                len < expected_len && pos.as_ref().is_some_and(|pos| is_last(pos.line()))
            }
            _ => false,
        };
        if record.as_ref().is_err_and(has_too_few) {
            break;
        }
        let record = record.map_err(|error| unreadable(file, &error))?;
        let line = record.position().map_or(1, csv::Position::line);
        let cells: IndexMap<&str, &str> = columns.iter().map(String::as_str).zip(&record).collect();
        let text = |name: &str| cells.get(name).copied().unwrap_or_default().to_owned();
        let mut numbers = IndexMap::new();
        let trusted = columns.len() - usize::from(is_last(line));
        let cells = cells.iter().take(trusted);
        for (name, cell) in cells.filter(|(name, cell)| !HEAD.contains(name) && !cell.is_empty()) {
            let number: f64 =
                cell.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| {
                    wrong(file, line, &format!("`{cell}` in column `{name}` is not a number"))
                })?;
            numbers.insert((*name).to_owned(), number);
        }
        rows.push(Row {
            time: text("time"),
            commit: text("commit"),
            profile: text("profile"),
            point: text("point"),
            machine: text("machine"),
            kernel: text("kernel"),
            badpeer: text("badpeer"),
            numbers,
        });
    }
    Ok((columns, rows))
}
