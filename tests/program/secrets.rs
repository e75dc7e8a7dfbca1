//! Secrets are sent but stored nowhere.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::output::{BRIEF, below};
use crate::common::{BADPEER, badpeer, ending, record, with_profile};

#[apply(timed_test!)]
fn secrets_are_sent_and_written_to_no_file() {
    let folder = TempDir::new().expect("a folder");
    let arguments = ["bench", "http://127.0.0.1:0/", "-d", "200ms", "--warmup", "0s", "-c", "2"];
    let arguments = [&["bench", "http://127.0.0.1:0/?a=b&access_token=hunter2"], &arguments[2..]].concat();
    let secret = [
        "-H",
        "Authorization: Bearer hunter2",
        "--header=X-Api-Key: hunter2",
        "--body",
        "{\"password\": \"hunter2\"}",
        "--bad",
        "slow-reader=1",
        "--bad-path",
        "/?token=hunter2",
    ];
    let script = "exec \"$0\" serve --listen \"$1\" --protocol http";
    let server = ["--", "sh", "-c", script, BADPEER, "{address}", "--token", "hunter2"];
    let (code, printed) = ending(&badpeer(&[&arguments[..], &secret, &server].concat(), folder.path()));
    // The reference server accepts no body: an error, which is reported.
    assert!(matches!(code, Some(0 | 1 | 4)), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
    stands_in_no_file("hunter2", &folder.path().join("reports"));
    let printing = [&arguments[..], &secret, &["--print-profile"], &server].concat();
    let (_, printed) = ending(&badpeer(&printing, folder.path()));
    assert!(printed.contains("Bearer hunter2"), "a profile that is asked for is whole: {printed}");
}

/// There is a record, and neither it nor anything beside it has this word.
fn stands_in_no_file(word: &str, reports: &Path) {
    let files = below(reports);
    assert!(files.iter().any(|file| file.ends_with("record.json")), "{files:?}");
    for file in files.iter().map(|file| reports.join(file)).filter(|file| file.is_file()) {
        let bytes = fs::read(&file).expect("read");
        assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{}", file.display());
    }
}

#[apply(timed_test!)]
fn set_or_swept_secrets_are_written_to_no_file() {
    let brief = BRIEF.replace("\nload =", "\nprotocol = \"http\"\nload =").replace(", payload = \"64B\"", "");
    let sweep = "[server]\nprotocol = \"http\"\n[sweep]\n\"clients.good.http.headers.Authorization\" = ";
    let folder = with_profile(&format!("{brief}{sweep}[\"Bearer hunter2\", \"Bearer hunter2b\"]\n"));
    let key = "clients.good.http.headers.X-Api-Key=hunter2";
    let (code, printed) = ending(&badpeer(&["run", "quick.toml", "--set", key], folder.path()));
    assert!(matches!(code, Some(0 | 4)) && !printed.contains("hunter2"), "{printed}");
    stands_in_no_file("hunter2", &folder.path().join("reports"));
    // Nor one that the profile itself has in a target or a body.
    let keys =
        "\nhttp = { path = \"/?token=hunter2\", method = \"POST\", body = \"password=hunter2\" }\nload =";
    let other = with_profile(&format!("{}[server]\nprotocol = \"http\"\n", brief.replace("\nload =", keys)));
    let (code, printed) = ending(&badpeer(&["run", "quick.toml"], other.path()));
    assert!(code != Some(2) && !printed.contains("hunter2"), "{printed}");
    stands_in_no_file("hunter2", &other.path().join("reports"));
    let points = &record(folder.path(), "quick")["points"];
    assert_ne!(points[0]["axes"], points[1]["axes"], "the values are distinguished");
    // Nor is one repeated that cannot be sent.
    let (code, printed) =
        ending(&badpeer(&["run", "quick.toml", "--set", &format!("{key}\n")], folder.path()));
    assert!(code == Some(2) && !printed.contains("hunter2"), "{printed}");
}
