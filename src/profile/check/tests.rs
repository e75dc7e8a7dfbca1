//! Profiles that are refused, and profiles that are not.

use crate::profile::{Profile, Source};

fn parse(protocol: &str, keys: &str) -> Result<Profile, String> {
    let text = format!(
        "title = \"t\"\n[server]\nprotocol = \"{protocol}\"\n[[clients]]\nname = \"g\"\ncount = 1\nprotocol = \"{protocol}\"\n{keys}"
    );
    Source { file: "t.toml".into(), text }.parse(&[]).map_err(|error| error.to_string())
}

const LOAD: &str = "load = { depth = 1, payload = 9 }";

/// Groups of a protocol with these keys, and what the refusal says.
fn refused(groups: &[(&str, String, &str)]) {
    for (protocol, keys, wanted) in groups {
        let message = parse(protocol, keys).expect_err(keys);
        assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
    }
}

#[test]
fn a_behavior_that_the_protocol_makes_impossible_is_refused() {
    refused(&[
        ("line", format!("{LOAD}\ntx = {{ slow-header = {{ every = '1s' }} }}"), "requests with a head"),
        ("http", "load = { depth = 1 }\ntx = { slow-body = { every = '1s' } }".into(), "set load.payload"),
        ("echo", format!("{LOAD}\ntx = 'endless'"), "requests that have an end"),
        (
            "echo",
            "load = { depth = 1, payload = 16 }\ntx = { race = { threads = 2, header = 16 } }".into(),
            "t.toml:9: clients.g.tx.race.header: must be shorter",
        ),
        ("frame", format!("{LOAD}\nrx = {{ race = {{ threads = 2 }} }}"), "needs protocol = \"http\", or"),
        (
            "echo",
            "load = { depth = 1, payload = 31 }\nrx = { race = { threads = 2 } }".into(),
            "at least 16B for each",
        ),
        (
            "http",
            "load = { depth = 1, answer = 99 }\nrx = { race = { threads = 2 } }".into(),
            "check = \"content\"",
        ),
        ("frame", format!("{LOAD}\nrx = 'half-close'"), "`half-close` is a behavior for tx only"),
        ("frame", format!("{LOAD}\ntx = 'idle'"), "t.toml:8: clients.g.load: an `idle` group"),
        ("frame", String::new(), "clients.g.load: set `depth`"),
    ]);
}

#[test]
fn an_impossible_load_or_lifetime_is_refused() {
    refused(&[
        ("frame", format!("{LOAD}\nlifetime = '0s'"), "t.toml:9: clients.g.lifetime: must be longer than 0"),
        ("frame", "tx = 'idle'\nrequests_per_connection = 1".into(), "an `idle` group sends no requests"),
        (
            "frame",
            format!("{LOAD}\nstart = '2s'\nstop = '2s'"),
            "t.toml:10: clients.g.stop: the group would leave before it connects",
        ),
        (
            "frame",
            format!("{LOAD}\nstop = '1s'"),
            "clients.g.stop: the group would leave before the measured",
        ),
        ("frame", format!("{LOAD}\nstop = '6s'"), "clients.g.stop: the group would leave after the end"),
        (
            "frame",
            format!("{LOAD}\n[[clients]]\nname = 'h'\ncount = 9\n{LOAD}\nconnect_rate = '2/s'\nstop = '3s'"),
            "clients.h.connect_rate: the last client of the group would connect after the group has left",
        ),
        (
            "frame",
            format!("{LOAD}\nconnect_rate = '0/s'"),
            "t.toml:9: clients.g.connect_rate: the last client of",
        ),
        (
            "frame",
            format!("{LOAD}\n[[clients]]\nname = 'h'\ncount = 9\n{LOAD}\nconnect_rate = '1/s'"),
            "clients.h.connect_rate: the last client of the group would connect after",
        ),
        ("frame", format!("{LOAD}\nconnect_rate = '20/ms'"), "clients.g.connect_rate: must be from"),
        ("frame", "load = { rate = '0/s' }".into(), "clients.g.load.rate: must be from 1 in an hour"),
        ("frame", "load = { rate = '1/s to 2000/ms over 1s' }".into(), "clients.g.load.rate: must be"),
        (
            "frame",
            "load = { rate = '1/s, then 2/s' }".into(),
            "t.toml:8: clients.g.load.rate: `1/s, then 2/s` is not a rate such as",
        ),
        (
            "frame",
            format!("{LOAD}\nreconnect = {{ at_most = '0/s' }}"),
            "clients.g.reconnect.at_most: must be",
        ),
        (
            "frame",
            "load = { rate = '3000/s' }\nrequests_per_connection = 2\nreconnect = {}".into(),
            "clients.g.load.rate: cannot be reached: 2 requests on each of at most 1000/s connections are 2000/s",
        ),
    ]);
}

#[test]
fn possible_behaviors_are_accepted() {
    for (protocol, keys) in [
        ("frame", "load = { depth = 1 }\ntx = { slow-header = { every = '1s' } }"),
        ("line", "load = { depth = 1, payload = 9 }\ntx = { slow-body = { every = '1s' } }"),
        ("http", "load = { depth = 1 }\ntx = 'endless'"),
        (
            "http",
            "load = { depth = 1, answer = 32 }\nhttp = { path = '/bytes/32', check = 'content' }\n\
             rx = { race = { threads = 2, lock = true } }",
        ),
        ("frame", "load = { rate = '0/s for 1s then 10/s to 20/s over 2s', arrivals = 'poisson' }"),
        ("echo", "tx = 'idle'\nlifetime = '1s'\nreconnect = { pause = '1s' }"),
        ("echo", "tx = 'idle'\nstart = '2s'\nstop = '4s'"),
    ] {
        let profile = parse(protocol, keys).unwrap_or_else(|error| panic!("{keys}: {error}"));
        let again = toml::to_string(&profile).expect("a profile can be written");
        assert_eq!(toml::from_str::<Profile>(&again).expect("and read again"), profile);
    }
}
