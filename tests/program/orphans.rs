//! A harness that is killed leaves nobody behind: no server, no daemon of it, no folder.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::common::{BADPEER, leftovers, processes_with, with_profile};

fn gone_within(word: &str, patience: Duration) -> Vec<u32> {
    let until = Instant::now() + patience;
    loop {
        let left = processes_with(word);
        if left.is_empty() || Instant::now() > until {
            return left;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// A run of a server with a child, a child in a group of its own, and a daemon in a session of its own.
fn started(folder: &Path) -> Child {
    let mut command = Command::new(BADPEER);
    command.args(["run", "quick.toml", "--format", "csv"]).current_dir(folder).env("TMPDIR", folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("badpeer runs")
}

#[test]
fn nobody_is_left_when_the_harness_is_killed() {
    let word = format!("orphan-of-test-{}", std::process::id());
    let server = format!(
        "sleep 301 {word} 2>/dev/null & (exec -a {word} sleep 302) & setsid bash -c '(exec -a {word} sleep 303) & exec -a \\
         {word} sleep 304' & exec {BADPEER} serve --listen 127.0.0.1:$0"
    );
    let profile = format!(
        "title = \"o\"\nwarmup = \"50ms\"\nmeasure = \"10s\"\n[server]\ncommand = [\"bash\", \"-c\", '''{server}''', \"{{port}}\"]\n\
         [[clients]]\nname = \"good\"\ncount = 1\nprotocol = \"frame\"\nload = {{ rate = \"10/s\", payload = \"9B\" }}\n"
    );
    let folder = with_profile(&profile);
    // From before the server is there until it is driven.
    for delay_ms in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 60, 100, 200, 400, 800] {
        let mut child = started(folder.path());
        thread::sleep(Duration::from_millis(delay_ms));
        kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).expect("it runs");
        child.wait().expect("an end");
        let left = gone_within(&word, Duration::from_secs(8));
        assert_eq!(left, Vec::<u32>::new(), "killed after {delay_ms} ms");
        let until = Instant::now() + Duration::from_secs(8);
        while !leftovers(folder.path()).is_empty() && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(leftovers(folder.path()), Vec::<String>::new(), "killed after {delay_ms} ms");
    }
}

#[test]
fn a_daemon_of_the_server_is_ended_with_it() {
    let word = format!("daemon-of-test-{}", std::process::id());
    let server =
        format!("setsid bash -c 'exec -a {word} sleep 305' & exec {BADPEER} serve --listen 127.0.0.1:$0");
    let profile = format!(
        "title = \"o\"\nwarmup = \"50ms\"\nmeasure = \"200ms\"\n[server]\ncommand = [\"bash\", \"-c\", '''{server}''', \"{{port}}\"]\n\
         [[clients]]\nname = \"good\"\ncount = 1\nprotocol = \"frame\"\nload = {{ rate = \"10/s\", payload = \"9B\" }}\n"
    );
    let folder = with_profile(&profile);
    let mut child = started(folder.path());
    child.wait().expect("an end");
    assert_eq!(gone_within(&word, Duration::ZERO), Vec::<u32>::new());
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}
