//! Threads on one socket, and the right way beside it: ranges over connections of their own.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use badpeer::{
    codec::{
        Flaw, SHARED_STREAM,
        content::{self, Origin},
    },
    metric::Metric,
    record::GroupResult,
};

use super::{Driven, common::process::Mortal, driven, driven_at, of};

/// What a group of one connection with these keys came to, against an echo server.
fn echoed(keys: &str) -> GroupResult {
    let clients =
        format!("[[clients]]\nname = \"g\"\nprotocol = \"echo\"\ncount = 1\nsend_buffer = \"32KiB\"\n{keys}");
    driven("protocol = \"echo\"", &clients, 500).groups.remove(0)
}

/// Every message that was answered came to its last byte, in whatever state.
fn all_came(group: &GroupResult) {
    assert!(group.requests.answered > 20, "{:?}", group.requests);
    assert_eq!(group.ledger.still_alive, 1);
}

#[apply(timed_test!)]
fn large_messages_are_torn_whether_their_writers_wait_or_poll() {
    for blocking in [false, true] {
        let group = echoed(&format!(
            "load = {{ depth = 8, payload = \"256KiB\" }}\ntx = {{ race = {{ threads = 4, blocking = {blocking} }} }}"
        ));
        all_came(&group);
        assert!(group.content.torn > 0, "blocking = {blocking}: {:?}", group.content);
    }
}

#[apply(timed_test!)]
fn a_lock_keeps_messages_whole_but_not_their_order() {
    let group = echoed(
        "load = { depth = 8, payload = \"64KiB\" }\ntx = { race = { threads = 4, lock = true, header = \"9B\" } }",
    );
    all_came(&group);
    assert_eq!(group.content.torn, 0, "{:?}", group.content);
    assert!(group.content.reordered > 0, "{:?}", group.content);
}

#[apply(timed_test!)]
fn one_writing_thread_keeps_header_and_body_together() {
    let group = echoed(
        "load = { depth = 8, payload = \"1000B\" }\ntx = { race = { threads = 1, header = \"9B\", blocking = true } }",
    );
    all_came(&group);
    assert_eq!((group.content.corrupt, group.content.first_fault), (0, None));
}

#[apply(timed_test!)]
fn several_readers_mix_up_bytes_and_one_reader_does_not() {
    for blocking in [false, true] {
        let read_by = |threads| {
            let group = echoed(&format!(
                "load = {{ depth = 4, payload = \"64KiB\" }}\n\
                 rx = {{ race = {{ threads = {threads}, blocking = {blocking} }} }}"
            ));
            all_came(&group);
            group.content
        };
        let alone = read_by(1);
        assert_eq!((alone.corrupt, alone.torn, alone.reordered), (0, 0, 0), "blocking = {blocking}");
        let shared = read_by(4);
        assert!(shared.corrupt > 0 && shared.torn + shared.reordered > 0, "{shared:?}");
        // Of a piece with less than 15 bytes, which a segment may end with, it is unknown where it belongs.
        let fault = shared.first_fault.expect("a first fault");
        let elsewhere = |found: Origin| found.stream == fault.stream && found.offset != fault.at;
        assert!(fault.found.is_none_or(elsewhere), "{fault}");
    }
}

#[apply(timed_test!)]
fn threads_blocked_in_a_system_call_do_not_delay_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let started = Instant::now();
    for way in [
        "load = { depth = 8, payload = \"8MiB\" }\ntx = { race = { threads = 2, blocking = true } }",
        "load = { depth = 1, payload = \"64B\" }\nrx = { race = { threads = 2, blocking = true } }",
        "load = { depth = 1, payload = \"64B\" }\nrx = { race = { threads = 2, blocking = true, lock = true } }",
    ] {
        let clients = format!("[[clients]]\nname = \"g\"\nprotocol = \"echo\"\ncount = 1\n{way}");
        let group = driven_at(address, &clients, 200).groups.remove(0);
        assert_eq!((group.ledger.still_alive, group.requests.answered), (1, 0), "{way}");
    }
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[apply(timed_test!)]
fn threads_end_when_the_peer_closes_their_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // Less than the threads wait for; then the end.
            let _ = stream.write_all(&[0; 16]);
            thread::sleep(Duration::from_millis(50));
        }
    });
    for blocking in [false, true] {
        let clients = format!(
            "[[clients]]\nname = \"g\"\nprotocol = \"echo\"\ncount = 1\nload = {{ depth = 1, payload = \"1KiB\" }}\n\
             rx = {{ race = {{ threads = 2, blocking = {blocking} }} }}"
        );
        let group = driven_at(address, &clients, 300).groups.remove(0);
        assert_eq!(group.ledger.evicted_fin + group.ledger.evicted_rst, 1, "{:?}", group.ledger);
        assert_eq!((group.requests.lost, group.content.verified), (1, 0), "no whole round came");
    }
}

const WHOLE: u64 = 1_000_003;

fn ranges(connections: u32, path: &str) -> String {
    format!(
        "[[clients]]\nname = \"g\"\nprotocol = \"http\"\ncount = {connections}\n\
         http = {{ path = \"{path}\", check = \"content\", ranges = true }}\nload = {{ depth = 1, answer = {WHOLE} }}"
    )
}

/// Every download was the whole, byte by byte, over so many connections.
fn all_whole(driven: &Driven, connections: u32) {
    let group = &driven.groups[0];
    let (requests, content) = (group.requests, group.content);
    let downloads = of(&driven.whole[0], Metric::Downloads) as u64;
    assert!(downloads > 2, "{downloads} downloads over {connections} connections");
    assert_eq!((content.corrupt, content.errors, content.first_fault), (0, 0, None), "over {connections}");
    assert_eq!(requests.answered, downloads * u64::from(connections), "all parts, and none twice");
    let heads = content.verified - downloads * WHOLE;
    assert!((200 * requests.answered..400 * requests.answered).contains(&heads), "{heads} bytes of heads");
    assert!(of(&driven.summaries[0], Metric::DownloadP50) <= of(&driven.summaries[0], Metric::DownloadMax));
}

#[apply(timed_test!)]
fn a_download_in_any_number_of_parts_is_complete() {
    for connections in [1, 2, 3, 7, 16] {
        let driven = driven("protocol = \"http\"", &ranges(connections, &format!("/bytes/{WHOLE}")), 400);
        all_whole(&driven, connections);
    }
}

#[apply(timed_test!)]
fn a_wrong_part_is_an_error_and_fails_its_download() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut requests = BufReader::new(&stream).lines();
        while let Some(Ok(line)) = requests.next() {
            if line.is_empty() {
                let head = format!(
                    "HTTP/1.1 206 P\r\nContent-Length: {WHOLE}\r\nContent-Range: bytes 1-{WHOLE}/9\r\n\r\n"
                );
                let body = vec![0; WHOLE as usize];
                if (&stream).write_all(&[head.as_bytes(), &body].concat()).is_err() {
                    return;
                }
            }
        }
    });
    let driven = driven_at(address, &ranges(1, "/"), 300);
    let (requests, content) = (driven.groups[0].requests, driven.groups[0].content);
    assert!(requests.answered > 0 && content.errors == requests.answered, "{requests:?} {content:?}");
    assert_eq!(content.first_fault.and_then(|fault| fault.flaw), Some(Flaw::Part));
    assert_eq!(of(&driven.whole[0], Metric::Downloads) as u64, 0);
}

#[apply(timed_test!)]
fn a_download_in_parts_from_nginx_is_complete() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().display();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let mut file = vec![0; WHOLE as usize];
    content::fill(SHARED_STREAM, 0, &mut file);
    std::fs::write(folder.path().join("file"), file).expect("a file");
    let conf = format!(
        "daemon off; master_process off; pid {path}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; \
         client_body_temp_path {path}/1; proxy_temp_path {path}/2; fastcgi_temp_path {path}/3; uwsgi_temp_path {path}/4; \
         scgi_temp_path {path}/5; server {{ listen 127.0.0.1:{port}; root {path}; }} }}"
    );
    std::fs::write(folder.path().join("nginx.conf"), conf).expect("a file");
    let child =
        Command::new("nginx").arg("-c").arg(folder.path().join("nginx.conf")).stderr(Stdio::null()).spawn();
    // Where it is not installed, there is nothing to show.
    let Ok(child) = child else { return };
    let _nginx = Mortal(child);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let deadline = Instant::now() + Duration::from_secs(5);
    while std::net::TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "nginx does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    for connections in [1, 4, 7] {
        all_whole(&driven_at(address, &ranges(connections, "/file"), 400), connections);
    }
}
