//! The clients of a thread: every connection is opened, driven and ended here, and is accounted for exactly once.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
};

use super::ports::Ports;
use crate::{
    client::{
        close_reason::{CloseReason, is_refusal},
        connect_limit::{ConnectLimit, FULL_FOR_NS, LOOK_EVERY_NS, PATIENCE_NS},
        connection::{Connection, Role},
        context::{Context, TimerEvent},
        group::{Demand, Group, Opening},
        plan::Plan,
        share::{Share, Start},
        sources::Sources,
        transport::Transport,
    },
    codec::content,
    reactor::{Ready, Slots, Token},
    sys,
};

/// Connections of a group that are opened before the others, and the sockets, have their turn.
const TURN_CONNECTS: u32 = 32;
/// Arrivals that one group may start before the others, and the sockets, have their turn.
const TURN_ARRIVALS: u32 = 128;

/// The clients of a thread.
pub(super) struct Clients<'a> {
    plan: &'a Plan,
    /// The thread's share of the plan.
    share: Share,
    /// Where its connections come from.
    sources: Sources,
    /// How many connections all threads may open now.
    limit: Arc<ConnectLimit>,
    slots: Slots<Client>,
    pub(super) groups: Vec<Group>,
    pub(super) ports: Ports,
    /// Kernel receive and send buffer of a client of each group, in bytes, as read back.
    pub(super) buffers: Vec<(u64, u64)>,
    /// Sockets of clients that vanished, kept open: closing one would send a FIN or RST.
    vanished: Vec<Transport>,
}

/// One client, while it has a connection.
struct Client {
    connection: Connection,
    /// The number of its group.
    group: u32,
    /// Its place among the group's open connections.
    place: u32,
    /// The index of its port.
    port: u32,
    /// Its connection is one that was opened again.
    is_reopened: bool,
}

impl<'a> Clients<'a> {
    /// `starts`: when the open loop of each group starts.
    pub(super) fn new(plan: &'a Plan, share: Share, starts: &[Arc<Start>], limit: Arc<ConnectLimit>) -> Self {
        let host = plan.address.host();
        let mut before = 0;
        let mut groups = Vec::with_capacity(plan.groups.len());
        let measured = plan.measured();
        for (index, (spec, start)) in plan.groups.iter().zip(starts).enumerate() {
            let seed = plan.seed ^ (index as u64) << 32;
            let (together, count) = (spec.moves_in_parts(), spec.connections());
            let part = if together { share.whole(before, count) } else { share.part(before, count) };
            let start = Arc::clone(start);
            groups.push(Group::new(spec, part, start, &host, plan.epoch_ns, &measured, seed));
            before += u64::from(count);
        }
        Self {
            plan,
            share,
            sources: Sources::new(&plan.groups, plan.address),
            limit,
            slots: Slots::default(),
            buffers: vec![(0, 0); groups.len()],
            groups,
            ports: Ports::default(),
            vanished: Vec::new(),
        }
    }

    /// Opens connections whose time has come, a few at a time, so that the others go on meanwhile.
    pub(super) fn open_due(&mut self, context: &mut Context) -> io::Result<()> {
        for index in 0..self.groups.len() {
            self.groups[index].leave_in_time(context.now_ns);
            for _ in 0..TURN_CONNECTS {
                let Some((opening, due_ns)) = self.take_turn(index, context.now_ns) else { break };
                self.open(index, opening, due_ns, context)?;
            }
        }
        Ok(())
    }

    /// After the window connections are opened only for requests that were due in it and wait for one.
    pub(super) fn open_for_waiting(&mut self, context: &mut Context) -> io::Result<()> {
        for index in 0..self.groups.len() {
            for _ in 0..TURN_CONNECTS {
                if !self.groups[index].needs_connection() {
                    break;
                }
                let Some((opening, due_ns)) = self.take_turn(index, context.now_ns) else { break };
                self.open(index, opening, due_ns, context)?;
            }
            self.serve_waiting(index, context);
        }
        Ok(())
    }

    /// The connection of a group that is opened now, if one is: its time has come, and the server has room for it, unless it
    /// was asked for whatever the server has; and since when that has been so.
    fn take_turn(&mut self, index: usize, now_ns: u64) -> Option<(Opening, u64)> {
        let group = &mut self.groups[index];
        let (_, waits_for_room) = group.turn(now_ns)?;
        if waits_for_room && !self.limit.take(now_ns) {
            group.hold(now_ns + LOOK_EVERY_NS);
            self.give_up_waiting(index, now_ns);
            return None;
        }
        let group = &mut self.groups[index];
        let due_ns = group.next_connect_ns()?;
        Some((group.take_turn(now_ns)?, due_ns))
    }

    /// There has been no room for so long that the server does not accept connections: those whose turn came before are not
    /// opened any more.
    fn give_up_waiting(&mut self, index: usize, now_ns: u64) {
        let patience_ends_ns = |since_ns: u64| since_ns + PATIENCE_NS;
        if self.limit.full_since_ns().is_none_or(|since_ns| now_ns < patience_ends_ns(since_ns)) {
            return;
        }
        let group = &mut self.groups[index];
        while group
            .turn(now_ns)
            .is_some_and(|(since_ns, waits)| waits && now_ns >= patience_ends_ns(since_ns))
            && let Some(opening) = group.take_turn(now_ns)
        {
            group.not_accepted(opening, false, now_ns);
        }
    }

    fn open(&mut self, index: usize, opening: Opening, due_ns: u64, context: &mut Context) -> io::Result<()> {
        let Opening { again, part, .. } = opening;
        let port = self.ports.count();
        let number = self.share.number(port);
        let source = self.sources.next(index, number, self.share.index, self.share.of);
        context.calls += Transport::CONNECT_CALLS + source.map_or(0, |_| Transport::BIND_CALLS);
        let stream = self.stream_of(number);
        let group = &mut self.groups[index];
        let opened_ns = sys::monotonic_ns();
        context.delays.connect(due_ns, opened_ns);
        let (transport, end) = match Transport::connect(self.plan.address, source, group.spec()) {
            Ok(opened) => opened,
            Err(error) if is_refusal(&error) => {
                group.failed_to_open(opening, CloseReason::Refused, context.now_ns);
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.limit.note_full(context.now_ns);
                group.found_no_room(opening, context.now_ns, LOOK_EVERY_NS, PATIENCE_NS);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if self.buffers[index] == (0, 0) {
            self.buffers[index] = transport.buffers()?;
        }
        if self.plan.address.is_unix() {
            self.limit.note_room();
        }
        group.opened(opened_ns);
        self.limit.began();
        self.ports.opened(end, index, opened_ns);
        let seed = self.plan.seed.wrapping_add(u64::from(number) << 1);
        let (rx, tx) = group.behaviors(part);
        let role = Role { rx, tx, script: group.script(part), stream, part, seed };
        let token = self.slots.insert_with(|token| Client {
            connection: Connection::open(transport, token, &role),
            group: index as u32,
            place: 0,
            port,
            is_reopened: again,
        });
        self.slots.entry(token).map_or(Ok(()), |client| client.connection.await_handshake(context))
    }

    /// The number of a connection's content. Another seed gives other content, so that answers kept from another run
    /// are not taken for right.
    fn stream_of(&self, number: u32) -> u32 {
        let base = self.plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (base as u32).wrapping_add(number) % content::STREAMS
    }

    /// Something happened to a socket.
    pub(super) fn ready(&mut self, ready: Ready, context: &mut Context) {
        let Some(client) = self.slots.entry(ready.token) else { return };
        let group = &mut self.groups[client.group as usize];
        let close_reason = if client.connection.is_open() {
            client.connection.ready(ready, context, group.demand())
        } else {
            client.connected(ready.token, group, &mut self.ports, &self.limit, context)
        };
        self.settle(ready.token, close_reason, context);
    }

    /// A timer has fired.
    pub(super) fn timer_fired(&mut self, event: TimerEvent, context: &mut Context) {
        self.drive(event.token, context, |connection, context, demand| {
            connection.timer_fired(event.kind, context, demand)
        });
    }

    /// Gives arrivals that are due to connections.
    pub(super) fn start_arrivals(&mut self, context: &mut Context) {
        for index in 0..self.groups.len() {
            for _ in 0..TURN_ARRIVALS {
                let Some(due_ns) = self.groups[index].next_arrival(context.now_ns) else { break };
                context.read_clock();
                self.arrive(index, due_ns, context);
                self.serve_waiting(index, context);
            }
        }
    }

    /// The window is over: what became due in it and was not taken note of arrives now, and waits with the others for the
    /// last answers.
    pub(super) fn take_last_arrivals(&mut self, context: &mut Context) {
        for index in 0..self.groups.len() {
            while let Some(due_ns) = self.groups[index].next_arrival(context.now_ns) {
                self.arrive(index, due_ns, context);
            }
            self.serve_waiting(index, context);
        }
    }

    /// A request became due, and is late by now if this thread was.
    fn arrive(&mut self, index: usize, due_ns: u64, context: &mut Context) {
        context.delays.request(due_ns, context.now_ns);
        self.groups[index].arrived(due_ns, context.now_ns);
    }

    /// Gives what waits to connections with room, in turn.
    fn serve_waiting(&mut self, index: usize, context: &mut Context) {
        while let Some(token) = self.groups[index].take_free() {
            self.drive(token, context, Connection::start_waiting_request);
        }
    }

    /// Starts the next transfer of every group whose last one is over, all parts at once, and fetches copies that are due.
    pub(super) fn start_transfers(&mut self, context: &mut Context) {
        for index in 0..self.groups.len() {
            for token in self.groups[index].start_transfer(context.now_ns) {
                self.drive(token, context, Connection::start_request);
            }
        }
    }

    /// Has a connection do something, if it is still there.
    fn drive(
        &mut self,
        token: Token,
        context: &mut Context,
        act: impl FnOnce(&mut Connection, &mut Context, &mut Demand) -> Option<CloseReason>,
    ) {
        let Some(client) = self.slots.entry(token) else { return };
        let demand = self.groups[client.group as usize].demand();
        let close_reason = act(&mut client.connection, context, demand);
        self.settle(token, close_reason, context);
    }

    fn settle(&mut self, token: Token, close_reason: Option<CloseReason>, context: &mut Context) {
        if let Some(how) = close_reason {
            self.end(token, how, context);
        }
    }

    fn end(&mut self, token: Token, how: CloseReason, context: &mut Context) {
        let Some(Client { connection, group, place, port, is_reopened }) = self.slots.remove(token) else {
            return;
        };
        let (first_stream, opened_ns) = (self.stream_of(0), self.ports.opened_ns(port));
        let group = &mut self.groups[group as usize];
        let mut ended = connection.end(how, opened_ns, context, group.demand());
        ended.content.count_streams_from(first_stream);
        group.ended(ended.how, ended.life, ended.under_way(), &ended.content, context.now_ns);
        self.ports.ended(port, &ended, context.now_ns);
        if !ended.life.is_established {
            self.limit.settled();
            group.settled_one(is_reopened, context.now_ns);
        } else if let Some(moved) = group.leaves(place)
            && let Some(other) = self.slots.entry(moved)
        {
            other.place = place;
        }
        self.vanished.extend(ended.vanished);
    }

    /// The clients stop: every connection that is left ends as it is.
    pub(super) fn end_all(&mut self, context: &mut Context) {
        let left: Vec<Token> = self.slots.tokens().collect();
        for token in left {
            self.end(token, CloseReason::Alive, context);
        }
        debug_assert!(
            self.groups.iter().all(|group| group.under_way() == 0),
            "requests without a connection"
        );
        let is_full = |since_ns: u64| context.now_ns >= since_ns + FULL_FOR_NS;
        if self.limit.full_since_ns().is_some_and(is_full) {
            self.groups.iter_mut().for_each(|group| give_up_all(group, context.now_ns));
        }
        self.groups.iter_mut().for_each(|group| group.stop(context.now_ns));
    }

    /// Notes what each group waits for, now that nothing new is begun.
    pub(super) fn begin_grace(&mut self) {
        let mut oldest_ns: Vec<Option<u64>> = vec![None; self.groups.len()];
        for client in self.slots.iter() {
            let oldest = &mut oldest_ns[client.group as usize];
            *oldest = oldest.iter().copied().chain(client.connection.oldest_due_ns()).min();
        }
        self.groups.iter_mut().zip(oldest_ns).for_each(|(group, oldest)| group.begin_grace(oldest));
    }

    /// Whether something that a good client waits for has neither come nor had its time, after a window that ended then.
    pub(super) fn await_answers(&self, now_ns: u64, end_ns: u64) -> bool {
        self.groups.iter().any(|group| group.awaits_answers() && now_ns < group.grace_ends_ns(end_ns))
    }
}

/// The clients stop: those that still wait for the server to have room are not opened.
fn give_up_all(group: &mut Group, now_ns: u64) {
    while group.turn(now_ns).is_some_and(|(_, waits_for_room)| waits_for_room)
        && let Some(opening) = group.take_turn(now_ns)
    {
        group.not_accepted(opening, true, now_ns);
    }
}

impl Client {
    /// The handshake is over, one way or the other.
    fn connected(
        &mut self,
        token: Token,
        group: &mut Group,
        ports: &mut Ports,
        limit: &ConnectLimit,
        context: &mut Context,
    ) -> Option<CloseReason> {
        let failed = self.connection.connected(context);
        if failed.is_some() {
            return failed;
        }
        limit.settled();
        group.settled_one(self.is_reopened, context.now_ns);
        let lifetime_ends_ns = group.lifetime_ends(self.is_reopened, context.now_ns);
        ports.connected(self.port);
        self.place = group.joins(token, self.connection.part());
        self.connection.begin(lifetime_ends_ns, context, group.demand())
    }
}
