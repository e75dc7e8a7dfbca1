//! A badpeer that is killed leaves nothing behind: no server, no daemon of the server, no folder.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use tempfile::TempDir;

use crate::common::{BADPEER, leftovers, process::send, processes_with, text, with_profile};

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

#[apply(timed_test!)]
fn no_process_is_left_when_badpeer_is_killed() {
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
        send(Signal::SIGKILL, child.id());
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

#[apply(timed_test!)]
fn a_daemonized_server_is_ended() {
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

/// A file of a process; empty when it is gone.
fn file_of(pid: u32, name: &str) -> String {
    text(&fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default())
}

/// The processes below this one, with the names that `pkill` and `killall` know them by.
fn names_below(pid: u32) -> Vec<(u32, String)> {
    let below = badpeer::probe::descendants(pid);
    below.into_iter().map(|pid| (pid, file_of(pid, "comm").trim_end().to_owned())).collect()
}

/// A run of a server with this environment, once a daemon of it is there that has this word.
fn driven(word: &str, env: &str) -> (TempDir, Child) {
    let server =
        format!("setsid bash -c 'exec -a {word} sleep 306' & exec {BADPEER} serve --listen 127.0.0.1:$0");
    let profile = format!(
        "title = \"o\"\nwarmup = \"50ms\"\nmeasure = \"10s\"\n[server]\ncommand = [\"bash\", \"-c\", '''{server}''', \"{{port}}\"]\n{env}\n\
         [[clients]]\nname = \"good\"\ncount = 1\nprotocol = \"frame\"\nload = {{ rate = \"10/s\", payload = \"9B\" }}\n"
    );
    let folder = with_profile(&profile);
    let child = started(folder.path());
    let until = Instant::now() + Duration::from_secs(10);
    let has_begun = |pid: &u32| file_of(*pid, "cmdline").starts_with(word);
    while !processes_with(word).iter().any(has_begun) {
        assert!(Instant::now() < until, "the server did not start");
        thread::sleep(Duration::from_millis(10));
    }
    (folder, child)
}

#[apply(timed_test!)]
fn killing_badpeer_by_name_leaves_no_process() {
    let word = format!("named-of-test-{}", std::process::id());
    let (folder, mut child) = driven(&word, "");
    let below = names_below(child.id());
    assert_eq!(below.iter().filter(|(_, name)| name == "bp-guard").count(), 1, "{below:?}");
    // What `pkill -9 badpeer` does, to no other run than this one.
    let named = below.iter().filter(|(_, name)| name.contains("badpeer")).map(|(pid, _)| *pid);
    for pid in named.chain([child.id()]) {
        let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
    }
    child.wait().expect("an end");
    assert_eq!(gone_within(&word, Duration::from_secs(8)), Vec::<u32>::new(), "{below:?}");
    let until = Instant::now() + Duration::from_secs(8);
    while !leftovers(folder.path()).is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}

#[apply(timed_test!)]
fn the_servers_environment_is_given_only_to_the_server() {
    let word = format!("secret-of-test-{}", std::process::id());
    let secret = format!("hunter2-{}", std::process::id());
    let env = format!("env = {{ DB_PASSWORD = \"{secret}\\nsecond line\", LD_DEBUG_OUTPUT = \"/nowhere\" }}");
    let (_folder, mut child) = driven(&word, &env);
    let below = names_below(child.id());
    assert_eq!(processes_with(&secret), Vec::<u32>::new(), "everybody may read a command line: {below:?}");
    let has = |pid: u32, variable: &str| file_of(pid, "environ").split('\0').any(|set| set == variable);
    for (pid, name) in &below {
        // As it was written, for the server and its daemon; its guard would be misled by variables of the loader.
        let is_served = name != "bp-guard";
        assert_eq!(has(*pid, &format!("DB_PASSWORD={secret}\nsecond line")), is_served, "{pid} {name}");
        assert_eq!(has(*pid, "LD_DEBUG_OUTPUT=/nowhere"), is_served, "{pid} {name}");
    }
    assert!(below.len() >= 3, "{below:?}");
    send(Signal::SIGKILL, child.id());
    child.wait().expect("an end");
    assert_eq!(gone_within(&word, Duration::from_secs(8)), Vec::<u32>::new());
}
