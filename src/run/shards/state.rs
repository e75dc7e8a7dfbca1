//! The file that a shard or an observer leaves from its start to its end: who it is, and how it fared.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    clock::{Host, monotonic_at},
    end::ShardEnd,
    identity::{FORMAT, Identity, sha256},
};
use crate::{
    client::Shard,
    files,
    run::{RunError, now},
};

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    Running,
    Finished,
    Late,
    Interrupted,
    Failed,
}

/// What a shard or an observer says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) format: u32,
    pub(super) state: Stage,
    /// The SHA-256 of `run`.
    pub(super) run_id: String,
    pub(super) run: Identity,
    /// Which one it is, from 1; absent for an observer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<u32>,
    pub(super) host: Host,
    pub(super) process: u32,
    /// In UTC (RFC 3339).
    pub(super) started: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<String>,
    /// The exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exit: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// What it measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<PartFile>,
}

/// A file beside this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartFile {
    pub(super) name: String,
    pub(super) sha256: String,
}

/// The file of a shard or of an observer, which is always whole.
pub(super) struct StateFile {
    folder: PathBuf,
    stem: String,
    state: State,
    /// The start on the monotonic clock, when the file was begun.
    start_at: i128,
}

/// The name of the files of a shard, or of the observer, without their endings.
pub(super) fn stem(shard: Option<Shard>) -> String {
    shard.map_or_else(|| "observer".to_owned(), |Shard { index, of }| format!("shard-{}-of-{of}", index + 1))
}

impl StateFile {
    /// Writes the file of a process that begins now, in a folder that is made if it is not there.
    pub(super) fn begin(folder: &Path, shard: Option<Shard>, run: Identity) -> Result<Self, RunError> {
        let state = State {
            format: FORMAT,
            state: Stage::Running,
            run_id: run.id(),
            shard: shard.map(|shard| shard.index + 1),
            host: Host::this(),
            process: std::process::id(),
            started: now(),
            ended: None,
            exit: None,
            message: None,
            part: None,
            run,
        };
        let start_at = monotonic_at(state.run.start_ns);
        let file = Self { folder: folder.to_owned(), stem: stem(shard), state, start_at };
        let begun = fs::create_dir_all(folder).and_then(|()| file.write()).and_then(|()| {
            // One of an earlier run must not be taken for that of this one.
            match fs::remove_file(file.path_of_part()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        });
        begun.map_err(|error| file.unwritable(&error)).map(|()| file)
    }

    /// The start was this instant on the monotonic clock, in nanoseconds.
    pub(super) const fn started_at(&mut self, epoch_ns: u64) {
        self.state.host.clock.start_ns = Some(epoch_ns);
    }

    /// Writes what was measured beside it.
    pub(super) fn keep(&mut self, part: &impl Serialize) -> Result<(), RunError> {
        let text = serde_json::to_vec(part).map_err(io::Error::other);
        let written = text.and_then(|text| files::write(&self.path_of_part(), &text).map(|()| sha256(&text)));
        let sha256 = written.map_err(|error| self.unwritable(&error))?;
        self.state.part = Some(PartFile { name: format!("{}.part.json", self.stem), sha256 });
        Ok(())
    }

    /// Writes how it ended; the message of what could not be written, if it could not.
    pub(super) fn end(mut self, end: &ShardEnd) -> Result<(), RunError> {
        self.state.state = match end {
            ShardEnd::Finished { .. } => Stage::Finished,
            ShardEnd::Late(_) => Stage::Late,
            ShardEnd::Interrupted | ShardEnd::Failed(RunError::Interrupted) => Stage::Interrupted,
            ShardEnd::Failed(_) => Stage::Failed,
        };
        self.state.exit = Some(end.exit_code());
        self.state.message = end.message();
        self.state.ended = Some(now());
        let stepped = (monotonic_at(self.state.run.start_ns) - self.start_at).unsigned_abs();
        self.state.host.clock.stepped_ns = u64::try_from(stepped).unwrap_or(u64::MAX);
        self.write().map_err(|error| self.unwritable(&error))
    }

    fn write(&self) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&self.state).map_err(io::Error::other)?;
        files::write(&self.folder.join(format!("{}.json", self.stem)), (text + "\n").as_bytes())
    }

    fn path_of_part(&self) -> PathBuf {
        self.folder.join(format!("{}.part.json", self.stem))
    }

    fn unwritable(&self, error: &io::Error) -> RunError {
        RunError::Start(format!("cannot write into {}: {error}; choose another --out", self.folder.display()))
    }
}
