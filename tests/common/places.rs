//! Places for tests that run beside each other. The test harness may have more threads than there are places: a test that
//! waits, for its turn or to run alone, then keeps nobody from running.

use std::{
    cell::Cell,
    marker::PhantomData,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Who is in the room.
struct Room {
    /// Tests that run beside others.
    beside: usize,
    /// Tests that wait for a place beside others.
    waiting: usize,
    /// Whether a test runs alone.
    is_alone: bool,
}

static ROOM: Mutex<Room> = Mutex::new(Room { beside: 0, waiting: 0, is_alone: false });
static CHANGED: Condvar = Condvar::new();

thread_local! {
    static HAS_PLACE: Cell<bool> = const { Cell::new(false) };
}

fn room() -> MutexGuard<'static, Room> {
    ROOM.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_until(room: MutexGuard<'static, Room>, is_so: impl Fn(&Room) -> bool) -> MutexGuard<'static, Room> {
    CHANGED.wait_while(room, |room| !is_so(room)).unwrap_or_else(PoisonError::into_inner)
}

/// Most tests wait for a window to end: several for each core keep the cores busy.
fn places() -> usize {
    thread::available_parallelism().map_or(2, |cores| cores.get() * 7 / 2)
}

fn enter() {
    let places = places();
    let mut room = room();
    room.waiting += 1;
    let mut room = wait_until(room, |room| !room.is_alone && room.beside < places);
    room.waiting -= 1;
    room.beside += 1;
    HAS_PLACE.set(true);
}

fn leave() {
    HAS_PLACE.set(false);
    room().beside -= 1;
    CHANGED.notify_all();
}

/// A place beside others, of this thread, until it is dropped.
pub(crate) struct Place(PhantomData<*const ()>);

impl Place {
    pub(crate) fn beside_others() -> Self {
        enter();
        Self(PhantomData)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        leave();
    }
}

/// The whole room, until it is dropped.
pub(crate) struct WholeRoom;

impl WholeRoom {
    /// Waits until no test runs, and none waits to run beside others.
    pub(crate) fn take() -> Self {
        let mut room = wait_until(room(), |room| !room.is_alone && room.beside == 0 && room.waiting == 0);
        room.is_alone = true;
        Self
    }
}

impl Drop for WholeRoom {
    fn drop(&mut self) {
        room().is_alone = false;
        CHANGED.notify_all();
    }
}

/// Waits for something that another test has, and leaves the place of this thread, if it has one, to others meanwhile.
pub(crate) fn outside<T>(wait: impl FnOnce() -> T) -> T {
    let had_place = HAS_PLACE.get();
    if had_place {
        leave();
    }
    let waited_for = wait();
    if had_place {
        enter();
    }
    waited_for
}
