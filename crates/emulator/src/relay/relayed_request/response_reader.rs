//! The reading half of a rendezvous: the head of a response, and its body. Shell.

use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use relay::command::{self, Reply};
use tokio::io::ReadHalf;
use tokio::sync::mpsc;
use transport::_internal::UpgradedStream;
use transport::CloseCode;

use super::farewell::{self, Farewell, sender_gone};
use super::request_writer::{Progress, RequestWriter};
use crate::relay::handover::ResponseError;
use crate::relay::namespace::Namespace;
use crate::relay::wire::{FrameReader, Piece, ReadError};

/// The reader of a listener's responses on a rendezvous.
pub(super) struct ResponseReader<'a> {
    pub(super) namespace: &'a Namespace,
    pub(super) writer: &'a RequestWriter,
    pub(super) frames: &'a mut FrameReader<ReadHalf<UpgradedStream>>,
    pub(super) entity: &'a str,
}

impl ResponseReader<'_> {
    /// Returns the next piece that is not a ping; pings are answered.
    pub(super) async fn next(&mut self) -> Result<Piece, ResponseError> {
        loop {
            let piece = self.frames.next().await.map_err(|error| match error {
                ReadError::Lost => ResponseError::Lost,
                ReadError::Violation(violation) => ResponseError::Protocol(violation.0),
            })?;
            let Piece::Ping(payload) = piece else {
                return Ok(piece);
            };
            let written = self.writer.pong(payload).await;
            written.map_err(|_| ResponseError::Lost)?;
        }
    }

    /// Waits for the head of the response `id`: while the request still makes
    /// progress, and then for the response timeout.
    pub(super) async fn head(
        &mut self,
        id: &str,
        progress: &Progress,
    ) -> Result<command::Response, ResponseError> {
        let namespace = self.namespace;
        let mut text = BytesMut::new();
        loop {
            let late = async {
                loop {
                    let limit = namespace.limits.response_timeout;
                    let deadline = transport::after(progress.moved(), limit);
                    if namespace.clock.instant() >= deadline {
                        return;
                    }
                    namespace.clock.reaches(deadline).await;
                }
            };
            let piece = match select(std::pin::pin!(self.next()), std::pin::pin!(late)).await {
                Either::Left((piece, _)) => piece?,
                Either::Right(_) => return Err(ResponseError::Timeout),
            };
            match piece {
                Piece::Close(_) => return Err(ResponseError::Closed),
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
                    if text.len() > MAX_HEAD {
                        return Err(ResponseError::Protocol("the response's head is too long"));
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
                            return Err(ResponseError::Protocol("a response to another request"));
                        }
                        Some(_) => text.clear(),
                        None => return Err(ResponseError::Protocol("not the JSON of a response")),
                    }
                }
                Piece::Data { .. } => {
                    return Err(ResponseError::Protocol(
                        "a binary message before the response",
                    ));
                }
                Piece::Ping(_) => {}
            }
        }
    }

    /// Forwards the body, piece by piece, as fast as the sender reads it.
    pub(super) async fn body(
        &mut self,
        pieces: &mpsc::Sender<Result<Bytes, ResponseError>>,
    ) -> Result<(), Farewell> {
        let (namespace, entity) = (self.namespace, self.entity);
        loop {
            let Ok(room) = pieces.reserve().await else {
                return Err(sender_gone());
            };
            let late = namespace.wait(namespace.limits.response_timeout);
            let gone = pieces.closed();
            let (next, late) = (std::pin::pin!(self.next()), std::pin::pin!(late));
            let piece = match select(select(next, late), std::pin::pin!(gone)).await {
                Either::Left((Either::Left((piece, _)), _)) => piece,
                Either::Left((Either::Right(_), _)) => Err(ResponseError::Timeout),
                Either::Right(_) => return Err(sender_gone()),
            };
            let error = match piece {
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
                Ok(Piece::Close(_)) => ResponseError::Closed,
                Ok(_) => ResponseError::Protocol("a text message within a body"),
                Err(error) => error,
            };
            room.send(Err(error));
            return Err(farewell::after(error));
        }
    }
}

/// The longest head of a response.
const MAX_HEAD: usize = 128 * 1024;
