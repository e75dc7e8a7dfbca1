//! Mistakes on the command line, and what the messages say: what is wrong, what is allowed, and what may have been meant.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::common::{BADPEER, ending};

/// A command line that is refused, and a part of the message. Nothing listens at A and H, which stand for an address and a
/// URL.
const MISTAKES: &[(&str, &str)] = &[
    ("", "Usage: badpeer"),
    ("comprae", "'compare'"),
    ("--verison", "'--version'"),
    ("bench", "<ADDRESS>"),
    ("bench localhost", "<ADDRESS>: the port is missing: write HOST:PORT"),
    ("bench :80", "<ADDRESS>: "),
    ("bench 127.0.0.1:99999", "invalid port number: write HOST:PORT"),
    ("bench 127.0.0.1:80/index.html", "only HTTP has a path: write HOST:PORT, or http://HOST:PORT/PATH"),
    ("bench https://127.0.0.1/", "https is not supported"),
    ("bench ftp://127.0.0.1/", "the scheme `ftp` is not supported"),
    ("bench http://me:secret@127.0.0.1/", "remove the user name and password"),
    ("bench 127.0.0.1:0", "badpeer: <ADDRESS>: "),
    ("bench A --conections 5", "'--connections'"),
    ("bench A -c x", "'--connections <N>': must be a whole number from 0 to 4294967295"),
    ("bench A -c -5", "'--connections <N>': must be a whole number from 0"),
    ("bench A -c 1.5", "must be a whole number"),
    ("bench A -c 99999999999", "from 0 to 4294967295"),
    ("bench A -c 0", "badpeer: --connections: must be at least 1"),
    ("bench A -c 20000000", "badpeer: --connections: at most 16777215 connections"),
    ("bench A -c 4294967295", "badpeer: --connections: at most 16777215 connections"),
    ("bench A -c 10000000 --bad idle=10000000", "--connections and --bad: at most 16777215 connections"),
    ("bench A --bad idle=4000000000", "`4000000000` is not a number of connections from 1 to 16777215"),
    ("bench A --bad slow-reader=400000000", "`400000000` is not a number of connections from 1 to 100000"),
    ("bench A --bad slowloris=99999999999", "`99999999999` is not a number of connections from 1 to"),
    ("bench A -t x", "'--threads <N|auto>': must be a whole number from 1 to 64, or auto"),
    ("bench A -t 0", "badpeer: --threads: must be from 1 to 64"),
    ("bench A -t 3 -c 2", "--threads: there are more threads than connections"),
    ("bench A --source eth0", "must be an IP address such as 127.0.0.2 or fd00::2, not `eth0`"),
    ("bench A --source 127.0.0.2,127.0.0.2", "badpeer: --source: 127.0.0.2 is there twice"),
    (
        "bench A --source 127.0.0.2 --source ::1",
        "badpeer: --source: 127.0.0.2 and ::1 are an IPv4 and an IPv6",
    ),
    ("bench A --source 192.0.2.9", "badpeer: --source: 192.0.2.9 is no address of this machine"),
    (
        "bench A --source ::1",
        "badpeer: --source: ::1 is an IPv6 address, but the server's, 127.0.0.1, is IPv4",
    ),
    ("bench 192.0.2.1:80 --source 127.0.0.2", "badpeer: --source: 127.0.0.2 is a loopback address"),
    ("bench A --netns 1500", "write KEY=VALUE, as in mtu=1500"),
    ("bench A --netns mtu=10", "mtu must be a whole number from 68 to 65536"),
    ("bench A --netns mut=1500", "there is no key `mut`; the keys are mtu, offload; did you mean `mtu`?"),
    ("bench A --netns mtu=1500", "badpeer: --netns: the server at 127.0.0.1:"),
    ("bench unix:/x --netns mtu=1500 -- x", "no server here is reached over TCP"),
    (
        "bench 192.0.2.1:80 --netns mtu=1500 -- x",
        "badpeer: --netns: the new network namespace has a loopback",
    ),
    ("bench [::1]:80 --netns mtu=1000 -- x", "(and with an MTU below 1280 no IPv6)"),
    ("run core-timers --netns mtu=1500", "neither UNIX sockets nor core experiments use the loopback"),
    ("run control --netns mtu=1500 --shard 1/2 --start-at now+9s", "cannot be used with"),
    (
        "compare a b --netns mtu=1500",
        "badpeer: --netns: it is for servers that are run: name them with --base",
    ),
    ("bench A -d 1x", "`1x` is not a time such as 500us, 10ms, 2s or 1m"),
    ("bench A -d 0", "--duration: the measured window must be longer than 0"),
    ("bench A -d 1ms", "--duration: must be at least as long as the time between two samples (100ms)"),
    ("bench A -d -1", "is not a time"),
    ("bench A --warmup soon", "`soon` is not a time"),
    ("bench A -r fast", "`fast` is not a rate such as 2000/s"),
    ("bench A -r 0", "--rate: must be from 1 in an hour to 1000000/s"),
    ("bench A -r 2000000", "--rate: must be from 1 in an hour to 1000000/s"),
    ("bench A --requests-per-connection 0", "`0` is not a whole number of at least 1"),
    ("bench A --requests-per-connection 1 -r 20000", "set a rate of at most 10000/s"),
    ("bench A -p ehco", "the protocols are echo, frame, line, resp; did you mean `echo`?"),
    ("bench A -p http", "write the address as http://HOST:PORT/PATH or http://unix:/SOCKET:/PATH instead"),
    ("bench A -p HTTP", "write the address as http://HOST:PORT/PATH or http://unix:/SOCKET:/PATH instead"),
    ("bench A -p raw", "protocol raw needs a profile"),
    ("bench H -p resp", "--protocol resp: the address selects HTTP"),
    ("bench A --payload 5XB", "`5XB` is not a size such as 512B, 64KiB or 50MB"),
    ("bench A --payload 0B", "badpeer: --payload: an echo must have at least one byte"),
    ("bench H --payload 5B", "--payload is not for http: remove it"),
    ("bench A -p resp --payload 5B", "--payload is not for resp: remove it"),
    ("bench A -H 'A: b'", "--header is only for HTTP: write the address as http://HOST:PORT/PATH"),
    ("bench A -m POST", "--method is only for HTTP"),
    ("bench A --body x", "--body is only for HTTP"),
    ("bench A --bad-path /x", "--bad-path is only for HTTP"),
    ("bench A --status 200", "--status is only for HTTP"),
    ("bench A --check length", "--check is only for HTTP"),
    ("bench H -H Accept", "write NAME: VALUE, as in Accept: text/html"),
    ("bench H -H 'A: b' -H 'A: c'", "--header A is given twice: join its values with a comma"),
    ("bench H -H 'A b: c'", "badpeer: --header: "),
    ("bench H -m GTE", "GET, HEAD, POST"),
    ("bench H -m HEAD --body x", "badpeer: --method: HEAD sends no payload: choose POST"),
    ("bench H --body @none.json", "--body: cannot read none.json"),
    ("bench H --status 9xx", "write a status from 200 to 599"),
    ("bench H --status 200 --check none", "--check none does not check the status"),
    ("bench H --check bites", "'bytes'"),
    ("bench H --bad-path x --bad slow-reader=1", "badpeer: --bad-path: "),
    ("bench A --max-wait forever", "is not a time such as 500us, 10ms, 2s or 1m, or off"),
    ("bench A --bad slow-reader", "write PEER=N, as in slow-reader=200"),
    ("bench A --bad slow-reader=many", "`many` is not a number of connections from 1 to 100000"),
    ("bench A --bad slowlori=1", "did you mean `slowloris`?"),
    (
        "bench A --bad sloth=1",
        "the kinds are: slow-reader, slow-read, stalled-reader, slow-writer, slowloris",
    ),
    ("bench A --bad idle=0", "`0` is not a number of connections from 1 to 16777215"),
    ("bench A --before 1s", "--bad <PEER=N>"),
    ("bench A --max-silence 1s", "--bad <PEER=N>"),
    ("bench A --bad idle=1 --before 1ms", "--before: 1ms is too short: use at least 10ms"),
    ("bench A --bad idle=1 --with soon", "'--with <TIME>': `soon` is not a time"),
    ("bench A --bad idle=1 --max-p99-factor fast", "`fast` is not a factor such as 10, or off"),
    ("bench A --bad idle=1 --max-p99-factor 0", "`0` is not a factor such as 10, or off"),
    ("bench A --bad idle=1 --max-memory-per-peer 5XB", "`5XB` is not a size such as 512B"),
    ("bench A --bad rudy=1,slow-body=2", "--bad names slow-body twice: write the sum of both numbers once"),
    ("bench A --pid x", "'--pid <PID>': must be a whole number from 1 to 4294967295"),
    ("bench 127.0.0.1:0 --pid 5 -- true", "'--pid <PID>' cannot be used with"),
    ("bench A --format jnit", "'junit'"),
    ("bench A --all --format jnit", "'junit'"),
    ("report none --all", "cannot read the record none"),
    ("bench 127.0.0.1:0 -- no-such-program {port}", "<COMMAND>: there is no program `no-such-program`"),
    ("bench 127.0.0.1:0 -- ./none {port}", "/none does not exist; install it, or name another one"),
    ("bench 127.0.0.1:0 -- sleep 5", "<COMMAND>: the program does not get the free port to listen on"),
    ("run none.toml", "cannot read the profile `none.toml`"),
    ("run contrl", "did you mean `control`?"),
    ("run --al", "'--all'"),
    ("run --all control", "cannot be used with"),
    ("run control -d soon", "`soon` is not a time"),
    (
        "run control -d 1ms",
        "badpeer: --duration 1ms: must be at least as long as the time between two samples",
    ),
    ("run control --repeats 0", "badpeer: --repeats 0: must be at least 1"),
    ("run control --repeats two", "'--repeats <N>': must be a whole number"),
    ("run control --seed x", "'--seed <N>': must be a whole number from 0 to 9223372036854775807"),
    ("run control --sample-every 1ms", "badpeer: --sample-every 1ms: must be at least 10ms"),
    ("run control --set server", "write KEY=VALUE, as in server.send_limit=off"),
    ("run control --set =1", "the key is missing"),
    ("run control --set sever.buffer=chained", "--set sever.buffer=chained: unknown key `sever`"),
    ("run control --set server.bufer=chained", "did you mean `buffer`?"),
    ("run control --set server.buffer=chaind", "did you mean `chained`?"),
    ("run control --set clients.god.count=1", "did you mean `good`?"),
    ("run control --set clients.good.count=0", "badpeer: --set clients.good.count=0: must be at least 1"),
    (
        "run control --repeats 2 --set client_threads=0 --seed 7",
        "badpeer: --set client_threads=0: must be from 1 to 64",
    ),
    ("run control --set server.protocol=line", "--set server.protocol=line: clients.good.protocol: "),
    (
        "run control --set server.command=[\\\"none\\\",\\\"{port}\\\"]",
        "control: server.command: there is no program",
    ),
    ("serve --buffer chain", "'chained'"),
    ("serve --send-limit much", "`much` is not a size"),
    ("serve --threads 0", "`0` is not a whole number of at least 1"),
    ("serve --listen here", "write for instance 127.0.0.1:8080"),
    ("serve --root /srv", "badpeer: --root "),
    ("compare one", "name two records, or the servers with --base and --head"),
    ("compare one two", "cannot read the record one"),
    ("compare control --base x", "--head <COMMAND>"),
    ("compare control --base x --head y --pairs 3", "must be a whole number from 8 to 1000"),
    ("compare contrl --base x --head y", "did you mean `control`?"),
    ("calibrate -k 0", "must be a whole number from 1"),
    ("report none", "cannot read the record none"),
    ("list stal", "`badpeer list` shows all names; did you mean `stall`?"),
    ("list good.latncy_p99", "did you mean `latency_p99`?"),
    ("list server_memory", "did you mean `memory_per_peer`, `kernel_memory_peak` or `server_rss_peak`?"),
    ("list evicted_within", "did you mean `evicted`, "),
    ("list evict", "`evicted`"),
    ("list control evcted", "has no entry `evcted`; `badpeer list` shows all names; did you mean `evicted`?"),
    ("init raw", "possible values: http, redis, command, attach, line, frame"),
    ("show slow-reader", "did you mean `slow-readers`?"),
    ("init htp", "'http'"),
    ("init http here.toml", "here.toml already exists: name another file"),
    ("schema profil", "'profile'"),
    ("completions bsh", "'bash'"),
];

/// Words of the program and of its libraries that nobody has written.
const FOREIGN: &[&str] = &[
    "digit",
    "u32",
    "u64",
    "i64",
    "..=",
    "struct ",
    "variant",
    "unknown field",
    "sequence",
    "clients.0",
    "panicked",
];

#[test]
fn every_mistake_on_the_command_line_is_explained() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("here.toml"), "mine").expect("written");
    assert!(MISTAKES.len() >= 100, "{} mistakes", MISTAKES.len());
    let mut unexplained = Vec::new();
    for (line, part) in MISTAKES {
        let words = shlex::split(line).expect("words");
        let places = words.iter().map(|word| match word.as_str() {
            "A" => "127.0.0.1:1",
            "H" => "http://127.0.0.1:1/",
            word => word,
        });
        // What is accepted after all may run for as long as it likes.
        let mut command = Command::new("timeout");
        command.args(["10", BADPEER]).args(places).current_dir(folder.path()).stdin(Stdio::null());
        let (code, printed) = ending(&command.output().expect("badpeer runs"));
        // Lines are as wide as the terminal.
        let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
        let foreign = FOREIGN.iter().find(|word| printed.contains(**word));
        if code != Some(2) || !printed.contains(part) || foreign.is_some() {
            unexplained.push(format!(
                "$ badpeer {line}\n{printed}\nexit code {code:?}, lacks {part}, names {foreign:?}\n"
            ));
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
}
