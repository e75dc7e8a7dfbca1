//! A program as the server: writes its files, starts it, waits until it listens, and stops it with its children.

use std::{
    env,
    fs::{self, DirBuilder, File},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use indexmap::IndexMap;
use nix::sys::signal::Signal;

use super::{
    super::{
        Interrupt, RunError,
        guard::{Guarded, SHUTDOWN_GRACE},
    },
    address::{elsewhere, free_addresses, listed, listening, the_one_that_accepts},
    child::{in_words, spawn_on, with_last_words},
    placeholders::{self, filled_in},
    server::{ServerExit, Target},
};
use crate::{
    address::Address,
    probe::{TreeProbe, listeners},
    profile::{Program, unix_path::FRESH},
    programs,
};

/// How long a program may take until it listens.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);
/// How much of the end of its output is looked at for its last words, in bytes and in lines.
const TAIL_BYTES: u64 = 16 * 1024;
const LAST_LINES: usize = 20;
/// The UNIX-domain socket that it listens on, where it has no other path.
const SOCKET: &str = "server.sock";
/// The file for its output.
const OUTPUT: &str = "output.log";

/// Whether the program is installed and its command contains its port.
///
/// # Errors
/// [`RunError::Missing`] when it is not installed and the profile says how to; [`RunError::Impossible`] otherwise.
pub(in crate::run) fn check(program: &Program, files: &IndexMap<String, String>) -> Result<(), RunError> {
    let folder = program.folder.as_deref().unwrap_or(Path::new(""));
    let command = program.command.first().map(|name| (name, folder));
    let mut names = command.into_iter().chain(program.needs.iter().map(|name| (name, Path::new(""))));
    if let Some((name, folder)) =
        names.find(|(name, folder)| !name.contains('{') && !programs::is_installed(name, folder))
    {
        return Err(match &program.install {
            Some(install) => RunError::Missing(format!("`{name}` is not installed: {install}")),
            None => RunError::impossible(
                &["server", "command"],
                format!(
                    "there is no program `{name}`: {}; install it, or name another one",
                    looked_for(name, folder)
                ),
            ),
        });
    }
    placeholders::check(program, files)
}

/// Where a program was looked for that is not installed.
fn looked_for(name: &str, folder: &Path) -> String {
    if !name.contains('/') {
        let folders: Vec<String> =
            programs::folders().iter().map(|folder| folder.display().to_string()).collect();
        return format!("it is in none of the folders {}", folders.join(", "));
    }
    let path = std::path::absolute(folder.join(name)).unwrap_or_else(|_| name.into());
    let is_file = path.is_file();
    let why = if is_file { "is not executable (chmod +x makes it so)" } else { "does not exist" };
    format!("{} {why}", path.display())
}

/// A program that runs. Dropping it ends it and all it started, and removes its directory.
#[derive(Debug)]
pub(super) struct Running {
    process: [u32; 1],
    service: Address,
    status: Option<ExitStatus>,
    server_exit: Option<ServerExit>,
    notes: Vec<String>,
    output: PathBuf,
    guarded: Guarded,
    _dir: Folder,
}

/// A folder for temporary files, which is removed with everything in it when this is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    /// A folder that is not created yet, with a name that cannot be guessed.
    fn planned() -> Self {
        let random = RandomState::new().build_hasher().finish();
        Self(env::temp_dir().join(format!("badpeer-{random:016x}")))
    }

    /// Makes it, for this user alone.
    fn make(&self) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Running {
    /// Starts it on these cores, and waits until it listens.
    pub(super) fn start(
        program: &Program,
        files: &IndexMap<String, String>,
        cores: &[usize],
        interrupt: &mut Interrupt,
    ) -> Result<Self, RunError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| RunError::Start(format!("{what}: {error}"));
        let dir = Folder::planned();
        let path = dir.0.display().to_string();
        let is_fresh = program.address == FRESH;
        let address = if is_fresh { format!("{FRESH}{path}/{SOCKET}") } else { program.address.clone() };
        let addresses = free_addresses(&address)?;
        let service = addresses[0];
        let filled = |text: &String| filled_in(text, service, &path);
        let words: Vec<String> = program.command.iter().map(&filled).collect();
        let env: Vec<(String, String)> =
            program.env.iter().map(|(name, value)| (name.clone(), filled(value))).collect();
        let output = dir.0.join(OUTPUT);
        // The guard is there before the folder: nothing is left behind, whatever becomes of us.
        let post = |guard: &mut Command| {
            if let Some(folder) = &program.folder {
                guard.current_dir(folder);
            }
            spawn_on(cores, guard)
        };
        let mut guarded = Guarded::post(&dir.0, &output, &words, post)
            .map_err(|e| failed("cannot start the process that supervises the server", &e))?;
        dir.make().map_err(|e| failed("cannot create a temporary directory", &e))?;
        for name in &program.files {
            let text = files.get(name).map(&filled).unwrap_or_default();
            fs::write(dir.0.join(name), text).map_err(|e| failed("cannot write its files", &e))?;
        }
        guarded
            .start(&env)
            .map_err(|error| RunError::Start(format!("cannot start `{}`: {error}", words.join(" "))))?;
        let process = [guarded.process()];
        let mut running = Self {
            process,
            service,
            status: None,
            server_exit: None,
            notes: Vec::new(),
            output,
            guarded,
            _dir: dir,
        };
        running.await_listening(&addresses, interrupt)?;
        // It may listen on another address of that name.
        running.service = the_one_that_accepts(&addresses);
        Ok(running)
    }

    /// Waits until it listens at one of the addresses, and makes sure that it is this program that does.
    fn await_listening(&mut self, addresses: &[Address], interrupt: &mut Interrupt) -> Result<(), RunError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.still_runs().map_err(RunError::Start)?;
            if interrupt.requested() {
                return Err(RunError::Interrupted);
            }
            let sockets = listening(addresses)?;
            if !sockets.is_empty() && self.owns(&sockets)? {
                return Ok(());
            }
            if Instant::now() > deadline {
                let (all, seconds) = (listed(addresses), PATIENCE.as_secs());
                let elsewhere = elsewhere(self.service);
                let what = format!("the server did not listen at {all} within {seconds} s{elsewhere}");
                return Err(RunError::Start(with_last_words(&what, &self.last_lines())));
            }
            thread::sleep(LOOK);
        }
    }

    /// Whether one of its processes holds one of these sockets.
    fn owns(&mut self, sockets: &[u32]) -> Result<bool, RunError> {
        // It may have ended since it was looked at: the next look will show it.
        let Ok(mut tree) = TreeProbe::new(&self.process) else { return Ok(false) };
        tree.discover();
        let found = listeners::holders(sockets, tree.processes());
        if !found.processes.is_empty() {
            return Ok(true);
        }
        let others = listeners::holders(sockets, listeners::everyone());
        match others.processes.first() {
            Some(&pid) => Err(RunError::Start(format!(
                "{} is taken by process {pid} ({}), which is not the server: free it, or set another server.address",
                self.service
                    .inet()
                    .map_or_else(|| self.service.to_string(), |at| format!("port {}", at.port())),
                listeners::name(pid)
            ))),
            // The socket has gone again, or the process that holds it cannot be seen.
            None if found.hidden => {
                self.notes.push(
                    "it was not checked that the server itself listens at its address, because it runs as another user"
                        .into(),
                );
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The end of its output.
    fn last_lines(&self) -> Vec<String> {
        let mut tail = Vec::new();
        if let Ok(mut file) = File::open(&self.output) {
            let length = file.metadata().map_or(0, |m| m.len());
            let _ = file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)));
            let _ = file.read_to_end(&mut tail);
        }
        let text = String::from_utf8_lossy(&tail);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|&line| line.to_owned()).collect()
    }
}

impl Target for Running {
    fn service(&self) -> Address {
        self.service
    }

    fn processes(&self) -> &[u32] {
        &self.process
    }

    fn still_runs(&mut self) -> Result<(), String> {
        match self.guarded.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                self.status = Some(status);
                let hint = if status.success() { " (a server must stay in the foreground)" } else { "" };
                let what = format!("the server exited by itself: {}{hint}", in_words(status));
                Err(with_last_words(&what, &self.last_lines()))
            }
            Err(error) => Err(format!("cannot watch the server: {error}")),
        }
    }

    fn end(&mut self) -> ServerExit {
        if let Some(server_exit) = &self.server_exit {
            return server_exit.clone();
        }
        let (status, by_itself) = self.guarded.end();
        self.status = self.status.or(status);
        let mut words = self.status.map_or_else(|| "unknown".to_owned(), in_words);
        if !by_itself {
            words = format!(
                "{words}; the remaining processes were killed {} s after SIGTERM",
                SHUTDOWN_GRACE.as_secs()
            );
        }
        let server_exit = ServerExit { in_order: by_itself && self.status.is_some_and(ended_as_told), words };
        self.server_exit = Some(server_exit.clone());
        server_exit
    }

    fn output(&self) -> Option<&Path> {
        Some(&self.output)
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// By itself, or by the signal that it was sent, or with the exit code of a shell.
fn ended_as_told(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let signal = Signal::SIGTERM as i32;
    status.success() || status.signal() == Some(signal) || status.code() == Some(128 + signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(toml: &str, file: &str) -> Result<(), RunError> {
        let target: crate::profile::Target = toml::from_str(toml).expect("a server");
        check(target.program().expect("a program"), &IndexMap::from([("a.conf".to_owned(), file.to_owned())]))
    }

    #[test]
    fn a_program_must_exist_and_be_told_where_to_listen() {
        for (toml, file, able) in [
            ("command = ['sh', '{port}']", "", true),
            ("command = ['sh', '{address}']", "", true),
            ("command = ['/bin/sh']\nenv = { P = '{port}' }", "", true),
            ("command = ['sh']\nfiles = ['a.conf']", "listen {port}", true),
            ("command = ['sh']\naddress = '127.0.0.1:8080'", "", true),
            ("command = ['sh', '{socket}']", "", true),
            ("command = ['sh']\naddress = 'unix:/a'", "", true),
            ("command = ['sh']\naddress = 'unix:'\nfiles = ['a.conf']", "listen {address}", true),
            ("command = ['sh']\naddress = 'unix:'", "", false),
            ("command = ['sh', '{socket}', '{port}']", "", false),
            ("command = ['sh', '{port}']\nfiles = ['a.conf']", "{socket}", false),
            ("command = ['sh']\nfiles = ['a.conf']", "listen 80", false),
            ("command = ['sh']", "listen {port}", false),
            ("command = ['no-such-program', '{port}']", "", false),
            ("command = ['/bin', '{port}']", "", false),
        ] {
            let checked = checked(toml, file);
            assert_eq!(checked.is_ok(), able, "{toml}: {checked:?}");
        }
        let command = "command = ['no-such-program', '{port}']";
        let needed = "command = ['sh', '{port}']\nneeds = ['ls', 'no-such-program']";
        for toml in [command, needed] {
            let missing = checked(&format!("{toml}\ninstall = 'ask'"), "");
            assert_eq!(missing, Err(RunError::Missing("`no-such-program` is not installed: ask".into())));
        }
    }

    #[test]
    fn a_missing_program_is_reported_with_the_places_that_were_searched() {
        for (name, part) in [
            ("no-such-program", "it is in none of the folders "),
            ("/no/such/program", "/no/such/program does not exist"),
            ("no/such/program", "no/such/program does not exist"),
            ("/etc/passwd", "/etc/passwd is not executable"),
        ] {
            let missing = checked(&format!("command = ['{name}', '{{port}}']"), "").expect_err(name);
            let RunError::Impossible { message, .. } = missing else { panic!("{missing:?}") };
            assert!(message.starts_with(&format!("there is no program `{name}`: ")), "{message}");
            assert!(message.contains(part), "{message}");
        }
        let place = looked_for("no/such", Path::new("sub"));
        assert!(place.starts_with('/') && place.ends_with("/sub/no/such does not exist"), "{place}");
    }
}
