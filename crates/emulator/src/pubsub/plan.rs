//! What a service is made from, at a start and at each reset, and its end.

use std::sync::{Arc, OnceLock};

use transport::CloseFrame;

use super::{FileHandlers, Service};
use crate::changes::Changes;
use crate::clock::EmulatorClock;
use crate::config::PubSubConfig;
use crate::fault::FaultPlan;
use crate::front::Names;
use crate::identity::Authority;
use crate::journal::Journal;
use crate::live::Replaceable;
use crate::tasks::Tasks;

/// What a service is made from.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: PubSubConfig,
    pub(crate) file_handlers: FileHandlers,
    pub(crate) names: Arc<Names>,
    /// Judges Entra tokens.
    pub(crate) authority: Option<Arc<Authority>>,
    pub(crate) clock: EmulatorClock,
    pub(crate) journal: Journal,
    pub(crate) seed: Option<u64>,
    /// The faults that are armed from the start; already checked.
    pub(crate) faults: Option<FaultPlan>,
    /// The host and port that it identifies itself with, once the port is known.
    pub(crate) origin: Arc<OnceLock<String>>,
}

impl Replaceable for Service {
    type Plan = Plan;

    fn start(plan: &Plan, tasks: Tasks, changes: Changes) -> Arc<Self> {
        let service = Arc::new(Self::new(plan, tasks, changes));
        service.run();
        if let Some(faults) = &plan.faults {
            // They were checked.
            let _ = service.arm(faults.clone());
        }
        service
    }

    fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// No event handler is told of these ends: its events have ended, too.
    fn close(&self, frame: &CloseFrame) {
        let mut hubs = self.hubs();
        hubs.is_shut_down = true;
        for hub in std::mem::take(&mut hubs.by_name).into_values() {
            hubs.leaving.extend(hub.say_goodbye(frame));
        }
    }

    fn abort(&self) {
        let mut hubs = self.hubs();
        hubs.is_shut_down = true;
        for hub in std::mem::take(&mut hubs.by_name).into_values() {
            hub.abort_all();
        }
        for queue in std::mem::take(&mut hubs.leaving) {
            queue.abort();
        }
    }
}
