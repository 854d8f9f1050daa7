//! The flags, and the keys that they stand for in a file.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::environment::Sources;
use crate::config::{EventHandlerConfig, HybridConnectionConfig};

/// The flags of every command. Each is a variable as well, see `environment`; those that
/// are `Option<bool>` are switches, see [`command`](super::command). [`KEYS`] has a line for each.
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
    /// Picks a free port wherever no port is given by flag or variable.
    #[arg(long)]
    pub(super) free_ports: Option<bool>,
    /// The Web PubSub port [default: 8080]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    pub(super) pubsub_port: Option<u16>,
    /// The TLS port of Relay [default: 9443]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    pub(super) relay_port: Option<u16>,
    /// The plain-text port of Relay [default: 9080]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    pub(super) relay_plain_port: Option<u16>,
    /// The port of the authority for Entra ID tokens [default: 9444, or a free one if
    /// that is taken]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    pub(super) identity_port: Option<u16>,
    /// Issues no Entra ID tokens, and takes none.
    #[arg(long)]
    pub(super) no_identity: Option<bool>,
    /// Leaves Web PubSub out.
    #[arg(long)]
    pub(super) no_pubsub: Option<bool>,
    /// Leaves Relay out.
    #[arg(long)]
    pub(super) no_relay: Option<bool>,
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
    pub(super) auto_create: Option<bool>,
    /// Sends the events of a Web PubSub hub to an application, as HUB=URL-TEMPLATE;
    /// {hub} and {event} are replaced. May be repeated. These handlers come before
    /// those of files.
    #[arg(long = "event-handler", value_name = "HUB=URL")]
    pub(super) event_handlers: Vec<EventHandlerConfig>,
    /// Reports connections that join or leave groups to the handlers of
    /// --event-handler; the groups match a pattern such as room*, or * for all. May
    /// be repeated.
    #[arg(long = "group-presence", value_name = "PATTERN")]
    pub(super) group_presence: Vec<String>,
    /// Writes what happens to the end of this file, one record a line, in JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,
    /// How many bytes of memory the newest records of the journal may take [default:
    /// 16777216]; 0 switches the journal off.
    #[arg(long, value_name = "N")]
    pub(super) journal_bytes: Option<usize>,
    /// Accepts Entra tokens by audience and expiry alone, without checking their
    /// signature. Not for networks that others can reach.
    #[arg(long)]
    pub(super) allow_unvalidated_entra_tokens: Option<bool>,
    /// Makes the Web PubSub resource one for Socket.IO, which generates tokens
    /// for Socket.IO clients on request.
    #[arg(long)]
    pub(super) socket_io: Option<bool>,
    /// Holds back the answer to the opening of each Web PubSub client, and each
    /// acknowledgement. The synchronous Python client needs 0.02: it waits 30 s for
    /// an answer that comes before it begins to wait.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) reply_delay: Option<Duration>,
    /// A TOML file with the same settings and the keys. Flags and variables take
    /// precedence. Its event handlers are read again when it changes.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// A settings file of Microsoft's awps-emulator: access key, hubs and event
    /// handlers, which are read again when it changes. Everything else takes
    /// precedence.
    #[arg(long, value_name = "FILE")]
    pub(super) appsettings: Option<PathBuf>,
    /// Ends when standard input does, if that is a pipe, or on Unix when the parent
    /// process does. So no emulator outlives a test run that is killed.
    #[arg(long)]
    pub(super) exit_with_parent: Option<bool>,
    /// Writes the log to the end of this file instead of to standard error.
    #[arg(long, value_name = "FILE")]
    pub(super) log_file: Option<PathBuf>,
    /// Where each flag comes from.
    #[arg(skip)]
    pub(super) sources: Sources,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// The keys in a file for each flag; none for what only the command line has. A later
/// flag prevails over an earlier one with the same key.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    ("host", &["hosts"]),
    ("advertise", &["advertise"]),
    (
        "free-ports",
        &[
            "pubsub.port",
            "relay.port",
            "relay.plain-port",
            "identity.port",
        ],
    ),
    ("pubsub-port", &["pubsub.port"]),
    ("relay-port", &["relay.port"]),
    ("relay-plain-port", &["relay.plain-port"]),
    ("identity-port", &["identity.port"]),
    ("no-identity", &[]),
    ("no-pubsub", &["pubsub.enabled"]),
    ("no-relay", &["relay.enabled"]),
    ("hybrid-connection", &["relay.hybrid-connections"]),
    ("certificates", &["certificates"]),
    ("certificate-name", &["certificate-names"]),
    ("auto-create", &["relay.auto-create"]),
    ("event-handler", &["pubsub.event-handlers"]),
    ("group-presence", &["pubsub.event-handlers"]),
    (
        "allow-unvalidated-entra-tokens",
        &[
            "pubsub.allow-unvalidated-entra-tokens",
            "relay.allow-unvalidated-entra-tokens",
        ],
    ),
    ("socket-io", &["pubsub.socket-io"]),
    ("reply-delay", &["pubsub.reply-delay"]),
    ("journal", &[]),
    ("journal-bytes", &["journal-bytes"]),
    ("exit-with-parent", &[]),
    ("config", &[]),
    ("appsettings", &[]),
    ("log-file", &[]),
];
