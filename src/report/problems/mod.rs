//! What was wrong with the answers, and what to change: shown first in the report of a failed run.

mod another_protocol;

use indexmap::IndexSet;

use self::another_protocol::{another_protocol, echoed_frame};
use super::view::results;
use crate::{
    codec::{Check, ErrorAnswer, Fault, Flaw, Protocol},
    metric::{Key, Metric},
    profile::{Group, Target},
    record::{ExpectationResult, GroupResult, Point, Record, Verdict},
    units::human_time,
};

/// Sentences about the groups of which something is expected that is not so, each once; also why a run is INCONCLUSIVE,
/// where that has a reason.
pub(super) fn problems(record: &Record) -> Vec<String> {
    let mut all: IndexSet<String> = IndexSet::new();
    // That a level fails is what a search is for.
    if record.capacity.is_some() {
        return Vec::new();
    }
    for point in &record.points {
        let unmet = point.verdicts.iter().filter(|result| result.verdict != Verdict::Pass);
        let unmet: Vec<&ExpectationResult> = unmet.collect();
        for group in record.profile.clients.iter().filter(|group| is_meant(&unmet, point, &group.name)) {
            all.extend(of_group(record, point, group));
        }
        let unsaid = unmet.iter().filter(|result| result.verdict == Verdict::Inconclusive);
        all.extend(unsaid.filter_map(|verdict| verdict.reason.clone()));
    }
    all.into_iter().collect()
}

/// Whether something that is expected of the group is not so; wrong bytes of the whole run are those of the groups.
fn is_meant(unmet: &[&ExpectationResult], point: &Point, group: &str) -> bool {
    let has_wrong_bytes = results(point, group).any(|result| result.content.corrupt > 0);
    unmet.iter().any(|result| match Key::parse(&result.name) {
        Some(Key { group: Some(of), .. }) => of == group,
        Some(Key { stat, .. }) => stat.metric == Metric::CorruptBytes && has_wrong_bytes,
        None => false,
    })
}

fn of_group(record: &Record, point: &Point, group: &Group) -> Vec<String> {
    let address = match &record.profile.server {
        Target::Attached { attach } => Some(attach.address.as_str()),
        _ => None,
    };
    let is_bench = record.command.get(1).is_some_and(|word| word == "bench");
    let advice = Advice { group, address, is_bench };
    let worst = |count: fn(&GroupResult) -> u64| {
        results(point, &group.name).max_by_key(|result| count(result)).filter(|result| count(result) > 0)
    };
    let mut found = Vec::new();
    if let Some(result) = worst(|result| result.content.errors) {
        found.push(advice.on_errors(result));
    }
    if let Some(result) = worst(|result| result.content.corrupt) {
        found.push(advice.on_wrong_bytes(result));
    }
    let silent = results(point, &group.name).find(|result| result.requests.answered == 0);
    if let Some(result) = silent.filter(|result| found.is_empty() && result.requests.started > 0) {
        found.push(advice.on_silence(result, is_reached(record, point, group)));
    }
    found
}

/// Whether another group that speaks as this one does got answers at the point.
fn is_reached(record: &Record, point: &Point, group: &Group) -> bool {
    let mut others = record.profile.clients.iter().filter(|other| other.protocol == group.protocol);
    others.any(|other| results(point, &other.name).any(|result| result.requests.answered > 0))
}

/// The group, and whether advice names flags or profile keys.
struct Advice<'a> {
    group: &'a Group,
    /// Address of a server that was running before.
    address: Option<&'a str>,
    /// With flags of the command line; else with keys of a profile.
    is_bench: bool,
}

impl Advice<'_> {
    fn on_errors(&self, result: &GroupResult) -> String {
        let (name, errors, answered) = (&result.name, result.content.errors, result.requests.answered);
        let head = format!("`{name}`: {errors} of {answered} answers were errors");
        let Some(first) = result.content.first_error else { return format!("{head}.") };
        let instead = match status_of(&first) {
            Some(_) if self.group.uploads_in_ranges() => {
                "Use a server that accepts `PUT` with `Content-Range`; the reference server does with \
                 server.uploads = \"16MiB\""
                    .to_owned()
            }
            Some(_) if self.group.moves_in_parts() => {
                "Name a resource that the server sends in parts (`Range`); badpeer expects status 206 and the \
                 requested part"
                    .to_owned()
            }
            Some(found) if self.group.protocol == Protocol::Http => {
                let expected = self.group.http.as_ref().map(|spec| &spec.status).cloned().unwrap_or_default();
                let only = errors >= answered;
                format!(
                    "Status {expected} is expected: {}",
                    self.another_status(found, &expected.to_string(), only)
                )
            }
            _ if self.group.protocol == Protocol::Resp => {
                let another = self.another_protocol(&first);
                another.unwrap_or_else(|| resp_error(&first, self.is_bench).to_owned())
            }
            _ => return format!("{head}, the first on {first}."),
        };
        format!("{head}, the first on {first}. {instead}.")
    }

    /// What to do about a status that is not expected.
    fn another_status(&self, found: u16, expected: &str, is_only: bool) -> String {
        let list = if is_only { found.to_string() } else { format!("{expected},{found}") };
        let allow = match (self.is_bench, is_only) {
            (true, _) => format!("allow it with --status {list}"),
            (false, true) => format!("allow it with http = {{ status = {found} }}"),
            (false, false) => format!("allow it with http = {{ status = \"{list}\" }}"),
        };
        match found {
            300..=399 => format!("name the path that it redirects to, or {allow}"),
            401 | 403 if self.is_bench => format!("send the required credentials with --header, or {allow}"),
            401 | 403 => format!("add the required credentials to http.headers, or {allow}"),
            404 | 410 => format!("name a path that exists, or {allow}"),
            408 | 429 | 503 | 504 => format!("reduce the load, or {allow}"),
            500..=599 => format!("read the server's log, or {allow}"),
            _ => format!("change the request, or {allow}"),
        }
    }

    fn on_wrong_bytes(&self, result: &GroupResult) -> String {
        let (name, corrupt) = (&result.name, result.content.corrupt);
        let head = format!("`{name}`: {corrupt} received bytes are wrong");
        let Some(fault) = result.content.first_fault else { return format!("{head}.") };
        let is_it = |first: &ErrorAnswer| first.stream == fault.stream && first.at <= fault.at;
        let shown = result.content.first_error.filter(|first| result.content.errors == 0 && is_it(first));
        let begins =
            shown.map(|first| format!(", in an answer that begins `{}`", first.begins)).unwrap_or_default();
        let instead = shown
            .and_then(|first| self.another_protocol(&first))
            .or_else(|| echoed_frame(&fault, self.group.load.payload.0, self.is_bench))
            .or_else(|| self.less(&fault));
        let instead = instead.map(|instead| format!(" {instead}.")).unwrap_or_default();
        format!("{head}, the first on {fault}{begins}.{instead}")
    }

    /// The protocol that the server seems to use, if it is not that of the group.
    fn another_protocol(&self, first: &ErrorAnswer) -> Option<String> {
        another_protocol(first.begins.bytes(), self.group.protocol, self.address, self.is_bench)
    }

    /// How to have less of an answer compared, where another one than the first came.
    fn less(&self, fault: &Fault) -> Option<String> {
        let check = self.group.http.as_ref().map(|spec| spec.check).unwrap_or_default();
        let is_length = match fault.flaw? {
            Flaw::Different | Flaw::DifferentWithin { .. } => false,
            Flaw::Length { .. } => true,
            _ => return None,
        };
        let is_known = check == Check::Content || self.group.load.answer.is_some();
        let word = if is_length { "status" } else { "length" };
        if self.group.protocol == Protocol::Resp && !is_known {
            return Some(format!(
                "If the value changes by itself, compare less of it: resp = {{ check = \"{word}\" }}"
            ));
        }
        if is_known || self.group.protocol != Protocol::Http {
            return None;
        }
        let how = if self.is_bench {
            format!("--check {word}")
        } else {
            format!("http = {{ check = \"{word}\" }}")
        };
        Some(format!("If the page changes by itself, compare less of it: {how}"))
    }

    /// Where others are answered, neither the address nor the protocol is wrong.
    fn on_silence(&self, result: &GroupResult, is_reached: bool) -> String {
        let (name, requests, ledger) = (&result.name, &result.requests, &result.ledger);
        let waited = human_time(requests.oldest_unanswered_ns as f64);
        let what = if ledger.evicted_fin + ledger.evicted_rst > 0 {
            format!("and the server ended {} connections", ledger.evicted_fin + ledger.evicted_rst)
        } else {
            format!("and the oldest waited for {waited}")
        };
        let head = format!("`{name}`: none of {} requests was answered, {what}.", requests.started);
        if is_reached {
            return head;
        }
        let how = match (self.is_bench, self.group.protocol) {
            (true, Protocol::Http) => " (HOST:PORT without http:// and -p select another protocol)",
            (true, _) => " (-p selects another protocol)",
            (false, _) => "",
        };
        format!("{head} Check the address, and that the server speaks {}{how}.", self.group.protocol)
    }
}

/// The status of an answer in HTTP, by its status line.
fn status_of(first: &ErrorAnswer) -> Option<u16> {
    let line = std::str::from_utf8(first.begins.bytes()).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

fn resp_error(first: &ErrorAnswer, is_bench: bool) -> &'static str {
    match first.begins.bytes() {
        [b'-', b'N', b'O', b'A', b'U', b'T', b'H', ..] => {
            "The clients send no password: use a server that requires none"
        }
        [b'$' | b'*', ..] => "The key has no value: set it before the run",
        _ if is_bench => {
            "Write a profile (--print-profile) and set resp.command to a command that the server supports"
        }
        _ => "Set resp.command to a command that the server supports",
    }
}

#[cfg(test)]
mod tests;
