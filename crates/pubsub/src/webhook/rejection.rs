//! How a handler says no. Pure.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::{MqttConnectCode, MqttUserProperty};

/// Why a handler does not take a connection or a user event: a status, a reason
/// for the client, and for MQTT clients a code.
///
/// - A refused `connect` fails the client's handshake with that status and reason.
/// - A refused user event fails its acknowledgement, or closes the connection of
///   a client that speaks no subprotocol. Microsoft's emulator sends an event
///   again that was answered 408 or from 500 on.
///
/// Any error becomes a rejection by `?`: it answers 500 without a reason, and
/// the error itself is logged, not sent.
///
/// ```
/// use azwire_pubsub::webhook::Rejection;
///
/// fn age(text: &str) -> Result<u8, Rejection> {
///     let age: u8 = text.parse()?;
///     if age < 18 {
///         return Err(Rejection::forbidden("come back later"));
///     }
///     Ok(age)
/// }
/// assert_eq!(age("17").unwrap_err().status(), 403);
/// assert_eq!(age("x").unwrap_err().status(), 500);
/// ```
pub struct Rejection(Box<Inner>);

struct Inner {
    status: StatusCode,
    reason: String,
    code: Option<MqttConnectCode>,
    user_properties: Vec<MqttUserProperty>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Rejection {
    /// Refuses with a status and a reason; a status below 400 becomes 500.
    ///
    /// An MQTT client gets the code that belongs to the status.
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        let is_refusal = status.is_client_error() || status.is_server_error();
        Self(Box::new(Inner {
            status: if is_refusal {
                status
            } else {
                StatusCode::INTERNAL_SERVER_ERROR
            },
            reason: reason.into(),
            code: None,
            user_properties: Vec::new(),
            source: None,
        }))
    }

    /// Refuses with 400: what the client sent is not right.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// Refuses with 401: it is not known who the client is.
    pub fn unauthorized(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, reason)
    }

    /// Refuses with 403: the client may not do this.
    pub fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    /// Refuses an MQTT client with a code of its protocol's version; the status
    /// is the one that goes along with the code.
    pub fn mqtt(code: MqttConnectCode, reason: impl Into<String>) -> Self {
        let mut rejection = Self::new(code.status(), reason);
        rejection.0.code = Some(code);
        rejection
    }

    /// Adds a user property for an MQTT 5.0 client.
    #[must_use]
    pub fn with_mqtt_user_property(mut self, property: MqttUserProperty) -> Self {
        self.0.user_properties.push(property);
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The reason for the client.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The error that it was made of.
    pub fn source(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// The answer as HTTP.
    ///
    /// With the protocol version of an MQTT client, which is for answers to
    /// `connect` alone, the body is JSON with the code; otherwise it is the
    /// reason as text.
    pub fn into_http(self, mqtt_version: Option<u8>) -> Response<Bytes> {
        let Some(version) = mqtt_version else {
            return plain(self.0.status, self.0.reason);
        };
        let code = self.0.code;
        let code = code.unwrap_or_else(|| MqttConnectCode::from_status(self.0.status, version));
        let body = MqttBody {
            mqtt: MqttRefusal {
                code,
                reason: (!self.0.reason.is_empty()).then_some(&self.0.reason),
                user_properties: &self.0.user_properties,
            },
        };
        let mut response = json(&body);
        *response.status_mut() = self.0.status;
        response
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("status", &self.0.status)
            .field("code", &self.0.code)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Rejection {
    fn from(error: E) -> Self {
        let mut rejection = Self::new(StatusCode::INTERNAL_SERVER_ERROR, String::new());
        rejection.0.source = Some(Box::new(error));
        rejection
    }
}

#[derive(Serialize)]
struct MqttBody<'a> {
    mqtt: MqttRefusal<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MqttRefusal<'a> {
    code: MqttConnectCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    user_properties: &'a [MqttUserProperty],
}

/// A status with a text for the reader.
pub(super) fn plain(status: StatusCode, text: impl Into<String>) -> Response<Bytes> {
    let text = text.into();
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    if !text.is_empty() {
        let content_type = HeaderValue::from_static(TEXT);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        *response.body_mut() = text.into();
    }
    response
}

/// 200 with JSON.
pub(super) fn json(body: &impl Serialize) -> Response<Bytes> {
    let body = serde_json::to_vec(body).expect("texts, numbers and lists of them serialise");
    let mut response = Response::new(body.into());
    let content_type = HeaderValue::from_static(JSON);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

pub(super) const JSON: &str = "application/json; charset=utf-8";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    fn body(rejection: Rejection, mqtt_version: Option<u8>) -> (u16, String) {
        let response = rejection.into_http(mqtt_version);
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        (response.status().as_u16(), body)
    }

    #[test]
    fn a_rejection_is_a_status_and_a_text() {
        let no = Rejection::unauthorized("who are you?").into_http(None);
        assert_eq!(no.status(), 401);
        assert_eq!(no.headers()[CONTENT_TYPE], TEXT);
        assert_eq!(no.body(), "who are you?");
        assert_eq!(body(Rejection::bad_request(""), None), (400, String::new()));
        // Only a refusal refuses.
        assert_eq!(Rejection::new(StatusCode::OK, "").status(), 500);
        assert_eq!(Rejection::new(StatusCode::FOUND, "").status(), 500);
    }

    #[test]
    fn an_mqtt_client_gets_a_code() {
        let no = || Rejection::unauthorized("no");
        let json = |code: u8| format!(r#"{{"mqtt":{{"code":{code},"reason":"no"}}}}"#);
        assert_eq!(body(no(), Some(4)), (401, json(5)));
        assert_eq!(body(no(), Some(5)), (401, json(0x87)));
        assert_eq!(
            body(Rejection::mqtt(MqttConnectCode::BANNED, "no"), Some(5)),
            (403, json(0x8a))
        );
        let with_property = Rejection::mqtt(MqttConnectCode::SERVER_BUSY, "")
            .with_mqtt_user_property(MqttUserProperty::new("a", "1"));
        let expected = r#"{"mqtt":{"code":137,"userProperties":[{"name":"a","value":"1"}]}}"#;
        assert_eq!(body(with_property, Some(5)), (500, expected.into()));
    }

    #[test]
    fn an_error_is_not_told_to_the_client() {
        let rejection = Rejection::from("x9".parse::<u8>().unwrap_err());
        assert!(rejection.source().is_some());
        assert_eq!(body(rejection, None), (500, String::new()));
    }
}
