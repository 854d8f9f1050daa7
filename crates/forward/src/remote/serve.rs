//! One sender: what it asks for, its target, its data. Shell.

use std::sync::Arc;

use bytes::Bytes;
use futures::AsyncWriteExt;
use futures::future::{BoxFuture, Either, select};
use relay::{AcceptOptions, IncomingConnection, RelayStream};
use tracing::Instrument as _;
use transport::_internal::within;
use transport::{CloseCode, Message};

use super::Shared;
use crate::dial::DialError;
use crate::envelope::{ConnectFailure, ConnectRequest, ConnectResponse};
use crate::expression::RemoteTarget;
use crate::greeting::{Greeting, GreetingDecoder, GreetingError};
use crate::metrics::{FailureReason, Role, TargetCounters};
use crate::opening::stream_limits;
use crate::options::limit;
use crate::pairs::{OpenPair, StopSignal};
use crate::preamble::{Answer, Preamble};
use crate::pump::{Ended, LocalStream, LossIs, PumpTerms, abort, pump, pump_datagrams};
use crate::record::Record;

/// Serves connections that are not for a target: the WebSockets of a site.
pub(crate) trait ConnectionHandler: Send + Sync {
    /// Serves one. `pair` counts it, and says when it has to stop.
    fn serve(
        self: Arc<Self>,
        incoming: IncomingConnection,
        pair: OpenPair,
    ) -> BoxFuture<'static, ()>;
}

/// Starts a task that serves a sender, or rejects it if there are too many.
pub(super) fn serve(shared: &Arc<Shared>, incoming: IncomingConnection) {
    let Some(pair) = shared.pairs.open() else {
        shared
            .metrics
            .failed(Role::Listener, None, FailureReason::Limit);
        let tracking_id = incoming.tracking_id();
        tracing::debug!(
            tracking_id,
            "a sender was rejected: too many pairs are open"
        );
        // Dropped, it is rejected with 503.
        return;
    };
    let span = tracing::info_span!(
        parent: &shared.span,
        "forward",
        target = tracing::field::Empty,
        tracking_id = incoming.tracking_id()
    );
    let is_for_a_site = shared.targets.is_empty() || incoming.relative_path() != "/";
    let task: BoxFuture<'static, ()> = match &shared.handler {
        Some(handler) if is_for_a_site => Arc::clone(handler).serve(incoming, pair),
        _ => {
            let shared = Arc::clone(shared);
            Box::pin(async move { run(&shared, incoming, pair).await })
        }
    };
    shared.runtime.spawn(Box::pin(task.instrument(span)));
}

async fn run(shared: &Shared, incoming: IncomingConnection, mut pair: OpenPair) {
    let mut record = Record::new(&shared.metrics, &shared.runtime, Role::Listener);
    let options = AcceptOptions::default().with_limits(stream_limits());
    let mut relay = match incoming.accept_with(options).await {
        Ok(relay) => relay.with_close_timeout(shared.options.close_timeout),
        Err(error) => return record.failed(None, FailureReason::Relay, &error),
    };
    let greeting_timeout = limit(shared.options.greeting_timeout);
    let reading = Box::pin(within(&shared.runtime, greeting_timeout, read(&mut relay)));
    let greeted = match select(reading, &mut pair.stop).await {
        Either::Left((greeted, _)) => greeted.unwrap_or(Err(Refusal::Late)),
        Either::Right(_) => Err(Refusal::Stopped),
    };
    let (greeting, first) = match greeted {
        Ok(greeted) => greeted,
        Err(refusal) => {
            if let Some(answer) = refusal.answer() {
                tell(shared, &mut relay, answer).await;
            }
            end(shared, relay, refusal.close_code()).await;
            return record.failed(None, refusal.reason(), &refusal);
        }
    };
    record.dialling();
    let session = Session {
        shared,
        pair,
        record,
        first,
    };
    match greeting {
        Greeting::Azbridge(preamble) => session.azbridge(relay, &preamble).await,
        Greeting::Aztunnel(request) => session.aztunnel(relay, &request).await,
    }
}

/// Reads what the sender asks for, and what of its data came with it.
async fn read(relay: &mut RelayStream) -> Result<(Greeting, Bytes), Refusal> {
    let mut decoder = GreetingDecoder::new();
    loop {
        let mut input = match relay.receive().await.map_err(Refusal::Relay)? {
            Some(Message::Binary(bytes)) => bytes,
            Some(Message::Text(text)) => text.into_bytes(),
            Some(Message::Close(_)) | None => return Err(Refusal::Ended),
            Some(_) => continue,
        };
        if let Some(greeting) = decoder.push(&mut input)? {
            return Ok((greeting, input));
        }
    }
}

/// Why a sender gets no further than its greeting.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the sender ended before it had asked for anything")]
    Ended,
    #[error("the sender does not speak a known protocol: {0}")]
    Greeting(#[from] GreetingError),
    #[error("the sender did not ask for anything in time")]
    Late,
    #[error("the connection was lost before the sender had asked for anything")]
    Relay(#[source] relay::Error),
    #[error("the forwarder has ended")]
    Stopped,
}

impl Refusal {
    fn answer(&self) -> Option<Message> {
        match self {
            Self::Greeting(error) => error.answer(),
            _ => None,
        }
    }

    fn reason(&self) -> FailureReason {
        match self {
            Self::Ended | Self::Greeting(_) => FailureReason::Greeting,
            Self::Late => FailureReason::GreetingTimeout,
            Self::Relay(_) => FailureReason::RelayLost,
            Self::Stopped => FailureReason::Stopped,
        }
    }

    fn close_code(&self) -> (CloseCode, &'static str) {
        match self {
            Self::Ended | Self::Greeting(_) => NOT_UNDERSTOOD,
            Self::Late => LATE,
            Self::Relay(_) | Self::Stopped => STOPPED,
        }
    }
}

/// A sender that has asked for something.
struct Session<'a> {
    shared: &'a Shared,
    pair: OpenPair,
    record: Record,
    /// Its data that came with the greeting.
    first: Bytes,
}

impl Session<'_> {
    /// Answers a sender of azbridge, then dials.
    async fn azbridge(mut self, mut relay: RelayStream, preamble: &Preamble) {
        let shared = self.shared;
        let name = preamble.port_name();
        let Some(target) = shared.targets.find(name) else {
            // No answer, and a clean end: azbridge's only word for it.
            let _ = within(&shared.runtime, shared.options.close_timeout, relay.close()).await;
            let error = Unknown(name.into());
            return self
                .record
                .failed(None, FailureReason::UnknownPortName, &error);
        };
        let label = target.to_string();
        tracing::Span::current().record("target", &label);
        let counters = shared.metrics.target(Role::Listener, &label);
        let answer = Answer::of(target.mode(), preamble.mode());
        let is_accepted = answer == Answer::Accepted(preamble.mode());
        if is_accepted && !self.pair.set_target(&label) {
            end(shared, relay, TOO_MANY).await;
            return self
                .record
                .failed(Some(&counters), FailureReason::Limit, &TooMany);
        }
        let bytes = Bytes::copy_from_slice(&answer.encode());
        tell(shared, &mut relay, Message::Binary(bytes)).await;
        if !is_accepted {
            end(shared, relay, NOT_UNDERSTOOD).await;
            return self
                .record
                .failed(Some(&counters), FailureReason::WrongMode, &WrongMode);
        }
        // azbridge's order: the answer has been written.
        match &*target {
            RemoteTarget::Tcp(target) => {
                let dialled = self.dial(shared.dialer.tcp(target, None)).await;
                self.azbridge_stream(relay, dialled, counters).await;
            }
            #[cfg(unix)]
            RemoteTarget::Socket(path) => {
                let dialled = self.dial(shared.dialer.unix(path)).await;
                self.azbridge_stream(relay, dialled, counters).await;
            }
            #[cfg(not(unix))]
            RemoteTarget::Socket(_) => {
                let dialled: Result<tokio::net::TcpStream, _> = Err(DialError::NotFound);
                self.azbridge_stream(relay, dialled, counters).await;
            }
            RemoteTarget::Udp(target) => match self.dial(shared.dialer.udp(target)).await {
                Ok(socket) => {
                    let open = self.record.open(Arc::clone(&counters));
                    let OpenPair { stop, guard } = self.pair;
                    let mut terms = shared.terms(counters, LossIs::Abrupt, stop);
                    terms.idle = limit(shared.options.udp_idle_timeout);
                    let ended = pump_datagrams(socket, relay, self.first, terms).await;
                    open.ended(&ended);
                    drop(guard);
                }
                Err(error) => self.refuse(relay, &error, &counters).await,
            },
        }
    }

    async fn azbridge_stream(
        self,
        relay: RelayStream,
        dialled: Result<impl LocalStream, DialError>,
        counters: Arc<TargetCounters>,
    ) {
        match dialled {
            Ok(local) => self.pump(local, relay, counters, LossIs::Abrupt).await,
            Err(error) => self.refuse(relay, &error, &counters).await,
        }
    }

    /// Ends a connection whose target was not reached.
    async fn refuse(self, relay: RelayStream, error: &DialError, counters: &TargetCounters) {
        end(self.shared, relay, NOT_REACHED).await;
        self.record.failed(Some(counters), error.reason(), error);
    }

    /// Dials for a sender of aztunnel, then answers.
    async fn aztunnel(mut self, mut relay: RelayStream, request: &ConnectRequest) {
        let shared = self.shared;
        let target = request.target();
        let label = target.to_string();
        tracing::Span::current().record("target", &label);
        if let Some(bridge_id) = request.bridge_id() {
            tracing::debug!(bridge_id = %bridge_id.escape_debug(), "asked for");
        }
        let allowed = shared.targets.allowed();
        let permit = match allowed.check(target) {
            Ok(permit) => permit,
            Err(refused) => {
                // Not by its name: a sender that asks for one after the other would fill the table.
                self.answer(relay, ConnectFailure::not_allowed()).await;
                return self
                    .record
                    .failed(None, FailureReason::NotAllowed, &refused);
            }
        };
        let counters = shared.metrics.target(Role::Listener, &label);
        if !self.pair.set_target(&label) {
            let failure = ConnectFailure::other("too many connections");
            self.answer(relay, failure).await;
            return self
                .record
                .failed(Some(&counters), FailureReason::Limit, &TooMany);
        }
        let dialling = shared.dialer.tcp(target, Some(&permit));
        match self.dial(dialling).await {
            Ok(local) => {
                let response = ConnectResponse::connected().encode();
                tell(shared, &mut relay, Message::text(response)).await;
                self.pump(local, relay, counters, LossIs::AnEnd).await;
            }
            Err(error) => {
                self.answer(relay, error.failure()).await;
                self.record.failed(Some(&counters), error.reason(), &error);
            }
        }
    }

    /// Tells a sender of aztunnel why its target is not connected.
    async fn answer(&self, mut relay: RelayStream, failure: ConnectFailure) {
        let response = ConnectResponse::failed(failure).encode();
        tell(self.shared, &mut relay, Message::text(response)).await;
        // The answer is whole, so this is a clean end.
        let _ = within(
            &self.shared.runtime,
            self.shared.options.close_timeout,
            relay.close(),
        )
        .await;
    }

    async fn dial<T>(
        &mut self,
        dialling: impl Future<Output = Result<T, DialError>>,
    ) -> Result<T, DialError> {
        match select(std::pin::pin!(dialling), &mut self.pair.stop).await {
            Either::Left((dialled, _)) => dialled,
            Either::Right(_) => Err(DialError::Stopped),
        }
    }

    async fn pump(
        self,
        local: impl LocalStream,
        relay: RelayStream,
        counters: Arc<TargetCounters>,
        loss: LossIs,
    ) {
        let open = self.record.open(Arc::clone(&counters));
        let OpenPair { stop, guard } = self.pair;
        let terms = self.shared.terms(counters, loss, stop);
        let ended: Ended = pump(local, relay, self.first, terms).await;
        open.ended(&ended);
        drop(guard);
    }
}

impl Shared {
    fn terms(&self, counters: Arc<TargetCounters>, loss: LossIs, stop: StopSignal) -> PumpTerms {
        PumpTerms {
            runtime: self.runtime.clone(),
            idle: limit(self.options.idle_timeout),
            counters,
            loss,
            stop,
        }
    }
}

/// Writes an answer, if the sender takes it in time. One that does not is lost at its first byte of data.
async fn tell(shared: &Shared, relay: &mut RelayStream, answer: Message) {
    let timeout = limit(shared.options.greeting_timeout);
    if let Some(Err(error)) = within(&shared.runtime, timeout, relay.send(answer)).await {
        let error = &error as &dyn std::error::Error;
        tracing::debug!(error, "failed to answer");
    }
}

async fn end(shared: &Shared, relay: RelayStream, close: (CloseCode, &'static str)) {
    abort(relay, close, &shared.runtime).await;
}

#[derive(Debug, thiserror::Error)]
#[error("no port is named {0:?}")]
struct Unknown(Box<str>);

#[derive(Debug, thiserror::Error)]
#[error("the sender asks for a stream of a port of datagrams, or the other way round")]
struct WrongMode;

#[derive(Debug, thiserror::Error)]
#[error("too many pairs of the target are open")]
struct TooMany;

const LATE: (CloseCode, &str) = (CloseCode::POLICY_VIOLATION, "The greeting took too long.");
const NOT_REACHED: (CloseCode, &str) = (CloseCode::INTERNAL_ERROR, "The target cannot be reached.");
const NOT_UNDERSTOOD: (CloseCode, &str) = (
    CloseCode::POLICY_VIOLATION,
    "The greeting was not understood.",
);
const STOPPED: (CloseCode, &str) = (CloseCode::GOING_AWAY, "The forwarder has stopped.");
const TOO_MANY: (CloseCode, &str) = (CloseCode::INTERNAL_ERROR, "Too many connections are open.");
