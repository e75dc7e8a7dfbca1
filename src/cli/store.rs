//! Where a run's files lie: `OUT/PROFILE/UTC-TIME/`, with `OUT/PROFILE/latest` pointing to the newest.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{Exit, Failure};
use crate::record::{FORMAT, Record};

/// The folder of one run.
#[derive(Debug)]
pub(super) struct Store {
    name: String,
    folder: PathBuf,
}

impl Store {
    /// Makes a new folder for a run of this profile.
    pub(super) fn create(out: &Path, name: &str) -> Result<Self, Failure> {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        let parent = out.join(name);
        let failed = |e: io::Error| {
            Failure::new(
                Exit::Target,
                format!("cannot write into {}: {e}; choose another --out", parent.display()),
            )
        };
        fs::create_dir_all(&parent).map_err(failed)?;
        // Two runs in one second get folders of their own.
        for attempt in 1.. {
            let suffix = if attempt == 1 { String::new() } else { format!("-{attempt}") };
            let folder = parent.join(format!("{time}{suffix}"));
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(Self { name: name.to_owned(), folder }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        unreachable!("there is always a next attempt")
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the record, whole or not at all, and points `latest` here.
    pub(super) fn write(&self, record: &Record) -> Result<(), Failure> {
        let text = serde_json::to_string(record).map_err(io::Error::other);
        let written = text.and_then(|text| {
            let draft = self.folder.join("record.json.new");
            fs::write(&draft, text)?;
            fs::rename(&draft, self.folder.join("record.json"))?;
            self.point_latest_here()
        });
        written
            .map_err(|e| Failure::new(Exit::Target, format!("cannot write {}: {e}", self.folder.display())))
    }

    fn point_latest_here(&self) -> io::Result<()> {
        let (Some(parent), Some(own)) = (self.folder.parent(), self.folder.file_name()) else {
            return Ok(());
        };
        let draft = parent.join(format!("latest.{}", std::process::id()));
        symlink(own, &draft)?;
        fs::rename(draft, parent.join("latest"))
    }

    /// Nothing was measured: no empty folder is left behind.
    pub(super) fn discard(&self) {
        let _ = fs::remove_dir(&self.folder);
        if let Some(parent) = self.folder.parent() {
            let _ = fs::remove_dir(parent);
        }
    }
}

/// Reads a record: a `record.json`, or the folder that holds it.
pub(super) fn read(path: &Path) -> Result<Record, Failure> {
    let file = if path.is_dir() { path.join("record.json") } else { path.to_owned() };
    let text = fs::read_to_string(&file)
        .map_err(|e| Failure::usage(format!("cannot read the record {}: {e}", file.display())))?;
    parse(&text).map_err(|e| Failure::usage(format!("{} is no record: {e}", file.display())))
}

fn parse(text: &str) -> Result<Record, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => return Err(format!("its format is {format}, this badpeer reads {FORMAT}")),
        None => return Err("it does not say its format".into()),
    }
    serde_json::from_value(value).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_format_is_refused_by_name() {
        assert!(parse("{\"format\": 99}").expect_err("newer").contains("format is 99"));
        assert!(parse("{}").expect_err("none").contains("does not say"));
        assert!(parse("nothing").is_err());
    }
}
