//! The rendezvous of relayed HTTP: requests and their responses, one after the
//! other, for as long as the listener keeps it open. Shell.

mod farewell;
mod request_writer;
mod response_reader;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use tokio::io::ReadHalf;
use tokio::sync::mpsc;
use transport::_internal::{UpgradedStream, within};

use self::farewell::{Farewell, sender_gone};
use self::request_writer::{Progress, RequestWriter, Written};
use self::response_reader::ResponseReader;
use super::handover::{QueuedRequest, RelayedResponse, RendezvousRequest, ResponseError};
use super::namespace::Namespace;
use super::rendezvous_table::IdleRendezvous;
use super::wire::{FrameReader, Piece};

/// Runs a rendezvous from its first request to its end.
pub(super) async fn run(
    namespace: Arc<Namespace>,
    socket: UpgradedStream,
    first: RendezvousRequest,
) {
    let RendezvousRequest {
        mut request,
        entity,
        listener,
        address,
        connection,
        takes_more,
    } = first;
    let (reading, writing) = tokio::io::split(socket);
    let mut rendezvous = HttpRendezvous {
        namespace: Arc::clone(&namespace),
        entity: entity.clone(),
        frames: FrameReader::new(reading),
        writer: RequestWriter::new(writing),
    };
    let (requests, mut queue) = mpsc::channel(1);
    let weak = requests.downgrade();
    let mut keep = Some(requests);
    let mut ended = match &connection {
        Some(connection) => connection.ended().boxed(),
        None => std::future::pending().boxed(),
    };
    let connection = connection.filter(|_| takes_more);
    let farewell = loop {
        if let Err(farewell) = rendezvous.exchange(request).await {
            break farewell;
        }
        if let Some(connection) = &connection
            && let Some(requests) = keep.take()
        {
            let idle = IdleRendezvous {
                entity: entity.clone(),
                listener: listener.clone(),
                address: address.clone(),
                requests,
            };
            namespace.rendezvous.add_idle(connection.number(), idle);
        }
        match rendezvous.idle(&mut queue, &mut ended).await {
            Ok(next) => request = next,
            Err(farewell) => break farewell,
        }
    };
    namespace.rendezvous.remove_idle(&weak);
    queue.close();
    while let Ok(request) = queue.try_recv() {
        let _ = request.answer.send(Err(ResponseError::Closed));
    }
    rendezvous.end(farewell).await;
}

/// One rendezvous that a listener has opened.
struct HttpRendezvous {
    namespace: Arc<Namespace>,
    entity: String,
    frames: FrameReader<ReadHalf<UpgradedStream>>,
    writer: RequestWriter,
}

impl HttpRendezvous {
    /// Performs one request and its response.
    async fn exchange(&mut self, request: QueuedRequest) -> Result<(), Farewell> {
        let QueuedRequest {
            id,
            command,
            body,
            mut answer,
        } = request;
        let (namespace, writer) = (&*self.namespace, &self.writer);
        let progress = Progress::new(namespace.clock.instant());
        let writing = std::pin::pin!(writer.request(namespace, command, body, &progress));
        let mut response = ResponseReader {
            namespace,
            writer,
            frames: &mut self.frames,
            entity: &self.entity,
        };
        let reading = std::pin::pin!(async {
            let gone = answer.cancellation();
            let head = match select(std::pin::pin!(response.head(&id, &progress)), gone).await {
                Either::Left((head, _)) => head,
                Either::Right(_) => return Err(sender_gone()),
            };
            match head {
                Ok(head) if head.body => {
                    let (pieces, body) = mpsc::channel(PIECES);
                    let body = Some(body);
                    if answer.send(Ok(RelayedResponse { head, body })).is_err() {
                        return Err(sender_gone());
                    }
                    response.body(&pieces).await
                }
                Ok(head) => {
                    let _ = answer.send(Ok(RelayedResponse { head, body: None }));
                    Ok(())
                }
                Err(error) => {
                    let _ = answer.send(Err(error));
                    Err(farewell::after(error))
                }
            }
        });
        // The response may arrive before the request has ended; it is
        // delivered, and the rest of the request discarded.
        match select(reading, writing).await {
            Either::Left((Ok(()), writing)) => {
                progress.set_answered();
                let late = std::pin::pin!(namespace.wait(namespace.limits.response_timeout));
                match select(writing, late).await {
                    Either::Left((Written::Whole, _)) => Ok(()),
                    Either::Left(_) | Either::Right(_) => {
                        Err(farewell::after(ResponseError::Closed))
                    }
                }
            }
            Either::Left((Err(farewell), _)) => Err(farewell),
            Either::Right((Written::Abandoned, _)) => Err(sender_gone()),
            Either::Right((written, reading)) => {
                reading.await?;
                match written {
                    Written::Whole => Ok(()),
                    _ => Err(farewell::after(ResponseError::Closed)),
                }
            }
        }
    }

    /// Waits for the sender's next request, for the listener to close, or for
    /// the end of the sender's connection.
    async fn idle(
        &mut self,
        queue: &mut mpsc::Receiver<QueuedRequest>,
        ended: &mut BoxFuture<'static, ()>,
    ) -> Result<QueuedRequest, Farewell> {
        let mut reader = ResponseReader {
            namespace: &self.namespace,
            writer: &self.writer,
            frames: &mut self.frames,
            entity: &self.entity,
        };
        let reading = std::pin::pin!(async {
            match reader.next().await {
                Ok(Piece::Close(frame)) => Some(frame),
                Ok(_) => {
                    let error = ResponseError::Protocol("a message that answers nothing");
                    farewell::after(error)
                }
                Err(error) => farewell::after(error),
            }
        });
        let next = std::pin::pin!(queue.recv());
        match select(select(reading, next), ended).await {
            Either::Left((Either::Left((farewell, _)), _)) => Err(farewell),
            Either::Left((Either::Right((Some(request), _)), _)) => Ok(request),
            Either::Left((Either::Right((None, _)), _)) | Either::Right(_) => Err(sender_gone()),
        }
    }

    /// Sends the last frame, and waits briefly for the listener to close.
    async fn end(mut self, farewell: Farewell) {
        let Some(frame) = farewell else {
            return;
        };
        // Real time, because the socket is real.
        let runtime = self.namespace.runtime().clone();
        let closing = async {
            if self.writer.close(&frame).await.is_ok() {
                while self.frames.next().await.is_ok() {}
            }
        };
        // Closed or not, the connection is dropped now.
        let _ = within(&runtime, LINGER, closing).await;
    }
}

/// How many pieces of a response are buffered for a slow sender.
const PIECES: usize = 4;
/// How long closing a rendezvous may take.
const LINGER: Duration = Duration::from_secs(5);
