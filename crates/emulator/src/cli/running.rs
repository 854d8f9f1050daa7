//! What an emulator says of itself that runs already, for the commands that ask one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::{Request, StatusCode};
use transport::net::{Connector, HyperClient};
use transport::{Body, ErrorKind, HttpClient as _, SharedRuntime};

use crate::config::Config;
use crate::{Error, Result};

/// Returns the address of the admin API, as an emulator with these settings has it.
pub(super) fn address(config: &Config) -> Result<SocketAddr> {
    let (port, flag) = match config.pubsub.enabled {
        true => (config.pubsub.port, "--pubsub-port"),
        false => (config.relay.plain_port, "--relay-plain-port"),
    };
    if port == 0 {
        let text = format!("a running emulator is asked at its port: give {flag}");
        return Err(Error::message(text));
    }
    let own = config.hosts.iter().find(|host| !host.is_unspecified());
    // Every address of a family includes its loopback.
    let host = own.or_else(|| config.hosts.first()).copied();
    let host = match host {
        Some(IpAddr::V6(host)) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        Some(host) if !host.is_unspecified() => host,
        _ => Ipv4Addr::LOCALHOST.into(),
    };
    Ok(SocketAddr::new(host, port))
}

/// Asks the emulator for a document of its admin API; waits for one that is still starting.
pub(super) async fn ask(address: SocketAddr, name: &str, starting: Duration) -> Result<String> {
    let failed = |error: transport::Error| {
        let text = format!("no emulator answers at {address}: {error}");
        Error::new(text, error)
    };
    let client = HyperClient::new(Connector::builder().allow_plain_text().build());
    let runtime = SharedRuntime::default();
    let latest = runtime.after(starting);
    let response = loop {
        let request = Request::get(format!("http://{address}/_emulator/{name}"));
        let request = request
            .body(Body::empty())
            .map_err(|error| Error::new(format!("{address}: {error}"), error))?;
        match client.send(request).await {
            Ok(response) => break response,
            Err(error) if error.kind() == ErrorKind::Connect && runtime.now() < latest => {
                runtime.sleep_until(runtime.after(AGAIN)).await;
            }
            Err(error) => return Err(failed(error)),
        }
    };
    let status = response.status();
    let body = response
        .into_body()
        .collect(MAX_DOCUMENT)
        .await
        .map_err(failed)?;
    let text = String::from_utf8_lossy(&body).into_owned();
    if status == StatusCode::OK {
        return Ok(text);
    }
    let document: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let why = document
        .as_ref()
        .and_then(|document| document["error"].as_str());
    Err(Error::message(match why {
        Some(why) => format!("the emulator at {address} refuses: {why}"),
        None => format!("what answers at {address} is no emulator: its status is {status}"),
    }))
}

/// A ready line is a few kilobytes.
const MAX_DOCUMENT: usize = 1 << 20;
/// How often one that is still starting is asked.
const AGAIN: Duration = Duration::from_millis(50);
