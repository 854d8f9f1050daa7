//! The events that wait for the application, and how far it is behind with them. Pure.

use std::collections::VecDeque;

use super::event::Event;
use crate::protocol::{Data, GroupStates, Metadata};

/// Events in order. Their size is known while the application has no room for them, and costs nothing
/// otherwise.
#[derive(Debug)]
pub(super) struct EventQueue {
    events: VecDeque<Event>,
    /// Whether the application has no room for events.
    is_held: bool,
    /// Whether events are counted: from when the application had no room until none waits.
    is_counting: bool,
    bytes: usize,
    max_bytes: usize,
    /// Whether it was reported that the application is behind.
    is_reported: bool,
}

impl EventQueue {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            events: VecDeque::new(),
            is_held: false,
            is_counting: false,
            bytes: 0,
            max_bytes,
            is_reported: false,
        }
    }

    #[cfg(feature = "client")]
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        if matches!(event, Event::ReconnectFailed { .. })
            && matches!(self.events.back(), Some(Event::ReconnectFailed { .. }))
        {
            // Nobody has read of the previous attempt; this one says how many there were.
            self.events.pop_back();
            self.bytes = self.bytes.saturating_sub(size_of::<Event>());
        }
        if self.is_counting {
            self.bytes = self.bytes.saturating_add(size(&event));
        }
        self.events.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if self.is_counting {
            let bytes = event.as_ref().map_or(0, size);
            self.bytes = self.bytes.saturating_sub(bytes);
            if self.events.is_empty() {
                self.is_counting = false;
                self.is_reported = false;
            }
        }
        event
    }

    /// Moves up to `most` events to `events`.
    #[cfg(feature = "client")]
    pub(super) fn take(&mut self, most: usize, events: &mut VecDeque<Event>) {
        if events.is_empty() && !self.is_counting && self.events.len() <= most {
            // In one go, as most of the time.
            std::mem::swap(&mut self.events, events);
            return;
        }
        for _ in 0..most {
            let Some(event) = self.pop() else {
                return;
            };
            events.push_back(event);
        }
    }

    /// The application has no room for events, or has room again.
    pub(super) fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
        if is_held && !self.is_counting {
            self.is_counting = true;
            self.bytes = self.events.iter().map(size).sum();
        }
        if !is_held && self.events.is_empty() {
            // The application has caught up without an event of those that were counted.
            self.is_counting = false;
            self.is_reported = false;
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Whether as much waits as may, and the application has no room for it.
    pub(super) fn is_behind(&self) -> bool {
        self.is_held && self.bytes >= self.max_bytes
    }

    /// How many events are unread and how much memory they take, if that is to be reported: once until
    /// the application has caught up.
    pub(super) fn report(&mut self) -> Option<(usize, usize)> {
        let was_reported = std::mem::replace(&mut self.is_reported, true);
        (!was_reported).then_some((self.events.len(), self.bytes))
    }
}

/// About how much memory an event takes.
fn size(event: &Event) -> usize {
    let own = match event {
        Event::GroupMessage {
            group,
            from_user_id,
            data,
            metadata,
            ..
        } => {
            let user = from_user_id.as_ref().map_or(0, |user| user.len());
            group.len() + user + data_size(data) + metadata_size(metadata)
        }
        Event::ServerMessage { data, metadata, .. } => data_size(data) + metadata_size(metadata),
        Event::GroupState { states, .. } => states_size(states),
        _ => 0,
    };
    size_of::<Event>() + own
}

fn data_size(data: &Data) -> usize {
    data.as_bytes().len()
}

fn metadata_size(metadata: &Metadata) -> usize {
    let sizes = metadata.iter().map(|(name, value)| entry_size(name, value));
    sizes.sum()
}

fn states_size(states: &GroupStates) -> usize {
    let items = states.items.iter().map(|item| {
        let user = item.user_id.as_ref().map_or(0, String::len);
        let state = item.state.iter().flatten();
        let state: usize = state.map(|(name, value)| entry_size(name, value)).sum();
        size_of_val(item) + item.connection_id.len() + user + state
    });
    states.group.len() + items.sum::<usize>()
}

fn entry_size(name: &str, value: &str) -> usize {
    2 * size_of::<String>() + name.len() + value.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::GroupStateItem;
    use crate::session::action::DialError;

    const OWN: usize = size_of::<Event>();
    const STRING: usize = size_of::<String>();

    fn message(len: usize) -> Event {
        Event::ServerMessage {
            data: Data::Binary(vec![0; len].into()),
            sequence_id: None,
            metadata: Metadata::new(),
        }
    }

    fn failed(attempts: u32) -> Event {
        let error = DialError::Transport;
        Event::ReconnectFailed { attempts, error }
    }

    /// What waits, by the report that is made once of it.
    fn waiting(queue: &mut EventQueue) -> Option<(usize, usize)> {
        queue.is_reported = false;
        queue.report()
    }

    #[test]
    fn an_event_counts_as_itself_and_every_text_that_it_carries() {
        let metadata = || {
            let metadata = Metadata::new().with("key", "val-7").unwrap();
            metadata.with("k", "v").unwrap()
        };
        let group = Event::GroupMessage {
            group: "a-group-of-19-bytes".into(),
            from_user_id: Some("user-7b".into()),
            data: Data::Text("a payload of 24 bytes...".into()),
            sequence_id: Some(1),
            metadata: metadata(),
            stream: None,
        };
        let entries = 4 * STRING + (3 + 5) + (1 + 1);
        assert_eq!(size(&group), OWN + 19 + 7 + 24 + entries);
        let server = Event::ServerMessage {
            data: Data::Binary(vec![0; 1000].into()),
            sequence_id: None,
            metadata: metadata(),
        };
        assert_eq!(size(&server), OWN + 1000 + entries);
        assert_eq!(size(&Event::Stopped), OWN);
    }

    #[test]
    fn the_states_of_a_group_count_with_each_member() {
        let item = |connection_id: &str, user_id: Option<&str>, state: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            GroupStateItem {
                connection_id: connection_id.to_owned(),
                user_id: user_id.map(str::to_owned),
                state: Some(state.iter().map(pair).collect()),
                updated_at_ms: 1,
            }
        };
        let items = vec![
            item(
                "c-1",
                Some("user-1"),
                &[("mood", "fine"), ("at", "home-14")],
            ),
            item("connection-2", None, &[]),
        ];
        let event = Event::GroupState {
            states: GroupStates::new("group", items),
            is_snapshot: true,
        };
        let first = 3 + 6 + 4 * STRING + (4 + 4) + (2 + 7);
        let members = 2 * size_of::<GroupStateItem>() + first + 12;
        assert_eq!(size(&event), OWN + 5 + members);
    }

    #[test]
    fn what_waits_is_counted_from_when_there_is_no_room_until_nothing_waits() {
        let mut queue = EventQueue::new(3 * OWN + 30);
        queue.hold(false);
        queue.push(message(10));
        assert_eq!(waiting(&mut queue), Some((1, 0)), "it costs nothing yet");
        queue.hold(true);
        queue.push(message(20));
        assert_eq!(waiting(&mut queue), Some((2, 2 * OWN + 30)));
        // Once more is no news, and loses nothing of the count.
        queue.hold(true);
        queue.pop();
        assert_eq!(waiting(&mut queue), Some((1, OWN + 20)));
        // Room for some is not room for all.
        queue.hold(false);
        queue.push(message(5));
        assert_eq!(waiting(&mut queue), Some((2, 2 * OWN + 25)));
        queue.pop();
        queue.pop();
        assert_eq!(waiting(&mut queue), Some((0, 0)));
        queue.push(message(10));
        assert_eq!(waiting(&mut queue), Some((1, 0)), "there was room for all");
    }

    #[test]
    fn the_application_is_behind_at_its_limit_and_only_without_room() {
        let mut queue = EventQueue::new(2 * OWN + 3);
        queue.hold(true);
        queue.push(message(1));
        queue.push(message(1));
        assert!(!queue.is_behind());
        queue.pop();
        queue.push(message(2));
        assert!(queue.is_behind());
        queue.hold(false);
        assert!(!queue.is_behind());
    }

    #[test]
    fn it_is_reported_once_until_the_application_has_caught_up() {
        let mut queue = EventQueue::new(0);
        queue.hold(true);
        queue.push(message(1));
        queue.push(message(2));
        assert_eq!(queue.report(), Some((2, 2 * OWN + 3)));
        assert_eq!(queue.report(), None);
        queue.pop();
        assert_eq!(queue.report(), None, "one still waits");
        queue.pop();
        queue.hold(true);
        queue.push(message(4));
        assert_eq!(queue.report(), Some((1, OWN + 4)));
    }

    #[test]
    fn of_attempts_in_a_row_only_the_last_one_waits() {
        let mut queue = EventQueue::new(0);
        queue.hold(true);
        for event in [failed(1), failed(2), message(7), failed(3), failed(4)] {
            queue.push(event);
        }
        assert_eq!(waiting(&mut queue), Some((3, 3 * OWN + 7)));
        let events: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(events, [failed(2), message(7), failed(4)]);
    }

    #[cfg(feature = "client")]
    #[test]
    fn events_are_taken_in_order_and_no_more_than_asked_for() {
        for is_held in [false, true] {
            let mut queue = EventQueue::new(0);
            queue.hold(is_held);
            for len in 1..=5 {
                queue.push(message(len));
            }
            let mut taken = VecDeque::new();
            queue.take(2, &mut taken);
            assert_eq!(taken, [message(1), message(2)]);
            // Behind those that were not read.
            queue.take(1, &mut taken);
            assert_eq!(taken, [message(1), message(2), message(3)]);
            taken.clear();
            assert_eq!(queue.len(), 2);
            queue.take(2, &mut taken);
            assert_eq!(taken, [message(4), message(5)]);
            queue.take(2, &mut taken);
            assert_eq!((taken.len(), queue.len()), (2, 0));
            assert_eq!(waiting(&mut queue), Some((0, 0)));
        }
    }
}
