//! A peer that speaks just enough HTTP to notice when something is wrong with an answer.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// One answer, as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

pub(super) struct Peer {
    pub(super) stream: TcpStream,
    /// Waits after every read.
    pub(super) pause: Duration,
    have: Vec<u8>,
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, pause: Duration::ZERO, have: Vec::new() }
    }

    pub(super) fn say(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(text.as_ref()).unwrap();
        self
    }

    pub(super) fn get(&mut self, target: &str) -> Answer {
        self.say(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).hear()
    }

    /// The next answer; its body is as long as it says.
    pub(super) fn hear(&mut self) -> Answer {
        let (status, fields) = self.head();
        let length = fields.get("content-length").map_or(0, |digits| digits.parse().unwrap());
        let body = self.take(length);
        Answer { status, fields, body }
    }

    /// The next answer, which has no body, whatever it says.
    pub(super) fn hear_head(&mut self) -> Answer {
        let (status, fields) = self.head();
        Answer { status, fields, body: Vec::new() }
    }

    fn head(&mut self) -> (u16, HashMap<String, String>) {
        let end = loop {
            if let Some(at) = self.have.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(
                self.read_more() > 0,
                "the end instead of an answer: {:?}",
                String::from_utf8_lossy(&self.have)
            );
        };
        let head = String::from_utf8(self.take(end)).unwrap();
        let (first, rest) = head.split_once("\r\n").unwrap();
        let status = first.strip_prefix("HTTP/1.1 ").expect("a status line")[..3].parse().unwrap();
        let fields = rest.lines().filter_map(|line| line.split_once(": "));
        (status, fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect())
    }

    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        while self.have.len() < length {
            let missing = length - self.have.len();
            assert!(self.read_more() > 0, "the end, {missing} bytes too early");
        }
        let rest = self.have.split_off(length);
        std::mem::replace(&mut self.have, rest)
    }

    fn read_more(&mut self) -> usize {
        let mut piece = [0; 16 * 1024];
        let count = self.stream.read(&mut piece).unwrap();
        self.have.extend_from_slice(&piece[..count]);
        std::thread::sleep(self.pause);
        count
    }

    /// There is nothing more, and an orderly end.
    pub(super) fn expect_end(&mut self) {
        let count = self.read_more();
        assert_eq!((count, self.have.len()), (0, 0), "{:?}", String::from_utf8_lossy(&self.have));
    }
}
