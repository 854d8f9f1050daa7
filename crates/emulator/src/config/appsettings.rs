//! The settings file of Microsoft's `awps-emulator`, an `appsettings.json`. Pure.
//!
//! It is read as .NET reads it: comments and trailing commas are allowed, keys are
//! compared without case, `A:B` stands for `B` within `A`, and every value may be text
//! (`JsonConfigurationFileParser` and `ConfigurationBinder` of `Microsoft.Extensions`).

use std::collections::BTreeMap;

use auth::Secret;
use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::event_handler::EventHandlerConfig;
use super::system_event::SystemEvent;
use crate::{Error, Result};

/// What this emulator has of such a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppSettings {
    pub(crate) access_key: Option<Secret>,
    pub(crate) allow_unvalidated_entra_tokens: Option<bool>,
    /// By hub.
    pub(crate) event_handlers: Vec<EventHandlerConfig>,
    /// The keys that have no effect, each once.
    pub(crate) not_emulated: Vec<String>,
}

impl AppSettings {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Fails with one line that names line, column and rule.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parsed = parse_to_ast(text, &CollectOptions::default(), &JSON).map_err(|error| {
            Error::message(format!(
                "line {}, column {}: not JSON: {}",
                error.line_display(),
                error.column_display(),
                error.kind()
            ))
        })?;
        let mut entries = Vec::new();
        match &parsed.value {
            Some(Value::Object(_)) => {}
            Some(value) => return Err(wrong(text, value.start(), "must be an object")),
            None => return Err(wrong(text, text.len(), "must be an object, but is empty")),
        }
        flatten(parsed.value.as_ref(), &mut Vec::new(), &mut entries);
        let mut settings = Self::default();
        let mut hubs = Hubs::new();
        let mut seen = BTreeMap::new();
        for entry in &entries {
            let lower: Vec<_> = entry.path.iter().map(|it| it.to_lowercase()).collect();
            if entry.value.is_some() && seen.insert(lower.clone(), ()).is_some() {
                return Err(wrong(text, entry.at, "the key is there twice"));
            }
            let lower: Vec<_> = lower.iter().map(String::as_str).collect();
            settings.take(text, entry, &lower, &mut hubs)?;
        }
        for (hub, handlers) in hubs.into_values() {
            for handler in handlers.into_values() {
                settings.event_handlers.push(handler.finish(text, &hub)?);
            }
        }
        Ok(settings)
    }

    fn take(&mut self, text: &str, entry: &Entry, key: &[&str], hubs: &mut Hubs) -> Result<()> {
        let value = entry.value.as_deref();
        match (key, value) {
            (["webpubsub", "accesskey"], Some(value)) => {
                if value.is_empty() {
                    return Err(wrong(text, entry.at, "a key must not be empty"));
                }
                self.access_key = Some(Secret::new(value));
            }
            (["webpubsub", "allowunvalidatedentratokens"], Some(value)) => {
                let is_allowed = value.trim().to_lowercase().parse();
                let is_allowed =
                    is_allowed.map_err(|_| wrong(text, entry.at, "must be true or false"))?;
                self.allow_unvalidated_entra_tokens = Some(is_allowed);
            }
            (["webpubsub", "hubs", hub, "eventhandlers", index, rest @ ..], _) => {
                let (_, handlers) = hubs
                    .entry((*hub).to_owned())
                    .or_insert_with(|| (entry.path[2].clone(), BTreeMap::new()));
                // .NET sorts by number, then by text.
                let index = (index.parse().unwrap_or(u64::MAX), (*index).to_owned());
                let handler = handlers.entry(index).or_insert_with(|| Handler::new(entry));
                match (rest, value) {
                    (["urltemplate"], value) => handler.url = value.map(str::to_owned),
                    (["eventpattern"], value) => {
                        handler.user_events = value.unwrap_or_default().to_owned();
                    }
                    (["systemevents", _], Some(value)) => {
                        let event = SystemEvent::from_name(value).ok_or_else(|| {
                            let rule = "must be connect, connected or disconnected";
                            wrong(text, entry.at, rule)
                        })?;
                        handler.system_events.push(event);
                    }
                    ([], _) | (["systemevents", ..], None) => {}
                    _ => self.pass_by(&entry.path[..6]),
                }
            }
            // Without a value there is nothing to do.
            (["webpubsub", "hubs", _, "eventhandlers"] | ["webpubsub", "hubs", _], None)
            | (
                [
                    "webpubsub",
                    "hubs" | "accesskey" | "allowunvalidatedentratokens",
                ],
                None,
            )
            | (["webpubsub"], None) => {}
            (["webpubsub", "hubs", ..], _) => self.pass_by(&entry.path[..entry.path.len().min(4)]),
            (["webpubsub", ..], _) => self.pass_by(&entry.path[..entry.path.len().min(2)]),
            _ => self.pass_by(&entry.path[..1]),
        }
        Ok(())
    }

    fn pass_by(&mut self, path: &[String]) {
        let key = path.join(":");
        if !self.not_emulated.contains(&key) {
            self.not_emulated.push(key);
        }
    }
}

/// By hub in lower case: its name, and its handlers in their order.
type Hubs = BTreeMap<String, (String, BTreeMap<(u64, String), Handler>)>;

/// One event handler as far as it has been read.
struct Handler {
    at: usize,
    url: Option<String>,
    user_events: String,
    system_events: Vec<SystemEvent>,
}

impl Handler {
    fn new(entry: &Entry) -> Self {
        Self {
            at: entry.at,
            url: None,
            user_events: String::new(),
            system_events: Vec::new(),
        }
    }

    fn finish(self, text: &str, hub: &str) -> Result<EventHandlerConfig> {
        let url = self
            .url
            .ok_or_else(|| wrong(text, self.at, "an event handler needs a UrlTemplate"))?;
        let handler = EventHandlerConfig::new(hub, url)
            .with_user_events(self.user_events)
            .with_system_events(self.system_events);
        #[cfg(feature = "pubsub")]
        handler
            .check()
            .map_err(|error| wrong(text, self.at, &error.to_string()))?;
        Ok(handler)
    }
}

/// One value, with the keys that lead to it.
struct Entry {
    path: Vec<String>,
    /// `None` for null, and for an object or array without contents.
    value: Option<String>,
    at: usize,
}

fn flatten(value: Option<&Value<'_>>, path: &mut Vec<String>, entries: &mut Vec<Entry>) {
    let at = value.map_or(0, |value| value.start());
    let before = entries.len();
    match value {
        Some(Value::Object(object)) => {
            for property in &object.properties {
                let depth = path.len();
                path.extend(property.name.as_str().split(':').map(str::to_owned));
                flatten(Some(&property.value), path, entries);
                path.truncate(depth);
            }
        }
        Some(Value::Array(array)) => {
            for (index, element) in array.elements.iter().enumerate() {
                path.push(index.to_string());
                flatten(Some(element), path, entries);
                path.pop();
            }
        }
        _ => {}
    }
    let value = match value {
        Some(Value::StringLit(text)) => Some(text.value.to_string()),
        Some(Value::NumberLit(number)) => Some(number.value.to_owned()),
        Some(Value::BooleanLit(boolean)) => Some(boolean.value.to_string()),
        _ => None,
    };
    if entries.len() == before && !path.is_empty() {
        let path = path.clone();
        entries.push(Entry { path, value, at });
    }
}

/// Returns the error for what stands at an offset. The text is not shown: it may be a key.
fn wrong(text: &str, at: usize, rule: &str) -> Error {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start..].chars().count() + 1;
    Error::message(format!("line {line}, column {column}: {rule}"))
}

/// What .NET's reader of settings files takes.
const JSON: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

#[cfg(all(test, feature = "pubsub"))]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_microsofts_emulator_is_read() {
        // From its README, with what .NET's reader allows besides.
        let text = "\u{feff}// mine\n{
          \"Urls\": \"http://localhost:8080\",
          \"webpubsub\": {
            \"ACCESSKEY\": \"custom-emulator-access-key-1234567890\",
            \"AllowUnvalidatedEntraTokens\": \"True\",
            \"Hubs\": {
              \"Chat\": {
                \"EventHandlers\": [{
                  \"UrlTemplate\": \"http://localhost:7071/events/{hub}/{event}\",
                  \"SystemEvents\": [\"connect\", \"Connected\", \"disconnected\"], /* all */
                  \"EventPattern\": \"*\",
                  \"Auth\": { \"Type\": \"None\" },
                }, { \"UrlTemplate\": \"http://localhost/2\" }],
                \"EventListeners\": [{ \"EventHubEndpoint\": { \"EventHubName\": \"a\" } }, {}],
              },
              \"none\": null,
              \"empty\": { \"EventHandlers\": null },
            },
          },
          \"WebPubSub:Hubs:other:EventHandlers:0:UrlTemplate\": \"http://localhost/3\",
          \"Logging\": { \"LogLevel\": { \"Default\": \"Information\", \"Microsoft\": \"Warning\" } },
        }";
        let settings = AppSettings::parse(text).unwrap();
        let key = settings.access_key.unwrap();
        assert_eq!(key.expose(), "custom-emulator-access-key-1234567890");
        assert_eq!(settings.allow_unvalidated_entra_tokens, Some(true));
        let none = |hub: &str, url: &str| {
            EventHandlerConfig::new(hub, url)
                .with_user_events("")
                .with_system_events([])
        };
        assert_eq!(
            settings.event_handlers,
            [
                EventHandlerConfig::new("Chat", "http://localhost:7071/events/{hub}/{event}"),
                none("Chat", "http://localhost/2"),
                none("other", "http://localhost/3"),
            ]
        );
        assert_eq!(
            settings.not_emulated,
            [
                "Urls",
                "webpubsub:Hubs:Chat:EventHandlers:0:Auth",
                "webpubsub:Hubs:Chat:EventListeners",
                "Logging",
            ]
        );
    }

    #[test]
    fn handlers_stand_in_the_order_of_their_numbers() {
        let handlers: Vec<_> = (0..11)
            .map(|n| format!("{{\"UrlTemplate\": \"http://h/{n}\"}}"))
            .collect();
        let text = format!(
            "{{\"WebPubSub\":{{\"Hubs\":{{\"h\":{{\"EventHandlers\":[{}]}}}}}}}}",
            handlers.join(",")
        );
        let handlers = AppSettings::parse(&text).unwrap().event_handlers;
        let urls: Vec<_> = handlers.iter().map(|it| it.url.as_str()).collect();
        let wanted: Vec<_> = (0..11).map(|n| format!("http://h/{n}")).collect();
        assert_eq!(urls, wanted);
    }

    #[test]
    fn mistakes_are_named_with_line_and_column() {
        let handler = |handler: &str| {
            format!("{{\"WebPubSub\":{{\"Hubs\":{{\"h\":{{\"EventHandlers\":[\n{handler}]}}}}}}}}")
        };
        for (text, named) in [
            (String::new(), "line 1, column 1: must be an object"),
            ("[]".into(), "line 1, column 1: must be an object"),
            ("{\n  \"a\" 1 }".into(), "line 2, column 7: not JSON"),
            ("{'a': 1}".into(), "line 1, column 2: not JSON"),
            ("{a: 1}".into(), "line 1, column 2: not JSON"),
            ("{} {}".into(), "line 1, column 4: not JSON"),
            (
                "{\"a\": 1, \"A\": 2}".into(),
                "line 1, column 15: the key is there twice",
            ),
            (
                "{\"WebPubSub\": {\"AccessKey\": \"\"}}".into(),
                "column 29: a key must not be empty",
            ),
            (
                "{\"WebPubSub\": {\"AllowUnvalidatedEntraTokens\": 1}}".into(),
                "column 47: must be true or false",
            ),
            (
                handler("{\"EventPattern\": \"*\"}"),
                "line 2, column 18: an event handler needs",
            ),
            (
                handler("{\"UrlTemplate\": \"ftp://h\"}"),
                "line 2, column 17: event handler of \"h\"",
            ),
            (
                handler("{\"UrlTemplate\": \"http://h\", \"SystemEvents\": [\"joined\"]}"),
                "line 2, column 46: must be connect",
            ),
        ] {
            let error = AppSettings::parse(&text).unwrap_err().to_string();
            assert!(
                error.contains(named) && !error.contains('\n'),
                "{text}: {error}"
            );
        }
    }
}
