//! The file of a history: read, checked, and added to by one process at a time.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use nix::{
    fcntl::{Flock, FlockArg},
    unistd::{AccessFlags, access},
};

use crate::{
    files,
    record::Record,
    report::history::{self, Addition, HistoryError},
};

/// Adds the rows of a record to the file, which is made if it is not there. Who adds at the same time waits.
///
/// # Errors
/// A file that cannot be written, or that is no history.
pub fn append(file: &Path, record: &Record) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    files::regular(file)?;
    let mut locked = locked(file)?;
    let mut text = String::new();
    locked.read_to_string(&mut text)?;
    match history::addition(&text, &file.display().to_string(), record)? {
        Addition::Behind(bytes) => files::append(&mut locked, &bytes)?,
        // The new file takes the place of the old one whole, or not at all.
        Addition::Whole(bytes) => files::write(file, &bytes)?,
    }
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
        history::check(&read(file)?, &file.display().to_string())?;
    }
    let writable = if file.exists() {
        access(file, AccessFlags::W_OK).map_err(io::Error::from)
    } else {
        files::writable(file.parent().unwrap_or(Path::new("")))
    };
    writable.map_err(unwritable)
}

/// What is in the file.
///
/// # Errors
/// A file that cannot be read.
pub fn read(file: &Path) -> Result<String, HistoryError> {
    let text = files::regular(file).and_then(|()| fs::read_to_string(file));
    text.map_err(|error| HistoryError::Read(file.display().to_string(), error))
}

/// The file, for this process alone until it is dropped.
fn locked(file: &Path) -> io::Result<Flock<File>> {
    loop {
        let handle = OpenOptions::new().read(true).append(true).create(true).open(file)?;
        let locked = Flock::lock(handle, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
        // While this one waited, another may have put a new file in its place.
        let is_it = fs::metadata(file).is_ok_and(|there| {
            locked.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (there.dev(), there.ino()))
        });
        if is_it {
            return Ok(locked);
        }
    }
}
