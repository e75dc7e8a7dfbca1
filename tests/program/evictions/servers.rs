//! Small servers in threads of the test, each with one way of its own.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// A server that runs until the test ends.
pub(crate) struct Server {
    pub(crate) address: String,
}

/// How a server holds on to peers that do not read.
#[derive(Clone, Copy)]
pub(crate) struct Holding {
    /// It closes the connection when nothing could be written for so long.
    pub(crate) after_last_write_ms: u64,
    /// It writes nothing more once its kernel is full, so that only acknowledgments move.
    pub(crate) dribbles: bool,
}

impl Holding {
    /// Until the test is over.
    pub(crate) const fn for_ever() -> Self {
        Self { after_last_write_ms: 60_000, dribbles: false }
    }
}

/// A server that sends without end to whoever connects, and closes (FIN) what it could write nothing to for so long.
pub(crate) fn holding(how: Holding) -> Server {
    serve(move |stream| hold(&stream, how))
}

fn hold(mut stream: &TcpStream, how: Holding) {
    let mut request = [0; 64];
    let _ = stream.read(&mut request);
    let _ = stream.set_nonblocking(true);
    let patience = Duration::from_millis(how.after_last_write_ms);
    let block = vec![b'x'; 64 * 1024];
    let (mut last, mut was_full) = (Instant::now(), false);
    while last.elapsed() < patience {
        if !(how.dribbles && was_full) {
            match stream.write(&block) {
                Ok(_) => last = Instant::now(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => was_full = true,
                Err(_) => return,
            }
            if !was_full {
                continue;
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A server that answers every HTTP request with the same page.
pub(crate) fn one_page(status: &'static str, body: &'static [u8]) -> Server {
    serve(move |mut stream| {
        let mut head = Vec::new();
        let mut piece = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            head.extend_from_slice(&piece[..count]);
            while let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                head.drain(..end + 4);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                let sent = stream.write_all(&[answer.as_bytes(), body].concat());
                if sent.is_err() || status.ends_with("Connection: close") {
                    return;
                }
            }
        }
    })
}

fn serve(each: impl Fn(TcpStream) + Clone + Send + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            thread::spawn(move || each(stream));
        }
    });
    Server { address }
}

/// Waits until somebody listens on this port.
pub(crate) fn await_listener(port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
}
