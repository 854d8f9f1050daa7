//! Event requests. Pure.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use auth::_internal::HmacSha256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pubsub::Data;
use pubsub::protocol::Metadata;
use serde_json::Value;
use transport::Body;

use crate::journal::{Headers, Payload, shown_parameter};

/// The connection's attributes in every event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) hub: &'a str,
    pub(super) connection_id: &'a str,
    pub(super) user_id: Option<&'a str>,
    pub(super) subprotocol: Option<&'a str>,
    pub(super) event_id: u64,
    pub(super) state: Option<&'a HeaderValue>,
    pub(super) cookies: Option<&'a HeaderValue>,
}

/// The kind of an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    System(&'a str),
    /// A change of a group's members.
    Presence(&'a str),
    User(&'a str),
}

impl<'a> Kind<'a> {
    pub(super) fn name(self) -> &'a str {
        match self {
            Self::System(name) | Self::Presence(name) | Self::User(name) => name,
        }
    }

    fn full_name(self) -> String {
        match self {
            Self::System(name) => format!("azure.webpubsub.sys.{name}"),
            Self::Presence(name) => format!("azure.webpubsub.gp.{name}"),
            Self::User(name) => format!("azure.webpubsub.user.{name}"),
        }
    }
}

impl Head<'_> {
    /// Builds the request without a body.
    pub(super) fn to_request(
        self,
        uri: &Uri,
        kind: Kind<'_>,
        origin: &str,
        signature: &str,
        now: SystemTime,
    ) -> Option<Request<Body>> {
        let mut builder = Request::builder()
            .method(Method::POST)
            .uri(uri.clone())
            .header("webhook-request-origin", origin)
            .header("ce-specversion", "1.0")
            .header("ce-awpsversion", "1.0")
            .header("ce-type", kind.full_name())
            .header(
                "ce-source",
                format!("/hubs/{}/client/{}", self.hub, self.connection_id),
            )
            .header("ce-id", self.event_id)
            .header("ce-time", rfc_3339(now))
            .header("ce-signature", signature)
            .header("ce-hub", self.hub)
            .header("ce-connectionid", self.connection_id)
            .header("ce-eventname", kind.name());
        if let Some(user) = self.user_id.and_then(header_text) {
            builder = builder.header("ce-userid", user);
        }
        if let Some(subprotocol) = self.subprotocol {
            builder = builder.header("ce-subprotocol", subprotocol);
        }
        if let Some(state) = self.state {
            builder = builder.header("ce-connectionstate", state);
        }
        if let Some(cookies) = self.cookies {
            builder = builder.header(COOKIE, cookies);
        }
        builder.body(Body::empty()).ok()
    }
}

/// The client's details for the `connect` handler.
#[derive(Debug)]
pub(in crate::pubsub) struct ConnectDetails<'a> {
    /// The client's token, already checked.
    pub(in crate::pubsub) token: Option<&'a str>,
    /// The decoded query.
    pub(in crate::pubsub) query: &'a [(String, String)],
    pub(in crate::pubsub) headers: &'a HeaderMap,
    pub(in crate::pubsub) subprotocols: &'a [String],
}

impl ConnectDetails<'_> {
    /// Returns the body of the event.
    pub(super) fn to_json(&self) -> Bytes {
        let mut query = BTreeMap::<&str, Vec<&str>>::new();
        for (name, value) in self.query {
            if !name.eq_ignore_ascii_case("access_token") {
                query.entry(name).or_default().push(value);
            }
        }
        let mut headers = BTreeMap::<&str, Vec<&str>>::new();
        for (name, value) in self.headers {
            let name = name.as_str();
            let is_reserved = matches!(name, "authorization" | "proxy-authorization")
                || name.starts_with("ce-")
                || name.starts_with("webhook-");
            if !is_reserved && let Ok(value) = value.to_str() {
                headers.entry(name).or_default().push(value);
            }
        }
        self.with(query, headers).to_string().into()
    }

    /// Returns what the journal has of the body, which has so many bytes: as [`to_json`](Self::to_json),
    /// without what may be a secret in the query and the headers.
    pub(super) fn shown(&self, length: usize) -> Payload {
        let mut query = BTreeMap::<&str, Vec<&str>>::new();
        for (name, value) in self.query {
            let (name, value) = shown_parameter(name, value);
            query.entry(name).or_default().push(value);
        }
        let shown = Headers::stripped(self.headers);
        let mut headers = BTreeMap::<&str, Vec<&str>>::new();
        for (name, value) in shown.iter() {
            headers.entry(name).or_default().push(value);
        }
        let body = self.with(query, headers).to_string();
        Payload::beginning("application/json", body.as_bytes(), length as u64)
    }

    fn with(&self, query: BTreeMap<&str, Vec<&str>>, headers: BTreeMap<&str, Vec<&str>>) -> Value {
        serde_json::json!({
            "claims": self.token.map(claims).unwrap_or_default(),
            "query": query,
            "headers": headers,
            "subprotocols": self.subprotocols,
            "clientCertificates": [],
        })
    }
}

/// Returns every claim of a token as a list of strings.
fn claims(token: &str) -> BTreeMap<String, Vec<String>> {
    let payload = token
        .split('.')
        .nth(1)
        .and_then(|payload| URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok())
        .and_then(|payload| serde_json::from_slice(&payload).ok());
    let Some(Value::Object(claims)) = payload else {
        return BTreeMap::new();
    };
    // As in .NET's claims.
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    claims
        .iter()
        .map(|(name, value)| match value {
            Value::Array(list) => (name.clone(), list.iter().map(text).collect()),
            one => (name.clone(), vec![text(one)]),
        })
        .collect()
}

/// Returns the content type and the body of a payload.
pub(super) fn content(data: Option<&Data>, is_frame: bool) -> (&'static str, Bytes) {
    match data {
        Some(Data::Text(text)) => {
            // The service names the charset only for clients without a subprotocol.
            let content_type = if is_frame {
                "text/plain; charset=utf-8"
            } else {
                "text/plain"
            };
            (content_type, text.clone().into_bytes())
        }
        Some(Data::Json(text)) => ("application/json", text.clone().into_bytes()),
        Some(Data::Protobuf(bytes)) => ("application/x-protobuf", bytes.clone()),
        Some(Data::Binary(bytes)) => ("application/octet-stream", bytes.clone()),
        _ => ("application/octet-stream", Bytes::new()),
    }
}

pub(super) fn set_body(request: &mut Request<Body>, content_type: &'static str, body: Bytes) {
    let content_type = HeaderValue::from_static(content_type);
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    *request.body_mut() = body.into();
}

/// Returns metadata as headers.
pub(super) fn metadata_headers(metadata: &Metadata) -> HeaderMap {
    metadata
        .iter()
        .filter_map(|(name, value)| {
            let name = format!("x-webpubsub-metadata-{}", name.to_ascii_lowercase());
            Some((
                HeaderName::try_from(name).ok()?,
                HeaderValue::try_from(value).ok()?,
            ))
        })
        .collect()
}

/// Returns `sha256=…`, one for each key, over the connection id.
pub(super) fn signature(signers: &[HmacSha256], connection_id: &str) -> String {
    let entries: Vec<String> = signers
        .iter()
        .map(|signer| {
            let code = signer.sign(connection_id.as_bytes());
            let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("sha256={hex}")
        })
        .collect();
    entries.join(",")
}

/// Encodes a name for a header: non-ASCII characters are percent-encoded, and
/// so are the percent sign and spaces that would be trimmed, so that two names
/// never look the same.
fn header_text(text: &str) -> Option<HeaderValue> {
    let escaped = if text.starts_with(' ') || text.ends_with(' ') {
        BLANK_NAME
    } else {
        NAME
    };
    HeaderValue::try_from(utf8_percent_encode(text, escaped).to_string()).ok()
}

/// Formats as `yyyy-MM-ddTHH:mm:ssZ`.
fn rfc_3339(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's `civil_from_days`, for days since 1970.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

pub(super) const JSON: &str = "application/json; charset=utf-8";
/// The characters to escape in the header of a name, besides non-ASCII ones.
const NAME: &AsciiSet = &CONTROLS.add(b'%');
const BLANK_NAME: &AsciiSet = &NAME.add(b' ');

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_request_has_the_headers_that_handlers_expect() {
        // The signatures of both keys.
        let signers: Vec<_> = [
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH",
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567",
        ]
        .map(|key| HmacSha256::new(key.as_bytes()))
        .into();
        let head = Head {
            hub: "chat",
            connection_id: "conn1",
            user_id: Some("user1"),
            subprotocol: Some("json.webpubsub.azure.v1"),
            event_id: 2,
            state: Some(&HeaderValue::from_static("eyJrZXkiOiJhIn0=")),
            cookies: None,
        };
        let request = head
            .to_request(
                &Uri::from_static("http://localhost:3000/api/chat/order?code=x"),
                Kind::User("order"),
                "contoso.webpubsub.azure.com",
                &signature(&signers, "conn1"),
                UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            )
            .unwrap();
        assert_eq!(request.uri(), "http://localhost:3000/api/chat/order?code=x");
        for (name, value) in [
            ("WebHook-Request-Origin", "contoso.webpubsub.azure.com"),
            ("ce-specversion", "1.0"),
            ("ce-awpsversion", "1.0"),
            ("ce-type", "azure.webpubsub.user.order"),
            ("ce-source", "/hubs/chat/client/conn1"),
            ("ce-id", "2"),
            ("ce-time", "2023-11-14T22:13:20Z"),
            (
                "ce-signature",
                "sha256=8de7281e588e23b0a30a7180ffa240257b8176e983004c240c9f3f7a7233c993,sha256=b183ad2b902394eba9e34c9138333bea83369c6a4c1cae3e19241a5198ed2d81",
            ),
            ("ce-userId", "user1"),
            ("ce-connectionId", "conn1"),
            ("ce-hub", "chat"),
            ("ce-eventName", "order"),
            ("ce-subprotocol", "json.webpubsub.azure.v1"),
            ("ce-connectionState", "eyJrZXkiOiJhIn0="),
        ] {
            assert_eq!(request.headers()[name], value, "{name}");
        }
    }

    #[test]
    fn two_names_never_look_the_same() {
        for (name, text) in [
            ("plain user@a.b", "plain user@a.b"),
            ("😀", "%F0%9F%98%80"),
            ("%F0%9F%98%80", "%25F0%259F%2598%2580"),
            ("100%", "100%25"),
            (" a b", "%20a%20b"),
            ("a\tb\u{7f}", "a%09b%7F"),
        ] {
            assert_eq!(header_text(name).unwrap(), text);
            let back = percent_encoding::percent_decode_str(text).decode_utf8();
            assert_eq!(back.unwrap(), name);
        }
    }

    #[test]
    fn times_are_written_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc_3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn claims_are_lists_of_texts() {
        let payload = URL_SAFE_NO_PAD.encode(
            r#"{"sub":"u","exp":5,"role":["a","b"],"x":true,"y":[false,1.5,null],"x":1,"z":true}"#,
        );
        let claims = claims(&format!("x.{payload}.y"));
        assert_eq!(
            serde_json::to_string(&claims).unwrap(),
            r#"{"exp":["5"],"role":["a","b"],"sub":["u"],"x":["1"],"y":["False","1.5",""],"z":["True"]}"#
        );
    }
}
