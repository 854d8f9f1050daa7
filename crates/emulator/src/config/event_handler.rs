//! The settings of one event handler: its URL and its events. Pure.

use std::fmt;

use serde::Deserialize;

use super::group_presence::GroupPresence;
#[cfg(feature = "pubsub")]
use super::group_presence::GroupPresenceEvent;
use super::system_event::SystemEvent;
#[cfg(feature = "pubsub")]
use crate::in_process::InProcess;
#[cfg(feature = "tower")]
use crate::in_process::TowerClient;
#[cfg(feature = "pubsub")]
use crate::pattern::Pattern;
use crate::{Error, Result};

/// An event handler of a hub, also written `HUB=URL-TEMPLATE`.
#[derive(Clone, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EventHandlerConfig {
    /// The hub, compared without case.
    pub hub: String,
    /// The URL, in which `{hub}` and `{event}`, in any case, are replaced.
    pub url: String,
    /// The user events that it receives: `*` for all, or comma-separated
    /// patterns, compared without case; empty for none. In a pattern `?`
    /// matches one character except a dot, `*` any number of them, `**` any
    /// number of any characters, and `\` escapes one of `?*\`.
    #[serde(default = "all_user_events")]
    pub user_events: String,
    /// The system events that it receives; default: all three.
    #[serde(default = "all_system_events")]
    pub system_events: Vec<SystemEvent>,
    /// The group presence events that it receives; default: none.
    #[serde(default)]
    pub group_presence_events: Option<GroupPresence>,
    /// What answers in place of a server at the URL.
    #[cfg(feature = "pubsub")]
    #[serde(skip)]
    pub(crate) in_process: Option<InProcess>,
}

impl EventHandlerConfig {
    /// Creates a handler for every event of a hub.
    pub fn new(hub: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            hub: hub.into(),
            url: url.into(),
            user_events: all_user_events(),
            system_events: all_system_events(),
            group_presence_events: None,
            #[cfg(feature = "pubsub")]
            in_process: None,
        }
    }

    /// Sets [`user_events`](Self::user_events).
    #[must_use]
    pub fn with_user_events(mut self, pattern: impl Into<String>) -> Self {
        self.user_events = pattern.into();
        self
    }

    /// Sets [`system_events`](Self::system_events).
    #[must_use]
    pub fn with_system_events(mut self, events: impl IntoIterator<Item = SystemEvent>) -> Self {
        self.system_events = events.into_iter().collect();
        self
    }

    /// Sets [`group_presence_events`](Self::group_presence_events).
    #[must_use]
    pub fn with_group_presence_events(mut self, presence: GroupPresence) -> Self {
        self.group_presence_events = Some(presence);
        self
    }

    /// Returns the URL without what may be a password or a code: before the host and
    /// after the path.
    pub(crate) fn url_without_secrets(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        let user = host.rfind('@').map_or(0, |at| at + 1);
        format!("{scheme}://{}", &rest[user..])
    }

    /// Answers the events with a tower service of this process, such as an axum `Router` or a
    /// `Webhook` of `azwire-pubsub` with its feature `tower`, in place of a server at the URL: no
    /// port, no server to start and to end.
    ///
    /// Everything else stays as it is with a server: the service is first asked whether it
    /// accepts events (the validation request), every event has its headers and its signature,
    /// a failure or a status of 500 or above is tried again, and the response has 100 s, all on
    /// the emulator's clock. The service is cloned for each request and sees what a server
    /// receives: the path and the query of the URL, the rest in `Host`. An error or a panic of
    /// the service is a connection that broke. The URL needs a host, which is not looked up.
    ///
    /// ```
    /// # extern crate pubsub as azwire_pubsub;
    /// use azwire_emulator::{Emulator, EventHandlerConfig};
    /// use azwire_pubsub::webhook::{EventHandler, Webhook};
    ///
    /// /// The application lets everybody in.
    /// struct Chat;
    ///
    /// impl EventHandler for Chat {}
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder().start().await?;
    /// let webhook = Webhook::builder()
    ///     .hub("chat", Chat)
    ///     // Its signatures are checked as in production.
    ///     .connection_string(emulator.pubsub().connection_string().expose())
    ///     .build()?;
    /// let handler = EventHandlerConfig::new("chat", "http://handler.test/{event}");
    /// emulator.pubsub().add_event_handler(handler.with_service(webhook))?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tower")]
    #[must_use]
    pub fn with_service<S, B>(self, service: S) -> Self
    where
        S: tower_service::Service<http::Request<transport::Body>, Response = http::Response<B>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: http_body::Body<Data: Into<bytes::Bytes>> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.with_http_client(TowerClient(service))
    }

    /// Answers the events with an [`HttpClient`](transport::HttpClient) of this process in place of a server at
    /// the URL; for handlers that are no tower service. The URI of a request is absolute.
    /// Everything else is as with `with_service`, of feature `tower`.
    #[cfg(feature = "pubsub")]
    #[must_use]
    pub fn with_http_client(mut self, client: impl transport::HttpClient) -> Self {
        self.in_process = Some(InProcess::new(client));
        self
    }

    /// Checks the rules that deserialization does not check.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the hub and the rule. The URL is not
    /// shown: it may contain a code.
    #[cfg(feature = "pubsub")]
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |rule: &str| {
            let hub = &self.hub;
            Err(Error::message(format!("event handler of {hub:?}: {rule}")))
        };
        if pubsub::HubName::new(&self.hub).is_err() {
            return wrong("the hub name is invalid");
        }
        if self.url.contains("{@") {
            return wrong("Key Vault references are not supported");
        }
        let Ok(url) = self.url_for("h", "e").parse::<http::Uri>() else {
            return wrong("the URL is invalid");
        };
        let is_http = matches!(url.scheme_str(), Some("http" | "https"));
        let Some(authority) = url.authority().filter(|_| is_http) else {
            return wrong("the URL must begin with http:// or https:// and a host");
        };
        // A parameter in the host would have been replaced.
        if !self.url.contains(authority.as_str()) {
            return wrong("{hub} and {event} are not allowed in the host");
        }
        let mut patterns = self.user_events.split(',').map(str::trim);
        if patterns.any(|it| !it.is_empty() && Pattern::parse(it, usize::MAX).is_none()) {
            return wrong("a pattern in user-events is invalid");
        }
        let presence = self.group_presence_events.iter();
        let mut filters = presence.flat_map(|presence| &presence.group_filters);
        if filters.any(|it| Pattern::parse(it, usize::MAX).is_none()) {
            return wrong("a pattern in group-filters is invalid");
        }
        Ok(())
    }

    /// Returns the URL for an event, or for another word in its place.
    #[cfg(feature = "pubsub")]
    pub(crate) fn url_for(&self, hub: &str, event: &str) -> String {
        let mut url = String::with_capacity(self.url.len() + hub.len() + event.len());
        let mut rest = match self.url.split_once("://") {
            Some((scheme, rest)) => {
                url.push_str(&scheme.to_ascii_lowercase());
                url.push_str("://");
                rest
            }
            None => &self.url,
        };
        while let Some(at) = rest.find('{') {
            url.push_str(&rest[..at]);
            rest = &rest[at..];
            let parameter = [("{hub}", hub), ("{event}", event)]
                .into_iter()
                .find(|(name, _)| {
                    let part = rest.get(..name.len());
                    part.is_some_and(|part| part.eq_ignore_ascii_case(name))
                });
            let length = match parameter {
                Some((name, value)) => {
                    url.extend(percent_encoding::utf8_percent_encode(value, RESERVED));
                    name.len()
                }
                None => {
                    url.push('{');
                    1
                }
            };
            rest = &rest[length..];
        }
        url.push_str(rest);
        url
    }

    #[cfg(feature = "pubsub")]
    pub(crate) fn takes_user_event(&self, name: &str) -> bool {
        self.user_events.split(',').map(str::trim).any(|pattern| {
            // Documented as any event, although a wildcard stops at dots.
            pattern == "*"
                || Pattern::parse(pattern, usize::MAX)
                    .is_some_and(|pattern| pattern.matches_without_case(name))
        })
    }

    #[cfg(feature = "pubsub")]
    pub(crate) fn takes_presence(&self, event: GroupPresenceEvent, group: &str) -> bool {
        let Some(presence) = &self.group_presence_events else {
            return false;
        };
        let filters = &presence.group_filters;
        presence.event_names.contains(&event)
            && (filters.is_empty()
                || filters.iter().any(|filter| {
                    filter == "*"
                        || Pattern::parse(filter, usize::MAX)
                            .is_some_and(|pattern| pattern.matches(group))
                }))
    }
}

impl fmt::Debug for EventHandlerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventHandlerConfig")
            .field("hub", &self.hub)
            .field("url", &format_args!("{}", self.url_without_secrets()))
            .field("user_events", &self.user_events)
            .field("system_events", &self.system_events)
            .field("group_presence_events", &self.group_presence_events)
            .finish_non_exhaustive()
    }
}

impl std::str::FromStr for EventHandlerConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('=') {
            Some((hub, url)) if !hub.is_empty() && starts_with_http(url) => Ok(Self::new(hub, url)),
            // The URL may contain a code; it is not shown.
            _ => Err(Error::message(
                "an event handler is written HUB=URL-TEMPLATE",
            )),
        }
    }
}

fn all_user_events() -> String {
    "*".to_owned()
}

fn all_system_events() -> Vec<SystemEvent> {
    SystemEvent::ALL.to_vec()
}

fn starts_with_http(url: &str) -> bool {
    url.get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
}

/// The characters to escape in a part of a URL: everything except the unreserved ones.
#[cfg(feature = "pubsub")]
const RESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[cfg(all(test, feature = "pubsub"))]
mod tests {
    use super::*;

    #[test]
    fn user_events_are_chosen_by_patterns_without_case() {
        for (pattern, name, takes) in [
            ("*", "a.b", true),
            ("*,x", "y", true),
            ("EV", "ev", true),
            ("e*", "Event", true),
            ("e*", "e.vent", false),
            ("e**", "e.vent", true),
            ("a?", "ab", true),
            ("a?", "a", false),
            (" a , b ", "B", true),
            ("a", "ab", false),
            ("", "a", false),
            ("a,,b", "a", true),
        ] {
            let handler = EventHandlerConfig::new("chat", "http://h/").with_user_events(pattern);
            assert_eq!(handler.takes_user_event(name), takes, "{pattern} {name}");
            handler.check().unwrap();
        }
        let wrong = EventHandlerConfig::new("chat", "http://h/").with_user_events("a\\b");
        assert!(
            wrong
                .check()
                .unwrap_err()
                .to_string()
                .contains("user-events")
        );
    }

    #[test]
    fn groups_are_chosen_by_patterns_with_case() {
        use GroupPresenceEvent::{Joined, Left};

        let handler = EventHandlerConfig::new("chat", "http://h/");
        assert!(!handler.takes_presence(Joined, "g"));
        for (filters, group, takes) in [
            (&[][..], "any.group", true),
            (&["*"], "any.group", true),
            (&["group1", "group2*"], "group1", true),
            (&["group1", "group2*"], "group23", true),
            (&["group1", "group2*"], "group11", false),
            (&["group1"], "Group1", false),
            (&["a.*"], "a.b", true),
            (&["a*"], "a.b", false),
            (&["a**"], "a.b", true),
        ] {
            let presence = GroupPresence::new(filters.iter().copied());
            let handler = handler.clone().with_group_presence_events(presence.clone());
            handler.check().unwrap();
            assert_eq!(
                handler.takes_presence(Left, group),
                takes,
                "{filters:?} {group}"
            );
            let one = handler.with_group_presence_events(presence.with_event_names([Joined]));
            assert!(!one.takes_presence(Left, group));
        }
        let wrong = handler.with_group_presence_events(GroupPresence::new(["a\\"]));
        assert!(
            wrong
                .check()
                .unwrap_err()
                .to_string()
                .contains("group-filters")
        );
    }

    #[test]
    fn templates_take_parameters_in_any_case() {
        for (template, url) in [
            ("http://h/{hub}/{event}", "http://h/a%2Cb/e.1"),
            ("HTTP://h/{Hub}?e={EVENT}", "http://h/a%2Cb?e=e.1"),
            ("http://h/{hubs}/{}/{", "http://h/{hubs}/{}/{"),
        ] {
            let handler = EventHandlerConfig::new("a,b", template);
            assert_eq!(handler.url_for("a,b", "e.1"), url);
        }
        let hosts = ["http://{Hub}.example/", "http://x{EVENT}/"];
        for host in hosts.map(|url| EventHandlerConfig::new("chat", url)) {
            assert!(host.check().unwrap_err().to_string().contains("host"));
        }
    }

    #[test]
    fn the_secrets_of_a_url_are_not_printed() {
        for (url, shown) in [
            ("http://u:pass@h:1/{hub}?code=pass", "http://h:1/{hub},"),
            ("https://h#pass", "https://h,"),
            ("pass", "://,"),
        ] {
            let printed = format!("{:?}", EventHandlerConfig::new("chat", url));
            assert!(
                printed.contains(shown) && !printed.contains("pass"),
                "{printed}"
            );
        }
    }
}
