//! Every message, from its author to each of its receivers: what was sent, what came, and what may be
//! missing. Pure.
//!
//! A channel has one author, who sends one message after the other, and fixed receivers. A message is
//! missing at a receiver when a later one of its channel has come. That is allowed if the author's error
//! says that it may not have been delivered, or if the receiver has announced a gap and the message was
//! begun before the gap had ended; it is lost otherwise.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of a channel.
pub(crate) type Channel = usize;

/// The number of a receiver.
pub(crate) type Receiver = usize;

/// What an author knows about a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The service has accepted it.
    Accepted,
    /// It failed, and may have been delivered.
    Unknown,
    /// It failed, and was certainly not delivered.
    Never,
}

/// The totals of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) unknown: u64,
    pub(crate) never: u64,
    pub(crate) arrived: u64,
    /// Of unknown outcome, and did not arrive at a receiver.
    pub(crate) unknown_missed: u64,
    pub(crate) gaps: u64,
    /// Missing, and within an announced gap.
    pub(crate) in_gaps: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// Anything else that must not be.
    pub(crate) wrong: u64,
}

/// The messages of a run.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// Advances with every entry.
    tick: u64,
    channels: Vec<Entries>,
    receivers: Vec<Reader>,
    totals: Totals,
    violations: Vec<String>,
}

#[derive(Debug)]
struct Entries {
    name: String,
    /// Those that not every receiver has passed.
    sent: VecDeque<Sent>,
    /// The number of the next message; the first is 1.
    next: u64,
    places: BTreeMap<Receiver, Place>,
}

#[derive(Debug)]
struct Sent {
    number: u64,
    began: u64,
    outcome: Option<Outcome>,
    has_arrived: bool,
}

/// How far a receiver is in a channel.
#[derive(Debug, Default)]
struct Place {
    last: u64,
    /// The messages of unknown outcome that it has not got: they may still come.
    skipped: BTreeSet<u64>,
}

#[derive(Debug)]
struct Reader {
    name: String,
    /// Messages that were begun before this tick may be missing.
    excused: u64,
    /// The sequence id of its last message on this connection.
    sequence: u64,
}

impl Ledger {
    pub(crate) fn receiver(&self, name: impl Into<String>) -> Receiver {
        let mut book = self.book();
        book.receivers.push(Reader {
            name: name.into(),
            excused: 0,
            sequence: 0,
        });
        book.receivers.len() - 1
    }

    pub(crate) fn channel(&self, name: impl Into<String>, receivers: &[Receiver]) -> Channel {
        let mut book = self.book();
        let places = receivers
            .iter()
            .map(|&receiver| (receiver, Place::default()));
        book.channels.push(Entries {
            name: name.into(),
            sent: VecDeque::new(),
            next: 1,
            places: places.collect(),
        });
        book.channels.len() - 1
    }

    /// The author begins to send the next message; returns its number.
    pub(crate) fn begin(&self, channel: Channel) -> u64 {
        let mut book = self.book();
        book.tick += 1;
        let began = book.tick;
        let entries = &mut book.channels[channel];
        let number = entries.next;
        entries.next += 1;
        entries.sent.push_back(Sent {
            number,
            began,
            outcome: None,
            has_arrived: false,
        });
        number
    }

    /// The author knows the outcome.
    pub(crate) fn end(&self, channel: Channel, number: u64, outcome: Outcome) {
        let mut book = self.book();
        match outcome {
            Outcome::Accepted => book.totals.accepted += 1,
            Outcome::Unknown => book.totals.unknown += 1,
            Outcome::Never => book.totals.never += 1,
        }
        let entries = &mut book.channels[channel];
        let name = entries.name.clone();
        let mut has_arrived = false;
        if let Some(sent) = entries.of(number) {
            sent.outcome = Some(outcome);
            has_arrived = sent.has_arrived;
        }
        entries.trim();
        if outcome == Outcome::Never && has_arrived {
            book.wrong(format!(
                "{name} {number}: it came, though its error rules that out"
            ));
        }
    }

    /// A message has come to a receiver.
    pub(crate) fn arrived(&self, receiver: Receiver, channel: Channel, number: u64) {
        self.book().arrived(receiver, channel, number);
    }

    /// A message with this sequence id has come to a receiver, whose connection numbers them from 1.
    pub(crate) fn sequence(&self, receiver: Receiver, id: u64) {
        let mut book = self.book();
        let reader = &mut book.receivers[receiver];
        let expected = reader.sequence + 1;
        reader.sequence = id;
        let name = reader.name.clone();
        if id != expected {
            book.wrong(format!("{name}: sequence id {id}, and {expected} was next"));
        }
    }

    /// What is sent from now on, or was sent and has not come, may be missing at this receiver.
    pub(crate) fn gap(&self, receiver: Receiver) {
        self.book().receivers[receiver].excused = u64::MAX;
    }

    pub(crate) fn is_in_gap(&self, receiver: Receiver) -> bool {
        self.book().receivers[receiver].excused == u64::MAX
    }

    /// A receiver has announced a gap: the last sequence id before it, and the next one if the connection goes on.
    pub(crate) fn told_gap(&self, receiver: Receiver, last: u64, next: Option<u64>) {
        let mut book = self.book();
        let reader = &mut book.receivers[receiver];
        let (name, known) = (reader.name.clone(), reader.sequence);
        if let Some(next) = next {
            reader.sequence = next - 1;
        }
        if known != last {
            book.wrong(format!(
                "{name}: a gap after {last}, but {known} was the last"
            ));
        }
        book.totals.gaps += 1;
        drop(book);
        self.gap(receiver);
        if next.is_some() {
            self.complete(receiver);
        }
    }

    /// What is begun from now on must come to this receiver.
    pub(crate) fn complete(&self, receiver: Receiver) {
        let mut book = self.book();
        book.tick += 1;
        book.receivers[receiver].excused = book.tick;
    }

    /// A new connection numbers its messages from 1.
    pub(crate) fn new_connection(&self, receiver: Receiver) {
        self.book().receivers[receiver].sequence = 0;
    }

    /// Anything else that must not be.
    pub(crate) fn wrong(&self, what: impl fmt::Display) {
        self.book().wrong(what.to_string());
    }

    /// How many accepted messages have not come to a receiver that must get them.
    pub(crate) fn outstanding(&self) -> usize {
        self.book().outstanding().count()
    }

    /// The same of one receiver.
    pub(crate) fn outstanding_of(&self, receiver: Receiver) -> usize {
        self.book().missing(receiver).count()
    }

    /// The author of a channel has ended in the middle of a message.
    pub(crate) fn give_up(&self, channel: Channel) {
        let mut book = self.book();
        let entries = &mut book.channels[channel];
        let mut given_up = 0;
        for sent in &mut entries.sent {
            if sent.outcome.is_none() {
                sent.outcome = Some(Outcome::Unknown);
                given_up += 1;
            }
        }
        entries.trim();
        book.totals.unknown += given_up;
    }

    /// Counts what has not come as lost.
    pub(crate) fn close(&self) {
        let mut book = self.book();
        let lost: Vec<String> = book.outstanding().collect();
        book.totals.lost += lost.len() as u64;
        for text in lost {
            book.note(format!("{text} never came"));
        }
        let open = book.receivers.iter().filter(|it| it.excused == u64::MAX);
        let open: Vec<String> = open
            .map(|it| format!("{}: a gap without an end", it.name))
            .collect();
        for text in open {
            book.wrong(text);
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.book().totals
    }

    /// The first of what must not be, in words.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.book().violations.clone()
    }

    /// How many messages it remembers.
    pub(crate) fn len(&self) -> usize {
        self.book()
            .channels
            .iter()
            .map(|entries| entries.sent.len())
            .sum()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn arrived(&mut self, receiver: Receiver, channel: Channel, number: u64) {
        let excused = self.receivers[receiver].excused;
        let reader = self.receivers[receiver].name.clone();
        let Some(entries) = self.channels.get_mut(channel) else {
            return self.wrong(format!("{reader}: a message of a channel {channel}"));
        };
        let name = entries.name.clone();
        let is_known = number > 0 && number < entries.next;
        let Some(place) = entries.places.get_mut(&receiver).filter(|_| is_known) else {
            return self.wrong(format!("{reader}: {name} {number} is not for it"));
        };
        self.totals.arrived += 1;
        if number <= place.last {
            let last = place.last;
            if !place.skipped.remove(&number) {
                self.totals.doubled += 1;
                self.note(format!(
                    "{reader}: {name} {number} came again, after {last}"
                ));
            }
            return;
        }
        let mut lost = Vec::new();
        let mut is_wrong = false;
        for sent in &mut entries.sent {
            if sent.number == number {
                sent.has_arrived = true;
                is_wrong = sent.outcome == Some(Outcome::Never);
                break;
            }
            if sent.number <= place.last {
                continue;
            }
            match sent.outcome {
                Some(Outcome::Never) => {}
                Some(Outcome::Unknown) => {
                    self.totals.unknown_missed += 1;
                    place.skipped.insert(sent.number);
                    while place.skipped.len() > REMEMBERED {
                        place.skipped.pop_first();
                    }
                }
                _ if sent.began < excused => self.totals.in_gaps += 1,
                _ => lost.push(sent.number),
            }
        }
        place.last = number;
        entries.trim();
        self.totals.lost += lost.len() as u64;
        for missing in lost {
            self.note(format!("{reader}: {name} {number} came without {missing}"));
        }
        if is_wrong {
            self.wrong(format!(
                "{name} {number}: it came, though its error rules that out"
            ));
        }
    }

    fn outstanding(&self) -> impl Iterator<Item = String> {
        (0..self.receivers.len()).flat_map(|receiver| self.missing(receiver))
    }

    fn missing(&self, receiver: Receiver) -> impl Iterator<Item = String> {
        let reader = &self.receivers[receiver];
        self.channels.iter().flat_map(move |entries| {
            let place = entries.places.get(&receiver);
            let sent = place.map(|place| {
                entries.sent.iter().filter(|sent| {
                    sent.number > place.last
                        && sent.outcome == Some(Outcome::Accepted)
                        && sent.began >= reader.excused
                })
            });
            let missing = sent.into_iter().flatten();
            missing.map(move |sent| format!("{}: {} {}", reader.name, entries.name, sent.number))
        })
    }

    fn wrong(&mut self, what: String) {
        self.totals.wrong += 1;
        self.note(what);
    }

    fn note(&mut self, what: String) {
        if self.violations.len() < SHOWN {
            self.violations.push(what);
        }
    }
}

impl Entries {
    fn of(&mut self, number: u64) -> Option<&mut Sent> {
        self.sent
            .iter_mut()
            .rev()
            .find(|sent| sent.number == number)
    }

    /// Forgets what every receiver has passed, and its author knows.
    fn trim(&mut self) {
        let passed = self.places.values().map(|place| place.last).min();
        let passed = passed.unwrap_or(u64::MAX);
        while self
            .sent
            .front()
            .is_some_and(|sent| sent.outcome.is_some() && sent.number <= passed)
        {
            self.sent.pop_front();
        }
    }
}

/// How many messages of unknown outcome are remembered, which may still come.
const REMEMBERED: usize = 1000;

/// How much of what is wrong is shown.
const SHOWN: usize = 20;
