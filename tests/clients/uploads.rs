//! Uploads in ranges: over connections of their own, over threads on one socket, and a copy with a wrong byte.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use badpeer::{
    address::Address,
    codec::{SHARED_STREAM, content},
    metric::Metric,
};

use super::{Driven, driven, driven_at, of, served};

const SERVER: &str = "protocol = \"http\"\nuploads = \"8MiB\"";
const WHOLE: u64 = 2 << 20;

fn uploading(connections: u32, keys: &str) -> String {
    format!(
        "[[clients]]\nname = \"g\"\nprotocol = \"http\"\ncount = {connections}\nsend_buffer = \"128KiB\"\n\
         http = {{ method = \"PUT\", path = \"/uploads/a\", ranges = true }}\n\
         load = {{ depth = 1, payload = {WHOLE} }}\n{keys}"
    )
}

/// Complete uploads, ranges that are missing, and wrong bytes of all copies.
fn result(driven: &Driven) -> (u64, u64, u64) {
    let summary = &driven.summaries[0];
    let number = |metric| of(summary, metric) as u64;
    let uploads = of(&driven.whole[0], Metric::Uploads) as u64;
    (uploads, number(Metric::RangesMissing), number(Metric::CopyWrong))
}

/// Every upload was right: so many ranges and a copy each.
fn all_right(driven: &Driven, ranges: u64) {
    let (uploads, missing, wrong) = result(driven);
    assert!(uploads > 2, "{uploads} uploads in {ranges} ranges");
    let (requests, content) = (driven.groups[0].requests, &driven.groups[0].content);
    assert_eq!((missing, wrong, content.corrupt, content.errors), (0, 0, 0, 0), "in {ranges} ranges");
    let answers = uploads * (ranges + 1)..=(uploads + 1) * (ranges + 1);
    assert!(answers.contains(&requests.answered), "{uploads} uploads in {ranges} ranges: {requests:?}");
    assert!(of(&driven.summaries[0], Metric::UploadP50) <= of(&driven.summaries[0], Metric::UploadMax));
    assert!(content.verified > uploads * WHOLE, "every byte of every copy is compared");
}

#[apply(timed_test!)]
fn an_upload_in_ranges_is_right_over_any_number_of_connections() {
    for connections in [1, 2, 8, 16] {
        all_right(&driven(SERVER, &uploading(connections, ""), 800), connections.into());
    }
    let slow = "tx = { slow = { bytes = 32768, every = \"1ms\" } }";
    all_right(&driven(SERVER, &uploading(4, slow), 800), 4);
}

#[apply(timed_test!)]
fn threads_with_a_lock_upload_right_and_without_one_wrong() {
    for blocking in [false, true] {
        let race = |lock| {
            let keys = format!(
                "reconnect = {{ pause = \"10ms\" }}\n\
                 tx = {{ race = {{ threads = 4, blocking = {blocking}, lock = {lock} }} }}"
            );
            driven(SERVER, &uploading(1, &keys), 800)
        };
        all_right(&race(true), 4);
        let torn = race(false);
        let (_, missing, wrong) = result(&torn);
        assert!(
            missing > 0 && wrong > 0,
            "blocking = {blocking}: {missing} ranges missing, {wrong} bytes wrong"
        );
        assert_eq!(torn.groups[0].content.corrupt, wrong, "no other answer is compared");
    }
}

/// Sends a request; the body of its answer, which is short.
fn asked(address: Address, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(request).expect("the server listens");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    answer.split_off(head + 4)
}

/// Waits until byte 5 of an upload that is under way has come, and replaces it.
fn replace_a_byte(address: Address) {
    let mut right = [0; 16];
    content::fill(SHARED_STREAM, 0, &mut right);
    let deadline = Instant::now() + Duration::from_secs(5);
    let get = b"GET /uploads/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=0-15\r\n\r\n";
    while asked(address, get) != right {
        assert!(Instant::now() < deadline, "nothing is uploaded");
        thread::sleep(Duration::from_millis(5));
    }
    let mut put = format!(
        "PUT /uploads/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Range: bytes 5-5/{WHOLE}\r\n\
         Content-Length: 1\r\n\r\n"
    )
    .into_bytes();
    put.push(!right[5]);
    assert_eq!(asked(address, &put), b"200 OK\n");
}

#[apply(timed_test!)]
fn one_wrong_byte_in_the_copy_is_found() {
    let driven = served(SERVER, |address| {
        let replacing = thread::spawn(move || replace_a_byte(address));
        // An upload takes 300 ms: the byte is replaced in the first.
        let slow = "tx = { slow = { bytes = 32768, every = \"10ms\" } }";
        let driven = driven_at(address, &uploading(2, slow), 1000);
        replacing.join().expect("the byte was replaced");
        driven
    });
    let (uploads, missing, wrong) = result(&driven);
    assert!(uploads >= 2, "{uploads} uploads");
    assert_eq!((missing, wrong), (0, 1));
    let content = &driven.groups[0].content;
    assert_eq!(content.corrupt, 1);
    let first = content.first_fault.expect("a fault");
    assert_eq!((first.stream, first.flaw), (2, None), "on the connection that fetched the copy: {first}");
}

#[apply(timed_test!)]
fn a_server_without_uploads_misses_every_range_and_has_no_copy() {
    let driven = driven("protocol = \"http\"", &uploading(2, ""), 300);
    let (uploads, missing, wrong) = result(&driven);
    assert_eq!(uploads, 0);
    assert!(missing >= 2 && wrong > 0, "{missing} ranges missing, {wrong} bytes wrong");
}
