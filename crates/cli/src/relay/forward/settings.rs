//! What files, `-o` and flags say together. Pure.
//!
//! The order is azbridge's: the machine's file, the user's or that of `-f`, `-o`, flags. Later ones replace single
//! values; forwards accumulate.

use std::path::PathBuf;
use std::time::Duration;

use auth::Secret;
use forward::AddressFamily;
use forward::expression::{
    HttpBinding, HttpForward, LocalBinding, LocalForward, RelayName, RemoteBinding, RemoteForward,
};

use super::super::options::NamespaceSettings;
use super::file::{Document, LocalEntry, RemoteEntry, bind_host};

/// The settings of a bridge.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) namespace: NamespaceSettings,
    pub(super) address_family: AddressFamily,
    pub(super) bind_address: Option<String>,
    pub(super) gateway_ports: bool,
    pub(super) connection_attempts: u32,
    /// Zero means no limit.
    pub(super) connect_timeout: Option<Duration>,
    pub(super) keep_alive: Option<Duration>,
    pub(super) exit_on_forward_failure: bool,
    pub(super) log_level: Option<&'static str>,
    pub(super) log_file: Option<PathBuf>,
    pub(super) forwards: Vec<Forward>,
}

/// One forward, and where it is written.
#[derive(Debug)]
pub(super) struct Forward {
    pub(super) origin: String,
    /// Without it the hybrid connection of the connection string.
    pub(super) relay: Option<RelayName>,
    pub(super) connection_string: Option<Secret>,
    pub(super) is_anonymous: bool,
    pub(super) kind: ForwardKind,
}

#[derive(Debug)]
pub(super) enum ForwardKind {
    Local(Vec<LocalBinding>),
    Remote {
        bindings: Vec<RemoteBinding>,
        sites: Vec<HttpBinding>,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespace: NamespaceSettings::default(),
            address_family: AddressFamily::Any,
            bind_address: None,
            gateway_ports: false,
            connection_attempts: 1,
            connect_timeout: None,
            keep_alive: None,
            // azbridge's default, other than its documentation says.
            exit_on_forward_failure: true,
            log_level: None,
            log_file: None,
            forwards: Vec::new(),
        }
    }
}

impl Settings {
    /// Adds what a file or an option says, which is called `origin`.
    pub(super) fn add(&mut self, origin: &str, document: Document) {
        fn set<T>(own: &mut T, other: Option<T>) {
            if let Some(other) = other {
                *own = other;
            }
        }
        fn set_some<T>(own: &mut Option<T>, other: Option<T>) {
            if other.is_some() {
                *own = other;
            }
        }
        if document.clear_all_forwardings == Some(true) {
            self.forwards.clear();
        }
        let namespace = &mut self.namespace;
        set_some(
            &mut namespace.connection_string,
            document.azure_relay_connection_string,
        );
        set_some(&mut namespace.endpoint, document.azure_relay_endpoint);
        set_some(
            &mut namespace.key_name,
            document.azure_relay_shared_access_key_name,
        );
        set_some(&mut namespace.key, document.azure_relay_shared_access_key);
        set_some(
            &mut namespace.signature,
            document.azure_relay_shared_access_signature,
        );
        let family = document.address_family.map(|family| family.0);
        set(&mut self.address_family, family);
        set_some(&mut self.bind_address, document.bind_address);
        set(&mut self.gateway_ports, document.gateway_ports);
        set(&mut self.connection_attempts, document.connection_attempts);
        set_some(
            &mut self.connect_timeout,
            document.connect_timeout.map(Duration::from_secs),
        );
        set_some(
            &mut self.keep_alive,
            document.keep_alive_interval.map(Duration::from_secs),
        );
        set(
            &mut self.exit_on_forward_failure,
            document.exit_on_forward_failure,
        );
        set_some(&mut self.log_level, document.log_level.map(|level| level.0));
        set_some(
            &mut self.log_file,
            document.log_file_name.map(PathBuf::from),
        );
        for (at, entry) in document.local_forward.into_iter().enumerate() {
            let LocalEntry {
                relay,
                connection_string,
                is_anonymous,
                bindings,
            } = entry;
            self.forwards.push(Forward {
                origin: format!("{origin}: LocalForward {}", at + 1),
                relay,
                connection_string,
                is_anonymous,
                kind: ForwardKind::Local(bindings),
            });
        }
        for (at, entry) in document.remote_forward.into_iter().enumerate() {
            let RemoteEntry {
                relay,
                connection_string,
                bindings,
                sites,
            } = entry;
            self.forwards.push(Forward {
                origin: format!("{origin}: RemoteForward {}", at + 1),
                relay,
                connection_string,
                is_anonymous: false,
                kind: ForwardKind::Remote { bindings, sites },
            });
        }
    }

    /// Adds an expression after `-L`.
    pub(super) fn add_local(&mut self, forward: &LocalForward) {
        let kind = ForwardKind::Local(forward.bindings().to_vec());
        self.add_expression(format!("-L {forward}"), forward.relay(), kind);
    }

    /// Adds an expression after `-T` or `-R`.
    pub(super) fn add_remote(&mut self, forward: &RemoteForward) {
        let kind = ForwardKind::Remote {
            bindings: forward.bindings().to_vec(),
            sites: Vec::new(),
        };
        self.add_expression(format!("-T {forward}"), forward.relay(), kind);
    }

    /// Adds an expression after `-H`.
    pub(super) fn add_http(&mut self, forward: &HttpForward) {
        let kind = ForwardKind::Remote {
            bindings: Vec::new(),
            sites: forward.bindings().to_vec(),
        };
        self.add_expression(format!("-H {forward}"), forward.relay(), kind);
    }

    fn add_expression(&mut self, origin: String, relay: &RelayName, kind: ForwardKind) {
        self.forwards.push(Forward {
            origin,
            relay: Some(relay.clone()),
            connection_string: None,
            is_anonymous: false,
            kind,
        });
    }

    /// Returns the interface of ports that name none, for a forwarder.
    pub(super) fn bind_host(&self) -> &str {
        match &self.bind_address {
            Some(address) => bind_host(address),
            None if self.gateway_ports => "*",
            None => "localhost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(text).unwrap()
    }

    fn origins(settings: &Settings) -> Vec<&str> {
        let forwards = settings.forwards.iter();
        forwards.map(|forward| forward.origin.as_str()).collect()
    }

    #[test]
    fn later_values_replace_earlier_ones_and_forwards_accumulate() {
        let mut settings = Settings::default();
        settings.add(
            "machine.yml",
            document(
                "AddressFamily: inet\nConnectTimeout: 5\nAzureRelayEndpoint: sb://one\nGatewayPorts: yes\n\
                 LocalForward:\n- RelayName: a1\n  BindPort: 80\n",
            ),
        );
        assert_eq!(settings.bind_host(), "*");
        settings.add(
            "user.yml",
            document(
                "ConnectTimeout: 7\nBindAddress: anyv6\nAzureRelaySharedAccessKey: a2V5\nExitOnForwardFailure: no\n\
                 RemoteForward:\n- RelayName: a1\n  HostPort: 80\n- RelayName: a2\n  HostPort: 80\n",
            ),
        );
        settings.add("-o", Document::parse_option("LogLevel:verbose").unwrap());
        settings.add_local(&"81:a3".parse().unwrap());
        settings.add_http(&"a4:http/h".parse().unwrap());
        assert_eq!(settings.address_family, AddressFamily::Inet);
        assert_eq!(settings.connect_timeout, Some(Duration::from_secs(7)));
        assert_eq!(settings.namespace.endpoint.as_deref(), Some("sb://one"));
        assert!(settings.namespace.key.is_some());
        assert!(!settings.exit_on_forward_failure);
        assert_eq!(settings.log_level, Some("debug"));
        assert_eq!(settings.bind_host(), "::");
        assert_eq!(
            origins(&settings),
            [
                "machine.yml: LocalForward 1",
                "user.yml: RemoteForward 1",
                "user.yml: RemoteForward 2",
                "-L 81:a3",
                "-H a4:http/h",
            ]
        );
    }

    #[test]
    fn forwards_of_the_layers_before_are_cleared_on_request() {
        let mut settings = Settings::default();
        let one = "LocalForward:\n- RelayName: a1\n  BindPort: 80\n";
        settings.add("one.yml", document(one));
        settings.add(
            "two.yml",
            document(&format!("ClearAllForwardings: yes\n{one}")),
        );
        assert_eq!(origins(&settings), ["two.yml: LocalForward 1"]);
        settings.add(
            "-o",
            Document::parse_option("ClearAllForwardings:yes").unwrap(),
        );
        settings.add_remote(&"a1:80".parse().unwrap());
        assert_eq!(origins(&settings), ["-T a1:localhost:80"]);
    }

    #[test]
    fn ports_are_bound_to_this_machine_by_default() {
        assert_eq!(Settings::default().bind_host(), "localhost");
    }
}
