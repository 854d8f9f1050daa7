//! The limits of forwarders, and of their end.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use forward::ForwardOptions;
use futures::FutureExt as _;

use crate::interrupt::Stop;
use crate::{duration, interrupt};

/// How much forwarders take at once, and how long they wait.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitOptions {
    /// How many connections may be open at once through one hybrid connection.
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// How many of them to one target or port name [default: all].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections_per_target: Option<u32>,
    /// How long a target may take to accept a connection, its name included.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "30s")]
    dial_timeout: Duration,
    /// After how long without data a connection is cut; 0 never.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "0")]
    idle_timeout: Duration,
    /// The interval of TCP's own keep-alives to clients and targets; 0 sends none.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "30s")]
    tcp_keepalive: Duration,
}

impl LimitOptions {
    /// Returns the options of a forwarder.
    pub(super) fn options(&self) -> ForwardOptions {
        let options = ForwardOptions::default()
            .with_max_connections(count(self.max_connections))
            .with_dial_timeout(self.dial_timeout)
            .with_idle_timeout(self.idle_timeout)
            .with_tcp_keep_alive(self.tcp_keepalive);
        match self.max_connections_per_target {
            Some(own) => options.with_max_connections_per_target(count(own)),
            None => options,
        }
    }
}

/// How many sources of datagrams a port takes at once, and how long it remembers them.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub(super) struct DatagramLimitOptions {
    /// After how long without a datagram a source of UDP is forgotten.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "4m")]
    udp_idle_timeout: Duration,
    /// How many sources of UDP one port may have at once.
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    max_udp_sources: u32,
}

impl DatagramLimitOptions {
    /// Adds these limits to those of a forwarder.
    pub(super) fn add_to(&self, options: ForwardOptions) -> ForwardOptions {
        options
            .with_udp_idle_timeout(self.udp_idle_timeout)
            .with_max_udp_sources(count(self.max_udp_sources))
    }
}

fn count(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// How long open connections may go on after the program was told to stop.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub(super) struct DrainOptions {
    /// How long open connections may go on after Ctrl-C or SIGTERM, on Windows Ctrl-Break;
    /// a second one cuts them.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "30s")]
    drain_timeout: Duration,
}

impl DrainOptions {
    /// Waits for a shutdown, which gets the limit and returns how many connections it cut, or
    /// for a second signal.
    pub(super) async fn drain<F: Future<Output = usize>>(
        &self,
        stop: Stop,
        shutdown: impl FnOnce(Duration) -> F,
    ) {
        let limit = stop.limit(self.drain_timeout);
        tracing::info!(?limit, "stopping: waiting for open connections");
        let mut again = interrupt::signals().fuse();
        let mut shutdown = pin!(shutdown(limit).fuse());
        futures::select! {
            cut = shutdown => match cut {
                0 => tracing::info!("stopped"),
                cut => tracing::warn!(cut, "stopped: connections were cut"),
            },
            _ = again => tracing::warn!("stopped: open connections are cut"),
        }
    }
}
