//! Servers that are wrong in one way, in threads of the test: what each answer is, a function decides.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Which request it is: the number of its connection, its own on it, and among all, each from 0.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) connection: u64,
    pub(crate) number: u64,
    pub(crate) of_all: u64,
}

/// What is done about a request.
pub(crate) enum Act {
    Say(Vec<u8>),
    /// Nothing, and nothing ever again on this connection.
    Hang,
    Close,
}

/// How requests are distinguished.
#[derive(Clone, Copy)]
pub(crate) enum Requests {
    /// By a blank line.
    Http,
    /// Commands of one word: `*1\r\n$4\r\nPING\r\n`.
    Resp,
    /// So many bytes each.
    Echo(usize),
}

impl Requests {
    /// How long the first request is, if it is whole.
    fn first(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Http => bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4),
            Self::Resp => Some(14),
            Self::Echo(size) => Some(size),
        }
        .filter(|size| *size <= bytes.len())
    }
}

/// Serves until the test's process ends; it is given each request with its bytes.
pub(crate) fn serve(
    requests: Requests,
    act: impl Fn(Asked, &[u8]) -> Act + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (act, of_all) = (Arc::new(act), Arc::new(AtomicU64::new(0)));
    thread::spawn(move || {
        for (connection, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { continue };
            let (act, of_all) = (Arc::clone(&act), Arc::clone(&of_all));
            let connection = connection as u64;
            thread::spawn(move || converse(stream, requests, connection, &of_all, &*act));
        }
    });
    address
}

fn converse(
    mut stream: TcpStream,
    requests: Requests,
    connection: u64,
    of_all: &AtomicU64,
    act: &(dyn Fn(Asked, &[u8]) -> Act + Send + Sync),
) {
    let _ = stream.set_nodelay(true);
    let (mut waiting, mut inbox, mut number, mut hangs) = (Vec::new(), [0; 16384], 0, false);
    loop {
        let Ok(count @ 1..) = stream.read(&mut inbox) else { return };
        waiting.extend_from_slice(&inbox[..count]);
        while let Some(size) = requests.first(&waiting).filter(|_| !hangs) {
            let request: Vec<u8> = waiting.drain(..size).collect();
            let asked = Asked { connection, number, of_all: of_all.fetch_add(1, Ordering::Relaxed) };
            number += 1;
            match act(asked, &request) {
                Act::Say(bytes) if stream.write_all(&bytes).is_ok() => {}
                Act::Hang => hangs = true,
                Act::Say(_) | Act::Close => return,
            }
        }
    }
}

/// An answer in HTTP with this status line and body.
pub(crate) fn answer(status: &str, body: &str) -> Act {
    Act::Say(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

pub(crate) fn ok() -> Act {
    answer("200 OK", "Hello, world!")
}
