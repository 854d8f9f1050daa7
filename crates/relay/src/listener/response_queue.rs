//! Responses that wait for room on the control channel. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use transport::after;

use super::metrics::RunningRequest;
use crate::exchange::InlineResponse;

/// Responses in the order in which they were added, each with its request, and the permit
/// of that: a handler that answers faster than the relay reads runs out of permits.
#[derive(Debug, Default)]
pub(super) struct ResponseQueue(VecDeque<WaitingResponse>);

#[derive(Debug)]
struct WaitingResponse {
    since: Instant,
    response: InlineResponse,
    request: RunningRequest,
}

impl ResponseQueue {
    pub(super) fn push(&mut self, now: Instant, response: InlineResponse, request: RunningRequest) {
        self.0.push_back(WaitingResponse {
            since: now,
            response,
            request,
        });
    }

    /// Removes and returns the next response to send, with its request, whose permit the caller drops once it is sent.
    pub(super) fn pop(&mut self) -> Option<(InlineResponse, RunningRequest)> {
        let WaitingResponse {
            response, request, ..
        } = self.0.pop_front()?;
        Some((response, request))
    }

    /// Removes and returns a response that has waited so long that its sender has been abandoned.
    pub(super) fn expire(&mut self, now: Instant) -> Option<InlineResponse> {
        let waited = now.saturating_duration_since(self.0.front()?.since);
        (waited >= LIFE)
            .then(|| self.pop())?
            .map(|(response, _)| response)
    }

    /// Returns when the next response expires.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        Some(after(self.0.front()?.since, LIFE))
    }

    /// Drops all responses: the channel on which they were to be sent is gone.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The service abandons a request after 60 s. Source: the protocol guide.
const LIFE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::exchange::{Announced, Responded};
    use crate::listener::metrics::Counters;

    fn response(id: &str) -> InlineResponse {
        let json = format!(
            r#"{{"request":{{"address":"wss://h/p","id":"{id}","method":"GET","requestTarget":"/p"}}}}"#
        );
        let Ok(Some(crate::command::Command::Request(command))) =
            crate::command::Command::decode(&json)
        else {
            panic!("expected a request");
        };
        let Ok(Announced::Whole(_, responder)) = Announced::new(command) else {
            panic!("expected a whole request");
        };
        match responder.fail(http::StatusCode::OK, "") {
            Responded::OnControl(response) => response,
            other => panic!("expected a small response, got {other:?}"),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the origin of virtual time"
    )]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn permits_are_held_until_responses_are_handed_on() {
        let (now, counters) = (origin(), Arc::new(Counters::new(1, 2)));
        let take = || RunningRequest::take(&counters);
        let mut responses = ResponseQueue::default();
        for id in ["I", "J"] {
            responses.push(now, response(id), take().unwrap());
        }
        assert!(take().is_none());
        let (first, request) = responses.pop().unwrap();
        assert_eq!(first.id(), "I");
        assert!(take().is_none());
        drop(request);
        assert!(take().is_some());
        responses.clear();
        let both = (take(), take());
        assert!(both.0.is_some() && both.1.is_some());
    }

    #[test]
    fn a_response_expires_when_its_sender_has_been_given_up() {
        let (now, counters) = (origin(), Arc::new(Counters::new(1, 2)));
        let take = || RunningRequest::take(&counters);
        let mut responses = ResponseQueue::default();
        assert_eq!(responses.next_expiry(), None);
        responses.push(now, response("I"), take().unwrap());
        let later = now + LIFE / 2;
        responses.push(later, response("J"), take().unwrap());
        assert_eq!(responses.next_expiry(), Some(now + LIFE));
        let too_early = now + LIFE - Duration::from_nanos(1);
        assert_eq!(responses.expire(too_early), None);
        let expired = responses.expire(now + LIFE).unwrap();
        assert_eq!(expired.id(), "I");
        assert!(take().is_some());
        assert_eq!(responses.expire(now + LIFE), None);
        assert_eq!(responses.next_expiry(), Some(later + LIFE));
    }
}
