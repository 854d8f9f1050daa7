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
