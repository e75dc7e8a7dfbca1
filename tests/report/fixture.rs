//! Records as runs would leave them, made up: two groups, evictions, two repeats; and a sweep.

use badpeer::{
    codec::{Fault, Tally, content::Origin},
    gate::{Cell, Gated, Origin as Compared, Pair, PairedComparison},
    metric::{Metric, Row},
    profile::{Profile, Source},
    record::{
        Buckets, Effective, Eviction, ExpectationResult, FORMAT, GroupResult, Ledger, Loopback, Machine,
        Point, Record, Repeat, Requests, Series, Verdict,
    },
};
use indexmap::IndexMap;

const PROFILE: &str = r#"title = "Peers that never read are evicted, and <good> ones do not notice"
about = """
Sixty-four clients ask for 64 KiB and never read the answers. The server may keep what they do not take for two
seconds; then it must let go of them, and of the memory.
"""
seed = 42
warmup = "1s"
measure = "5s"
repeats = 2

[server]
send_timeout = "2s"

[[clients]]
name = "good"
count = 64
load = { rate = "2000/s", payload = "512B" }

[[clients]]
name = "stalled reader"
count = 64
load = { depth = 4, payload = "64KiB", answer = "1MiB" }
recv_buffer = "16KiB"
rx = "stall"

[expect]
server_rss_growth = "< 256MiB"
"good.latency_p99" = "< 3ms"
"stalled reader.evicted" = "= 64"
eviction_lateness_p99 = "< 50ms"
corrupt_bytes = "= 0"
"#;

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;
const SECOND: i64 = 1_000_000_000;

/// Two repeats without a sweep; one expectation fails.
pub(crate) fn record() -> Record {
    let repeats = vec![repeat(42, 1.0), repeat(43, 1.06)];
    record_of(PROFILE, vec![Point { axes: IndexMap::new(), repeats, verdicts: verdicts(Verdict::Fail) }])
}

/// Two axes of two and three values.
pub(crate) fn sweep() -> Record {
    let axes = "\n[sweep]\n\"server.buffer\" = [\"contiguous\", \"chained\"]\n\"server.send_limit\" = [\"256KiB\", \"1MiB\", \"off\"]\n";
    let mut points = Vec::new();
    for (b, buffer) in ["contiguous", "chained"].into_iter().enumerate() {
        for (l, limit) in ["256KiB", "1MiB", "off"].into_iter().enumerate() {
            let axes = [("server.buffer", buffer), ("server.send_limit", limit)];
            let axes = axes.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let scale = (2.0 - b as f64 * 0.8) * (0.6 + l as f64 * 0.35);
            let repeats = vec![repeat(42, scale), repeat(43, scale * 1.08)];
            points.push(Point { axes, repeats, verdicts: verdicts(Verdict::Pass) });
        }
    }
    record_of(&format!("{PROFILE}{axes}"), points)
}

fn record_of(profile: &str, points: Vec<Point>) -> Record {
    let source = Source { file: "stalled-readers.toml".into(), text: profile.into() };
    let profile: Profile = source.parse(&[]).expect("a valid profile");
    Record {
        format: FORMAT,
        badpeer: "0.1.0".into(),
        command: vec!["badpeer".into(), "run".into(), "stalled-readers".into()],
        name: "stalled-readers".into(),
        started: "2026-01-02T03:04:05Z".into(),
        machine: Machine {
            kernel: "6.8.0".into(),
            cpu: "Example CPU @ 3.00GHz".into(),
            cores: 2,
            memory_bytes: 8 << 30,
            arch: "x86_64".into(),
            loopback: Some(Loopback::USUAL),
        },
        commit: Some("0123abc".into()),
        profile,
        files: IndexMap::new(),
        points,
        capacity: None,
        soak: None,
        interrupted: false,
    }
}

fn verdicts(latency: Verdict) -> Vec<ExpectationResult> {
    let verdict = |name: &str, condition: &str, measured, outcome| {
        ExpectationResult::new(name, condition, measured, outcome)
    };
    vec![
        verdict("server_rss_growth", "< 256MiB", Some(140.0 * MIB), Verdict::Pass),
        verdict("good.latency_p99", "< 3ms", Some(3.3e6), latency),
        verdict("stalled reader.evicted", "= 64", Some(64.0), Verdict::Pass),
        verdict("eviction_lateness_p99", "< 50ms", Some(9.1e6), Verdict::Pass),
        verdict("corrupt_bytes", "= 0", Some(0.0), Verdict::Pass),
    ]
}

/// A number between 0 and 1 that looks random and is always the same.
fn noise(seed: u64, index: usize) -> f64 {
    let x = (seed.wrapping_mul(0x9e37_79b9).wrapping_add(index as u64)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((x ^ (x >> 29)) % 1000) as f64 / 1000.0
}

fn repeat(seed: u64, scale: f64) -> Repeat {
    let evictions = evictions(seed);
    let mut note = vec!["server and clients share 2 cores".to_owned()];
    if seed == 43 {
        note.push("1.2 % of the time was taken by other guests of the host (steal)".to_owned());
    }
    Repeat {
        seed,
        window_ns: (SECOND, 6 * SECOND),
        phases: Vec::new(),
        cut_short: false,
        died: None,
        effective: Effective {
            client_addresses: [("127.0.0.1".to_owned(), 72)].into(),
            cores:
                "2 physical cores of 1 hardware thread (0, 1): server and load generator use different cores"
                    .into(),
            server_cores: vec![0],
            client_cores: vec![1],
            client_threads: 1,
            address: "127.0.0.1:40123".into(),
            client_receive_buffer: vec![131_072, 32_768],
            client_send_buffer: vec![2_626_560, 2_626_560],
            instructions: "not counted: no such counter: the virtual machine hides it".into(),
            server_exit: "exit code 0".into(),
            exhaustion: None,
        },
        series: series(seed, scale, &evictions),
        groups: groups(scale),
        evictions,
        summary: summary(seed, scale),
        censored: IndexMap::new(),
        price: None,
        invalid: Vec::new(),
        disturbed: Vec::new(),
        unproven: Vec::new(),
        notes: note,
    }
}

fn evictions(seed: u64) -> Vec<Eviction> {
    let eviction = |i: usize| {
        let late = (noise(seed, i).powi(2) * 9.2e6) as i64;
        Eviction {
            at_ns: 2_050_000_000 + (i as i64) * 6_000_000 + late,
            reason: "send_timeout".into(),
            group: Some("stalled reader".into()),
            lateness_ns: Some(late),
            claimed_lateness_ns: Some(late - 200_000),
            seen_lateness_ns: Some((late - 5_000_000, late + 5_000_000)),
            seen_after_ns: Some(180_000 + i as i64 * 900),
            send_buffered: 1_900_000,
            kernel_queued: 2_500_000,
            ..Eviction::default()
        }
    };
    let limit = |i: usize| Eviction {
        at_ns: 600_000_000 + i as i64 * 20_000_000,
        reason: "send_limit".into(),
        lateness_ns: None,
        ..eviction(i)
    };
    (0..56).map(eviction).chain((0..8).map(limit)).collect()
}

/// A sample each 100 ms from just before the first client to just after the last.
fn series(seed: u64, scale: f64, evictions: &[Eviction]) -> Series {
    let at_ns: Vec<i64> = (0..=63).map(|i| i * SECOND / 10 - 60_000_000).collect();
    let mut run = Vec::new();
    let mut good = Vec::new();
    let mut stalled = Vec::new();
    for (i, &at) in at_ns.iter().enumerate() {
        let t = (at as f64 / 1e9).max(0.0);
        let on = f64::from(u8::from(at > 0 && at < 6 * SECOND));
        let gone = evictions.iter().filter(|e| e.at_ns <= at).count() as f64;
        let left = 64.0 - gone;
        let filled = (t / 0.4).min(1.0) * left / 64.0;
        let mut row = Row::default();
        row.set(Metric::ServerRss, (3.1 + 130.0 * scale * filled + (1.0 - filled) * 1.4 * on) * MIB);
        row.set(Metric::SendBuffered, 118.0 * scale * filled * MIB);
        row.set(Metric::KernelSendQueue, 84.0 * filled * MIB + on * 300.0 * KIB * noise(seed, i));
        row.set(Metric::ClientReceiveQueue, 21.0 * filled * MIB);
        row.set(Metric::KernelMemory, (1.0 + 160.0 * filled) * MIB);
        row.set(Metric::ServerCpu, t * 0.43e9 + noise(seed, i + 8) * 4e6);
        row.set(Metric::ServerCpuUser, t * 0.12e9 + noise(seed, i) * 2e6);
        row.set(Metric::ServerCpuSystem, t * 0.31e9 + noise(seed, i + 7) * 4e6);
        row.set(Metric::HarnessCpu, t * 0.27e9 + noise(seed, i + 9) * 3e6);
        row.set(Metric::Connections, on * (64.0 + left));
        run.push(row);
        let mut row = Row::default();
        row.set(Metric::Answered, (t * 2000.0 + noise(seed, i) * 12.0).floor());
        row.set(Metric::Alive, on * 64.0);
        if on > 0.0 {
            row.set(Metric::IntervalP50, (0.38 + 0.1 * noise(seed, i)) * 1e6);
            let hiccup = if i == 24 { 22.0 } else { 1.0 };
            row.set(Metric::IntervalServiceP50, (0.35 + 0.1 * noise(seed, i)) * 1e6);
            row.set(Metric::IntervalServiceP99, (1.0 + 1.3 * noise(seed, i + 3)) * 1e6 * scale);
            row.set(Metric::IntervalP99, (1.2 + 1.4 * noise(seed, i + 3)) * 1e6 * hiccup * scale);
        }
        good.push(row);
        let mut row = Row::default();
        row.set(Metric::Answered, 0.0);
        row.set(Metric::Alive, on * left);
        stalled.push(row);
    }
    let mut series = Series { at_ns, ..Series::default() };
    for (group, rows) in [(None, &run), (Some("good"), &good), (Some("stalled reader"), &stalled)] {
        let rows: Vec<&Row> = rows.iter().collect();
        for &metric in Metric::ALL {
            series.add(group, metric, &rows);
        }
    }
    series
}

fn groups(scale: f64) -> Vec<GroupResult> {
    let buckets = |factor: f64| {
        Buckets((1..=40).map(|i| ((f64::from(i) * 90_000.0 * factor) as u64, 400 / i as u64)).collect())
    };
    let good = GroupResult {
        name: "good".into(),
        ledger: Ledger { opened: 64, still_alive: 64, ..Ledger::default() },
        requests: Requests {
            started: 12_003,
            answered: 12_001,
            unanswered: 2,
            oldest_unanswered_ns: 400_000,
            ..Requests::default()
        },
        content: Tally { verified: 6_144_512, ..Tally::default() },
        response_ns: buckets(scale),
        service_ns: buckets(scale * 0.9),
        ..GroupResult::default()
    };
    let fault =
        Fault { stream: 71, at: 65_536, found: Some(Origin { stream: 72, offset: 1024 }), flaw: None };
    let stalled = GroupResult {
        name: "stalled reader".into(),
        ledger: Ledger { opened: 64, evicted_rst: 63, evicted_fin: 1, ..Ledger::default() },
        requests: Requests { started: 256, lost: 256, ..Requests::default() },
        content: Tally { torn: 1, first_fault: Some(fault), ..Tally::default() },
        ..GroupResult::default()
    };
    vec![good, stalled]
}

fn summary(seed: u64, scale: f64) -> IndexMap<String, f64> {
    let wobble = 1.0 + noise(seed, 1) * 0.02;
    let numbers = [
        ("server_rss_peak", (3.1 + 130.0 * scale) * MIB),
        ("server_rss_start", 3.1 * MIB),
        ("server_rss_last", 24.5 * MIB),
        ("server_rss_end", 4.5 * MIB),
        ("server_rss_growth", 130.0 * scale * MIB),
        ("server_cpu_user_rate", 0.12 * wobble),
        ("server_cpu_user", 0.6e9 * wobble),
        ("server_cpu_system_rate", 0.31 * wobble),
        ("server_cpu_system", 1.55e9 * wobble),
        ("server_cpu_per_request", 215_000.0 * wobble),
        ("kernel_memory_start", MIB),
        ("kernel_memory_peak", 161.0 * MIB),
        ("kernel_memory_last", 9.0 * MIB),
        ("kernel_memory_end", MIB),
        ("kernel_send_queue_peak", 84.1 * MIB),
        ("kernel_send_queue_end", 0.0),
        ("client_receive_queue_peak", 21.0 * MIB),
        ("connections_peak", 128.0),
        ("connections_end", 0.0),
        ("send_buffered_peak", 118.0 * scale * MIB),
        ("send_buffered_last", 7.0 * MIB),
        ("send_buffered_end", 0.0),
        ("server_waits_rate", 1710.0 * wobble),
        ("server_waits", 8550.0),
        ("server_calls_per_request", 2.61),
        ("evictions", 64.0),
        ("evicted_send_timeout", 56.0),
        ("evicted_send_limit", 8.0),
        ("eviction_lateness_min", 2_000.0),
        ("eviction_lateness_p50", 2.2e6),
        ("eviction_lateness_p99", 9.1e6 * wobble),
        ("verified_bytes", 6_144_512.0),
        ("corrupt_bytes", 0.0),
        ("harness_cpu_rate", 0.27 * wobble),
        ("pacing_error_p99", 310_000.0),
        ("good.requests_rate", 2000.0 / wobble),
        ("good.requests", 10_000.0 / wobble),
        ("good.offered_rate", 2000.0),
        ("good.skipped", 0.0),
        ("good.unanswered", 2.0),
        ("good.latency_p50", 430_000.0 * wobble),
        ("good.latency_p99", 3.1e6 * scale),
        ("good.latency_p999", 22e6 * scale),
        ("good.latency_max", 41e6 * scale),
        ("good.service_p50", 400_000.0),
        ("good.service_p99", 2.9e6 * scale),
        ("good.alive_end", 64.0),
        ("good.evicted", 0.0),
        ("stalled reader.requests_rate", 0.0),
        ("stalled reader.requests", 0.0),
        ("stalled reader.lost", 256.0),
        ("stalled reader.alive_end", 0.0),
        ("stalled reader.evicted", 64.0),
    ];
    numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Twelve pairs under this name, of which the head needs so many times the CPU time and has a wrong byte.
pub(crate) fn comparison(name: &str, factor: f64) -> PairedComparison {
    let repeat = record().points[0].repeats[0].clone();
    let number = "server_rss_peak";
    let pair = |_| {
        let mut head = repeat.clone();
        head.invalid.clear();
        let base = head.clone();
        *head.summary.get_mut(number).expect(number) *= factor;
        Pair { head_first: false, base, head }
    };
    let gated = Gated { name: number.to_owned(), floor: 0.05, budget: 0.1, start: 1.0, ..Gated::default() };
    let cell = Cell {
        axes: [("key".to_owned(), name.to_owned())].into_iter().collect(),
        gated: vec![gated],
        pairs: (0..12).map(pair).collect(),
        fresh: (0..12).map(pair).collect(),
    };
    let origin = Compared {
        name: name.to_owned(),
        base: "base".to_owned(),
        head: "head".to_owned(),
        seed: 1,
        asked: 12,
        started: "2026-01-04T00:00:00Z".to_owned(),
        seconds: 3.5,
        command: Vec::new(),
        broken_off: None,
        head_died: None,
    };
    PairedComparison::of(origin, Machine::default(), &[cell], &[], None)
}
