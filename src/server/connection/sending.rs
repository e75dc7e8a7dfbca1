//! One connection's way out: directly, then when the kernel has room; and the timer while something waits.

use std::{
    io::{self, ErrorKind, IoSlice, Write},
    net::TcpStream,
    os::fd::AsFd,
};

use super::{Connection, Input};
use crate::{
    reactor::{Interest, Mode},
    server::{
        event_loop::{Key, Shared},
        eviction::{End, How, Reason},
        policy::{Sight, Verdict, Watch},
    },
    sys,
};

/// How often one connection may send when the kernel has room again.
const SENDS: u32 = 16;

/// A `writev` that takes less than this, and less than there is, has filled the kernel's send buffer. One that takes
/// more may have been cut short by the number of slices it was given.
const GATHER_BYTES: usize = 1 << 20;

/// How far sending got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// Nothing waits.
    All,
    /// The kernel takes no more.
    Full,
    /// It was often enough; the kernel may have room.
    Enough,
}

impl Connection {
    /// Sends what has just been put into the send buffer, unless more waits before it.
    pub(super) fn send_directly(&mut self, shared: &mut Shared) -> Result<(), End> {
        if self.write_armed || self.send_some(shared)? == Sent::All {
            return Ok(());
        }
        self.begin_waiting(shared)
    }

    /// There is room in the kernel for what waits.
    pub(super) fn send_on(&mut self, shared: &mut Shared) -> Result<(), End> {
        let sent = self.send_some(shared)?;
        if sent == Sent::All {
            self.write_armed = false;
            if let Some((timer, _)) = self.timer.take() {
                shared.timers.cancel(timer);
            }
        }
        let again = match self.mode(shared) {
            // Readiness goes on by itself until it is no longer asked for.
            Mode::Level => sent == Sent::All,
            // Every change is reported by itself, but to ask is to be told of the end of the stream once more.
            _ if self.input == Input::Muted => sent == Sent::Enough,
            // Another chance is asked for, and comes at once if the kernel has room already. One that is no longer
            // awaited may come: nobody listens.
            _ => sent != Sent::All,
        };
        if again { self.register(shared) } else { Ok(()) }
    }

    fn send_some(&mut self, shared: &Shared) -> Result<Sent, End> {
        for _ in 0..SENDS {
            let waiting = self.send.readable();
            shared.counters.writes.add(1);
            match self.send.write_to(&mut Outlet(&self.stream)) {
                Ok(taken) if taken == waiting => return Ok(Sent::All),
                Ok(taken) if taken < GATHER_BYTES => return Ok(Sent::Full),
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(Sent::Full),
                    ErrorKind::Interrupted => {}
                    _ => return Err(How::from_error(&error).into()),
                },
            }
        }
        Ok(Sent::Enough)
    }

    /// Something waits from now on: for EPOLLOUT, and for the send timer.
    fn begin_waiting(&mut self, shared: &mut Shared) -> Result<(), End> {
        self.write_armed = true;
        shared.counters.write_armed.add(1);
        self.register(shared)?;
        if let Some(timeout_ns) = shared.policy.send_timeout_ns {
            let sight = self.sight(shared)?;
            let deadline_ns = sight.now_ns.saturating_add(timeout_ns);
            let timer = shared.timers.arm(deadline_ns, Key::Send(self.token));
            self.timer = Some((timer, Watch::begin(sight.acked, sight.now_ns)));
        }
        Ok(())
    }

    /// The send timer has fired: has the peer been silent for so long?
    pub(in crate::server) fn look(&mut self, shared: &mut Shared) -> Result<(), End> {
        let Some(timeout_ns) = shared.policy.send_timeout_ns else { return Ok(()) };
        let sight = self.sight(shared)?;
        let Some((timer, watch)) = &mut self.timer else { return Ok(()) };
        match watch.look(&sight, timeout_ns) {
            Verdict::Evict => Err(Reason::SendTimeout.into()),
            Verdict::Look(at_ns) => {
                *timer = shared.timers.arm(at_ns, Key::Send(self.token));
                Ok(())
            }
        }
    }

    fn sight(&self, shared: &Shared) -> Result<Sight, End> {
        let info = sys::tcp_info(self.stream.as_fd()).map_err(|error| How::from_error(&error))?;
        Ok(Sight::new(&info, sys::monotonic_ns(), shared.jiffy_ns))
    }

    /// The end of the peer's stream is readiness that never goes away, and `EPOLLRDHUP` is always asked for:
    /// level-triggered it would spin, an edge reports it once.
    fn mode(&self, shared: &Shared) -> Mode {
        if self.input == Input::Muted { Mode::Edge } else { shared.policy.mode }
    }

    pub(super) fn register(&self, shared: &Shared) -> Result<(), End> {
        let interest = Interest { read: self.input != Input::Muted, write: self.write_armed };
        shared.counters.controls.add(1);
        let modified = shared.reactor.modify(&self.stream, self.token, interest, self.mode(shared));
        modified.map_err(|error| How::from_error(&error).into())
    }
}

/// What is in one piece goes out with `send(2)`: the vector costs the kernel about 100 ns, 2 % of a small answer.
struct Outlet<'a>(&'a TcpStream);

impl Write for Outlet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [slice] => self.0.write(slice),
            _ => self.0.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
