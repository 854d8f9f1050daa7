//! The place of a listener at its entity, for as long as it has one.

use std::sync::Arc;

use uuid::Uuid;

use crate::relay::entity::EntityView;
use crate::relay::namespace::Namespace;

/// Takes the listener off its entity on drop, however the task ends.
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
