//! What operators see of a pair: its counters and its log.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Instant;

use transport::SharedRuntime;

use crate::metrics::{FailureReason, Metrics, OpenTarget, Role, TargetCounters};
use crate::pump::{EndCause, Ended};

/// Counts and logs what becomes of one connection.
#[derive(Debug)]
pub(crate) struct Record {
    metrics: Metrics,
    runtime: SharedRuntime,
    role: Role,
    /// When the connection was accepted, and then when data could flow.
    since: Instant,
}

impl Record {
    pub(crate) fn new(metrics: &Metrics, runtime: &SharedRuntime, role: Role) -> Self {
        Self {
            metrics: metrics.clone(),
            runtime: runtime.clone(),
            role,
            since: runtime.now(),
        }
    }

    /// Notes when the target is dialled, so that the time of the greeting does not count.
    pub(crate) fn dialling(&mut self) {
        self.since = self.runtime.now();
    }

    /// The connection came to nothing. `error` is logged with its cause: as a warning, unless there was one of that
    /// reason and target a moment ago.
    pub(crate) fn failed(
        self,
        target: Option<&TargetCounters>,
        why: FailureReason,
        error: &(dyn StdError + 'static),
    ) {
        self.metrics.failed(self.role, target, why);
        let warnings = match target {
            Some(target) => &target.warnings,
            None => &self.metrics.role(self.role).warnings,
        };
        let (cause, reason) = (error.source(), why.as_str());
        match warnings.strike(self.runtime.now(), why) {
            Some(count) => {
                // Of one the text says it.
                let count = (count > 1).then_some(count);
                tracing::warn!(count, error, cause, reason, "a connection failed");
            }
            None => tracing::debug!(error, cause, reason, "a connection failed"),
        }
    }

    /// Data can flow.
    pub(crate) fn open(self, target: Arc<TargetCounters>) -> OpenRecord {
        let now = self.runtime.now();
        let counters = self.metrics.role(self.role);
        counters.dialled(now.saturating_duration_since(self.since));
        tracing::debug!("open");
        OpenRecord {
            _open: target.open(),
            record: Self { since: now, ..self },
        }
    }
}

/// An open pair, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenRecord {
    record: Record,
    _open: OpenTarget,
}

impl OpenRecord {
    pub(crate) fn ended(self, ended: &Ended) {
        let Record {
            metrics,
            runtime,
            role,
            since,
        } = &self.record;
        let after = runtime.now().saturating_duration_since(*since);
        metrics.role(*role).was_open(after);
        let Ended {
            sent,
            received,
            cause,
        } = ended;
        let why: Option<(FailureReason, Option<&(dyn StdError + 'static)>)> = match cause {
            EndCause::Complete => None,
            EndCause::Idle => Some((FailureReason::Idle, None)),
            EndCause::Local(error) => Some((FailureReason::LocalReset, Some(error))),
            EndCause::Relay(error) => Some((FailureReason::RelayLost, Some(error))),
            EndCause::Stopped => Some((FailureReason::Stopped, None)),
            EndCause::Unconfirmed(error) => Some((FailureReason::RelayLost, Some(error))),
        };
        let after = tracing::field::debug(after);
        match why {
            None => tracing::debug!(after, sent, received, "ended"),
            Some((why, error)) => {
                metrics.broken(*role, why);
                let reason = why.as_str();
                tracing::info!(after, sent, received, reason, error, "ended early");
            }
        }
    }
}
