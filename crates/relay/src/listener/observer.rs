//! What operators see of a listener: its log. Shell.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Instant;

use transport::CloseFrame;

use super::admission::Announced;
use super::log::{TARGET, Throttle};
use super::metrics::Counters;
use crate::Error;

/// Watches the driver, in whose span it writes.
pub(super) struct Observer {
    counters: Arc<Counters>,
    /// When the channel was lost; before it was first online, when the listener was opened.
    since: Instant,
    has_been_online: bool,
    /// How many attempts to connect have failed since the channel was online.
    attempts: u32,
    /// What is known of the loss of the channel that is or was online last.
    loss: Option<LossCause>,
    rejected: Throttle,
    left: Throttle,
    refused: Throttle,
    unanswered: Throttle,
}

/// Why a channel was lost.
enum LossCause {
    Closed(CloseFrame),
    /// The last error of the state.
    Failed,
}

impl Observer {
    pub(super) fn new(now: Instant, counters: Arc<Counters>) -> Self {
        Self {
            counters,
            since: now,
            has_been_online: false,
            attempts: 0,
            loss: None,
            rejected: Throttle::default(),
            left: Throttle::default(),
            refused: Throttle::default(),
            unanswered: Throttle::default(),
        }
    }

    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The relay has closed the channel, whose end follows.
    pub(super) fn handle_close_frame(&mut self, frame: CloseFrame) {
        self.loss = Some(LossCause::Closed(frame));
    }

    /// The channel is being dropped for the last error of the state.
    pub(super) fn handle_failure(&mut self) {
        // What follows a close frame is its consequence.
        self.loss.get_or_insert(LossCause::Failed);
    }

    pub(super) fn handle_token_failed(&mut self, error: &Error, is_connecting: bool) {
        let error: &dyn StdError = error;
        if is_connecting {
            self.attempts += 1;
        }
        if !self.has_been_online {
            // It is returned.
            tracing::debug!(target: TARGET, error, "failed to get a token");
        } else if is_connecting {
            let attempts = self.attempts;
            tracing::warn!(target: TARGET, attempts, error, "failed to get a token");
        } else {
            tracing::warn!(target: TARGET, error, "failed to renew the token");
        }
    }

    pub(super) fn handle_attempt_failed(&mut self, error: &Error) {
        self.attempts += 1;
        let (attempts, error): (_, &dyn StdError) = (self.attempts, error);
        if self.has_been_online {
            tracing::warn!(target: TARGET, attempts, error, "an attempt to connect failed");
        } else {
            tracing::debug!(target: TARGET, error, "failed to open the control channel");
        }
    }

    pub(super) fn handle_online(&mut self, now: Instant) {
        let after = tracing::field::debug(now.saturating_duration_since(self.since));
        if std::mem::replace(&mut self.has_been_online, true) {
            self.counters.reconnects.add(1);
            tracing::info!(target: TARGET, after, "online again");
        } else {
            tracing::info!(target: TARGET, after, "online");
        }
        self.attempts = 0;
        self.loss = None;
    }

    /// The channel was lost. `last_error` is that of the state.
    pub(super) fn handle_lost(&mut self, now: Instant, last_error: Option<Arc<Error>>) {
        self.since = now;
        let (close, error) = match &self.loss {
            Some(LossCause::Closed(frame)) => (Some(frame), None),
            Some(LossCause::Failed) => (None, last_error.as_deref()),
            None => (None, None),
        };
        let close_code = close.map(|frame| frame.code.as_u16());
        let reason = close.map(|frame| frame.reason.as_str());
        let error = error.map(|error| error as &dyn StdError);
        tracing::info!(target: TARGET, close_code, reason, error, "offline, reconnecting");
    }

    /// The listener has ended. `last_error` is that of the state.
    pub(super) fn handle_end(&self, is_wanted: bool, last_error: Option<Arc<Error>>) {
        if !self.has_been_online {
            // The error is returned.
            tracing::debug!(target: TARGET, "stopped before it was online");
        } else if is_wanted {
            tracing::info!(target: TARGET, "stopped");
        } else {
            let error = last_error.as_deref().map(|error| error as &dyn StdError);
            tracing::warn!(target: TARGET, error, "gave up reconnecting");
        }
    }

    pub(super) fn handle_panic(&self) {
        tracing::error!(target: TARGET, "the listener's task panicked");
    }

    /// A sender was announced.
    pub(super) fn handle_announced(&mut self, now: Instant, announced: Announced) {
        match announced {
            Announced::Waits => {}
            Announced::Invalid(error) => {
                self.counters.connections_missed.add(1);
                tracing::warn!(target: TARGET, %error, "rendezvous not followed");
            }
            Announced::Closed(tracking_id) => {
                tracing::debug!(target: TARGET, tracking_id, "rejected: nobody accepts");
            }
            Announced::Rejected(tracking_id) => {
                if let Some(count) = self.rejected.strike(now) {
                    tracing::warn!(target: TARGET, count, tracking_id, "connections rejected: too many wait to be accepted");
                }
            }
            Announced::Left(tracking_id) => {
                if let Some(count) = self.left.strike(now) {
                    tracing::warn!(target: TARGET, count, tracking_id, "connections left to time out: too many are being rejected");
                }
            }
        }
    }

    /// A request over the limit was refused, or could not even be.
    pub(super) fn handle_refused(&mut self, now: Instant, was_told: bool) {
        if was_told {
            if let Some(count) = self.refused.strike(now) {
                tracing::warn!(target: TARGET, count, "requests refused: too many are being answered");
            }
        } else if let Some(count) = self.unanswered.strike(now) {
            tracing::warn!(target: TARGET, count, "requests left to time out: too many are being refused");
        }
    }
}
