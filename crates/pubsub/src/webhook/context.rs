//! The connection context of events. Pure.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use http::request::Parts;
use http::{Extensions, HeaderMap, Uri};

use super::header::{self, Header};
use super::{ConnectionState, InvalidRequest, MqttContext, timestamp};
use crate::protocol::Metadata;
use crate::{ConnectionId, HubName, UserId};

/// The context of an event: its connection, its headers and its metadata.
///
/// Header names and meanings are those of the CloudEvents extension for Web
/// PubSub. `Debug` shows the hub, the connection and the event, but not the user,
/// the state or the headers.
#[derive(Clone)]
#[doc(alias = "WebPubSubConnectionContext")]
pub struct ConnectionContext {
    hub: HubName,
    connection_id: ConnectionId,
    user_id: Option<UserId>,
    event_name: String,
    state: Option<ConnectionState>,
    mqtt: Option<MqttContext>,
    verified_key: Option<usize>,
    head: Box<Parts>,
}

impl ConnectionContext {
    /// Reads the headers that all events have. `event_name` replaces a missing
    /// `ce-eventName`.
    pub(super) fn read(head: Parts, event_name: &str) -> Result<Self, InvalidRequest> {
        let headers = &head.headers;
        for header in header::SINGLE {
            header.read(headers)?;
        }
        let hub = HubName::new(header::HUB.require(headers)?)
            .map_err(|_| header::HUB.wrong("is not the name of a hub"))?;
        let connection_id = ConnectionId::new(header::CONNECTION_ID.require(headers)?)
            .map_err(|_| header::CONNECTION_ID.wrong("is missing or empty"))?;
        let user_id = header::USER_ID.read(headers)?.map(unescape);
        Ok(Self {
            hub,
            connection_id,
            user_id: user_id.and_then(|user| UserId::new(user).ok()),
            event_name: header::EVENT_NAME
                .read(headers)?
                .unwrap_or(event_name)
                .to_owned(),
            state: header::CONNECTION_STATE
                .read(headers)?
                .map(ConnectionState::from_service),
            mqtt: MqttContext::read(headers)?,
            verified_key: None,
            head: Box::new(head),
        })
    }

    pub(super) fn set_verified_key(&mut self, key: Option<usize>) {
        self.verified_key = key;
    }

    /// Returns the hub, as the service spells it; hub names are compared ignoring case.
    pub fn hub(&self) -> &HubName {
        &self.hub
    }

    /// Returns the connection id.
    pub fn connection_id(&self) -> &ConnectionId {
        &self.connection_id
    }

    /// Returns the user id, if the connection has one. In `connect` events it is that of the
    /// client's token.
    ///
    /// Characters that are not allowed in a header are percent-encoded and decoded here:
    /// spaces, control characters, `%`, and non-ASCII characters. Other escapes, such
    /// as `%41`, are not decoded, so that no name can pass for another. This is how
    /// azwire's emulator encodes names; how the service does is not
    /// recorded. [`headers`](Self::headers) has the text as received.
    pub fn user_id(&self) -> Option<&UserId> {
        self.user_id.as_ref()
    }

    /// Returns the event name: `connect`, `connected`, `disconnected`, `joined` or `left` (of a
    /// group), or the name of the user event.
    pub fn event_name(&self) -> &str {
        &self.event_name
    }

    /// Returns the full type of the event, such as `azure.webpubsub.user.message`.
    pub fn event_type(&self) -> &str {
        self.text(header::TYPE).unwrap_or_default()
    }

    /// Returns the number of the event within its connection (`ce-id`), as text. The
    /// service repeats it when it retries an event.
    pub fn event_id(&self) -> Option<&str> {
        self.text(header::ID)
    }

    /// Returns the time of the event (`ce-time`), to the second.
    pub fn event_time(&self) -> Option<SystemTime> {
        self.text(header::TIME).and_then(timestamp::parse)
    }

    /// Returns the source of the event (`ce-source`): `/hubs/{hub}/client/{connection id}`.
    pub fn source(&self) -> Option<&str> {
        self.text(header::SOURCE)
    }

    /// Returns the service that sends the event (`WebHook-Request-Origin`): its host, or several,
    /// separated by commas.
    pub fn origin(&self) -> Option<&str> {
        let value = self.head.headers.get(header::REQUEST_ORIGIN.to_name())?;
        value.to_str().ok()
    }

    /// Returns the negotiated subprotocol; `None` in `connect` events and for clients without a
    /// subprotocol.
    pub fn subprotocol(&self) -> Option<&str> {
        self.text(header::SUBPROTOCOL)
    }

    /// Returns the state that the handler set last, if any.
    pub fn state(&self) -> Option<&ConnectionState> {
        self.state.as_ref()
    }

    /// Returns the id under which the service logs the request (`x-ms-client-request-id`), if sent.
    pub fn request_id(&self) -> Option<&str> {
        self.text(header::REQUEST_ID)
    }

    /// Returns the MQTT context; `None` for other clients.
    pub fn mqtt(&self) -> Option<&MqttContext> {
        self.mqtt.as_ref()
    }

    /// Returns the index of the key that signed the event, counted from 0 in the order in
    /// which the keys were added to the [`Webhook`](super::Webhook); `None` if nothing was checked.
    pub fn verified_key(&self) -> Option<usize> {
        self.verified_key
    }

    /// Returns the metadata of the message (`x-webpubsub-metadata-*`). Entries that
    /// break a rule of [`Metadata`] are skipped.
    pub fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new();
        for (name, value) in &self.head.headers {
            if let Some(name) = name.as_str().strip_prefix(header::METADATA_PREFIX)
                && let Ok(value) = value.to_str()
            {
                let _ = metadata.insert(name, value);
            }
        }
        metadata
    }

    /// Returns all headers of the request, including those that have a method here.
    /// User properties of MQTT clients are in headers `mqtt-{name}`.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Returns the URI of the request as received; its query may contain a secret.
    pub fn uri(&self) -> &Uri {
        &self.head.uri
    }

    /// Returns the request extensions, which the framework may have set.
    pub fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    fn text(&self, header: Header) -> Option<&str> {
        header.checked(&self.head.headers)
    }
}

impl fmt::Debug for ConnectionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionContext")
            .field("hub", &self.hub)
            .field("connection_id", &self.connection_id)
            .field("event_name", &self.event_name)
            .field("verified_key", &self.verified_key)
            .finish_non_exhaustive()
    }
}

/// Decodes the escapes of characters that are not allowed in a header: all of them, or none
/// if the result is not UTF-8.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = escape(rest).filter(|byte| !byte.is_ascii_graphic() || *byte == b'%');
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Returns the byte of the escape that `text` begins with.
fn escape(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_decoded_and_passes_for_no_other() {
        for (header, user) in [
            ("ann", "ann"),
            ("%F0%9F%98%80", "\u{1f600}"),
            ("%f0%9f%98%80", "\u{1f600}"),
            ("%25F0%259F%2598%2580", "%F0%9F%98%80"),
            ("%C3%BCber%20b%0D%0A", "über b\r\n"),
            ("é", "é"),
            // Visible ASCII needs no escape, so it is not one.
            ("%61nn", "%61nn"),
            ("ann%40contoso.com", "ann%40contoso.com"),
            ("%2561nn", "%61nn"),
            // Not UTF-8, not hexadecimal, truncated.
            ("%FF%25", "%FF%25"),
            ("%zz%2", "%zz%2"),
            ("100%", "100%"),
            ("%", "%"),
            ("%+1", "%+1"),
        ] {
            let request = http::Request::post("/")
                .header("ce-hub", "chat")
                .header("ce-connectionId", "conn1")
                .header("ce-userId", header.as_bytes())
                .body(())
                .unwrap();
            let context = ConnectionContext::read(request.into_parts().0, "e").unwrap();
            assert_eq!(context.user_id().unwrap().as_str(), user, "{header}");
        }
    }
}
