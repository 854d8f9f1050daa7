//! Request tracking, and the refusals that name the tracking id.
//!
//! Texts end with `TrackingId:{id}, SystemTracker:{x}, Timestamp:{t}`, as the
//! service's do, in the reason phrase of a WebSocket opening and in the reason
//! and the JSON body of an HTTP response. Pure.

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use relay::_internal::ID;
use transport::{Body, ReasonPhrase};
use uuid::Uuid;

use super::{given, web_socket_path};
use crate::answer;
pub(super) use crate::date::timestamp;

/// Which kind of answer a refusal is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Interface {
    /// An HTTP request: the text is in a JSON body, too.
    Http,
    /// The opening of a WebSocket: the text is in the reason phrase.
    WebSocket,
}

/// The tracking of one request.
#[derive(Clone, Debug)]
pub(super) struct Tracking {
    interface: Interface,
    /// The client's GUID, or a generated one if the client's is missing or invalid.
    guid: Uuid,
    system_tracker: String,
    now: SystemTime,
}

impl Tracking {
    pub(super) fn new(
        interface: Interface,
        uri: &Uri,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Self {
        let host = host(headers);
        let path = uri.path();
        let id = given(uri.query().unwrap_or_default(), ID);
        let guid = id.as_deref().and_then(guid_of);
        if let (Some(id), None) = (&id, guid) {
            tracing::warn!(
                id = id.chars().take(64).collect::<String>(),
                "sb-hc-id is not a GUID: the service would issue addresses that it then refuses; generate a new GUID for each connection"
            );
        }
        Self {
            interface,
            guid: guid.unwrap_or_else(Uuid::new_v4),
            system_tracker: match interface {
                Interface::Http => format!("{host}:{path}"),
                Interface::WebSocket => {
                    let path = web_socket_path(path).unwrap_or(path);
                    format!("sb://{host}/{}", path.trim_start_matches('/'))
                }
            },
            now,
        }
    }

    /// Returns the GUID alone.
    pub(super) fn guid(&self) -> Uuid {
        self.guid
    }

    /// Returns the id at this gateway.
    pub(super) fn id(&self) -> String {
        format!("{}_G0", self.guid)
    }

    /// Returns `text` with the suffix that the service adds to each of its texts.
    pub(super) fn describe(&self, text: &str) -> String {
        format!(
            "{text}{SUFFIX}{}, SystemTracker:{}, Timestamp:{}",
            self.id(),
            self.system_tracker,
            timestamp(self.now)
        )
    }

    /// Returns a refusal by the relay itself. `code` is that of the JSON body.
    pub(super) fn refuse(&self, status: StatusCode, code: &str, text: &str) -> Response<Body> {
        let message = self.describe(text);
        let mut response = match self.interface {
            Interface::Http => {
                let error = serde_json::json!({ "code": code, "message": message });
                answer::json(status, &serde_json::json!({ "error": error }))
            }
            Interface::WebSocket => answer::empty(status),
        };
        set_reason(&mut response, &message);
        if let Ok(id) = HeaderValue::try_from(self.id()) {
            response.headers_mut().insert("trackingid", id);
        }
        response
    }
}

/// What follows each text of the service.
pub(super) const SUFFIX: &str = " TrackingId:";

/// Sets the reason phrase of a response verbatim.
pub(super) fn set_reason(response: &mut Response<Body>, reason: &str) {
    response.extensions_mut().insert(ReasonPhrase::new(reason));
}

/// Returns the `Host` header, with its port.
pub(super) fn host(headers: &HeaderMap) -> &str {
    headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
}

/// Parses the GUID of a tracking id, which may have hop suffixes (`_G7`).
pub(super) fn guid_of(id: &str) -> Option<Uuid> {
    let id = id.split_once("_G").map_or(id, |(id, _)| id);
    // The forms that .NET's parser accepts.
    Uuid::parse_str(id.trim().trim_matches(['{', '}', '(', ')'])).ok()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn guids_are_read_without_their_hops() {
        let guid = Uuid::from_u128(7);
        assert_eq!(guid_of(&guid.to_string()), Some(guid));
        assert_eq!(guid_of(&format!("{guid}_G7_G21")), Some(guid));
        for form in [
            guid.simple().to_string(),
            guid.braced().to_string(),
            format!(" ({guid}) "),
        ] {
            assert_eq!(guid_of(&form), Some(guid), "{form}");
        }
        assert_eq!(guid_of("123456"), None);
    }

    #[test]
    fn refusals_carry_their_text_where_the_interface_has_room() {
        let uri: Uri = "/$hc/hc1?sb-hc-id=6f0b4e0e-4a0b-4a39-8c6a-2f4b4b8f3c11"
            .parse()
            .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("contoso.net:443"));
        let text = "Endpoint does not exist. TrackingId:6f0b4e0e-4a0b-4a39-8c6a-2f4b4b8f3c11_G0, SystemTracker:sb://contoso.net:443/hc1, Timestamp:1970-01-01T00:00:00";
        let tracking = Tracking::new(Interface::WebSocket, &uri, &headers, UNIX_EPOCH);
        let refusal = tracking.refuse(
            StatusCode::NOT_FOUND,
            "EndpointNotFound",
            "Endpoint does not exist.",
        );
        let reason = refusal.extensions().get::<ReasonPhrase>().unwrap();
        assert_eq!(reason.as_str(), text);
        assert!(refusal.body().is_empty());
        let tracking = Tracking::new(Interface::Http, &uri, &headers, UNIX_EPOCH);
        let refusal = tracking.refuse(StatusCode::NOT_FOUND, "EndpointNotFound", "No.");
        let body: serde_json::Value =
            serde_json::from_slice(refusal.body().as_bytes().unwrap()).unwrap();
        assert_eq!(body["error"]["code"], "EndpointNotFound");
    }
}
