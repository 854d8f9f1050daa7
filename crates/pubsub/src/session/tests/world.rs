//! The world of a simulation: an application, its shell, a link with latency, loss, cuts and
//! half-open periods, and the service, in virtual time and from one seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use transport::_internal::SplitMix64;
use transport::Message;

use super::plan::{Plan, Random, Reader};
use super::rig::{SECOND, group, origin, text};
use super::service::{Output, Service, number};
use crate::protocol::Subprotocol;
use crate::session::{Action, DialTarget, Reply, Request, Session, SocketId};
use crate::{AckId, DialError, Event, RequestError, SendToGroupOptions, SessionOptions};

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Totals {
    pub(super) frames: u64,
    pub(super) cuts: u64,
    pub(super) recoveries: u64,
    pub(super) gaps: u64,
    pub(super) disconnected: u64,
    pub(super) unknown_requests: u64,
    /// Requests that failed because events were not read.
    pub(super) refused: u64,
    /// How often the socket had no room.
    pub(super) stalls: u64,
}

/// What callers have passed to the shell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Command {
    Ask(u64),
    /// A message without an ack.
    Post(u64),
}

pub(super) struct World {
    seed: u64,
    random: Random,
    now: Instant,
    start: Instant,
    session: Session,
    pub(super) service: Service,
    plan: Plan,
    agenda: BinaryHeap<Reverse<(Instant, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    next_happening: u64,
    links: BTreeMap<SocketId, Link>,
    /// The events that the application has room for.
    queue: VecDeque<Event>,
    commands: VecDeque<Command>,
    is_stalled: bool,
    is_asleep: bool,
    asked_at: BTreeMap<u64, Instant>,
    stalled_until: Instant,
    outage_until: Instant,
    published: u64,
    asked: u64,
    pub(super) posted: Vec<u64>,
    join: Option<AckId>,
    pending: BTreeMap<AckId, u64>,
    replies: BTreeMap<u64, Result<(), RequestError>>,
    pub(super) received: Vec<u64>,
    /// The number of payloads received when a gap was reported, or when an unrecoverable
    /// connection ended.
    gaps_at: BTreeSet<usize>,
    pub(super) totals: Totals,
}

/// The link of one socket, which delivers in order.
struct Link {
    is_cut: bool,
    target: DialTarget,
    last_up: Instant,
    last_down: Instant,
    /// What has arrived and was not read; `None` is the end.
    inbox: VecDeque<Option<Message>>,
    /// What the service has not taken because it cannot send.
    outbox: VecDeque<Message>,
    /// How many frames of the client the service has not taken.
    up: usize,
}

#[derive(Debug)]
enum Happening {
    Dialed(SocketId),
    Up(SocketId, Message),
    Down(SocketId, Message),
    ClientLost(SocketId),
    ServiceLost(SocketId),
    Cut(Duration),
    Stall(Duration),
    Publish,
    Ask,
    Sleep,
    Wake,
}

impl World {
    pub(super) fn new(seed: u64, subprotocol: Subprotocol, plan: Plan) -> Self {
        let start = origin();
        let mut random = Random(SplitMix64::new(seed));
        let options = SessionOptions {
            subprotocol: Some(subprotocol),
            max_unread_bytes: plan.max_unread_bytes,
            ..SessionOptions::default()
        };
        let mut world = Self {
            seed,
            now: start,
            start,
            session: Session::new(options, seed),
            service: Service::new(subprotocol, random.below(2) == 0),
            random,
            agenda: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            next_happening: 0,
            links: BTreeMap::new(),
            queue: VecDeque::new(),
            commands: VecDeque::new(),
            is_stalled: false,
            is_asleep: false,
            asked_at: BTreeMap::new(),
            stalled_until: start,
            outage_until: start,
            published: 0,
            asked: 0,
            posted: Vec::new(),
            join: None,
            pending: BTreeMap::new(),
            replies: BTreeMap::new(),
            received: Vec::new(),
            gaps_at: BTreeSet::new(),
            totals: Totals::default(),
            plan,
        };
        for (at, outage) in std::mem::take(&mut world.plan.cuts) {
            world.later(start + SECOND + at, Happening::Cut(outage));
        }
        for (at, length) in std::mem::take(&mut world.plan.stalls) {
            world.later(start + SECOND + at, Happening::Stall(length));
        }
        world
    }

    pub(super) fn run(&mut self) {
        if self.plan.reader == Reader::Stops {
            self.later(self.now + SECOND, Happening::Sleep);
        }
        self.session.start(self.now);
        let join = self
            .session
            .join_group(self.now, &group("g"))
            .expect("the session is started");
        self.join = Some(join);
        self.settle();
        for _ in 0..2_000_000 {
            if self.is_done() {
                return;
            }
            let happening = self.agenda.peek().map(|Reverse((at, _))| *at);
            let timeout = self.session.poll_timeout();
            let at = happening
                .into_iter()
                .chain(timeout)
                .min()
                .expect("something goes on");
            self.now = self.now.max(at);
            if timeout.is_some_and(|timeout| timeout <= self.now) {
                self.session.handle_timeout(self.now);
            } else if let Some(Reverse((_, id))) = self.agenda.pop() {
                let happening = self.happenings.remove(&id).expect("it is on the agenda");
                self.happen(happening);
            }
            self.settle();
        }
        panic!("seed {}: the simulation does not end", self.seed);
    }

    /// Whether everything was sent, and everything received was acknowledged.
    fn is_done(&self) -> bool {
        let settled = self.now >= self.outage_until + SECOND * 5;
        let asks = match self.plan.reader {
            Reader::InLoop => self.received.len() as u64,
            _ => self.plan.messages,
        };
        self.asked == asks
            && self.published == self.plan.messages
            && self.pending.is_empty()
            && self.service.posts.len() == self.posted.len()
            && (self.received.last() == Some(&self.plan.messages)
                || (settled && self.now > self.start + SECOND * 300))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Dialed(socket) => {
                let link = &self.links[&socket];
                if link.is_cut {
                } else if self.now < self.outage_until {
                    let error = DialError::Transport;
                    self.session.handle_dial_failed(self.now, socket, error);
                } else {
                    let target = link.target.clone();
                    self.session.handle_open(self.now, socket);
                    self.service.handle_open(self.now, socket, &target);
                }
            }
            Happening::Up(socket, message) => {
                if self.arrives(socket)
                    && let Some(link) = self.links.get_mut(&socket)
                {
                    link.outbox.push_back(message);
                    self.serve(socket);
                }
            }
            Happening::Down(socket, message) => {
                if self.arrives(socket) {
                    self.arrive(socket, Some(message));
                }
            }
            Happening::ClientLost(socket) => self.arrive(socket, None),
            Happening::Sleep => {
                self.is_asleep = true;
                let length = Duration::from_micros(self.random.below(2_000_000));
                self.later(self.now + length, Happening::Wake);
            }
            Happening::Wake => {
                self.is_asleep = false;
                let length = Duration::from_micros(self.random.below(3_000_000));
                self.later(self.now + length, Happening::Sleep);
            }
            Happening::ServiceLost(socket) => self.service.handle_lost(self.now, socket),
            Happening::Cut(outage) => {
                self.outage_until = self.outage_until.max(self.now + outage);
                self.cut_all();
            }
            Happening::Stall(length) => {
                self.stalled_until = self.stalled_until.max(self.now + length);
            }
            Happening::Publish => {
                self.published += 1;
                self.service.publish(self.now, self.published);
                if self.published < self.plan.messages {
                    let at = self.now + Duration::from_micros(self.random.below(60_000));
                    self.later(at, Happening::Publish);
                }
            }
            Happening::Ask => {
                // A caller waits for room, unless nothing may wait.
                if self.commands.len() < ROOM {
                    self.ask();
                } else if self.session.is_behind() && !self.session.is_ready() {
                    self.asked += 1;
                    self.asked_at.insert(self.asked, self.now);
                    let was_sent = false;
                    self.answer(self.asked, Err(RequestError::EventsNotRead { was_sent }));
                }
                if self.asked < self.plan.messages {
                    let at = self.now + Duration::from_micros(self.random.below(60_000));
                    self.later(at, Happening::Ask);
                }
            }
        }
    }

    /// Makes a request, on some links behind messages without an ack.
    fn ask(&mut self) {
        if self.plan.room.is_some() {
            for _ in 0..self.random.below(4) {
                let number = self.posted.len() as u64;
                self.posted.push(number);
                self.commands.push_back(Command::Post(number));
            }
        }
        self.asked += 1;
        self.asked_at.insert(self.asked, self.now);
        self.commands.push_back(Command::Ask(self.asked));
    }

    /// Passes commands to the session while it has room, and those that it refuses; returns
    /// whether there were any.
    fn command(&mut self) -> bool {
        if self.session.is_ready() {
            let command = self.commands.pop_front();
            return command.is_some_and(|command| self.pass(command));
        }
        let is_request = |command: &Command| matches!(command, Command::Ask(_));
        if !self.session.is_behind() || !self.commands.iter().any(is_request) {
            return false;
        }
        let (requests, posts) = std::mem::take(&mut self.commands)
            .into_iter()
            .partition(is_request);
        self.commands = posts;
        let requests: VecDeque<_> = requests;
        for request in requests {
            self.pass(request);
        }
        true
    }

    fn pass(&mut self, command: Command) -> bool {
        let options = SendToGroupOptions::default().with_no_echo(true);
        match command {
            Command::Ask(number) => {
                let payload = text(&number.to_string());
                match self
                    .session
                    .send_to_group(self.now, &group("g"), payload, options)
                {
                    Ok(id) => {
                        self.pending.insert(id, number);
                    }
                    Err(error) => self.answer(number, Err(error)),
                }
            }
            Command::Post(number) => {
                let post = Request::SendToGroup {
                    group: group("g"),
                    data: text(&number.to_string()),
                    options,
                };
                let posted = self.session.post(self.now, &post);
                assert_eq!(posted, Ok(()), "seed {}: post {number}", self.seed);
            }
        }
        true
    }

    /// Whether a request waits, in the shell or in the session.
    fn is_asking(&self) -> bool {
        let is_request = |command: &Command| matches!(command, Command::Ask(_));
        !self.pending.is_empty() || self.commands.iter().any(is_request)
    }

    /// The service takes frames, unless it cannot send.
    fn serve(&mut self, socket: SocketId) {
        while let Some(link) = self.links.get_mut(&socket)
            && self.plan.room.is_none_or(|room| link.inbox.len() < room)
            && let Some(message) = link.outbox.pop_front()
        {
            link.up -= 1;
            self.service.handle_message(socket, message);
        }
    }

    fn answer(&mut self, number: u64, result: Result<(), RequestError>) {
        let seed = self.seed;
        let duration = self.now - self.asked_at[&number];
        if let Some(longest) = self.plan.longest_answer {
            assert!(
                duration <= longest,
                "seed {seed}: {number} took {duration:?}"
            );
        }
        if matches!(result, Err(RequestError::EventsNotRead { .. })) {
            self.totals.refused += 1;
        }
        let before = self.replies.insert(number, result);
        assert_eq!(before, None, "seed {seed}: two replies");
    }

    fn arrive(&mut self, socket: SocketId, message: Option<Message>) {
        if let Some(link) = self.links.get_mut(&socket) {
            link.inbox.push_back(message);
        }
    }

    /// Reads what has arrived, as far as the session wants it; returns whether there was any.
    fn read(&mut self) -> bool {
        let mut progress = false;
        while self.session.wants_message()
            && let Some(mut entry) = self.links.last_entry()
            && let Some(message) = entry.get_mut().inbox.pop_front()
        {
            progress = true;
            let socket = *entry.key();
            match message {
                Some(message) => self
                    .session
                    .handle_message(self.now, socket, message)
                    .expect("the service speaks the subprotocol"),
                None => self.session.handle_closed(self.now, socket),
            }
            self.serve(socket);
            self.fill();
        }
        let is_paused = !self.session.wants_message();
        self.session.pause(self.now, is_paused);
        progress
    }

    /// Moves events to the application, as far as it has room.
    fn fill(&mut self) {
        while self.queue.len() < ROOM
            && let Some(event) = self.session.poll_event()
        {
            self.queue.push_back(event);
        }
        self.session.hold(self.now, self.queue.len() >= ROOM);
    }

    /// Whether the application reads now.
    fn is_reading(&self) -> bool {
        match self.plan.reader {
            Reader::Always => true,
            Reader::Stops => !self.is_asleep,
            Reader::InLoop => !self.is_asking(),
            Reader::Never => self.asked == self.plan.messages && !self.is_asking(),
        }
    }

    /// Whether a frame arrives; the plan may require a cut instead.
    fn arrives(&mut self, socket: SocketId) -> bool {
        if self.links[&socket].is_cut {
            return false;
        }
        if self.plan.cut_before == Some(self.totals.frames) {
            self.plan.cut_before = None;
            self.cut_all();
            return false;
        }
        self.totals.frames += 1;
        true
    }

    /// Cuts every connection; each side notices at its own time.
    fn cut_all(&mut self) {
        let open: Vec<SocketId> = self
            .links
            .iter()
            .filter(|(_, link)| !link.is_cut)
            .map(|(socket, _)| *socket)
            .collect();
        for socket in open {
            self.totals.cuts += 1;
            self.cut(socket);
            let notice = Duration::from_micros(self.random.below(100_000));
            self.later(self.now + notice, Happening::ClientLost(socket));
        }
    }

    fn cut(&mut self, socket: SocketId) {
        let notice = Duration::from_micros(self.random.below(3_000_000));
        self.later(self.now + notice, Happening::ServiceLost(socket));
        if let Some(link) = self.links.get_mut(&socket) {
            link.is_cut = true;
        }
    }

    /// Performs the actions of both sides.
    fn settle(&mut self) {
        loop {
            self.perform();
            self.fill();
            let mut progress = self.command();
            progress |= self.read();
            while self.is_reading()
                && let Some(event) = self.queue.pop_front()
            {
                progress = true;
                self.take(event);
                self.fill();
            }
            if !progress {
                return;
            }
        }
    }

    fn perform(&mut self) {
        // A socket without room keeps actions in the session, unless it is dropped.
        while !self.has_stalled()
            && let Some(action) = self.session.poll_action()
        {
            match action {
                Action::Dial { socket, target } => {
                    let link = Link {
                        is_cut: false,
                        target,
                        last_up: self.now,
                        last_down: self.now,
                        inbox: VecDeque::new(),
                        outbox: VecDeque::new(),
                        up: 0,
                    };
                    self.links.insert(socket, link);
                    let at = self.arrival(self.now);
                    self.later(at, Happening::Dialed(socket));
                }
                Action::Abort(socket) => self.cut(socket),
                Action::Transmit(message) => {
                    let socket = *self.links.keys().next_back().expect("it was dialled");
                    let at = self.arrival(self.links[&socket].last_up);
                    if let Some(link) = self.links.get_mut(&socket) {
                        link.last_up = at;
                        link.up += 1;
                    }
                    self.later(at, Happening::Up(socket, message));
                }
            }
        }
        let is_stalled = self.has_stalled();
        self.totals.stalls += u64::from(is_stalled && !self.is_stalled);
        self.is_stalled = is_stalled;
        self.session.stall(is_stalled);
        while let Some(output) = self.service.outputs.pop_front() {
            match output {
                Output::Send(socket, message) => {
                    let at = self.arrival(self.links[&socket].last_down);
                    if let Some(link) = self.links.get_mut(&socket) {
                        link.last_down = at;
                    }
                    self.later(at, Happening::Down(socket, message));
                }
                Output::Drop(socket) => {
                    let at = self.links[&socket].last_down.max(self.now);
                    self.later(at, Happening::ClientLost(socket));
                }
            }
        }
        while let Some(reply) = self.session.poll_reply() {
            if let Reply::Acknowledged(id, result) = reply {
                if self.join == Some(id) {
                    // A client that is not in the group yet misses nothing.
                    self.later(self.now, Happening::Publish);
                    if self.plan.reader != Reader::InLoop {
                        self.later(self.now, Happening::Ask);
                    }
                    continue;
                }
                let number = self.pending.remove(&id).expect("it was asked");
                self.answer(number, result.map(drop));
            }
        }
    }

    /// Whether the newest socket has no room.
    fn has_stalled(&self) -> bool {
        let newest = self.links.last_key_value();
        self.plan.room.is_some_and(|room| {
            newest.is_some_and(|(id, link)| link.up >= room && self.session.wants(*id))
        })
    }

    /// The application reads an event.
    fn take(&mut self, event: Event) {
        match event {
            Event::GroupMessage { data, .. } => {
                self.received.push(number(&data));
                if self.plan.reader == Reader::InLoop {
                    self.ask();
                }
            }
            Event::Gap { .. } => {
                self.totals.gaps += 1;
                self.gaps_at.insert(self.received.len());
            }
            Event::Disconnected { .. } => {
                self.totals.disconnected += 1;
                if !self.session.options().is_reliable() {
                    self.gaps_at.insert(self.received.len());
                }
            }
            Event::Recovered { .. } => self.totals.recoveries += 1,
            Event::Stopped => panic!("seed {}: stopped", self.seed),
            _ => {}
        }
    }

    fn arrival(&mut self, after: Instant) -> Instant {
        let latency = Duration::from_micros(200 + self.random.below(80_000));
        (self.now.max(self.stalled_until) + latency).max(after)
    }

    fn later(&mut self, at: Instant, happening: Happening) {
        self.agenda.push(Reverse((at, self.next_happening)));
        self.happenings.insert(self.next_happening, happening);
        self.next_happening += 1;
    }

    pub(super) fn check_nothing_lost(&self) {
        let all: Vec<u64> = (1..=self.plan.messages).collect();
        assert_eq!(self.received, all, "seed {}: received", self.seed);
        assert_eq!(self.service.executed, all, "seed {}: executed", self.seed);
        assert_eq!(self.totals.disconnected, 0, "seed {}", self.seed);
        assert!(self.gaps_at.is_empty(), "seed {}", self.seed);
        let done = self.replies.values().filter(|reply| reply.is_ok()).count();
        assert_eq!(done as u64, self.plan.messages, "seed {}", self.seed);
    }

    pub(super) fn check_gaps_told(&mut self) {
        let seed = self.seed;
        for (index, pair) in self.received.windows(2).enumerate() {
            assert!(
                pair[0] < pair[1],
                "seed {seed}: doubled or reordered {pair:?}"
            );
            if pair[0] + 1 != pair[1] {
                assert!(
                    self.gaps_at.contains(&(index + 1)),
                    "seed {seed}: nobody told of the gap {pair:?}"
                );
            }
        }
        if self.received.first() != Some(&1) {
            assert!(self.gaps_at.contains(&0), "seed {seed}: gap at the start");
        }
        let executed = &self.service.executed;
        for pair in executed.windows(2) {
            assert!(pair[0] < pair[1], "seed {seed}: executed {pair:?}");
        }
        let executed: BTreeSet<u64> = executed.iter().copied().collect();
        for (number, reply) in &self.replies {
            match reply {
                Ok(()) => assert!(executed.contains(number), "seed {seed}: {number}"),
                Err(
                    RequestError::NotConnected | RequestError::EventsNotRead { was_sent: false },
                ) => {
                    assert!(!executed.contains(number), "seed {seed}: {number}");
                }
                Err(_) => self.totals.unknown_requests += 1,
            }
        }
        assert_eq!(self.replies.len() as u64, self.asked, "seed {seed}");
    }
}

/// How many events the application has room for, and how many commands the shell.
const ROOM: usize = 8;
