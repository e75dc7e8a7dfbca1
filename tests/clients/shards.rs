//! Shards, here on threads of the test: what each kept is put together, and is what one process would have counted.

use std::{
    sync::{atomic::AtomicBool, mpsc},
    thread,
};

use badpeer::{
    client::{self, Kept, Plan, Shard, put_together},
    metric::Metric,
};

use super::{Driven, of, plan, served};

const CLIENTS: &str = r#"
    [[clients]]
    name = "open"
    count = 6
    load = { rate = "600/s", payload = "100B" }

    [[clients]]
    name = "closed"
    count = 3
    load = { depth = 2, payload = "1KiB" }

    [[clients]]
    name = "leaves"
    count = 1
    stop = "200ms"
    load = { depth = 1, payload = "64B" }
"#;

/// What each of so many shards kept, written and read again; and the plan.
fn kept(of: u32) -> (Vec<String>, Plan) {
    let mut all = (Vec::new(), None);
    served("", |address| {
        let whole = plan(2, address, CLIENTS, 800);
        let shard = |index| {
            let plan = Plan { shard: Some(Shard { index, of }), ..whole.clone() };
            thread::spawn(move || {
                let (sender, _ticks) = mpsc::channel();
                let kept = client::drive_shard(&plan, &AtomicBool::new(false), &sender).expect("driven");
                serde_json::to_string(&kept).expect("JSON")
            })
        };
        let threads: Vec<_> = (0..of).map(shard).collect();
        let texts = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        all = (texts, Some(whole));
        Driven::default()
    });
    (all.0, all.1.expect("a plan"))
}

fn read(texts: &[String]) -> Vec<Kept> {
    texts.iter().map(|text| serde_json::from_str(text).expect("kept")).collect()
}

#[apply(timed_test!)]
fn shards_come_to_what_one_process_counts() {
    let (texts, plan) = kept(3);
    let parts = read(&texts);
    assert!(parts.iter().all(|part| part.check(&plan).is_ok()));
    let driven = put_together(&plan, parts).expect("parts");
    let [open, closed, leaves] = &driven.groups[..] else { panic!("three groups") };
    assert_eq!([open, closed, leaves].map(|group| group.ledger.opened), [6, 3, 1]);
    assert!(driven.groups.iter().all(|group| group.ledger.balances() && group.requests.balance()));
    // 600/s from 100.3 ms on until the end at 800 ms: the first is due at once.
    assert_eq!(open.requests.started + open.requests.skipped, 420, "{:?}", open.requests);
    assert_eq!(open.response_ns.count(), open.requests.answered);
    assert!(closed.requests.answered > 100 && leaves.requests.answered > 10);
    assert_eq!(driven.ports.len(), 10);
    assert!(driven.ports.is_sorted_by_key(|port| port.opened_ns));
    assert!(driven.ports.iter().all(|port| port.opened_ns >= plan.epoch_ns));
    let silence = |group: usize| of(&driven.summaries[group], Metric::LongestSilence);
    // The shards without a connection of the group are silent for all of the window.
    assert!(silence(2) < 300e6 && silence(1) < 300e6, "{} {}", silence(1), silence(2));
    let (rows, seconds) = driven.window.expect("its ends were seen");
    assert!((0.7..0.9).contains(&seconds), "{seconds}");
    // Where a shard looked late at the beginning of the window, what was due before that is not counted.
    let due = of(&rows[0], Metric::Due);
    assert!((405.0..=420.0).contains(&due), "{due} due in {seconds} s");
}

#[apply(timed_test!)]
fn parts_of_another_plan_are_refused() {
    let (texts, plan) = kept(1);
    let refused = |change: fn(&mut Plan)| {
        let mut other = plan.clone();
        change(&mut other);
        read(&texts)[0].check(&other).expect_err("refused")
    };
    assert!(refused(|plan| plan.groups.truncate(2)).contains("the 2 groups of the profile"));
    assert!(refused(|plan| plan.groups[0].count = 5).contains("has 6 connections, but the profile has 5"));
    let phase = |plan: &mut Plan| plan.phases.push((plan.warmup, plan.measure));
    assert!(refused(phase).contains("does not have the 1 phases"));
    let port = texts[0].replacen("\"group\":0", "\"group\":7", 1);
    let refusal = read(&[port])[0].check(&plan).expect_err("refused");
    assert!(refusal.contains("of group 7"), "{refusal}");
    assert!(put_together(&plan, Vec::new()).is_none());
}
