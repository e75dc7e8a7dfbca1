//! Streams that come back right, wrong, cut up and out of order.

use proptest::prelude::*;

use super::*;

const SIZE: usize = 100;

fn messages(stream: u32, range: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = vec![0; range.len()];
    content::fill(stream, range.start as u64, &mut bytes);
    bytes
}

/// Feeds `bytes` in pieces of `step`; the tally and the answered messages.
fn checked(bytes: &[u8], step: usize) -> (Tally, Vec<u64>) {
    let mut decoder = Decoder::new(5, SIZE as u64);
    let mut answers = Vec::new();
    for piece in bytes.chunks(step) {
        decoder.feed(piece, &mut |message| answers.push(message));
    }
    (decoder.tally(), answers)
}

proptest! {
    #[test]
    fn fragmentation_changes_nothing(len in 0_usize..1000, step in 1_usize..300) {
        let (tally, answers) = checked(&messages(5, 0..len), step);
        prop_assert_eq!(tally, Tally { verified: len as u64, ..Tally::default() });
        prop_assert_eq!(answers, (0..(len / SIZE) as u64).collect::<Vec<_>>());
    }

    #[test]
    fn fragmentation_changes_no_finding(cut in 1_usize..299, step in 1_usize..300) {
        let damaged = [messages(5, 0..cut), messages(5, 300..400), messages(5, cut..300)].concat();
        prop_assert_eq!(checked(&damaged, step), checked(&damaged, damaged.len()));
    }
}

#[test]
fn a_message_with_another_inside_is_torn() {
    let bytes = [messages(5, 0..137), messages(5, 200..300), messages(5, 137..200)].concat();
    let (tally, answers) = checked(&bytes, 50);
    assert_eq!((tally.torn, tally.reordered), (1, 0));
    assert_eq!(answers, [0, 2, 1]);
    assert_eq!(tally.corrupt, 163, "every byte that is not at its place");
    let fault = tally.first_fault.expect("a fault");
    assert_eq!((fault.at, fault.found), (137, Some(Origin { stream: 5, offset: 200 })));
}

#[test]
fn swapped_parts_are_reordered_or_torn() {
    let swapped = [messages(5, 100..200), messages(5, 0..100)].concat();
    let torn = [messages(5, 200..230), messages(5, 250..300), messages(5, 230..250)].concat();
    let right = messages(5, 300..400);
    let mut decoder = Decoder::new(5, SIZE as u64);
    let mut answers = Vec::new();
    decoder.feed_parts(&[swapped, torn, right].concat(), &mut |message| answers.push(message));
    let tally = decoder.tally();
    assert_eq!((tally.reordered, tally.torn, tally.verified), (2, 1, 400));
    assert_eq!(answers, [0, 1, 2, 3], "every byte of them has come");
    assert!((250..=270).contains(&tally.corrupt), "{}: one byte in 256 is right by chance", tally.corrupt);
    let fault = tally.first_fault.expect("a fault");
    assert_eq!((fault.at, fault.found), (0, Some(Origin { stream: 5, offset: 100 })));
}

#[test]
fn whole_messages_out_of_order_are_reordered() {
    let bytes = [messages(5, 100..200), messages(5, 0..100), messages(5, 200..300)].concat();
    let (tally, answers) = checked(&bytes, 64);
    assert_eq!((tally.torn, tally.reordered, answers.len()), (0, 1, 3));
}

#[test]
fn an_ambiguous_byte_belongs_to_the_later_message() {
    let first = |message: usize| messages(5, message * SIZE..message * SIZE + 1);
    let twin = (2..5000).find(|&message| first(message) == first(1)).expect("one in 256");
    let bytes = [messages(5, 0..100), messages(5, twin * SIZE..twin * SIZE + 100), messages(5, 100..200)];
    let (tally, answers) = checked(&bytes.concat(), 300);
    assert_eq!((tally.torn, tally.reordered), (0, 1));
    assert_eq!(answers, [0, twin as u64, 1]);
}

#[test]
fn a_piece_continues_where_its_message_was_torn() {
    // The last byte before the tear is also the last byte before message `twin`: it must not be taken for it.
    let last = |end: usize| messages(5, end - 1..end);
    let twin = (2..5000).find(|&message| last(message * SIZE) == last(137)).expect("one in 256");
    let other = messages(5, twin * SIZE..twin * SIZE + 100);
    let bytes = [messages(5, 0..137), other, messages(5, 137..200)].concat();
    let (tally, answers) = checked(&bytes, 300);
    assert_eq!((tally.torn, tally.reordered), (1, 0));
    assert_eq!(answers, [0, twin as u64, 1]);
}

#[test]
fn a_flipped_byte_is_one_corrupt_byte() {
    let mut bytes = messages(5, 0..300);
    bytes[150] ^= 1;
    let (tally, answers) = checked(&bytes, 300);
    assert_eq!((tally.corrupt, tally.torn, answers.len()), (1, 0, 3));
    assert_eq!(tally.first_fault, Some(Fault { stream: 5, at: 150, found: None, flaw: None }));
}

#[test]
fn wrong_bytes_at_the_end_are_judged_when_the_stream_ends() {
    for at in 286..300 {
        let mut bytes = messages(5, 0..300);
        bytes[at] ^= 1;
        let (mut decoder, mut answers) = (Decoder::new(5, SIZE as u64), Vec::new());
        decoder.feed(&bytes, &mut |message| answers.push(message));
        decoder.sent(400, &mut |_| panic!("more may come"));
        let place = |decoder: &Decoder| decoder.tally().first_fault.map(|fault| fault.at);
        assert_eq!((decoder.tally().corrupt, place(&decoder)), (300 - at as u64, Some(at as u64)));
        decoder.sent(300, &mut |message| answers.push(message));
        assert_eq!((decoder.tally().corrupt, place(&decoder)), (1, Some(at as u64)), "byte {at}");
        assert_eq!(answers, [0, 1, 2]);
    }
}

#[test]
fn a_dropped_byte_shifts_everything_behind_it() {
    let bytes = [messages(5, 0..150), messages(5, 151..300)].concat();
    let (tally, answers) = checked(&bytes, 300);
    assert_eq!((tally.corrupt, tally.torn), (149, 1));
    assert_eq!(answers, [0, 2], "message 1 never becomes whole");
}

#[test]
fn bytes_of_another_connection_are_named() {
    let bytes = [messages(5, 0..100), messages(9, 400..500), messages(5, 100..200)].concat();
    let (tally, answers) = checked(&bytes, 33);
    let fault = tally.first_fault.expect("a fault");
    assert_eq!(fault.found, Some(Origin { stream: 9, offset: 400 }));
    assert_eq!(fault.to_string(), "connection 6, received byte 101: this is byte 401 of connection 10");
    assert_eq!(answers, [0, 1]);
}

#[test]
fn hostile_input_takes_bounded_memory_and_time() {
    // The middle of each of a million messages.
    let mut decoder = Decoder::new(5, 64);
    let mut piece = [0; 16];
    for message in 0..100_000_u64 {
        content::fill(5, message * 64 * 3 + 64, &mut piece);
        decoder.feed(&piece, &mut |_| {});
    }
    assert!(decoder.pieces.len() <= MOST_PIECES, "{}", decoder.pieces.len());
    assert!(decoder.tally().torn > 10_000, "{:?}", decoder.tally());
    // Bytes that belong nowhere are not looked at forever.
    let mut decoder = Decoder::new(5, 64);
    let garbage = vec![0x5a; 1 << 20];
    for _ in 0..256 {
        decoder.feed(&garbage, &mut |_| {});
    }
    assert!(decoder.tally().corrupt >= (256 << 20) - 1024, "{:?}", decoder.tally());
    assert_eq!(decoder.strays, MOST_STRAYS);
}
