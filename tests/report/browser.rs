//! Pages as a browser lays them out, wide and narrow, light and dark: the answer is on the first screen, nothing overlaps or
//! passes the border, and no script fails. Without Chromium it is not judged.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    process::Command,
};

use badpeer::{record::Record, report::Format};

use super::{file, fixture, price::priced};

/// Collects the errors of the page's own scripts.
const LISTENER: &str = "<head>\n<script>window.problems = [];\
    addEventListener('error', event => problems.push(event.message));\
    console.error = (...words) => problems.push(words.join(' '));</script>";

/// Each page in frames of three widths, and the script that measures them.
fn frames(pages: &[(&str, String)], is_dark: bool) -> String {
    let script = include_str!("browser.js").replace("WANTS_DARK", if is_dark { "true" } else { "false" });
    let frame = |title: &str, page: &str, width: u32| {
        let page = page.replacen("<head>", LISTENER, 1).replace('&', "&amp;").replace('"', "&quot;");
        format!(
            "<iframe title=\"{title}\" width=\"{width}\" height=\"800\" style=\"border: 0\" srcdoc=\"{page}\"></iframe>\n"
        )
    };
    let frames =
        pages.iter().flat_map(|(title, page)| [1400, 800, 400].map(|width| frame(title, page, width)));
    format!(
        "<!DOCTYPE html>\n<html><head><meta name=\"color-scheme\" content=\"light dark\"><script>{script}</script></head>\
         <body>\n{}</body></html>\n",
        frames.collect::<String>()
    )
}

/// What the script finds wrong; `None` without a browser.
fn found(pages: &[(&str, String)], is_dark: bool) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("frames.html");
    fs::write(&path, frames(pages, is_dark)).expect("written");
    let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!is_dark));
    let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
    let address = format!("file://{}", path.display());
    let flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1500,2600", "--dump-dom"];
    for browser in ["chromium", "chromium-browser", "google-chrome"] {
        let mut command = Command::new(browser);
        // The time of the page runs ahead; it ends when nothing is left to do.
        command.args(flags).args([&scheme, &profile, "--virtual-time-budget=5000", &address]);
        let output = match command.output() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            output => output.expect("the browser runs"),
        };
        let page = String::from_utf8_lossy(&output.stdout);
        let (_, list) = page.split_once("<p id=\"found\">").unwrap_or_else(|| {
            panic!("the script did not end: {page}\n{}", String::from_utf8_lossy(&output.stderr))
        });
        let (list, _) = list.split_once("</p>").expect("it ends");
        let list = list.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        return Some(serde_json::from_str(&list).expect("a list"));
    }
    None
}

fn judge(pages: &[(&str, String)]) {
    for is_dark in [false, true] {
        match found(pages, is_dark) {
            Some(found) => assert!(found.is_empty(), "dark: {is_dark}: {found:#?}"),
            None => drop(writeln!(io::stderr(), "SKIP pages in a browser: Chromium is not installed")),
        }
    }
}

fn page(record: &Record) -> String {
    file(record, Format::Html, "index.html")
}

#[test]
fn pages_fit_every_screen_and_open_with_the_answer() {
    let mut labeled = fixture::sweep();
    labeled.profile.chart = Some("good.latency_p99".to_owned());
    judge(&[
        ("a run", page(&fixture::record())),
        ("a sweep", page(&fixture::sweep())),
        ("a sweep with a chart", page(&labeled)),
        ("a price", page(&priced())),
    ]);
}

#[test]
fn the_browser_finds_what_is_wrong() {
    let wide = page(&fixture::record()).replacen("<header>", "<header><h1 style=\"width: 3000px\">x</h1>", 1);
    let broken = page(&fixture::record()).replacen("<header>", "<header><script>nothing()</script>", 1);
    let Some(found) = found(&[("wide", wide), ("broken", broken)], false) else { return };
    for words in ["wide at 400: is ", "broken at 1400: Uncaught ReferenceError: nothing is not defined"] {
        assert!(found.iter().any(|problem| problem.starts_with(words)), "{words}: {found:#?}");
    }
}
