//! How the network is reached: roots, proxies, times.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use forward::ReverseProxy;
use transport::net::{Connector, Proxy};
use transport::tls::{RootCertificates, TlsConnector};

use crate::failure::{Failure, Result};
use crate::{duration, input, secret, variables};

/// The way to the service, the same for every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkOptions {
    /// Trusts the certificates in a PEM file, in addition to those that the system
    /// trusts. May be repeated.
    #[arg(long = "ca", value_name = "FILE", global = true)]
    ca: Vec<PathBuf>,
    /// Goes through an HTTP proxy, such as http://proxy.example:3128 [default:
    /// that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions].
    #[arg(long, value_name = "URL", global = true)]
    proxy: Option<String>,
    /// Goes through no proxy, whatever the variables say.
    #[arg(long, global = true)]
    without_proxy: bool,
    /// How long a connection may take, TLS included [default: 30s].
    #[arg(long, value_name = "TIME", value_parser = duration::parse, global = true)]
    connect_timeout: Option<Duration>,
    /// Allows http:// and ws:// to hosts other than this machine: keys and tokens
    /// are then readable on the network.
    #[arg(long, global = true)]
    allow_plain_text: bool,
}

impl NetworkOptions {
    /// Returns the connector for everything that the command sends.
    pub(crate) fn connector(&self) -> Result<Connector> {
        let mut connector = Connector::builder()
            .tls(self.tls()?)
            .connect_timeout(self.connect_timeout.unwrap_or(CONNECT_TIMEOUT));
        if let Some(proxy) = self.used_proxy()? {
            connector = connector.proxy(proxy);
        }
        if self.allow_plain_text {
            connector = connector.allow_plain_text();
        }
        Ok(connector.build())
    }

    /// Returns the connector for a site of this machine or network: without a proxy, and in
    /// plain text too.
    pub(crate) fn site_connector(&self) -> Result<Connector> {
        Ok(site_connector(self.tls()?))
    }

    /// Sets how long a connection may take, unless the option does; zero means no limit.
    pub(crate) fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        let timeout = match timeout.is_zero() {
            true => Duration::MAX,
            false => timeout,
        };
        self.connect_timeout.get_or_insert(timeout);
        self
    }

    pub(crate) fn allows_plain_text(&self) -> bool {
        self.allow_plain_text
    }

    fn tls(&self) -> Result<TlsConnector> {
        if self.ca.is_empty() {
            return Ok(TlsConnector::default());
        }
        let mut roots = RootCertificates::platform();
        for path in &self.ca {
            let pem = input::read_file("--ca", path, MAX_PEM)?;
            roots = roots.with_pem(&pem).map_err(|error| {
                Failure::from(error).while_doing(format!("--ca {}", path.display()))
            })?;
        }
        Ok(TlsConnector::ring(roots)?)
    }

    fn used_proxy(&self) -> Result<Option<Proxy>> {
        let Some(url) = &self.proxy else {
            return match self.without_proxy {
                true => Ok(None),
                false => Ok(Proxy::from_process_environment()?),
            };
        };
        if self.without_proxy {
            let text = "--proxy and --without-proxy cannot be used together";
            return Err(Failure::usage(text));
        }
        if url.contains('@') {
            secret::warn("--proxy", "the variable https_proxy");
        }
        let proxy = Proxy::new(url).map_err(|error| Failure::from(error).while_doing("--proxy"))?;
        let exempt = ["no_proxy", "NO_PROXY"]
            .into_iter()
            .find_map(variables::text);
        Ok(Some(match exempt {
            Some(hosts) => proxy.with_no_proxy(&hosts),
            None => proxy,
        }))
    }
}

/// Returns a connector for a site that believes whatever certificate it has.
pub(crate) fn insecure_site_connector() -> Result<Connector> {
    let tls = TlsConnector::ring(RootCertificates::dangerous_any())?;
    Ok(site_connector(tls))
}

fn site_connector(tls: TlsConnector) -> Connector {
    Connector::builder()
        .tls(tls)
        .connect_timeout(ReverseProxy::DEFAULT_CONNECT_TIMEOUT)
        .allow_plain_text()
        .build()
}

/// Enough for a slow network, and short enough for a person who waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A bundle of every public authority has a quarter of a megabyte.
const MAX_PEM: usize = 16 << 20;
