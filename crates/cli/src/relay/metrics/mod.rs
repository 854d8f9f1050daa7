//! `--metrics`: counters for Prometheus, and whether the process lives and works.

mod families;
mod server;

use std::net::SocketAddr;

use clap::Args;
use forward::Metrics;

pub(super) use self::server::MetricsServer;

use crate::failure::Result;

/// Where the metrics are.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub(super) struct MetricsOptions {
    /// Serves counters for Prometheus at http://ADDRESS/metrics, and /healthz and
    /// /readyz beside it [default: AZTUNNEL_METRICS_ADDR]. A port alone, or a colon
    /// before it, is one of this machine only.
    #[arg(long = "metrics", alias = "metrics-addr", value_name = "ADDRESS", value_parser = parse_address)]
    address: Option<SocketAddr>,
    /// How many targets have counters of their own; further ones share them as `other`.
    #[arg(
        long = "metrics-max-targets",
        value_name = "COUNT",
        default_value_t = Metrics::DEFAULT_MAX_TARGETS
    )]
    max_targets: usize,
}

impl MetricsOptions {
    /// Returns counters for forwarders.
    pub(super) fn metrics(&self) -> Metrics {
        Metrics::with_max_targets(self.max_targets)
    }

    /// Starts the server, if one is asked for.
    pub(super) fn serve(&self, metrics: &Metrics) -> Result<Option<MetricsServer>> {
        let address = match self.address {
            Some(address) => Some(address),
            None => match crate::variables::first(&[VARIABLE], crate::variables::text) {
                Some((name, text)) => Some(parse_address(&text).map_err(|reason| {
                    crate::failure::Failure::usage(format!("{name} {text:?}: {reason}"))
                })?),
                None => None,
            },
        };
        address
            .map(|address| MetricsServer::start(address, metrics.clone()))
            .transpose()
    }
}

/// Reads `127.0.0.1:9090`, `[::1]:9090`, `localhost:9090`, `:9090` or `9090`.
fn parse_address(text: &str) -> std::result::Result<SocketAddr, String> {
    let port = text
        .strip_prefix("localhost:")
        .or_else(|| text.strip_prefix(':'))
        .unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(([127, 0, 0, 1], port).into());
    }
    text.parse()
        .map_err(|_| "expected an IP address and a port, such as 127.0.0.1:9090".to_owned())
}

const VARIABLE: &str = "AZTUNNEL_METRICS_ADDR";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_port() {
        for (text, expected) in [
            ("9090", "127.0.0.1:9090"),
            (":9090", "127.0.0.1:9090"),
            ("localhost:9090", "127.0.0.1:9090"),
            ("0.0.0.0:9090", "0.0.0.0:9090"),
            ("[::1]:0", "[::1]:0"),
        ] {
            assert_eq!(parse_address(text).unwrap().to_string(), expected);
        }
        for text in ["", "x", "9090:", "70000", "example.com:80"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }
}
