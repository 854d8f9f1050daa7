//! The writing half of a rendezvous: requests, with pongs between their frames. Shell.

use std::sync::Mutex as Slot;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::{Either, select};
use tokio::io::WriteHalf;
use tokio::sync::Mutex;
use transport::_internal::frame::Opcode;
use transport::_internal::{UpgradedStream, lock};
use transport::{Body, CloseFrame};

use crate::relay::namespace::Namespace;
use crate::relay::wire::FrameWriter;

/// The writing half, which the reader uses too, for pongs; both are in one task.
pub(super) struct RequestWriter {
    frames: Mutex<FrameWriter<WriteHalf<UpgradedStream>>>,
    /// A pong that could not be written yet.
    pong: Slot<Option<Bytes>>,
}

/// How far a request was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Written {
    Whole,
    /// The listener did not accept the rest, or had responded before.
    Cut,
    /// The sender was lost in the middle.
    Abandoned,
}

/// The progress of a request and its response.
pub(super) struct Progress {
    /// When the listener last read a part of the request.
    moved: Slot<Instant>,
    is_answered: AtomicBool,
}

impl Progress {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            moved: Slot::new(now),
            is_answered: AtomicBool::new(false),
        }
    }

    pub(super) fn moved(&self) -> Instant {
        *lock(&self.moved)
    }

    /// From now on the rest of the request is read and discarded.
    pub(super) fn set_answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }
}

impl RequestWriter {
    pub(super) fn new(half: WriteHalf<UpgradedStream>) -> Self {
        Self {
            frames: Mutex::new(FrameWriter::new(half)),
            pong: Slot::new(None),
        }
    }

    /// Sends the head and the body of a request; once the response has arrived, discards the rest
    /// of the body.
    pub(super) async fn request(
        &self,
        namespace: &Namespace,
        command: Option<String>,
        mut body: Body,
        progress: &Progress,
    ) -> Written {
        let Some(command) = command else {
            return Written::Whole;
        };
        let head = self.write(true, Opcode::Text, command.as_bytes()).await;
        if head.is_err() {
            return Written::Cut;
        }
        *lock(&progress.moved) = namespace.clock.instant();
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
                Either::Right(_) => return Written::Cut,
            };
            is_cut |= progress.is_answered.load(Ordering::Relaxed);
            let chunk = match chunk {
                Some(Ok(chunk)) => chunk,
                Some(Err(_)) => return Written::Abandoned,
                None if is_cut => return Written::Cut,
                None => {
                    return match self.write(true, opcode, &[]).await {
                        Ok(()) => Written::Whole,
                        Err(_) => Written::Cut,
                    };
                }
            };
            for part in chunk.chunks(CHUNK) {
                if is_cut {
                    break;
                }
                left = left.map(|left| left.saturating_sub(part.len() as u64));
                // If the length is known, the last part carries FIN.
                let fin = left == Some(0);
                if self.write(fin, opcode, part).await.is_err() {
                    return Written::Cut;
                }
                *lock(&progress.moved) = namespace.clock.instant();
                if fin {
                    return Written::Whole;
                }
                opcode = Opcode::Continuation;
            }
        }
    }

    /// Writes a frame, followed by a pong if one waits.
    async fn write(&self, fin: bool, opcode: Opcode, payload: &[u8]) -> std::io::Result<()> {
        let mut frames = self.frames.lock().await;
        frames.write(fin, opcode, payload).await?;
        let pong = lock(&self.pong).take();
        if let Some(pong) = pong {
            frames.write(true, Opcode::Pong, &pong).await?;
        }
        Ok(())
    }

    /// Answers a ping, at once or after the frame that is being written.
    pub(super) async fn pong(&self, payload: Bytes) -> std::io::Result<()> {
        *lock(&self.pong) = Some(payload);
        // Never waits for the writer: it may be waiting for this reader's peer.
        let Ok(mut frames) = self.frames.try_lock() else {
            return Ok(());
        };
        let pong = lock(&self.pong).take();
        match pong {
            Some(pong) => frames.write(true, Opcode::Pong, &pong).await,
            None => Ok(()),
        }
    }

    pub(super) async fn close(&mut self, frame: &CloseFrame) -> std::io::Result<()> {
        self.frames.get_mut().close(frame).await
    }
}

/// The fragment size of a request's body, as at the service.
const CHUNK: usize = 32 * 1024;
