//! How connections come about, and how they end: every one is accounted for exactly once.

use std::{io, time::Duration};

use super::{
    Driven, Port, connect,
    connection::{Connection, Fate, Phase},
    direction::Direction,
    engine::{Alarm, Engine, What},
    group::{Ended, Group},
    pending::Pending,
};
use crate::{
    codec::{Decoder, Encoder, Tally},
    metric::{Metric, Row},
    reactor::{Interest, Mode, Ready, Token},
    sys,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Engine<'_> {
    pub(super) fn connect_groups(&mut self) -> io::Result<()> {
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            if group.connecting.is_none() && self.io.now_ns >= group.start_ns {
                group.connecting = Some(group.spec.count);
                for _ in 0..group.spec.count {
                    self.connect(index)?;
                }
            }
        }
        Ok(())
    }

    fn connect(&mut self, index: usize) -> io::Result<()> {
        let group = &mut self.groups[index];
        group.ledger.opened += 1;
        self.io.calls += 6;
        let number = self.streams;
        self.streams += 1;
        let (stream, port) = match connect::open(self.plan.address, &group.spec) {
            Ok(opened) => opened,
            Err(error) if connect::is_refusal(&error) => {
                group.ended(Ended::Refused, &Pending::default(), &Tally::default(), self.io.now_ns);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if self.buffers[index] == (0, 0) {
            self.buffers[index] = connect::buffers(&stream)?;
        }
        self.ports.insert(port, Port { group: index, ended_ns: None });
        let (load, protocol) = (&group.spec.load, group.spec.protocol);
        let answer = load.answer_bytes() as u32;
        let seed = self.plan.seed.wrapping_add(u64::from(number) << 1);
        let interest = Interest { read: false, write: true };
        let token = self.connections.insert_with(|token| Connection {
            token,
            stream,
            group: index,
            place: 0,
            phase: Phase::Connecting,
            opened_ns: self.io.now_ns,
            port,
            interest,
            watched: true,
            rx: Direction::new(&group.spec.rx, seed),
            tx: Direction::new(&group.spec.tx, seed + 1),
            decoder: Decoder::new(protocol, number, answer),
            encoder: Encoder::new(protocol, number, load.payload.0, answer),
            pending: Pending::default(),
            racers: None,
        });
        if let Some(connection) = self.connections.entry(token) {
            self.io.reactor.add(&connection.stream, token, interest, Mode::Level)?;
            let deadline = self.io.now_ns + CONNECT_TIMEOUT.as_nanos() as u64;
            let alarm = Alarm { token, what: What::Connect };
            connection.tx.timer = Some(self.io.timers.arm(deadline, alarm));
        }
        Ok(())
    }

    /// The handshake is over, one way or the other.
    pub(super) fn connected(&mut self, ready: Ready) -> Fate {
        let connection = self.connections.entry(ready.token)?;
        if let Ok(Some(error)) = connection.stream.take_error() {
            let refused = connect::is_refusal(&error);
            return Some(if refused { Ended::Refused } else { Ended::TimedOut });
        }
        if let Some(timer) = connection.tx.timer.take() {
            self.io.timers.cancel(timer);
        }
        let group = &mut self.groups[connection.group];
        group.settled_one(self.io.now_ns);
        connection.phase = Phase::Open;
        connection.place = group.alive.len();
        group.alive.push(ready.token);
        connection.set_interest(Interest::READ, &mut self.io);
        if !self.io.closing {
            for _ in 0..group.spec.load.depth.unwrap_or(0) {
                connection.start(self.io.now_ns, group);
            }
        }
        let fate = connection.send(&mut self.io, group);
        // A behavior of its own decides whether the socket is read at all.
        if fate.is_some() || group.spec.rx.is_steady() {
            fate
        } else {
            connection.receive(&mut self.io, group)
        }
    }

    pub(super) fn end(&mut self, token: Token, how: Ended) {
        let Some(connection) = self.connections.remove(token) else { return };
        for timer in [connection.rx.timer, connection.tx.timer].into_iter().flatten() {
            self.io.timers.cancel(timer);
        }
        let group = &mut self.groups[connection.group];
        group.ended(how, &connection.pending, &connection.decoder.tally(), self.io.now_ns);
        if matches!(how, Ended::ByFin | Ended::ByReset) {
            group.evicted_after(self.io.now_ns.saturating_sub(connection.opened_ns));
        }
        if connection.phase == Phase::Connecting {
            group.settled_one(self.io.now_ns);
        } else {
            group.alive.swap_remove(connection.place);
            if let Some(&moved) = group.alive.get(connection.place)
                && let Some(other) = self.connections.entry(moved)
            {
                other.place = connection.place;
            }
        }
        if how == Ended::Alive {
            super::reset_on_close(&connection.stream);
        } else if let Some(port) = self.ports.get_mut(&connection.port) {
            port.ended_ns = Some(self.io.now_ns);
        }
    }

    /// Ends every connection that is left, and tells what became of all of them.
    pub(super) fn finish(mut self) -> Driven {
        self.io.now_ns = sys::monotonic_ns();
        let left: Vec<Token> = self.connections.tokens().collect();
        for token in left {
            self.end(token, Ended::Alive);
        }
        let answered: u64 = self.groups.iter().map(Group::answered_in_window).sum();
        let mut run = Row::default();
        if let ([(calls_before, cpu_before), (calls, cpu)], true) = (&self.marks[..], answered > 0) {
            run.set(Metric::HarnessCallsPerRequest, (calls - calls_before) as f64 / answered as f64);
            run.set(Metric::HarnessCpuPerRequest, (cpu - cpu_before) as f64 / answered as f64);
        }
        if !self.pacing_error.is_empty() {
            run.set(Metric::PacingErrorP99, self.pacing_error.value_at_quantile(0.99) as f64);
        }
        Driven {
            run,
            groups: self.groups.iter().map(Group::result).collect(),
            summaries: self.groups.iter().map(Group::summary).collect(),
            answered_in_window: answered,
            ports: self.ports,
            buffers: self.buffers,
        }
    }
}
