//! `LocalForward`.

use auth::Secret;
use forward::expression::{LocalBinding, PortName, RelayName};
use serde::Deserialize;

use super::value::{
    BOTH_BINDINGS, Port, bind_host, connection_string, list, port_name, relay_name, text,
};

/// An entry of `LocalForward`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "LocalEntryText")]
pub(in crate::relay::forward) struct LocalEntry {
    /// Without it the hybrid connection of the connection string.
    pub(in crate::relay::forward) relay: Option<RelayName>,
    pub(in crate::relay::forward) connection_string: Option<Secret>,
    pub(in crate::relay::forward) is_anonymous: bool,
    pub(in crate::relay::forward) bindings: Vec<LocalBinding>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
struct LocalEntryText {
    #[serde(deserialize_with = "relay_name")]
    relay_name: Option<RelayName>,
    #[serde(deserialize_with = "connection_string")]
    connection_string: Option<Secret>,
    no_authentication: Option<bool>,
    #[serde(deserialize_with = "text")]
    bind_address: Option<String>,
    bind_port: Option<Port>,
    #[serde(deserialize_with = "port_name")]
    port_name: Option<PortName>,
    #[serde(deserialize_with = "text")]
    bind_local_socket: Option<String>,
    #[serde(deserialize_with = "text")]
    host_name: Option<String>,
    #[serde(deserialize_with = "list")]
    bindings: Vec<LocalBindingEntry>,
}

/// An entry of `Bindings` in `LocalForward`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "LocalBindingText")]
struct LocalBindingEntry(LocalBinding);

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
struct LocalBindingText {
    #[serde(deserialize_with = "text")]
    bind_address: Option<String>,
    bind_port: Option<Port>,
    #[serde(deserialize_with = "port_name")]
    port_name: Option<PortName>,
    #[serde(deserialize_with = "text")]
    bind_local_socket: Option<String>,
    // A note for people: azbridge wrote it into the file of hosts.
    #[serde(deserialize_with = "text", rename = "HostName")]
    _host_name: Option<String>,
}

impl TryFrom<LocalEntryText> for LocalEntry {
    type Error = String;

    fn try_from(entry: LocalEntryText) -> Result<Self, String> {
        let inline = LocalBindingText {
            bind_address: entry.bind_address,
            bind_port: entry.bind_port,
            port_name: entry.port_name,
            bind_local_socket: entry.bind_local_socket,
            _host_name: entry.host_name,
        };
        let is_inline = inline.bind_address.is_some()
            || inline.bind_port.is_some()
            || inline.port_name.is_some()
            || inline.bind_local_socket.is_some();
        let bindings = match (is_inline, entry.bindings.is_empty()) {
            (true, false) => return Err(BOTH_BINDINGS.to_owned()),
            (_, true) => vec![LocalBindingEntry::try_from(inline)?.0],
            (false, false) => entry.bindings.into_iter().map(|entry| entry.0).collect(),
        };
        Ok(Self {
            relay: entry.relay_name,
            connection_string: entry.connection_string,
            is_anonymous: entry.no_authentication.unwrap_or(false),
            bindings,
        })
    }
}

impl TryFrom<LocalBindingText> for LocalBindingEntry {
    type Error = String;

    fn try_from(text: LocalBindingText) -> Result<Self, String> {
        let binding = match (text.bind_port, text.bind_local_socket) {
            (
                Some(Port {
                    number,
                    is_udp: false,
                }),
                None,
            ) => LocalBinding::tcp(number),
            (
                Some(Port {
                    number,
                    is_udp: true,
                }),
                None,
            ) => LocalBinding::udp(number),
            (None, Some(_)) if text.bind_address.is_some() => {
                return Err("BindLocalSocket has no BindAddress".to_owned());
            }
            (None, Some(path)) => LocalBinding::socket(path),
            (Some(_), Some(_)) => {
                return Err("BindPort and BindLocalSocket exclude each other".to_owned());
            }
            (None, None) => return Err("expected BindPort or BindLocalSocket".to_owned()),
        };
        let binding = match text.bind_address.as_deref().map(bind_host) {
            Some(host) => binding
                .with_host(host)
                .map_err(|error| format!("BindAddress: {error}"))?,
            None => binding,
        };
        Ok(Self(match text.port_name {
            Some(name) => binding.with_port_name(name),
            None => binding,
        }))
    }
}
