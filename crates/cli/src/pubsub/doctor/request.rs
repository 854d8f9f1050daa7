//! The requests of the service to an event handler. Pure.

use std::time::SystemTime;

use auth::_internal::HmacSha256;
use auth::AccessKey;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Uri};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use transport::Body;

/// The URL of a handler, with {hub} and {event}.
#[derive(Clone, Debug)]
pub(super) struct Template(String);

/// Parses a URL template by the rules of the service.
pub(super) fn template(text: &str) -> Result<Template, String> {
    let template = Template(text.trim().to_owned());
    let uri: Uri = template
        .filled("hub", "event")
        .parse()
        .map_err(|_| "must be a URL, with {hub} and {event} at most")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("must begin with http:// or https://".to_owned());
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('{') {
        return Err("{hub} and {event} cannot stand in the host".to_owned());
    }
    Ok(template)
}

impl Template {
    fn filled(&self, hub: &str, event: &str) -> String {
        self.0.replace("{hub}", hub).replace("{event}", event)
    }

    /// Returns the URL for an event of a hub.
    pub(super) fn uri(&self, hub: &str, event: &str) -> Uri {
        // It was a URL with other names, and names of hubs and events need no escape.
        self.filled(hub, event).parse().unwrap_or_default()
    }
}

/// The service, as the handler sees it, and the client that it speaks of.
#[derive(Clone, Debug)]
pub(super) struct Sender<'a> {
    pub(super) template: &'a Template,
    pub(super) hub: &'a str,
    pub(super) origin: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) connection_id: &'a str,
    pub(super) key: &'a AccessKey,
    /// What the handler keeps with the connection.
    pub(super) state: Option<HeaderValue>,
}

/// An event of the client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event<'a> {
    Connect,
    Connected,
    User { name: &'a str, data: &'a str },
    Disconnected,
}

impl Event<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Connect => "connect",
            Self::Connected => "connected",
            Self::User { name, .. } => name,
            Self::Disconnected => "disconnected",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Connect => 0,
            Self::Connected => 1,
            Self::User { .. } => 2,
            Self::Disconnected => 3,
        }
    }
}

impl Sender<'_> {
    /// Returns the request by which the service asks whether its events are wanted.
    pub(super) fn validation(&self) -> http::Result<Request<Body>> {
        Request::builder()
            .method(Method::OPTIONS)
            .uri(self.template.uri(self.hub, "validate"))
            .header("webhook-request-origin", self.origin)
            .header("ce-awpsversion", "1.0")
            .body(Body::empty())
    }

    /// Returns the request of an event, with the right signature or a wrong one.
    pub(super) fn event(
        &self,
        event: &Event<'_>,
        now: SystemTime,
        is_signed: bool,
    ) -> http::Result<Request<Body>> {
        let name = event.name();
        let kind = match event {
            Event::User { .. } => "user",
            _ => "sys",
        };
        let signed = match is_signed {
            true => self.connection_id.to_owned(),
            false => format!("not {}", self.connection_id),
        };
        let time = OffsetDateTime::from(now).replace_nanosecond(0);
        let time = time.ok().and_then(|time| time.format(&Rfc3339).ok());
        let mut builder = Request::builder()
            .method(Method::POST)
            .uri(self.template.uri(self.hub, name))
            .header("webhook-request-origin", self.origin)
            .header("ce-specversion", "1.0")
            .header("ce-awpsversion", "1.0")
            .header("ce-type", format!("azure.webpubsub.{kind}.{name}"))
            .header(
                "ce-source",
                format!("/hubs/{}/client/{}", self.hub, self.connection_id),
            )
            .header("ce-id", u16::from(event.number()))
            .header("ce-time", time.unwrap_or_default())
            .header("ce-signature", self.signature(&signed))
            .header("ce-hub", self.hub)
            .header("ce-connectionid", self.connection_id)
            .header("ce-eventname", name);
        if let Some(user) = self.user {
            builder = builder.header("ce-userid", user);
        }
        if let Some(state) = &self.state {
            builder = builder.header("ce-connectionstate", state);
        }
        let (content_type, body) = self.content(event);
        builder.header(CONTENT_TYPE, content_type).body(body.into())
    }

    fn content(&self, event: &Event<'_>) -> (&'static str, String) {
        let json = "application/json; charset=utf-8";
        match event {
            Event::Connect => {
                let mut claims = json!({});
                if let Some(user) = self.user {
                    claims["sub"] = json!([user]);
                }
                let body = json!({
                    "claims": claims,
                    "query": {},
                    "headers": { "User-Agent": ["azwire"] },
                    "subprotocols": [],
                    "clientCertificates": [],
                });
                (json, body.to_string())
            }
            Event::Connected => (json, "{}".to_owned()),
            Event::Disconnected => (json, json!({ "reason": "the doctor leaves" }).to_string()),
            Event::User { data, .. } => {
                let is_json = data.starts_with(['{', '['])
                    && serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok();
                let content_type = match is_json {
                    true => "application/json",
                    false => "text/plain; charset=utf-8",
                };
                (content_type, (*data).to_owned())
            }
        }
    }

    fn signature(&self, signed: &str) -> String {
        let code = HmacSha256::of(self.key).sign(signed.as_bytes());
        let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={hex}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn sender<'a>(template: &'a Template, key: &'a AccessKey) -> Sender<'a> {
        Sender {
            template,
            hub: "chat",
            origin: "contoso.webpubsub.azure.com",
            user: Some("ann"),
            connection_id: "conn1",
            key,
            state: None,
        }
    }

    #[test]
    fn an_event_has_the_headers_of_the_service() {
        let template = template("https://h/{hub}/{event}?code=x").unwrap();
        let key = AccessKey::new("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH");
        let event = Event::User {
            name: "order",
            data: "{}",
        };
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let request = sender(&template, &key).event(&event, now, true).unwrap();
        assert_eq!(request.uri(), "https://h/chat/order?code=x");
        for (name, value) in [
            ("ce-type", "azure.webpubsub.user.order"),
            ("ce-time", "2023-11-14T22:13:20Z"),
            // A vector of the emulator's tests, made with OpenSSL.
            (
                "ce-signature",
                "sha256=8de7281e588e23b0a30a7180ffa240257b8176e983004c240c9f3f7a7233c993",
            ),
            ("ce-userId", "ann"),
            ("ce-id", "2"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(request.headers()[name], value, "{name}");
        }
        let forged = sender(&template, &key).event(&event, now, false).unwrap();
        assert_ne!(
            forged.headers()["ce-signature"],
            request.headers()["ce-signature"]
        );
        let asked = sender(&template, &key).validation().unwrap();
        assert_eq!(asked.method(), Method::OPTIONS);
        assert_eq!(asked.uri(), "https://h/chat/validate?code=x");
    }

    #[test]
    fn templates_follow_the_rules_of_the_service() {
        assert!(template("http://localhost:3000").is_ok());
        for wrong in [
            "localhost:3000",
            "ftp://h/",
            "https://{hub}.h/",
            "https://h/a b",
            "",
        ] {
            assert!(template(wrong).is_err(), "{wrong}");
        }
    }
}
