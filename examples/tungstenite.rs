//! The WebSockets of tokio-tungstenite as our clients take them, for `transport_tokio_tungstenite`.
//!
//! Messages, errors and the opening request are converted; `WebSocketAdapter` does the closing. The
//! library answers each close frame at once, so a relayed stream cannot be written after its peer
//! has ended it.

use std::future::ready;

use azwire_transport::{
    CloseCode, CloseFrame, Error, ErrorKind, Handshake, HandshakeRequest, Message, Result,
    WebSocketAdapter, WebSocketConnector, async_trait,
};
use futures::{SinkExt, StreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite as library;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;

/// Opens WebSockets with tokio-tungstenite.
#[derive(Debug)]
pub(crate) struct Tungstenite;

#[async_trait]
impl WebSocketConnector for Tungstenite {
    async fn connect(&self, request: HandshakeRequest) -> Result<Handshake> {
        let mut opening = request.uri.into_client_request().map_err(failed)?;
        opening.headers_mut().extend(request.headers);
        if !request.subprotocols.is_empty() {
            let offered = request.subprotocols.join(", ").try_into();
            let offered = offered.map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
            opening
                .headers_mut()
                .insert(SEC_WEBSOCKET_PROTOCOL, offered);
        }
        let config = library::protocol::WebSocketConfig::default()
            .max_message_size(Some(request.limits.max_message))
            .max_frame_size(Some(request.limits.max_message));
        let opened = connect_async_with_config(opening, Some(config), true).await;
        let (socket, response) = opened.map_err(|error| match error {
            library::Error::Io(error) => Error::new(ErrorKind::Connect, error),
            error => failed(error),
        })?;
        let socket = socket
            .sink_map_err(failed)
            .with(|message| ready(outgoing(message)))
            .map(|message| message.map(incoming).map_err(failed));
        let headers = response.into_parts().0.headers;
        let chosen = headers
            .get(SEC_WEBSOCKET_PROTOCOL)
            .and_then(|name| name.to_str().ok());
        let chosen = chosen.map(str::to_owned);
        Ok(Handshake::new(
            Box::new(WebSocketAdapter::new(socket)),
            chosen,
            headers,
        ))
    }
}

fn outgoing(message: Message) -> Result<library::Message> {
    Ok(match message {
        Message::Text(text) => library::Message::text(text.as_str()),
        Message::Binary(bytes) => library::Message::Binary(bytes),
        Message::Ping(bytes) => library::Message::Ping(bytes),
        Message::Pong(bytes) => library::Message::Pong(bytes),
        Message::Close(frame) => library::Message::Close(frame.map(|frame| {
            let (code, reason) = (frame.code.as_u16().into(), frame.reason.into());
            library::protocol::CloseFrame { code, reason }
        })),
        _ => return Err(Error::message(ErrorKind::InvalidInput, "unknown message")),
    })
}

fn incoming(message: library::Message) -> Message {
    match message {
        library::Message::Text(text) => Message::text(text.as_str()),
        library::Message::Ping(bytes) => Message::Ping(bytes),
        library::Message::Pong(bytes) => Message::Pong(bytes),
        library::Message::Close(frame) => Message::Close(frame.and_then(|frame| {
            let code = CloseCode::new(frame.code.into())?;
            Some(CloseFrame::new(code, frame.reason.as_str()))
        })),
        binary => Message::Binary(binary.into_data()),
    }
}

fn failed(error: library::Error) -> Error {
    let kind = match error {
        library::Error::Http(response) => {
            return Error::rejected(response.map(Option::unwrap_or_default).into());
        }
        library::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => ErrorKind::Closed,
        library::Error::Protocol(_) | library::Error::Utf8(_) => ErrorKind::Protocol,
        library::Error::Capacity(_) => ErrorKind::TooLarge,
        _ => ErrorKind::Closed,
    };
    Error::new(kind, error)
}
