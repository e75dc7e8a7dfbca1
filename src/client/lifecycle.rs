//! How connections come about, and how they end: every one is accounted for exactly once.

use std::{io, time::Duration};

use super::{
    close_reason::{CloseReason, Life, is_refusal},
    connection::{Connection, Phase},
    context::{TimerEvent, TimerKind},
    direction::Direction,
    engine::Engine,
    group::Opening,
    pending::Pending,
    results::Port,
    threads::ThreadResult,
    transport::Transport,
};
use crate::{
    behavior::CloseMethod,
    codec::{Tally, content},
    reactor::{Interest, Mode, Ready, Token},
    record::ResourceExhaustion,
    sys,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections of a group that are opened before the others, and the sockets, have their turn.
const TURN_CONNECTS: u32 = 32;

impl Engine<'_> {
    /// Opens connections whose time has come, a few at a time, so that the others go on meanwhile.
    pub(super) fn connect_groups(&mut self) -> io::Result<()> {
        for index in 0..self.groups.len() {
            for _ in 0..TURN_CONNECTS {
                let Some(opening) = self.groups[index].take_turn(self.context.now_ns) else { break };
                self.connect(index, opening)?;
            }
        }
        Ok(())
    }

    /// After the window connections are opened only for requests that were due in it and wait for one.
    pub(super) fn connect_for_waiting(&mut self) -> io::Result<()> {
        for index in 0..self.groups.len() {
            for _ in 0..TURN_CONNECTS {
                let group = &mut self.groups[index];
                if !group.is_steady_and_waits() || group.queue.has_free() {
                    break;
                }
                let Some(opening) = group.take_turn(self.context.now_ns) else { break };
                self.connect(index, opening)?;
            }
            self.serve_waiting(index);
        }
        Ok(())
    }

    fn connect(&mut self, index: usize, Opening { again, part }: Opening) -> io::Result<()> {
        self.context.calls += Transport::CONNECT_CALLS;
        let own = self.ports.len() as u32;
        let number = self.share.number(own);
        let stream_number = self.stream_of(number);
        let group = &mut self.groups[index];
        let opened_ns = sys::monotonic_ns();
        let (transport, port) = match Transport::connect(self.plan.address, &group.spec) {
            Ok(opened) => opened,
            Err(error) if is_refusal(&error) => {
                group.ledger.opened += 1;
                group.settled_one(again, self.context.now_ns);
                let (life, nothing) = (Life { part, ..Life::default() }, Pending::default());
                group.ended(CloseReason::Refused, life, &nothing, &Tally::default(), self.context.now_ns);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if self.buffers[index] == (0, 0) {
            self.buffers[index] = transport.buffers()?;
        }
        group.ledger.opened += 1;
        self.ports.push(Port { number: port, group: index, opened_ns, ..Port::default() });
        let seed = self.plan.seed.wrapping_add(u64::from(number) << 1);
        let interest = Interest { read: false, write: true };
        let token = self.connections.insert_with(|token| Connection {
            token,
            transport,
            group: index as u32,
            place: 0,
            phase: Phase::Connecting,
            again,
            part,
            lifetime: None,
            own,
            interest,
            watched: true,
            rx: Direction::new(&group.spec.rx, seed),
            tx: Direction::new(&group.spec.tx, seed + 1),
            decoder: group.script(part).decoder(stream_number),
            encoder: group.script(part).encoder(stream_number),
            pending: Pending::default(),
            begun_ns: 0,
            writers: None,
            readers: None,
            last: None,
            last_was_error: false,
            is_offered: false,
            is_retiring: false,
            broken: None,
            answered_at: 0,
            last_answer_ns: 0,
            answers: 0,
        });
        if let Some(connection) = self.connections.entry(token) {
            self.context.reactor.add(&connection.transport, token, interest, Mode::Level)?;
            let deadline = self.context.now_ns + CONNECT_TIMEOUT.as_nanos() as u64;
            let event = TimerEvent { token, kind: TimerKind::Connect };
            connection.tx.timer = Some(self.context.timers.arm(deadline, event));
        }
        Ok(())
    }

    /// The number of a connection's content. Another seed gives other content, so that answers kept from another run
    /// are not taken for right.
    fn stream_of(&self, number: u32) -> u32 {
        let base = self.plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (base as u32).wrapping_add(number) % content::STREAMS
    }

    /// The handshake is over, one way or the other.
    pub(super) fn connected(&mut self, ready: Ready) -> Option<CloseReason> {
        let connection = self.connections.entry(ready.token)?;
        if let Some(error) = connection.transport.take_error() {
            // Nothing was asked yet: what may have come before an RST is no answer.
            return Some(CloseReason::of_failed_connect(&error));
        }
        if let Some(timer) = connection.tx.timer.take() {
            self.context.timers.cancel(timer);
        }
        let group = &mut self.groups[connection.group as usize];
        group.settled_one(connection.again, self.context.now_ns);
        if let Some(end_ns) = group.lifetime_ends(connection.again, self.context.now_ns) {
            let event = TimerEvent { token: ready.token, kind: TimerKind::Lifetime };
            connection.lifetime = Some(self.context.timers.arm(end_ns, event));
        }
        connection.phase = Phase::Open;
        self.ports[connection.own as usize].was_connected = true;
        connection.place = group.alive.len() as u32;
        group.alive.push(ready.token);
        connection.set_interest(Interest::READ, &mut self.context);
        if group.downloads.is_some() {
            connection.start_owed(group);
        } else if group.pace.is_some() || self.context.is_closing {
            connection.take_waiting(group);
        } else {
            connection.start_loop(self.context.now_ns, group);
        }
        let close_reason = connection.send(&mut self.context, group);
        // A behavior of its own decides whether the socket is read at all.
        if close_reason.is_some() || group.spec.rx.is_steady() {
            close_reason
        } else {
            connection.receive(&mut self.context, group)
        }
    }

    pub(super) fn end(&mut self, token: Token, how: CloseReason) {
        let Some(mut connection) = self.connections.remove(token) else { return };
        for timer in [connection.rx.timer, connection.tx.timer, connection.lifetime].into_iter().flatten() {
            self.context.timers.cancel(timer);
        }
        let mut content = connection.decoder.tally();
        content.count_streams_from(self.stream_of(0));
        let group = &mut self.groups[connection.group as usize];
        let opened_ns = self.ports[connection.own as usize].opened_ns;
        let is_spent = connection.is_spent(group);
        let how = connection.hand_back(how, group, opened_ns, self.context.now_ns);
        let life = Life {
            opened_ns,
            is_established: connection.phase == Phase::Open,
            answers: connection.answers,
            is_spent,
            part: connection.part,
        };
        group.ended(how, life, &connection.pending, &content, self.context.now_ns);
        let port = &mut self.ports[connection.own as usize];
        port.is_alive = how == CloseReason::Alive;
        port.unfinished_ns = connection.unfinished_ns();
        if matches!(how, CloseReason::ByFin | CloseReason::ByReset) {
            port.ended_by_peer = true;
            port.ended_by_reset = how == CloseReason::ByReset;
            port.ended_after_error = connection.last_was_error;
            group.evicted_after(self.context.now_ns.saturating_sub(port.opened_ns));
        }
        if connection.phase == Phase::Connecting {
            group.settled_one(connection.again, self.context.now_ns);
        } else {
            group.alive.swap_remove(connection.place as usize);
            if let Some(&moved) = group.alive.get(connection.place as usize)
                && let Some(other) = self.connections.entry(moved)
            {
                other.place = connection.place;
            }
        }
        match how {
            // Fails only on a socket that is no socket.
            CloseReason::Alive => drop(connection.transport.prepare_close(CloseMethod::Reset)),
            CloseReason::ByUs(CloseMethod::Vanish) => {}
            _ => self.ports[connection.own as usize].ended_ns = Some(self.context.now_ns),
        }
        if connection.writers.is_some() || connection.readers.is_some() {
            // Threads that wait for the socket must not be waited for in their turn. Fails only if the peer was faster.
            let _ = connection.transport.shutdown();
        }
        if how == CloseReason::ByUs(CloseMethod::Vanish) {
            self.keep_vanished(connection);
        }
    }

    /// Nothing more will be heard of it; the socket is kept until the end.
    fn keep_vanished(&mut self, connection: Connection) {
        if connection.watched && self.context.reactor.remove(&connection.transport).is_ok() {
            self.context.calls += 1;
        }
        let _ = connection.transport.prepare_close(CloseMethod::Reset);
        self.vanished.push(connection.transport);
    }

    /// Ends every connection that is left, and tells what became of all of them.
    pub(super) fn finish(mut self, shortage: Option<ResourceExhaustion>) -> ThreadResult {
        self.context.read_clock();
        self.mark_end();
        let stopped_ns = self.context.now_ns;
        let left: Vec<Token> = self.connections.tokens().collect();
        for token in left {
            self.end(token, CloseReason::Alive);
        }
        self.groups.iter_mut().for_each(|group| group.stop(stopped_ns));
        ThreadResult {
            groups: self.groups,
            ports: self.ports,
            buffers: self.buffers,
            pacing_error: self.pacing_error,
            started_late: self.started_late,
            marks: self.marks,
            stopped_ns,
            pauses: self.pauses,
            shortage,
        }
    }
}
