//! Uploads in ranges through the built program: a server whose copy has a wrong byte, and the reference server's right one.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::common::{ending, number, repeat, with_profile, without_pictures};

const WHOLE: usize = 120_000;

/// A server that takes ranges of one resource of [`WHOLE`] bytes, and gives it back with one byte changed.
fn careless_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let copy = Arc::new(Mutex::new(vec![0; WHOLE]));
        for stream in listener.incoming().flatten() {
            let copy = Arc::clone(&copy);
            thread::spawn(move || converse(stream, &copy));
        }
    });
    address
}

fn converse(stream: TcpStream, copy: &Mutex<Vec<u8>>) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let body = if head.starts_with("PUT /u HTTP/1.1\r\n") {
            let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
            let place = field("Content-Range: bytes ").split(['-', '/']).next().expect("a place");
            let length: usize = field("Content-Length: ").parse().expect("a length");
            let mut range = vec![0; length];
            if reader.read_exact(&mut range).is_err() {
                return;
            }
            let start: usize = place.parse().expect("a number");
            copy.lock().expect("no panic")[start..start + length].copy_from_slice(&range);
            Vec::new()
        } else {
            let mut body = copy.lock().expect("no panic").clone();
            body[77_777] ^= 1;
            body
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        if reader.get_mut().write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

fn profile(server: &str, path: &str, expect: &str) -> String {
    format!(
        "title = \"uploads\"\nwarmup = \"100ms\"\nmeasure = \"500ms\"\n[server]\n{server}\n\
         [[clients]]\nname = \"g\"\nprotocol = \"http\"\ncount = 3\n\
         http = {{ method = \"PUT\", path = \"{path}\", ranges = true }}\n\
         load = {{ depth = 1, payload = {WHOLE} }}\n[expect]\n{expect}\n"
    )
}

#[apply(timed_test!)]
fn a_wrong_byte_of_a_foreign_servers_copy_fails_the_run() {
    let server = format!("attach = {{ address = \"{}\" }}", careless_server());
    let folder =
        with_profile(&profile(&server, "/u", "\"g.copy_wrong\" = \"= 0\"\n\"g.ranges_missing\" = \"= 0\""));
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml", "--quiet"], folder.path()));
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("g.copy_wrong") && printed.contains("received byte"), "{printed}");
    let repeat = repeat(folder.path(), "quick");
    let of = |name: &str| number(&repeat, name);
    assert!(of("g.copy_wrong") >= of("g.uploads") && of("g.uploads") > 1.0, "one in each copy: {printed}");
    assert!(of("g.ranges_missing") < 1.0, "{printed}");
}

#[apply(timed_test!)]
fn the_reference_servers_copy_is_right() {
    let expect = "\"g.copy_wrong\" = \"= 0\"\n\"g.ranges_missing\" = \"= 0\"\n\"g.uploads\" = \"> 1\"";
    let server = "protocol = \"http\"\nuploads = \"1MiB\"";
    let folder = with_profile(&profile(server, "/uploads/u", expect));
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml", "--quiet"], folder.path()));
    assert!(matches!(code, Some(0 | 4)), "{printed}");
}
