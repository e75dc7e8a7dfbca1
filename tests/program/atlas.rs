//! `badpeer atlas`: the same faults at several servers, as one page.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{BADPEER, badpeer, ending, text};

/// A server of a user's own, which ends idle connections when it is hardened, and one that nobody has.
fn own_servers(folder: &Path) {
    let own = folder.join("mine");
    fs::create_dir(&own).expect("a folder");
    let declared = format!(
        "title = \"mine\"\nversion = [\"{BADPEER}\", \"--version\"]\n[server]\n\
         command = [\"{BADPEER}\", \"serve\", \"--protocol\", \"echo\", \"--listen\", \"{{address}}\", \"{{directives}}\"]\n\
         [requests.small]\nprotocol = \"echo\"\nload = {{ payload = \"64B\" }}\n\
         [[hardened]]\ndirective = \"--idle-timeout {{seconds}}s\"\ndefault = \"off\"\nagainst = [\"idle\", \"./mute.toml\"]\n\
         [[documented]]\nfault = \"idle\"\nsays = \"never\"\nheld = true\n"
    );
    fs::write(own.join("server.toml"), &declared).expect("written");
    let absent = folder.join("absent");
    fs::create_dir(&absent).expect("a folder");
    let declared = declared.replace(
        &format!("version = [\"{BADPEER}\""),
        "package = \"no-such\"\nversion = [\"no-such-server\"",
    );
    fs::write(absent.join("server.toml"), declared).expect("written");
    let fault = "title = \"Mute\"\nabout = \"Says nothing.\"\nrequest = \"small\"\n[client]\nload = \"none\"\ntx = \"idle\"\n";
    fs::write(folder.join("mute.toml"), fault).expect("written");
}

fn atlas(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("at/atlas.json")).expect("an atlas");
    serde_json::from_str(&text).expect("JSON")
}

/// The outcome of a cell.
fn outcome(atlas: &Value, server: &str, variant: &str, fault: &str) -> Value {
    let cells = atlas["cells"].as_array().expect("cells");
    let own =
        |cell: &&Value| cell["server"] == server && cell["variant"] == variant && cell["fault"] == fault;
    cells.iter().find(own).unwrap_or_else(|| panic!("no cell {server} {variant} {fault}"))["outcome"].clone()
}

#[apply(timed_test!)]
fn a_fault_is_ended_where_a_directive_is_set_against_it_and_held_elsewhere() {
    let folder = TempDir::new().expect("a folder");
    own_servers(folder.path());
    let words = [
        "atlas",
        "--quick",
        "--servers",
        "badpeer,./mine,./absent",
        "--faults",
        "half-sent,./mute.toml",
        "--out",
        "at",
    ];
    let output = badpeer(&words, folder.path());
    let (code, printed) = ending(&output);
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.contains("SKIP  mine: no `no-such-server`: get it with `apt-get install no-such`"),
        "{printed}"
    );
    let made = atlas(folder.path());
    for (server, fault) in
        [("badpeer", "half-sent"), ("badpeer", "mute"), ("mine", "half-sent"), ("mine", "mute")]
    {
        let (is, was) = (outcome(&made, server, "hardened", fault), outcome(&made, server, "default", fault));
        assert_eq!(was["is"], "held", "{server} {fault}: {was}");
        assert_eq!(
            (&is["is"], is["peers"].as_u64()),
            (&Value::from("ended"), Some(20)),
            "{server} {fault}: {is}"
        );
        let after_ms = is["after_ns"].as_u64().expect("a time") / 1_000_000;
        assert!((1990..3500).contains(&after_ms), "{server} {fault}: {after_ms} ms");
    }
    let page = fs::read_to_string(folder.path().join("at/index.html")).expect("a page");
    let links = page.split("href=\"runs/").skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
    let links: Vec<&str> = links.collect();
    assert!(links.len() >= 8, "{links:?}");
    assert!(links.iter().all(|link| folder.path().join("at/runs").join(link).is_file()), "{links:?}");
    for file in ["atlas.md", "atlas.csv", "atlas.png", "atlas.svg"] {
        assert!(folder.path().join("at").join(file).is_file(), "{file}");
    }

    let advice = fs::read_to_string(folder.path().join("at/atlas.md")).expect("a page");
    assert!(advice.contains("mute ended after 2."), "a fault of one's own, by its file: {advice}");

    // What was measured is kept, also by a call for one of the servers; at the defaults, where nothing disturbed it.
    let runs = |folder: &Path| -> Vec<(String, usize)> {
        let names = fs::read_dir(folder.join("at/runs")).expect("runs").flatten();
        let count = |run: fs::DirEntry| {
            (
                run.file_name().to_string_lossy().into_owned(),
                fs::read_dir(run.path()).expect("a folder").count(),
            )
        };
        let mut runs: Vec<_> = names.map(count).filter(|(name, _)| name.contains("-hardened-")).collect();
        runs.sort();
        runs
    };
    let before = runs(folder.path());
    assert_eq!(before.len(), 4, "{before:?}");
    for words in
        [&["atlas", "--quick", "--servers", "./mine", "--faults", "half-sent", "--out", "at"][..], &words]
    {
        let (code, printed) = ending(&badpeer(words, folder.path()));
        assert_eq!(code, Some(0), "{printed}");
    }
    assert_eq!(runs(folder.path()), before);
    let times = |atlas: &Value, at: usize| atlas["runs"][at].as_str().expect("a time").to_owned();
    let again = atlas(folder.path());
    assert!(
        times(&again, 0) <= times(&made, 1),
        "runs that were kept have their own time: {}",
        again["runs"]
    );
}

#[apply(timed_test!)]
fn mistakes_in_servers_and_faults_are_usage_errors_that_name_them() {
    let folder = TempDir::new().expect("a folder");
    own_servers(folder.path());
    let broken = folder.path().join("broken");
    fs::create_dir(&broken).expect("a folder");
    for (declared, words, expected) in [
        ("", &["--servers", "ngix"][..], "there is no server `ngix`"),
        ("", &["--servers", "ngix"], "did you mean `nginx`?"),
        ("", &["--faults", "idel"], "did you mean `idle`?"),
        ("", &["--servers", "./nowhere"], "./nowhere"),
        ("", &["--faults", "nowhere.toml"], "nowhere.toml"),
        ("title = 1", &["--servers", "./broken"], "broken/server.toml"),
        (
            "title = \"x\"\n[server]\n[requests.large]\n",
            &["--servers", "./broken"],
            "[requests.small] is missing",
        ),
        (
            "title = \"x\"\n[server]\n[requests.small]\n[[hardened]]\ndirective = \"x\"\ndefault = \"\"\nagainst = [\"idel\"]\n",
            &["--servers", "./broken"],
            "did you mean `idle`?",
        ),
    ] {
        fs::write(broken.join("server.toml"), declared).expect("written");
        let output = badpeer(&[&["atlas", "--out", "at"], words].concat(), folder.path());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {message}");
        assert!(message.contains(expected), "{words:?}: {message}");
    }
    assert!(!folder.path().join("at").exists(), "nothing was begun");
}
