//! Thousands of slow readers: as many as the descriptors of this machine, and the time that a test may take, allow.

use nix::sys::resource::{Resource, getrlimit};
use tempfile::TempDir;

use crate::common::{badpeer, ending, number, repeat};

/// Of the descriptors of one process, those that are not for slow readers.
const OTHERS: u64 = 200;
const MOST: u64 = 1500;

#[apply(timed_test!)]
fn many_slow_readers_read_what_they_declared_and_disturb_nobody() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let count = MOST.min(hard - OTHERS);
    let folder = TempDir::new().expect("a folder");
    let set = format!("clients.slow reader.count={count}");
    let words =
        ["run", "many-slow-readers", "--set", &set, "--set", "warmup=3s", "-d", "4s", "--format", "csv"];
    let (code, printed) = ending(&badpeer(&words, folder.path()));
    let repeat = repeat(folder.path(), "many-slow-readers");
    let of = |name| number(&repeat, name);
    assert_eq!(of("slow reader.alive_last") as u64, count, "{printed}");
    let pace = of("slow reader.read_pace");
    assert!((pace - 1.0).abs() < 0.01, "{pace}: two reads a second each, exact to 1 %");
    // Times depend on what runs beside this test.
    assert!(of("pause_delay_p99") < 100e6 && of("connect_delay_p99") < 100e6, "{printed}");
    assert!(of("slow reader.ended_share") + of("corrupt_bytes") == 0.0, "{printed}");
    let is_excused = code == Some(4) && printed.contains("times are not valid");
    assert!(code == Some(0) || is_excused, "{code:?} {printed}");
}
