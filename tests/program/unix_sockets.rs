//! UNIX-domain sockets: good and bad clients of the reference server and of others over them, and what cannot be had there.

use std::{
    fs,
    os::fd::{AsFd, AsRawFd},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::{UnixDatagram, UnixListener},
    },
    path::Path,
    thread,
    time::Duration,
};

use nix::sys::{
    signal::Signal,
    socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, socket},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    badpeer, ending, leftovers, number,
    process::{send, serving},
    repeat, skip, texts, with_profile, without_pictures,
};

/// The reference server at a fresh path, with these keys, and these groups for so many milliseconds.
fn profile(server: &str, groups: &str, measure_ms: u32) -> String {
    format!(
        "title = \"over a UNIX socket\"\nwarmup = \"100ms\"\nmeasure = \"{measure_ms}ms\"\nsample_every = \"50ms\"\n\
         [server]\nlisten = \"unix:\"\n{server}\n{groups}"
    )
}

/// The only repeat of a profile that could be run, however busy the machine is; and what was printed.
fn run(profile: &str) -> (Value, String) {
    let folder = with_profile(profile);
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml"], folder.path()));
    assert!(matches!(code, Some(0 | 1 | 4)), "{code:?} {printed}");
    assert!(leftovers(folder.path()).is_empty(), "{:?}", leftovers(folder.path()));
    (repeat(folder.path(), "quick"), printed)
}

/// A figure that is a count.
fn count(repeat: &Value, name: &str) -> u64 {
    number(repeat, name) as u64
}

fn group<'a>(repeat: &'a Value, name: &str) -> &'a Value {
    let groups = repeat["groups"].as_array().expect("groups");
    groups.iter().find(|group| group["name"] == name).expect("the group")
}

/// Whether every answer of the group came, and was right.
fn check_good(repeat: &Value, name: &str) {
    let group = group(repeat, name);
    let (content, requests) = (&group["content"], &group["requests"]);
    assert!(requests["answered"].as_u64() > Some(5), "{name}: {requests}");
    assert!(requests["unanswered"] == 0 && requests["lost"] == 0, "{name}: {requests}");
    assert!(content["corrupt"] == 0 && content["errors"] == 0, "{name}: {content}");
}

#[apply(timed_test!)]
fn every_protocol_is_spoken_over_a_unix_socket() {
    for protocol in ["echo", "frame", "line", "http"] {
        let payload = if protocol == "http" { "" } else { ", payload = 100" };
        let clients = |name: &str, tx: &str| {
            format!(
                "[[clients]]\nname = \"{name}\"\ncount = 3\nprotocol = \"{protocol}\"\n{tx}\n\
                 load = {{ rate = \"60/s\"{payload} }}\n"
            )
        };
        let groups = clients("good", "") + &clients("fragmented", "tx = { fragment = { bytes = 3 } }");
        let (repeat, printed) = run(&profile(&format!("protocol = \"{protocol}\""), &groups, 700));
        check_good(&repeat, "good");
        check_good(&repeat, "fragmented");
        let address = repeat["effective"]["address"].as_str().expect("an address");
        assert!(address.starts_with("unix:/") && !Path::new(&address[5..]).exists(), "{address}");
        assert_eq!(count(&repeat, "sockets_established_peak"), 6, "{printed}");
        assert_eq!(count(&repeat, "evictions"), 0, "{printed}");
    }
}

#[apply(timed_test!)]
fn what_the_kernel_does_not_tell_is_named_and_absent() {
    let good = "[[clients]]\nname = \"good\"\ncount = 2\nload = { rate = \"50/s\", payload = 100 }\n";
    let (repeat, _) = run(&profile("protocol = \"frame\"", good, 600));
    assert!(texts(&repeat, "notes").contains("not known for UNIX sockets"), "{}", repeat["notes"]);
    for absent in ["listener_drops", "sockets_closing_peak", "other_clients", "other_requests"] {
        assert!(repeat["summary"][absent].is_null(), "{absent}: {}", repeat["summary"]);
    }
    for known in ["kernel_memory_peak", "kernel_send_queue_peak", "accept_queue_peak", "server_sockets_peak"]
    {
        assert!(repeat["summary"][known].is_number(), "{known}: {}", repeat["summary"]);
    }
    assert_eq!(repeat["effective"]["client_receive_buffer"], Value::Array(Vec::new()));
    assert!(repeat["effective"]["client_addresses"].is_null(), "{}", repeat["effective"]);
}

#[apply(timed_test!)]
fn stalled_peers_are_evicted_for_the_right_reason_and_slow_ones_are_not() {
    let server = "protocol = \"frame\"\nsend_timeout = \"800ms\"\nmessage_timeout = \"900ms\"\nsend_buffer = \"32KiB\"";
    let groups = "[[clients]]\nname = \"good\"\ncount = 2\nload = { rate = \"50/s\", payload = 100 }\n\
                  [[clients]]\nname = \"stalled\"\ncount = 4\nrx = \"stall\"\n\
                  load = { rate = \"80/s\", payload = 16, answer = \"64KiB\" }\n\
                  [[clients]]\nname = \"half-sent\"\ncount = 3\ntx = { stall = { after = \"8B\" } }\n\
                  load = { depth = 1, payload = 100 }\n\
                  [[clients]]\nname = \"slow\"\ncount = 2\nrx = { slow = { bytes = 8192, every = \"20ms\" } }\n\
                  load = { rate = \"20/s\", payload = 16, answer = \"64KiB\" }\n";
    let (repeat, printed) = run(&profile(server, groups, 3_500));
    if number(&repeat, "good.latency_p99") > 0.5e9 {
        return skip("unix sockets: the machine was too busy to tell who stalled");
    }
    assert_eq!(count(&repeat, "evicted_send_timeout"), 4, "{printed}");
    assert_eq!(count(&repeat, "evicted_message_timeout"), 3, "{printed}");
    assert_eq!(count(&repeat, "evictions_unmatched"), 0, "{printed}");
    let of = |name: &str| group(&repeat, name)["server_endings"].clone();
    assert_eq!((&of("stalled")["count"], &of("half-sent")["count"]), (&4.into(), &3.into()), "{printed}");
    assert_eq!((&of("slow")["count"], &of("good")["count"]), (&0.into(), &0.into()), "{printed}");
    assert!(of("stalled")["held_ns"].is_null() && of("stalled")["left_bytes"].is_null(), "{}", of("stalled"));
    let named = |eviction: &Value| eviction["group"] == "stalled" && eviction["reason"] == "send_timeout";
    let evictions = repeat["evictions"].as_array().expect("evictions");
    assert_eq!(evictions.iter().filter(|eviction| named(eviction)).count(), 4, "{evictions:?}");
    assert!(number(&repeat, "kernel_memory_peak") >= 4.0 * 32_768.0, "{printed}");
}

#[apply(timed_test!)]
fn limits_are_kept_over_a_unix_socket() {
    let server = "protocol = \"frame\"\nmax_connections = 3";
    let groups = "[[clients]]\nname = \"many\"\ncount = 6\nload = { rate = \"60/s\", payload = 100 }\n";
    let (repeat, printed) = run(&profile(server, groups, 600));
    assert_eq!(count(&repeat, "sockets_established_peak"), 3, "{printed}");
    assert!(number(&repeat, "accept_refused") >= 3.0, "{printed}");
    let server = "protocol = \"frame\"\nsend_limit = \"256KiB\"\nsend_buffer = \"16KiB\"";
    let groups = "[[clients]]\nname = \"greedy\"\ncount = 2\nrx = \"stall\"\n\
                  load = { rate = \"100/s\", payload = 16, answer = \"64KiB\" }\n";
    let (repeat, printed) = run(&profile(server, groups, 1_000));
    assert_eq!(count(&repeat, "evicted_send_limit"), 2, "{printed}");
}

#[apply(timed_test!)]
fn a_full_accept_queue_is_waited_for() {
    // A server that accepts one connection in 5 ms, with room for two.
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    let fd = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    let address = UnixAddr::new(&path).expect("an address");
    bind(fd.as_raw_fd(), &address).expect("bound");
    badpeer::sys::listen(fd.as_fd(), 1).expect("it listens");
    let listener = UnixListener::from(fd);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::sleep(Duration::from_millis(5));
            thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    for pace in ["", "connect_rate = \"10000/s\"\n"] {
        let text = format!(
            "title = \"t\"\nwarmup = \"600ms\"\nmeasure = \"500ms\"\n[server]\nattach = \"unix:{}\"\n[[clients]]\n\
             name = \"good\"\ncount = 40\nprotocol = \"echo\"\n{pace}load = {{ rate = \"100/s\", payload = 10 }}\n",
            path.display()
        );
        let (repeat, printed) = run(&text);
        let counts = ["opened", "alive_last", "refused", "timed_out"];
        let counts = counts.map(|name| count(&repeat, &format!("good.{name}")));
        assert_eq!(counts, [40, 40, 0, 0], "{printed}");
        check_good(&repeat, "good");
    }
}

#[apply(timed_test!)]
fn bench_drives_a_server_at_a_path_by_every_way_to_write_it() {
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let path = format!("unix:{}", at("s"));
    let words = ["-c", "2", "-d", "300ms", "--warmup", "100ms", "--rate", "50/s", "--quiet"];
    for (listen, protocol, address) in [
        (path.clone(), "echo", path.clone()),
        (path.clone(), "echo", "unix:s".to_owned()),
        (
            format!("unix:@{}", at("s").replace('/', "-")),
            "echo",
            format!("unix:@{}", at("s").replace('/', "-")),
        ),
        (path.clone(), "http", format!("http://{path}:/bytes/100?x=1")),
        (path.clone(), "http", format!("http://{path}")),
    ] {
        let (server, found) = serving(&["--listen", &listen, "--protocol", protocol]);
        assert_eq!(found, listen);
        let (code, printed) =
            ending(&without_pictures(&[&["bench", &address], &words[..]].concat(), folder.path()));
        assert!(matches!(code, Some(0 | 4)), "{address}: {printed}");
        let repeat = repeat(folder.path(), "bench");
        check_good(&repeat, "good");
        assert!(
            texts(&repeat, "notes").contains(&format!("process {}", server.pid())),
            "{}",
            repeat["notes"]
        );
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[apply(timed_test!)]
fn a_server_that_cannot_be_reached_is_explained() {
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    drop(UnixListener::bind(at("dead")).expect("bound"));
    let _datagram = UnixDatagram::bind(at("datagram")).expect("bound");
    fs::write(at("file"), "").expect("written");
    let _denied = UnixListener::bind(at("denied")).expect("bound");
    fs::set_permissions(at("denied"), fs::Permissions::from_mode(0o000)).expect("set");
    let long = "x".repeat(108);
    for (address, part, wanted) in [
        ("unix:none", "there is no such socket; start the server first", 3),
        ("unix:dead", "nothing listens there", 3),
        ("unix:file", "it is no socket", 3),
        ("unix:datagram", "it is no stream socket", 3),
        ("unix:denied", "permission denied", 3),
        ("unix:@nobody-listens-here", "nothing listens there", 3),
        (&*format!("unix:/{long}"), "at most 107 bytes", 2),
        ("unix:", "the path of the UNIX socket is missing", 2),
    ] {
        if part == "permission denied" && is_root() {
            skip("unix sockets: root may connect to every one");
            continue;
        }
        let (code, printed) = ending(&badpeer(&["bench", address, "-d", "100ms"], folder.path()));
        assert!(printed.contains(part), "{address}: {printed}");
        assert_eq!(code, Some(wanted), "{address}: {printed}");
    }
}

#[apply(timed_test!)]
fn what_needs_tcp_is_refused_before_the_run() {
    for (server, keys, part) in [
        ("user_timeout = \"1s\"", "", "TCP_USER_TIMEOUT"),
        ("notsent_lowat = \"1KiB\"", "", "TCP_NOTSENT_LOWAT"),
        ("", "source = [\"127.0.0.1\"]", "have no addresses"),
        ("", "recv_buffer = \"16KiB\"", "the receiver of a UNIX socket has no buffer of its own"),
        ("", "tx = \"reset\"", "`reset` needs TCP"),
        ("", "tx = { vanish = { messages = 1 } }", "`vanish` needs TCP"),
    ] {
        let groups =
            format!("[[clients]]\nname = \"g\"\ncount = 1\n{keys}\nload = {{ depth = 1, payload = 9 }}\n");
        let folder = with_profile(&profile(server, &groups, 300));
        let (code, printed) = ending(&without_pictures(&["run", "quick.toml"], folder.path()));
        assert!(code == Some(2) && printed.contains(part), "{keys}{server}: {code:?} {printed}");
    }
}

/// A program at a fresh path, with these keys, and good clients of this protocol; `None` where it is not installed.
fn other(server: &str, protocol: &str, files: &[(&str, &str)]) -> Option<Value> {
    let text = format!(
        "title = \"t\"\nwarmup = \"100ms\"\nmeasure = \"600ms\"\n[server]\n{server}\ninstall = \"with apt-get\"\n\
         [[clients]]\nname = \"good\"\ncount = 3\nprotocol = \"{protocol}\"\nload = {{ rate = \"60/s\" }}\n"
    );
    let folder = with_profile(&text);
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let (code, printed) = ending(&badpeer(&["run", "quick.toml"], folder.path()));
    if printed.contains("SKIP") {
        skip(&printed);
        return None;
    }
    assert!(matches!(code, Some(0 | 4)), "{printed}");
    assert!(leftovers(folder.path()).is_empty(), "{:?}", leftovers(folder.path()));
    Some(repeat(folder.path(), "quick"))
}

#[apply(timed_test!)]
fn redis_is_driven_over_a_unix_socket() {
    let server = "command = [\"redis-server\", \"--port\", \"0\", \"--unixsocket\", \"{socket}\", \"--save\", \"\", \
                  \"--dir\", \"{dir}\"]";
    let Some(repeat) = other(server, "resp", &[]) else { return };
    check_good(&repeat, "good");
    assert_eq!(count(&repeat, "server_sockets_peak"), 3);
}

#[apply(timed_test!)]
fn nginx_is_driven_over_a_unix_socket() {
    let server =
        "command = [\"nginx\", \"-c\", \"{dir}/nginx.conf\"]\naddress = \"unix:\"\nfiles = [\"nginx.conf\"]";
    let conf = "daemon off; pid {dir}/pid; error_log stderr; events {}\nhttp { access_log off;\n\
                client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;\n\
                uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;\n\
                server { listen {address}; location / { return 200 $host; } } }\n";
    let Some(repeat) = other(server, "http", &[("nginx.conf", conf)]) else { return };
    check_good(&repeat, "good");
    let sample = &group(&repeat, "good")["content"];
    assert!(sample.to_string().contains("localhost") || sample["errors"] == 0, "{sample}");
}

#[apply(timed_test!)]
fn a_server_replaces_a_dead_socket_only() {
    let folder = TempDir::new().expect("a folder");
    let listen = format!("unix:{}", folder.path().join("s").display());
    let (mut server, _) = serving(&["--listen", &listen]);
    let (code, printed) = ending(&badpeer(&["serve", "--listen", &listen], folder.path()));
    assert_eq!(code, Some(3), "{printed}");
    assert!(
        printed.contains(&format!("cannot listen on {listen}: another server listens there")),
        "{printed}"
    );
    server.0.kill().expect("killed");
    server.0.wait().expect("it ends");
    assert!(folder.path().join("s").exists(), "nobody has removed it");
    let (mut server, found) = serving(&["--listen", &listen]);
    assert_eq!(found, listen);
    send(Signal::SIGTERM, server.pid());
    server.0.wait().expect("it ends");
    assert!(!folder.path().join("s").exists(), "a server that ends removes it");
}
