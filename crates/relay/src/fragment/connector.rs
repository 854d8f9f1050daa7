//! The connector for WebSockets that deliver bodies in fragments. Shell.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{Sink, Stream};
use transport::net::{Connector, open_websocket};
use transport::{
    Error, Handshake, HandshakeRequest, Message, Result, SharedRuntime, WebSocket,
    WebSocketConnector,
};

use super::frame_editor::{Edits, FrameEditor};

/// Opens WebSockets whose binary messages are delivered fragment by
/// fragment: a non-empty [`Message::Binary`] is one fragment, an empty
/// one the end of the message, in both directions.
#[derive(Clone, Debug)]
pub(crate) struct FragmentConnector {
    connector: Connector,
    runtime: SharedRuntime,
}

impl FragmentConnector {
    /// Opens WebSockets over the connections of `connector`.
    pub(crate) fn new(connector: Connector, runtime: SharedRuntime) -> Self {
        Self { connector, runtime }
    }
}

#[async_trait]
impl WebSocketConnector for FragmentConnector {
    async fn connect(&self, request: HandshakeRequest) -> Result<Handshake> {
        let connection = self.connector.connect(&request.uri).await?;
        let edits = Edits::default();
        let edited = FrameEditor::new(connection, edits.clone());
        let mut opened = open_websocket(edited, request, &self.runtime).await?;
        opened.socket = Box::new(Fragments {
            socket: opened.socket,
            at_end: false,
            edits,
        });
        Ok(opened)
    }
}

#[derive(Debug)]
struct Fragments {
    socket: Box<dyn WebSocket>,
    /// Whether the last fragment of a message has been delivered, but not its end.
    at_end: bool,
    edits: Edits,
}

impl Stream for Fragments {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.at_end) {
            return Poll::Ready(Some(Ok(Message::Binary(Bytes::new()))));
        }
        loop {
            let message = ready!(Pin::new(&mut self.socket).poll_next(cx));
            if let Some(Ok(Message::Binary(bytes))) = &message {
                let is_last = self.edits.lock().0.take_last();
                if bytes.is_empty() && !is_last {
                    continue;
                }
                self.at_end = is_last && !bytes.is_empty();
            }
            return Poll::Ready(message);
        }
    }
}

impl Sink<Message> for Fragments {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<()> {
        if let Message::Binary(bytes) = &message {
            self.edits.lock().1.push(bytes.is_empty());
        }
        Pin::new(&mut self.socket).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}
