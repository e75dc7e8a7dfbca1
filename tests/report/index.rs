//! Pages over many runs: the index and the gallery, made with the program itself.

use std::{fs, path::Path, process::Command};

use badpeer::{
    record::Record,
    report::{self, Format, tracker::Numbers},
};

use super::fixture;

/// A run's folder, as `badpeer run` leaves it.
fn keep(root: &Path, record: &Record, folder: &str) {
    let folder = root.join(&record.name).join(folder);
    let files = report::files(record, None, &[Format::Svg, Format::Html], Numbers::All).expect("files");
    report::write(files, &folder).expect("written");
    fs::write(folder.join("record.json"), serde_json::to_string(record).expect("JSON")).expect("written");
}

fn named(name: &str, title: &str, started: &str) -> Record {
    let mut record = fixture::record();
    (record.name, record.profile.title, record.started) = (name.into(), title.into(), started.into());
    record
}

fn report_of(words: &[&str]) -> (i32, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_badpeer")).arg("report").args(words).output().expect("it runs");
    (output.status.code().expect("a code"), String::from_utf8(output.stderr).expect("text"))
}

/// Three runs, a comparison, and a record that is broken.
fn folder_of_reports() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    keep(root, &named("stalled-readers", "Older", "2026-01-01T00:00:00Z"), "2026-01-01T00-00-00Z");
    keep(root, &named("stalled-readers", "Newer", "2026-01-03T00:00:00Z"), "2026-01-03T00-00-00Z");
    std::os::unix::fs::symlink("2026-01-03T00-00-00Z", root.join("stalled-readers/latest")).expect("a link");
    let mut sweep = fixture::sweep();
    (sweep.name, sweep.started) = ("a-sweep".into(), "2026-01-02T00:00:00Z".into());
    keep(root, &sweep, "2026-01-02T00-00-00Z");
    let comparison = fixture::comparison("control", 2.0);
    let compared = root.join("compare-control/2026-01-04T00-00-00Z");
    let files = report::comparison_files(&comparison, &[Format::Svg, Format::Html]).expect("files");
    report::write(files, &compared).expect("written");
    let text = serde_json::to_string(&comparison).expect("JSON");
    fs::write(compared.join("comparison.json"), text).expect("written");
    let broken = root.join("broken/2026-01-05T00-00-00Z");
    fs::create_dir_all(&broken).expect("a folder");
    fs::write(broken.join("record.json"), "{\"format\": 99}").expect("written");
    folder
}

#[test]
fn the_index_lists_all_runs_and_comparisons_newest_first() {
    let folder = folder_of_reports();
    let (code, errors) = report_of(&[&format!("--index={}", folder.path().display())]);
    assert_eq!(code, 0, "{errors}");
    let page = fs::read_to_string(folder.path().join("index.html")).expect("a page");
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing in {page}"));
    assert!(place("compare control") < place(">Newer<") && place(">Newer<") < place("· 2026-01-02T"));
    assert!(place("· 2026-01-02T") < place(">Older<"));
    assert_eq!(page.matches(">Newer<").count(), 1, "`latest` is no run of its own");
    assert!(page.contains("Files that could not be read") && page.contains("format is 99"));
    // Whatever it leads to is there.
    for part in page.split("src=\"").skip(1).chain(page.split("href=\"").skip(1)) {
        let path = part.split('"').next().expect("a quote");
        assert!(folder.path().join(path).is_file(), "{path}");
    }
    assert_eq!(page.matches("<img").count(), 4);
}

#[test]
fn an_empty_folder_gives_an_index_and_a_missing_one_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, _) = report_of(&[&format!("--index={}", folder.path().display())]);
    let page = fs::read_to_string(folder.path().join("index.html")).expect("a page");
    assert!(code == 0 && page.contains("No reports yet"));
    let (code, errors) = report_of(&[&format!("--index={}/none", folder.path().display())]);
    assert!(code == 2 && errors.contains("cannot read") && errors.contains("none"), "{errors}");
}

#[test]
fn the_gallery_shows_the_newest_run_of_each_profile_in_one_picture() {
    let folder = folder_of_reports();
    let out = folder.path().join("pictures");
    let words = [format!("--gallery={}", folder.path().display()), format!("--out={}", out.display())];
    let (code, errors) = report_of(&words.each_ref().map(String::as_str));
    assert!(code == 0 && errors.contains("format is 99"), "{errors}");
    let text = fs::read_to_string(out.join("README.md")).expect("a page");
    assert!(text.contains("**Newer**") && !text.contains("Older"), "{text}");
    for (profile, words) in
        [("stalled-readers", "Bytes that a slow client does not read"), ("a-sweep", " with contiguous")]
    {
        assert!(text.contains(&format!("]({profile}.png)")) && text.contains(words), "{text}");
        let picture = fs::read(out.join(format!("{profile}.png"))).expect("a picture");
        let side = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("four bytes"));
        assert_eq!((side(16), side(20)), (800, 400));
        assert!(picture.len() < 60_000, "{} bytes", picture.len());
    }
}

#[test]
fn links_resolve_for_any_folder_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["javascript:alert(1)<!--", "a#b?c%20", "x)<[y](z"] {
        keep(folder.path(), &named(name, name, "2026-01-01T00:00:00Z"), "once");
    }
    let (code, errors) = report_of(&[&format!("--index={}", folder.path().display())]);
    assert_eq!(code, 0, "{errors}");
    let page = fs::read_to_string(folder.path().join("index.html")).expect("a page");
    for link in ["href=\"javascript%3Aalert%281%29%3C%21--/once/", "src=\"a%23b%3Fc%2520/once/"] {
        assert!(page.contains(link), "{link} is missing in {page}");
    }
    let (code, errors) = report_of(&[&format!("--gallery={}", folder.path().display())]);
    assert_eq!(code, 0, "{errors}");
    let text = fs::read_to_string(folder.path().join("gallery/README.md")).expect("a page");
    assert!(text.contains("](x%29%3C%5By%5D%28z.png)\n"), "{text}");
    assert!(folder.path().join("gallery/x)<[y](z.png").is_file());
}
