//! When a failure is blamed on the machine.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
};

use super::common::host::{Cpu, judged, judged_alone, more_patient_each_time, patience};

/// Time passes, of which other programs take this share in percent; a test that succeeds in the attempt of that number.
fn attempts(percent: u64, good: u32) -> (u32, bool) {
    let (seconds, made) = (Cell::new(0), Cell::new(0));
    let now = || {
        seconds.set(seconds.get() + 10);
        let ns = seconds.get() * 1_000_000_000;
        Cpu { all_ns: ns, stolen_ns: 0, others_ns: HashMap::from([(7, ns / 100 * percent)]) }
    };
    let body = || {
        made.set(made.get() + 1);
        assert_eq!(made.get(), good);
    };
    let ended = catch_unwind(AssertUnwindSafe(|| judged_alone("planted (this SKIP is expected)", now, body)));
    (made.get(), ended.is_ok())
}

#[test]
fn a_failed_test_is_repeated_only_on_a_busy_machine() {
    assert_eq!(attempts(5, 2), (1, false), "on a quiet machine it fails at once");
    assert_eq!(attempts(50, 1), (1, true));
    assert_eq!(attempts(50, 2), (2, true));
    assert_eq!(attempts(50, 9), (3, true), "it is skipped");
}

#[test]
fn a_test_that_fails_beside_others_is_repeated_alone() {
    let attempts = |good: u32| {
        let made = Cell::new(0);
        let body = || {
            made.set(made.get() + 1);
            assert_eq!(made.get(), good);
        };
        let ended =
            catch_unwind(AssertUnwindSafe(|| judged("planted (this line is expected)", Cpu::default, body)));
        (made.get(), ended.is_ok())
    };
    assert_eq!(attempts(1), (1, true));
    assert_eq!(attempts(2), (2, true));
    assert_eq!(attempts(3), (2, false), "it fails alone on a quiet machine");
}

#[test]
fn windows_grow_with_the_attempts_of_a_patient_test() {
    let seen = RefCell::new(Vec::new());
    let attempt = more_patient_each_time(|| seen.borrow_mut().push(patience()));
    (0..4).for_each(|_| attempt());
    assert_eq!(*seen.borrow(), [1, 1, 3, 9], "beside others, and then alone");
}

#[test]
fn processes_of_the_test_program_are_not_others() {
    let mut child = Command::new("sleep").arg("60").spawn().expect("sleep(1)");
    let now = Cpu::now();
    child.kill().expect("it runs");
    child.wait().expect("an end");
    assert!(now.all_ns > 0 && !now.others_ns.is_empty());
    assert!(![std::process::id(), child.id()].iter().any(|pid| now.others_ns.contains_key(pid)));
    let cpu = |all: u64, stolen: u64, others: Vec<(u32, u64)>| Cpu {
        all_ns: all * 1_000_000_000,
        stolen_ns: stolen * 1_000_000_000,
        others_ns: HashMap::from_iter(others),
    };
    let (before, after) = (
        cpu(100, 5, vec![(20, 9_000_000_000)]),
        cpu(300, 15, vec![(20, 19_000_000_000), (21, 20_000_000_000)]),
    );
    assert!((after.share_of_others_since(&before) - 0.2).abs() < 1e-9);
}
