//! A run of several processes: what each leaves in a folder, and what they come to together.

mod forged;
mod here;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    BADPEER, badpeer, ending,
    host::patience,
    number,
    process::{send, serving, started},
    repeat, text, texts, with_profile, without_pictures,
};

/// Good clients in an open and a closed loop, of a server that runs already.
fn profile(address: &str, more: &str) -> String {
    format!(
        r#"
title = "quick"
warmup = "300ms"
measure = "{}ms"
sample_every = "100ms"
{more}

[server]
attach = "{address}"

[[clients]]
name = "open"
count = 12
load = {{ rate = "1000/s", payload = "100B" }}

[[clients]]
name = "closed"
count = 5
load = {{ depth = 1, payload = "1KiB" }}
"#,
        1000 * patience()
    )
}

/// A server, and a folder with the profile of its clients.
fn prepared() -> (crate::common::process::Mortal, String, TempDir) {
    let (server, address) = serving(&["--listen", "127.0.0.1:0"]);
    let folder = with_profile(&profile(&address, ""));
    (server, address, folder)
}

/// Starts a shard, or with `--observe` the observer.
fn start(folder: &Path, profile: &str, which: &[&str], at: &str) -> Child {
    let mut command = Command::new(BADPEER);
    command.args(["run", profile]).args(which).args(["--start-at", at, "--out", "parts"]).current_dir(folder);
    started(command)
}

fn finished(child: Child) -> Output {
    child.wait_with_output().expect("it ends")
}

/// A time for all of them, in seconds since 1970.
fn soon() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    format!("{:.3}", now.as_secs_f64() + 1.5 * patience() as f64)
}

/// Runs so many shards, and the observer.
fn run_all(folder: &Path, of: u32) {
    let at = soon();
    let which: Vec<String> = (1..=of).map(|index| format!("{index}/{of}")).collect();
    let mut all: Vec<Child> =
        which.iter().map(|shard| start(folder, "quick.toml", &["--shard", shard], &at)).collect();
    all.push(start(folder, "quick.toml", &["--observe"], &at));
    for child in all {
        let (code, printed) = ending(&finished(child));
        // What was not valid on a busy machine is merged all the same.
        assert!(matches!(code, Some(0 | 4)), "{printed}");
    }
}

fn state(folder: &Path, name: &str) -> Value {
    let text = fs::read_to_string(folder.join("parts").join(name)).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

/// Changes a file that a shard left.
fn change(folder: &Path, name: &str, from: &str, to: &str) {
    let path = folder.join("parts").join(name);
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(from), "{name} has {from}");
    fs::write(path, text.replacen(from, to, 1)).expect("written");
}

/// Exit code, and what was said, on one line.
fn merged(folder: &Path) -> (Option<i32>, String) {
    let (code, printed) = ending(&without_pictures(&["merge", "parts"], folder));
    (code, printed.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[apply(patient_test!)]
fn shards_and_their_observer_come_to_one_record() {
    let (_server, _, folder) = prepared();
    run_all(folder.path(), 3);
    let own = state(folder.path(), "shard-2-of-3.json");
    assert_eq!((&own["state"], &own["exit"], &own["shard"]), (&"finished".into(), &0.into(), &2.into()));
    assert!(own["host"]["boot_id"].as_str().is_some_and(|id| id.len() > 30), "{own}");
    let (code, printed) = merged(folder.path());
    // A busy machine gets no verdict.
    assert!(matches!(code, Some(0 | 4)), "{printed}");
    let repeat = repeat(folder.path(), "quick");
    let [open, closed] = [0, 1].map(|group| repeat["groups"][group].clone());
    assert_eq!((&open["ledger"]["opened"], &closed["ledger"]["opened"]), (&12.into(), &5.into()));
    // 1000/s from 100.6 ms after the start until the end.
    let seconds = 0.3 + patience() as f64;
    let due = open["requests"]["started"].as_u64().expect("a count")
        + open["requests"]["skipped"].as_u64().unwrap_or(0);
    assert_eq!(due, (1000.0 * (seconds - 0.1006)).ceil() as u64);
    let response = open["response_ns"].as_array().expect("buckets");
    let answered: u64 = response.iter().filter_map(|pair| pair[1].as_u64()).sum();
    assert!(
        (number(&repeat, "open.offered_rate") - 1000.0).abs() < 1.5,
        "{}",
        number(&repeat, "open.offered_rate")
    );
    assert!(answered > 900 * patience(), "{answered}");
    assert!(number(&repeat, "server_rss_peak") > 1e6, "the observer saw the server");
    let columns = repeat["series"]["columns"].as_object().expect("columns");
    let alive = columns["open.alive"].as_array().expect("samples");
    assert!(alive.iter().any(|count| count.as_f64() == Some(12.0)), "{alive:?}");
    assert!(columns.contains_key("open.response_p99"), "{:?}", columns.keys());
    assert!(texts(&repeat, "notes").contains("put together from shards that started at"));
    let invalid = texts(&repeat, "invalid");
    assert!(!invalid.contains("shard"), "{invalid}");
}

#[apply(patient_test!)]
fn a_merged_record_has_the_quantiles_of_its_shards_together() {
    let (_server, _, folder) = prepared();
    run_all(folder.path(), 2);
    merged(folder.path());
    let repeat = repeat(folder.path(), "quick");
    // What the files hold, added up here by hand.
    let mut buckets = std::collections::BTreeMap::new();
    for index in 1..=2 {
        let part = state(folder.path(), &format!("shard-{index}-of-2.part.json"));
        let response = &part["kept"]["groups"][0]["requests"]["judged"]["response"]["answered"];
        for pair in response.as_array().expect("buckets") {
            *buckets.entry(pair[0].as_u64().expect("ns")).or_insert(0) += pair[1].as_u64().expect("a count");
        }
    }
    let all: u64 = buckets.values().sum();
    for (name, share) in [("open.latency_p50", 0.5), ("open.latency_p99", 0.99)] {
        let rank = (all as f64 * share).ceil() as u64;
        let mut seen = 0;
        let value = buckets.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        let value = *value.expect("a value").0 as f64;
        assert!((number(&repeat, name) / value - 1.0).abs() < 0.001, "{name}: {value}");
    }
}

#[apply(patient_test!)]
fn a_shard_that_was_killed_makes_the_run_invalid_and_the_rest_is_kept() {
    let (_server, _, folder) = prepared();
    let at = soon();
    let shards =
        ["1/3", "2/3", "3/3"].map(|shard| start(folder.path(), "quick.toml", &["--shard", shard], &at));
    let file = folder.path().join("parts/shard-2-of-3.json");
    let waited = Instant::now();
    while !file.exists() && waited.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let [one, two, three] = shards;
    send(nix::sys::signal::Signal::SIGKILL, two.id());
    let _ = [one, two, three].map(finished);
    assert_eq!(state(folder.path(), "shard-2-of-3.json")["state"], "running");
    let (code, printed) = merged(folder.path());
    assert_eq!(code, Some(4), "{printed}");
    let repeat = repeat(folder.path(), "quick");
    let invalid = texts(&repeat, "invalid");
    assert!(invalid.contains("shard 2 of 3 (") && invalid.contains("still says `running`"), "{invalid}");
    assert_eq!(repeat["groups"][0]["ledger"]["opened"], 8, "of the other two");
    let notes = texts(&repeat, "notes");
    assert!(notes.contains("no observer ran beside the server"), "{notes}");
    fs::remove_file(file).expect("removed");
    let (code, printed) = merged(folder.path());
    assert!(code == Some(4) && printed.contains("shard 2 of 3 is lost"), "{printed}");
}

#[apply(patient_test!)]
fn a_late_shard_does_not_join_and_makes_the_run_invalid() {
    let (_server, _, folder) = prepared();
    let at = soon();
    let one = start(folder.path(), "quick.toml", &["--shard", "1/2"], &at);
    finished(one);
    let (code, printed) = ending(&finished(start(folder.path(), "quick.toml", &["--shard", "2/2"], &at)));
    assert!(code == Some(4) && printed.contains("was ready") && printed.contains("--start-at"), "{printed}");
    let late = state(folder.path(), "shard-2-of-2.json");
    assert_eq!((&late["state"], &late["exit"]), (&"late".into(), &4.into()));
    assert!(!folder.path().join("parts/shard-2-of-2.part.json").exists());
    let (code, printed) = merged(folder.path());
    assert!(code == Some(4) && printed.contains("shard 2 of 2") && printed.contains("was late"), "{printed}");
    // Nobody is left who measured anything.
    fs::remove_file(folder.path().join("parts/shard-1-of-2.json")).expect("removed");
    let (code, printed) = merged(folder.path());
    assert!(code == Some(4) && printed.contains("no shard has measured anything"), "{printed}");
}

#[apply(patient_test!)]
fn shards_of_different_runs_are_not_merged() {
    let (_server, address, folder) = prepared();
    fs::write(folder.path().join("other.toml"), profile(&address, "seed = 7")).expect("written");
    let at = soon();
    let one = start(folder.path(), "quick.toml", &["--shard", "1/2"], &at);
    let two = start(folder.path(), "other.toml", &["--shard", "2/2"], &at);
    let _ = [one, two].map(finished);
    let (code, printed) = merged(folder.path());
    assert!(code == Some(2) && printed.contains("of different runs"), "{printed}");
    assert!(printed.contains("the seed (42, 7)") && printed.contains("the profile ("), "{printed}");
    assert!(!printed.contains("the start"), "{printed}");
    change(folder.path(), "shard-2-of-2.json", "\"seed\": 7", "\"seed\": 42");
    let own =
        state(folder.path(), "shard-1-of-2.json")["run"]["profile"].as_str().expect("a hash").to_owned();
    let other =
        state(folder.path(), "shard-2-of-2.json")["run"]["profile"].as_str().expect("a hash").to_owned();
    change(folder.path(), "shard-2-of-2.json", &other, &own);
    change(folder.path(), "shard-2-of-2.json", "(format 1)", "(format 2)");
    let (code, printed) = merged(folder.path());
    assert!(code == Some(2) && printed.contains("the version of badpeer (0."), "{printed}");
    change(folder.path(), "shard-2-of-2.json", "(format 2)", "(format 1)");
    let (code, printed) = merged(folder.path());
    assert!(
        code == Some(4) && printed.contains("it is of another run"),
        "what it measured says so, too: {printed}"
    );
    change(folder.path(), "shard-2-of-2.json", "\"format\": 1", "\"format\": 9");
    let (code, printed) = merged(folder.path());
    assert!(code == Some(2) && printed.contains("its format is 9"), "{printed}");
}

#[apply(patient_test!)]
fn damaged_files_are_named() {
    let (_server, _, folder) = prepared();
    run_all(folder.path(), 2);
    let parts = folder.path().join("parts");
    let whole = fs::read_to_string(parts.join("shard-2-of-2.part.json")).expect("a file");
    let hash =
        state(folder.path(), "shard-2-of-2.json")["part"]["sha256"].as_str().expect("a hash").to_owned();
    for (damaged, problem) in [
        (whole.replacen("\"count\":", "\"count\":1", 1), "its SHA-256 is"),
        (whole[..whole.len() / 2].to_owned(), "its SHA-256 is"),
        (String::new(), "its SHA-256 is"),
    ] {
        fs::write(parts.join("shard-2-of-2.part.json"), damaged).expect("written");
        let (code, printed) = merged(folder.path());
        let problems = texts(&repeat(folder.path(), "quick"), "invalid");
        assert!(code == Some(4) && problems.contains("shard-2-of-2.part.json is damaged"), "{printed}");
        assert!(problems.contains(problem), "{problems}");
        assert!(!problems.contains("clients other than badpeer's"), "they are the lost shard's: {problems}");
    }
    fs::remove_file(parts.join("shard-2-of-2.part.json")).expect("removed");
    let (code, printed) = merged(folder.path());
    assert!(code == Some(4) && printed.contains("cannot read shard-2-of-2.part.json"), "{printed}");
    fs::write(parts.join("shard-2-of-2.part.json"), &whole).expect("written");
    change(folder.path(), "shard-2-of-2.json", &hash, &"0".repeat(64));
    assert_eq!(merged(folder.path()).0, Some(4));
    fs::write(parts.join("shard-2-of-2.json"), "{\"format\": 1, \"state\"").expect("written");
    let (code, printed) = merged(folder.path());
    assert!(code == Some(2) && printed.contains("shard-2-of-2.json: it is damaged"), "{printed}");
    let (code, printed) = ending(&badpeer(&["merge", "nowhere"], folder.path()));
    assert!(code == Some(2) && printed.contains("cannot read nowhere"), "{printed}");
    let (code, printed) = ending(&badpeer(&["merge", "."], folder.path()));
    assert!(code == Some(2) && printed.contains("no shard has left a file in ."), "{printed}");
}

#[apply(timed_test!)]
fn what_a_shard_cannot_do_is_refused_with_the_remedy() {
    let (_server, address) = serving(&["--listen", "127.0.0.1:0"]);
    let folder = with_profile(&profile(&address, ""));
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("written");
    write("swept.toml", profile(&address, "") + "[sweep]\n\"clients.open.count\" = [1, 2]");
    write("thrice.toml", profile(&address, "repeats = 3"));
    write("own.toml", profile("", "").replace("attach = \"\"", ""));
    write("gone.toml", profile("127.0.0.1:1", ""));
    let shard = |profile: &'static str| {
        vec!["run", profile, "--shard", "1/2", "--start-at", "now+1s", "--out", "parts"]
    };
    for (words, code, part) in [
        (vec!["run", "quick.toml", "--shard", "0/4", "--start-at", "now+1s"], 2, "counted from 1"),
        (vec!["run", "quick.toml", "--shard", "5/4", "--start-at", "now+1s"], 2, "the last 4/4"),
        (vec!["run", "quick.toml", "--shard", "1/4"], 2, "--start-at"),
        (vec!["run", "quick.toml", "--shard", "1/4", "--start-at", "soon"], 2, "now+10s"),
        (vec!["run", "quick.toml", "--start-at", "now+1s"], 2, "--start-at is for --shard and --observe"),
        (
            vec!["run", "quick.toml", "--shard", "1/4", "--start-at", "now+1s", "--json"],
            2,
            "cannot be used with",
        ),
        (vec!["run", "quick.toml", "--shards", "2", "--start-at", "now+1s"], 2, "cannot be used with"),
        (vec!["run", "quick.toml", "--shards", "0"], 2, "from 1 to 256"),
        (vec!["run", "quick.toml", "own.toml", "--observe", "--start-at", "now+1s"], 2, "name one profile"),
        (shard("swept.toml"), 2, "--set KEY=VALUE"),
        (shard("thrice.toml"), 2, "add --repeats 1"),
        (shard("own.toml"), 2, "use --shards, which starts it"),
        (shard("core-shift"), 2, "core experiment"),
        (shard("gone.toml"), 3, "cannot reach 127.0.0.1:1"),
    ] {
        let (ended, printed) = ending(&badpeer(&words, folder.path()));
        assert!(ended == Some(code) && printed.contains(part), "{words:?}: {ended:?} {printed}");
        assert!(!printed.contains("panicked"), "{printed}");
    }
    let failed = state(folder.path(), "shard-1-of-2.json");
    assert_eq!((&failed["state"], &failed["exit"]), (&"failed".into(), &3.into()));
    assert!(failed["message"].as_str().is_some_and(|text| text.contains("cannot reach")), "{failed}");
}

#[apply(timed_test!)]
fn the_variables_of_a_cluster_say_which_shard_it_is() {
    let (_server, _, folder) = prepared();
    let words = ["run", "quick.toml", "--shard", "auto", "--start-at", "1", "--out", "parts"];
    let with = |variables: &[(&str, &str)]| {
        let mut command = Command::new(BADPEER);
        for name in ["SLURM_PROCID", "SLURM_NTASKS", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"] {
            command.env_remove(name);
        }
        let output = command.args(words).envs(variables.iter().copied()).current_dir(folder.path()).output();
        output.expect("badpeer runs")
    };
    let none = with(&[]);
    let said = text(&none.stderr);
    assert!(
        none.status.code() == Some(2) && said.contains("SLURM_PROCID") && said.contains("BADPEER_SHARDS"),
        "{said}"
    );
    // The start is long over: each is late, and has left its own file.
    let job = with(&[("JOB_COMPLETION_INDEX", "2"), ("BADPEER_SHARDS", "5")]);
    assert_eq!(
        (job.status.code(), &state(folder.path(), "shard-3-of-5.json")["state"]),
        (Some(4), &"late".into())
    );
    let slurm = with(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]);
    assert_eq!(
        (slurm.status.code(), &state(folder.path(), "shard-1-of-4.json")["state"]),
        (Some(4), &"late".into())
    );
}
