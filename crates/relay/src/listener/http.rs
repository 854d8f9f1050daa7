//! HTTP requests: handler in the middle, control channel or rendezvous at the ends. Shell.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::channel::mpsc;
use futures::future::{AbortRegistration, Abortable, Either, select};
use futures::stream::{SplitSink, SplitStream};
use futures::{FutureExt, SinkExt, StreamExt};
use http::{Request, Response, StatusCode, response};
use transport::{
    Body, CloseCode, CloseFrame, HandshakeRequest, Message, SharedRuntime,
    SharedWebSocketConnector, WebSocket, WebSocketConnector,
};

use super::handler::{RequestHandler, TOO_MANY, answer};
use super::permit::{Permit, Permits};
use crate::HybridConnection;
use crate::address::rendezvous::{is_trusted_rendezvous, rendezvous_uri};
use crate::deadline::{limit, within};
use crate::exchange::{
    BodyPart, ExchangeError, InlineResponse, MAX_CONTROL_BODY, OutgoingBody, Pointer, Received,
    RequestBody, Responded, Responder, ResponseBody, SeveralCookies, read_head,
};
use crate::fragment::WholeMessages;
use crate::silence::LastMove;

/// What every request of a listener needs.
#[derive(Clone)]
pub(super) struct HttpParts {
    pub(super) hybrid_connection: HybridConnection,
    pub(super) handler: Arc<dyn RequestHandler>,
    pub(super) rendezvous: RendezvousConnector,
    pub(super) runtime: SharedRuntime,
    pub(super) options: HttpOptions,
    /// Of the requests that are being answered.
    pub(super) requests: Permits,
    /// Of the rendezvous that wait for a further request.
    pub(super) idle: Permits,
    pub(super) replies: mpsc::Sender<Answer>,
}

/// What opens rendezvous, and how its sockets treat bodies.
#[derive(Clone, Debug)]
pub(crate) enum RendezvousConnector {
    /// Fragment by fragment.
    #[cfg(feature = "hyper")]
    Fragments(SharedWebSocketConnector),
    /// As whole messages, which are kept in memory.
    Whole(SharedWebSocketConnector),
}

/// Everything that opens a listener's sockets, over one connector.
#[cfg(feature = "hyper")]
pub(crate) fn over(
    connector: transport::net::Connector,
) -> (SharedWebSocketConnector, RendezvousConnector) {
    let fragments =
        crate::fragment::FragmentConnector::new(connector.clone(), SharedRuntime::default());
    let websockets = transport::net::HyperWebSocketConnector::new(connector);
    (
        SharedWebSocketConnector::new(websockets),
        RendezvousConnector::Fragments(SharedWebSocketConnector::new(fragments)),
    )
}

/// How a listener treats HTTP requests.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// How many requests may be answered at once; further ones get 503.
    pub max_requests: usize,
    /// How long the handler may take to begin its response, from when the
    /// request was whole, before the sender gets 504; zero is no limit.
    pub response_timeout: Duration,
    /// How long a rendezvous stays open after a response, for the sender's next request.
    pub rendezvous_idle: Duration,
    /// What becomes of the cookies of a response that sets more than one.
    pub several_cookies: SeveralCookies,
}

impl HttpOptions {
    /// 256.
    pub const DEFAULT_MAX_REQUESTS: usize = 256;
    /// 58 s: just under the 60 s after which the service gives up, so that the
    /// sender gets an answer of the listener that says so.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(58);
    /// 30 s.
    pub const DEFAULT_RENDEZVOUS_IDLE: Duration = Duration::from_secs(30);

    /// Sets how many requests may be answered at once. A request counts from its
    /// announcement until its response has been handed to the socket on which it
    /// leaves, so that a relay that reads slowly slows its senders down.
    #[must_use]
    pub fn with_max_requests(mut self, count: usize) -> Self {
        self.max_requests = count;
        self
    }

    /// Sets how long the handler may take to begin its response, counted from
    /// the last piece of the request's body that moved: an upload that goes on
    /// is not cut off, one that stands still for so long is. Zero is no limit.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// Sets how long a rendezvous stays open after a response; zero closes it at
    /// once. An open one counts towards no limit on requests. As many as
    /// [`max_requests`](Self::max_requests) may be open so; further ones close
    /// after their response, and the service then ends their sender's connection.
    #[must_use]
    pub fn with_rendezvous_idle(mut self, idle: Duration) -> Self {
        self.rendezvous_idle = idle;
        self
    }

    /// Sets what becomes of the cookies of a response that sets more than one;
    /// default [`SeveralCookies::First`].
    #[must_use]
    pub fn with_several_cookies(mut self, several: SeveralCookies) -> Self {
        self.several_cookies = several;
        self
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            max_requests: Self::DEFAULT_MAX_REQUESTS,
            response_timeout: Self::DEFAULT_RESPONSE_TIMEOUT,
            rendezvous_idle: Self::DEFAULT_RENDEZVOUS_IDLE,
            several_cookies: SeveralCookies::default(),
        }
    }
}

/// What a request's task tells the driver.
#[derive(Debug)]
pub(super) enum Answer {
    /// Send this on the control channel. The permit ends once that is done.
    Respond(InlineResponse, Permit),
    /// The request with this id needs the control channel no more.
    Release(String),
}

/// Answers a request that came whole on the control channel. `lost` gives the
/// handler up when that channel is gone.
pub(super) async fn serve_inline(
    mut parts: HttpParts,
    request: Request<Bytes>,
    responder: Responder,
    lost: AbortRegistration,
    permit: Permit,
) {
    let id = responder.id().to_owned();
    // All of it is here: nothing moves any more.
    let last_move = LastMove::new(&parts.runtime);
    let handling = run(&parts, request.map(Body::from), &responder, &last_move);
    let Ok(prepared) = Abortable::new(handling, lost).await else {
        tracing::debug!(
            tracking_id = id,
            "the control channel is lost, request given up"
        );
        return;
    };
    let (responded, rest) = respond(&parts, prepared, responder);
    match responded {
        Responded::OnControl(response) => {
            // Fails once the listener is gone; the sender is told by the relay then.
            let _ = parts.replies.send(Answer::Respond(response, permit)).await;
        }
        Responded::OnRendezvous {
            address,
            head,
            body,
            ready,
        } => {
            // The relay waits at the rendezvous, whatever becomes of the control channel.
            let _ = parts.replies.send(Answer::Release(id.clone())).await;
            let address = address.unwrap_or_default();
            if let Some(mut socket) = open(&parts, &address, &id).await
                && socket.transmit(head, body, ready, rest).await
            {
                let mut hold = Hold::Serving(permit);
                let patience = hold.rest(&parts);
                socket.serve_further(&parts, patience, hold).await;
            }
        }
    }
}

/// Fetches a request from its rendezvous and answers it there.
pub(super) async fn serve_pointer(parts: HttpParts, pointer: Pointer, permit: Permit) {
    if let Some(socket) = open(&parts, pointer.address(), "").await {
        let hold = Hold::Serving(permit);
        socket.serve_further(&parts, RENDEZVOUS_TIMEOUT, hold).await;
    }
}

/// Fetches a request from its rendezvous and answers that there are too many.
pub(super) async fn refuse_pointer(parts: HttpParts, pointer: Pointer, permit: Permit) {
    if let Some(socket) = open(&parts, pointer.address(), "").await {
        let hold = Hold::Refusing(permit);
        socket.serve_further(&parts, RENDEZVOUS_TIMEOUT, hold).await;
    }
}

/// What a rendezvous counts as. It always counts as something, so that there is
/// an end to how many are open, but only as a request while one is answered.
enum Hold {
    Serving(#[expect(dead_code, reason = "it is held, not read")] Permit),
    Refusing(#[expect(dead_code, reason = "it is held, not read")] Permit),
    Idle(#[expect(dead_code, reason = "it is held, not read")] Permit),
}

impl Hold {
    /// A request has come. `false` if there are too many to answer it.
    fn begin(&mut self, parts: &HttpParts) -> bool {
        if matches!(self, Self::Idle(_))
            && let Some(permit) = parts.requests.take()
        {
            *self = Self::Serving(permit);
        }
        matches!(self, Self::Serving(_))
    }

    /// A response has left. Returns how long to wait for the next request.
    fn rest(&mut self, parts: &HttpParts) -> Duration {
        let idle = parts.options.rendezvous_idle;
        if !matches!(self, Self::Idle(_)) {
            let Some(permit) = parts.idle.take() else {
                // Long enough for the rest of a body that its handler did not read.
                return idle.min(CLOSE_TIMEOUT);
            };
            *self = Self::Idle(permit);
        }
        idle
    }
}

async fn open(parts: &HttpParts, address: &str, id: &str) -> Option<Rendezvous> {
    let uri = match rendezvous_uri(address) {
        Ok(uri) => uri,
        Err(error) => {
            tracing::warn!(tracking_id = id, %error, "rendezvous not followed");
            return None;
        }
    };
    if !is_trusted_rendezvous(&parts.hybrid_connection, &uri) {
        tracing::warn!(
            tracking_id = id,
            "rendezvous not followed: foreign host or wrong scheme"
        );
        return None;
    }
    let connecting = async {
        let request = HandshakeRequest::new(uri);
        let socket: Box<dyn WebSocket> = match &parts.rendezvous {
            #[cfg(feature = "hyper")]
            RendezvousConnector::Fragments(connector) => connector.connect(request).await?.socket,
            RendezvousConnector::Whole(connector) => {
                Box::new(WholeMessages::new(connector.connect(request).await?.socket))
            }
        };
        Ok(socket)
    };
    let outcome: Option<transport::Result<Box<dyn WebSocket>>> =
        within(&parts.runtime, RENDEZVOUS_TIMEOUT, connecting).await;
    match outcome {
        Some(Ok(socket)) => {
            let (sink, stream) = socket.split();
            Some(Rendezvous { sink, stream })
        }
        Some(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(tracking_id = id, error, "rendezvous failed");
            None
        }
        None => {
            tracing::warn!(tracking_id = id, "rendezvous failed: too slow");
            None
        }
    }
}

/// A socket for the requests of one sender's connection.
struct Rendezvous {
    sink: SplitSink<Box<dyn WebSocket>, Message>,
    stream: SplitStream<Box<dyn WebSocket>>,
}

impl Rendezvous {
    /// Sends a whole response. `false` if the sender is gone.
    async fn transmit(
        &mut self,
        head: Message,
        body: Option<ResponseBody>,
        ready: Bytes,
        rest: Body,
    ) -> bool {
        let sending = pin!(send(&mut self.sink, head, body, ready, rest));
        let gone = pin!(gone(&mut self.stream));
        match select(sending, gone).await {
            Either::Left((sent, _)) => sent,
            Either::Right(((), _)) => false,
        }
    }

    /// Answers one request after the other, then closes. Waits for the first one for `wait`.
    async fn serve_further(mut self, parts: &HttpParts, wait: Duration, mut hold: Hold) {
        let mut next = within(&parts.runtime, wait, next_head(&mut self.stream)).await;
        while let Some(head) = next {
            let Some(text) = head else {
                return;
            };
            next = match self.serve(parts, &text, &mut hold).await {
                Served::Next(text) => Some(Some(text)),
                Served::Gone => return,
                Served::Done => None,
                Served::Broken(error) => {
                    let close = CloseFrame::new(CloseCode::PROTOCOL_ERROR, error.to_string());
                    let telling = self.sink.feed(Message::Close(Some(close)));
                    // The socket goes either way.
                    let _ = within(&parts.runtime, CLOSE_TIMEOUT, telling).await;
                    None
                }
            };
        }
        let closing = self.sink.close();
        // The relay may not answer; the socket is closed in both cases.
        let _ = within(&parts.runtime, CLOSE_TIMEOUT, closing).await;
    }

    async fn serve(&mut self, parts: &HttpParts, text: &str, hold: &mut Hold) -> Served {
        let is_served = hold.begin(parts);
        let Received {
            head,
            body,
            responder,
        } = match read_head(text) {
            Ok(received) => received,
            Err((responder, error)) => {
                tracing::warn!(%error, "request refused");
                if let Some(responder) = responder
                    && let Responded::OnRendezvous { head, .. } =
                        responder.fail(error.status(), &error.to_string())
                {
                    let telling = self.sink.send(head);
                    let _ = within(&parts.runtime, CLOSE_TIMEOUT, telling).await;
                }
                return Served::Broken(error);
            }
        };
        let id = responder.id().to_owned();
        let (feed, body_stream) = match body {
            Some(body) => {
                let (feed, stream) = mpsc::channel(BODY_BACKLOG);
                (Some((feed, body)), Body::from_stream(stream, None))
            }
            None => (None, Body::empty()),
        };
        let sink = &mut self.sink;
        let last_move = LastMove::new(&parts.runtime);
        let answering = async {
            let request = Request::from_parts(head, body_stream);
            let prepared = if is_served {
                run(parts, request, &responder, &last_move).await
            } else {
                Prepared::without_body(answer(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY))
            };
            let (responded, rest) = respond(parts, prepared, responder);
            match responded {
                Responded::OnRendezvous {
                    head, body, ready, ..
                } => send(sink, head, body, ready, rest).await,
                Responded::OnControl(_) => false,
            }
        };
        let reading = pin!(read(&mut self.stream, feed, &last_move));
        match select(pin!(answering), reading).await {
            Either::Left((true, reading)) => {
                // What is left of the request's body is read, so that the relay is not stuck with it.
                let patience = hold.rest(parts);
                last_move.mark();
                last_move
                    .unless_silent(patience, reading)
                    .await
                    .unwrap_or(Served::Done)
            }
            Either::Left((false, _)) => Served::Gone,
            Either::Right((next @ Served::Next(_), answering)) => match answering.await {
                true => next,
                false => Served::Gone,
            },
            Either::Right((ended, _)) => {
                tracing::debug!(tracking_id = id, "the sender is gone, request given up");
                ended
            }
        }
    }
}

/// How a request at a rendezvous ended.
enum Served {
    /// The next request is here.
    Next(String),
    /// Nothing more has come for a while.
    Done,
    /// The other side is gone, or the response was cut short: nothing more can be said.
    Gone,
    /// The other side broke the rules.
    Broken(ExchangeError),
}

/// A response with what is at hand of its body.
struct Prepared {
    head: response::Parts,
    body: OutgoingBody,
    /// The beginning of a streamed body.
    first: Bytes,
    /// What is not there yet.
    rest: Body,
}

impl Prepared {
    fn without_body(response: Response<Body>) -> Self {
        Self {
            head: response.into_parts().0,
            body: OutgoingBody::Whole(Bytes::new()),
            first: Bytes::new(),
            rest: Body::empty(),
        }
    }
}

/// Runs the handler and waits for what its body begins with; whatever they do,
/// there is a response in time.
async fn run(
    parts: &HttpParts,
    request: Request<Body>,
    responder: &Responder,
    last_move: &LastMove,
) -> Prepared {
    let id = responder.id();
    let producing = async {
        let response = parts.handler.handle(request).await;
        if responder.is_bodiless(response.status()) {
            return Ok::<_, transport::Error>(Prepared::without_body(response));
        }
        let (head, mut rest) = response.into_parts();
        let (body, first) = gather(&parts.runtime, &mut rest).await?;
        Ok(Prepared {
            head,
            body,
            first,
            rest,
        })
    };
    let producing = AssertUnwindSafe(producing).catch_unwind();
    let limit = limit(parts.options.response_timeout);
    let failure = match last_move.unless_silent(limit, producing).await {
        Some(Ok(Ok(prepared))) => return prepared,
        Some(Ok(Err(error))) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(tracking_id = id, error, "the response body failed");
            answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("The listener failed to produce the response. TrackingId:{id}"),
            )
        }
        Some(Err(_)) => {
            tracing::error!(tracking_id = id, "the request handler panicked");
            answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!(
                    "The listener RequestHandler threw an exception. See listener logs for more details. TrackingId:{id}"
                ),
            )
        }
        None => {
            tracing::error!(
                tracking_id = id,
                "the request handler did not answer in time"
            );
            answer(
                StatusCode::GATEWAY_TIMEOUT,
                &format!("The listener did not respond in the required time. TrackingId:{id}"),
            )
        }
    };
    Prepared::without_body(failure)
}

/// Decides where a response goes. What is not in it yet comes back with it.
fn respond(parts: &HttpParts, prepared: Prepared, responder: Responder) -> (Responded, Body) {
    let Prepared {
        head,
        body: outgoing,
        first,
        rest,
    } = prepared;
    let responder = responder.with_several_cookies(parts.options.several_cookies);
    match responder.respond(&head, outgoing) {
        Ok(Responded::OnRendezvous {
            address,
            head,
            body: Some(shape),
            ready,
        }) => {
            let ready = if ready.is_empty() { first } else { ready };
            let responded = Responded::OnRendezvous {
                address,
                head,
                body: Some(shape),
                ready,
            };
            (responded, rest)
        }
        Ok(responded) => (responded, Body::empty()),
        Err((responder, error)) => {
            tracing::error!(tracking_id = responder.id(), %error, "response refused");
            let text =
                "The listener's response cannot be relayed. See listener logs for more details.";
            (responder.fail(error.status(), text), Body::empty())
        }
    }
}

/// Takes what is at hand of a body. One with a small known length is waited for
/// a little; one without a length only until it first makes us wait, for who
/// writes piece by piece wants the pieces to leave.
async fn gather(
    runtime: &SharedRuntime,
    body: &mut Body,
) -> transport::Result<(OutgoingBody, Bytes)> {
    let known = body.content_length();
    if known.is_some_and(|length| length > MAX_CONTROL_BODY as u64) {
        return Ok((OutgoingBody::Streamed, Bytes::new()));
    }
    let mut taken = Taken::default();
    let at_once = poll_fn(|cx| taken.poll_fill(body, cx)).now_or_never();
    let ended = match at_once {
        Some(ended) => ended?,
        None if known.is_some() => {
            let filling = poll_fn(|cx| taken.poll_fill(body, cx));
            let filled = within(runtime, SMALL_BODY_PATIENCE, filling).await;
            filled.unwrap_or(Ok(false))?
        }
        None => false,
    };
    let taken = taken.into_bytes();
    Ok(if ended {
        (OutgoingBody::Whole(taken), Bytes::new())
    } else {
        (OutgoingBody::Streamed, taken)
    })
}

/// The beginning of a body, up to a little more than the control channel takes.
#[derive(Default)]
struct Taken {
    /// Shared, not copied, as long as it is the only piece.
    first: Bytes,
    all: BytesMut,
}

impl Taken {
    /// Completes with whether the body has ended, once it has or is too large.
    fn poll_fill(
        &mut self,
        body: &mut Body,
        cx: &mut Context<'_>,
    ) -> Poll<transport::Result<bool>> {
        while self.first.len().max(self.all.len()) <= MAX_CONTROL_BODY {
            match ready!(body.poll_next_unpin(cx)) {
                Some(Ok(chunk)) if self.first.is_empty() => self.first = chunk,
                Some(Ok(chunk)) => {
                    if self.all.is_empty() {
                        self.all.extend_from_slice(&self.first);
                    }
                    self.all.extend_from_slice(&chunk);
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(true)),
            }
        }
        Poll::Ready(Ok(false))
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.freeze()
        }
    }
}

/// Sends a response: a piece of the body leaves as soon as the next one is not there yet.
async fn send(
    sink: &mut SplitSink<Box<dyn WebSocket>, Message>,
    head: Message,
    body: Option<ResponseBody>,
    ready: Bytes,
    mut rest: Body,
) -> bool {
    let sending = async {
        sink.feed(head).await?;
        if let Some(body) = body {
            for message in body.chunk(ready) {
                sink.feed(message).await?;
            }
            loop {
                let chunk = match rest.next().now_or_never() {
                    Some(chunk) => chunk,
                    None => {
                        sink.flush().await?;
                        rest.next().await
                    }
                };
                let Some(chunk) = chunk else {
                    break;
                };
                for message in body.chunk(chunk?) {
                    sink.feed(message).await?;
                }
            }
            sink.feed(body.finish()).await?;
        }
        sink.flush().await
    };
    match sending.await {
        Ok(()) => true,
        Err(error) => {
            // The socket is dropped without the end of the body: the relay cuts the sender off.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "response cut short");
            false
        }
    }
}

/// Reads the body of a request into its feed, then on to the head of the next request.
async fn read(
    stream: &mut SplitStream<Box<dyn WebSocket>>,
    mut feed: Option<(mpsc::Sender<transport::Result<Bytes>>, RequestBody)>,
    last_move: &LastMove,
) -> Served {
    while let Some((mut sender, body)) = feed.take() {
        let Some(Ok(message)) = stream.next().await else {
            return Served::Gone;
        };
        if matches!(message, Message::Close(_)) {
            return Served::Gone;
        }
        match body.receive(message) {
            Ok(BodyPart::Chunk(chunk, body)) => {
                if !chunk.is_empty() {
                    last_move.mark();
                    // A handler that does not read its body has dropped the other end.
                    let _ = sender.send(Ok(chunk)).await;
                    last_move.mark();
                }
                feed = Some((sender, body));
            }
            Ok(BodyPart::End) => last_move.mark(),
            Err(error) => {
                tracing::warn!(%error, "request body refused");
                return Served::Broken(error);
            }
        }
    }
    match next_head(stream).await {
        Some(text) => Served::Next(text),
        None => Served::Gone,
    }
}

/// The next text message. `None` when the other side is gone.
async fn next_head(stream: &mut SplitStream<Box<dyn WebSocket>>) -> Option<String> {
    loop {
        match stream.next().await?.ok()? {
            Message::Text(text) => return Some(text.as_str().to_owned()),
            Message::Close(_) => return None,
            // Stray bodies and signs of life.
            _ => {}
        }
    }
}

/// Completes when the other side is gone.
async fn gone(stream: &mut SplitStream<Box<dyn WebSocket>>) {
    while let Some(Ok(message)) = stream.next().await {
        if matches!(message, Message::Close(_)) {
            return;
        }
    }
}

/// As the official .NET listener's own limit.
const RENDEZVOUS_TIMEOUT: Duration = Duration::from_secs(20);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the rest of a body with a small known length is waited for before
/// the response goes by rendezvous: as the official .NET listener.
const SMALL_BODY_PATIENCE: Duration = Duration::from_secs(2);

/// How many pieces of a request body may wait for the handler.
const BODY_BACKLOG: usize = 4;
