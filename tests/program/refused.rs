//! An upload that a server refuses before it has read it: the answer is reported, not the RST behind it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use tempfile::TempDir;

use crate::common::{ending, repeat, without_pictures};

#[apply(timed_test!)]
fn a_refused_upload_is_reported_with_its_status() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // What is unread when it is closed makes an RST of the close. Who only looks whether somebody listens is gone.
            if stream.read(&mut [0; 100]).is_ok_and(|count| count > 0) {
                let _ = stream.write_all(
                    b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                );
            }
        }
    });
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("body"), vec![b'x'; 1 << 20]).expect("written");
    let words = ["bench", &url, "-c", "2", "-d", "500ms", "--warmup", "0s", "-m", "POST", "--body", "@body"];
    let (code, printed) = ending(&without_pictures(&words, folder.path()));
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("413"), "{printed}");
    let group = &repeat(folder.path(), "bench")["groups"][0];
    assert_eq!(group["requests"]["lost"], 0, "{group}");
    assert!(group["content"]["errors"].as_u64() > Some(10), "{group}");
}
