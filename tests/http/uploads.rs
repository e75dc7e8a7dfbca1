//! Uploads, whole and in ranges: what is accepted, what is refused and with which status, and what can be fetched back.

use std::thread;

use badpeer::{
    codec::content,
    profile::{ServerOptions, Service},
};

use crate::{
    fixture::{Running, every_kind, options},
    peer::{Answer, Peer},
};

fn servers(memory: &str) -> impl Iterator<Item = Running> {
    let uploads = options(&format!("protocol = 'http'\nuploads = '{memory}'")).uploads;
    every_kind(Service::Http).map(move |kind| Running::start(&ServerOptions { uploads, ..kind }))
}

/// Uploads `body` with these fields; the answer.
fn put(peer: &mut Peer, path: &str, fields: &str, body: &[u8]) -> Answer {
    peer.say(format!("PUT {path} HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {}\r\n\r\n", body.len()));
    peer.say(body).hear()
}

fn put_range(peer: &mut Peer, path: &str, place: &str, body: &[u8]) -> u16 {
    put(peer, path, &format!("Content-Range: bytes {place}\r\n"), body).status
}

#[apply(timed_test!)]
fn ranges_from_several_connections_make_one_copy() {
    const WHOLE: usize = 300_000;
    let mut bytes = vec![0; WHOLE];
    content::fill(5, 0, &mut bytes);
    let threads = ["single", "reactors", "workers"].map(|dispatch| {
        Running::start(&options(&format!(
            "protocol = 'http'\nuploads = '1MiB'\ndispatch = '{dispatch}'\nthreads = 2"
        )))
    });
    for server in servers("1MiB").chain(threads) {
        thread::scope(|scope| {
            for (part, piece) in bytes.chunks(WHOLE / 3).enumerate() {
                let mut peer = Peer::new(server.connect());
                scope.spawn(move || {
                    let start = part * (WHOLE / 3);
                    let place = format!("{start}-{}/{WHOLE}", start + piece.len() - 1);
                    assert_eq!(put_range(&mut peer, "/uploads/a", &place, piece), 200);
                });
            }
        });
        let mut peer = Peer::new(server.connect());
        let copy = peer.get("/uploads/a");
        assert_eq!((copy.status, copy.field("content-type")), (200, "application/octet-stream"));
        assert!(copy.body == bytes);
        peer.say("GET /uploads/a HTTP/1.1\r\nHost: x\r\nRange: bytes=99990-200010\r\n\r\n");
        let part = peer.hear();
        assert_eq!(part.status, 206);
        assert!(part.body == bytes[99_990..=200_010]);
        assert_eq!(put(&mut peer, "/uploads/a", "", &bytes[..70_000]).status, 200, "another length");
        assert!(peer.get("/uploads/a").body == bytes[..70_000]);
    }
}

#[apply(timed_test!)]
fn an_impossible_upload_is_refused_and_the_connection_goes_on() {
    for server in servers("100B") {
        let mut peer = Peer::new(server.connect());
        assert_eq!(put_range(&mut peer, "/uploads/a", "0-3/10", b"abcd"), 200);
        for (path, place, body, status) in [
            ("/uploads/a", "0-3/*", "abcd", 400),
            ("/uploads/a", "0-3/10", "abc", 400),
            ("/uploads/", "0-3/10", "abcd", 400),
            ("/uploads/a/b", "0-3/10", "abcd", 400),
            ("/uploads/a", "8-11/10", "abcd", 416),
            ("/uploads/a", "0-3/11", "abcd", 409),
            ("/uploads/b", "0-3/101", "abcd", 413),
            ("/uploads/b", "0-3/91", "abcd", 507),
            ("/other", "0-3/10", "abcd", 405),
        ] {
            assert_eq!(put_range(&mut peer, path, place, body.as_bytes()), status, "{path} {place}");
        }
        peer.say(
            "PUT /uploads/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        );
        assert_eq!(peer.hear().status, 411);
        assert_eq!(put(&mut peer, "/uploads/a", "", b"").status, 411);
        let copy = peer.get("/uploads/a");
        assert_eq!((copy.status, &copy.body[..]), (200, &b"abcd\0\0\0\0\0\0"[..]), "as far as it has come");
        assert_eq!(peer.get("/uploads/b").status, 404);
        peer.say("DELETE /uploads/a HTTP/1.1\r\nHost: x\r\n\r\n");
        let refused = peer.hear();
        assert_eq!((refused.status, refused.field("allow")), (405, "GET, HEAD, PUT"));
    }
}

#[apply(timed_test!)]
fn uploads_are_off_unless_they_have_memory() {
    let server = Running::start(&options("protocol = 'http'"));
    let mut peer = Peer::new(server.connect());
    let refused = put(&mut peer, "/uploads/a", "", b"abcd");
    assert_eq!((refused.status, refused.field("allow")), (405, "GET, HEAD"));
    assert_eq!(peer.get("/uploads/a").body, b"ok\n", "a path like any other");
}
