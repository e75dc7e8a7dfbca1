//! A server that answers well, but for one planted fault.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use badpeer::codec::{
    SHARED_STREAM, content,
    frame::{self, Header},
};

/// The answer that has the fault.
const FAULT_AT: usize = 3;
/// Bytes of payload of each request and answer.
const PAYLOAD: usize = 100;

/// What a wrong byte is called if it is unknown where it comes from, …
const NO_STREAM: &str = "the bytes belong to no connection of this run";
/// … and where all that is known is the first answer.
pub(crate) const DIFFERENT: &str = "from here on this answer differs from the first one to the same request";

/// What a server says of its own accord.
pub(crate) const GREETING: &[u8] = b"welcome to this server\r\n";

/// What is done to the fourth answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerFault {
    Nothing,
    /// Another byte at this offset.
    Flip(usize),
    /// No byte from this offset.
    Drop(usize),
    /// The byte at this offset twice.
    Double(usize),
    /// It comes after the fifth.
    Swap,
    /// It comes twice.
    Repeat,
    /// The other connection gets it, whose own goes to this one.
    Cross,
    /// Half of it, and the end of the connection.
    CutOff,
    /// It does not come, nor does any other.
    Silence,
    /// It is well; but before the first one there was a greeting.
    Greet,
}

/// A protocol, as clients and the faulty server use it.
pub(crate) struct ProtocolCase {
    pub(crate) name: &'static str,
    /// The keys of a group of clients.
    pub(crate) keys: &'static str,
    request_bytes: usize,
    pub(crate) answer_bytes: usize,
    /// Where the payload ends in an answer.
    pub(crate) payload_ends: usize,
    /// What is said of a wrong byte …
    pub(crate) flipped: &'static str,
    /// … and of one that is right, and not at its place: how that begins.
    pub(crate) shifted: &'static str,
    answer: fn(&[u8]) -> Vec<u8>,
}

const OWN: &str = "this is byte 3";

pub(crate) const PROTOCOLS: &[ProtocolCase] = &[
    ProtocolCase {
        name: "echo",
        keys: "protocol = \"echo\"\nload = { depth = DEPTH, payload = \"100B\" }",
        request_bytes: PAYLOAD,
        answer_bytes: PAYLOAD,
        payload_ends: PAYLOAD,
        flipped: NO_STREAM,
        shifted: OWN,
        answer: <[u8]>::to_vec,
    },
    ProtocolCase {
        name: "line",
        keys: "protocol = \"line\"\nload = { depth = DEPTH, payload = \"100B\" }",
        request_bytes: PAYLOAD + 1,
        answer_bytes: PAYLOAD + 1,
        payload_ends: PAYLOAD,
        flipped: NO_STREAM,
        shifted: OWN,
        answer: <[u8]>::to_vec,
    },
    ProtocolCase {
        name: "frame",
        keys: "protocol = \"frame\"\nload = { depth = DEPTH, answer = \"100B\" }",
        request_bytes: 32,
        answer_bytes: 32 + PAYLOAD,
        payload_ends: 32 + PAYLOAD,
        flipped: NO_STREAM,
        shifted: OWN,
        answer: framed,
    },
    ProtocolCase {
        name: "http",
        keys: "protocol = \"http\"\nload = { depth = DEPTH, answer = \"100B\" }\n\
               http = { check = \"content\", headers = { Host = \"x\", User-Agent = \"y\" } }",
        request_bytes: 42,
        answer_bytes: 40 + PAYLOAD,
        payload_ends: 40 + PAYLOAD,
        flipped: NO_STREAM,
        shifted: "this is byte ",
        answer: served,
    },
    ProtocolCase {
        name: "http, as the first",
        keys: "protocol = \"http\"\nload = { depth = DEPTH }\n\
               http = { headers = { Host = \"x\", User-Agent = \"y\" } }",
        request_bytes: 42,
        answer_bytes: 40 + PAYLOAD,
        payload_ends: 40 + PAYLOAD,
        flipped: DIFFERENT,
        shifted: DIFFERENT,
        answer: served,
    },
    ProtocolCase {
        name: "resp",
        keys: "protocol = \"resp\"\nload = { depth = DEPTH, payload = \"100B\" }\nresp = { command = \"ECHO\" }",
        request_bytes: 20 + PAYLOAD + 2,
        answer_bytes: 6 + PAYLOAD + 2,
        payload_ends: 6 + PAYLOAD,
        flipped: NO_STREAM,
        shifted: OWN,
        answer: |request| request[14..].to_vec(),
    },
    ProtocolCase {
        name: "raw",
        keys: "protocol = \"raw\"\nload = { depth = DEPTH }\nraw = { send = 'what?', length = \"100B\" }",
        request_bytes: 5,
        answer_bytes: PAYLOAD,
        payload_ends: PAYLOAD,
        flipped: DIFFERENT,
        shifted: DIFFERENT,
        answer: |_| shared(),
    },
];

/// Those with which every answer says where it belongs.
pub(crate) fn own_content() -> [&'static ProtocolCase; 3] {
    ["echo", "line", "frame"].map(protocol)
}

pub(crate) fn protocol(name: &str) -> &'static ProtocolCase {
    PROTOCOLS.iter().find(|protocol| protocol.name == name).expect("a protocol")
}

fn shared() -> Vec<u8> {
    let mut bytes = vec![0; PAYLOAD];
    content::fill(SHARED_STREAM, 0, &mut bytes);
    bytes
}

fn served(_: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", &shared()[..]].concat()
}

fn framed(request: &[u8]) -> Vec<u8> {
    let asked = Header::from_body(request[8..32].try_into().expect("a header"));
    let mut payload = [0; PAYLOAD];
    content::fill(asked.stream, asked.offset, &mut payload);
    [&frame::opening(&Header { answer: 0, ..asked }, PAYLOAD)[..], &payload].concat()
}

/// The server, for as long as its clients stay.
pub(crate) struct FaultyServer {
    pub(crate) address: SocketAddr,
    /// Where the stream first differs from what it should be.
    difference: Arc<AtomicUsize>,
}

impl FaultyServer {
    pub(crate) fn start(protocol: &'static ProtocolCase, planted: AnswerFault, connections: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let crossing = Arc::new((Barrier::new(connections), Mutex::new(vec![Vec::new(); connections])));
        let difference = Arc::new(AtomicUsize::new(0));
        let place = Arc::clone(&difference);
        thread::spawn(move || {
            for number in 0.. {
                let Ok((stream, _)) = listener.accept() else { return };
                let (crossing, place) = (Arc::clone(&crossing), Arc::clone(&place));
                thread::spawn(move || {
                    let cross = |answer: Vec<u8>| {
                        let (meet, answers) = &*crossing;
                        answers.lock().expect("no panic")[number] = answer;
                        meet.wait();
                        let others = (number + 1) % answers.lock().expect("no panic").len();
                        answers.lock().expect("no panic")[others].clone()
                    };
                    // The client ends the conversation.
                    let _ = serve(stream, protocol, planted, cross, &place);
                });
            }
        });
        Self { address, difference }
    }

    pub(crate) fn difference(&self) -> usize {
        self.difference.load(Ordering::Relaxed)
    }
}

/// Answers one connection.
fn serve(
    mut stream: TcpStream,
    protocol: &ProtocolCase,
    planted: AnswerFault,
    cross: impl Fn(Vec<u8>) -> Vec<u8>,
    difference: &AtomicUsize,
) -> io::Result<()> {
    let mut request = vec![0; protocol.request_bytes];
    if planted == AnswerFault::Greet {
        stream.write_all(GREETING)?;
    }
    let mut kept = Vec::new();
    for n in 0.. {
        stream.read_exact(&mut request)?;
        let answer = (protocol.answer)(&request);
        if n == FAULT_AT && planted == AnswerFault::Swap {
            kept = answer;
            continue;
        }
        let is_silent = n >= FAULT_AT && planted == AnswerFault::Silence;
        match planted {
            AnswerFault::Cross if n == FAULT_AT => stream.write_all(&cross(answer))?,
            _ if is_silent => {}
            _ if n == FAULT_AT => {
                let sent = changed(answer.clone(), planted);
                let same = sent.iter().zip(&answer).take_while(|(a, b)| a == b).count();
                difference.store(FAULT_AT * protocol.answer_bytes + same, Ordering::Relaxed);
                stream.write_all(&sent)?;
            }
            _ => stream.write_all(&answer)?,
        }
        stream.write_all(&std::mem::take(&mut kept))?;
        if n == FAULT_AT && planted == AnswerFault::CutOff {
            // What was asked meanwhile is read, so that the end is a FIN.
            stream.shutdown(std::net::Shutdown::Write)?;
            io::copy(&mut stream, &mut io::sink())?;
            return Ok(());
        }
    }
    Ok(())
}

/// The answer, after a fault that concerns it alone.
fn changed(mut answer: Vec<u8>, planted: AnswerFault) -> Vec<u8> {
    match planted {
        AnswerFault::Flip(at) => answer[at] ^= 0x80,
        AnswerFault::Drop(at) => drop(answer.remove(at)),
        AnswerFault::Double(at) => answer.insert(at, answer[at]),
        AnswerFault::Repeat => answer.extend(answer.clone()),
        AnswerFault::CutOff => answer.truncate(answer.len() / 2),
        AnswerFault::Nothing
        | AnswerFault::Swap
        | AnswerFault::Cross
        | AnswerFault::Silence
        | AnswerFault::Greet => {}
    }
    answer
}
