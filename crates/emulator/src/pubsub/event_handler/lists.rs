//! The event handlers of all hubs, by where they come from. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::EventHandlerConfig;

/// The event handlers by their origin, in the order in which they are asked, and by hub.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) of_settings: Vec<EventHandlerConfig>,
    pub(super) of_files: Arc<[EventHandlerConfig]>,
    /// Added while the emulator runs.
    pub(super) added: Vec<EventHandlerConfig>,
    /// By hub in lower case; the first handler that matches an event receives it.
    pub(super) by_hub: HashMap<String, Arc<[EventHandlerConfig]>>,
}

impl Lists {
    /// Puts them together by hub again, after a change.
    pub(super) fn sort(&mut self) {
        let mut by_hub = HashMap::<_, Vec<_>>::new();
        let settings = self.of_settings.iter().chain(&*self.of_files);
        for handler in settings.chain(&self.added) {
            let hub = handler.hub.to_ascii_lowercase();
            by_hub.entry(hub).or_default().push(handler.clone());
        }
        let by_hub = by_hub.into_iter();
        self.by_hub = by_hub.map(|(hub, list)| (hub, list.into())).collect();
    }
}
