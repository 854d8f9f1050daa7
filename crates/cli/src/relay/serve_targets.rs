//! `azwire relay serve-targets`: what `aztunnel relay-listener` does.

use clap::Args;
use forward::{AllowList, RemoteForwarder};
use futures::FutureExt as _;
use serde_json::json;

use super::limits::{DrainOptions, LimitOptions};
use super::metrics::MetricsOptions;
use super::namespace::Namespace;
use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::output::Output;

/// Connects senders to the targets that they name, if these are allowed.
///
/// The senders are `azwire relay connect`, `azwire relay socks5`, or aztunnel. It goes on until it is
/// stopped; Ctrl-C and SIGTERM, on Windows Ctrl-Break, wait for open connections, a second one does not.
#[derive(Args, Debug)]
#[command(after_help = "\
What may be allowed, separated by commas or in several --allow:
  db.internal:5432       one port of a host of this name
  db.internal:8000-8099  a range of ports; without a port, or with *, all
  10.1.2.3:22            an address
  10.0.0.0/8:443         a block of addresses, and names as far as they resolve to it
  *:443, *               any host; everything

Examples:
  azwire relay serve-targets --hybrid-connection hc1 --allow localhost:22
  azwire relay serve-targets --allow 10.0.0.0/8:22,db.internal:5432 --metrics 9090")]
pub(super) struct ServeTargets {
    /// The targets that senders may reach, in the forms below; nothing else is dialled.
    #[arg(long, value_name = "RULES", required = true)]
    allow: Vec<AllowList>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    drain: DrainOptions,
    #[command(flatten)]
    metrics: MetricsOptions,
}

impl ServeTargets {
    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let allowed: AllowList = self
            .allow
            .iter()
            .flat_map(|list| list.rules().iter().cloned())
            .collect();
        if allowed.is_empty() {
            return Err(Failure::usage("--allow: expected at least one rule"));
        }
        if allowed.rules().contains(&forward::AllowRule::everything()) {
            tracing::warn!(
                "senders may reach every target that this machine reaches, itself included"
            );
        }
        let place = namespace.hybrid_connection(None)?;
        let address = place.to_string();
        // Registered before anyone learns that it listens.
        let mut stopped = interrupt::signals().fuse();
        let metrics = self.metrics.metrics();
        let server = self.metrics.serve(&metrics)?;
        let opening = RemoteForwarder::builder(namespace.listener(place)?)
            .allow(allowed.clone())
            .options(self.limits.options())
            .metrics(metrics)
            .open();
        let forwarder = futures::select! {
            _ = stopped => return Ok(()),
            opened = Box::pin(opening).fuse() => opened?,
        };
        if let Some(server) = &server {
            server.set_started(true);
        }
        let rules: Vec<_> = allowed.rules().iter().map(ToString::to_string).collect();
        let json = json!({ "type": "listening", "address": address, "allowed": rules });
        output.print(format_args!("listening on {address} for {allowed}"), &json)?;
        if let Some(server) = &server {
            server.announce(output)?;
        }
        let stop = futures::select! {
            stop = stopped => stop,
            error = Box::pin(forwarder.closed()).fuse() => return Err(error.into()),
        };
        if let Some(server) = &server {
            server.set_started(false);
        }
        self.drain
            .drain(stop, |limit| forwarder.shutdown(limit))
            .await;
        Ok(())
    }
}
