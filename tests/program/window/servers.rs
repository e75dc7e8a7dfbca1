//! Servers of these tests, each a copy of this program, and another client of one.

use std::{
    env,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// Says where a copy of this program listens, when it is a server.
const PORT: &str = "WINDOW_PORT";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

/// How a profile starts one of the servers below.
pub(super) fn started_as(server: &str) -> String {
    let program = env::current_exe().expect("this program");
    format!(
        "command = [\"{}\", \"--exact\", \"window::servers::{server}\", \"--ignored\", \"--nocapture\"]\nenv = {{ {PORT} = \"{{port}}\" }}",
        program.display()
    )
}

/// Answers every head that comes, until the peer is gone.
fn answer(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(count) = stream.read(&mut bytes) {
        if count == 0 {
            return;
        }
        head.extend_from_slice(&bytes[..count]);
        while let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            head.drain(..end + 4);
            if stream.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}

fn serve(listener: &TcpListener) {
    for stream in listener.incoming().map_while(Result::ok) {
        let _ = stream.set_nodelay(true);
        thread::spawn(|| answer(stream));
    }
}

/// `None` where this is a test like any other.
fn listener_of_a_server() -> Option<TcpListener> {
    let port: u16 = env::var(PORT).ok()?.parse().ok()?;
    Some(TcpListener::bind(("127.0.0.1", port)).expect("a free port"))
}

/// A server in this process.
pub(super) fn server_here() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || serve(&listener));
    address
}

/// Memory that is touched, so that it is resident.
fn touched(mebibytes: usize) -> Vec<u8> {
    std::hint::black_box(vec![1; mebibytes << 20])
}

#[test]
#[ignore = "a server that another test starts"]
fn server_with_bursts() {
    let Some(listener) = listener_of_a_server() else { return };
    // With the first client, and not before: what was there before is no growth.
    let first = listener.accept().expect("a client").0;
    thread::spawn(|| answer(first));
    thread::spawn(|| {
        thread::sleep(Duration::from_millis(600));
        let burst = touched(200);
        thread::sleep(Duration::from_millis(50));
        drop(burst);
    });
    serve(&listener);
}

#[test]
#[ignore = "a worker of a server that another test starts"]
fn worker() {
    if env::var(PORT).is_ok() {
        let held = touched(16);
        thread::sleep(Duration::from_secs(30));
        drop(held);
    }
}

#[test]
#[ignore = "a server that another test starts"]
fn server_with_workers() {
    let Some(listener) = listener_of_a_server() else { return };
    // It listens already: whoever looks now sees the first of five processes.
    let program = env::current_exe().expect("this program");
    let mut workers: Vec<Child> = Vec::new();
    for _ in 0..4 {
        let mut command = Command::new(&program);
        command
            .args(["--exact", "window::servers::worker", "--ignored", "--nocapture"])
            .stdout(Stdio::null());
        workers.push(command.spawn().expect("a worker"));
    }
    serve(&listener);
    for mut worker in workers {
        let _ = worker.kill();
    }
}

#[test]
#[ignore = "a server that another test starts"]
fn server_without_rest() {
    let Some(listener) = listener_of_a_server() else { return };
    thread::spawn(|| {
        let mut held = Vec::new();
        for _ in 0..200 {
            held.push(touched(1));
            thread::sleep(Duration::from_millis(15));
        }
    });
    serve(&listener);
}

/// Another client of a server, which asks for one answer after the other until it is dropped.
pub(super) struct OtherClient(Arc<AtomicBool>);

impl OtherClient {
    /// `pause` lies between an answer and the next request; with `anew` each goes over a connection of its own.
    pub(super) fn start(address: SocketAddr, pause: Duration, anew: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let connect = move || TcpStream::connect(address).expect("a connection");
        thread::spawn(move || {
            let mut stream = connect();
            while !stopped.load(Ordering::Relaxed) {
                let mut answer = [0; ANSWER.len()];
                let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
                if asked.and_then(|()| stream.read_exact(&mut answer)).is_err() {
                    return;
                }
                thread::sleep(pause);
                if anew {
                    stream = connect();
                }
            }
        });
        Self(stop)
    }
}

impl Drop for OtherClient {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
