//! The history of runs: rows that are added, columns that come later, charts, and files that are none.

use std::{error::Error, fs, path::Path, thread};

use badpeer::{
    cli::history,
    record::{Loopback, Record},
    report,
};

use super::fixture;

/// A run at a commit, with this peak of memory.
fn run(commit: &str, time: &str, rss: f64) -> Record {
    let mut record = fixture::record();
    record.commit = Some(commit.into());
    record.started = time.into();
    for repeat in &mut record.points[0].repeats {
        repeat.summary.insert("server_rss_growth".into(), rss);
    }
    record
}

fn append(file: &Path, record: &Record) {
    history::append(file, record).unwrap_or_else(|error| panic!("{error}"));
}

/// Files by name.
type Files = Vec<(String, Vec<u8>)>;

fn history_files(file: &Path) -> Result<Files, Box<dyn Error>> {
    let text = history::read(file)?;
    Ok(report::history_files(&text, &file.display().to_string())?)
}

fn table(file: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(file).expect("CSV");
    let words = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let head = words(reader.headers().expect("a head"));
    (head, reader.records().map(|record| words(&record.expect("a row"))).collect())
}

#[test]
fn a_new_number_adds_a_column_and_keeps_the_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("deep/history.csv");
    append(&file, &run("aaaaaaaa", "2026-01-01T00:00:00Z", 1e6));
    let (head, _) = table(&file);
    assert_eq!(head[..7], ["time", "commit", "profile", "point", "machine", "kernel", "badpeer"]);
    assert!(head.contains(&"good.latency_p99".to_owned()) && !head.contains(&"retransmits".to_owned()));
    let mut later = run("bbbbbbbb", "2026-01-02T00:00:00Z", 2e6);
    later.profile.expect.insert("retransmits".into(), "< 9".into());
    for repeat in &mut later.points[0].repeats {
        repeat.summary.insert("retransmits".into(), 3.0);
    }
    append(&file, &later);
    append(&file, &run("cccccccc", "2026-01-03T00:00:00Z", 3e6));
    let (wider, rows) = table(&file);
    assert_eq!((&wider[..head.len()], wider.last().map(String::as_str)), (&head[..], Some("retransmits")));
    let column = |name: &str| wider.iter().position(|column| column == name).expect(name);
    let cells = |name: &str| rows.iter().map(|row| row[column(name)].clone()).collect::<Vec<_>>();
    assert_eq!(cells("commit"), ["aaaaaaaa", "bbbbbbbb", "cccccccc"]);
    assert_eq!(cells("server_rss_growth"), ["1000000", "2000000", "3000000"]);
    assert_eq!(cells("retransmits"), ["", "3", ""]);
}

#[test]
fn appending_through_a_link_keeps_the_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let (kept, link) = (folder.path().join("kept.csv"), folder.path().join("link.csv"));
    std::os::unix::fs::symlink("kept.csv", &link).expect("a link");
    // The first makes the file, and the second makes it anew.
    let mut second = run("bbbbbbbb", "2026-01-02T00:00:00Z", 2e6);
    second.profile.expect.insert("retransmits".into(), "< 9".into());
    second.points[0].repeats[0].summary.insert("retransmits".into(), 3.0);
    for record in [run("aaaaaaaa", "2026-01-01T00:00:00Z", 1e6), second] {
        append(&link, &record);
    }
    assert!(link.is_symlink());
    assert_eq!(table(&kept).1.len(), 2);
}

#[test]
fn concurrent_appends_lose_no_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.csv");
    thread::scope(|scope| {
        for writer in 0..8 {
            let file = &file;
            scope.spawn(move || {
                for run_number in 0..5 {
                    let mut record = run(&format!("{writer}-{run_number}"), "2026-01-01T00:00:00Z", 1e6);
                    // Each brings a column of its own, for which the file is made anew.
                    record.profile.expect.insert(format!("number_{writer}"), "> 0".into());
                    for repeat in &mut record.points[0].repeats {
                        repeat.summary.insert(format!("number_{writer}"), 1.0);
                    }
                    append(file, &record);
                }
            });
        }
    });
    let (head, rows) = table(&file);
    assert_eq!(rows.len(), 40);
    assert_eq!(head.iter().filter(|name| name.starts_with("number_")).count(), 8);
}

#[test]
fn every_number_is_drawn_without_lines_between_machines() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.csv");
    for (day, commit) in ["aaaaaaaa", "bbbbbbbb"].into_iter().enumerate() {
        append(&file, &run(commit, &format!("2026-01-0{}T00:00:00Z", day + 1), 1e6));
    }
    let draw = || history_files(&file).expect("files");
    let svg = |name: &str| {
        let files = draw();
        let found = files.iter().find(|(file, _)| file == name);
        String::from_utf8(found.expect(name).1.clone()).expect("text")
    };
    let chart = "history-stalled-readers-server-rss-growth.svg";
    let lines = |svg: &str| svg.matches("stroke=\"#0072B2\"").count();
    assert_eq!(lines(&svg(chart)), 1, "one line through both");
    let mut elsewhere = run("cccccccc", "2026-01-03T00:00:00Z", 1e6);
    elsewhere.machine.cpu = "Another CPU".into();
    append(&file, &elsewhere);
    elsewhere.started = "2026-01-04T00:00:00Z".into();
    append(&file, &elsewhere);
    let there = svg(chart);
    assert_eq!(lines(&there), 2, "and one on the other machine");
    assert!(there.contains("another machine") && there.contains("aaaaaaa"), "{there}");
    assert!(!there.contains("another loopback"), "{there}");
    for (day, mtu) in [(5, 1500), (6, 1500)] {
        elsewhere.started = format!("2026-01-0{day}T00:00:00Z");
        elsewhere.machine.loopback = Some(Loopback { mtu, ..Loopback::USUAL });
        append(&file, &elsewhere);
    }
    let svg = svg(chart);
    assert_eq!(lines(&svg), 3, "and one with the other MTU");
    assert!(svg.contains("another loopback"), "{svg}");
    let names: Vec<String> = draw().into_iter().map(|(name, _)| name).collect();
    assert!(names[0] == "history.html" && names.iter().any(|name| name.contains(".png")));
}

#[test]
fn names_in_a_history_are_escaped_and_give_one_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.csv");
    let long = "x".repeat(250);
    for name in ["x\"><img src=x onerror=alert(1)>", "a/b", "../../c", long.as_str()] {
        let mut record = run("aaaaaaaa", "2026-01-01T00:00:00Z", 1e6);
        name.clone_into(&mut record.name);
        append(&file, &record);
    }
    let files = history_files(&file).expect("files");
    let count = files.len();
    let out = folder.path().join("out");
    report::write(files, &out).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(fs::read_dir(&out).expect("a folder").count(), count, "each is a file of its own, here");
    let page = fs::read_to_string(out.join("history.html")).expect("a page");
    assert!(!page.contains("<img") && page.contains("&lt;img"), "{page}");
}

#[test]
fn a_truncated_row_is_dropped_and_not_joined_with_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.csv");
    append(&file, &run("aaaaaaaa", "2026-01-01T00:00:00Z", 1e6));
    append(&file, &run("bbbbbbbb", "2026-01-02T00:00:00Z", 2e6));
    let whole = fs::read_to_string(&file).expect("text");
    let second = whole.trim_end().rfind('\n').expect("lines") + 1;
    for cut in second..=whole.len() {
        fs::write(&file, &whole[..cut]).expect("written");
        append(&file, &run("cccccccc", "2026-01-03T00:00:00Z", 3e6));
        let (head, rows) = table(&file);
        let commits: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
        let is_kept = commits == ["aaaaaaaa", "bbbbbbbb", "cccccccc"];
        assert!(is_kept || commits == ["aaaaaaaa", "cccccccc"], "{cut}: {commits:?}");
        let original = whole[second..].trim_end().split(',').collect::<Vec<_>>();
        if is_kept {
            // The processor's name may have a comma in it; the numbers at the end have none.
            let cells = &rows[1];
            let last = if cut == whole.len() { original[original.len() - 1] } else { "" };
            assert_eq!(cells[head.len() - 1], last);
            assert_eq!(cells[head.len() - 2], original[original.len() - 2]);
        }
    }
    // Empty, or blank: a history that begins.
    for text in ["", "\n"] {
        fs::write(&file, text).expect("written");
        append(&file, &run("cccccccc", "2026-01-03T00:00:00Z", 3e6));
        assert_eq!(table(&file).1.len(), 1);
    }
}

#[test]
fn an_invalid_history_is_refused_naming_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.csv");
    let printed = |text: &str| {
        fs::write(&file, text).expect("written");
        history_files(&file).expect_err(text).to_string()
    };
    let head = "time,commit,profile,point,machine,kernel,badpeer,server_rss_growth\n";
    assert!(printed("a,b\n1,2\n").contains("history.csv:1: there is no column `time`"));
    let wrong = printed(&format!("{head}t,c,p,,m,k,b,1\nt,c,p,,m,k,b,many\n"));
    assert!(wrong.contains("history.csv:3: `many` in column `server_rss_growth` is not a number"), "{wrong}");
    let short = printed(&format!("{head}t,c\n"));
    assert!(short.contains("history.csv:2:"), "{short}");
    let none = history_files(&folder.path().join("none.csv")).expect_err("no file").to_string();
    assert!(none.contains("badpeer run --history"), "{none}");
    let error = history::append(&file, &fixture::record()).expect_err("a broken file").to_string();
    assert!(error.contains("history.csv:2:"), "nothing is added to a file that cannot be read: {error}");
}
