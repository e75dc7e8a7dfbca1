//! A repeat of clients in this process, or in several.

use super::{
    Build, Interrupt, Observer, RunError, cores::Cores, drive::RepeatEnd, repeat, request::Request,
    shards::Here,
};
use crate::{profile::Profile, record::Repeat};

/// Runs a repeat of clients, of this number in the run, in this process or in several.
pub(super) fn run_repeat(
    request: &Request,
    profile: &Profile,
    number: usize,
    seed: u64,
    cores: &Cores,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> Result<(Repeat, RepeatEnd), RunError> {
    let files = &request.files;
    if request.processes <= 1 {
        return repeat::run(profile, &Build::default(), files, seed, cores, interrupt, observer);
    }
    let unkept =
        tempfile::tempdir().map_err(|error| RunError::Start(format!("cannot make a folder: {error}")))?;
    let folder = observer.folder().unwrap_or(unkept.path()).join(format!("shards-{number}"));
    let (name, window) = (&request.name, request.window);
    let here = Here { count: request.processes, folder, name, window, cores };
    here.run(profile, files, seed, interrupt, observer)
}
