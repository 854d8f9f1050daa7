//! User events, to which the handler may respond with a payload. Pure.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use serde::de::IgnoredAny;
use transport::Text;

use super::connect::finish;
use super::rejection::{JSON, TEXT, plain};
use super::{ConnectionContext, ConnectionState, InvalidRequest, header};
use crate::Result;
use crate::protocol::{Data, Metadata};

/// A user event: a frame of a client without a subprotocol, an
/// `event`, an `invoke`, or an MQTT message to an event topic.
#[derive(Clone, Debug)]
pub struct UserEventRequest {
    context: ConnectionContext,
    data: Data,
}

impl UserEventRequest {
    pub(super) fn read(
        context: ConnectionContext,
        body: Bytes,
    ) -> std::result::Result<Self, InvalidRequest> {
        let content_type = header::CONTENT_TYPE.checked(context.headers());
        let media_type = content_type
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let text =
            |expected| Text::try_from(body.clone()).map_err(|_| InvalidRequest::Body { expected });
        let data = match media_type.as_str() {
            "text/plain" => Data::Text(text("UTF-8 text")?),
            "application/json" => {
                let json = text("JSON")?;
                serde_json::from_str::<IgnoredAny>(&json)
                    .map_err(|_| InvalidRequest::Body { expected: "JSON" })?;
                Data::Json(json)
            }
            "application/x-protobuf" => Data::Protobuf(body),
            // MQTT clients may send any content type, or none.
            _ => Data::Binary(body),
        };
        Ok(Self { context, data })
    }

    /// Returns the connection and the name of the event.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// Returns the payload. Its kind follows from the content type; an unknown one
    /// makes it [`Data::Binary`].
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Converts into the payload.
    pub fn into_data(self) -> Data {
        self.data
    }
}

/// The response that accepts a user event, optionally with a payload for the client.
///
/// ```
/// use azwire_pubsub::webhook::UserEventResponse;
///
/// let response = UserEventResponse::text("hello back").into_http();
/// assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
/// assert_eq!(UserEventResponse::accept().into_http().status(), 204);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct UserEventResponse {
    data: Option<Data>,
    state: Option<ConnectionState>,
    metadata: Metadata,
    headers: HeaderMap,
}

impl UserEventResponse {
    /// Creates a response without a payload.
    pub fn accept() -> Self {
        Self::default()
    }

    /// Creates a response with a payload for the client that sent the event. An empty one is not
    /// sent.
    pub fn data(data: impl Into<Data>) -> Self {
        Self {
            data: Some(data.into()),
            ..Self::default()
        }
    }

    /// Creates a response with text.
    pub fn text(text: impl Into<Text>) -> Self {
        Self::data(Data::Text(text.into()))
    }

    /// Creates a response with bytes.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::data(Data::Binary(bytes.into()))
    }

    /// Creates a response with JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the value cannot be serialized.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Ok(Self::data(Data::json(value)?))
    }

    /// Sets the connection state, which every later event of the connection repeats.
    pub fn with_state(mut self, state: ConnectionState) -> Self {
        self.state = Some(state);
        self
    }

    /// Adds metadata to the payload, for clients whose subprotocol supports it.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Adds a header, such as `mqtt-{name}`, which becomes a user property for an
    /// MQTT 5.0 client. `Content-Type`, `Content-Length` and `ce-connectionState`
    /// are set by the response itself.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Converts to an HTTP response: 204 without a payload, otherwise 200 with its content type.
    pub fn into_http(mut self) -> Response<Bytes> {
        for (name, value) in self.metadata.iter() {
            let name = format!("{}{name}", header::METADATA_PREFIX).to_ascii_lowercase();
            if let Ok(name) = HeaderName::try_from(name)
                && let Ok(value) = HeaderValue::try_from(value)
            {
                self.headers.insert(name, value);
            }
        }
        let (content_type, body) = match self.data {
            None => {
                let response = plain(StatusCode::NO_CONTENT, "");
                return finish(response, self.headers, self.state.as_ref());
            }
            Some(Data::Text(text)) => (TEXT, text.into_bytes()),
            Some(Data::Json(json)) => (JSON, json.into_bytes()),
            Some(Data::Binary(bytes)) => ("application/octet-stream", bytes),
            Some(Data::Protobuf(bytes)) => ("application/x-protobuf", bytes),
        };
        let mut response = Response::new(body);
        let content_type = HeaderValue::from_static(content_type);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        finish(response, self.headers, self.state.as_ref())
    }
}

impl From<Data> for UserEventResponse {
    fn from(data: Data) -> Self {
        Self::data(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_payload_has_its_content_type() {
        for (response, content_type, body) in [
            (UserEventResponse::text("a"), TEXT, "a"),
            (UserEventResponse::json(&[1]).unwrap(), JSON, "[1]"),
            (
                UserEventResponse::binary("b"),
                "application/octet-stream",
                "b",
            ),
            (
                Data::Protobuf("p".into()).into(),
                "application/x-protobuf",
                "p",
            ),
        ] {
            let response = response.into_http();
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()[CONTENT_TYPE], content_type);
            assert_eq!(response.body(), body);
        }
    }

    #[test]
    fn state_and_metadata_go_without_a_payload_too() {
        let metadata = Metadata::new().with("Src", "cam").unwrap();
        let response = UserEventResponse::accept()
            .with_state(ConnectionState::raw("s").unwrap())
            .with_metadata(metadata)
            .into_http();
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["ce-connectionstate"], "s");
        assert_eq!(response.headers()["x-webpubsub-metadata-src"], "cam");
        assert!(response.body().is_empty());
    }
}
