//! The binary `azwire-emulator`: flags, the ready line, and a clean shutdown.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use azwire_emulator::{
    Config, Emulator, EventHandlerConfig, GroupPresence, HybridConnectionConfig,
};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// A local emulator of Azure Web PubSub and Azure Relay Hybrid Connections.
///
/// When it is ready, it prints one line of JSON on standard output: the
/// endpoints, the connection strings, and the certificate to trust for Relay
/// over TLS. Logs go to standard error. Ctrl-C stops it.
#[derive(Debug, Parser)]
#[command(name = "azwire-emulator", version)]
struct Flags {
    /// The Web PubSub port [default: 8080]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    pubsub_port: Option<u16>,
    /// The TLS port of Relay [default: 9443]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    relay_port: Option<u16>,
    /// The plain-text port of Relay [default: 9080]; 0 picks a free one.
    #[arg(long, value_name = "N")]
    relay_plain_port: Option<u16>,
    /// A hybrid connection [default: hc1]; NAME:anonymous for one whose senders
    /// need no token. May be repeated.
    #[arg(long = "hybrid-connection", value_name = "NAME")]
    hybrid_connections: Vec<HybridConnectionConfig>,
    /// A folder to keep the throw-away certificate authority in, so that it is trusted
    /// once and reused.
    #[arg(long, value_name = "FOLDER")]
    certificates: Option<PathBuf>,
    /// A further name for the certificate, besides localhost and the loopback
    /// addresses, such as *.servicebus.windows.net. May be repeated.
    #[arg(long = "certificate-name", value_name = "NAME")]
    certificate_names: Vec<String>,
    /// Lets a listener create the hybrid connection that it listens on.
    #[arg(long)]
    auto_create: bool,
    /// Sends the events of a Web PubSub hub to an application, as HUB=URL-TEMPLATE;
    /// {hub} and {event} are replaced. May be repeated.
    #[arg(long = "event-handler", value_name = "HUB=URL")]
    event_handlers: Vec<EventHandlerConfig>,
    /// Reports connections that join or leave groups to those event handlers;
    /// the groups match a pattern such as room*, or * for all. May be repeated.
    #[arg(
        long = "group-presence",
        value_name = "PATTERN",
        requires = "event_handlers"
    )]
    group_presence: Vec<String>,
    /// Accepts Entra tokens for Web PubSub by audience and expiry alone, without
    /// checking their signature. Not for networks that others can reach.
    #[arg(long)]
    allow_unvalidated_entra_tokens: bool,
    /// Makes the Web PubSub resource one for Socket.IO, which generates tokens
    /// for Socket.IO clients on request.
    #[arg(long)]
    socket_io: bool,
    /// A TOML file with the same settings and the keys. Flags take precedence.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Flags {
    fn into_config(self) -> azwire_emulator::Result<Config> {
        let mut config = match &self.config {
            Some(file) => Config::from_file(file)?,
            None => Config::default(),
        };
        if let Some(port) = self.pubsub_port {
            config.pubsub.port = port;
        }
        if let Some(port) = self.relay_port {
            config.relay.port = port;
        }
        if let Some(port) = self.relay_plain_port {
            config.relay.plain_port = port;
        }
        if !self.hybrid_connections.is_empty() {
            config.relay.hybrid_connections = self.hybrid_connections;
        }
        let presence = GroupPresence::new(self.group_presence);
        let handlers = self.event_handlers.into_iter().map(|handler| {
            if presence.group_filters.is_empty() {
                handler
            } else {
                handler.with_group_presence_events(presence.clone())
            }
        });
        config.pubsub.event_handlers.extend(handlers);
        config.pubsub.allow_unvalidated_entra_tokens |= self.allow_unvalidated_entra_tokens;
        config.relay.allow_unvalidated_entra_tokens |= self.allow_unvalidated_entra_tokens;
        config.pubsub.socket_io |= self.socket_io;
        if self.certificates.is_some() {
            config.relay.certificates = self.certificates;
        }
        config
            .relay
            .certificate_names
            .extend(self.certificate_names);
        config.relay.auto_create |= self.auto_create;
        Ok(config)
    }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colour codes in a file are noise.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("azwire-emulator: {error}");
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn run(flags: Flags) -> azwire_emulator::Result<()> {
    let emulator = Emulator::builder()
        .config(flags.into_config()?)
        .start()
        .await?;
    // Installed before the ready line is printed, so that its reader may stop the process at once.
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let mut out = std::io::stdout().lock();
    // The parent process may not read standard output; that is no reason to exit.
    let _ = writeln!(out, "{}", emulator.ready_line()).and_then(|()| out.flush());
    drop(out);
    let waits = signals.into_iter().flatten().map(|mut signal| {
        Box::pin(async move {
            signal.recv().await;
        })
    });
    futures::future::select_all(waits).await;
    Ok(())
}
