//! Which connections of a group are opened, and when: the first ones, and those that come back after they ended.

use std::collections::VecDeque;

use crate::{
    client::share::Part,
    load::{Attempts, ConnectRate, Reconnect},
    profile,
    record::PutOff,
};

/// A connection that is opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct Opening {
    /// Since when it has been its turn, on the monotonic clock.
    pub(in crate::client) since_ns: u64,
    /// It is one that is opened again.
    pub(in crate::client) again: bool,
    /// Which part of a transfer is its own, where the group has them: that of the connection in whose place it comes.
    pub(in crate::client) part: u32,
}

/// A connection that is to be opened again.
#[derive(Clone, Copy, Debug)]
struct Reopening {
    at_ns: u64,
    /// How much of the time since the last one ended is because no more attempts are allowed, in nanoseconds.
    put_off_ns: u64,
    part: u32,
}

/// The connections of a group that are to be opened.
pub(super) struct Openings {
    /// What the thread opens of the group.
    part: Part,
    /// How the first ones are opened from `start_ns` on, where that was asked for.
    connect_rate: Option<ConnectRate>,
    start_ns: u64,
    /// First ones that are still to be opened.
    to_open: u32,
    /// Who comes back, and no sooner than when.
    attempts: Option<Attempts>,
    /// How fast they come back was asked for.
    is_pace_of_attempts_asked_for: bool,
    /// When the last one was opened.
    last_ns: u64,
    /// The server accepts no more before this, as far as is known.
    held_until_ns: u64,
    /// Nor does its kernel, which has said so: nothing at all is tried before this.
    full_until_ns: u64,
    /// Those that are opened again, in order.
    reopenings: VecDeque<Reopening>,
    /// Time of the window in which connections were needed and not opened again, because no more attempts are allowed, added up.
    put_off_ns: u64,
}

impl Openings {
    /// All of them, the first ones from `start_ns` on.
    pub(super) fn new(spec: &profile::Group, part: Part, start_ns: u64) -> Self {
        Self {
            part,
            connect_rate: spec.connect_rate.clone(),
            start_ns,
            to_open: part.count,
            attempts: spec.reconnect.as_ref().map(|reconnect| Attempts::new(reconnect, part.of)),
            is_pace_of_attempts_asked_for: spec
                .reconnect
                .is_some_and(|reconnect| reconnect.at_most.is_some()),
            last_ns: 0,
            held_until_ns: 0,
            full_until_ns: 0,
            reopenings: VecDeque::new(),
            put_off_ns: 0,
        }
    }

    /// The connection whose time to be opened has come, if there is one. `needed`: the window, if connections are needed.
    pub(super) fn take_turn(&mut self, now_ns: u64, needed: Option<(u64, u64)>) -> Option<Opening> {
        if let Some(since_ns) = self.next_first_ns().filter(|at_ns| *at_ns <= now_ns) {
            let part = self.part.count - self.to_open;
            self.to_open -= 1;
            return Some(Opening { since_ns, again: false, part });
        }
        let due = self.reopenings.front().copied().filter(|reopening| reopening.at_ns <= now_ns)?;
        self.reopenings.pop_front();
        let Reopening { at_ns, put_off_ns, part } = due;
        if let Some((start_ns, end_ns)) = needed {
            let from_ns = (at_ns - put_off_ns).max(start_ns);
            self.put_off_ns += at_ns.min(end_ns).saturating_sub(from_ns);
        }
        Some(Opening { since_ns: at_ns, again: true, part })
    }

    /// The connection whose turn it was found no room at the server: it comes first, and nothing is opened before that time,
    /// however fast it was to be.
    pub(super) fn put_back(&mut self, Opening { since_ns, again, part }: Opening, until_ns: u64) {
        self.full_until_ns = until_ns;
        if again {
            self.reopenings.push_front(Reopening { at_ns: since_ns, put_off_ns: 0, part });
        } else {
            self.to_open += 1;
        }
    }

    /// When the next connection may be opened, if one is to be. The first ones come one after the other where they may all
    /// come at once.
    pub(super) fn next_ns(&self) -> Option<u64> {
        let held =
            |at_ns: u64, is_asked_for| if is_asked_for { at_ns } else { at_ns.max(self.held_until_ns) };
        let one_by_one =
            |at_ns: u64| if self.connect_rate.is_some() { at_ns } else { at_ns.max(self.last_ns) };
        let first = self.next_first_ns().map(|at_ns| held(one_by_one(at_ns), self.connect_rate.is_some()));
        let again = self.reopenings.front();
        let again = again.map(|again| held(again.at_ns, self.is_pace_of_attempts_asked_for));
        first.into_iter().chain(again).min().map(|at_ns| at_ns.max(self.full_until_ns))
    }

    /// Since when it has been the next one's turn, if it is, and whether that waits until the server has room for it: how
    /// fast it comes was not asked for.
    pub(super) fn turn(&self, now_ns: u64) -> Option<(u64, bool)> {
        let first = self.next_first_ns().map(|at_ns| (at_ns, self.connect_rate.is_none()));
        let again = self.reopenings.front().map(|again| (again.at_ns, !self.is_pace_of_attempts_asked_for));
        let is_due = |turn: &(u64, bool)| turn.0.max(self.full_until_ns) <= now_ns;
        first.filter(is_due).or_else(|| again.filter(is_due))
    }

    /// One was opened.
    pub(super) const fn opened(&mut self, now_ns: u64) {
        self.last_ns = now_ns;
    }

    /// The server has no room: those that wait for it are not tried before this.
    pub(super) const fn hold(&mut self, until_ns: u64) {
        self.held_until_ns = until_ns;
    }

    /// When the next of the first connections is opened, if one is left.
    fn next_first_ns(&self) -> Option<u64> {
        let opened = self.part.count - self.to_open;
        let after_ns = match &self.connect_rate {
            None => 0,
            Some(rate) => rate.due_ns(f64::from(self.part.index + opened * self.part.of))?,
        };
        (self.to_open > 0).then(|| self.start_ns.saturating_add(after_ns))
    }

    /// A connection that fetched this part has ended, and is opened again in its time.
    pub(super) fn reopen(&mut self, part: u32, now_ns: u64) {
        let of = self.part.of;
        let attempts = self.attempts.get_or_insert_with(|| Attempts::new(&Reconnect::UNASKED, of));
        let (at_ns, put_off_ns) = attempts.after(now_ns);
        self.reopenings.push_back(Reopening { at_ns, put_off_ns, part });
    }

    /// None is opened any more.
    pub(super) fn give_up(&mut self) {
        self.to_open = 0;
        self.reopenings.clear();
    }

    /// How much of the connections' time in this window was lost because no more attempts to connect are allowed.
    pub(super) fn put_off(&self, spec: &profile::Group, window: (u64, u64)) -> PutOff {
        let window_ns = window.1.saturating_sub(window.0) as f64;
        let whole_ns = (f64::from(spec.connections()) * window_ns).max(1.0);
        let is_asked_for = spec.reconnect.is_some_and(|reconnect| reconnect.is_bounded());
        PutOff { share: (self.put_off_ns as f64 / whole_ns).min(1.0), is_asked_for }
    }

    /// Time of the window in which connections were needed and not opened again, because no more attempts are allowed, added
    /// up, in nanoseconds.
    pub(super) const fn put_off_ns(&mut self) -> &mut u64 {
        &mut self.put_off_ns
    }

    /// Takes over what another thread opened of the same group.
    pub(super) const fn add(&mut self, other: &Self) {
        self.put_off_ns += other.put_off_ns;
    }
}
