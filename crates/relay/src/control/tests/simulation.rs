//! A listener and a service over days of virtual time: tokens that expire every
//! hour, the daily recycle, cuts, half-open connections, refused renewals.

use super::*;
use crate::command::Accept;

/// What breaks, in a seeded order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trouble {
    /// The connection breaks with an error.
    Cut,
    /// Nothing arrives any more, in either direction, and neither side is notified.
    HalfOpen,
    /// Renewals get no token for this long.
    NoToken(Duration),
    /// The service closes with 1008 instead of accepting the next renewal.
    RefusedRenewal,
    /// Openings are refused with this status for this long; the connection breaks first.
    Refusing(u16, Duration),
    /// The service closes with 1011, as it does every day.
    Recycle,
}

/// The relay, as seen by a control channel.
#[derive(Debug)]
struct Service {
    /// When the current token expires.
    token_end: Option<Instant>,
    is_open: bool,
    half_open: bool,
    refuse_next_renewal: bool,
    refusing: Option<(StatusCode, Instant)>,
    no_token_until: Option<Instant>,
    opened_at: Instant,
    renewals: usize,
    openings: usize,
    /// Since when the channel has been gone, as far as the service knows.
    lost_at: Option<Instant>,
    longest_gap: Duration,
}

struct World {
    now: Instant,
    channel: ControlChannel,
    service: Service,
    tokens: u64,
    /// Events in transit: what the listener receives, and when.
    arriving: Vec<(Instant, Heard)>,
    accepted: usize,
}

#[derive(Debug)]
enum Heard {
    Token,
    Opened,
    Message(Message),
    Closed(Loss),
}

const LATENCY: Duration = Duration::from_millis(40);
const GRACE: Duration = Duration::from_secs(5 * 60);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl World {
    fn new(seed: u64) -> Self {
        let now = origin();
        let mut channel = ControlChannel::new(ControlOptions::default(), seed);
        channel.start(now);
        Self {
            now,
            channel,
            service: Service {
                token_end: None,
                is_open: false,
                half_open: false,
                refuse_next_renewal: false,
                refusing: None,
                no_token_until: None,
                opened_at: now,
                renewals: 0,
                openings: 0,
                lost_at: None,
                longest_gap: Duration::ZERO,
            },
            tokens: 0,
            arriving: Vec::new(),
            accepted: 0,
        }
    }

    fn hear(&mut self, heard: Heard) {
        self.arriving.push((self.now + LATENCY, heard));
    }

    /// The service closes with a code, or the connection breaks.
    fn lose(&mut self, close: Option<CloseCode>) {
        if std::mem::take(&mut self.service.is_open) {
            self.service.lost_at.get_or_insert(self.now);
            // What was in transit is lost with the connection.
            self.arriving
                .retain(|(_, heard)| matches!(heard, Heard::Token));
            if let Some(code) = close {
                let frame = CloseFrame::new(code, "TrackingId:x");
                self.hear(Heard::Message(Message::Close(Some(frame))));
            }
            self.hear(Heard::Closed(Loss::Ended));
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Abort(_) => {
                if std::mem::take(&mut self.service.is_open) {
                    self.service.lost_at.get_or_insert(self.now);
                }
                self.service.half_open = false;
                self.arriving.clear();
            }
            Action::FetchToken => {
                self.arriving
                    .retain(|(_, heard)| !matches!(heard, Heard::Token));
                self.hear(Heard::Token);
            }
            Action::Dial(token) => {
                assert!(token.is_some());
                assert!(!self.service.is_open, "two sockets at once");
                self.service.openings += 1;
                match self.service.refusing {
                    Some((status, until)) if self.now < until => {
                        self.hear(Heard::Closed(Loss::Refused(status)));
                    }
                    _ => {
                        self.service.refusing = None;
                        self.hear(Heard::Opened);
                    }
                }
            }
            Action::Transmit(message) if self.service.is_open && !self.service.half_open => {
                match message {
                    Message::Ping(_) => self.hear(Heard::Message(Message::Pong(Bytes::new()))),
                    Message::Text(text) => self.renew(&text),
                    message => panic!("the service understands no {message:?}"),
                }
            }
            Action::Transmit(_) => {}
        }
    }

    fn renew(&mut self, text: &str) {
        let Ok(Some(Reply::RenewToken(_))) = Reply::decode(text) else {
            panic!("expected a renewal");
        };
        if std::mem::take(&mut self.service.refuse_next_renewal) {
            self.lose(Some(CloseCode::POLICY_VIOLATION));
            return;
        }
        self.service.renewals += 1;
        self.service.token_end = Some(self.now + HOUR);
    }

    fn deliver(&mut self, heard: Heard) {
        let now = self.now;
        match heard {
            Heard::Token => {
                let token = match self.service.no_token_until {
                    Some(until) if now < until => Err(TokenUnavailable),
                    _ => {
                        self.tokens += 1;
                        Ok(Some((Secret::new(format!("token {}", self.tokens)), HOUR)))
                    }
                };
                self.channel.handle_token(now, token);
            }
            Heard::Opened => {
                self.service.is_open = true;
                self.service.half_open = false;
                self.service.opened_at = now;
                self.service.token_end = Some(now + HOUR);
                if let Some(lost) = self.service.lost_at.take() {
                    let gap = now - lost;
                    self.service.longest_gap = self.service.longest_gap.max(gap);
                }
                self.channel.handle_open(now);
            }
            Heard::Message(message) if self.service.half_open => drop(message),
            Heard::Message(message) => self.channel.handle_message(now, message).unwrap(),
            Heard::Closed(loss) => self.channel.handle_closed(now, loss),
        }
    }

    /// Lets time pass up to `until`, event by event.
    fn run(&mut self, until: Instant) {
        for _ in 0..1_000_000 {
            while let Some(action) = self.channel.poll_action() {
                self.perform(action);
            }
            while let Some(event) = self.channel.poll_event() {
                match event {
                    Event::Incoming(_) => self.accepted += 1,
                    Event::Offline => panic!("given up at {:?}", self.now),
                    _ => {}
                }
            }
            let expiry = self
                .service
                .token_end
                .filter(|_| self.service.is_open)
                .map(|end| end + GRACE);
            let recycle = Some(self.service.opened_at + DAY).filter(|_| self.service.is_open);
            let heard = self.arriving.iter().map(|(at, _)| *at).min();
            let timer = self.channel.poll_timeout();
            let next = [expiry, recycle, heard, timer].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            if heard == Some(next) {
                let index = self.arriving.iter().position(|(at, _)| *at == next);
                let (_, heard) = self.arriving.remove(index.unwrap());
                self.deliver(heard);
            } else if expiry == Some(next) {
                self.lose(Some(CloseCode::POLICY_VIOLATION));
            } else if recycle == Some(next) {
                self.lose(Some(CloseCode::INTERNAL_ERROR));
            } else {
                self.channel.handle_timeout(self.now);
            }
        }
        panic!("the simulation does not end");
    }

    fn strike(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Cut => self.lose(None),
            Trouble::HalfOpen => {
                if self.service.is_open {
                    self.service.half_open = true;
                    self.service.lost_at.get_or_insert(self.now);
                    self.arriving
                        .retain(|(_, heard)| matches!(heard, Heard::Token));
                }
            }
            Trouble::NoToken(time) => self.service.no_token_until = Some(self.now + time),
            Trouble::RefusedRenewal => self.service.refuse_next_renewal = true,
            Trouble::Refusing(status, time) => {
                let status = StatusCode::from_u16(status).unwrap();
                self.service.refusing = Some((status, self.now + time));
                self.lose(None);
            }
            Trouble::Recycle => self.lose(Some(CloseCode::INTERNAL_ERROR)),
        }
    }

    /// A sender arrives; the relay announces it if it believes that a listener is connected.
    fn announce(&mut self) {
        let accept = Accept::new("wss://h/$hc/hc1?sb-hc-action=accept", "I");
        self.hear(Heard::Message(Message::text(
            Command::Accept(accept).encode(),
        )));
    }

    fn is_really_online(&self) -> bool {
        self.service.is_open
            && !self.service.half_open
            && self.channel.state == ChannelState::Online
    }
}

#[test]
fn a_quiet_day_needs_one_socket_and_a_renewal_for_each_hour() {
    let mut world = World::new(1);
    let end = world.now + DAY - HOUR / 60;
    world.run(end);
    assert!(world.is_really_online());
    assert_eq!(world.service.openings, 1);
    assert!(
        (28..36).contains(&world.service.renewals),
        "{}",
        world.service.renewals
    );
    assert_eq!(world.service.longest_gap, Duration::ZERO);
    // The daily recycle, and beyond.
    world.run(end + HOUR);
    assert!(world.is_really_online());
    assert_eq!(world.service.openings, 2);
    assert!(
        world.service.longest_gap <= LATENCY * 4,
        "{:?}",
        world.service.longest_gap
    );
}

#[test]
fn after_each_trouble_the_listener_is_online_within_its_back_off() {
    let second = Duration::from_secs(1);
    let longest_delay = Reconnect::longest();
    let silence = KeepAlive::DEFAULT_INTERVAL + KeepAlive::DEFAULT_GRACE;
    for (trouble, within) in [
        (Trouble::Cut, second),
        (Trouble::Recycle, second),
        (Trouble::HalfOpen, silence + second),
        (
            Trouble::Refusing(404, 10 * 60 * second),
            10 * 60 * second + longest_delay + second,
        ),
        (
            Trouble::Refusing(401, 40 * second),
            40 * second + longest_delay + second,
        ),
        (
            Trouble::Refusing(503, 3 * second),
            3 * second + 5 * second + second,
        ),
    ] {
        let mut world = World::new(2);
        world.run(world.now + HOUR / 2);
        world.strike(trouble);
        world.run(world.now + within);
        assert!(world.is_really_online(), "{trouble:?}");
    }
    // These become visible only at the next renewal.
    for trouble in [Trouble::RefusedRenewal, Trouble::NoToken(HOUR / 2)] {
        let mut world = World::new(3);
        world.run(world.now + HOUR / 2);
        world.strike(trouble);
        world.run(world.now + HOUR);
        assert!(world.is_really_online(), "{trouble:?}");
        assert!(world.service.longest_gap <= second, "{trouble:?}");
    }
}

#[test]
fn days_of_trouble_in_any_order_are_survived() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        let mut random = SplitMix64::new(seed ^ 0xabcd);
        let mut announced = 0;
        world.run(world.now + HOUR / 60);
        for _ in 0..40 {
            world.run(world.now + random.part_of(2 * HOUR));
            let span = random.part_of(20 * HOUR / 60);
            let kinds = [
                Trouble::Cut,
                Trouble::HalfOpen,
                Trouble::NoToken(span),
                Trouble::RefusedRenewal,
                Trouble::Refusing(404, span),
                Trouble::Refusing(401, span),
                Trouble::Recycle,
            ];
            let pick = random.part_of(Duration::from_nanos(kinds.len() as u64 * 1000 - 1));
            world.strike(kinds[pick.as_nanos() as usize / 1000]);
            // An announcement right before the loss belongs to a sender that times out;
            // one on a channel that really exists must arrive.
            if world.is_really_online() {
                world.announce();
                announced += 1;
                world.run(world.now + LATENCY * 2);
                assert_eq!(world.accepted, announced, "seed {seed}");
            }
        }
        // Whatever was refused or missing has ended by then.
        world.run(world.now + 21 * HOUR / 60 + 2 * Reconnect::longest());
        assert!(world.is_really_online(), "seed {seed}: {:?}", world.service);
        // Never gone for longer than two overlapping troubles, the time to notice a
        // silence, and the longest delay.
        let silence = KeepAlive::DEFAULT_INTERVAL + KeepAlive::DEFAULT_GRACE;
        let longest = 2 * 20 * HOUR / 60 + 2 * Reconnect::longest() + silence;
        let gap = world.service.longest_gap;
        assert!(gap <= longest, "seed {seed}: {gap:?}");
    }
}
