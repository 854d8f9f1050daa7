//! The files with settings: what each of the two formats says.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::config::{AppSettings, Config, EventHandlerConfig};
use crate::{Error, Result};

/// A file with settings.
#[derive(Clone, Debug)]
pub(super) struct SettingsFile {
    pub(super) path: PathBuf,
    pub(super) format: Format,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// Our own, in TOML.
    Config,
    /// That of Microsoft's `awps-emulator`, in JSON.
    AppSettings,
}

/// What a file says. Its table may hold keys, so it has no `Debug`.
#[derive(Default)]
pub(super) struct Contents {
    /// Everything but the event handlers, with our own keys.
    pub(super) table: Table,
    pub(super) event_handlers: Vec<EventHandlerConfig>,
    /// The keys that have no effect here.
    pub(super) not_emulated: Vec<String>,
}

impl SettingsFile {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the file and the problem.
    pub(super) fn read(&self) -> Result<Contents> {
        let path = self.path.display();
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| Error::new(format!("cannot read {path}: {error}"), error))?;
        self.parse(&text)
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the file and the problem.
    pub(super) fn parse(&self, text: &str) -> Result<Contents> {
        let contents = match self.format {
            Format::Config => read_config(text),
            Format::AppSettings => AppSettings::parse(text).map(of_appsettings),
        };
        contents.map_err(|error| Error::message(format!("{}: {error}", self.path.display())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn read_config(text: &str) -> Result<Contents> {
    // First as what it must be, because only then errors have lines.
    let config = Config::from_toml(text)?;
    for handler in &config.pubsub.event_handlers {
        check(handler)?;
    }
    let mut table: Table =
        toml::from_str(text).map_err(|error| Error::message(error.message().to_owned()))?;
    if let Some(Value::Table(pubsub)) = table.get_mut("pubsub") {
        pubsub.remove(EVENT_HANDLERS);
    }
    Ok(Contents {
        table,
        event_handlers: config.pubsub.event_handlers,
        not_emulated: Vec::new(),
    })
}

fn of_appsettings(settings: AppSettings) -> Contents {
    let mut pubsub = Table::new();
    if let Some(key) = settings.access_key {
        pubsub.insert("access-key".into(), key.expose().into());
    }
    if let Some(is_allowed) = settings.allow_unvalidated_entra_tokens {
        pubsub.insert("allow-unvalidated-entra-tokens".into(), is_allowed.into());
    }
    let mut table = Table::new();
    table.insert("pubsub".into(), pubsub.into());
    Contents {
        table,
        event_handlers: settings.event_handlers,
        not_emulated: settings.not_emulated,
    }
}

#[cfg(feature = "pubsub")]
fn check(handler: &EventHandlerConfig) -> Result<()> {
    handler.check()
}

#[cfg(not(feature = "pubsub"))]
fn check(_: &EventHandlerConfig) -> Result<()> {
    Ok(())
}

const EVENT_HANDLERS: &str = "event-handlers";
