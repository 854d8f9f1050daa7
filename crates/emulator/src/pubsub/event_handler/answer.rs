//! The responses of event handlers. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use pubsub::protocol::Metadata;
use pubsub::{Data, GroupName};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use transport::Text;

use super::cookie::CookieJar;

/// The outcome of a user event.
#[derive(Debug)]
pub(in crate::pubsub) enum HandlerAnswer {
    /// The handler accepted it, and may have sent a payload for the client.
    Done {
        data: Option<Data>,
        metadata: Metadata,
    },
    /// No handler is configured for events of this name.
    NoHandler,
    /// The handler refused, or could not be reached.
    Failed(StatusCode),
}

impl HandlerAnswer {
    /// Parses a response.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        if !status.is_success() {
            return Self::Failed(status);
        }
        let metadata = metadata(headers);
        let data = if body.is_empty() || status == StatusCode::NO_CONTENT {
            Ok(None)
        } else {
            data(headers, body)
        };
        match data {
            // A response with metadata is always sent to the client.
            Ok(None) if !metadata.is_empty() => Self::Done {
                data: Some(Data::Text(Text::default())),
                metadata,
            },
            Ok(data) => Self::Done { data, metadata },
            Err(error) => {
                tracing::warn!(error, "the event handler's response is invalid");
                Self::Failed(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// Reads the payload of a non-empty body.
fn data(headers: &HeaderMap, body: Bytes) -> Result<Option<Data>, &'static str> {
    let content_type = match headers.get(CONTENT_TYPE) {
        Some(value) => value.to_str().unwrap_or("?").to_ascii_lowercase(),
        None => String::new(),
    };
    let content_type = content_type.split(';').next().unwrap_or_default();
    let text = |body| Text::try_from(body).map_err(|_| "the text is invalid UTF-8");
    match content_type.trim() {
        "" | "text/plain" => text(body).map(|text| Some(Data::Text(text))),
        "application/json" => {
            let text = text(body)?;
            let value: &RawValue =
                serde_json::from_str(&text).map_err(|_| "the JSON is invalid")?;
            // Official clients fail on null.
            let is_null = value.get() == "null";
            Ok((!is_null).then_some(Data::Json(text)))
        }
        "application/x-protobuf" => {
            let data = Data::Protobuf(body);
            data.check()
                .map_err(|_| "the protobuf is not a serialized Any")?;
            Ok(Some(data))
        }
        "application/octet-stream" => Ok(Some(Data::Binary(body))),
        _ => Err("the content type cannot be sent to clients"),
    }
}

/// The changes that a `connect` handler makes to a connection.
#[derive(Debug, Default)]
pub(in crate::pubsub) struct ConnectAnswer {
    pub(in crate::pubsub) user_id: Option<String>,
    pub(in crate::pubsub) groups: Vec<String>,
    pub(in crate::pubsub) roles: Option<Vec<String>>,
    pub(in crate::pubsub) subprotocol: Option<String>,
    pub(super) state: Option<HeaderValue>,
    pub(super) cookies: CookieJar,
}

impl ConnectAnswer {
    /// Parses a successful response except for its cookies; the body may be empty.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, &'static str> {
        let fields: Option<Fields> = if body.is_empty() {
            None
        } else {
            serde_json::from_slice(body).map_err(|_| "the body is not valid JSON for a response")?
        };
        let Fields {
            user_id,
            groups,
            roles,
            subprotocol,
        } = fields.unwrap_or_default();
        let groups = groups.unwrap_or_default();
        if groups.iter().any(|group| GroupName::new(group).is_err()) {
            return Err("a group name is invalid");
        }
        Ok(Self {
            user_id,
            groups,
            roles,
            subprotocol: subprotocol.filter(|name| !name.is_empty()),
            state: connection_state(headers),
            cookies: CookieJar::default(),
        })
    }

    /// Stores the cookies of the response to a request for `uri`.
    pub(super) fn keep_cookies(&mut self, headers: &HeaderMap, uri: &Uri, now: SystemTime) {
        self.cookies.store(headers, uri, now);
    }
}

#[derive(Default)]
struct Fields {
    user_id: Option<String>,
    groups: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    subprotocol: Option<String>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Reads members as .NET's web defaults do: only from an object, names without
/// case, the last of two.
struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key::<String>()? {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("userId") {
                fields.user_id = map.next_value()?;
            } else if is("groups") {
                fields.groups = map.next_value()?;
            } else if is("roles") {
                fields.roles = map.next_value()?;
            } else if is("subprotocol") {
                fields.subprotocol = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(fields)
    }
}

/// Returns the state that a handler sets, unless it sets two.
pub(super) fn connection_state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all("ce-connectionstate").iter();
    match (values.next(), values.next()) {
        (Some(state), None) => Some(state.clone()),
        _ => None,
    }
}

/// Reads the metadata of a payload from the headers.
fn metadata(headers: &HeaderMap) -> Metadata {
    let mut entries = BTreeMap::new();
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix("x-webpubsub-metadata-")
            && let Ok(value) = value.to_str()
        {
            entries.insert(name, value);
        }
    }
    let mut metadata = Metadata::new();
    for (name, value) in entries {
        // Invalid metadata is left out: the response itself is valid.
        let _ = metadata.insert(name, value);
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    fn data_of(content_type: &'static str, body: &'static str) -> Option<Data> {
        match HandlerAnswer::read(StatusCode::OK, &headers(content_type), body.into()) {
            HandlerAnswer::Done { data, .. } => data,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_content_type_decides_the_type_of_the_payload() {
        assert_eq!(
            data_of("text/plain; charset=utf-8", "a"),
            Some(Data::Text("a".into()))
        );
        assert_eq!(
            data_of("application/json", "[1]"),
            Some(Data::Json("[1]".into()))
        );
        assert_eq!(
            data_of("application/octet-stream", "a"),
            Some(Data::Binary("a".into()))
        );
        assert_eq!(data_of("application/octet-stream", ""), None);
        assert_eq!(data_of("application/json", " null\n"), None);
    }

    #[test]
    fn refusals_and_bodies_that_do_not_fit_are_failures() {
        let read = |status, content_type, body: &'static [u8]| {
            HandlerAnswer::read(status, &headers(content_type), Bytes::from_static(body))
        };
        for answer in [
            read(StatusCode::BAD_REQUEST, "text/plain", b"no"),
            read(StatusCode::OK, "application/json", b"{"),
            read(StatusCode::OK, "text/plain", b"\xff"),
            read(StatusCode::OK, "text/html", b"x"),
            read(StatusCode::OK, "application/problem+json", b"{}"),
            read(StatusCode::OK, "text", b"x"),
            read(StatusCode::OK, "application/x-protobuf", b"\x08\x01"),
            read(StatusCode::OK, "application/json", b"1,\"type\":\"event\""),
        ] {
            assert!(matches!(answer, HandlerAnswer::Failed(_)), "{answer:?}");
        }
    }

    #[test]
    fn without_a_type_a_body_is_text() {
        let answer = HandlerAnswer::read(StatusCode::OK, &HeaderMap::new(), "a".into());
        let HandlerAnswer::Done { data, .. } = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(data, Some(Data::Text("a".into())));
        // An empty body needs no valid type.
        assert_eq!(data_of("text/html", ""), None);
    }

    #[test]
    fn metadata_without_a_body_goes_with_empty_text() {
        for (status, content_type, body) in [
            (StatusCode::OK, "text/plain", ""),
            (StatusCode::NO_CONTENT, "application/json", ""),
            (StatusCode::OK, "application/json", "null"),
        ] {
            let mut headers = headers(content_type);
            headers.insert("x-webpubsub-metadata-k", HeaderValue::from_static("v"));
            let answer = HandlerAnswer::read(status, &headers, body.into());
            let HandlerAnswer::Done { data, metadata } = answer else {
                panic!("{answer:?}");
            };
            assert_eq!(data, Some(Data::Text("".into())));
            assert_eq!(metadata.get("k"), Some("v"));
        }
    }

    fn connect(body: &str) -> Result<ConnectAnswer, &'static str> {
        ConnectAnswer::read(&HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn a_connect_answer_may_say_nothing() {
        for body in ["", "{}", "null", " null ", r#"{"userId":null,"more":[1]}"#] {
            let answer = connect(body).unwrap();
            assert_eq!((answer.user_id, answer.roles), (None, None), "{body}");
            assert!(answer.groups.is_empty() && answer.subprotocol.is_none());
        }
    }

    #[test]
    fn a_connect_answer_is_read_as_by_dotnet() {
        for body in [
            r#"{"groups":["g"],"roles":[],"userId":"u","subprotocol":"p","more":1}"#,
            r#"{"Groups":["g"],"ROLES":[],"UserId":"u","subProtocol":"p"}"#,
            r#"{"userId":"v","userId":"u","groups":["x"],"Groups":["g"],"roles":["r"],"roles":[],"subprotocol":"p"}"#,
        ] {
            let answer = connect(body).unwrap();
            assert_eq!(answer.groups, ["g"], "{body}");
            assert_eq!(answer.roles.as_deref(), Some(&[][..]));
            assert_eq!(answer.user_id.as_deref(), Some("u"));
            assert_eq!(answer.subprotocol.as_deref(), Some("p"));
        }
        assert_eq!(
            connect(r#"{"userId":"u","UserId":null}"#).unwrap().user_id,
            None
        );
        for bad in [
            "[]",
            r#"["u",["g"],[],"p"]"#,
            "{",
            "1",
            r#""u""#,
            r#"{"groups":[" "]}"#,
            r#"{"groups":"g"}"#,
            r#"{"roles":[1]}"#,
            r#"{"userId":1}"#,
        ] {
            assert!(connect(bad).is_err(), "{bad}");
        }
    }
}
