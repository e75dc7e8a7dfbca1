//! `history.csv`: a row for each run and point, with the numbers that are gated or expected, for charts over commits and for
//! programs that look for changes. Rows are only ever added; a number that is new is a new column at the right, empty in the
//! rows before it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use indexmap::{IndexMap, IndexSet};
use nix::{
    fcntl::{Flock, FlockArg},
    unistd::{AccessFlags, access},
};

use super::{
    medium,
    view::{mean, sound, values},
};
use crate::{
    files,
    gate::{censored_by, gated},
    record::{Point, Record, number_of, place},
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
    /// Processor and cores.
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

/// The rows of a record.
fn rows(record: &Record) -> Vec<Row> {
    let expected = record.profile.expect.keys();
    let expected = expected.map(|name| number_of(name).to_owned());
    let gated = gated(&record.profile).into_iter().map(|gated| gated.name);
    let of_core = ["core_cpu_per_step".to_owned()];
    let names: IndexSet<String> = gated.chain(expected).chain(of_core).collect();
    let row = |point: &Point| {
        // A lower bound is no number to draw a line through.
        let is_known = |name: &&String| censored_by(point, name).is_none();
        let number = |name: &String| Some((name.clone(), mean(&values(point, name))?));
        Row {
            time: record.started.clone(),
            commit: record.commit.clone().unwrap_or_default(),
            profile: record.name.clone(),
            point: place(&point.axes, " "),
            machine: format!("{}, {} cores", record.machine.cpu, record.machine.cores),
            kernel: record.machine.kernel.clone(),
            badpeer: record.badpeer.clone(),
            numbers: names.iter().filter(is_known).filter_map(number).collect(),
        }
    };
    let sound: Vec<Point> = record.points.iter().map(sound).collect();
    sound.iter().filter(|point| !point.trials.is_empty()).map(row).collect()
}

/// Adds the rows of a record to the file, which is made if it is not there. Who adds at the same time waits.
///
/// # Errors
/// A file that cannot be written, or that is no history.
pub fn append(file: &Path, record: &Record) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    files::regular(file)?;
    let mut locked = locked(file)?;
    let mut text = String::new();
    locked.read_to_string(&mut text)?;
    let rows = rows(record);
    let (known, old) = parse(&text, &file.display().to_string())?;
    let mut columns: IndexSet<String> = known.into_iter().collect();
    let before = columns.len();
    columns.extend(rows.iter().flat_map(|row| row.numbers.keys().cloned()));
    if text.ends_with('\n') && columns.len() == before {
        let added = lines(&columns, false, &rows)?;
        files::append(&mut locked, &added)?;
        return Ok(());
    }
    let all: Vec<Row> = old.into_iter().chain(rows).collect();
    // The new file takes the place of the old one whole, or not at all.
    files::write(file, &lines(&columns, true, &all)?)?;
    Ok(())
}

/// Whether rows can be added to the file, there already or not.
///
/// # Errors
/// A file that cannot be written, or that is no history.
pub fn check(file: &Path) -> Result<(), HistoryError> {
    let unwritable = |e| HistoryError::Write(file.display().to_string(), e);
    files::regular(file).map_err(unwritable)?;
    if file.exists() {
        read(file)?;
    }
    let writable = if file.exists() {
        access(file, AccessFlags::W_OK).map_err(io::Error::from)
    } else {
        super::writable(file.parent().unwrap_or(Path::new("")))
    };
    writable.map_err(unwritable)
}

/// The file, for this process alone until it is dropped.
fn locked(file: &Path) -> io::Result<Flock<File>> {
    loop {
        let handle = OpenOptions::new().read(true).append(true).create(true).open(file)?;
        let locked = Flock::lock(handle, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
        // While this one waited, another may have put a new file in its place.
        let is_it = std::fs::metadata(file).is_ok_and(|there| {
            locked.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (there.dev(), there.ino()))
        });
        if is_it {
            return Ok(locked);
        }
    }
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
fn parse(text: &str, file: &str) -> Result<(Vec<String>, Vec<Row>), HistoryError> {
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

/// Reads a history.
pub(super) fn read(file: &Path) -> Result<Vec<Row>, HistoryError> {
    let name = file.display().to_string();
    let text = files::regular(file).and_then(|()| std::fs::read_to_string(file));
    let text = text.map_err(|error| HistoryError::Read(name.clone(), error))?;
    parse(&text, &name).map(|(_, rows)| rows)
}
