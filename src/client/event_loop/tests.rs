//! What the threads of several shards start together, against what as many threads of one process do.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::clients::Clients;
use crate::{
    client::{
        group::{Group, KeptGroup},
        plan::{Plan, Shard},
        share::Start,
        workload::Workload,
    },
    metric::{Metric, Row},
};

const SECOND: u64 = 1_000_000_000;

/// Two open loops, one of them with random arrivals, and a group whose connections act together.
const GROUPS: &str = "
[[clients]]
name = 'even'
count = 7
load = { rate = '900/s' }
[[clients]]
name = 'random'
count = 5
start = '100ms'
load = { rate = '500/s to 2000/s over 1s', arrivals = 'poisson' }
[[clients]]
name = 'one'
count = 1
load = { rate = '30/s' }
";

fn plan(shard: Option<Shard>, threads: u32) -> Plan {
    let text = format!("title = 't'\nwarmup = '500ms'\nmeasure = '1500ms'\n{GROUPS}");
    let profile = crate::profile::Source { file: "t.toml".into(), text }.parse(&[]).expect("valid");
    Plan {
        address: std::net::SocketAddr::from(([127, 0, 0, 1], 1)).into(),
        groups: profile.clients,
        seed: 7,
        epoch_ns: 10 * SECOND,
        warmup: profile.warmup.0,
        measure: profile.measure.0,
        phases: Vec::new(),
        sample_every: Duration::from_millis(100),
        threads,
        accept_queue: None,
        shard,
        sampled: Arc::default(),
    }
}

/// When each request of each group is due, and the numbers of its connections, of all threads of these plans.
fn started(plans: &[Plan]) -> (BTreeSet<(usize, u64)>, usize, Vec<u32>) {
    let (mut due, mut count, mut numbers) = (BTreeSet::new(), 0, Vec::new());
    for plan in plans {
        let start = |group| Arc::new(Start::fixed(0, plan.loop_start_ns(group), plan.window_ns().0));
        let starts: Vec<Arc<Start>> = plan.groups.iter().map(start).collect();
        for thread in 0..plan.threads {
            let share = plan.share(thread);
            let mut clients = Clients::new(plan, share, &starts, Arc::default());
            let mut own = 0;
            for (index, group) in clients.groups.iter_mut().enumerate() {
                let (_, end_ns) = plan.window_ns();
                let all: Vec<u64> = std::iter::from_fn(|| group.next_arrival(end_ns)).collect();
                count += all.len();
                due.extend(all.iter().map(|at_ns| (index, *at_ns)));
                while group.take_turn(end_ns - 1).is_some() {
                    numbers.push(share.number(own));
                    own += 1;
                }
            }
        }
    }
    numbers.sort_unstable();
    (due, count, numbers)
}

fn shards(of: u32, threads: u32) -> Vec<Plan> {
    (0..of).map(|index| plan(Some(Shard { index, of }), threads)).collect()
}

#[test]
fn shards_start_the_requests_of_as_many_threads() {
    let one = started(&[plan(None, 4)]);
    assert!(one.0.len() == one.1 && one.1 > 3000, "{} requests, each once", one.1);
    assert_eq!(one.2, (0..16).filter(|number| one.2.contains(number)).collect::<Vec<_>>(), "each once");
    for (of, threads) in [(4, 1), (2, 2), (1, 4)] {
        assert!(started(&shards(of, threads)) == one, "{of} shards of {threads} threads");
    }
    // With another number of threads other connections start them, at the same times.
    let (due, count, _) = started(&shards(5, 2));
    assert!(due == one.0 && count == one.1);
}

/// What each group of a process came to, whose requests are answered after a time that depends on when they were due.
fn answered(plan: &Plan) -> Vec<Group> {
    let start = |group| Arc::new(Start::fixed(0, plan.loop_start_ns(group), plan.window_ns().0));
    let starts: Vec<Arc<Start>> = plan.groups.iter().map(start).collect();
    let (_, end_ns) = plan.window_ns();
    let thread = |thread| {
        let mut clients = Clients::new(plan, plan.share(thread), &starts, Arc::default());
        for group in &mut clients.groups {
            while let Some(due_ns) = group.next_arrival(end_ns) {
                group.arrived(due_ns, due_ns);
                let Some(request) = group.demand().start_waiting(0) else { continue };
                let is_lost = due_ns % 97 == 0;
                let took_ns = 100_000 + due_ns.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 40_000_000;
                if !is_lost {
                    group.demand().answered(&request, due_ns % 89 == 0, due_ns + took_ns);
                }
            }
            group.stop(end_ns);
        }
        clients.groups
    };
    (0..plan.threads).map(thread).reduce(together).expect("a thread")
}

fn together(mut all: Vec<Group>, more: Vec<Group>) -> Vec<Group> {
    all.iter_mut().zip(more).for_each(|(mine, others)| mine.absorb(others));
    all
}

#[test]
fn merged_shards_have_the_numbers_of_one_process() {
    let whole = plan(None, 4);
    let one = answered(&whole);
    let mut kept: Vec<Vec<KeptGroup>> = (0..3).map(|_| Vec::new()).collect();
    for shard in shards(4, 1) {
        for (index, group) in answered(&shard).into_iter().enumerate() {
            let text = serde_json::to_string(&group.keep()).expect("JSON");
            kept[index].push(serde_json::from_str(&text).expect("a group"));
        }
    }
    for (index, kept) in kept.into_iter().enumerate() {
        let merged = Group::of_kept(&whole, index, kept).expect("parts");
        let shown = |group: &Group| {
            let (mut row, censored) = group.summary();
            // Of a silence there is a bound.
            row.set(Metric::LongestSilence, 0.0);
            let mut all: Row = group.counts();
            all.merge(&row);
            (serde_json::to_string(&all).expect("JSON"), censored, group.result().response_ns)
        };
        assert_eq!(shown(&merged), shown(&one[index]), "of group {index}");
        assert!(shown(&merged).2.count() > 20);
    }
}

#[test]
fn each_connection_belongs_to_one_shard() {
    for (of, threads) in [(1, 1), (3, 1), (4, 2), (50, 3)] {
        let own: Vec<Vec<u32>> = shards(of, threads).iter().map(Plan::own_connections).collect();
        let sums = (0..3).map(|group| own.iter().map(|shard| shard[group]).sum::<u32>());
        assert_eq!(sums.collect::<Vec<_>>(), [7, 5, 1]);
    }
}

#[test]
fn an_open_loop_of_a_shard_starts_when_its_connections_should_be_open() {
    let at = |keys: &str| {
        let mut plan = plan(None, 1);
        plan.groups[0] = toml::from_str(&format!("name = 'g'\ncount = 2000\n{keys}")).expect("a group");
        (plan.loop_start_ns(&plan.groups[0]) - plan.epoch_ns) / 1_000_000
    };
    assert_eq!(at("load = { rate = 9 }"), 200, "100 ms, and 50 µs for each connection");
    assert_eq!(at("load = { rate = 9 }\nstart = '150ms'"), 350);
    assert_eq!(at("load = { rate = 9 }\nconnect_rate = '10000/s'"), 399, "the last is opened after 199.9 ms");
    assert_eq!(at("load = { rate = 9 }\nconnect_rate = '100/s'"), 500, "no later than the window");
    assert_eq!(at("load = { rate = 9 }\nstart = '1s'"), 1200, "it comes in the window");
}
