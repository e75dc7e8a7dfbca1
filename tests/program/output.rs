//! Files are written completely and in the right place, and failures to write are reported.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{signal::Signal, stat::Mode},
    unistd::{mkfifo, pipe},
};
use tempfile::TempDir;

use crate::common::{
    BADPEER, badpeer, ending, heeding, leftovers, process::send, record, text, with_profile, without_pictures,
};

/// Over in half a second.
pub(super) const BRIEF: &str = "title = \"brief\"\nwarmup = \"50ms\"\nmeasure = \"200ms\"\n[[clients]]\nname = \"good\"\ncount = 2\n\
                     load = { rate = \"200/s\", payload = \"64B\" }\n";

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BADPEER);
    command.args(arguments).current_dir(folder).env("TMPDIR", folder).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, and what was complained of.
fn complaint(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("an end");
    (output.status.code(), text(&output.stderr))
}

/// Every file and folder below this one, by its path from there.
pub(super) fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside).expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_dir() {
                folders.push(entry.path());
            }
            found.push(entry.path().strip_prefix(folder).expect("below").to_owned());
        }
    }
    found
}

#[apply(timed_test!)]
fn a_full_stdout_is_exit_code_3_and_keeps_the_measurements() {
    let folder = with_profile(BRIEF);
    for arguments in
        [&["list", "profiles"][..], &["--help"], &["doctor"], &["schema", "record"], &["run", "quick.toml"]]
    {
        let full = File::options().write(true).open("/dev/full").expect("a device");
        let child = command(folder.path(), arguments).stdout(full).spawn().expect("badpeer runs");
        let (code, printed) = complaint(child);
        assert_eq!(code, Some(3), "{arguments:?}: {printed}");
        assert!(
            printed.contains("cannot write the results to stdout: No space left"),
            "{arguments:?}: {printed}"
        );
        // Nobody reads it, from the beginning.
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let child = command(folder.path(), arguments).stdout(writer).spawn().expect("badpeer runs");
        let (code, printed) = complaint(child);
        assert_eq!(code, Some(3), "{arguments:?}: {printed}");
        assert!(!printed.contains("cannot write"), "as other programs in a pipe: {printed}");
    }
    assert!(record(folder.path(), "quick")["points"][0]["trials"][0]["summary"].is_object());
}

#[apply(timed_test!)]
fn invalid_utf8_arguments_give_one_message() {
    let folder = with_profile(BRIEF);
    let odd = OsStr::from_bytes(b"caf\xe9");
    for (arguments, is_fine) in [
        (&["run"][..], false),
        (&["bench"], false),
        (&["run", "quick.toml", "--set"], false),
        (&["run", "quick.toml", "--out"], true),
    ] {
        let child = command(folder.path(), arguments).arg(odd).spawn().expect("badpeer runs");
        let (code, printed) = complaint(child);
        assert_eq!(code, Some(if is_fine { 0 } else { 2 }), "{arguments:?}: {printed}");
        assert!(!printed.contains("panicked"), "{printed}");
    }
    assert!(folder.path().join(odd).join("quick").is_dir());
}

#[apply(timed_test!)]
fn every_terminating_signal_ends_a_run_cleanly() {
    for signal in [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT] {
        let folder = with_profile(&BRIEF.replace("200ms", "20s"));
        let mut command = heeding();
        command.args(["run", "quick.toml"]).current_dir(folder.path()).env("TMPDIR", folder.path());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("badpeer runs");
        thread::sleep(Duration::from_secs(1));
        send(signal, child.id());
        let (code, printed) = complaint(child);
        assert_eq!(code, Some(130), "{signal}: {printed}");
        let record = record(folder.path(), "quick");
        assert_eq!(record["interrupted"], true);
        assert!(record["points"][0]["trials"][0]["summary"].is_object(), "what was measured is kept");
    }
}

#[apply(timed_test!)]
fn runs_started_in_the_same_second_keep_their_records() {
    let folder = with_profile(BRIEF);
    let words = ["run", "quick.toml", "--format", "csv", "--history", "--save-baseline", "main"];
    let children: Vec<Child> =
        (0..8).map(|_| command(folder.path(), &words).spawn().expect("badpeer runs")).collect();
    let codes: Vec<Option<i32>> = children.into_iter().map(|child| complaint(child).0).collect();
    let reports = folder.path().join("reports");
    let all = below(&reports);
    let named = |name: &str| all.iter().filter(|path| path.file_name() == Some(OsStr::new(name))).count();
    assert_eq!(named("record.json"), 8, "{codes:?}: {all:?}");
    assert_eq!(named("summary.csv"), 8, "{all:?}");
    let history = fs::read_to_string(reports.join("history.csv")).expect("a history");
    // A run that a busy machine made invalid has no row.
    assert!(history.lines().count() <= 9 && history.ends_with('\n'), "{history}");
    let is_draft =
        |path: &PathBuf| path.file_name().is_some_and(|name| text(name.as_bytes()).starts_with('.'));
    assert!(!all.iter().any(is_draft), "{all:?}");
}

#[apply(timed_test!)]
fn no_name_leads_out_of_the_report_folder() {
    let folder = with_profile(BRIEF);
    let profile = folder.path().join("deep/...toml");
    fs::create_dir(folder.path().join("deep")).expect("a folder");
    fs::write(&profile, BRIEF).expect("written");
    let before = below(folder.path()).len();
    let words = ["run", "deep/...toml", "--out", "deep/out", "--save-baseline", "main", "--history"];
    let (_, printed) = ending(&badpeer(&words, folder.path()));
    let outside = below(folder.path()).into_iter().filter(|path| !path.starts_with("deep/out"));
    assert_eq!(outside.count(), before, "{printed}: {:?}", below(folder.path()));
    // What a record says that somebody else made.
    let made = below(&folder.path().join("deep/out"));
    let at = made.iter().find(|path| path.ends_with("record.json")).expect("a record");
    let path = folder.path().join("deep/out").join(at);
    let kept = fs::read_to_string(&path).expect("a record");
    for name in ["../../../escaped", "/tmp/escaped-by-a-test", "a/b"] {
        let forged = kept.replacen("\"name\":\"..\"", &format!("\"name\":\"{name}\""), 1);
        assert_ne!(forged, kept);
        fs::write(&path, forged).expect("written");
        let (code, printed) = ending(&badpeer(&["report", "--gallery=deep/out"], folder.path()));
        assert_eq!(code, Some(0), "{printed}");
        let outside = below(folder.path()).into_iter().filter(|path| !path.starts_with("deep/out"));
        assert_eq!(outside.count(), before, "{name}: {printed}");
    }
    assert!(!Path::new("/tmp/escaped-by-a-test.png").exists());
}

#[apply(timed_test!)]
fn special_files_are_refused_without_waiting() {
    let folder = with_profile(BRIEF);
    let pipe = folder.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
    for (arguments, code) in [
        (&["run", "quick.toml", "--history=pipe"][..], 3),
        (&["run", "quick.toml", "--history=/dev/full"], 3),
        (&["run", "quick.toml", "--history=."], 3),
        (&["report", "--history=pipe"], 2),
        (&["report", "pipe"], 2),
        (&["compare", "pipe", "pipe"], 2),
    ] {
        let (ended, printed) = ending(&badpeer(arguments, folder.path()));
        assert_eq!(ended, Some(code), "{arguments:?}: {printed}");
        assert!(printed.contains("it is not a regular file"), "{arguments:?}: {printed}");
    }
    let child = command(folder.path(), &["run", "quick.toml"]).env("GITHUB_STEP_SUMMARY", "pipe").spawn();
    let (code, printed) = complaint(child.expect("badpeer runs"));
    assert!(matches!(code, Some(0 | 4)), "{printed}");
    assert!(printed.contains("cannot add to the step summary pipe: it is not a regular file"), "{printed}");
}

#[apply(timed_test!)]
fn a_page_that_does_not_fit_the_summary_is_removed() {
    let folder = with_profile(BRIEF);
    let before = vec![b'x'; 1000 * 1024 - 100];
    fs::write(folder.path().join("summary"), &before).expect("written");
    let script = format!("trap '' XFSZ; ulimit -f 1000; exec {BADPEER} run quick.toml --format csv");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(folder.path()).env("GITHUB_STEP_SUMMARY", "summary");
    let (_, printed) = ending(&command.env("TMPDIR", folder.path()).output().expect("bash"));
    assert!(printed.contains("cannot add to the step summary summary: File too large"), "{printed}");
    assert_eq!(fs::read(folder.path().join("summary")).expect("read").len(), before.len());
}

#[apply(timed_test!)]
fn manual_pages_are_replaced_atomically() {
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("badpeer.1"), "the page before").expect("written");
    fs::hard_link(path("badpeer.1"), path("same")).expect("another name");
    let (code, printed) = ending(&badpeer(&["man", "."], folder.path()));
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(fs::read_to_string(path("same")).expect("read"), "the page before");
    assert!(fs::read_to_string(path("badpeer.1")).expect("read").contains("badpeer"));
}

#[apply(timed_test!)]
fn two_profiles_of_one_name_do_not_share_a_baseline() {
    let folder: TempDir = with_profile(BRIEF);
    fs::create_dir(folder.path().join("other")).expect("a folder");
    fs::write(folder.path().join("other/quick.toml"), BRIEF).expect("written");
    let words = ["run", "quick.toml", "other/quick.toml", "--save-baseline", "main"];
    let (code, printed) = ending(&badpeer(&words, folder.path()));
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("two profiles are called quick"), "{printed}");
    for name in [".x.toml", "_x.toml"] {
        fs::write(folder.path().join(name), BRIEF).expect("written");
    }
    let words = ["run", ".x.toml", "_x.toml", "--save-baseline", "main"];
    let (code, printed) = ending(&badpeer(&words, folder.path()));
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("two profiles are .x and _x"), "{printed}");
}

#[apply(timed_test!)]
fn an_impossible_profile_is_reported_with_its_line() {
    let deep = format!("title = \"x\"\na = {}{}\n", "[".repeat(3000), "]".repeat(3000));
    let dots = format!("{BRIEF}[sweep]\n\"clients{}\" = [1]\n", ".a".repeat(300_000));
    let stalled =
        format!("{BRIEF}rx = \"stall\"\n").replace("rate = \"200/s\"", "depth = 1, answer = \"1KiB\"");
    let pieces = format!("{BRIEF}tx = {{ fragment = {{ bytes = 128 }} }}\n")
        .replace("64B", "128B")
        .replace("[[clients]]", "[server]\nprotocol = \"echo\"\n[[clients]]\nprotocol = \"echo\"");
    let program = |server: &str| BRIEF.replace("[[clients]]", &format!("[server]\n{server}\n[[clients]]"));
    let missing = program("command = [\"no-such-program\", \"{port}\"]\naddress = \"127.0.0.1:0\"");
    let files =
        program("command = [\"cat\", \"{port}\"]\naddress = \"127.0.0.1:0\"\nfiles = [\"gone.conf\"]");
    let sweep = format!("{BRIEF}[sweep]\n\"clients.good.count\" = [1, 2]\n\"clients.bad.count\" = [1]\n");
    for (text, printed) in [
        (&b"title = \"x\"\nabout = \"\xff\"\n"[..], "quick.toml:2: byte 0xff is not UTF-8"),
        (deep.as_bytes(), "quick.toml:2: "),
        (b"", "quick.toml:1: the key `title` is missing"),
        (b"title = \"x\"\nmeasure = \"1s\"\n", "quick.toml:1: clients: add at least one"),
        (sweep.as_bytes(), "quick.toml:10: sweep clients.bad.count=1: there is no client group `bad`"),
        (b"title = \"x\"\nseed = 99999999999999999999\n", "quick.toml:2: "),
        (dots.as_bytes(), "quick.toml:9: sweep clients.a.a"),
        (stalled.as_bytes(), "quick.toml:7: clients.good.load: group `good` requests at most 1 KiB"),
        (pieces.as_bytes(), "quick.toml:11: clients.good.tx: group `good` sends pieces of 128B"),
        (missing.as_bytes(), "quick.toml:5: server.command: there is no program `no-such-program`"),
        (files.as_bytes(), "quick.toml:7: server.files: cannot read gone.conf"),
    ] {
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("quick.toml"), text).expect("written");
        let (code, message) = ending(&badpeer(&["run", "quick.toml"], folder.path()));
        assert_eq!(code, Some(2), "{message}");
        assert!(message.len() < 2000, "{} bytes", message.len());
        assert!(message.starts_with(&format!("badpeer: {printed}")), "{message}");
    }
}

#[apply(timed_test!)]
fn a_duration_without_a_unit_is_refused() {
    let folder = with_profile(&format!("{BRIEF}[expect]\n\"good.latency_p99\" = \"< 100\"\n"));
    let (code, printed) = ending(&badpeer(&["run", "quick.toml"], folder.path()));
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains("quick.toml:9") && printed.contains("`100` has no unit: write 100ms"),
        "{printed}"
    );
}

#[apply(timed_test!)]
fn a_file_in_place_of_the_latest_link_is_kept() {
    let folder = with_profile(BRIEF);
    let latest = folder.path().join("reports/quick/latest");
    fs::create_dir_all(latest.parent().expect("a folder")).expect("a folder");
    for make in [|path: &Path| fs::create_dir(path), |path: &Path| fs::write(path, "mine")] {
        make(&latest).expect("made");
        let (code, printed) = ending(&badpeer(&["run", "quick.toml"], folder.path()));
        assert_eq!(code, Some(3), "{printed}");
        assert!(printed.contains("latest is not a link to the newest run"), "{printed}");
        assert!(!latest.is_symlink(), "{printed}");
        fs::remove_dir(&latest).or_else(|_| fs::remove_file(&latest)).expect("still there");
    }
}

/// Threads and processes count together for one user.
#[apply(timed_test!)]
fn failed_thread_creation_gives_one_message() {
    let folder = with_profile(BRIEF);
    // The superuser has no limit: somebody else has.
    let is_root = fs::metadata("/proc/self").expect("a process").uid() == 0;
    let nobody = is_root.then_some(65_534);
    let own = folder.path().join("badpeer");
    fs::copy(BADPEER, &own).expect("a copy that everybody may run");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("set");
    let limited = |most: u32, words: &[&str]| {
        let mut command = Command::new("prlimit");
        command.arg(format!("--nproc={most}")).arg(&own).args(words);
        command.current_dir(folder.path()).env("TMPDIR", folder.path()).stdin(Stdio::null());
        if let Some(nobody) = nobody {
            command.uid(nobody).gid(nobody);
        }
        ending(&command.output().expect("prlimit(1)"))
    };
    for most in 1..=12 {
        let (code, printed) = limited(most, &["run", "quick.toml"]);
        assert!(!printed.contains("panicked"), "{most}: {printed}");
        assert!(matches!(code, Some(0 | 3 | 4)), "{most}: {code:?}: {printed}");
        assert!(code != Some(3) || printed.contains("Resource temporarily unavailable"), "{most}: {printed}");
        assert!(most > 1 || code == Some(3), "nothing can be started: {printed}");
    }
    assert!(leftovers(folder.path()).is_empty());
    // Those that drive the clients: not all can be there for any of these numbers, and nothing is measured in vain.
    let long =
        ["run", "quick.toml", "-d", "20s", "--set", "client_threads=40", "--set", "clients.good.count=40"];
    let mut messages = Vec::new();
    for most in [6, 10, 14, 18, 22] {
        let started = Instant::now();
        let (code, printed) = limited(most, &long);
        assert_eq!(code, Some(3), "{most}: {printed}");
        assert!(started.elapsed() < Duration::from_secs(8), "{most}: {:?}", started.elapsed());
        assert!(!printed.contains("cannot connect"), "{most}: {printed}");
        messages.push(printed);
    }
    let named = "cannot start the clients' threads: Resource temporarily unavailable";
    let is_named = messages.iter().any(|printed| printed.contains(named) && printed.contains("`ulimit -u`"));
    assert!(is_named || !is_root, "{messages:?}");
}

#[apply(timed_test!)]
fn a_shorter_window_alone_fails_no_expectation() {
    let profile = BRIEF.replace("200ms", "10s")
        + "[expect]\n\"good.requests\" = \"> 1800, < 2200\"\n\"good.evicted\" = \"= 3\"\n\"good.corrupt\" = \"= 0\"\n\
           \"good.latency_p50\" = \"< 1s\"\n";
    let folder = with_profile(&profile);
    let (code, printed) =
        ending(&without_pictures(&["run", "quick.toml", "-v", "-d", "500ms"], folder.path()));
    assert_eq!(code, Some(4), "{printed}");
    let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(printed.contains("(in 10 s, scaled from 500 ms)"), "{printed}");
    assert!(!printed.contains("FAIL"), "{printed}");
    // What no length excuses fails all the same.
    let folder = with_profile(&profile.replace("> 1800", "> 90000"));
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml", "-d", "500ms"], folder.path()));
    // Of times and rates nothing is proven where others have the cores.
    assert!(code == Some(1) || printed.contains("times are not valid"), "{code:?} {printed}");
}
