//! When requests are started, taken back, and over.

use super::*;

/// A group with these keys and so many requests that wait.
struct Fake {
    rules: Rules,
    waiting: u32,
    offers: u32,
    started: u32,
}

fn fake(load: &str, waiting: u32) -> Fake {
    let keys = format!("name = 'g'\ncount = 1\nload = {load}");
    let rules = Rules::of(&toml::from_str(&keys).expect("a group"));
    Fake { rules, waiting, offers: 0, started: 0 }
}

impl Workload for Fake {
    fn rules(&self) -> &Rules {
        &self.rules
    }
    fn start_due(&mut self, _: u64) {
        self.started += 1;
    }
    fn start_waiting(&mut self, _: u32) -> Option<Request> {
        self.waiting = self.waiting.checked_sub(1)?;
        Some(Request::due(5))
    }
    fn offer(&mut self, _: Token) {
        self.offers += 1;
    }
    fn take_back(&mut self, _: u64, _: u64) {
        self.started -= 1;
    }
    fn retry(&mut self, _: &Request, _: u32, _: u64) {
        self.waiting += 1;
    }
    fn answered(&mut self, _: &Request, _: bool, _: u64) -> bool {
        true
    }
    fn sent(&mut self, _: usize) {}
    fn received(&mut self, _: usize) {}
    fn cannot_vanish(&mut self, _: String) {}
}

const TOKEN: Token = Token::special(0);

/// Requests of 10 bytes.
fn requests() -> Requests {
    Requests::new(Encoder::echo(1, 10), 0)
}

#[test]
fn an_open_loop_starts_what_fits_and_offers_the_rest_of_the_room_once() {
    let mut workload = fake("{ rate = 100, depth = 2 }", 1);
    let mut requests = requests();
    requests.start_first(TOKEN, 7, false, &mut workload);
    requests.take_waiting(TOKEN, &mut workload);
    assert_eq!((requests.open(), workload.offers), (1, 1));
    workload.waiting = 5;
    requests.take_one(TOKEN, &mut workload);
    assert_eq!((requests.open(), workload.offers, workload.waiting), (2, 1, 4), "full");
    requests.note_sent(20, 8);
    assert!(requests.answered(0).is_some());
    requests.stop();
    requests.take_waiting(TOKEN, &mut workload);
    assert_eq!((requests.open(), workload.offers), (1, 1), "it takes no more");
}

#[test]
fn a_closed_loop_takes_back_only_requests_of_which_nothing_was_sent() {
    let mut workload = fake("{ depth = 3 }", 1);
    let mut requests = requests();
    requests.start_first(TOKEN, 7, false, &mut workload);
    assert_eq!((requests.open(), workload.started, workload.waiting), (3, 2, 0));
    requests.note_sent(11, 8);
    requests.take_back_unsent(9, &mut workload);
    assert_eq!((requests.open(), requests.left_to_send()), (2, 9));
    assert_eq!((workload.started, requests.unfinished_ns()), (1, Some(8)));
}

#[test]
fn a_retiring_connection_is_over_with_its_last_answer() {
    let mut workload = fake("{ depth = 1 }", 0);
    let mut requests = requests();
    requests.start_first(TOKEN, 7, false, &mut workload);
    requests.note_sent(10, 8);
    assert!(requests.retire() && requests.over(&workload.rules).is_none());
    assert!(requests.answered(0).is_some());
    assert_eq!(requests.over(&workload.rules), Some(Over::Close(CloseMethod::Close)));
    requests.set_last(Last::Proper);
    assert_eq!(requests.over(&workload.rules), Some(Over::Ended(CloseReason::AsAnnounced)));
}
