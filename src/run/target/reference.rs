//! The reference server in a process of its own, which reports its address and ends with badpeer.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Child,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use clap::{CommandFactory, Parser};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    RunError,
    child::{in_words, spawn_badpeer, with_last_words},
    server::{Build, ServerExit, Target},
};
use crate::{
    address::Address,
    profile::{ServerOptions, unix_path},
};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server may take to end after SIGTERM, beyond the time that it has to finish answers.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// How many of its last lines are kept.
const LAST_LINES: usize = 20;

/// A reference server in a process of its own. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Reference {
    child: Child,
    process: [u32; 1],
    service: Address,
    /// The file of its socket, at a fresh path: it is removed, however the server ends.
    socket_file: Option<PathBuf>,
    admin: SocketAddr,
    words: Arc<Mutex<VecDeque<String>>>,
    listener: Option<JoinHandle<()>>,
    /// How long it may take to end after SIGTERM.
    shutdown_grace: Duration,
}

impl Reference {
    /// Starts `badpeer serve` with these options on these cores, and waits until it listens.
    pub(super) fn start(
        options: &ServerOptions,
        build: &Build,
        server_cores: &[usize],
    ) -> Result<Self, RunError> {
        let mut arguments = vec!["serve".to_owned()];
        arguments.extend(overridden(&options.to_flags(), &build.flags));
        arguments.extend(["--admin", "127.0.0.1:0", "--until-stdin-ends"].map(str::to_owned));
        let mut child = spawn_badpeer(build.program.as_deref(), &arguments, server_cores)?;
        let words = Arc::new(Mutex::new(VecDeque::new()));
        let listener = child.stderr.take().map(|stderr| {
            let words = Arc::clone(&words);
            in_background(move || keep_last_lines(stderr, &words))
        });
        let listener = listener.transpose()?;
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let process = [child.id()];
        let shutdown_grace = SHUTDOWN_GRACE + options.drain.0;
        let mut target = Self {
            child,
            process,
            service: unknown.into(),
            socket_file: None,
            admin: unknown,
            words,
            listener,
            shutdown_grace,
        };
        (target.service, target.admin) = target.await_addresses()?;
        let is_fresh = options.listen == unix_path::FRESH;
        target.socket_file = target.service.path().filter(|_| is_fresh).map(Path::to_owned);
        Ok(target)
    }

    /// The first line of its output says where it listens.
    fn await_addresses(&mut self) -> Result<(Address, SocketAddr), RunError> {
        let (sender, receiver) = mpsc::channel();
        if let Some(stdout) = self.child.stdout.take() {
            in_background(move || {
                let mut reader = BufReader::new(stdout);
                let mut line = String::new();
                let _ = reader.read_line(&mut line);
                let _ = sender.send(line);
                // Kept open and empty, so that the server never writes into a closed or full pipe.
                let _ = std::io::copy(&mut reader, &mut std::io::sink());
            })?;
        }
        let line = receiver.recv_timeout(PATIENCE).unwrap_or_default();
        match addresses(&line) {
            Some(found) => Ok(found),
            None => Err(RunError::Start(self.last_words("the server did not start"))),
        }
    }

    /// What happened, and the last output of the server.
    fn last_words(&mut self, what: &str) -> String {
        self.end();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        with_last_words(what, &words.iter().cloned().collect::<Vec<_>>())
    }
}

fn in_background(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, RunError> {
    let made = thread::Builder::new().spawn(work);
    made.map_err(|e| RunError::Start(format!("cannot create the thread that reads the server's output: {e}")))
}

impl Target for Reference {
    fn service(&self) -> Address {
        self.service
    }

    fn admin(&self) -> Option<SocketAddr> {
        Some(self.admin)
    }

    fn processes(&self) -> &[u32] {
        &self.process
    }

    fn still_runs(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let what = format!("the server exited by itself ({})", in_words(status));
                Err(self.last_words(&what))
            }
            Err(error) => Err(format!("cannot watch the server: {error}")),
        }
    }

    fn end(&mut self) -> ServerExit {
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let deadline = Instant::now() + self.shutdown_grace;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    return ServerExit { words: in_words(status), in_order: status.success() };
                }
                Ok(None) => thread::sleep(Duration::from_millis(2)),
                Err(_) => break,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let words =
            format!("killed, because it did not exit within {} s of SIGTERM", self.shutdown_grace.as_secs());
        ServerExit { words, in_order: false }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.end();
        }
        if let Some(file) = &self.socket_file {
            // A server that ends in order has done it.
            let _ = fs::remove_file(file);
        }
    }
}

/// The options that the server is started with: the profile's, unless the flags of the build replace them. Flags that
/// this program does not know belong to another build.
pub(in crate::run) fn configured(options: &ServerOptions, build: &Build) -> ServerOptions {
    let command = ServerOptions::command();
    let is_known = |flag: &str| {
        let name = flag.split('=').next().unwrap_or(flag).strip_prefix("--");
        name.is_some() && command.get_arguments().any(|argument| argument.get_long() == name)
    };
    let mut own: Vec<String> = Vec::new();
    let mut follows = false;
    for word in &build.flags {
        // A flag that is known, or the value of one.
        follows = if word.starts_with("--") { is_known(word) } else { follows };
        own.extend(follows.then(|| word.clone()));
    }
    let words = std::iter::once("serve".to_owned()).chain(overridden(&options.to_flags(), &own));
    ServerOptions::try_parse_from(words).unwrap_or_else(|_| options.clone())
}

/// The flags of the profile and of the build; the build's win, and no flag is given twice.
fn overridden(flags: &[String], own: &[String]) -> Vec<String> {
    let is_own = |flag: &str| own.iter().any(|o| o.split('=').next() == Some(flag));
    let pairs = flags.chunks(2).filter(|pair| !is_own(&pair[0]));
    pairs.flatten().chain(own).cloned().collect()
}

fn keep_last_lines(stderr: impl Read, words: &Mutex<VecDeque<String>>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        words.push_back(line);
        if words.len() > LAST_LINES {
            words.pop_front();
        }
    }
}

/// Reads `listening on 127.0.0.1:4000, admin on 127.0.0.1:4001`.
fn addresses(line: &str) -> Option<(Address, SocketAddr)> {
    let (service, admin) = line.trim_end().strip_prefix("listening on ")?.rsplit_once(", admin on ")?;
    Some((service.parse().ok()?, admin.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_a_build_override_those_of_the_profile() {
        let texts = |words: &str| -> Vec<String> { words.split(' ').map(str::to_owned).collect() };
        let profile = "--send-timeout 100ms --trigger edge --tick 2ms";
        let both = overridden(&texts(profile), &texts("--tick=1ms --trigger level"));
        assert_eq!(both.join(" "), "--send-timeout 100ms --tick=1ms --trigger level");
        assert_eq!(overridden(&texts(profile), &[]).join(" "), profile);
    }

    #[test]
    fn flags_of_a_build_are_part_of_the_configuration() {
        let options: ServerOptions = toml::from_str("send_timeout = '100ms'\ntick = '2ms'").expect("options");
        let build = |flags: &[&str]| Build {
            program: None,
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
        };
        let timeout = |flags: &[&str]| configured(&options, &build(flags)).send_timeout.to_string();
        assert_eq!(timeout(&[]), "100ms");
        assert_eq!(timeout(&["--send-timeout=200ms"]), "200ms");
        assert_eq!(timeout(&["--send-timeout", "200ms", "--of-another-build", "7"]), "200ms");
        assert_eq!(timeout(&["--of-another-build=7"]), "100ms");
    }

    #[test]
    fn the_first_line_gives_the_addresses() {
        let found = addresses("listening on 127.0.0.1:4000, admin on 127.0.0.1:4001\n").expect("addresses");
        assert_eq!((found.0.to_string().as_str(), found.1.port()), ("127.0.0.1:4000", 4001));
        let found = addresses("listening on unix:/a, admin on b, admin on 127.0.0.1:1\n").expect("addresses");
        assert_eq!(found.0.to_string(), "unix:/a, admin on b");
        assert_eq!(addresses("listening on 127.0.0.1:4000\n"), None);
        assert_eq!(addresses(""), None);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let printed: Vec<String> = (0..50).map(|n| format!("line {n}")).collect();
        let words = Mutex::new(VecDeque::new());
        keep_last_lines(printed.join("\n").as_bytes(), &words);
        let words = words.into_inner().expect("a lock");
        assert_eq!((words.len(), words[0].as_str()), (20, "line 30"));
    }
}
