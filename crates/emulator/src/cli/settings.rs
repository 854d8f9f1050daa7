//! The effective settings: flags over variables over `--config` over `--appsettings`
//! over the defaults.
//!
//! A stronger layer replaces a value of a weaker one. Only event handlers and names for
//! the certificate add up, the stronger layer's first.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize as _;
use toml::{Table, Value};
#[cfg(feature = "pubsub")]
use transport::SharedRuntime;

use super::environment::Source;
use super::file::{Contents, Format, SettingsFile};
use super::flags::Flags;
use super::journal_file::{JournalFile, Recording};
use super::origins::Origins;
#[cfg(feature = "pubsub")]
use super::reload;
use crate::config::{Config, EventHandlerConfig, GroupPresence};
#[cfg(feature = "pubsub")]
use crate::pubsub::FileHandlers;
use crate::{Emulator, Error, Result};

/// The effective settings and their origins.
pub(super) struct Settings {
    /// With the event handlers of flags and variables only.
    pub(super) config: Config,
    /// The files, the strongest first.
    files: Vec<(SettingsFile, Contents)>,
    pub(super) origins: Origins,
    /// The file to write the journal to.
    journal: Option<PathBuf>,
}

impl Settings {
    /// Reads the files that the flags name, and puts the flags over them. What a file
    /// says in vain is logged.
    ///
    /// # Errors
    ///
    /// Fails with one line about the first file that is wrong.
    pub(super) fn load(mut flags: Flags) -> Result<Self> {
        let mut files = Vec::new();
        for (path, format) in [
            (flags.config.take(), Format::Config),
            (flags.appsettings.take(), Format::AppSettings),
        ] {
            if let Some(path) = path {
                let file = SettingsFile { path, format };
                let contents = file.read()?;
                files.push((file, contents));
            }
        }
        let mut merged = Table::new();
        let mut origins = Origins::default();
        for (file, contents) in files.iter().rev() {
            warn(file, contents);
            origins.add_table(&contents.table, &file.path().display().to_string());
            merge(&mut merged, contents.table.clone());
        }
        let journal = flags.journal.take();
        let mut config = Config::deserialize(merged)
            .map_err(|error| Error::message(error.message().to_owned()))?;
        origins.add_sources(&flags.sources);
        apply(flags, &mut config)?;
        Ok(Self {
            config,
            files,
            origins,
            journal,
        })
    }

    /// Returns all event handlers with their origins, in the order in which they are asked.
    pub(super) fn event_handlers(&self) -> impl Iterator<Item = (&EventHandlerConfig, String)> {
        let given = &self.config.pubsub.event_handlers;
        let origin = self.origins.of("pubsub.event-handlers");
        let given = given.iter().map(|handler| (handler, origin.to_owned()));
        let files = self.files.iter().flat_map(|(file, contents)| {
            let origin = file.path().display().to_string();
            let origin = origin.replace(['\n', '\r'], " ");
            let handlers = contents.event_handlers.iter();
            handlers.map(move |it| (it, origin.clone()))
        });
        given.chain(files)
    }

    /// Starts an emulator with them, which follows the event handlers of the files and writes its
    /// journal.
    pub(super) async fn start(mut self) -> Result<(Emulator, Option<Recording>)> {
        let file = self.journal.take();
        let file = file.as_deref().map(JournalFile::open).transpose()?;
        let emulator = self.start_emulator().await?;
        let recording = file.map(|file| file.follow(emulator.journal()));
        Ok((emulator, recording.transpose()?))
    }

    async fn start_emulator(self) -> Result<Emulator> {
        #[cfg_attr(not(feature = "pubsub"), expect(unused_mut))]
        let mut builder = Emulator::builder().config(self.config);
        #[cfg(feature = "pubsub")]
        {
            let all = self.files.iter().flat_map(|(_, it)| &it.event_handlers);
            let handlers = FileHandlers::default();
            handlers.replace(all.cloned().collect());
            let followed = handlers.downgrade();
            builder.file_handlers = handlers;
            let emulator = builder.start().await?;
            if !self.files.is_empty() {
                let follow = reload::follow(self.files, followed);
                SharedRuntime::default().spawn(Box::pin(follow));
            }
            Ok(emulator)
        }
        #[cfg(not(feature = "pubsub"))]
        builder.start().await
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The files hold keys.
        let mut f = f.debug_struct("Settings");
        f.field("config", &self.config).finish_non_exhaustive()
    }
}

/// Puts the flags over the settings of the files.
fn apply(flags: Flags, config: &mut Config) -> Result<()> {
    let Flags {
        hosts,
        advertise,
        free_ports,
        pubsub_port,
        relay_port,
        relay_plain_port,
        identity_port,
        no_identity,
        no_pubsub,
        no_relay,
        hybrid_connections,
        certificates,
        certificate_names,
        auto_create,
        event_handlers,
        group_presence,
        journal: _,
        journal_bytes,
        allow_unvalidated_entra_tokens,
        socket_io,
        reply_delay,
        exit_with_parent: _,
        config: _,
        appsettings: _,
        log_file: _,
        sources,
    } = flags;
    replace_list(&mut config.hosts, hosts);
    if advertise.is_some() {
        config.advertise = advertise;
    }
    if certificates.is_some() {
        config.certificates = certificates;
    }
    prepend(&mut config.certificate_names, certificate_names);
    replace(&mut config.journal_bytes, journal_bytes);

    let is_flag = |flag: &str| sources.get(flag) == Some(&Source::Flag);
    let frees = free_ports == Some(true);
    // The program has an authority, other than an emulator in a library.
    let identity = config.identity.get_or_insert_default();
    for (port, given, flag) in [
        (&mut config.pubsub.port, pubsub_port, "pubsub-port"),
        (&mut config.relay.port, relay_port, "relay-port"),
        (
            &mut config.relay.plain_port,
            relay_plain_port,
            "relay-plain-port",
        ),
        (&mut identity.port, identity_port, "identity-port"),
    ] {
        // A flag is stronger than the variable of another.
        let given = given.filter(|_| is_flag(flag) || !(frees && is_flag("free-ports")));
        replace(port, given.or_else(|| frees.then_some(0)));
    }
    if no_identity == Some(true) {
        config.identity = None;
    }
    replace(&mut config.pubsub.enabled, no_pubsub.map(|no| !no));
    replace(&mut config.relay.enabled, no_relay.map(|no| !no));

    let unchecked = allow_unvalidated_entra_tokens;
    replace(&mut config.pubsub.allow_unvalidated_entra_tokens, unchecked);
    replace(&mut config.relay.allow_unvalidated_entra_tokens, unchecked);
    replace(&mut config.pubsub.socket_io, socket_io);
    replace(&mut config.pubsub.reply_delay, reply_delay);
    replace(&mut config.relay.auto_create, auto_create);
    replace_list(&mut config.relay.hybrid_connections, hybrid_connections);

    if event_handlers.is_empty() && !group_presence.is_empty() {
        return Err(Error::message(
            "--group-presence is for the handlers of --event-handler, and there is none",
        ));
    }
    config.pubsub.event_handlers = event_handlers;
    if !group_presence.is_empty() {
        let presence = GroupPresence::new(group_presence);
        for handler in &mut config.pubsub.event_handlers {
            handler.group_presence_events = Some(presence.clone());
        }
    }
    Ok(())
}

fn replace<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn replace_list<T>(slot: &mut Vec<T>, values: Vec<T>) {
    if !values.is_empty() {
        *slot = values;
    }
}

fn prepend<T>(slot: &mut Vec<T>, mut values: Vec<T>) {
    values.append(slot);
    *slot = values;
}

/// Puts a stronger table over a weaker one.
fn merge(weaker: &mut Table, stronger: Table) {
    for (key, value) in stronger {
        match (weaker.get_mut(&key), value) {
            (Some(Value::Table(weaker)), Value::Table(stronger)) => merge(weaker, stronger),
            (_, value) => {
                weaker.insert(key, value);
            }
        }
    }
}

/// Names what is not emulated.
fn warn(file: &SettingsFile, contents: &Contents) {
    for key in &contents.not_emulated {
        let instead = match key.to_lowercase().as_str() {
            "urls" | "kestrel" => "; use --host and --pubsub-port",
            "logging" => "; use the variable RUST_LOG",
            key if key.ends_with(":eventlisteners") => ": there are no event listeners",
            key if key.ends_with(":auth") => ": the handler is called without it",
            _ => "",
        };
        let file = file.path().display();
        tracing::warn!("{file}: {key} has no effect here{instead}");
    }
}
