//! The `connect` event, in which the handler accepts or rejects a client. Pure.

use std::fmt;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

use super::multi_map::texts;
use super::{
    ConnectionContext, ConnectionState, InvalidRequest, MqttConnect, MqttUserProperty, MultiMap,
    header, rejection,
};
use crate::members::{self, Members};
use crate::{Error, GroupName, Result, UserId};

/// The `connect` event: a client wants to connect.
#[derive(Clone, Debug)]
#[doc(alias = "ConnectEventRequest")]
pub struct ConnectRequest {
    context: ConnectionContext,
    headers: HeaderMap,
    fields: Box<Fields>,
}

/// The members of the body, all of which are optional.
#[derive(Clone, Debug)]
struct Fields {
    claims: MultiMap,
    query: MultiMap,
    subprotocols: Vec<String>,
    client_certificates: Vec<ClientCertificate>,
    mqtt: Option<MqttConnect>,
}

impl ConnectRequest {
    pub(super) fn read(
        context: ConnectionContext,
        body: &[u8],
    ) -> std::result::Result<Self, InvalidRequest> {
        let wrong = || InvalidRequest::Body {
            expected: "the JSON of a connect event",
        };
        let members = Members::read(body).ok_or_else(wrong)?;
        let map = |name| members.lenient(name, MultiMap::read).unwrap_or_default();
        let certificates = members
            .lenient("clientCertificates", members::items)
            .unwrap_or_default();
        let fields = Fields {
            claims: map("claims"),
            query: map("query"),
            subprotocols: members.get("subprotocols").map(texts).unwrap_or_default(),
            client_certificates: certificates
                .into_iter()
                .filter_map(ClientCertificate::read)
                .collect(),
            // The rejection of an MQTT client depends on it, and so may the client's identity.
            mqtt: match members.get("mqtt") {
                Some(mqtt) => Some(MqttConnect::read(mqtt).ok_or_else(wrong)?),
                None => None,
            },
        };
        let mut headers = HeaderMap::new();
        for (name, values) in map("headers").iter() {
            for value in values {
                // Headers that are invalid in HTTP did not come from a client.
                if let Ok(name) = HeaderName::try_from(name)
                    && let Ok(value) = HeaderValue::try_from(value)
                {
                    headers.append(name, value);
                }
            }
        }
        Ok(Self {
            context,
            headers,
            fields: Box::new(fields),
        })
    }

    /// Returns the connection; its user is that of the client's token.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// Returns the claims of the client's token; empty for an anonymous client.
    pub fn claims(&self) -> &MultiMap {
        &self.fields.claims
    }

    /// Returns the decoded query of the client's request, without its token.
    pub fn query(&self) -> &MultiMap {
        &self.fields.query
    }

    /// Returns the headers of the client's request, without its token.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the subprotocols that the client offers, in order of preference.
    pub fn subprotocols(&self) -> &[String] {
        &self.fields.subprotocols
    }

    /// Returns the client certificates.
    pub fn client_certificates(&self) -> &[ClientCertificate] {
        &self.fields.client_certificates
    }

    /// Returns the contents of an MQTT client's CONNECT packet; `None` for other clients.
    pub fn mqtt(&self) -> Option<&MqttConnect> {
        self.fields.mqtt.as_ref()
    }
}

/// A client certificate.
#[derive(Clone, Eq, PartialEq)]
pub struct ClientCertificate {
    thumbprint: String,
    content: Option<String>,
}

impl ClientCertificate {
    fn read(value: &RawValue) -> Option<Self> {
        let members = Members::of(value)?;
        Some(Self {
            thumbprint: members.lenient("thumbprint", members::text)?,
            content: members.lenient("content", members::text),
        })
    }

    /// Returns the SHA-1 digest in hexadecimal.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Returns the certificate in PEM (RFC 7468), if the service sent it.
    pub fn pem(&self) -> Option<&str> {
        self.content.as_deref()
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

/// The response that accepts a client. By default everything is as in the client's token.
///
/// ```
/// use azwire_pubsub::webhook::{ConnectResponse, ConnectionState};
///
/// # fn main() -> Result<(), azwire_pubsub::Error> {
/// let response = ConnectResponse::accept()
///     .with_group("room1")?
///     .with_role("webpubsub.sendToGroup.room1")
///     .with_state(ConnectionState::json(&serde_json::json!({ "key": "a" }))?)
///     .into_http();
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["ce-connectionState"], "eyJrZXkiOiJhIn0=");
/// assert_eq!(
///     response.body(),
///     r#"{"groups":["room1"],"roles":["webpubsub.sendToGroup.room1"]}"#
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[doc(alias = "ConnectEventResponse")]
#[must_use]
pub struct ConnectResponse {
    body: Answer,
    state: Option<ConnectionState>,
    headers: HeaderMap,
}

#[derive(Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subprotocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mqtt: Option<MqttAnswer>,
}

#[derive(Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct MqttAnswer {
    user_properties: Vec<MqttUserProperty>,
}

impl ConnectResponse {
    /// Creates a response that accepts the client with the contents of its token.
    pub fn accept() -> Self {
        Self::default()
    }

    /// Sets the user id, in place of the one in the token.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an empty id.
    pub fn with_user_id<U>(mut self, user_id: U) -> Result<Self>
    where
        U: TryInto<UserId>,
        U::Error: Into<Error>,
    {
        let user_id = user_id.try_into().map_err(Into::into)?;
        self.body.user_id = Some(user_id.to_string());
        Ok(self)
    }

    /// Adds a group that the client joins when it connects, in place of those in
    /// the token; needs no role.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn with_group<G>(mut self, group: G) -> Result<Self>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.body.groups.push(group.to_string());
        Ok(self)
    }

    /// Adds a role, such as `webpubsub.joinLeaveGroup`, in place of those in the token.
    pub fn with_role(mut self, role: impl fmt::Display) -> Self {
        let roles = self.body.roles.get_or_insert_default();
        roles.push(role.to_string());
        self
    }

    /// Removes all roles, those of the token and those added so far.
    pub fn without_roles(mut self) -> Self {
        self.body.roles = Some(Vec::new());
        self
    }

    /// Selects one of the [`subprotocols`](ConnectRequest::subprotocols) that the client offers.
    pub fn with_subprotocol(mut self, subprotocol: impl Into<String>) -> Self {
        self.body.subprotocol = Some(subprotocol.into());
        self
    }

    /// Sets the connection state, which every later event of the connection repeats.
    pub fn with_state(mut self, state: ConnectionState) -> Self {
        self.state = Some(state);
        self
    }

    /// Adds a user property to the CONNACK of an MQTT 5.0 client.
    pub fn with_mqtt_user_property(mut self, property: MqttUserProperty) -> Self {
        let mqtt = self.body.mqtt.get_or_insert_default();
        mqtt.user_properties.push(property);
        self
    }

    /// Adds a header, such as `Set-Cookie`. `Content-Type`, `Content-Length` and
    /// `ce-connectionState` are set by the response itself.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Converts to an HTTP response: 204 if nothing is set, otherwise 200 with JSON.
    pub fn into_http(self) -> Response<Bytes> {
        let response = if self.body == Answer::default() {
            rejection::plain(StatusCode::NO_CONTENT, "")
        } else {
            rejection::json(&self.body)
        };
        finish(response, self.headers, self.state.as_ref())
    }
}

impl fmt::Debug for ConnectResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectResponse")
            .field("groups", &self.body.groups)
            .field("roles", &self.body.roles)
            .field("subprotocol", &self.body.subprotocol)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Adds the handler's headers and the state to a response.
pub(super) fn finish(
    mut response: Response<Bytes>,
    mut headers: HeaderMap,
    state: Option<&ConnectionState>,
) -> Response<Bytes> {
    let state_name = header::CONNECTION_STATE.to_name();
    for own in [
        http::header::CONTENT_TYPE,
        http::header::CONTENT_LENGTH,
        state_name.clone(),
    ] {
        headers.remove(own);
    }
    if let Some(state) = state.and_then(ConnectionState::to_header) {
        headers.insert(state_name, state);
    }
    response.headers_mut().extend(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_says_nothing_has_no_body() {
        let response = ConnectResponse::accept().into_http();
        assert_eq!(response.status(), 204);
        assert!(response.headers().is_empty() && response.body().is_empty());

        let state = ConnectionState::raw("s").unwrap();
        let response = ConnectResponse::accept().with_state(state).into_http();
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["ce-connectionstate"], "s");
    }

    #[test]
    fn roles_can_be_taken_away() {
        let response = ConnectResponse::accept().with_role("a").without_roles();
        assert_eq!(response.clone().into_http().body(), r#"{"roles":[]}"#);
        let response = response.with_role("b").with_subprotocol("p");
        let response = response.with_user_id("u").unwrap().into_http();
        assert_eq!(
            response.body(),
            r#"{"roles":["b"],"userId":"u","subprotocol":"p"}"#
        );
        assert_eq!(response.headers()["content-type"], rejection::JSON);
    }

    #[test]
    fn mqtt_user_properties_come_last() {
        let property = MqttUserProperty::new("a", "1");
        let response = ConnectResponse::accept().with_mqtt_user_property(property);
        assert_eq!(
            response.into_http().body(),
            r#"{"mqtt":{"userProperties":[{"name":"a","value":"1"}]}}"#
        );
    }

    #[test]
    fn headers_of_the_answer_itself_win() {
        let header = |name, value| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        let mut response = ConnectResponse::accept().with_state(ConnectionState::raw("s").unwrap());
        for (name, value) in [
            header("set-cookie", "a=1"),
            header("set-cookie", "b=2"),
            header("ce-connectionstate", "other"),
            header("content-length", "7"),
        ] {
            response = response.with_header(name, value);
        }
        let headers = response.into_http().headers().clone();
        assert_eq!(headers.len(), 3);
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(headers["ce-connectionstate"], "s");
    }
}
