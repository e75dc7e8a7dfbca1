//! HTTP/1.1 as peers see it: over real sockets, with real files, well-behaved or not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[macro_use]
extern crate macro_rules_attribute;
#[macro_use]
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/server.rs"]
#[allow(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod fixture;
mod knobs;
mod peer;
mod requests;
mod uploads;

use std::{fs, io::Read, net::Shutdown, os::unix::fs::symlink, path::Path, thread, time::Duration};

use badpeer::{
    codec::content,
    profile::{HeadParsing, ServerOptions, Service},
    server::Server,
};

use fixture::{Running, every_kind, options};
use peer::Peer;

/// A root with a large file, and a neighbor that must not be seen.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        fs::create_dir_all(root.join("sub/none")).unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        fs::write(root.join("index.html"), "<p>hello").unwrap();
        fs::write(root.join("ten.txt"), "0123456789").unwrap();
        fs::write(root.join("empty"), "").unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink(outside.path(), root.join("sub/up")).unwrap();
        Self(outside)
    }

    fn root(&self) -> std::path::PathBuf {
        self.0.path().join("root")
    }

    fn add(&self, name: &str, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        content::fill(7, 0, &mut bytes);
        fs::write(self.root().join(name), &bytes).unwrap();
        bytes
    }
}

/// Every trigger and buffer, and both ways of parsing heads.
fn every_http_kind() -> impl Iterator<Item = ServerOptions> {
    every_kind(Service::Http).flat_map(|options| {
        [HeadParsing::Whole, HeadParsing::LineByLine]
            .map(|head_parsing| ServerOptions { head_parsing, ..options.clone() })
    })
}

fn serving(root: &Path) -> impl Iterator<Item = Running> {
    let options = every_kind(Service::Http);
    options.map(move |options| Running::start(&ServerOptions { root: Some(root.to_owned()), ..options }))
}

fn peer(server: &Running) -> Peer {
    Peer::new(server.connect())
}

#[apply(timed_test!)]
fn files_of_every_size_arrive_complete_and_in_order() {
    let tree = Tree::new();
    // Around what is copied behind its head, what is kept in memory, and what one sendfile takes.
    let sizes =
        [1, 1000, 4096, 4097, 32_768, 32_769, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5_000_000];
    let files: Vec<_> = sizes.iter().map(|size| tree.add(&size.to_string(), *size)).collect();
    for server in serving(&tree.root()) {
        let mut peer = peer(&server);
        for (size, bytes) in sizes.iter().zip(&files) {
            let answer = peer.get(&format!("/{size}"));
            assert!(answer.status == 200 && answer.body == *bytes, "{size}");
        }
        // The same, all asked for at once; and by one who says nothing more.
        let all = sizes
            .iter()
            .map(|size| format!("GET /{size} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .collect::<Vec<_>>()
            .concat();
        peer.say(all);
        peer.stream.shutdown(Shutdown::Write).unwrap();
        for bytes in &files {
            assert!(peer.hear().body == *bytes);
        }
        peer.expect_end();
        assert_eq!(server.metric("badpeer_server_messages_total"), 2 * sizes.len() as u64);
        server.wait_for("badpeer_ended_total{how=\"peer_closed\"}", 1);
    }
}

#[apply(timed_test!)]
fn a_large_file_reaches_a_slow_reader_intact_and_takes_no_memory() {
    let tree = Tree::new();
    let bytes = tree.add("large", 32 << 20);
    for server in serving(&tree.root()) {
        let mut peer = Peer::new(server.connect_narrow(64 * 1024));
        peer.pause = Duration::from_micros(200);
        let answer = peer.get("/large");
        assert!(answer.body == bytes);
        let metrics = server.metrics();
        assert!(metrics["badpeer_write_armed_total"] > 0, "there was something to wait for");
        assert!(metrics["badpeer_buffer_appended_total"] < 1000, "the file never lay in a buffer");
        peer.pause = Duration::ZERO;
        assert_eq!(peer.get("/ten.txt").body, b"0123456789", "the connection goes on");
    }
}

#[apply(timed_test!)]
fn answers_that_are_kept_go_out_from_where_they_lie_and_pipelined_ones_together() {
    let tree = Tree::new();
    let sizes = [0, 1000, 4096, 4097, 32_768];
    let files = sizes.map(|size| tree.add(&size.to_string(), size));
    for server in serving(&tree.root()) {
        let mut peer = peer(&server);
        for (size, bytes) in sizes.iter().zip(&files) {
            let path = format!("/{size}");
            peer.get(&path);
            let before = server.metrics();
            for _ in 0..20 {
                assert!(peer.get(&path).body == *bytes, "{size}");
            }
            let after = server.metrics();
            let more = |name: &str| after[name] - before[name];
            assert_eq!(more("badpeer_server_writes_total"), 20, "{size}");
            // Requests and heads; once a second the file is looked up anew, and what is short is copied.
            assert!(more("badpeer_buffer_appended_total") < 20 * 300 + 2 * 4096, "{size}");
        }
        let before = server.metric("badpeer_server_writes_total");
        peer.say("GET /1000 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10));
        for _ in 0..10 {
            assert!(peer.hear().body == files[1]);
        }
        let writes = server.metric("badpeer_server_writes_total") - before;
        assert!(writes <= 2, "{writes} sends of ten answers to requests that came together");
    }
}

#[apply(timed_test!)]
fn a_head_and_a_small_body_are_sent_together() {
    let tree = Tree::new();
    for server in serving(&tree.root()) {
        let mut peer = peer(&server);
        for _ in 0..100 {
            peer.get("/ten.txt");
        }
        assert_eq!(server.metric("badpeer_server_writes_total"), 100);
    }
}

#[apply(timed_test!)]
fn a_reader_that_stalls_in_a_file_is_evicted() {
    let tree = Tree::new();
    tree.add("large", 32 << 20);
    for kind in every_kind(Service::Http) {
        let send_timeout = options("send_timeout = '300ms'").send_timeout;
        let server = Running::start(&ServerOptions { root: Some(tree.root()), send_timeout, ..kind });
        let mut peer = Peer::new(server.connect_narrow(16 * 1024));
        peer.say("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        let eviction = server.eviction();
        assert_eq!(eviction["reason"], "send_timeout");
    }
}

#[apply(timed_test!)]
fn a_shrinking_file_closes_the_connection() {
    let tree = Tree::new();
    tree.add("large", 32 << 20);
    for server in serving(&tree.root()) {
        tree.add("large", 32 << 20);
        let mut peer = Peer::new(server.connect_narrow(16 * 1024));
        peer.say("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        thread::sleep(Duration::from_millis(100));
        fs::File::options().write(true).open(tree.root().join("large")).unwrap().set_len(1000).unwrap();
        let mut bytes = Vec::new();
        let ended = peer.stream.read_to_end(&mut bytes);
        assert!(bytes.len() < 32 << 20, "{ended:?}");
        server.wait_for("badpeer_ended_total{how=\"error\"}", 1);
    }
}

#[apply(timed_test!)]
fn no_path_leads_out_of_the_root() {
    let tree = Tree::new();
    let encoded = tree
        .0
        .path()
        .to_str()
        .unwrap()
        .bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect::<Vec<_>>()
        .concat();
    for server in serving(&tree.root()) {
        let mut peer = peer(&server);
        for target in [
            "/../secret",
            "/sub/../../secret",
            "/%2e%2e/secret",
            "/%2E%2e%2fsecret",
            "/..%2fsecret",
            "/%252e%252e/secret",
            "/..%5csecret",
            "/..\\secret",
            "/.../secret",
            "//../secret",
            "/./../secret",
            "/out",
            "/sub/up/secret",
            "/sub/up/root/../secret",
            "/sub/..",
            "/etc/passwd",
            "//etc/passwd",
            "http://x/../secret",
            "/ten.txt/../../secret",
            &format!("/{encoded}/secret"),
        ] {
            let answer = peer.get(target);
            assert_eq!(answer.status, 404, "{target}");
            assert_eq!(answer.body, b"404 Not Found\n");
        }
        assert_eq!(peer.get("/ten.txt").body.len(), 10, "and the connection goes on");
        assert_eq!(peer.get("/secret%00.txt").status, 400);
    }
}

#[apply(timed_test!)]
fn directories_are_refused_and_empty_files_served() {
    let tree = Tree::new();
    for server in serving(&tree.root()) {
        let mut peer = peer(&server);
        let index = peer.get("/");
        assert_eq!(
            (&index.body[..], index.field("content-type")),
            (&b"<p>hello"[..], "text/html; charset=utf-8")
        );
        assert_eq!(peer.get("/sub").status, 404);
        assert_eq!(peer.get("/sub/none/").status, 404);
        let empty = peer.get("/empty");
        assert_eq!((empty.status, empty.body.len(), empty.field("content-length")), (200, 0, "0"));
        assert_eq!(peer.get("/ten.txt?x=/../y").body, b"0123456789");
        assert!(index.field("date").ends_with(" GMT") && index.field("last-modified").ends_with(" GMT"));
        assert_eq!((index.field("server"), index.field("accept-ranges")), ("badpeer", "bytes"));
    }
}

#[apply(timed_test!)]
fn ranges_of_a_file_are_served() {
    let tree = Tree::new();
    let large = tree.add("large", 300_000);
    for server in serving(&tree.root()) {
        let mut peer = peer(&server);
        let mut ask = |target: &str, fields: &str| {
            peer.say(format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n")).hear()
        };
        for (range, part, content_range) in [
            ("0-0", "0", "bytes 0-0/10"),
            ("2-5", "2345", "bytes 2-5/10"),
            ("7-", "789", "bytes 7-9/10"),
            ("7-1000", "789", "bytes 7-9/10"),
            ("-3", "789", "bytes 7-9/10"),
            ("-1000", "0123456789", "bytes 0-9/10"),
        ] {
            let answer = ask("/ten.txt", &format!("Range: bytes={range}"));
            assert_eq!((answer.status, answer.field("content-range")), (206, content_range));
            assert_eq!(answer.body, part.as_bytes());
        }
        for (target, range, content_range) in [
            ("/ten.txt", "10-", "bytes */10"),
            ("/ten.txt", "-0", "bytes */10"),
            ("/empty", "0-", "bytes */0"),
        ] {
            let answer = ask(target, &format!("Range: bytes={range}"));
            assert_eq!((answer.status, answer.field("content-range")), (416, content_range));
        }
        for fields in
            ["Range: bytes=0-1,3-4", "Range: bytes=5-4", "Range: x", "Range: bytes=0-1\r\nIf-Range: \"e\""]
        {
            let answer = ask("/ten.txt", fields);
            assert_eq!(
                (answer.status, answer.body.len(), answer.field("content-range")),
                (200, 10, ""),
                "{fields}"
            );
        }
        assert!(ask("/large", "Range: bytes=100000-250000").body == large[100_000..=250_000]);
    }
}

#[apply(timed_test!)]
fn an_invalid_root_is_refused_at_start() {
    let tree = Tree::new();
    for root in ["/no/such/directory".into(), tree.root().join("ten.txt")] {
        let options = ServerOptions { root: Some(root), protocol: Service::Http, ..ServerOptions::default() };
        let error = Server::bind(&options, None).err().unwrap().to_string();
        assert!(
            error.starts_with("cannot serve the files of `/") && error.contains("--root takes"),
            "{error}"
        );
    }
}
