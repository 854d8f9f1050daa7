//! The flags.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::{EventHandlerConfig, HybridConnectionConfig};

/// The flags of every command. Each has a variable, see `environment`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// An address to listen on [default: 127.0.0.1 and ::1]; 0.0.0.0 and :: stand
    /// for all. Others can then reach the emulator and its public keys. May be
    /// repeated.
    #[arg(long = "host", value_name = "ADDRESS")]
    pub(super) hosts: Vec<IpAddr>,
    /// The host name or address by which clients reach it: in endpoints,
    /// connection strings and the certificate.
    #[arg(long, value_name = "NAME")]
    pub(super) advertise: Option<String>,
    /// The Web PubSub port [default: 8080]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    pub(super) pubsub_port: Option<u16>,
    /// The TLS port of Relay [default: 9443]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    pub(super) relay_port: Option<u16>,
    /// The plain-text port of Relay [default: 9080]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    pub(super) relay_plain_port: Option<u16>,
    /// A hybrid connection [default: hc1]; NAME:anonymous for one whose senders
    /// need no token. May be repeated.
    #[arg(long = "hybrid-connection", value_name = "NAME")]
    pub(super) hybrid_connections: Vec<HybridConnectionConfig>,
    /// A folder to keep the throw-away certificate authority in, so that it is trusted
    /// once and reused.
    #[arg(long, value_name = "FOLDER")]
    pub(super) certificates: Option<PathBuf>,
    /// A further name for the certificate, besides localhost, the loopback
    /// addresses, --host and --advertise, such as *.servicebus.windows.net. May
    /// be repeated.
    #[arg(long = "certificate-name", value_name = "NAME")]
    pub(super) certificate_names: Vec<String>,
    /// Lets a listener create the hybrid connection that it listens on.
    #[arg(long)]
    pub(super) auto_create: bool,
    /// Sends the events of a Web PubSub hub to an application, as HUB=URL-TEMPLATE;
    /// {hub} and {event} are replaced. May be repeated.
    #[arg(long = "event-handler", value_name = "HUB=URL")]
    pub(super) event_handlers: Vec<EventHandlerConfig>,
    /// Reports connections that join or leave groups to those event handlers;
    /// the groups match a pattern such as room*, or * for all. May be repeated.
    #[arg(
        long = "group-presence",
        value_name = "PATTERN",
        requires = "event_handlers"
    )]
    pub(super) group_presence: Vec<String>,
    /// Accepts Entra tokens for Web PubSub by audience and expiry alone, without
    /// checking their signature. Not for networks that others can reach.
    #[arg(long)]
    pub(super) allow_unvalidated_entra_tokens: bool,
    /// Makes the Web PubSub resource one for Socket.IO, which generates tokens
    /// for Socket.IO clients on request.
    #[arg(long)]
    pub(super) socket_io: bool,
    /// A TOML file with the same settings and the keys. Flags take precedence.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}
