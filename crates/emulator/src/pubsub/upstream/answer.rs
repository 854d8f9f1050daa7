//! What handlers answer. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use pubsub::protocol::Metadata;
use pubsub::{Data, GroupName};
use serde::Deserialize;
use serde_json::value::RawValue;
use transport::Text;

use super::line::cookies;

/// What became of a user event.
#[derive(Debug)]
pub(in crate::pubsub) enum Answer {
    /// The handler took it, and perhaps has something for the client.
    Done {
        data: Option<Data>,
        metadata: Metadata,
    },
    /// No handler takes events of this name.
    NoHandler,
    /// The handler refused, or could not be asked.
    Failed(StatusCode),
}

impl Answer {
    /// Reads an answer.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        if !status.is_success() {
            return Self::Failed(status);
        }
        let metadata = metadata(headers);
        if body.is_empty() || status == StatusCode::NO_CONTENT {
            return Self::Done {
                data: None,
                metadata,
            };
        }
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let data = match content_type.as_str() {
            "text/plain" => Text::try_from(body).ok().map(Data::Text),
            "application/json" => match json(body) {
                Some(None) => {
                    return Self::Done {
                        data: None,
                        metadata,
                    };
                }
                read => read.flatten(),
            },
            "application/x-protobuf" => Some(Data::Protobuf(body)),
            _ => Some(Data::Binary(body)),
        };
        match data {
            Some(data) => Self::Done {
                data: Some(data),
                metadata,
            },
            // Text that is not UTF-8, JSON that is none.
            None => Self::Failed(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// How a `connect` handler changes a connection.
#[derive(Debug, Default)]
pub(in crate::pubsub) struct ConnectAnswer {
    pub(in crate::pubsub) user_id: Option<String>,
    pub(in crate::pubsub) groups: Vec<String>,
    pub(in crate::pubsub) roles: Option<Vec<String>>,
    pub(in crate::pubsub) subprotocol: Option<String>,
    pub(super) state: Option<HeaderValue>,
    pub(super) cookies: Vec<String>,
}

impl ConnectAnswer {
    /// Reads the body of a successful answer, which may be empty.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, &'static str> {
        let fields: Fields = if body.is_empty() {
            Fields::default()
        } else {
            serde_json::from_slice(body).map_err(|_| "the body is not the JSON of an answer")?
        };
        let groups = fields.groups.unwrap_or_default();
        if groups.iter().any(|group| GroupName::new(group).is_err()) {
            return Err("the name of a group is not one");
        }
        Ok(Self {
            user_id: fields.user_id,
            groups,
            roles: fields.roles,
            subprotocol: fields.subprotocol.filter(|name| !name.is_empty()),
            state: connection_state(headers),
            cookies: cookies(headers).collect(),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    user_id: Option<String>,
    groups: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    subprotocol: Option<String>,
}

/// The state that a handler sets, unless it sets two.
pub(super) fn connection_state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all("ce-connectionstate").iter();
    match (values.next(), values.next()) {
        (Some(state), None) => Some(state.clone()),
        _ => None,
    }
}

/// Reads JSON; `null` is no data, because official clients fail on it.
fn json(body: Bytes) -> Option<Option<Data>> {
    let text = Text::try_from(body).ok()?;
    let value: &RawValue = serde_json::from_str(&text).ok()?;
    let is_null = value.get() == "null";
    Some((!is_null).then_some(Data::Json(text)))
}

/// What headers say goes along with a payload.
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
        // What breaks a rule of metadata is left out: the answer itself is good.
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

    fn data(content_type: &'static str, body: &'static str) -> Option<Data> {
        match Answer::read(StatusCode::OK, &headers(content_type), body.into()) {
            Answer::Done { data, .. } => data,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_content_type_decides_the_type_of_the_payload() {
        assert_eq!(
            data("text/plain; charset=utf-8", "a"),
            Some(Data::Text("a".into()))
        );
        assert_eq!(
            data("application/json", "[1]"),
            Some(Data::Json("[1]".into()))
        );
        assert_eq!(
            data("application/octet-stream", "a"),
            Some(Data::Binary("a".into()))
        );
        assert_eq!(data("application/octet-stream", ""), None);
        assert_eq!(data("application/json", " null\n"), None);
    }

    #[test]
    fn refusals_and_bodies_that_do_not_fit_are_failures() {
        let read = |status, content_type, body: &'static [u8]| {
            Answer::read(status, &headers(content_type), Bytes::from_static(body))
        };
        for answer in [
            read(StatusCode::BAD_REQUEST, "text/plain", b"no"),
            read(StatusCode::OK, "application/json", b"{"),
            read(StatusCode::OK, "text/plain", b"\xff"),
        ] {
            assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
        }
    }

    #[test]
    fn a_connect_answer_may_be_empty() {
        let answer = ConnectAnswer::read(&HeaderMap::new(), b"").unwrap();
        assert_eq!(answer.user_id, None);
        assert_eq!(answer.roles, None);
        let json = br#"{"groups":["g"],"roles":[],"userId":"u","subprotocol":"p","more":1}"#;
        let answer = ConnectAnswer::read(&HeaderMap::new(), json).unwrap();
        assert_eq!(answer.groups, ["g"]);
        assert_eq!(answer.roles.as_deref(), Some(&[][..]));
        for bad in [&b"[]"[..], b"{", br#"{"groups":[" "]}"#, br#"{"userId":1}"#] {
            assert!(ConnectAnswer::read(&HeaderMap::new(), bad).is_err());
        }
    }
}
