//! Profiles that `badpeer bench` makes, read back.

use clap::ValueEnum;

use super::*;
use crate::profile::{Attach, Group, Profile, Source};

fn parsed(bench: &Bench) -> Profile {
    let text = bench.to_toml();
    Source { file: "bench".into(), text: text.clone() }.parse(&[]).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn every_bad_peer_is_a_valid_group_in_every_protocol() {
    for protocol in [Protocol::Echo, Protocol::Frame, Protocol::Line, Protocol::Http, Protocol::Resp] {
        let bad = Peer::value_variants().iter().map(|&peer| crowd(peer, 3)).collect();
        let attach = Attach { address: "127.0.0.1:8080".into(), pid: Some(7) };
        let bench = Bench {
            target: Target::Attached { attach },
            protocol,
            connections: 5,
            threads: ClientThreads::Number(2),
            source: SourceAddresses::default(),
            rate: Some("500/s to 900/s over 5s then 700/s".parse().expect("a schedule")),
            requests_per_connection: Some(Count(7)),
            payload: Bytes(100),
            path: "/a'b".to_owned(),
            bad_path: "/large".to_owned(),
            status: "200,3xx".parse().expect("statuses"),
            check: Check::Length,
            longest_wait: LongestWait::default(),
            warmup: "1s".parse().expect("a time"),
            measure: "10s".parse().expect("a time"),
            bad,
            phases: PhasePlan::of("10s".parse().expect("a time")),
            headers: [("X-A".to_owned(), "b".to_owned())].into_iter().collect(),
            method: HttpMethod::Put,
            body: Some(Octets(b"a\"\r\n\xff'".to_vec())),
        };
        let profile = parsed(&bench);
        assert_eq!(profile.connections(), 5 + 3 * Peer::value_variants().len() as u64);
        assert_eq!((&profile.server, profile.measure), (&bench.target, bench.measure));
        for (group, peer) in profile.clients[1..].iter().zip(Peer::value_variants()) {
            assert_eq!(
                Some(group.name.as_str()),
                peer.to_possible_value().as_ref().map(clap::builder::PossibleValue::get_name)
            );
            assert!(!group.is_steady(), "{} misbehaves", group.name);
        }
        assert_eq!(profile.clients[0].requests_per_connection, Some(Count(7)));
        assert!(profile.clients[0].reconnect.is_some());
        for group in profile.clients.iter().filter_map(|group| group.http.as_ref()) {
            assert_eq!((&group.status, group.check), (&bench.status, bench.check));
            let mut headers = group.headers.clone();
            headers.shift_remove("X-Padding");
            assert_eq!(headers, bench.headers);
            let is_large = group.path == "/large";
            assert_eq!(group.body, if is_large { None } else { bench.body.clone() });
            assert_eq!(group.method, if is_large { HttpMethod::Get } else { HttpMethod::Put });
        }
        let closed = parsed(&Bench { rate: None, requests_per_connection: None, ..bench });
        assert_eq!(closed.clients[0].reconnect.is_some(), protocol == Protocol::Http);
        assert_eq!((closed.clients[0].load.depth, &closed.clients[0].load.rate), (Some(1), &None));
    }
}

#[test]
fn the_longest_wait_is_limited_unless_off() {
    for (text, wanted) in [("500ms", Some("<= 500ms")), ("2", Some("<= 2s")), ("off", None)] {
        let longest_wait = text.parse().expect(text);
        let bench = Bench { longest_wait, ..small() };
        let expect = parsed(&bench).expect;
        assert_eq!(expect.get("good.longest_wait").map(String::as_str), wanted);
        assert!(!expect.contains_key("good.skipped_share"), "a closed loop skips nothing");
    }
    assert!("soon".parse::<LongestWait>().expect_err("no time").ends_with("or off"));
    let usual = parsed(&small()).expect;
    assert_eq!(usual["good.longest_wait"], "<= 1s or <= 20 * latency_p50");
}

#[test]
fn slow_bodies_are_sent_with_post_unless_the_good_clients_send_bodies() {
    let bad = vec![crowd(Peer::SlowBody, 1)];
    let get = Bench { protocol: Protocol::Http, path: "/".into(), bad, ..small() };
    let group = parsed(&get).clients.remove(1);
    let spec = group.http.expect("a request");
    assert_eq!((spec.method, spec.body, group.load.payload), (HttpMethod::Post, None, Bytes(1024)));
    let put = Bench { method: HttpMethod::Put, body: Some(Octets(b"x".to_vec())), ..get };
    let group = parsed(&put).clients.remove(1);
    let spec = group.http.expect("a request");
    assert_eq!((spec.method, spec.body, group.load.payload), (HttpMethod::Put, put.body, Bytes(0)));
}

fn crowd(peer: Peer, count: u32) -> Crowd {
    Crowd { peer, name: peer.name().to_owned(), count }
}

fn small() -> Bench {
    Bench {
        target: Target::Attached { attach: Attach { address: "127.0.0.1:8080".into(), pid: None } },
        protocol: Protocol::Echo,
        connections: 1,
        threads: ClientThreads::Number(1),
        source: SourceAddresses::default(),
        rate: None,
        requests_per_connection: None,
        payload: Bytes(9),
        path: String::new(),
        bad_path: String::new(),
        status: Statuses::default(),
        check: Check::default(),
        longest_wait: LongestWait::default(),
        warmup: "0s".parse().expect("a time"),
        measure: "1s".parse().expect("a time"),
        bad: Vec::new(),
        phases: PhasePlan::of("1s".parse().expect("a time")),
        headers: IndexMap::new(),
        method: HttpMethod::default(),
        body: None,
    }
}

#[test]
fn bad_peers_come_and_leave_within_the_window() {
    let bad = vec![crowd(Peer::Idle, 3)];
    let profile = parsed(&Bench { bad, ..small() });
    let phases: Vec<_> = profile.phases().iter().map(|p| (p.name, p.from.as_millis())).collect();
    assert_eq!(phases, [("before", 0), ("with", 250), ("after", 750)]);
    let [good, bad] = &profile.clients[..] else { panic!("two groups") };
    assert_eq!(
        (good.stop, bad.start, bad.stop),
        (None, "250ms".parse().expect("a time"), "750ms".parse().ok())
    );
    assert_eq!(profile.expect["good.latency_p99 @ with"], "<= 10ms or <= 10 * latency_p99 @ before");
    assert!(parsed(&small()).phases.is_empty(), "without bad peers there is one phase");
    assert_eq!(profile.sample_every, "62500us".parse().expect("a time"));
    let phases = PhasePlan { with: "2s".parse().expect("a time"), ..small().phases };
    let bad = vec![crowd(Peer::Idle, 3)];
    let longer = parsed(&Bench { bad, phases, ..small() });
    assert_eq!(longer.measure, "2500ms".parse().expect("a time"), "as long as its phases");
}

#[test]
fn a_server_command_is_quoted_for_toml() {
    let program = toml::from_str("command = ['a \"b\"', '''c'd''', '{port}']").expect("a program");
    let bench = Bench { target: program, ..small() };
    assert_eq!(parsed(&bench).server, bench.target);
}

#[test]
fn the_head_of_a_slow_writer_takes_longer_than_the_usual_timeout() {
    let bad = vec![crowd(Peer::SlowWriter, 1)];
    let headers = [("Accept".to_owned(), "a/b".to_owned())].into_iter().collect();
    let bench = Bench { bad, protocol: Protocol::Http, path: "/p".to_owned(), headers, ..small() };
    let profile = parsed(&bench);
    let [good, slow] = &profile.clients[..] else { panic!("two groups") };
    let fields = |group: &Group| group.http.as_ref().map(|http| http.headers.clone()).expect("HTTP");
    assert_eq!(fields(good).keys().collect::<Vec<_>>(), ["Accept"]);
    let head: usize = fields(slow).iter().map(|(name, value)| name.len() + value.len()).sum();
    // Ten bytes per second.
    assert!(fields(slow).contains_key("Accept") && (700..8000).contains(&head), "{head}");
}

/// The paths of all values below a value of a profile; lists of words and inline tables count as one.
fn paths(path: &[String], value: &Value, found: &mut Vec<Vec<String>>) {
    let below = |key: &str| [path, &[key.to_owned()]].concat();
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| paths(&below(key), value, found)),
        Value::Array(list) if list.iter().all(Value::is_table) => {
            list.iter().enumerate().for_each(|(at, value)| paths(&below(&at.to_string()), value, found));
        }
        _ => found.push(path.to_vec()),
    }
}

#[test]
fn every_key_is_of_a_flag() {
    for protocol in [Protocol::Echo, Protocol::Http] {
        let bad = Peer::value_variants().iter().map(|&peer| crowd(peer, 3)).collect();
        let longest_wait = LongestWait::AtMost("2s".parse().expect("a time"));
        let bench = Bench { bad, protocol, longest_wait, path: "/".into(), bad_path: "/".into(), ..small() };
        let table: toml::Table = bench.to_toml().parse().expect("TOML");
        let mut found = Vec::new();
        paths(&[], &Value::Table(table), &mut found);
        // What is always 0 is no flag's, and cannot be wrong.
        let is_fixed = |path: &Vec<String>| {
            let is_none = |name: &String| NONE_OF.iter().any(|none| name.ends_with(none));
            path[0] == "expect"
                && (is_none(&path[1]) || path[1] == "corrupt_bytes" || path[1].ends_with("_share"))
        };
        for path in found.iter().filter(|path| !is_fixed(path)) {
            assert_ne!(super::super::flag::flag(path), "bench", "{path:?}");
        }
        assert!(found.len() > 40, "{found:?}");
    }
}

#[test]
fn a_group_has_the_name_that_was_written() {
    let bad = vec![Crowd { name: "slowloris".into(), ..crowd(Peer::SlowWriter, 3) }];
    let profile = parsed(&Bench { bad, ..small() });
    assert_eq!(profile.clients[1].name, "slowloris");
    assert!(profile.title.ends_with("3 × slowloris"), "{}", profile.title);
}
