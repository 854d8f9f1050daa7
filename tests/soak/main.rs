//! The ledger of `cargo xtask soak`: it must see what is wrong, and nothing else.
#![expect(dead_code, reason = "the load program uses the rest")]

#[path = "../load/soak/ledger.rs"]
mod ledger;
#[path = "../load/soak/payload.rs"]
mod payload;
#[path = "../load/soak/resources.rs"]
mod resources;

use ledger::{Ledger, Outcome, Totals};
use pubsub::Data;

/// A channel with two receivers, and a message in it that has been accepted.
struct Setup {
    ledger: Ledger,
    one: usize,
    other: usize,
    channel: usize,
}

impl Setup {
    fn new() -> Self {
        let ledger = Ledger::default();
        let (one, other) = (ledger.receiver("one"), ledger.receiver("other"));
        let channel = ledger.channel("channel", &[one, other]);
        Self {
            ledger,
            one,
            other,
            channel,
        }
    }

    fn send(&self, outcome: Outcome) -> u64 {
        let number = self.ledger.begin(self.channel);
        self.ledger.end(self.channel, number, outcome);
        number
    }

    fn arrive(&self, receiver: usize, numbers: &[u64]) {
        for &number in numbers {
            self.ledger.arrived(receiver, self.channel, number);
        }
    }

    /// Returns lost, doubled and wrong.
    fn verdict(&self) -> (u64, u64, u64) {
        self.ledger.close();
        let Totals {
            lost,
            doubled,
            wrong,
            ..
        } = self.ledger.totals();
        assert_eq!(
            self.ledger.violations().is_empty(),
            lost + doubled + wrong == 0
        );
        (lost, doubled, wrong)
    }
}

#[test]
fn what_comes_once_and_in_order_is_right_and_is_forgotten() {
    let setup = Setup::new();
    for _ in 0..100 {
        let number = setup.send(Outcome::Accepted);
        setup.arrive(setup.one, &[number]);
        setup.arrive(setup.other, &[number]);
    }
    assert_eq!(setup.ledger.len(), 0);
    assert_eq!(setup.verdict(), (0, 0, 0));
    assert_eq!(setup.ledger.totals().arrived, 200);
}

#[test]
fn what_does_not_come_is_lost() {
    let setup = Setup::new();
    for _ in 0..3 {
        setup.send(Outcome::Accepted);
    }
    setup.arrive(setup.one, &[1, 2, 3]);
    // One in the middle, and one at the end.
    setup.arrive(setup.other, &[1]);
    assert_eq!(setup.ledger.outstanding(), 2);
    assert_eq!(setup.verdict(), (2, 0, 0));

    let setup = Setup::new();
    for _ in 0..3 {
        setup.send(Outcome::Accepted);
    }
    setup.arrive(setup.one, &[1, 3]);
    setup.arrive(setup.other, &[1, 2, 3]);
    assert_eq!(setup.verdict(), (1, 0, 0));
}

#[test]
fn what_comes_twice_or_late_is_doubled() {
    for numbers in [&[1, 1, 2][..], &[1, 2, 1]] {
        let setup = Setup::new();
        setup.send(Outcome::Accepted);
        setup.send(Outcome::Accepted);
        setup.arrive(setup.one, numbers);
        setup.arrive(setup.other, &[1, 2]);
        assert_eq!(setup.verdict(), (0, 1, 0), "{numbers:?}");
    }
}

#[test]
fn what_failed_may_be_missing_or_come_late_but_not_twice() {
    let setup = Setup::new();
    setup.send(Outcome::Unknown);
    setup.send(Outcome::Accepted);
    setup.arrive(setup.one, &[2, 1]);
    setup.arrive(setup.other, &[2]);
    assert_eq!(setup.verdict(), (0, 0, 0));
    assert_eq!(setup.ledger.totals().unknown_missed, 2);
    setup.arrive(setup.one, &[1]);
    assert_eq!(setup.verdict(), (0, 1, 0));
}

#[test]
fn what_was_never_delivered_must_not_come() {
    let setup = Setup::new();
    setup.send(Outcome::Never);
    setup.send(Outcome::Accepted);
    setup.arrive(setup.one, &[2]);
    setup.arrive(setup.other, &[2]);
    assert_eq!(setup.verdict(), (0, 0, 0));

    let setup = Setup::new();
    setup.send(Outcome::Never);
    setup.arrive(setup.one, &[1]);
    assert_eq!(setup.verdict(), (0, 0, 1));

    // It may come before its author knows.
    let setup = Setup::new();
    let number = setup.ledger.begin(setup.channel);
    setup.arrive(setup.one, &[number]);
    setup.ledger.end(setup.channel, number, Outcome::Never);
    assert_eq!(setup.verdict(), (0, 0, 1));
}

#[test]
fn a_gap_excuses_what_was_begun_before_its_end_at_its_receiver_alone() {
    let setup = Setup::new();
    setup.send(Outcome::Accepted);
    setup.arrive(setup.one, &[1]);
    setup.ledger.sequence(setup.one, 1);
    setup.send(Outcome::Accepted);
    setup.ledger.told_gap(setup.one, 1, None);
    setup.send(Outcome::Accepted);
    setup.ledger.new_connection(setup.one);
    setup.ledger.complete(setup.one);
    let after = setup.send(Outcome::Accepted);
    assert_eq!(setup.ledger.outstanding_of(setup.one), 1);
    setup.arrive(setup.one, &[after]);
    setup.ledger.sequence(setup.one, 1);
    assert_eq!(setup.ledger.totals().in_gaps, 2);
    setup.arrive(setup.other, &[1, 4]);
    assert_eq!(setup.verdict(), (2, 0, 0), "the other has no gap");

    let setup = Setup::new();
    setup.ledger.told_gap(setup.one, 0, None);
    setup.ledger.complete(setup.one);
    setup.send(Outcome::Accepted);
    setup.send(Outcome::Accepted);
    setup.arrive(setup.one, &[2]);
    setup.arrive(setup.other, &[1, 2]);
    assert_eq!(setup.verdict(), (1, 0, 0), "the gap had ended");
}

#[test]
fn a_gap_that_does_not_end_or_is_somewhere_else_is_wrong() {
    let setup = Setup::new();
    setup.ledger.told_gap(setup.one, 0, None);
    assert_eq!(setup.verdict(), (0, 0, 1));

    let setup = Setup::new();
    setup.ledger.sequence(setup.one, 1);
    setup.ledger.sequence(setup.one, 2);
    setup.ledger.told_gap(setup.one, 1, Some(5));
    setup.ledger.sequence(setup.one, 5);
    assert_eq!(setup.verdict(), (0, 0, 1));
}

#[test]
fn sequence_ids_without_one_are_wrong() {
    let setup = Setup::new();
    for id in [1, 2, 4] {
        setup.ledger.sequence(setup.one, id);
    }
    assert_eq!(setup.verdict(), (0, 0, 1));
}

#[test]
fn what_nobody_sent_or_is_for_others_is_wrong() {
    let setup = Setup::new();
    setup.send(Outcome::Accepted);
    setup.arrive(setup.one, &[1, 2]);
    setup.arrive(setup.other, &[1]);
    setup.ledger.arrived(setup.one, 7, 1);
    let stranger = setup.ledger.receiver("stranger");
    setup.arrive(stranger, &[1]);
    assert_eq!(setup.verdict(), (0, 0, 3));
}

#[test]
fn a_payload_is_read_only_as_it_was_sent() {
    for number in 0..200 {
        let data = payload::message(7, number);
        assert_eq!(payload::read(&data), Some((7, number)));
        let mut bytes = data.as_bytes().to_vec();
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        assert_eq!(payload::read(&Data::Binary(bytes.into())), None);
    }
    let all = payload::bytes(3, 0, 100);
    assert!(payload::are_bytes(3, 0, &all));
    assert!(payload::are_bytes(3, 41, &all[41..]));
    assert!(!payload::are_bytes(3, 40, &all[41..]));
    assert!(!payload::are_bytes(4, 0, &all));
}

#[test]
fn growth_is_that_of_the_last_quarter_over_the_second() {
    let flat: Vec<f64> = (0..40)
        .map(|n| f64::from(if n < 10 { n } else { 100 }))
        .collect();
    assert!(resources::growth(&flat, 0.05, 0.0).is_flat);
    let rising: Vec<f64> = (0..40).map(|n| f64::from(100 + n)).collect();
    let growth = resources::growth(&rising, 0.05, 0.0);
    assert_eq!((growth.second, growth.last), (115.0, 135.0));
    assert!(!growth.is_flat);
    assert!(resources::growth(&rising, 0.05, 20.0).is_flat);
}
