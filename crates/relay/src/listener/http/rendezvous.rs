//! Requests at a rendezvous: the announced one, and those that follow it.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use futures::future::{Either, select};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use transport::{Body, CloseCode, CloseFrame, HandshakeRequest, Message, WebSocket};

use super::HttpParts;
use super::body::send;
use super::response::{PreparedResponse, prepare, respond};
use crate::address::rendezvous::{is_trusted_rendezvous, rendezvous_uri};
use crate::deadline::within;
use crate::exchange::{
    BodyPart, ExchangeError, Pointer, Received, RequestBody, Responded, ResponseBody, read_head,
};
use crate::listener::handler::{TOO_MANY, status_response};
use crate::listener::metrics::RequestRecord;
use crate::listener::permit::Permit;
use crate::silence::LastMove;

/// Fetches a request from its rendezvous and answers it there.
pub(crate) async fn serve_pointer(parts: HttpParts, pointer: Pointer, permit: Permit) {
    if let Some(socket) = Rendezvous::open(&parts, pointer.address(), "").await {
        let hold = RendezvousPermit::Serving(permit);
        socket.serve_further(&parts, RENDEZVOUS_TIMEOUT, hold).await;
    } else {
        parts.counters.requests_failed.add(1);
    }
}

/// Fetches a request from its rendezvous and answers that there are too many requests.
pub(crate) async fn refuse_pointer(parts: HttpParts, pointer: Pointer, permit: Permit) {
    if let Some(socket) = Rendezvous::open(&parts, pointer.address(), "").await {
        let hold = RendezvousPermit::Refusing(permit);
        socket.serve_further(&parts, RENDEZVOUS_TIMEOUT, hold).await;
    } else {
        parts.counters.requests_rejected.add(1);
    }
}

/// The permit of a rendezvous. It always holds one, so that the number of open
/// rendezvous is limited, but only counts as a request while one is being answered.
pub(super) enum RendezvousPermit {
    Serving(#[expect(dead_code, reason = "held, not read")] Permit),
    Refusing(#[expect(dead_code, reason = "held, not read")] Permit),
    Idle(#[expect(dead_code, reason = "held, not read")] Permit),
}

impl RendezvousPermit {
    /// Marks the arrival of a request. Returns `false` if there are too many to answer it.
    fn begin(&mut self, parts: &HttpParts) -> bool {
        if matches!(self, Self::Idle(_))
            && let Some(permit) = parts.counters.requests.take()
        {
            *self = Self::Serving(permit);
        }
        matches!(self, Self::Serving(_))
    }

    /// Marks the end of a response. Returns how long to wait for the next request.
    pub(super) fn rest(&mut self, parts: &HttpParts) -> Duration {
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

/// A socket for the requests of one sender's connection.
pub(super) struct Rendezvous {
    sink: SplitSink<Box<dyn WebSocket>, Message>,
    stream: SplitStream<Box<dyn WebSocket>>,
}

impl Rendezvous {
    /// Opens the socket at `address`, which is never followed blindly.
    pub(super) async fn open(parts: &HttpParts, address: &str, id: &str) -> Option<Self> {
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
        let opening = parts.rendezvous.connect(HandshakeRequest::new(uri));
        let outcome = within(&parts.runtime, RENDEZVOUS_TIMEOUT, opening).await;
        match outcome {
            Some(Ok(socket)) => {
                let (sink, stream) = socket.split();
                Some(Self { sink, stream })
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

    /// Sends a whole response. Returns `false` if the sender is gone.
    pub(super) async fn transmit(
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

    /// Answers one request after the other, then closes. Waits up to `wait` for the first one.
    pub(super) async fn serve_further(
        mut self,
        parts: &HttpParts,
        wait: Duration,
        mut hold: RendezvousPermit,
    ) {
        let mut next = within(&parts.runtime, wait, next_head(&mut self.stream)).await;
        while let Some(head) = next {
            let Some(text) = head else {
                return;
            };
            next = match self.serve(parts, &text, &mut hold).await {
                RequestEnd::Next(text) => Some(Some(text)),
                RequestEnd::Gone => return,
                RequestEnd::Done => None,
                RequestEnd::Broken(error) => {
                    let close = CloseFrame::new(CloseCode::PROTOCOL_ERROR, error.to_string());
                    let telling = self.sink.feed(Message::Close(Some(close)));
                    // The socket is closed in both cases.
                    let _ = within(&parts.runtime, CLOSE_TIMEOUT, telling).await;
                    None
                }
            };
        }
        let closing = self.sink.close();
        // The relay may not answer; the socket is closed in both cases.
        let _ = within(&parts.runtime, CLOSE_TIMEOUT, closing).await;
    }

    async fn serve(
        &mut self,
        parts: &HttpParts,
        text: &str,
        hold: &mut RendezvousPermit,
    ) -> RequestEnd {
        let is_served = hold.begin(parts);
        let mut record = RequestRecord::new(&parts.counters);
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
                return RequestEnd::Broken(error);
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
                prepare(parts, request, &responder, &last_move, &mut record).await
            } else {
                PreparedResponse::without_body(status_response(
                    StatusCode::SERVICE_UNAVAILABLE,
                    TOO_MANY,
                ))
            };
            let (responded, rest) = respond(parts, prepared, responder, &mut record);
            let is_sent = match responded {
                Responded::OnRendezvous {
                    head, body, ready, ..
                } => send(sink, head, body, ready, rest).await,
                Responded::OnControl(_) => false,
            };
            if !is_served {
                record.rejected();
            } else if is_sent {
                record.answered();
            }
            is_sent
        };
        let reading = pin!(read(&mut self.stream, feed, &last_move));
        match select(pin!(answering), reading).await {
            Either::Left((true, reading)) => {
                // The rest of the request body is read, so that it does not block the relay.
                let patience = hold.rest(parts);
                last_move.mark();
                last_move
                    .unless_silent(patience, reading)
                    .await
                    .unwrap_or(RequestEnd::Done)
            }
            Either::Left((false, _)) => RequestEnd::Gone,
            Either::Right((next @ RequestEnd::Next(_), answering)) => match answering.await {
                true => next,
                false => RequestEnd::Gone,
            },
            Either::Right((ended, _)) => {
                tracing::debug!(tracking_id = id, "the sender is gone, request abandoned");
                ended
            }
        }
    }
}

/// How a request at a rendezvous ended.
enum RequestEnd {
    /// The next request has arrived.
    Next(String),
    /// Nothing more has arrived for a while.
    Done,
    /// The peer is gone, or the response was cut short: nothing more can be sent.
    Gone,
    /// The peer violated the protocol.
    Broken(ExchangeError),
}

/// Reads the body of a request into its feed, then continues to the head of the next request.
async fn read(
    stream: &mut SplitStream<Box<dyn WebSocket>>,
    mut feed: Option<(mpsc::Sender<transport::Result<Bytes>>, RequestBody)>,
    last_move: &LastMove,
) -> RequestEnd {
    while let Some((mut sender, body)) = feed.take() {
        let Some(Ok(message)) = stream.next().await else {
            return RequestEnd::Gone;
        };
        if matches!(message, Message::Close(_)) {
            return RequestEnd::Gone;
        }
        match body.receive(message) {
            Ok(BodyPart::Chunk(chunk, body)) => {
                if !chunk.is_empty() {
                    last_move.mark();
                    // A handler that does not read its body has dropped the receiver.
                    let _ = sender.send(Ok(chunk)).await;
                    last_move.mark();
                }
                feed = Some((sender, body));
            }
            Ok(BodyPart::End) => last_move.mark(),
            Err(error) => {
                tracing::warn!(%error, "request body refused");
                return RequestEnd::Broken(error);
            }
        }
    }
    match next_head(stream).await {
        Some(text) => RequestEnd::Next(text),
        None => RequestEnd::Gone,
    }
}

/// Returns the next text message, or `None` if the peer is gone.
async fn next_head(stream: &mut SplitStream<Box<dyn WebSocket>>) -> Option<String> {
    loop {
        match stream.next().await?.ok()? {
            Message::Text(text) => return Some(text.as_str().to_owned()),
            Message::Close(_) => return None,
            // Stray bodies and keep-alive frames.
            _ => {}
        }
    }
}

/// Completes when the peer is gone.
async fn gone(stream: &mut SplitStream<Box<dyn WebSocket>>) {
    while let Some(Ok(message)) = stream.next().await {
        if matches!(message, Message::Close(_)) {
            return;
        }
    }
}

/// The limit of the official .NET listener.
const RENDEZVOUS_TIMEOUT: Duration = Duration::from_secs(20);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many pieces of a request body may wait for the handler.
const BODY_BACKLOG: usize = 4;
