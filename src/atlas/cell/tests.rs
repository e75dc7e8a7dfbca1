//! Cells of made-up runs.

use std::time::Duration;

use super::*;
use crate::units::Span;

fn cell(outcome: Outcome, documented: Option<Documented>) -> Cell {
    Cell { documented, peers: (20, 20), ..Cell::without("s", Variant::Default, "f", outcome) }
}

fn said(seconds: Option<u64>) -> Documented {
    let ended_after = seconds.map(|seconds| Span(Duration::from_secs(seconds)));
    Documented { fault: "f".into(), says: "so".into(), ended_after, held: seconds.is_none(), answer: None }
}

fn ended(ms: u64) -> Outcome {
    Outcome::Ended {
        peers: 20,
        after_ns: Some(ms * 1_000_000),
        by_reset: 0,
        by_fin: 20,
        announced: 0,
        after_error: 0,
        answer: None,
    }
}

fn answered(count: u64, status: &str) -> Outcome {
    let mut outcome = ended(60_000);
    if let Outcome::Ended { after_error, answer, .. } = &mut outcome {
        (*after_error, *answer) = (count, Some(format!("HTTP/1.1 {status} Text")));
    }
    outcome
}

fn held(seconds: u64) -> Outcome {
    Outcome::Held { for_ns: seconds * 1_000_000_000 }
}

#[test]
fn a_cell_contradicts_what_is_documented_only_where_it_shows_something_else() {
    let does = |outcome, documented| cell(outcome, documented).contradicts();
    assert_eq!(does(ended(60_100), Some(said(Some(60)))), Some(false));
    assert_eq!(does(ended(65_900), Some(said(Some(60)))), Some(false), "within a tenth");
    assert_eq!(does(ended(67_000), Some(said(Some(60)))), Some(true));
    assert_eq!(does(ended(900), Some(said(Some(2)))), Some(false), "within 1.5 s");
    assert_eq!(does(ended(300), Some(said(Some(2)))), Some(true));
    assert_eq!(does(ended(5_000), Some(said(None))), Some(true), "documented to be held");
    assert_eq!(does(held(80), Some(said(None))), Some(false));
    assert_eq!(does(held(80), Some(said(Some(60)))), Some(true));
    assert_eq!(does(held(2), Some(said(Some(60)))), None, "it was not watched for so long");
    assert_eq!(does(held(66), Some(said(Some(60)))), None, "an end may still come");
    assert_eq!(does(ended(1), None), None);
    assert_eq!(does(Outcome::GoesOn, Some(said(Some(60)))), None);
    let with_answer = || Some(Documented { answer: Some("408".to_owned()), ..said(Some(60)) });
    assert_eq!(does(ended(60_000), with_answer()), Some(true), "there was no answer");
    assert_eq!(does(answered(20, "408"), with_answer()), Some(false));
    assert_eq!(does(answered(20, "400"), with_answer()), Some(true), "another status");
    assert_eq!(does(answered(0, "408"), with_answer()), Some(true), "the end did not come after it");
}

#[test]
fn a_close_that_an_answer_announced_is_an_end_and_silence_is_not_service() {
    let price = Price { connected: 20, with_ns: 7, ..Price::default() };
    let found = |change: fn(&mut crate::record::GroupResult), goes_on| {
        let mut repeat = crate::gate::repeat(&[]);
        let mut group = crate::record::GroupResult { name: PEERS.to_owned(), ..Default::default() };
        change(&mut group);
        repeat.groups.push(group);
        outcome(&repeat, &price, goes_on, None)
    };
    assert_eq!(found(|_| {}, false), Outcome::Held { for_ns: 7 });
    let ended = found(|group| group.ledger.closed_as_announced = 20, false);
    assert!(matches!(ended, Outcome::Ended { peers: 20, announced: 20, after_ns: None, .. }), "{ended:?}");
    let ended = found(|group| group.ledger.closed_idle = 3, false);
    assert!(matches!(ended, Outcome::Ended { peers: 3, announced: 3, .. }), "{ended:?}");
    assert_eq!(found(|group| group.requests.answered = 20, true), Outcome::GoesOn);
    assert_eq!(found(|group| group.content.verified = 9, true), Outcome::GoesOn);
    assert_eq!(found(|_| {}, true), Outcome::Held { for_ns: 7 }, "nobody was answered");
}

#[test]
fn an_outcome_counts_where_the_load_generator_was_late_by_a_little() {
    let found = |late_ns: Option<u64>, after_ms: u64| {
        let repeat = Repeat { invalid: vec!["why".to_owned()], ..crate::gate::repeat(&[]) };
        let price = Price {
            connected: 20,
            ended: 20,
            ended_after_ns: Some(after_ms * 1_000_000),
            ..Price::default()
        };
        matches!(outcome(&repeat, &price, false, late_ns), Outcome::Ended { .. })
    };
    assert!(found(Some(249_000_000), 300), "an end is dated in seconds");
    assert!(!found(Some(251_000_000), 2_000));
    assert!(found(Some(990_000_000), 10_000) && !found(Some(1_010_000_000), 10_000), "a tenth");
    assert!(!found(None, 60_000), "another reason");
}

#[test]
fn slower_is_what_noise_does_not_explain() {
    let times = |is_slower| Cell { p99_ns: Some((1e6, 5e6)), is_slower, ..cell(held(2), None) };
    assert_eq!(times(Some(true)).slower(), Some(5.0));
    assert_eq!(times(Some(false)).slower(), None);
    assert_eq!(times(None).slower(), None);
}

#[test]
fn good_clients_are_silenced_by_what_is_no_hiccup() {
    let silent = |before, with| Cell { silence_ns: Some((before, with)), ..cell(held(2), None) }.silent_ns();
    assert_eq!(silent(30e6, 2.4e9), Some(2.4e9));
    assert_eq!(silent(30e6, 400e6), None, "too short");
    assert_eq!(silent(200e6, 900e6), None, "as before");
    assert_eq!(cell(held(2), None).silent_ns(), None);
}
