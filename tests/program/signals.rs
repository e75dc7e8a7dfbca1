//! Signals that the program was started to ignore, as with `nohup` and `&`, and a server whose badpeer is gone.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{SigSet, Signal};
use tempfile::TempDir;

use crate::common::{BADPEER, ending, process::send, record, with_profile};

/// badpeer with these words, started with a signal ignored.
fn ignoring(name: &str, words: &str, folder: &Path) -> Child {
    let script = format!("trap '' {name}; exec {BADPEER} {words}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(folder).env("TMPDIR", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a shell")
}

fn ended_within(child: &mut Child, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        if child.try_wait().expect("a child").is_some() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

const BRIEF: &str = "title = \"brief\"\nwarmup = \"50ms\"\nmeasure = \"1500ms\"\nSERVER[[clients]]\nname = \"good\"\ncount = 2\n\
                     load = { rate = \"200/s\", payload = \"64B\" }\n";

#[apply(timed_test!)]
fn an_ignored_signal_does_not_end_a_run() {
    let program = format!("[server]\ncommand = [\"{BADPEER}\", \"serve\", \"--listen\", \"{{address}}\"]\n");
    for server in ["", &program] {
        for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
            let folder = with_profile(&BRIEF.replace("SERVER", server));
            let name = signal.as_str().trim_start_matches("SIG");
            let child = ignoring(name, "run quick.toml --format csv", folder.path());
            for _ in 0..3 {
                thread::sleep(Duration::from_millis(350));
                send(signal, child.id());
            }
            let (code, printed) = ending(&child.wait_with_output().expect("an end"));
            assert!(matches!(code, Some(0 | 4)), "{signal}: {code:?} {printed}");
            // The server is ended by SIGTERM all the same, whoever ignores it.
            assert!(!printed.contains("SIGTERM") && !printed.contains("killed"), "{signal}: {printed}");
            assert_eq!(record(folder.path(), "quick")["interrupted"], false, "{signal}: {printed}");
        }
    }
}

/// A server, and where it listens.
fn greeting(child: &mut Child) -> (String, BufReader<ChildStdout>) {
    let mut lines = BufReader::new(child.stdout.take().expect("stdout"));
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    (line.trim().strip_prefix("listening on ").expect("an address").to_owned(), lines)
}

#[apply(timed_test!)]
fn an_ignored_signal_does_not_end_a_server() {
    let folder = TempDir::new().expect("a folder");
    for (name, ignored, heeded) in [
        ("INT", Signal::SIGINT, Signal::SIGTERM),
        ("TERM", Signal::SIGTERM, Signal::SIGINT),
        ("HUP", Signal::SIGHUP, Signal::SIGTERM),
    ] {
        // In a shell of its own that ignores nothing else, whoever runs the test.
        let mut child = ignoring(name, "serve --listen 127.0.0.1:0", folder.path());
        let (address, _lines) = greeting(&mut child);
        send(ignored, child.id());
        assert!(!ended_within(&mut child, Duration::from_millis(400)), "{name}");
        TcpStream::connect(&address).expect("it still listens");
        if heeded == Signal::SIGTERM {
            send(heeded, child.id());
            assert!(ended_within(&mut child, Duration::from_secs(10)), "{name}");
            assert!(child.wait().expect("an end").success(), "{name}");
        } else {
            child.kill().expect("killed");
            child.wait().expect("an end");
        }
    }
}

#[apply(timed_test!)]
fn a_computing_server_ends_when_its_stdin_ends() {
    // As in a `badpeer run`, which waits for these signals: its children inherit the mask.
    SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]).thread_block().expect("blocked");
    let folder = TempDir::new().expect("a folder");
    for dispatch in ["single", "reactors", "workers"] {
        let words = format!(
            "serve --listen 127.0.0.1:0 --protocol line --work-per-message 2s --drain 200ms --dispatch {dispatch} \
             --until-stdin-ends"
        );
        let mut command = Command::new(BADPEER);
        command.args(words.split_whitespace()).current_dir(folder.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a server");
        let (address, _lines) = greeting(&mut child);
        // Work for minutes.
        let streams: Vec<TcpStream> = (0..8)
            .map(|_| {
                let mut stream = TcpStream::connect(&address).expect("it listens");
                stream.write_all(&b"x\n".repeat(20)).expect("sent");
                stream
            })
            .collect();
        thread::sleep(Duration::from_millis(300));
        drop(child.stdin.take());
        let is_over = ended_within(&mut child, Duration::from_secs(8));
        let _ = child.kill();
        let _ = child.wait();
        assert!(is_over, "{dispatch}: nothing is left to end it");
        drop(streams);
    }
}

#[apply(timed_test!)]
fn an_idle_server_ends_cleanly_when_its_stdin_ends() {
    let folder = TempDir::new().expect("a folder");
    let words = ["serve", "--listen", "127.0.0.1:0", "--drain", "200ms", "--until-stdin-ends"];
    let mut command = Command::new(BADPEER);
    command.args(words).current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("a server");
    let _lines = greeting(&mut child);
    drop(child.stdin.take());
    assert!(ended_within(&mut child, Duration::from_secs(10)));
    assert!(child.wait().expect("an end").success());
}
