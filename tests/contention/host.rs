//! When a failure is blamed on the machine.

use std::{
    cell::Cell,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::common::host::{Cpu, judged, others};

/// Ticks pass, of which other programs take this share; a test that succeeds in the attempt of that number.
fn attempts(share: f64, good: u32) -> (u32, bool) {
    let (ticks, made) = (Cell::new(0.0), Cell::new(0));
    let now = || {
        ticks.set(ticks.get() + 1000.0);
        Cpu { all: ticks.get(), stolen: 0.0, others: HashMap::from([(7, ticks.get() * share)]) }
    };
    let body = || {
        made.set(made.get() + 1);
        assert_eq!(made.get(), good);
    };
    let ended = catch_unwind(AssertUnwindSafe(|| judged("planted (this SKIP is expected)", now, body)));
    (made.get(), ended.is_ok())
}

#[test]
fn a_failed_test_is_repeated_only_on_a_busy_machine() {
    assert_eq!(attempts(0.05, 2), (1, false), "on a quiet machine it fails at once");
    assert_eq!(attempts(0.5, 1), (1, true));
    assert_eq!(attempts(0.5, 2), (2, true));
    assert_eq!(attempts(0.5, 9), (3, true), "it is skipped");
}

#[test]
fn processes_of_the_test_program_are_not_others() {
    let processes =
        HashMap::from([(1, (0, 5.0)), (10, (1, 6.0)), (11, (10, 7.0)), (12, (11, 8.0)), (20, (1, 9.0))]);
    assert_eq!(others(&processes, 10), HashMap::from([(1, 5.0), (20, 9.0)]));
    let before = Cpu { all: 100.0, stolen: 5.0, others: HashMap::from([(20, 9.0)]) };
    let after = Cpu { all: 300.0, stolen: 15.0, others: HashMap::from([(20, 19.0), (21, 20.0)]) };
    assert!((after.share_of_others_since(&before) - 0.2).abs() < 1e-9);
    let now = Cpu::now();
    assert!(now.all > 0.0 && !now.others.is_empty() && !now.others.contains_key(&std::process::id()));
}
