//! Servers that speak another protocol than the clients: each pair, with the exit code and what the message says.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use tempfile::TempDir;

use crate::common::{
    badpeer, ending,
    process::{Mortal, serving},
    skip, with_profile,
};

const CLIENTS: [&str; 5] = ["echo", "frame", "line", "http", "resp"];

/// A server, and what is said about it to clients of each protocol but its own. That nothing was answered is said where
/// the server waits for more bytes, or closes the connection without a word.
const SERVERS: &[(&str, [&str; 5])] = &[
    ("echo", ["", SENDS_BACK, "", SENDS_BACK, SENDS_BACK]),
    ("frame", [SILENT, "", SILENT, SILENT, SILENT]),
    ("line", [SILENT, SENDS_BACK, "", SENDS_BACK, SENDS_BACK]),
    ("http", [HTTP, HTTP, HTTP, "", HTTP]),
    ("resp", [RESP, RESP, RESP, RESP, ""]),
    ("tls", [TLS; 5]),
    ("ssh", [SSH; 5]),
    ("http/2", [HTTP_2; 5]),
    ("frames", [FRAMES, OTHER_FRAMES, FRAMES, FRAMES, FRAMES]),
];

const SILENT: &str = "Check the address, and that the server speaks";
const SENDS_BACK: &str = "The server sends back what it receives: write";
const HTTP: &str = "The server speaks HTTP: write the address as http://127.0.0.1:";
const RESP: &str = "The server speaks RESP (Redis): write";
const TLS: &str = "The server speaks TLS, which is not supported: name a port without TLS";
const SSH: &str = "The server speaks SSH: name the port of the server that is to be measured";
const HTTP_2: &str = "The server speaks HTTP/2, which is not supported: name a port with HTTP/1.1";
const FRAMES: &str = "The server speaks frames, with their length in front: write";
const OTHER_FRAMES: &str = "The server speaks frames, but not those of badpeer";

/// A server that lives as long as the test.
fn server(name: &str) -> (Option<Mortal>, String) {
    let answer: fn(&mut TcpStream) -> std::io::Result<()> = match name {
        "http" => |stream| after_request(stream, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        "resp" => |stream| each_request(stream, b"-ERR unknown command\r\n"),
        "tls" => |stream| after_request(stream, b"\x15\x03\x01\x00\x02\x02\x46"),
        "ssh" => |stream| {
            stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n")?;
            after_request(stream, b"Invalid SSH identification string.\r\n")
        },
        "http/2" => |stream| after_request(stream, b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\0\0\x02"),
        "frames" => |stream| each_request(stream, b"\0\0\0\x07unknown"),
        protocol => {
            let (server, address) = serving(&["--protocol", protocol]);
            return (Some(server), address);
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&mut stream));
        }
    });
    (None, address)
}

fn each_request(stream: &mut TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let mut inbox = [0; 4096];
    while stream.read(&mut inbox)? > 0 {
        stream.write_all(answer)?;
    }
    Ok(())
}

/// One answer; then the connection is closed.
fn after_request(stream: &mut TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let mut inbox = [0; 4096];
    let _ = stream.read(&mut inbox)?;
    stream.write_all(answer)
}

/// What is wrong with what is said to clients of this protocol, if anything is.
fn bench(client: &str, address: &str, part: &str) -> Option<String> {
    let folder = TempDir::new().expect("a folder");
    let url = format!("http://{address}/");
    let words = if client == "http" { vec!["bench", &url] } else { vec!["bench", address, "-p", client] };
    let fixed = ["-c", "2", "-d", "300ms", "--warmup", "50ms", "--format", "csv"];
    unlike(&badpeer(&[&words[..], &fixed].concat(), folder.path()), 1, part)
}

/// The same with a profile that expects nothing.
fn run(client: &str, address: &str, part: &str) -> Option<String> {
    let payload = if ["http", "resp"].contains(&client) { "" } else { ", payload = \"128B\"" };
    let folder = with_profile(&format!(
        "title = \"t\"\nwarmup = \"50ms\"\nmeasure = \"300ms\"\nserver = {{ attach = \"{address}\" }}\n[[clients]]\n\
         name = \"good\"\ncount = 2\nprotocol = \"{client}\"\nload = {{ depth = 1{payload} }}\n"
    ));
    // Without a byte that is wrong, and without an expectation, there is no verdict.
    let code = if part == SILENT { 4 } else { 1 };
    let said = part.split(": write").next().unwrap_or_default();
    unlike(&badpeer(&["run", "quick.toml", "--format", "csv"], folder.path()), code, said)
}

fn unlike(output: &std::process::Output, wanted: i32, part: &str) -> Option<String> {
    let (code, printed) = ending(output);
    let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    if code == Some(4) && wanted == 1 && printed.contains("INVALID") && part == SILENT {
        skip("the machine is too busy to tell silence from slowness");
        return None;
    }
    let is_alike = code == Some(wanted) && printed.contains(part);
    (!is_alike).then(|| format!("exit code {code:?}, lacks `{part}`: {printed}"))
}

/// What is wrong with what is said to the clients of a server.
fn all_clients(name: &str, parts: &[&str; 5]) -> Vec<String> {
    let (_server, address) = server(name);
    let pairs = CLIENTS.iter().zip(parts).filter(|(client, part)| **client != name && !part.is_empty());
    let found = pairs.flat_map(|(client, part)| {
        let said = [bench(client, &address, part), run(client, &address, part)].into_iter().flatten();
        said.map(move |said| format!("{client} at {name}: {said}"))
    });
    found.collect()
}

#[apply(timed_test!)]
fn a_server_of_another_protocol_is_named_and_fails() {
    // A server has one run at a time: requests of other clients make a run INVALID.
    let wrong: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> =
            SERVERS.iter().map(|(name, parts)| scope.spawn(move || all_clients(name, parts))).collect();
        runs.into_iter().flat_map(|run| run.join().expect("runs")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
