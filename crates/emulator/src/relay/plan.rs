//! What a namespace is made from, at a start and at each reset, and its end.

use std::sync::Arc;

use transport::CloseFrame;

use super::Namespace;
use crate::changes::Changes;
use crate::clock::EmulatorClock;
use crate::config::RelayConfig;
use crate::front::Names;
use crate::identity::Authority;
use crate::journal::Journal;
use crate::live::Replaceable;
use crate::tasks::Tasks;

/// What a namespace is made from.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: RelayConfig,
    pub(crate) names: Arc<Names>,
    /// Judges Entra tokens.
    pub(crate) authority: Option<Arc<Authority>>,
    pub(crate) clock: EmulatorClock,
    pub(crate) journal: Journal,
}

impl Replaceable for Namespace {
    type Plan = Plan;

    fn start(plan: &Plan, tasks: Tasks, changes: Changes) -> Arc<Self> {
        let (config, clock) = (plan.config.clone(), plan.clock.clone());
        let authority = plan.authority.clone();
        let namespace = Self::new(config, authority, clock, tasks, changes);
        let namespace = namespace.with_names(Arc::clone(&plan.names));
        Arc::new(namespace.with_journal(plan.journal.for_service()))
    }

    fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    fn close(&self, frame: &CloseFrame) {
        self.say_goodbye(frame);
    }

    /// Nothing is left to do: every connection has a task that ends with the namespace.
    fn abort(&self) {}
}
