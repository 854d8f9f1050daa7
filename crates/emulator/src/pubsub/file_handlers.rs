//! The event handlers of files. They change while the emulator runs, and a reset keeps them.

use std::sync::{Arc, Mutex};

use transport::_internal::lock;

use crate::config::EventHandlerConfig;

/// The event handlers of files as they are now. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileHandlers(Arc<Mutex<Arc<[EventHandlerConfig]>>>);

impl FileHandlers {
    /// Returns the handlers; the same `Arc` for as long as they are the same.
    pub(super) fn current(&self) -> Arc<[EventHandlerConfig]> {
        Arc::clone(&lock(&self.0))
    }
}

/// The same, of an emulator that may have ended.
#[cfg(feature = "cli")]
#[derive(Clone, Debug)]
pub(crate) struct WeakFileHandlers(std::sync::Weak<Mutex<Arc<[EventHandlerConfig]>>>);

#[cfg(feature = "cli")]
impl FileHandlers {
    /// Replaces all handlers, which must have been checked.
    pub(crate) fn replace(&self, handlers: Vec<EventHandlerConfig>) {
        *lock(&self.0) = handlers.into();
    }

    pub(crate) fn downgrade(&self) -> WeakFileHandlers {
        WeakFileHandlers(Arc::downgrade(&self.0))
    }
}

#[cfg(feature = "cli")]
impl WeakFileHandlers {
    /// Returns the handlers, unless the emulator has ended.
    pub(crate) fn upgrade(&self) -> Option<FileHandlers> {
        self.0.upgrade().map(FileHandlers)
    }
}
