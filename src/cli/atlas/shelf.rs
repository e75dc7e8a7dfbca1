//! The folder of an atlas: `profiles/NAME/`, from which each cell can be run again alone, `runs/NAME/TIME/`, and what was
//! measured before.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{args::Args, children::Running, task::Task};
use crate::{
    atlas::{Atlas, Server},
    cli::{Exit, Failure, sources, store},
    files,
    profile::Source,
    programs,
    record::{Machine, Record},
    sys,
};

/// The document of an atlas, in its folder.
const DOCUMENT: &str = "atlas.json";

pub(super) struct Shelf {
    out: PathBuf,
    program: PathBuf,
    /// The atlas that was there before.
    before: Option<Atlas>,
    /// Servers of which another version was measured then.
    changed: Vec<String>,
}

impl Shelf {
    pub(super) fn new(args: &Args) -> Result<Self, Failure> {
        let failed = |error| Failure::new(Exit::Target, format!("cannot find the program itself: {error}"));
        let text = fs::read_to_string(args.out.join(DOCUMENT)).ok();
        Ok(Self {
            out: args.out.clone(),
            program: std::env::current_exe().map_err(failed)?,
            before: text.and_then(|text| serde_json::from_str(&text).ok()),
            changed: Vec::new(),
        })
    }

    /// The version of a server that is installed, or what is missing.
    pub(super) fn find(server: &Server) -> Result<Option<String>, String> {
        let missing = |program: &str| match &server.package {
            Some(package) => format!("no `{program}`: get it with `apt-get install {package}`"),
            None => format!("no `{program}`"),
        };
        if let Some(program) =
            server.programs().find(|program| !programs::is_installed(program, Path::new("")))
        {
            return Err(missing(program));
        }
        let Some((program, arguments)) = server.version.split_first() else { return Ok(None) };
        let mut command = Command::new(program);
        command.args(arguments).env("PATH", programs::search_path()).stdin(Stdio::null());
        let output = command.output();
        let output = output.map_err(|_| missing(program))?;
        // A shell that finds no program, or may not run it.
        if matches!(output.status.code(), Some(126 | 127)) {
            return Err(missing(arguments.last().unwrap_or(program)));
        }
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().map(str::trim).find(|line| line.contains(|c: char| c.is_ascii_digit()));
        Ok(line.map(ToOwned::to_owned))
    }

    /// The versions of servers that runs were kept of, of this call and of earlier ones in the same folder. Nothing is kept of
    /// a server whose version was another one.
    pub(super) fn note_versions(&mut self, atlas: &mut Atlas) {
        let mut versions = self.before.as_ref().map(|before| before.versions.clone()).unwrap_or_default();
        for server in atlas.servers.iter().filter(|server| server.skipped.is_none()) {
            if versions.get(&server.name).is_some_and(|version| *version != server.version) {
                self.changed.push(server.name.clone());
            }
            versions.insert(server.name.clone(), server.version.clone());
        }
        atlas.versions = versions;
    }

    fn folder_of_profile(&self, task: &Task) -> PathBuf {
        self.out.join("profiles").join(&task.name)
    }

    fn file_of_profile(&self, task: &Task) -> PathBuf {
        self.folder_of_profile(task).join(format!("{}.toml", task.name))
    }

    /// Writes a profile and the files beside it.
    pub(super) fn put(&self, task: &Task) -> Result<(), Failure> {
        let folder = self.folder_of_profile(task);
        let files = task.profile.files.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes()));
        let own = (format!("{}.toml", task.name), task.profile.text.clone().into_bytes());
        let written = crate::report::write(files.chain([own]).collect(), &folder);
        written.map(drop).map_err(|error| Failure::new(Exit::Target, error))
    }

    /// Starts a process that makes a run.
    pub(super) fn start(&self, task: &Task) -> Result<Running, Failure> {
        let failed =
            |error: std::io::Error| Failure::new(Exit::Target, format!("cannot start a run: {error}"));
        let words = tempfile::tempfile().map_err(failed)?;
        let mut command = Command::new(&self.program);
        command.arg("run").arg(self.file_of_profile(task)).arg("--out").arg(self.out.join("runs"));
        command.args(["--quiet", "--format", "html"]).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(words.try_clone().map_err(failed)?);
        sys::heed_sigterm(&mut command);
        sys::end_with_parent(&mut command);
        Ok(Running { child: command.spawn().map_err(failed)?, words })
    }

    /// The folder of the newest run.
    fn folder_of_run(&self, task: &Task) -> PathBuf {
        let own = self.out.join("runs").join(files::name(&task.name));
        fs::read_link(own.join("latest")).map(|latest| own.join(latest)).unwrap_or(own)
    }

    /// The record of the newest run.
    pub(super) fn newest(&self, task: &Task) -> Option<Record> {
        store::read(&self.folder_of_run(task)).ok().filter(|record| self.is_of(task, record))
    }

    /// The record of a run that was made before of the very same profile, by this badpeer at this version of the server, over the
    /// same loopback interface.
    pub(super) fn kept(&self, task: &Task, server: &str, machine: &Machine) -> Option<Record> {
        if self.before.is_none() || self.changed.iter().any(|changed| changed == server) {
            return None;
        }
        let record = self.newest(task)?;
        let is_whole = !record.interrupted && record.badpeer == env!("CARGO_PKG_VERSION");
        let is_alike = record.machine.other_loopback(machine).is_none();
        (is_whole && is_alike).then_some(record)
    }

    /// Whether a record is of a run of this profile.
    fn is_of(&self, task: &Task, record: &Record) -> bool {
        let source = Source { file: task.name.clone(), text: task.profile.text.clone() };
        let mut profile = match source.parse(&[]) {
            Ok(profile) => profile.without_secrets(),
            Err(_) => return false,
        };
        let folder = self.folder_of_profile(task);
        sources::beside(Some(&folder), &Vec::new(), &mut profile);
        let text = |profile| serde_json::to_value(profile).ok();
        text(&profile) == text(&record.profile)
            && record.files.iter().all(|(name, text)| task.profile.files.get(name) == Some(text))
    }

    /// The page of the newest run, from the folder of the atlas.
    pub(super) fn page(&self, task: &Task) -> Option<String> {
        let folder = self.folder_of_run(task);
        let page = folder.join("index.html");
        let relative = page.strip_prefix(&self.out).ok()?.to_owned();
        page.is_file().then(|| relative.display().to_string())
    }
}
