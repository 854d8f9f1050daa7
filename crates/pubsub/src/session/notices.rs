//! Reports to whoever watches a session, at the time when something happens: an event itself may wait
//! for groups to be rejoined, and for the application. Pure.

use std::collections::VecDeque;

use super::event::Event;

/// A report to the watcher of a session.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "client"),
    expect(dead_code, reason = "nothing else watches a session")
)]
pub(crate) enum Notice {
    /// Something has become of the connection.
    Event(Event),
    /// Requests fail because events are not read: how many wait, and about how much memory they take.
    Unread { events: usize, bytes: usize },
}

/// The reports that the watcher has not taken.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// `None` without a watcher, since nothing would empty it.
    queue: Option<VecDeque<Notice>>,
}

impl Notices {
    #[cfg(feature = "client")]
    pub(super) fn watch(&mut self) {
        self.queue.get_or_insert_default();
    }

    #[cfg(feature = "client")]
    pub(super) fn poll(&mut self) -> Option<Notice> {
        self.queue.as_mut()?.pop_front()
    }

    /// Reports an event, unless it is a message.
    #[inline]
    pub(super) fn add_event(&mut self, event: &Event) {
        let is_message = matches!(
            event,
            Event::GroupMessage { .. } | Event::ServerMessage { .. } | Event::GroupState { .. }
        );
        if let Some(queue) = &mut self.queue
            && !is_message
        {
            queue.push_back(Notice::Event(event.clone()));
        }
    }

    pub(super) fn add_unread(&mut self, events: usize, bytes: usize) {
        if let Some(queue) = &mut self.queue {
            queue.push_back(Notice::Unread { events, bytes });
        }
    }
}
