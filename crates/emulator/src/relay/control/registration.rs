//! The registration of a listener at its entity.

use std::sync::Arc;

use uuid::Uuid;

use crate::relay::entity::EntityView;
use crate::relay::namespace::Namespace;

/// A guard that removes the listener from its entity on drop, however the task ends.
pub(super) struct Registration {
    pub(super) namespace: Arc<Namespace>,
    pub(super) entity: EntityView,
    pub(super) key: Uuid,
    pub(super) id: String,
    pub(super) number: u64,
}

impl Registration {
    pub(super) fn remove(&self) {
        let (entity, listener) = (&self.entity.key, &self.id);
        if self.namespace.remove_listener(entity, self.key) {
            tracing::info!(entity, listener, "ListenerUnregistered");
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.remove();
    }
}
