//! The protocol of a group: its keys, whether they are possible, and the script that is made of them.

use super::{
    fault::{Fault, fault},
    keys::Group,
    server::Service,
};
use crate::{
    codec::{Check, Protocol, Script, frame, http, part_of, resp},
    units::Bytes,
};

impl Group {
    /// What its connections say to a server known as `host` (`address:port`), and what they must hear.
    #[must_use]
    pub fn script(&self, host: &str) -> Script {
        let payload = self.load.payload.0;
        let answer = self.load.answer.map(|answer| answer.0);
        match (self.protocol, &self.raw) {
            (Protocol::Echo, _) => Script::echo(payload),
            (Protocol::Frame, _) => Script::frame(payload, answer.unwrap_or(payload) as u32),
            (Protocol::Line, _) => Script::line(payload),
            (Protocol::Http, _) => Script::http(&self.request_spec(), host, payload, answer, None),
            (Protocol::Resp, _) => Script::resp(&self.command(), payload, answer),
            (Protocol::Raw, Some(exchange)) => Script::raw(exchange),
            (Protocol::Raw, None) => unreachable!("a raw group without `raw` is refused"),
        }
    }

    /// Whether its connections fetch something together, or upload it, a part each.
    #[must_use]
    pub fn moves_in_parts(&self) -> bool {
        self.http.as_ref().is_some_and(|spec| spec.ranges)
    }

    /// Whether they upload it.
    #[must_use]
    pub fn uploads_in_ranges(&self) -> bool {
        self.http.as_ref().is_some_and(|spec| spec.ranges && spec.method == http::HttpMethod::Put)
    }

    /// Ranges of an upload that each connection sends: one for each thread that writes to it.
    #[must_use]
    pub fn ranges_per_connection(&self) -> u32 {
        let threads = self.tx.race().map_or(1, |race| u32::from(race.threads.get()));
        if self.uploads_in_ranges() { threads } else { 1 }
    }

    /// Its connections: one more than [`Group::count`] where it uploads, to fetch the server's copy back.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.count.saturating_add(u32::from(self.uploads_in_ranges()))
    }

    /// What each of its connections says, in the order of opening, if they are not all alike.
    #[must_use]
    pub fn parts(&self, host: &str) -> Option<Vec<Script>> {
        let (spec, count) = (self.http.as_ref().filter(|spec| spec.ranges)?, u64::from(self.count));
        if self.uploads_in_ranges() {
            let (whole, ranges) = (self.load.payload.0, u64::from(self.ranges_per_connection()));
            let upload = |index| Script::upload(spec, host, whole, (index, count), ranges);
            let copy = Script::copy_of_upload(spec, host, whole);
            return Some((0..count).map(upload).chain([copy]).collect());
        }
        let whole = self.load.answer?.0;
        let script = |index| {
            let (start, length) = part_of(whole, index, count);
            Script::http(spec, host, 0, Some(whole), Some(http::Span { start, length }))
        };
        Some((0..count).map(script).collect())
    }

    /// Whether a request may be sent again without an effect of its own: HTTP's idempotent ones (RFC 9110 section 9.2.2).
    #[must_use]
    pub fn is_safe_to_repeat(&self) -> bool {
        self.protocol == Protocol::Http && self.request_spec().method.is_idempotent()
    }

    /// Bytes of payload in each answer, where the profile says.
    #[must_use]
    pub fn answer_bytes(&self) -> Option<u64> {
        match self.protocol {
            Protocol::Echo | Protocol::Frame | Protocol::Line => Some(self.load.answer_bytes()),
            Protocol::Http | Protocol::Resp => self.load.answer.map(|answer| answer.0),
            Protocol::Raw => self.raw.as_ref()?.length.map(|length| length.0),
        }
    }

    fn request_spec(&self) -> http::RequestSpec {
        self.http.clone().unwrap_or_default()
    }

    fn command(&self) -> resp::Command {
        self.resp.clone().unwrap_or_default()
    }

    /// Whether the reference server with `service` understands it.
    pub(super) fn check_service(&self, service: Service) -> Result<(), Fault> {
        let (name, protocol) = (&self.name, self.protocol);
        let needed = match protocol {
            Protocol::Echo => Service::Echo,
            Protocol::Frame => Service::Frame,
            Protocol::Line => Service::Line,
            Protocol::Http => Service::Http,
            // Whether the bytes mean anything to the server is the user's to know.
            Protocol::Raw => return Ok(()),
            Protocol::Resp => {
                return fault(
                    &["protocol"],
                    format!(
                        "group `{name}` speaks resp, which the reference server does not support (it speaks \
                         {service}): name another server"
                    ),
                );
            }
        };
        if needed == service {
            return Ok(());
        }
        let message = format!(
            "group `{name}` speaks {protocol}, the server speaks {service}: set server.protocol = \"{protocol}\""
        );
        fault(&["protocol"], message)
    }

    /// Whether the reference server takes what it uploads, into memory for so many bytes of copies.
    pub(super) fn check_upload_to(&self, most: Option<Bytes>) -> Result<(), Fault> {
        if self.uploads_in_ranges() && most.is_none_or(|most| most < self.load.payload) {
            let message = "uploads to the reference server need memory for a copy of load.payload bytes: set \
                           server.uploads = \"16MiB\", or more";
            return fault(&["http", "ranges"], message);
        }
        Ok(())
    }

    /// Whether the keys of its protocol are there and possible, and those of others are not.
    pub(super) fn check_protocol(&self) -> Result<(), Fault> {
        for (key, is_there, protocol) in [
            ("http", self.http.is_some(), Protocol::Http),
            ("resp", self.resp.is_some(), Protocol::Resp),
            ("raw", self.raw.is_some(), Protocol::Raw),
        ] {
            if is_there && self.protocol != protocol {
                return fault(&[key], format!("needs protocol = \"{protocol}\""));
            }
        }
        self.check_sizes()?;
        match self.protocol {
            Protocol::Echo | Protocol::Frame | Protocol::Line => Ok(()),
            Protocol::Http => self.check_http(),
            Protocol::Resp => self
                .command()
                .check(self.load.payload.0)
                .or_else(|message| fault(&["resp", "command"], message)),
            Protocol::Raw => self.check_raw(),
        }
    }

    fn check_sizes(&self) -> Result<(), Fault> {
        let (payload, answer) = (self.load.payload.0, self.load.answer_bytes());
        let largest = frame::MAX_PAYLOAD_BYTES as u64;
        if payload > largest || (self.protocol != Protocol::Http && answer > largest) {
            return fault(&["load"], "a message can carry at most 64MiB");
        }
        let name = match self.protocol {
            Protocol::Echo => "an echo",
            Protocol::Line => "a line",
            _ => return Ok(()),
        };
        if payload == 0 && !self.tx.is_idle() {
            return fault(&["load", "payload"], format!("{name} must have at least one byte"));
        }
        if answer != payload {
            return fault(
                &["load", "answer"],
                format!(
                    "{name} is as long as the request; use protocol = \"frame\" for answers of another length"
                ),
            );
        }
        Ok(())
    }

    fn check_http(&self) -> Result<(), Fault> {
        let spec = self.request_spec();
        spec.check(self.load.payload.0).or_else(|(key, message)| fault(&["http", key], message))?;
        if spec.check == Check::Content && self.load.answer.is_none() && !self.uploads_in_ranges() {
            return fault(
                &["http", "check"],
                "content needs load.answer, the length of the body: path = \"/bytes/512\" and answer = \"512B\"",
            );
        }
        if self.uploads_in_ranges() {
            return self.check_upload();
        }
        if spec.ranges {
            self.check_download()?;
        }
        Ok(())
    }

    fn check_upload(&self) -> Result<(), Fault> {
        let (path, ranges) =
            (["http", "ranges"], u64::from(self.count) * u64::from(self.ranges_per_connection()));
        if self.load.payload.0 == 0
            || !self.load.payload.0.is_multiple_of(ranges)
            || self.load.answer.is_some()
        {
            return fault(
                &path,
                format!(
                    "needs load.payload, the length of the whole resource: a multiple of {ranges}, the number of its \
                     ranges; and no load.answer"
                ),
            );
        }
        if self.load.depth != Some(1)
            || self.load.rate.is_some()
            || self.lifetime.is_some()
            || self.requests_per_connection.is_some()
        {
            return fault(
                &path,
                "needs load.depth = 1 and permanent connections: remove lifetime and requests_per_connection",
            );
        }
        Ok(())
    }

    fn check_download(&self) -> Result<(), Fault> {
        let path = ["http", "ranges"];
        if self.load.answer.is_none_or(|answer| answer.0 < u64::from(self.count)) {
            return fault(
                &path,
                "needs load.answer, the length of the whole resource: at least one byte for each connection",
            );
        }
        if self.load.depth != Some(1)
            || self.load.rate.is_some()
            || self.lifetime.is_some()
            || self.reconnect.is_some()
        {
            return fault(
                &path,
                "needs load.depth = 1 and permanent connections: remove lifetime and reconnect",
            );
        }
        if self.rx.race().is_some() {
            return fault(&path, "gives each thread a connection of its own: remove `race`");
        }
        Ok(())
    }

    fn check_raw(&self) -> Result<(), Fault> {
        let Some(exchange) = &self.raw else {
            return fault(
                &["protocol"],
                "raw needs the bytes to send and how an answer ends, as in raw = { send = 'PING\\r\\n', until = \
                 '\\r\\n' }",
            );
        };
        exchange.check().or_else(|(key, message)| fault(&["raw", key], message))?;
        if self.load.payload.0 > 0 || self.load.answer.is_some() {
            return fault(
                &["load"],
                "raw has its sizes in raw.send and raw.length: remove payload and answer",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::{Profile, Source};

    fn parse(server: &str, keys: &str) -> Result<Profile, String> {
        let text = format!(
            "title = \"t\"\n[server]\nprotocol = \"{server}\"\n[[clients]]\nname = \"g\"\ncount = 1\n{keys}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).map_err(|error| error.to_string())
    }

    #[test]
    fn every_protocol_accepts_its_keys() {
        for (server, keys) in [
            ("line", "protocol = \"line\"\nload = { depth = 1, payload = \"64B\" }"),
            ("http", "protocol = \"http\"\nload = { depth = 1 }"),
            (
                "http",
                "protocol = \"http\"\nload = { depth = 1, answer = \"9B\" }\n\
                 http = { path = \"/bytes/9\", check = \"content\", headers = { A = \"b\" } }",
            ),
            ("echo", "protocol = \"raw\"\nload = { depth = 1 }\nraw = { send = 'a\\r\\n', until = '\\n' }"),
        ] {
            let profile = parse(server, keys).unwrap_or_else(|error| panic!("{keys}: {error}"));
            let again = toml::to_string(&profile).expect("a profile can be written");
            assert_eq!(toml::from_str::<Profile>(&again).expect("and read again"), profile);
        }
    }

    fn refused<const N: usize>(cases: [(&str, &str, &str); N]) {
        for (server, keys, wanted) in cases {
            let message = parse(server, keys).expect_err(keys);
            assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
        }
    }

    #[test]
    fn impossible_keys_are_refused_with_the_remedy() {
        refused([
            (
                "frame",
                "load = { depth = 1 }\nhttp = {}",
                "t.toml:8: clients.0.http: needs protocol = \"http\"",
            ),
            ("frame", "protocol = \"http\"\nload = { depth = 1 }", "set server.protocol = \"http\""),
            (
                "frame",
                "protocol = \"resp\"\nload = { depth = 1 }",
                "speaks resp, which the reference server does not support",
            ),
            ("frame", "protocol = \"raw\"\nload = { depth = 1 }", "raw = { send = 'PING"),
            (
                "echo",
                "protocol = \"raw\"\nload = { depth = 1 }\nraw = { send = 'a' }",
                "t.toml:9: clients.0.raw.until: say how an answer ends",
            ),
            (
                "echo",
                "protocol = \"raw\"\nload = { depth = 1 }\nraw = { send = '\\q', length = 1 }",
                "is not a valid escape",
            ),
            (
                "echo",
                "protocol = \"raw\"\nload = { depth = 1, payload = 9 }\nraw = { send = 'a', length = 1 }",
                "remove payload and answer",
            ),
            ("line", "protocol = \"line\"\nload = { depth = 1 }", "a line must have at least one byte"),
            (
                "line",
                "protocol = \"line\"\nload = { depth = 1, payload = 9, answer = 8 }",
                "a line is as long as",
            ),
            ("http", "protocol = \"http\"\nload = { depth = 1, payload = 9 }", "set method = \"POST\""),
            (
                "http",
                "protocol = \"http\"\nload = { depth = 1 }\nhttp = { check = \"content\" }",
                "t.toml:9: clients.0.http.check: content needs load.answer",
            ),
            (
                "http",
                "protocol = \"http\"\nload = { depth = 1 }\nhttp = { pth = \"/\" }",
                "did you mean `path`?",
            ),
            ("http", "protocol = \"http\"\nload = { depth = 1 }\nhttp = { method = \"BREW\" }", "`GET`"),
        ]);
    }

    #[test]
    fn impossible_uploads_are_refused_with_the_remedy() {
        refused([
            (
                "http",
                "protocol = \"http\"\nload = { depth = 1, payload = 9 }\n\
                 http = { method = \"PUT\", ranges = true }",
                "t.toml:9: clients.0.http.ranges: uploads to the reference server need memory",
            ),
            (
                "http",
                "protocol = \"http\"\nload = { depth = 1, payload = 9 }\ntx = { race = { threads = 2 } }\n\
                 http = { method = \"PUT\", ranges = true }",
                "a multiple of 2, the number of its ranges",
            ),
            (
                "http",
                "protocol = \"http\"\nload = { depth = 2, payload = 9 }\n\
                 http = { method = \"PUT\", ranges = true }",
                "needs load.depth = 1",
            ),
            (
                "http\"\nuploads = \"1MiB",
                "protocol = \"http\"\nload = { depth = 1, payload = 64 }\n\
                 tx = { race = { threads = 4, header = 16 } }\nhttp = { method = \"PUT\", ranges = true }",
                "clients.0.tx.race.header: must be shorter",
            ),
        ]);
    }
}
