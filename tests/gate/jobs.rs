//! The jobs of docs/ci.md, as their services would run them: the same files, commands, variables and artifacts, but badpeer is
//! not built once more, and nothing is kept or sent anywhere.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;
use yaml_rust2::{Yaml, YamlLoader};

use crate::common::{BADPEER, ending, pairs::turn, skip, texts};

/// The server of the project: it echoes, with a thread for each connection.
const SERVER: &str = r#"
use std::{io::{Read, Write}, net::TcpListener, thread};

fn main() {
    let port = std::env::args().nth(2).expect("--port PORT");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("a free port");
    for mut stream in listener.incoming().flatten() {
        thread::spawn(move || {
            let mut bytes = [0; 16384];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                if stream.write_all(&bytes[..count]).is_err() {
                    break;
                }
            }
        });
    }
}
"#;

const MANIFEST: &str = "[package]\nname = \"ours\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

/// The code blocks of docs/ci.md in this language.
fn blocks(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md");
    let page = fs::read_to_string(page).expect("a page");
    let blocks = page.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).map(str::to_owned).collect()
}

/// A project with a server, in a repository with two commits.
struct Project {
    folder: TempDir,
    base: String,
}

impl Project {
    fn new() -> Self {
        let mut project = Self { folder: TempDir::new().expect("a folder"), base: String::new() };
        let profiles = blocks("toml");
        let [profile] = &profiles[..] else { panic!("not one profile") };
        let brief = profile.replace("measure = \"5s\"", "warmup = \"200ms\"\nmeasure = \"1s\"");
        assert_ne!(brief, *profile);
        for (name, text) in [
            ("repository/Cargo.toml", MANIFEST),
            ("repository/src/main.rs", SERVER),
            ("repository/bench/ours.toml", &brief),
            ("repository/.gitignore", "/target\n/reports\n"),
        ] {
            project.write(name, text);
        }
        // What a job would build for minutes is here already.
        let cargo = env!("CARGO");
        let install = "mkdir -p \"${CARGO_HOME:=$HOME/.cargo}/bin\" && ln -s";
        project.write(
            "bin/cargo",
            &format!(
                "#!/bin/sh\nif [ \"$1\" = install ]; then\n{install} {BADPEER} \"$CARGO_HOME/bin/badpeer\"; exit\nfi\n\
                 exec {cargo} \"$@\"\n"
            ),
        );
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(project.path("bin/cargo"), executable).expect("a program");
        let rustc = Path::new(cargo).with_file_name("rustc");
        symlink(rustc, project.path("bin/rustc")).expect("a link");
        project.done(
            "git init -q && git add . && git commit -q -m base && git commit -q --allow-empty -m head",
            &[],
        );
        project.base = String::from(project.done("git rev-parse HEAD^", &[]).trim());
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// A command line in the repository, in a shell that ends at the first error: its exit code, and what was printed.
    fn run(&self, script: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let home = self.path("home").display().to_string();
        fs::create_dir_all(&home).expect("made");
        let path = format!("{home}/.cargo/bin:{}:/usr/bin:/bin", self.path("bin").display());
        let who = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        let output = Command::new("bash")
            .args(["--norc", "-eo", "pipefail", "-c", script])
            .current_dir(self.path("repository"))
            .env_clear()
            .envs([("HOME", home.as_str()), ("PATH", path.as_str()), ("TMPDIR", home.as_str())])
            .envs(who.map(|name| (name, "ours")))
            .envs(variables.iter().copied())
            .output()
            .expect("bash");
        ending(&output)
    }

    /// The same, of something that must succeed.
    fn done(&self, script: &str, variables: &[(&str, &str)]) -> String {
        let (code, printed) = self.run(script, variables);
        assert_eq!(code, Some(0), "{script}\n{printed}");
        printed
    }

    /// The same, of something that a busy machine may leave without a verdict.
    fn judged(&self, script: &str, variables: &[(&str, &str)]) {
        // Fewer and shorter pairs than a gate needs: whether the job is complete is asked here.
        let script = script.replace("--pairs 12", "--pairs 8 -d 300ms --set warmup=100ms");
        let (code, printed) = self.run(&script, variables);
        assert!(matches!(code, Some(0 | 4)), "{script}\n{code:?}: {printed}");
    }

    fn read(&self, name: &str) -> String {
        let path = self.path(&format!("repository/{name}"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Whether the run counts: a tracker gets no numbers of a run that a busy machine made invalid.
    fn counts(&self) -> bool {
        let record: Value =
            serde_json::from_str(&self.read("reports/ours/latest/record.json")).expect("JSON");
        let is_valid = record["points"][0]["trials"].as_array().is_some_and(|repeats| {
            repeats
                .iter()
                .all(|repeat| texts(repeat, "invalid").is_empty() && texts(repeat, "disturbed").is_empty())
        });
        if !is_valid {
            skip("the numbers for a tracker: others were using the cores");
        }
        is_valid
    }

    /// Whether the run and the comparison left their files.
    fn assert_reports(&self) {
        for name in
            ["ours/latest/record.json", "ours/latest/index.html", "compare-ours/latest/comparison.json"]
        {
            assert!(!self.read(&format!("reports/{name}")).is_empty(), "{name}");
        }
        self.assert_junit("reports/ours/latest/junit.xml");
    }

    fn assert_junit(&self, name: &str) {
        let text = self.read(name);
        let document = roxmltree::Document::parse(&text).expect("XML");
        let cases = document.descendants().filter(|node| node.has_tag_name("testcase")).count();
        assert!(cases >= 4, "{text}");
    }
}

/// The workflow or job of docs/ci.md with this key.
fn job(key: &str) -> Yaml {
    let mut jobs =
        blocks("yaml").into_iter().map(|text| YamlLoader::load_from_str(&text).expect("YAML").remove(0));
    jobs.find(|job| !job[key].is_badvalue()).expect("a job")
}

fn strings(list: &Yaml) -> Vec<&str> {
    list.as_vec().expect("a list").iter().map(|one| one.as_str().expect("text")).collect()
}

#[test]
fn the_job_for_github_runs_on_a_pull_request() {
    let (_turn, project, workflow) = (turn(), Project::new(), job("jobs"));
    let summary = project.path("summary.md").display().to_string();
    let variables = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.as_str())];
    let steps = workflow["jobs"]["badpeer"]["steps"].as_vec().expect("steps");
    for step in steps {
        let is_asked = match step["if"].as_str() {
            None | Some("always()" | "github.event_name == 'pull_request'") => true,
            Some("github.event_name == 'push'") => false,
            Some(condition) => panic!("{condition}"),
        };
        if let Some(script) = step["run"].as_str().filter(|_| is_asked) {
            let script = script.replace("${{ github.event.pull_request.base.sha }}", &project.base);
            assert!(!script.contains("${{"), "{script}");
            project.judged(&script, &variables);
        }
    }
    project.assert_reports();
    let summary = fs::read_to_string(&summary).expect("a summary");
    assert!(summary.contains("ours") && summary.contains("good.unanswered"), "{summary}");
    let with = |action: &str| {
        let is_action = |step: &&Yaml| step["uses"].as_str().is_some_and(|name| name.starts_with(action));
        &steps.iter().find(is_action).unwrap_or_else(|| panic!("no step uses {action}"))["with"]
    };
    // The base is a commit before the one that is checked out.
    assert_eq!(with("actions/checkout@")["fetch-depth"].as_i64(), Some(0));
    let cached = with("actions/cache@")["path"].as_str().expect("paths");
    assert!(cached.lines().any(|path| path == "~/.cargo/bin/badpeer"), "{cached}");
    assert!(project.path("home/.cargo/bin/badpeer").exists(), "what is cached is there");
    let followed = with("benchmark-action/")["output-file-path"].as_str().expect("a file");
    let numbers: Value = serde_json::from_str(&project.read(followed)).expect("JSON");
    let numbers = numbers.as_array().expect("a list");
    assert!(!project.counts() || numbers.len() > 3 && numbers[0]["value"].is_number(), "{numbers:?}");
    let kept = with("actions/upload-artifact@")["path"].as_str().expect("a folder");
    assert!(project.path("repository").join(kept).is_dir());
}

#[test]
fn the_job_for_gitlab_runs_on_a_merge_request() {
    let (_turn, project, whole) = (turn(), Project::new(), job("badpeer"));
    let job = &whole["badpeer"];
    let folder = project.path("repository").display().to_string();
    let expanded: Vec<(&str, String)> = job["variables"]
        .as_hash()
        .expect("variables")
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str()?, value.as_str()?.replace("$CI_PROJECT_DIR", &folder)))
        })
        .collect();
    let mut variables =
        vec![("CI_PROJECT_DIR", folder.as_str()), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", project.base.as_str())];
    variables.extend(expanded.iter().map(|(name, value)| (*name, value.as_str())));
    project.judged(&strings(&job["script"]).join("\n"), &variables);
    project.done(&strings(&job["after_script"]).join("\n"), &variables);
    for cached in strings(&job["cache"]["paths"]).into_iter().filter(|path| *path != ".cargo/registry") {
        assert!(project.path("repository").join(cached).is_dir(), "{cached}");
    }
    let artifacts = &job["artifacts"];
    assert_eq!(strings(&artifacts["paths"]), ["reports"]);
    assert!(project.read("reports/ours/latest/index.html").contains("<html"));
    project.assert_junit(artifacts["reports"]["junit"].as_str().expect("a file"));
    let metrics = project.read(artifacts["reports"]["metrics"].as_str().expect("a file"));
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
}

#[test]
fn the_script_for_any_other_service_runs_with_a_base_and_without() {
    let (_turn, project) = (turn(), Project::new());
    let scripts = blocks("bash");
    let [script] = &scripts[..] else { panic!("not one script") };
    // As the tracker's own program would be called.
    project.write("bin/bencher", "#!/bin/sh\nfor file; do :; done\ncp \"$file\" \"$HOME/followed.json\"\n");
    fs::set_permissions(project.path("bin/bencher"), fs::Permissions::from_mode(0o755)).expect("a program");
    project.judged(script, &[]);
    let followed = fs::read_to_string(project.path("home/followed.json")).expect("a file");
    let followed: Value = serde_json::from_str(&followed).expect("JSON");
    let followed = followed.as_object().expect("a table");
    assert!(!project.counts() || !followed.is_empty(), "{followed:?}");
    let again = format!("set -- {}\n{script}", project.base);
    project.judged(&again, &[]);
    project.assert_reports();
    let kept = project.done("tar -tzf reports.tar.gz", &[]);
    assert!(kept.contains("reports/compare-ours/"), "{kept}");
}
