//! Mistakes in profiles, and what the messages say: what is wrong, what is allowed, and what may have been meant.

use super::Source;

/// A profile without a mistake.
const TEXT: &str = r#"title = "a test"
measure = "1s"

[server]
send_limit = "1MiB"

[[clients]]
name = "good"
count = 2
load = { depth = 1, payload = "64B" }

[[clients]]
name = "slow reader"
count = 3
load = { rate = "10/s", payload = "16B", answer = "8MiB" }
rx = { slow = { bytes = 1024, every = "100ms" } }

[expect]
corrupt_bytes = "= 0"
"#;

/// What is replaced, by what, and a part of the message.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("title = \"a test\"", "title = 5", "title: must be text in quotes, not 5"),
    ("title = \"a test\"", "title = \"\"", "title: say in a sentence"),
    ("title = \"a test\"", "titel = \"x\"", "did you mean `title`?"),
    ("title = \"a test\"\n", "", "the key `title` is missing"),
    ("measure = \"1s\"", "measure = \"1 mile\"", "`1 mile` is not a time"),
    ("measure = \"1s\"", "measure = true", "measure: must be a quantity such as"),
    ("measure = \"1s\"", "measure = -1", "`-1` is not a time"),
    ("measure = \"1s\"", "mesure = \"1s\"", "did you mean `measure`?"),
    ("measure = \"1s\"", "measure = \"1s", "x.toml:2: "),
    ("measure = \"1s\"", "measure = 1s", "x.toml:2: "),
    (
        "measure = \"1s\"",
        "repeats = \"two\"",
        "repeats: must be a whole number from 0 to 4294967295, not the text \"two\"",
    ),
    ("measure = \"1s\"", "repeats = 1.5", "repeats: must be a whole number"),
    ("measure = \"1s\"", "repeats = -1", "not -1"),
    ("measure = \"1s\"", "repeats = 99999999999", "not 99999999999"),
    ("measure = \"1s\"", "seed = -1", "seed: must be a whole number from 0 to 9223372036854775807"),
    ("measure = \"1s\"", "seed = \"x\"", "not the text \"x\""),
    ("measure = \"1s\"", "source = [\"0.0.0.0\"]", "source: 0.0.0.0 is no address of one machine"),
    ("measure = \"1s\"", "client_threads = 0", "client_threads: must be from 1 to 64"),
    ("measure = \"1s\"", "sample_every = \"1us\"", "sample_every: must be at least 10ms"),
    ("[server]", "server = 5\n[sever]", "server: must be a section with the keys of a server, not 5"),
    ("[server]", "[sever]", "did you mean `server`?"),
    ("send_limit = \"1MiB\"", "send_limit = \"1MB/s\"", "`1MB/s` is not a size"),
    ("send_limit = \"1MiB\"", "send_limit = true", "must be a quantity"),
    ("send_limit = \"1MiB\"", "buffer = \"chain\"", "did you mean `chained`?"),
    ("send_limit = \"1MiB\"", "buffer = 7", "must be text in quotes"),
    ("send_limit = \"1MiB\"", "trigger = \"levle\"", "did you mean `level`?"),
    ("send_limit = \"1MiB\"", "protocol = \"htp\"", "did you mean `http`?"),
    ("send_limit = \"1MiB\"", "threads = \"x\"", "`x` is not a whole number of at least 1"),
    ("send_limit = \"1MiB\"", "threads = 0", "`0` is not a whole number of at least 1"),
    (
        "send_limit = \"1MiB\"",
        "command = \"nginx\"",
        "command: must be a list, as in [\"a\", \"b\"], not the text \"nginx\"",
    ),
    ("send_limit = \"1MiB\"", "command = [1]", "command: must be text in quotes, not 1"),
    ("send_limit = \"1MiB\"", "comand = [\"a\"]", "did you mean `command`?"),
    ("send_limit = \"1MiB\"", "command = [\"a\"]\nenv = \"x\"", "env: must be a table"),
    ("send_limit = \"1MiB\"", "command = [\"a\"]\nenv = { A = 1 }", "must be text in quotes, not 1"),
    ("send_limit = \"1MiB\"", "attach = 8080", "attach: must be an address such as \"127.0.0.1:8080\""),
    ("send_limit = \"1MiB\"", "attach = { pid = 5 }", "the key `address` is missing"),
    ("send_limit = \"1MiB\"", "attach = { address = \"a:1\", pid = \"x\" }", "must be a whole number"),
    ("send_limit = \"1MiB\"", "attach = { address = \"a:1\", pid = -5 }", "not -5"),
    ("name = \"good\"", "name = 5", "name of group 1 in [[clients]]: must be text in quotes, not 5"),
    ("name = \"good\"\n", "", "the key `name` is missing"),
    ("count = 2", "count = \"two\"", "count: must be a whole number"),
    ("count = 2", "count = -2", "not -2"),
    ("count = 2", "count = 0", "clients.good.count: must be at least 1"),
    ("count = 2", "count = 2.5", "not 2.5"),
    ("count = 2\n", "", "the key `count` is missing"),
    ("count = 2", "cuont = 2", "did you mean `count`?"),
    ("count = 2", "count = 2\nprotocol = \"ehco\"", "did you mean `echo`?"),
    ("count = 2", "count = 2\nprotocol = 5", "protocol: must be text in quotes"),
    ("load = { depth = 1, payload = \"64B\" }", "load = 5", "load: must be a table such as { depth = 1 }"),
    ("load = { depth = 1, payload = \"64B\" }", "load = { dept = 1 }", "did you mean `depth`?"),
    ("depth = 1", "depth = \"a\"", "depth: must be a whole number"),
    ("depth = 1", "depth = 0", "clients.good.load.depth: must be from 1 to 65536"),
    ("depth = 1", "depth = -1", "not -1"),
    ("\"64B\"", "\"64 bottles\"", "`64 bottles` is not a size"),
    ("\"64B\"", "[1]", "not a list"),
    ("\"10/s\"", "\"10 a second\"", "`10 a second` is not a rate"),
    ("\"10/s\"", "true", "rate: must be a quantity"),
    ("payload = \"16B\"", "arrivals = \"poison\"", "did you mean `poisson`?"),
    ("slow = {", "slwo = {", "did you mean `slow`?"),
    ("rx = {", "rx = \"stal\" #", "did you mean `stall`?"),
    ("rx = {", "rx = 5 #", "rx: must be a behavior such as \"stall\""),
    ("rx = {", "rx = [] #", "rx: must be a behavior such as \"stall\""),
    ("bytes = 1024", "byts = 1024", "did you mean `bytes`?"),
    ("bytes = 1024", "bytes = \"x\"", "must be a whole number from 1"),
    ("bytes = 1024", "bytes = 0", "must be a whole number from 1"),
    ("every = \"100ms\"", "every = \"x\"", "`x` is not a time"),
    (", every = \"100ms\"", "", "the key `every` is missing"),
    ("rx = {", "rx = \"slow\" #", "the key `bytes` is missing"),
    ("count = 2", "count = 2\nhttp = \"x\"", "http: must be a table such as { path = \"/\" }"),
    ("count = 2", "count = 2\nprotocol=\"http\"\nhttp = { method = \"get\" }", "did you mean `GET`?"),
    (
        "count = 2",
        "count = 2\nprotocol=\"http\"\nhttp = { status = \"9xx\" }",
        "write a status from 200 to 599",
    ),
    ("count = 2", "count = 2\nprotocol=\"http\"\nhttp = { check = \"bites\" }", "did you mean `bytes`?"),
    ("count = 2", "count = 2\nprotocol=\"http\"\nhttp = { headers = \"x\" }", "must be a table, as in"),
    (
        "count = 2",
        "count = 2\nprotocol=\"http\"\nhttp = { headers = {a = 5} }",
        "must be text in quotes, not 5",
    ),
    ("count = 2", "count = 2\nreconnect = \"yes\"", "reconnect: must be a table such as"),
    ("count = 2", "count = 2\nreconnect = { at_most = \"x\" }", "`x` is not a rate"),
    ("count = 2", "count = 2\nrequests_per_connection = 0", "`0` is not a whole number"),
    ("count = 2", "count = 2\nlifetime = \"x\"", "`x` is not a time"),
    (
        "corrupt_bytes = \"= 0\"",
        "corrupt_bytes = 0",
        "x.toml:19: expect.corrupt_bytes: must be text in quotes, not 0",
    ),
    ("measure = \"1s\"", "measure = \"1 mile\"", "x.toml:2: measure: `1 mile` is not a time"),
    ("depth = 1", "depth = \"a\"", "clients.good.load.depth: must be a whole number"),
    ("bytes = 1024", "bytes = \"x\"", "clients.slow reader.rx.slow.bytes: must be a whole number"),
    ("every = \"100ms\"", "every = \"x\"", "clients.slow reader.rx"),
    ("[expect]", "[labels]\nseed = \"x\"\n[expect]", "labels.seed: must be a list"),
    ("[expect]", "[labels]\nseed = [1]\n[expect]", "labels.seed: must be text in quotes, not 1"),
    ("[expect]", "[labels]\nseed = [\"a\"]\n[expect]", "labels.seed: [sweep] has no key `seed`"),
    ("[expect]", "[sweep]\nseed = 5\n[expect]", "sweep.seed: must be a list"),
    (
        "[expect]",
        "[gate]\n\"good.latency_p99\" = 5\n[expect]",
        "gate.good.latency_p99: must be text in quotes, not 5",
    ),
    ("[expect]", "[phases]\nwith = true\n[expect]", "phases.with: must be a quantity"),
    ("[expect]", "[phases]\nwith = \"x\"\n[expect]", "phases.with: `x` is not a time"),
    ("[server]", "[server]\ncommand = [\"a\", 5]", "server.command: must be text in quotes, not 5"),
    ("measure = \"1s\"", "chart = \"good.latncy_p99\"", "only with [sweep]"),
    ("measure = \"1s\"", "chart = \"latncy\"", "did you mean `latency`?"),
    (
        "measure = \"1s\"",
        "chart = \"good.latency_p99 @ with\"",
        "chart: `good.latency_p99 @ with` is none of",
    ),
    ("corrupt_bytes = \"= 0\"", "corrupt_byte = \"= 0\"", "did you mean `corrupt_bytes`?"),
    ("corrupt_bytes = \"= 0\"", "corrupt_bytes = \"0\"", "must start with <"),
    (
        "corrupt_bytes = \"= 0\"",
        "\"god.latency_p99\" = \"< 5ms\"",
        "the groups are `good`, `slow reader`; did you mean `good`?",
    ),
    ("corrupt_bytes = \"= 0\"", "server_memory = \"< 5MiB\"", "`server_rss_peak`"),
    ("corrupt_bytes = \"= 0\"", "\"good.evicted_within\" = \"< 5s\"", "did you mean `evicted`"),
    ("corrupt_bytes = \"= 0\"", "latency_p99 = \"< 5ms\"", "write \"good.latency_p99\""),
    ("corrupt_bytes = \"= 0\"", "\"good.latency_p99\" = \"< 5 miles\"", "`5 miles` is not a time"),
    ("corrupt_bytes = \"= 0\"", "\"good.latncy\" = \"< 5ms\"", "did you mean `latency_"),
    ("corrupt_bytes = \"= 0\"", "\"good.server_rss_peak\" = \"< 5MiB\"", "write \"server_rss_peak\""),
    ("[expect]", "[sweep]\n\"server.buffer\" = \"chained\"\n[expect]", "must be a list"),
    ("[expect]", "[sweep]\n\"server.bufer\" = [\"chained\"]\n[expect]", "did you mean `buffer`?"),
    ("[expect]", "[sweep]\n\"server.buffer\" = [\"chain\"]\n[expect]", "did you mean `chained`?"),
    ("[expect]", "[sweep]\n\"clients.god.count\" = [1]\n[expect]", "did you mean `good`?"),
    ("[expect]", "[sweep]\n\"server.buffer\" = []\n[expect]", "has no values"),
    ("[expect]", "[gate]\n\"good.latency_p99\" = \"x\"\n[expect]", "must be off, or a floor"),
    ("[expect]", "[gate]\n\"good.latency_p9\" = \"off\"\n[expect]", "did you mean `latency_p90`?"),
    ("[expect]", "[expct]", "did you mean `expect`?"),
    ("[expect]", "[core]\nexperiment = \"timers\"\n[expect]", "remove this key"),
    ("\"slow reader\"", "\"good\"", "name of group 2 in [[clients]]: there are two groups named `good`"),
    ("\"slow reader\"", "\"a.b\"", "name of group 2 in [[clients]]: a group needs a name without dots"),
    ("\"1s\"", "\"1s\"\n\"1s\"", "x.toml:3: "),
    ("[expect]", "[expect", "x.toml:18: "),
    ("[expect]", "[server]\n[expect]", "there twice"),
];

/// Words of the program and of its parser that a profile does not have, and a group by its index.
const FOREIGN: &[&str] = &[
    " u8",
    " u16",
    " u32",
    " u64",
    " i64",
    " f64",
    "struct ",
    "enum",
    "variant",
    "field",
    "sequence",
    " map",
    "nonzero",
    "Some(",
    "None",
    "clients.0",
    "clients.1",
];

fn message(text: &str) -> Option<String> {
    let source = Source { file: "x.toml".into(), text: text.into() };
    source.expand(&[]).err().map(|error| error.to_string())
}

#[test]
fn every_mistake_is_explained_in_the_words_of_a_profile() {
    assert_eq!(message(TEXT), None);
    for (right, wrong, wanted) in MISTAKES {
        assert!(TEXT.contains(right), "{right}");
        let text = TEXT.replacen(right, wrong, 1);
        let message = message(&text).unwrap_or_else(|| panic!("{wrong} is accepted"));
        assert!(message.contains(wanted), "{wrong}\n{message}\nlacks\n{wanted}");
        assert!(message.starts_with("x.toml:"), "{message}");
        let foreign = FOREIGN.iter().find(|word| message.contains(**word));
        assert_eq!(foreign, None, "{wrong}\n{message}");
    }
}

#[test]
fn every_mistake_in_a_set_value_is_explained_as_well() {
    for (key, value, wanted) in [
        (
            "repeats",
            "two",
            "--set repeats=two: must be a whole number from 0 to 4294967295, not the text \"two\"",
        ),
        ("repeats", "-1", "must be a whole number from 0 to 4294967295, not -1"),
        ("clients.good.count", "1.5", "must be a whole number"),
        ("clients.god.count", "1", "did you mean `good`?"),
        ("server.bufer", "chained", "unknown key `bufer`; did you mean `buffer`?"),
        ("server.buffer", "chaind", "did you mean `chained`?"),
        ("clients.good.load.depth", "0", "--set clients.good.load.depth=0: must be from 1 to 65536"),
        ("expect.good.latncy_p99", "< 1s", "did you mean `latency_p99`?"),
    ] {
        let source = Source { file: "x.toml".into(), text: TEXT.into() };
        let message = source.parse(&[(key.into(), value.into())]).expect_err(key).to_string();
        assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
        assert!(!FOREIGN.iter().any(|word| message.contains(word)), "{message}");
    }
}
