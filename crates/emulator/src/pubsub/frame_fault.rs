//! Faults that strike connections and requests.

use std::sync::Arc;

use transport::CloseCode;

use super::Service;
use super::ending::{EndedBy, Ending};
use crate::fault::{
    self, Fault, FaultPlan, FaultRule, FaultState, Faults, Occasion, RuleError, Subject,
};
use crate::journal;

impl Service {
    /// Returns the fault that strikes on this occasion, if any.
    pub(super) fn strike(&self, at: Occasion, subject: &Subject<'_>) -> Option<Fault> {
        let (rule, fault) = self.faults.strike(at, subject)?;
        tracing::info!(
            rule,
            ?fault,
            ?at,
            connection_id = subject.connection,
            "a fault strikes"
        );
        self.journal
            .record(|| fault::record(journal::Service::PubSub, Some(rule), &fault, at, subject));
        self.changes.notify();
        Some(fault)
    }

    /// Arms a plan, in addition to those already armed.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the first invalid rule.
    pub(crate) fn arm(self: &Arc<Self>, plan: FaultPlan) -> Result<(), RuleError> {
        Faults::check(&plan)?;
        for rule in plan.rules.iter().filter(|rule| rule.at == Occasion::Now) {
            if rule.fault == Fault::ExpireTokens {
                self.record_at_once(rule, &Subject::default());
                self.tokens.expire_all(self.clock.wall());
                continue;
            }
            for (hub, id) in self.subjects_of(rule) {
                let subject = Subject {
                    scope: &hub,
                    connection: Some(&id),
                    ..Subject::default()
                };
                self.record_at_once(rule, &subject);
                self.break_connection(&hub, &id, &rule.fault);
            }
        }
        self.faults.arm(plan);
        self.changes.notify();
        Ok(())
    }

    /// Records that a rule strikes as it is armed.
    fn record_at_once(&self, rule: &FaultRule, subject: &Subject<'_>) {
        self.journal.record(|| {
            let service = journal::Service::PubSub;
            fault::record(service, None, &rule.fault, Occasion::Now, subject)
        });
    }

    /// Disarms all faults.
    pub(crate) fn disarm(&self) {
        self.faults.disarm();
        self.changes.notify();
    }

    /// Returns the armed rules and how often each has struck.
    pub(crate) fn fault_state(&self) -> FaultState {
        self.faults.state()
    }

    /// Applies a fault to a connection.
    pub(super) fn break_connection(self: &Arc<Self>, hub: &str, id: &str, fault: &Fault) {
        self.with_hub(hub, |hub_lock| {
            let Some(connection) = hub_lock.hub.connection(id) else {
                return;
            };
            match fault {
                Fault::Drop if !connection.is_reliable() => {
                    hub_lock.hub.abort(id, Ending::struck(), hub_lock.now);
                }
                Fault::Drop if connection.send_queue.is_detached() => {}
                Fault::Drop => {
                    connection.send_queue.drop_transport();
                    hub_lock.wait_for_recovery(id, &Ending::struck());
                }
                Fault::HalfOpen => connection.send_queue.stall(),
                Fault::Close { code, reason } => {
                    let code = CloseCode::new(*code).unwrap_or(CloseCode::NORMAL);
                    let ending = Ending::closed(EndedBy::Fault, code, reason.clone());
                    hub_lock.hub.close(id, ending, hub_lock.now);
                }
                _ => {}
            }
        });
    }

    pub(super) fn subjects_of(&self, rule: &FaultRule) -> Vec<(String, Arc<str>)> {
        let hubs = self.hubs();
        let mut found = Vec::new();
        for (name, hub) in &hubs.by_name {
            for connection in hub.connections() {
                let subject = Subject {
                    scope: name,
                    user: connection.user_id.as_deref(),
                    connection: Some(connection.id()),
                    number: connection.number(),
                };
                if rule.is_for(&subject) {
                    found.push((name.clone(), Arc::clone(connection.id())));
                }
            }
        }
        found
    }
}
