//! The effective settings: the flags over a file over the defaults.

use super::flags::Flags;
use crate::Result;
use crate::config::{Config, GroupPresence};

/// Returns the settings that the flags and the files that they name result in.
pub(super) fn effective(flags: Flags) -> Result<Config> {
    let mut config = match &flags.config {
        Some(file) => Config::from_file(file)?,
        None => Config::default(),
    };
    if !flags.hosts.is_empty() {
        config.hosts = flags.hosts;
    }
    if flags.advertise.is_some() {
        config.advertise = flags.advertise;
    }
    if let Some(port) = flags.pubsub_port {
        config.pubsub.port = port;
    }
    if let Some(port) = flags.relay_port {
        config.relay.port = port;
    }
    if let Some(port) = flags.relay_plain_port {
        config.relay.plain_port = port;
    }
    if !flags.hybrid_connections.is_empty() {
        config.relay.hybrid_connections = flags.hybrid_connections;
    }
    let presence = GroupPresence::new(flags.group_presence);
    let handlers = flags.event_handlers.into_iter().map(|handler| {
        if presence.group_filters.is_empty() {
            handler
        } else {
            handler.with_group_presence_events(presence.clone())
        }
    });
    config.pubsub.event_handlers.extend(handlers);
    config.pubsub.allow_unvalidated_entra_tokens |= flags.allow_unvalidated_entra_tokens;
    config.relay.allow_unvalidated_entra_tokens |= flags.allow_unvalidated_entra_tokens;
    config.pubsub.socket_io |= flags.socket_io;
    if flags.certificates.is_some() {
        config.certificates = flags.certificates;
    }
    config.certificate_names.extend(flags.certificate_names);
    config.relay.auto_create |= flags.auto_create;
    Ok(config)
}
