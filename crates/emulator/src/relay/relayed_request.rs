//! A rendezvous of relayed HTTP: requests go out, responses come back, one
//! after the other, for as long as the listener keeps it open. Shell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Slot, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, select};
use futures::{FutureExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use relay::command::{self, Reply};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::{Mutex, mpsc};
use transport::_internal::frame::Opcode;
use transport::net::ConnectionInfo;
use transport::{Body, CloseCode, CloseFrame};

use super::namespace::{Namespace, Route};
use super::wire::{FrameReader, FrameWriter, Piece, ReadError};

/// One request on a rendezvous.
#[derive(Debug)]
pub(super) struct QueuedRequest {
    pub(super) id: String,
    /// The command to send; `None` when it went over the control channel.
    pub(super) command: Option<String>,
    pub(super) body: Body,
    pub(super) answer: oneshot::Sender<Result<RelayedResponse, Failed>>,
}

/// A response on a rendezvous.
#[derive(Debug)]
pub(super) struct RelayedResponse {
    pub(super) head: command::Response,
    /// The pieces of the body; `None` without one.
    pub(super) body: Option<mpsc::Receiver<Result<Bytes, Failed>>>,
}

/// Why a request got no response, or only a part of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Failed {
    #[error("the listener closed the rendezvous before it answered")]
    Closed,
    #[error("the rendezvous broke")]
    Lost,
    #[error("the listener broke the protocol: {0}")]
    Protocol(&'static str),
    #[error("the listener did not go on in time")]
    Timeout,
}

/// What is to be said to the listener at the end.
type End = Option<CloseFrame>;

/// What brings a sender's request to the rendezvous that was opened for it.
#[derive(Debug)]
pub(super) struct RendezvousRequest {
    pub(super) order: QueuedRequest,
    pub(super) entity: String,
    pub(super) address: String,
    /// The sender's connection, with which the rendezvous ends.
    pub(super) connection: Option<ConnectionInfo>,
    /// Whether later requests on that connection may come this way too.
    pub(super) takes_more: bool,
}

/// Runs a rendezvous from its first request to its end.
pub(super) async fn run(namespace: Arc<Namespace>, socket: Upgraded, meeting: RendezvousRequest) {
    let RendezvousRequest {
        order: first,
        entity,
        address,
        connection,
        takes_more,
    } = meeting;
    let (reading, writing) = tokio::io::split(TokioIo::new(socket));
    let mut session = Session {
        namespace: Arc::clone(&namespace),
        entity: entity.clone(),
        reader: FrameReader::new(reading),
        writer: Mutex::new(FrameWriter::new(writing)),
        pong: Slot::new(None),
    };
    let (orders, mut queue) = mpsc::channel(1);
    let weak = orders.downgrade();
    let mut keep = Some(orders);
    let mut ended = match &connection {
        Some(connection) => connection.ended().boxed(),
        None => std::future::pending().boxed(),
    };
    let connection = connection.filter(|_| takes_more);
    let mut order = first;
    let end = loop {
        if let Err(end) = session.exchange(order).await {
            break end;
        }
        if let Some(connection) = &connection
            && let Some(orders) = keep.take()
        {
            let route = Route {
                entity: entity.clone(),
                address: address.clone(),
                orders,
            };
            namespace.add_route(connection.number(), route);
        }
        match session.idle(&mut queue, &mut ended).await {
            Ok(next) => order = next,
            Err(end) => break end,
        }
    };
    namespace.remove_route(&weak);
    queue.close();
    while let Ok(order) = queue.try_recv() {
        let _ = order.answer.send(Err(Failed::Closed));
    }
    session.end(end).await;
}

struct Session {
    namespace: Arc<Namespace>,
    entity: String,
    reader: FrameReader<ReadHalf<TokioIo<Upgraded>>>,
    /// Used by the reader too, for pongs; both are in one task.
    writer: Mutex<FrameWriter<WriteHalf<TokioIo<Upgraded>>>>,
    /// A pong that the writer had no time for yet.
    pong: Slot<Option<Bytes>>,
}

impl Session {
    /// One request and its response.
    async fn exchange(&mut self, order: QueuedRequest) -> Result<(), End> {
        let QueuedRequest {
            id,
            command,
            body,
            mut answer,
        } = order;
        let (namespace, writer, pong) = (&self.namespace, &self.writer, &self.pong);
        let progress = Slot::new(namespace.clock.instant());
        let is_answered = AtomicBool::new(false);
        let writing = std::pin::pin!(write_request(
            namespace,
            writer,
            pong,
            command,
            body,
            &progress,
            &is_answered,
        ));
        let mut response = Reader {
            namespace,
            writer,
            pong,
            reader: &mut self.reader,
            entity: &self.entity,
        };
        let reading = std::pin::pin!(async {
            let gone = answer.cancellation();
            let head = match select(std::pin::pin!(response.head(&id, &progress)), gone).await {
                Either::Left((head, _)) => head,
                Either::Right(_) => return Err(Some(sender_gone())),
            };
            match head {
                Ok(head) if head.body => {
                    let (pieces, body) = mpsc::channel(PIECES);
                    let body = Some(body);
                    if answer.send(Ok(RelayedResponse { head, body })).is_err() {
                        return Err(Some(sender_gone()));
                    }
                    response.body(&pieces).await
                }
                Ok(head) => {
                    let _ = answer.send(Ok(RelayedResponse { head, body: None }));
                    Ok(())
                }
                Err(failed) => {
                    let _ = answer.send(Err(failed));
                    Err(farewell(failed))
                }
            }
        });
        // The response may come before the request has ended; it is delivered,
        // and the rest of the request read and thrown away.
        match select(reading, writing).await {
            Either::Left((Ok(()), writing)) => {
                is_answered.store(true, Ordering::Relaxed);
                let late = std::pin::pin!(namespace.wait(namespace.limits.response_timeout));
                match select(writing, late).await {
                    Either::Left((Written::Whole, _)) => Ok(()),
                    Either::Left(_) | Either::Right(_) => Err(farewell(Failed::Closed)),
                }
            }
            Either::Left((Err(end), _)) => Err(end),
            Either::Right((Written::Abandoned, _)) => Err(Some(sender_gone())),
            Either::Right((written, reading)) => {
                reading.await?;
                match written {
                    Written::Whole => Ok(()),
                    _ => Err(farewell(Failed::Closed)),
                }
            }
        }
    }

    /// Waits for the sender's next request, for the listener's end, or for the
    /// end of the sender's connection.
    async fn idle(
        &mut self,
        queue: &mut mpsc::Receiver<QueuedRequest>,
        ended: &mut BoxFuture<'static, ()>,
    ) -> Result<QueuedRequest, End> {
        let (namespace, writer, pong) = (&self.namespace, &self.writer, &self.pong);
        let mut reader = Reader {
            namespace,
            writer,
            pong,
            reader: &mut self.reader,
            entity: &self.entity,
        };
        let reading = std::pin::pin!(async {
            match reader.next().await {
                Ok(Piece::Close(frame)) => Some(frame),
                Ok(_) => farewell(Failed::Protocol("a message that answers nothing")),
                Err(failed) => farewell(failed),
            }
        });
        let next = std::pin::pin!(queue.recv());
        match select(select(reading, next), ended).await {
            Either::Left((Either::Left((end, _)), _)) => Err(end),
            Either::Left((Either::Right((Some(order), _)), _)) => Ok(order),
            Either::Left((Either::Right((None, _)), _)) | Either::Right(_) => {
                Err(Some(sender_gone()))
            }
        }
    }

    /// Says the last word, and waits for the listener's end for a moment.
    async fn end(mut self, end: End) {
        let Some(frame) = end else {
            return;
        };
        let runtime = self.namespace.runtime().clone();
        let deadline = runtime.sleep_until(runtime.after(FAREWELL));
        let farewell = std::pin::pin!(async {
            if self.writer.get_mut().close(&frame).await.is_ok() {
                while self.reader.next().await.is_ok() {}
            }
        });
        match select(farewell, deadline).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }
}

type Writer = Mutex<FrameWriter<WriteHalf<TokioIo<Upgraded>>>>;

/// How much of a request was written.
enum Written {
    Whole,
    /// The listener did not take it, or had answered before.
    PairFault,
    /// The sender went away in the middle.
    Abandoned,
}

/// Sends the head and the body of a request; once the response is there, only reads the body.
async fn write_request(
    namespace: &Namespace,
    writer: &Writer,
    pong: &Slot<Option<Bytes>>,
    command: Option<String>,
    mut body: Body,
    progress: &Slot<Instant>,
    is_answered: &AtomicBool,
) -> Written {
    let Some(command) = command else {
        return Written::Whole;
    };
    if write(writer, pong, true, Opcode::Text, command.as_bytes())
        .await
        .is_err()
    {
        return Written::PairFault;
    }
    *held(progress) = namespace.clock.instant();
    if body.is_empty() {
        return Written::Whole;
    }
    let mut left = body.content_length();
    let mut opcode = Opcode::Binary;
    let mut is_cut = false;
    loop {
        let deadline = namespace.wait(namespace.limits.response_timeout);
        let chunk = match select(body.next(), std::pin::pin!(deadline)).await {
            Either::Left((chunk, _)) => chunk,
            Either::Right(_) => return Written::PairFault,
        };
        is_cut |= is_answered.load(Ordering::Relaxed);
        let chunk = match chunk {
            Some(Ok(chunk)) => chunk,
            Some(Err(_)) => return Written::Abandoned,
            None if is_cut => return Written::PairFault,
            None => {
                let ended = write(writer, pong, true, opcode, &[]).await;
                return if ended.is_ok() {
                    Written::Whole
                } else {
                    Written::PairFault
                };
            }
        };
        for part in chunk.chunks(CHUNK) {
            if is_cut {
                break;
            }
            left = left.map(|left| left.saturating_sub(part.len() as u64));
            // Where the length is known, the end rides on the last part.
            let fin = left == Some(0);
            if write(writer, pong, fin, opcode, part).await.is_err() {
                return Written::PairFault;
            }
            *held(progress) = namespace.clock.instant();
            if fin {
                return Written::Whole;
            }
            opcode = Opcode::Continuation;
        }
    }
}

async fn write(
    writer: &Writer,
    pong: &Slot<Option<Bytes>>,
    fin: bool,
    opcode: Opcode,
    payload: &[u8],
) -> std::io::Result<()> {
    let mut writer = writer.lock().await;
    writer.write(fin, opcode, payload).await?;
    let pong = held(pong).take();
    if let Some(pong) = pong {
        writer.write(true, Opcode::Pong, &pong).await?;
    }
    Ok(())
}

/// Reads what a listener says on a rendezvous.
struct Reader<'a> {
    namespace: &'a Namespace,
    writer: &'a Writer,
    pong: &'a Slot<Option<Bytes>>,
    reader: &'a mut FrameReader<ReadHalf<TokioIo<Upgraded>>>,
    entity: &'a str,
}

impl Reader<'_> {
    /// The next piece that is no ping; pings are answered.
    async fn next(&mut self) -> Result<Piece, Failed> {
        loop {
            let piece = self.reader.next().await.map_err(|error| match error {
                ReadError::Lost => Failed::Lost,
                ReadError::Violation(violation) => Failed::Protocol(violation.0),
            })?;
            let Piece::Ping(payload) = piece else {
                return Ok(piece);
            };
            *held(self.pong) = Some(payload);
            // Never waits for the writer: it may be waiting for this reader's peer.
            let Ok(mut writer) = self.writer.try_lock() else {
                continue;
            };
            let pong = held(self.pong).take();
            if let Some(pong) = pong {
                let written = writer.write(true, Opcode::Pong, &pong).await;
                written.map_err(|_| Failed::Lost)?;
            }
        }
    }

    /// Waits for the head of the response `id`: for as long as the request still moves, and then a minute.
    async fn head(
        &mut self,
        id: &str,
        progress: &Slot<Instant>,
    ) -> Result<command::Response, Failed> {
        let namespace = self.namespace;
        let mut text = BytesMut::new();
        loop {
            let late = async {
                loop {
                    let limit = namespace.limits.response_timeout;
                    let deadline = transport::after(*held(progress), limit);
                    if namespace.clock.instant() >= deadline {
                        return;
                    }
                    namespace.clock.reaches(deadline).await;
                }
            };
            let piece = match select(std::pin::pin!(self.next()), std::pin::pin!(late)).await {
                Either::Left((piece, _)) => piece?,
                Either::Right(_) => return Err(Failed::Timeout),
            };
            match piece {
                Piece::Close(_) => return Err(Failed::Closed),
                Piece::Data {
                    is_text: false,
                    is_first: true,
                    is_last: true,
                    bytes,
                } if bytes.is_empty() => {
                    tracing::debug!(entity = self.entity, "ignored an empty binary message");
                }
                Piece::Data {
                    is_text: true,
                    bytes,
                    is_last,
                    ..
                } => {
                    text.extend_from_slice(&bytes);
                    if text.len() > MAX_COMMAND {
                        return Err(Failed::Protocol("the response's head is too long"));
                    }
                    if !is_last {
                        continue;
                    }
                    let reply = std::str::from_utf8(&text)
                        .ok()
                        .and_then(|text| Reply::decode(text).ok());
                    match reply {
                        Some(Some(Reply::Response(head))) if head.request_id == id => {
                            return Ok(head);
                        }
                        Some(Some(Reply::Response(_))) => {
                            return Err(Failed::Protocol("a response to another request"));
                        }
                        Some(_) => text.clear(),
                        None => return Err(Failed::Protocol("not the JSON of a response")),
                    }
                }
                Piece::Data { .. } => {
                    return Err(Failed::Protocol("a binary message before the response"));
                }
                Piece::Ping(_) => {}
            }
        }
    }

    /// Passes the body on, piece by piece, as fast as the sender takes it.
    async fn body(&mut self, pieces: &mpsc::Sender<Result<Bytes, Failed>>) -> Result<(), End> {
        let (namespace, entity) = (self.namespace, self.entity);
        loop {
            let Ok(room) = pieces.reserve().await else {
                return Err(Some(sender_gone()));
            };
            let late = namespace.wait(namespace.limits.response_timeout);
            let gone = pieces.closed();
            let (next, late) = (std::pin::pin!(self.next()), std::pin::pin!(late));
            let piece = match select(select(next, late), std::pin::pin!(gone)).await {
                Either::Left((Either::Left((piece, _)), _)) => piece,
                Either::Left((Either::Right(_), _)) => Err(Failed::Timeout),
                Either::Right(_) => return Err(Some(sender_gone())),
            };
            let failed = match piece {
                Ok(Piece::Data {
                    is_text: false,
                    is_last,
                    bytes,
                    ..
                }) => {
                    if !bytes.is_empty() {
                        room.send(Ok(bytes));
                    }
                    if is_last {
                        return Ok(());
                    }
                    continue;
                }
                // The official Java listener ends a body by closing.
                Ok(Piece::Close(frame)) if frame.code == CloseCode::NORMAL => {
                    tracing::debug!(
                        entity,
                        "the listener closed the rendezvous instead of ending the body with a final fragment"
                    );
                    return Err(Some(frame));
                }
                Ok(Piece::Close(_)) => Failed::Closed,
                Ok(_) => Failed::Protocol("a text message within a body"),
                Err(failed) => failed,
            };
            room.send(Err(failed));
            return Err(farewell(failed));
        }
    }
}

/// What is in a slot; no lock here is held over more than one statement.
fn held<T>(slot: &Slot<T>) -> std::sync::MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sender_gone() -> CloseFrame {
    CloseFrame::new(CloseCode::GOING_AWAY, "The sender is gone.")
}

fn farewell(failed: Failed) -> End {
    match failed {
        Failed::Closed => Some(CloseFrame::new(CloseCode::NORMAL, "NormalClosure")),
        Failed::Lost => None,
        Failed::Protocol(rule) => Some(CloseFrame::new(CloseCode::PROTOCOL_ERROR, rule)),
        Failed::Timeout => Some(CloseFrame::new(
            CloseCode::INTERNAL_ERROR,
            "The listener did not respond in the required time.",
        )),
    }
}

/// The size of the fragments of a request's body, as the service cuts it.
const CHUNK: usize = 32 * 1024;
/// How many pieces of a response wait for a slow sender.
const PIECES: usize = 4;
const MAX_COMMAND: usize = 128 * 1024;
const FAREWELL: Duration = Duration::from_secs(5);
