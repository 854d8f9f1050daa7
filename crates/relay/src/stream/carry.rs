//! A stream and another WebSocket, joined message by message. Shell.

use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use futures::future::{Either, select};
use futures::stream::{SplitSink, SplitStream};
use futures::{FutureExt, SinkExt, StreamExt};
use transport::{CloseCode, CloseFrame, Message, SharedRuntime, WebSocket};

use super::{ReadHalf, RelayStream, WriteHalf};
use crate::Result;
use crate::deadline::within;

/// Carries messages both ways between a sender and the application's WebSocket, until both
/// directions are closed, or one is broken.
///
/// Text stays text, binary stays binary, and close frames are passed on both ways. Pings and
/// pongs are not. If the application drops its WebSocket without a close frame, the sender's
/// ends, after everything sent before, with the sender's own close frame or, if it has sent
/// none, with code 1001.
pub async fn carry(
    runtime: &SharedRuntime,
    stream: RelayStream,
    socket: Box<dyn WebSocket>,
) -> Result<()> {
    let (sink, messages) = socket.split();
    let (reader, writer) = stream.into_split();
    let closed = OnceLock::new();
    let inward = pin!(to_application(reader, sink, &closed));
    let outward = pin!(to_sender(messages, writer, &closed));
    match select(inward, outward).await {
        // The application closes, too, once it has been told, or goes on with its direction.
        Either::Left((Ok(()), outward)) => outward.await,
        Either::Left((Err(error), _)) | Either::Right((Err(error), _)) => Err(error),
        Either::Right((Ok(()), inward)) => {
            let closing = within(runtime, CLOSE_TIMEOUT, inward).await;
            // What the sender has not closed by then is closed with the stream.
            closing.unwrap_or(Ok(()))
        }
    }
}

async fn to_application(
    mut reader: ReadHalf,
    mut sink: SplitSink<Box<dyn WebSocket>, Message>,
    closed: &OnceLock<Option<CloseFrame>>,
) -> Result<()> {
    loop {
        let received = match reader.receive().now_or_never() {
            Some(received) => received,
            None => {
                if sink.flush().await.is_err() {
                    return Ok(());
                }
                reader.receive().await
            }
        };
        let message = match received {
            Ok(Some(message)) => message,
            Ok(None) => Message::Close(reader.close_frame().cloned()),
            Err(error) => {
                // What came before is the application's all the same.
                let _ = sink.flush().await;
                return Err(error);
            }
        };
        let is_last = if let Message::Close(frame) = &message {
            closed.get_or_init(|| frame.clone());
            true
        } else {
            false
        };
        // An error: the application has dropped its WebSocket. The other direction says so,
        // after what it still has to hand on.
        if sink.feed(message).await.is_err() {
            return Ok(());
        }
        if is_last {
            let _ = sink.flush().await;
            return Ok(());
        }
    }
}

async fn to_sender(
    mut messages: SplitStream<Box<dyn WebSocket>>,
    mut writer: WriteHalf,
    closed: &OnceLock<Option<CloseFrame>>,
) -> Result<()> {
    loop {
        let message = match messages.next().now_or_never() {
            Some(message) => message,
            None => {
                writer.flush_messages().await?;
                messages.next().await
            }
        };
        match message {
            Some(Ok(message @ Message::Close(_))) => return writer.send(message).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(message)) => writer.feed(message).await?,
            Some(Err(_)) | None => {
                // An application that drops what the sender has closed agrees.
                let close = closed.get().cloned().unwrap_or_else(|| {
                    let text = "The application dropped its WebSocket.";
                    Some(CloseFrame::new(CloseCode::GOING_AWAY, text))
                });
                return writer.send(Message::Close(close)).await;
            }
        }
    }
}

/// How long the sender may take to close after the application has, as a stream's own limit.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);
