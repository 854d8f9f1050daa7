//! `azwire relay serve`: an HTTP site of this machine or network through Relay.

use std::time::Duration;

use clap::Args;
use forward::{ForwardOptions, RemoteForwarder, ReverseProxy};
use futures::FutureExt as _;
use http::Uri;
use serde_json::json;

use super::limits::DrainOptions;
use super::metrics::MetricsOptions;
use super::namespace::Namespace;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::{duration, interrupt, network};

/// Serves an HTTP site through a hybrid connection, its WebSockets included.
///
/// Senders reach it at https://NAMESPACE/HYBRID-CONNECTION; it needs no public address. The service
/// waits 60 s for the start of each response. It goes on until it is stopped.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire relay serve --to http://localhost:8080 --hybrid-connection web
  azwire relay serve --to https://intranet.example/app --preserve-host")]
pub(super) struct Serve {
    /// The site, perhaps with a path that is put before those of the requests.
    #[arg(long, value_name = "URL")]
    to: Uri,
    /// Passes the sender's Host to the site instead of the site's own.
    #[arg(long)]
    preserve_host: bool,
    /// Believes X-Forwarded-For and the like of senders, which are proxies of one's own.
    #[arg(long)]
    trust_senders: bool,
    /// Believes whatever certificate the site has, for a development server on this machine.
    /// Otherwise --ca FILE trusts its certificate.
    #[arg(long)]
    insecure: bool,
    /// Keeps the path of the hybrid connection in that of each request.
    #[arg(long)]
    full_paths: bool,
    /// How long the site may take to begin a response; the service waits 60 s.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "55s")]
    response_timeout: Duration,
    /// How many WebSockets may be open at once; further senders get 503.
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    max_websockets: u32,
    #[command(flatten)]
    drain: DrainOptions,
    #[command(flatten)]
    metrics: MetricsOptions,
}

impl Serve {
    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let place = namespace.hybrid_connection(None)?;
        let address = place.to_string();
        let max_websockets = usize::try_from(self.max_websockets).unwrap_or(usize::MAX);
        let connector = match self.insecure {
            true => network::insecure_site_connector()?,
            false => namespace.site_connector(),
        };
        let proxy = ReverseProxy::with_connector(&self.to, connector)
            .map_err(|error| Failure::usage(format!("--to {}: {error}", self.to)))?
            .with_preserved_host(self.preserve_host)
            .with_trusted_senders(self.trust_senders)
            .with_full_paths(self.full_paths)
            .with_response_timeout(self.response_timeout)
            .with_max_websockets(max_websockets);
        if self.insecure {
            tracing::warn!(
                "--insecure: whoever answers at {} is believed to be the site",
                self.to
            );
        }
        // Registered before anyone learns that it listens.
        let mut stopped = interrupt::signals().fuse();
        let metrics = self.metrics.metrics();
        let server = self.metrics.serve(&metrics)?;
        let opening = RemoteForwarder::builder(namespace.listener(place)?)
            .site(proxy)
            .options(ForwardOptions::default().with_max_connections(max_websockets))
            .metrics(metrics)
            .open();
        let forwarder = futures::select! {
            _ = stopped => return Ok(()),
            opened = Box::pin(opening).fuse() => opened?,
        };
        let json = json!({ "type": "serving", "address": address, "to": self.to.to_string() });
        output.print(format_args!("serving {} at {address}", self.to), &json)?;
        if let Some(server) = &server {
            server.set_started(true);
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
