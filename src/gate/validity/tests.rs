//! Each limit, tested on both of its sides.

use super::*;
use crate::{
    profile::Source,
    record::{Effective, GroupResult, Ledger, PutOff, Requests, ResourceExhaustion},
};

const OPEN: &str = "rate = 9";
const CLOSED: &str = "depth = 1";

fn repeat(numbers: &[(&str, f64)]) -> Repeat {
    Repeat {
        window_ns: (1_000_000_000, 3_000_000_000),
        effective: Effective { server_cores: vec![0, 1], client_cores: vec![2, 3], ..Effective::default() },
        ..crate::gate::repeat(numbers)
    }
}

fn profile(load: &str, expect: &str) -> Profile {
    let text = format!(
        "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ {load}, payload = 9 }}\n[expect]\n{expect}"
    );
    Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
}

fn examined(load: &str, expect: &str, repeat: &Repeat) -> Findings {
    examine(&profile(load, expect), repeat)
}

/// What is said of a repeat with these numbers: `invalid: …`, `disturbed: …`, `note: …`, or nothing.
fn remarks(load: &str, numbers: &[(&str, f64)]) -> String {
    let Findings { invalid, disturbed, notes } = examined(load, "", &repeat(numbers));
    let kinds = [("invalid", invalid), ("disturbed", disturbed), ("note", notes)];
    let texts = kinds
        .into_iter()
        .flat_map(|(kind, texts)| texts.into_iter().map(move |text| format!("{kind}: {text}")));
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_healthy_repeat_has_no_remarks() {
    let healthy = [
        ("pacing_error_p99", 49e6),
        ("harness_busy", 0.85),
        ("harness_run_delay", 0.04),
        ("harness_paused", 199e6),
        ("listener_drops", 0.0),
        ("listen_drops", 5.0),
        ("host_steal_rate", 0.039),
        ("host_cpu_pressure_rate", 0.2),
    ];
    assert_eq!(remarks(OPEN, &healthy), "");
    assert_eq!(remarks(CLOSED, &healthy[1..]), "");
    assert_eq!(remarks(CLOSED, &[]), "", "what was not measured is not judged");
}

#[test]
fn clients_that_never_connected_make_a_repeat_invalid() {
    let came = |opened, cut_short| {
        let ledger = Ledger { opened, still_alive: opened, ..Ledger::default() };
        let group = GroupResult { name: "g".to_owned(), ledger, ..GroupResult::default() };
        examined(CLOSED, "", &Repeat { groups: vec![group], cut_short, ..repeat(&[]) }).invalid
    };
    assert!(came(0, false)[0].contains("`g` opened only 0 of its 1 connections"));
    assert!(came(0, true).is_empty() && came(1, false).is_empty() && came(7, false).is_empty());
}

#[test]
fn requests_that_start_late_make_a_repeat_invalid() {
    assert!(
        remarks(OPEN, &[("pacing_error_p99", 51e6)])
            .starts_with("invalid: the load generator started requests 51 ms late")
    );
}

#[test]
fn a_busy_load_generator_is_valid_while_it_starts_requests_in_time() {
    let of = |late_ns, busy| remarks(OPEN, &[("pacing_error_p99", late_ns), ("harness_busy", busy)]);
    assert_eq!(of(11e6, 0.94), "");
    assert_eq!(of(9e6, 0.96), "");
    let both = of(11e6, 0.96);
    assert!(both.starts_with("note: the load generator was busy 96 % of the time and started"), "{both}");
}

#[test]
fn a_busy_load_generator_is_a_note_on_closed_loops() {
    assert_eq!(remarks(CLOSED, &[("harness_busy", 0.89)]), "");
    let note = remarks(CLOSED, &[("harness_busy", 0.92)]);
    assert!(
        note.starts_with("note: ")
            && note.ends_with("(g) were limited by the load generator as much as by the server"),
        "{note}"
    );
    assert!(
        remarks(CLOSED, &[("harness_busy", 0.96)])
            .contains("(g) are those of the load generator, not of the server")
    );
    assert_eq!(remarks(OPEN, &[("harness_busy", 0.96)]), "", "an open loop shows it as pacing error");
}

#[test]
fn a_stalled_load_generator_makes_a_repeat_invalid() {
    let words = remarks(CLOSED, &[("harness_paused", 202e6), ("harness_pause_max", 60e6)]);
    assert!(
        words.starts_with(
            "invalid: the load generator was stalled for 202 ms (10 % of the window, at most 60 ms at a time)"
        ),
        "{words}"
    );
}

#[test]
fn lateness_alone_is_told_from_other_reasons() {
    let late = [("pacing_error_p99", 51e6), ("harness_paused", 202e6), ("harness_pause_max", 60e6)];
    let judged = |numbers: &[(&str, f64)], more: &[&str]| {
        let mut repeat = repeat(numbers);
        repeat.invalid = examined(OPEN, "", &repeat).invalid;
        repeat.invalid.extend(more.iter().map(|reason| (*reason).to_owned()));
        late_only(&profile(OPEN, ""), &repeat)
    };
    assert_eq!(judged(&late, &[]), Some(60e6));
    assert_eq!(judged(&late[..1], &[]), Some(51e6));
    assert_eq!(judged(&late, &["a shard was lost"]), None);
    assert_eq!(judged(&[], &["a shard was lost"]), None);
    assert_eq!(judged(&[("pacing_error_p99", 49e6)], &[]), None, "it is valid");
}

#[test]
fn dropped_connection_attempts_make_a_repeat_invalid_unless_expected() {
    let mut dropped = repeat(&[("listener_drops", 3.0), ("accept_queue_peak", 129.0)]);
    let nobody = examined(CLOSED, "", &dropped);
    assert!(nobody.invalid.is_empty(), "a server that answers no client is not excused by its queue");
    assert!(nobody.notes[0].starts_with("the kernel dropped 3 connection attempts"));
    let ledger = Ledger { opened: 1, still_alive: 1, ..Ledger::default() };
    let requests = Requests { started: 9, answered: 9, ..Requests::default() };
    dropped.groups.push(GroupResult { name: "g".to_owned(), ledger, requests, ..GroupResult::default() });
    let invalid = examined(CLOSED, "", &dropped).invalid;
    assert!(invalid[0].starts_with("the kernel dropped 3 connection attempts") && invalid[0].contains("129"));
    assert_eq!(examined(CLOSED, "listener_drops = \">= 1\"", &dropped), Findings::default());
}

#[test]
fn dropped_attempts_do_not_excuse_a_silent_server() {
    let with = |requests| {
        let ledger = Ledger { opened: 1, still_alive: 1, ..Ledger::default() };
        let group = GroupResult { name: "g".to_owned(), ledger, requests, ..GroupResult::default() };
        examined(CLOSED, "", &Repeat { groups: vec![group], ..repeat(&[("listener_drops", 58.0)]) })
    };
    let answered = Requests { started: 2000, answered: 2000, ..Requests::default() };
    assert_eq!(with(answered).invalid.len(), 1);
    let hung = |age| Requests { started: 2001, unanswered: 1, oldest_unanswered_ns: age, ..answered };
    assert_eq!(with(hung(900_000_000)).invalid.len(), 1, "the dropped attempt may be its own");
    let findings = with(hung(1_500_000_000));
    assert!(findings.invalid.is_empty(), "{:?}", findings.invalid);
    assert!(
        findings.notes.concat().contains("the kernel dropped 58 connection attempts"),
        "{:?}",
        findings.notes
    );
}

#[test]
fn connections_that_were_not_accepted_are_remarked_and_make_idle_groups_invalid() {
    let of = |group: &str, not_accepted| {
        let ledger = Ledger { opened: 9, still_alive: 9, ..Ledger::default() };
        let requests = Requests { started: 1, answered: 1, ..Requests::default() };
        let result =
            GroupResult { name: "g".into(), ledger, requests, not_accepted, ..GroupResult::default() };
        let text = format!("title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 9\n{group}");
        let profile = Source { file: "t.toml".into(), text }.parse(&[]).expect("valid");
        examine(&profile, &Repeat { groups: vec![result], ..repeat(&[("accept_queue_peak", 5.0)]) })
    };
    let (good, idle) = ("load = { depth = 1, payload = 9 }", "tx = 'idle'");
    assert_eq!((of(good, 0), of(idle, 0)), (Findings::default(), Findings::default()));
    let remark = "2 of the 9 connections of `g` were not opened, because the server accepted none of those that waited (up \
                  to 5)";
    let findings = of(good, 2);
    assert!(findings.notes[0].starts_with(remark) && findings.invalid.is_empty(), "{findings:?}");
    let findings = of(idle, 2);
    assert!(findings.invalid[0].starts_with(remark) && findings.notes.is_empty(), "{findings:?}");
}

#[test]
fn a_server_that_accepts_nothing_is_not_the_clients_fault() {
    let of = |answered, timed_out, numbers: &[(&str, f64)]| {
        let ledger = Ledger { opened: 1, still_alive: 1 - timed_out, timed_out, ..Ledger::default() };
        let requests = Requests { started: answered, answered, ..Requests::default() };
        let loop_started_ns = Some(2_000_000_000);
        let group =
            GroupResult { name: "g".into(), ledger, requests, loop_started_ns, ..GroupResult::default() };
        examined(OPEN, "", &Repeat { groups: vec![group], ..repeat(numbers) })
    };
    let is_late = |texts: &[String]| texts.concat().contains("the open loop of `g` started 1 s after");
    for found in [of(0, 1, &[]), of(0, 0, &[("listener_drops", 3.0)])] {
        assert!(found.invalid.is_empty() && is_late(&found.notes), "{found:?}");
    }
    assert!(is_late(&of(0, 0, &[]).invalid), "nothing shows that the server was the cause");
    assert!(is_late(&of(1, 1, &[]).invalid), "what was answered was answered under less than the load");
}

#[test]
fn an_exhausted_resource_is_named_with_its_remedy() {
    let mut short = repeat(&[]);
    short.effective.exhaustion = Some(ResourceExhaustion::Ports);
    let ledger = Ledger { opened: 7, still_alive: 7, ..Ledger::default() };
    short.groups.push(GroupResult { ledger, ..GroupResult::default() });
    let invalid = examined(CLOSED, "", &short).invalid.concat();
    assert!(invalid.contains("ran out of local ports after 7 connections"), "{invalid}");
    assert!(invalid.contains("net.ipv4.ip_local_port_range"), "{invalid}");
}

#[test]
fn steal_is_a_share_of_the_cores_in_use() {
    assert!(
        remarks(CLOSED, &[("host_steal_rate", 0.041)])
            .starts_with("note: other guests of the host took 1.0 %")
    );
    assert!(remarks(CLOSED, &[("host_steal_rate", 0.399)]).starts_with("note: "));
    assert!(
        remarks(CLOSED, &[("host_steal_rate", 0.4)])
            .starts_with("disturbed: other guests of the host took 10 %")
    );
}

#[test]
fn other_load_on_the_machine_gets_a_note() {
    assert!(remarks(OPEN, &[("harness_run_delay", 0.12)]).contains("waited for its core 12 % of the time"));
    assert!(remarks(OPEN, &[("host_cpu_pressure_rate", 0.3)]).contains("waited for a core 30 % of the time"));
    let both = remarks(OPEN, &[("harness_run_delay", 0.12), ("host_cpu_pressure_rate", 0.3)]);
    assert_eq!(both.matches("note: ").count(), 1, "{both}");
}

#[test]
fn accounts_that_do_not_add_up_make_a_repeat_invalid() {
    for (opened, started) in [(1, 0), (0, 1)] {
        let mut wrong = repeat(&[]);
        let ledger = Ledger { opened, ..Ledger::default() };
        let requests = Requests { started, ..Requests::default() };
        wrong.groups.push(GroupResult { ledger, requests, ..GroupResult::default() });
        assert!(examined(CLOSED, "", &wrong).invalid[0].contains("a bug in badpeer"));
    }
}

#[test]
fn unanswered_requests_get_a_note() {
    let mut hung = repeat(&[]);
    let requests = Requests { started: 1000, answered: 989, unanswered: 11, ..Requests::default() };
    let response_ns = crate::record::Buckets(vec![(5, 989)]);
    let ledger = Ledger { opened: 1, still_alive: 1, ..Ledger::default() };
    let loop_started_ns = Some(0);
    hung.groups.push(GroupResult {
        ledger,
        requests,
        response_ns,
        loop_started_ns,
        ..GroupResult::default()
    });
    let note = |group: Requests, hung: &mut Repeat| {
        hung.groups[0].requests = group;
        examined(OPEN, "", hung).notes.remove(0)
    };
    let one = note(requests, &mut hung);
    assert!(one.contains(": of its requests, 11 unanswered; latency"), "{one}");
    let lost = note(Requests { unanswered: 0, lost: 11, ..requests }, &mut hung);
    assert!(lost.contains("of its requests, 11 lost; latency"), "{lost}");
    let all = note(Requests { unanswered: 5, lost: 6, skipped: 7, ..requests }, &mut hung);
    assert!(all.contains("5 unanswered, 6 lost, 7 never started (no connection was free); latency"), "{all}");
    hung.groups[0].requests = Requests { answered: 990, unanswered: 10, ..requests };
    assert_eq!(examined(OPEN, "", &hung), Findings::default());
}

#[test]
fn programs_on_the_servers_cores_disturb_a_repeat_when_the_server_waits() {
    let of = |others, waited| {
        remarks(CLOSED, &[("others_on_server_cores", others), ("server_run_delay_share", waited)])
    };
    assert_eq!(of(0.049, 0.9), "");
    assert!(of(0.05, 0.02).starts_with("note: other programs used 5.0 % of the server's cores"));
    assert!(of(0.099, 0.9).starts_with("note: "));
    assert!(of(0.5, 0.09).starts_with("note: "), "they ran where, or when, the server did not");
    let crowded = of(0.5, 0.45);
    assert!(
        crowded
            .starts_with("disturbed: other programs used 50 % of the server's cores, and the server waited"),
        "{crowded}"
    );
    assert!(!crowded.contains("note: "), "{crowded}");
    let pressed =
        [("others_on_server_cores", 0.5), ("server_run_delay_share", 0.5), ("host_cpu_pressure_rate", 0.9)];
    assert!(!remarks(CLOSED, &pressed).contains("note: "), "it is reported once");
    assert!(
        remarks(CLOSED, &[("others_on_server_cores", 0.5)]).starts_with("note: "),
        "a kernel that reports no wait"
    );
}

#[test]
fn other_clients_make_a_repeat_invalid_unless_they_are_few() {
    let of = |requests, share| {
        let numbers = [("other_clients", 3.0), ("other_requests", requests), ("other_requests_share", share)];
        remarks(CLOSED, &numbers)
    };
    assert_eq!(of(0.0, 0.0), "");
    let few = of(49.0, 0.049);
    assert!(few.starts_with("note: clients other than badpeer's sent at least 49 requests"), "{few}");
    assert!(few.contains("over 3 connection(s): 4.9 % of all"), "{few}");
    let many = of(5000.0, 0.05);
    assert!(
        many.starts_with("invalid: ") && many.contains("CPU time per request include these requests"),
        "{many}"
    );
    // The window is of two seconds: a health check beside clients that only wait.
    assert!(of(3.0, 1.0).starts_with("note: ") && of(4.0, 1.0).starts_with("invalid: "));
}

#[test]
fn an_open_loop_that_starts_within_the_window_makes_the_repeat_invalid() {
    let started = |load: &str, loop_started_ns| {
        let ledger = Ledger { opened: 1, still_alive: 1, ..Ledger::default() };
        let group = GroupResult { name: "g".to_owned(), ledger, loop_started_ns, ..GroupResult::default() };
        examined(load, "", &Repeat { groups: vec![group], ..repeat(&[]) }).invalid.join("\n")
    };
    assert_eq!(started(OPEN, Some(1_000_000_000)), "", "with the window");
    let late = started(OPEN, Some(1_250_000_000));
    assert!(late.contains("`g` started 250 ms after the measured window began"), "{late}");
    assert!(started(OPEN, None).contains("`g` never started"));
    assert_eq!(started(CLOSED, None), "", "a closed loop needs no start");
    let at_once = |loop_started_ns| {
        let ledger = Ledger { opened: 1, still_alive: 1, ..Ledger::default() };
        let group = GroupResult { name: "g".to_owned(), ledger, loop_started_ns, ..GroupResult::default() };
        let repeat = Repeat { groups: vec![group], window_ns: (0, 1_000_000_000), ..repeat(&[]) };
        examined(OPEN, "", &repeat).invalid.join("\n")
    };
    assert_eq!(at_once(Some(90_000_000)), "", "connecting is a small part of what is measured");
    assert!(at_once(Some(300_000_000)).contains("`g` started 300 ms after"));
    assert!(at_once(None).contains("`g` never started"));
}

#[test]
fn a_server_that_closes_after_each_answer_gets_a_note_with_the_remedy() {
    let closed = |closed_after_answer| {
        let requests = Requests { started: 100, answered: 100, retried: 3, ..Requests::default() };
        let ledger = Ledger { opened: 1, still_alive: 1, closed_after_answer, ..Ledger::default() };
        let group = GroupResult { name: "g".to_owned(), ledger, requests, ..GroupResult::default() };
        examined(CLOSED, "", &Repeat { groups: vec![group], ..repeat(&[]) }).notes.join("\n")
    };
    let now_and_then = closed(5);
    assert!(now_and_then.starts_with("3 requests of `g` were interrupted by a close"), "{now_and_then}");
    assert!(now_and_then.contains("(3.0 % of the answered ones)"), "{now_and_then}");
    assert!(closed(6).contains("--requests-per-connection 1"), "{}", closed(6));
}

#[test]
fn a_latency_inflated_by_the_load_generator_gets_a_note() {
    let with = |undelayed_ns| {
        let mut delayed = repeat(&[("g.latency_p99", 40e6)]);
        delayed.groups.push(GroupResult {
            name: "g".to_owned(),
            ledger: Ledger { opened: 1, still_alive: 1, ..Ledger::default() },
            response_ns: crate::record::Buckets(vec![(40_000_000, 1000)]),
            undelayed_ns: crate::record::Buckets(vec![(undelayed_ns, 1000)]),
            loop_started_ns: Some(0),
            ..GroupResult::default()
        });
        examined(OPEN, "", &delayed).notes.join("\n")
    };
    assert_eq!(with(33_000_000), "");
    assert!(
        with(1_000_000).contains("98 % of the 99th percentile of `g` was caused by the load generator"),
        "{}",
        with(1_000_000)
    );
}

#[test]
fn delayed_reconnects_get_a_note() {
    let put_off = |keys: &str, share, is_asked_for| {
        let ledger = Ledger { opened: 1, still_alive: 1, ..Ledger::default() };
        let put_off = PutOff { share, is_asked_for };
        let group = GroupResult { name: "g".to_owned(), ledger, put_off, ..GroupResult::default() };
        let repeat = Repeat { groups: vec![group], ..repeat(&[]) };
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n{keys}"
        );
        let profile = Source { file: "t.toml".into(), text }.parse(&[]).expect("valid");
        let is_gated = crate::gate::pairs::is_trusted("g.requests_rate", &repeat);
        assert_eq!(is_gated, !clients_were_put_off(&repeat, "g"), "a rate is gated where it is the server's");
        (examine(&profile, &repeat).notes.join("\n"), !is_gated)
    };
    let most = "reconnect = { at_most = \"10000/s\" }";
    assert_eq!(put_off(most, 0.02, false), (String::new(), false), "a little does not matter");
    let (message, is_limit) = put_off(most, 0.5, false);
    assert!(is_limit && message.contains("waited 50 % of the time to be opened again"), "{message}");
    assert!(
        message.contains("at most 10000/s") && message.contains("more requests on each connection"),
        "{message}"
    );
    let (message, is_limit) = put_off("reconnect = {}", 0.5, false);
    assert!(
        is_limit && message.contains("1000/s") && message.ends_with("raise reconnect.at_most"),
        "{message}"
    );
    let (message, is_limit) = put_off("", 0.5, false);
    assert!(is_limit && message.contains("at most 10000/s"), "{message}");
    let (message, is_limit) = put_off("reconnect = { at_most = \"500/s\" }", 0.5, true);
    assert!(!is_limit && message.contains("limited by the profile"), "{message}");
}
