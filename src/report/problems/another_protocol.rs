//! Another protocol than the one that was asked for: recognized by how an answer begins, with what to write instead.

use clap::ValueEnum;

use crate::{
    codec::{Excerpt, Fault, Flaw, Protocol, frame, http::HttpMethod},
    profile::unix_path,
};

/// What the server speaks and what to write instead, or `None` if the bytes tell no other protocol. `address` is that of a
/// server that was running before; advice names flags for `badpeer bench`, else keys of a profile.
pub(super) fn another_protocol(
    bytes: &[u8],
    asked: Protocol,
    address: Option<&str>,
    is_bench: bool,
) -> Option<String> {
    let (name, instead) = match bytes {
        [b'H', b'T', b'T', b'P', b'/', ..] if asked != Protocol::Http => {
            let url = address.map_or_else(
                || "http://HOST:PORT/PATH".to_owned(),
                // The path of a socket ends with a colon there.
                |address| {
                    format!("http://{address}{}/", if unix_path::of(address).is_some() { ":" } else { "" })
                },
            );
            let how = if is_bench {
                format!("write the address as {url}")
            } else {
                "set protocol = \"http\"".to_owned()
            };
            ("HTTP", how)
        }
        [0x15 | 0x16, 0x03, ..] => {
            return Some("The server speaks TLS, which is not supported: name a port without TLS".to_owned());
        }
        // A SETTINGS frame (RFC 9113 section 3.4), also where its sender accepts HTTP/2 only.
        [0, 0, _, 4, 0, 0, 0, 0, 0, ..] => {
            return Some(
                "The server speaks HTTP/2, which is not supported: name a port with HTTP/1.1".to_owned(),
            );
        }
        [b'S', b'S', b'H', b'-', ..] => {
            return Some(
                "The server speaks SSH: name the port of the server that is to be measured".to_owned(),
            );
        }
        _ if asked != Protocol::Resp && is_resp(bytes) => {
            let how = match (is_bench, asked) {
                (true, Protocol::Http) => format!("write {} -p resp", address.unwrap_or("HOST:PORT")),
                (true, _) => "write -p resp".to_owned(),
                (false, _) => "set protocol = \"resp\"".to_owned(),
            };
            ("RESP (Redis)", how)
        }
        _ if is_own_request(bytes, asked) => return Some(echo(asked, address, is_bench)),
        _ if is_frames(bytes) => return Some(frames(asked, address, is_bench)),
        _ => return None,
    };
    Some(format!("The server speaks {name}: {instead}"))
}

/// The same of frames, whose bytes are not kept: an echo has the length of the wanted answer in its head, where answers have 0.
/// `payload` is that of the requests.
pub(super) fn echoed_frame(fault: &Fault, payload: u64, is_bench: bool) -> Option<String> {
    let place = fault.at % (frame::HEADER_BYTES as u64 + payload);
    let is_length = fault.flaw == Some(Flaw::FrameHead) && (20..24).contains(&place);
    is_length.then(|| echo(Protocol::Frame, None, is_bench))
}

/// What to write for a server that sends back what it receives: requests that are lines do not tell which of two it speaks.
fn echo(asked: Protocol, address: Option<&str>, is_bench: bool) -> String {
    let place = match asked {
        Protocol::Http => format!("{} ", address.unwrap_or("HOST:PORT")),
        _ => String::new(),
    };
    let instead = if is_bench {
        format!("write {place}-p echo, or {place}-p line for one that waits for whole lines")
    } else {
        "set protocol = \"echo\", or protocol = \"line\" for one that waits for whole lines".to_owned()
    };
    format!("The server sends back what it receives: {instead}")
}

/// What to write for a server whose messages have their length in front.
fn frames(asked: Protocol, address: Option<&str>, is_bench: bool) -> String {
    let own = match (is_bench, asked) {
        (_, Protocol::Frame) => None,
        (true, Protocol::Http) => Some(format!("write {} -p frame", address.unwrap_or("HOST:PORT"))),
        (true, _) => Some("write -p frame".to_owned()),
        (false, _) => Some("set protocol = \"frame\"".to_owned()),
    };
    let raw = "describe its messages in a profile with protocol = \"raw\"";
    match own {
        Some(own) => format!(
            "The server speaks frames, with their length in front: {own} if they are those of badpeer, otherwise {raw}"
        ),
        None => format!("The server speaks frames, but not those of badpeer: {raw}"),
    }
}

/// Whether all of it is whole messages, each behind its length in four bytes, of which the first two are 0 (in either byte
/// order): no text has such bytes. As much as is kept of an answer may end within a message.
fn is_frames(bytes: &[u8]) -> bool {
    let lengths: [fn([u8; 4]) -> u32; 2] = [u32::from_be_bytes, u32::from_le_bytes];
    lengths.into_iter().any(|length| are_frames(bytes, length))
}

fn are_frames(mut bytes: &[u8], length: fn([u8; 4]) -> u32) -> bool {
    let is_cut = bytes.len() >= Excerpt::MOST;
    let mut has_one = false;
    while let Some((head, rest)) = bytes.split_first_chunk::<4>() {
        let length = length(*head) as usize;
        if !(1..1 << 16).contains(&length) || (rest.len() < length && !is_cut) {
            return false;
        }
        has_one = true;
        bytes = rest.get(length..).unwrap_or_default();
    }
    has_one && (bytes.is_empty() || is_cut)
}

/// Whether it begins like an answer of Redis: a status, an error, a number, a string or an array.
fn is_resp(bytes: &[u8]) -> bool {
    match bytes {
        [b'+', rest @ ..] => rest.starts_with(b"OK") || rest.starts_with(b"PONG"),
        [b'-', rest @ ..] => ["ERR ", "NOAUTH ", "DENIED ", "NOPERM ", "LOADING ", "WRONGPASS "]
            .iter()
            .any(|word| rest.starts_with(word.as_bytes())),
        [b'$' | b'*' | b':', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            digits > 0 && rest[digits..].starts_with(b"\r\n")
        }
        _ => false,
    }
}

/// Whether it begins like a request of this protocol: then the server sends back what it receives.
fn is_own_request(bytes: &[u8], asked: Protocol) -> bool {
    match asked {
        Protocol::Http => HttpMethod::value_variants().iter().any(|method| {
            bytes.strip_prefix(method.to_string().as_bytes()).is_some_and(|rest| rest.starts_with(b" "))
        }),
        Protocol::Resp => matches!(bytes, [b'*', b'1'..=b'9', ..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Option<&str> = Some("127.0.0.1:8080");

    #[test]
    fn another_protocol_is_recognized_by_its_first_bytes() {
        for (bytes, asked, part) in [
            (&b"HTTP/1.1 400 Bad Request"[..], Protocol::Echo, "write the address as http://127.0.0.1:8080/"),
            (b"HTTP/1.1 400 Bad Request", Protocol::Resp, "speaks HTTP: "),
            (b"-ERR unknown command", Protocol::Http, "speaks RESP (Redis): write 127.0.0.1:8080 -p resp"),
            (b"-NOAUTH Authentication required.", Protocol::Line, "write -p resp"),
            (b"+PONG\r\n", Protocol::Echo, "write -p resp"),
            (b"$5\r\nhello", Protocol::Echo, "write -p resp"),
            (b"\x15\x03\x03\x00\x02", Protocol::Http, "speaks TLS, which is not supported"),
            (b"\x16\x03\x01", Protocol::Echo, "name a port without TLS"),
            (b"SSH-2.0-OpenSSH_9.6", Protocol::Http, "speaks SSH: name the port"),
            (b"\0\0\x12\x04\0\0\0\0\0\0\x03", Protocol::Http, "speaks HTTP/2, which is not supported"),
            (
                b"GET / HTTP/1.1\r\n",
                Protocol::Http,
                "sends back what it receives: write 127.0.0.1:8080 -p echo, or",
            ),
            (
                b"*1\r\n$4\r\nPING\r\n",
                Protocol::Resp,
                "sends back what it receives: write -p echo, or -p line",
            ),
            (
                b"\0\0\0\x05wrong",
                Protocol::Http,
                "speaks frames, with their length in front: write 127.0.0.1:8080 -p frame",
            ),
            (b"\0\0\0\x05wrong\0\0\0\x02no", Protocol::Echo, "write -p frame if they are those of badpeer"),
            (b"\x05\0\0\0wrong", Protocol::Resp, "otherwise describe its messages in a profile"),
            (b"\0\0\0\x05wrong", Protocol::Frame, "frames, but not those of badpeer: describe its messages"),
            (&[&[0, 0, 1, 0][..], &[7; 60]].concat(), Protocol::Line, "speaks frames"),
        ] {
            let message = another_protocol(bytes, asked, ADDRESS, true).expect(part);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn the_requested_protocol_and_other_bytes_are_not_another_protocol() {
        for (bytes, asked) in [
            (&b"HTTP/1.0 200 OK"[..], Protocol::Http),
            (b"-ERR unknown command", Protocol::Resp),
            (b"", Protocol::Echo),
            (b"+1 555", Protocol::Echo),
            (b"-- comment", Protocol::Line),
            (b"$5", Protocol::Echo),
            (b"hello", Protocol::Http),
            (b"GETTING", Protocol::Http),
            (b"*-1\r\n", Protocol::Resp),
            (b"\0\0\0\x06wrong", Protocol::Echo),
            (b"\0\0\0\x04wrong", Protocol::Echo),
            (b"\0\0\0\0", Protocol::Echo),
            (b"\0\0\0", Protocol::Echo),
            (&[0; 64], Protocol::Echo),
            (b"2345wrong", Protocol::Http),
        ] {
            assert_eq!(another_protocol(bytes, asked, ADDRESS, true), None, "{bytes:?}");
        }
    }

    #[test]
    fn an_echo_of_frames_is_recognized_by_where_the_first_wrong_byte_is() {
        let fault = |at, flaw| Fault { stream: 0, at, found: None, flaw: Some(flaw) };
        for fault in [fault(23, Flaw::FrameHead), fault(5 * 160 + 20, Flaw::FrameHead)] {
            let message = echoed_frame(&fault, 128, true);
            let message = message.expect("an echo");
            assert!(
                message.starts_with("The server sends back what it receives: write -p echo,"),
                "{message}"
            );
        }
        for fault in [fault(19, Flaw::FrameHead), fault(24, Flaw::FrameHead), fault(23, Flaw::Different)] {
            assert_eq!(echoed_frame(&fault, 128, true), None);
        }
    }

    #[test]
    fn advice_for_a_profile_names_its_keys() {
        let of = |bytes: &[u8]| another_protocol(bytes, Protocol::Echo, None, false);
        assert_eq!(of(b"HTTP/1.1 400"), Some("The server speaks HTTP: set protocol = \"http\"".to_owned()));
        assert_eq!(
            of(b"+OK\r\n"),
            Some("The server speaks RESP (Redis): set protocol = \"resp\"".to_owned())
        );
    }
}
