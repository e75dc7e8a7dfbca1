//! Many runs in one folder that start at the same time.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::{sys::stat::Mode, unistd::mkfifo};

use crate::{
    ONE,
    common::{BADPEER, ending, with_profile},
};

/// Many folders to make and to remove.
const OUT: &str = "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z";

const CORE: &str = "title = \"t\"\n[core]\nexperiment = \"decode\"\nvolume = \"64KiB\"\n";

/// It ends before it listens: nothing is left behind, and the folders that were made for it are removed.
const FAILING: &str = "title = \"t\"\n[server]\ncommand = [\"false\", \"{port}\"]\n[[clients]]\nname = \"good\"\ncount = 1\nload = { depth = 1 }\n";

/// A run that begins when the pipe `start` is opened.
fn wait(folder: &Path, profile: &str) -> Child {
    let run = format!("run {profile} --out {OUT} --format csv --history --save-baseline main");
    let mut command = Command::new("sh");
    command.args(["-c", &format!(": < start; exec {BADPEER} {run}")]).current_dir(folder);
    command.env("TMPDIR", folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("a shell")
}

/// Exit code, and all that was said.
fn end(child: Child) -> (Option<i32>, String) {
    ending(&child.wait_with_output().expect("an end"))
}

#[apply(timed_test!)]
fn parallel_runs_that_create_the_report_folder_keep_all_records() {
    let _turn = ONE.turn();
    let folder = with_profile(CORE);
    fs::create_dir(folder.path().join("failing")).expect("a folder");
    fs::write(folder.path().join("failing/quick.toml"), FAILING).expect("written");
    mkfifo(&folder.path().join("start"), Mode::S_IRWXU).expect("a pipe");
    let both = || ["failing/quick.toml", "quick.toml"].map(|profile| wait(folder.path(), profile));
    let children: Vec<[Child; 2]> = (0..50).map(|_| both()).collect();
    thread::sleep(Duration::from_millis(500));
    let _start = File::options().write(true).open(folder.path().join("start")).expect("the pipe");
    for [failing, child] in children {
        let (code, printed) = end(failing);
        assert_eq!(code, Some(3), "{printed}");
        let (code, printed) = end(child);
        assert!(matches!(code, Some(0 | 4)), "{code:?}: {printed}");
    }
    let runs = fs::read_dir(folder.path().join(OUT).join("quick")).expect("a folder").flatten();
    let records = runs.filter(|run| !run.path().is_symlink() && run.path().join("record.json").is_file());
    assert_eq!(records.count(), 50);
}
