//! One local port or socket whose connections go to a destination, until the program is stopped.

use clap::Args;
use forward::expression::{LocalBinding, LocalForward};
use forward::{Destination, LocalForwarder};
use serde_json::json;

use super::limits::{DrainOptions, LimitOptions};
use super::metrics::MetricsOptions;
use super::namespace::Namespace;
use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::output::Output;

/// How a local port is served.
#[derive(Args, Clone, Debug)]
pub(super) struct SendingOptions {
    #[command(flatten)]
    pub(super) limits: LimitOptions,
    #[command(flatten)]
    drain: DrainOptions,
    #[command(flatten)]
    metrics: MetricsOptions,
}

impl SendingOptions {
    /// Serves it until the program is stopped.
    pub(super) async fn serve(
        &self,
        namespace: &Namespace,
        binding: LocalBinding,
        destination: Destination,
        output: Output,
    ) -> Result<()> {
        // Registered before anyone learns that it is bound.
        let stopped = interrupt::signals();
        let metrics = self.metrics.metrics();
        let server = self.metrics.serve(&metrics)?;
        let sender = namespace.sender(namespace.hybrid_connection(None)?)?;
        let forwarder = LocalForwarder::builder(sender.build()?)
            .options(self.limits.options())
            .metrics(metrics)
            .open()
            .await?;
        let shown = binding.to_string();
        forwarder
            .bind_to(binding, destination.clone())
            .await
            .map_err(|error| match error.kind() {
                // It names the place itself.
                forward::ErrorKind::Bind => Failure::from(error),
                _ => Failure::from(error).while_doing(&shown),
            })?;
        let addresses = forwarder.local_addrs();
        for address in &addresses {
            let json = json!({
                "type": "bound",
                "address": address.to_string(),
                "destination": destination.to_string(),
            });
            output.print(
                format_args!("listening on {address} for {destination}"),
                &json,
            )?;
        }
        if addresses.is_empty() {
            let json = json!({ "type": "bound", "socket": shown });
            output.print(
                format_args!("listening on {shown} for {destination}"),
                &json,
            )?;
        }
        if let Some(server) = &server {
            server.set_started(true);
            server.announce(output)?;
        }
        let stop = stopped.await;
        if let Some(server) = &server {
            server.set_started(false);
        }
        self.drain
            .drain(stop, |limit| forwarder.shutdown(limit))
            .await;
        Ok(())
    }
}

/// Reads `[host:]port` or a socket, as before the relay in an expression.
pub(super) fn parse_binding(text: &str) -> std::result::Result<LocalBinding, String> {
    let expression: LocalForward = format!("{text}:{ANY}")
        .parse()
        .map_err(|error: forward::expression::ExpressionError| error.to_string())?;
    match expression.bindings() {
        [binding] => Ok(binding.clone()),
        _ => Err("expected one port or socket".to_owned()),
    }
}

/// A name for the hybrid connection, which an expression has and this does not need.
const ANY: &str = "x";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_a_port_or_a_socket() {
        for (text, expected) in [
            ("1080", "1080"),
            ("127.0.0.1:1080", "127.0.0.1:1080"),
            ("*:1080", "*:1080"),
            ("[::1]:0", "[::1]:0"),
            ("/run/x.sock", "/run/x.sock"),
        ] {
            assert_eq!(parse_binding(text).unwrap().to_string(), expected);
        }
        for (text, expected) in [
            ("", "column 1: expected a port"),
            ("::1:80", "brackets"),
            ("80;81", "one port or socket"),
            ("example.com", "column 1"),
        ] {
            let reason = parse_binding(text).unwrap_err();
            assert!(reason.contains(expected), "{text}: {reason}");
        }
    }
}
