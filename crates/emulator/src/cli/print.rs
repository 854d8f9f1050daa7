//! The command `config`: prints the effective settings as `--config` takes them.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use toml::{Table, Value};

use super::flags::Flags;
use super::origins::Origins;
use super::settings::Settings;
use crate::Result;
use crate::config::{
    Config, EventHandlerConfig, GroupPresence, HybridConnectionConfig, IdentityConfig,
    PrincipalConfig, PubSubConfig, RelayConfig, RelayLimits, RelayRule,
};

pub(super) fn config(flags: Flags) -> Result<ExitCode> {
    let settings = Settings::load(flags)?;
    let mut out = std::io::stdout().lock();
    // A reader such as `head` may be gone.
    let _ = out
        .write_all(to_toml(&settings).as_bytes())
        .and_then(|()| out.flush());
    Ok(ExitCode::SUCCESS)
}

/// Returns the settings in TOML. No key is in it, nor what may be a secret in a URL.
///
/// Each struct is taken apart as a whole, so that none of its fields can be forgotten.
pub(super) fn to_toml(settings: &Settings) -> String {
    let Config {
        hosts,
        advertise,
        certificates,
        certificate_names,
        journal_bytes,
        identity,
        pubsub,
        relay,
    } = &settings.config;
    let mut page = Page {
        text: format!(
            "# The effective settings of azwire-emulator {}. Keys are not shown.\n",
            env!("CARGO_PKG_VERSION")
        ),
        origins: &settings.origins,
        table: "",
    };
    page.value("hosts", texts(hosts.iter().map(ToString::to_string)));
    page.optional("advertise", advertise.as_deref());
    let certificates = certificates.as_ref();
    page.optional(
        "certificates",
        certificates.map(|folder| folder.to_string_lossy().into_owned()),
    );
    page.value("certificate-names", texts(certificate_names));
    let journal_bytes = i64::try_from(*journal_bytes).unwrap_or(i64::MAX);
    page.value("journal-bytes", journal_bytes);
    page.pubsub(pubsub);
    for (handler, origin) in settings.event_handlers() {
        page.event_handler(handler, &origin);
    }
    page.relay(relay);
    match identity {
        Some(identity) => page.identity(identity),
        None => page.line("\n# There is no identity side, because of --no-identity."),
    }
    page.text
}

/// The text so far.
struct Page<'a> {
    text: String,
    origins: &'a Origins,
    /// The table that is being written, with a dot.
    table: &'static str,
}

impl Page<'_> {
    fn pubsub(&mut self, pubsub: &PubSubConfig) {
        let PubSubConfig {
            enabled,
            port,
            access_key: _,
            secondary_key,
            allow_unvalidated_entra_tokens,
            socket_io,
            anonymous_hubs,
            // With those of the files.
            event_handlers: _,
            on_event_failure,
            keep_alive_interval,
            keep_alive_timeout,
            reply_delay,
        } = pubsub;
        self.begin("pubsub.");
        self.value("enabled", *enabled);
        self.value("port", i64::from(*port));
        self.hidden("access-key", true);
        self.hidden("secondary-key", secondary_key.is_some());
        self.value(
            "allow-unvalidated-entra-tokens",
            *allow_unvalidated_entra_tokens,
        );
        self.value("socket-io", *socket_io);
        self.value("anonymous-hubs", texts(anonymous_hubs));
        self.value("on-event-failure", on_event_failure.as_str());
        self.value("keep-alive-interval", seconds(*keep_alive_interval));
        self.value("keep-alive-timeout", seconds(*keep_alive_timeout));
        self.value("reply-delay", seconds(*reply_delay));
    }

    fn event_handler(&mut self, handler: &EventHandlerConfig, origin: &str) {
        let EventHandlerConfig {
            hub,
            url,
            user_events,
            system_events,
            group_presence_events,
            // No setting leads to one.
            #[cfg(feature = "pubsub")]
                in_process: _,
        } = handler;
        let shown = handler.url_without_secrets();
        let mut table = Table::new();
        table.insert("hub".into(), hub.as_str().into());
        table.insert("user-events".into(), user_events.as_str().into());
        table.insert(
            "system-events".into(),
            texts(system_events.iter().map(|event| event.as_str())),
        );
        if let Some(presence) = group_presence_events {
            let GroupPresence {
                event_names,
                group_filters,
            } = presence;
            let mut presence = Table::new();
            let names = event_names.iter().map(|event| event.as_str());
            presence.insert("event-names".into(), texts(names));
            presence.insert("group-filters".into(), texts(group_filters));
            table.insert("group-presence-events".into(), presence.into());
        }
        self.line(&format!("\n[[pubsub.event-handlers]]  # {origin}"));
        let note = if shown == *url {
            ""
        } else {
            "  # what may be a secret is not shown"
        };
        self.line(&format!("url = {}{note}", Value::from(shown)));
        for (key, value) in table {
            self.line(&format!("{key} = {value}"));
        }
    }

    fn relay(&mut self, relay: &RelayConfig) {
        let RelayConfig {
            enabled,
            port,
            plain_port,
            key: _,
            secondary_key,
            rules,
            hybrid_connections,
            auto_create,
            allow_unvalidated_entra_tokens,
            limits,
            delays,
        } = relay;
        self.begin("relay.");
        self.value("enabled", *enabled);
        self.value("port", i64::from(*port));
        self.value("plain-port", i64::from(*plain_port));
        self.hidden("key", true);
        self.hidden("secondary-key", secondary_key.is_some());
        self.rules("rules", rules);
        let entities = hybrid_connections.iter().map(hybrid_connection);
        self.value("hybrid-connections", Value::Array(entities.collect()));
        for entity in hybrid_connections {
            self.rules(&format!("the rules of {:?}", entity.path), &entity.rules);
        }
        self.value("auto-create", *auto_create);
        self.value(
            "allow-unvalidated-entra-tokens",
            *allow_unvalidated_entra_tokens,
        );
        self.value("delays", delays.as_str());
        let RelayLimits {
            listeners,
            accept_timeout,
            response_timeout,
            token_grace,
            listener_lifetime,
            control_idle,
        } = limits;
        self.begin("relay.limits.");
        self.value("listeners", i64::try_from(*listeners).unwrap_or(i64::MAX));
        self.value("accept-timeout", seconds(*accept_timeout));
        self.value("response-timeout", seconds(*response_timeout));
        self.value("token-grace", seconds(*token_grace));
        self.value("listener-lifetime", seconds(*listener_lifetime));
        self.optional("control-idle", control_idle.map(seconds));
    }

    fn identity(&mut self, identity: &IdentityConfig) {
        let IdentityConfig {
            port,
            tenant_id,
            token_lifetime,
            identity_header: _,
            keys,
            principals,
        } = identity;
        self.begin("identity.");
        self.value("port", i64::from(*port));
        self.value("tenant-id", tenant_id.as_str());
        self.value("token-lifetime", seconds(*token_lifetime));
        self.hidden("identity-header", true);
        self.value("keys", texts(keys.iter().map(|key| key.to_string_lossy())));
        let origin = self.origin("principals");
        for principal in principals {
            self.principal(principal, &origin);
        }
    }

    fn principal(&mut self, principal: &PrincipalConfig, origin: &str) {
        let PrincipalConfig {
            client_id,
            object_id,
            secrets,
            federated,
            managed_identity,
            system_assigned,
            roles,
            actions,
        } = principal;
        self.line(&format!("\n[[identity.principals]]  # {origin}"));
        let mut table = Table::new();
        table.insert("client-id".into(), client_id.as_str().into());
        for (key, value) in [
            ("object-id", object_id),
            ("managed-identity", managed_identity),
        ] {
            if let Some(value) = value {
                table.insert(key.into(), value.as_str().into());
            }
        }
        table.insert("federated".into(), (*federated).into());
        table.insert("system-assigned".into(), (*system_assigned).into());
        table.insert("roles".into(), texts(roles.iter().map(ToString::to_string)));
        table.insert("actions".into(), texts(actions));
        for (key, value) in table {
            self.line(&format!("{key} = {value}"));
        }
        if !secrets.is_empty() {
            self.line("# secrets are not shown");
        }
    }

    fn begin(&mut self, table: &'static str) {
        self.table = table;
        self.line(&format!("\n[{}]", table.trim_end_matches('.')));
    }

    fn value(&mut self, key: &str, value: impl Into<Value>) {
        let origin = self.origin(key);
        self.line(&format!("{key} = {}  # {origin}", value.into()));
    }

    fn optional(&mut self, key: &str, value: Option<impl Into<Value>>) {
        match value {
            Some(value) => self.value(key, value),
            None => self.line(&format!("# {key} is not set")),
        }
    }

    /// Writes of a key where it comes from.
    fn hidden(&mut self, key: &str, is_set: bool) {
        let origin = self.origin(key);
        self.line(&match is_set {
            true => format!("# {key} is not shown; {origin}"),
            false => format!("# {key} is not set"),
        });
    }

    /// Writes the names of rules, which hold keys.
    fn rules(&mut self, what: &str, rules: &[RelayRule]) {
        if !rules.is_empty() {
            let names: Vec<_> = rules.iter().map(|rule| rule.name.as_str()).collect();
            let names = names.join(", ");
            self.line(&format!("# {what} with their keys, not shown: {names:?}"));
        }
    }

    fn origin(&self, key: &str) -> String {
        // A comment ends with its line.
        let origin = self.origins.of(&format!("{}{key}", self.table));
        origin.replace(['\n', '\r'], " ")
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

fn hybrid_connection(entity: &HybridConnectionConfig) -> Value {
    let HybridConnectionConfig {
        path,
        requires_client_authorization,
        // They hold keys.
        rules: _,
        user_metadata,
    } = entity;
    let mut table = Table::new();
    table.insert("path".into(), path.as_str().into());
    if !requires_client_authorization {
        table.insert("requires-client-authorization".into(), false.into());
    }
    if !user_metadata.is_empty() {
        table.insert("user-metadata".into(), user_metadata.as_str().into());
    }
    match table.len() {
        1 => path.as_str().into(),
        _ => table.into(),
    }
}

fn texts(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Value {
    let texts = texts.into_iter().map(|text| Value::from(text.as_ref()));
    Value::Array(texts.collect())
}

/// Whole seconds if it is whole seconds, because some keys take nothing else.
fn seconds(time: Duration) -> Value {
    match i64::try_from(time.as_secs()) {
        Ok(seconds) if time.subsec_nanos() == 0 => seconds.into(),
        _ => time.as_secs_f64().into(),
    }
}
