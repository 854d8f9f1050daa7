//! Rejections by handlers. Pure.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::{MqttConnectCode, MqttUserProperty};

/// The rejection of a connection or a user event by a handler: a status, a reason
/// for the client, and for MQTT clients a code.
///
/// - A rejected `connect` fails the client's handshake with that status, and with the reason as the body; the
///   error of a `Client` has it as its `service_message`.
/// - A rejected user event results in an ack with an error, or closes the connection of
///   a client without a subprotocol. The reason is not in it: from azwire's emulator the client
///   learns the status alone, and what the service writes there is not published. To say more to the client,
///   accept the event and respond with data.
///
/// The `?` operator converts any error to a rejection with 500 and no reason;
/// the error itself is logged, not sent. An event that is rejected with 408, or with 500 or above, is
/// delivered again: 3 times by Microsoft's emulator and by azwire's.
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
    /// Creates a rejection with a status and a reason; a status below 400 becomes 500.
    /// An MQTT client gets the code for the status.
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

    /// Creates a rejection with 400: the client's request is invalid.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// Creates a rejection with 401: the client is not authenticated.
    pub fn unauthorized(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, reason)
    }

    /// Creates a rejection with 403: the client is not allowed to do this.
    pub fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    /// Creates a rejection of an MQTT client with a code of its protocol version; the status
    /// follows from the code.
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

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the reason for the client.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Returns the error that it was created from.
    pub fn source(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// Converts to an HTTP response.
    ///
    /// With the protocol version of an MQTT client, which is only for responses to
    /// `connect`, the body is JSON with the code; otherwise it is the
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

/// Returns a response with a text.
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

/// Returns a response of 200 with JSON.
pub(super) fn json(body: &impl Serialize) -> Response<Bytes> {
    let body = serde_json::to_vec(body).expect("strings, numbers and lists of them serialize");
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
        // A rejection must have an error status.
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
