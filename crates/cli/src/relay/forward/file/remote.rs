//! `RemoteForward`.

use auth::Secret;
use forward::HostPort;
use forward::expression::{HttpBinding, HttpScheme, PortName, RelayName, RemoteBinding};
use serde::Deserialize;

use super::value::{BOTH_BINDINGS, Port, connection_string, list, port_name, relay_name, text};

/// An entry of `RemoteForward`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RemoteEntryText")]
pub(in crate::relay::forward) struct RemoteEntry {
    /// Without it the hybrid connection of the connection string.
    pub(in crate::relay::forward) relay: Option<RelayName>,
    pub(in crate::relay::forward) connection_string: Option<Secret>,
    pub(in crate::relay::forward) bindings: Vec<RemoteBinding>,
    pub(in crate::relay::forward) sites: Vec<HttpBinding>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
struct RemoteEntryText {
    #[serde(deserialize_with = "relay_name")]
    relay_name: Option<RelayName>,
    #[serde(deserialize_with = "connection_string")]
    connection_string: Option<Secret>,
    #[serde(deserialize_with = "text")]
    host: Option<String>,
    host_port: Option<Port>,
    #[serde(deserialize_with = "port_name")]
    port_name: Option<PortName>,
    #[serde(deserialize_with = "text")]
    local_socket: Option<String>,
    http: Option<bool>,
    insecure: Option<bool>,
    #[serde(deserialize_with = "text")]
    path: Option<String>,
    #[serde(deserialize_with = "list")]
    bindings: Vec<RemoteBindingEntry>,
}

/// An entry of `Bindings` in `RemoteForward`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RemoteBindingText")]
enum RemoteBindingEntry {
    Port(RemoteBinding),
    Site(HttpBinding),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
struct RemoteBindingText {
    #[serde(deserialize_with = "text")]
    host: Option<String>,
    host_port: Option<Port>,
    #[serde(deserialize_with = "port_name")]
    port_name: Option<PortName>,
    #[serde(deserialize_with = "text")]
    local_socket: Option<String>,
    http: Option<bool>,
    insecure: Option<bool>,
    #[serde(deserialize_with = "text")]
    path: Option<String>,
}

impl TryFrom<RemoteEntryText> for RemoteEntry {
    type Error = String;

    fn try_from(entry: RemoteEntryText) -> Result<Self, String> {
        let is_inline = entry.host.is_some()
            || entry.host_port.is_some()
            || entry.port_name.is_some()
            || entry.local_socket.is_some()
            || entry.path.is_some();
        let all = match (is_inline, entry.bindings.is_empty()) {
            (true, false) => return Err(BOTH_BINDINGS.to_owned()),
            (false, false) => entry.bindings,
            (_, true) => vec![RemoteBindingEntry::try_from(RemoteBindingText {
                host: entry.host,
                host_port: entry.host_port,
                port_name: entry.port_name,
                local_socket: entry.local_socket,
                http: entry.http,
                insecure: entry.insecure,
                path: entry.path,
            })?],
        };
        let (mut bindings, mut sites) = (Vec::new(), Vec::new());
        for binding in all {
            match binding {
                RemoteBindingEntry::Port(binding) => bindings.push(binding),
                RemoteBindingEntry::Site(site) => sites.push(site),
            }
        }
        Ok(Self {
            relay: entry.relay_name,
            connection_string: entry.connection_string,
            bindings,
            sites,
        })
    }
}

impl TryFrom<RemoteBindingText> for RemoteBindingEntry {
    type Error = String;

    fn try_from(text: RemoteBindingText) -> Result<Self, String> {
        if text.http == Some(true) {
            return site(text).map(Self::Site);
        }
        if text.path.is_some() {
            return Err("Path needs Http: true".to_owned());
        }
        let host = text.host.as_deref().unwrap_or(LOCALHOST);
        let target = |number| HostPort::new(host, number).map_err(|error| format!("Host: {error}"));
        let binding = match (text.host_port, text.local_socket) {
            (Some(Port { number: 0, .. }), _) => {
                return Err("HostPort: expected a port from 1".to_owned());
            }
            (
                Some(Port {
                    number,
                    is_udp: false,
                }),
                None,
            ) => RemoteBinding::tcp(target(number)?),
            (
                Some(Port {
                    number,
                    is_udp: true,
                }),
                None,
            ) => RemoteBinding::udp(target(number)?),
            (None, Some(_)) if text.host.is_some() => {
                return Err("LocalSocket has no Host".to_owned());
            }
            (None, Some(path)) => RemoteBinding::socket(path),
            (Some(_), Some(_)) => {
                return Err("HostPort and LocalSocket exclude each other".to_owned());
            }
            (None, None) => return Err("expected HostPort or LocalSocket".to_owned()),
        };
        Ok(Self::Port(match text.port_name {
            Some(name) => binding.with_port_name(name),
            None => binding,
        }))
    }
}

/// Reads a binding with `Http: true`. Its port name is the scheme, as azbridge's `-H` has it.
fn site(text: RemoteBindingText) -> Result<HttpBinding, String> {
    let number = match text.host_port {
        None => None,
        Some(Port {
            number: number @ 1..,
            is_udp: false,
        }) => Some(number),
        Some(_) => return Err("HostPort: expected a port of TCP from 1".to_owned()),
    };
    let scheme = match text.port_name.as_ref().map(PortName::as_str) {
        Some("http") => HttpScheme::Http,
        Some("https") => HttpScheme::Https,
        Some(_) => return Err("PortName: expected http or https for a site".to_owned()),
        None if number == Some(443) => HttpScheme::Https,
        None => HttpScheme::Http,
    };
    if text.insecure == Some(true) && scheme == HttpScheme::Https {
        return Err(
            "Insecure: certificates are always verified; name that of the site with --ca FILE"
                .to_owned(),
        );
    }
    if text.local_socket.is_some() {
        return Err("a site has a Host and a HostPort, not a LocalSocket".to_owned());
    }
    let host = text.host.as_deref().unwrap_or(LOCALHOST);
    let target = HostPort::new(host, number.unwrap_or_else(|| scheme.default_port()))
        .map_err(|error| format!("Host: {error}"))?;
    HttpBinding::new(scheme, target)
        .with_path(text.path.as_deref().unwrap_or("/"))
        .map_err(|error| format!("Path: {error}"))
}

/// The host of a target that names none.
const LOCALHOST: &str = "localhost";
