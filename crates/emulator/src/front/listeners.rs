//! The sockets that the emulator listens on. Shell.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

use super::names::Names;
use crate::{Error, Result};

/// What a port is for, as errors name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    name: &'static str,
    /// The flag that sets the port.
    flag: &'static str,
}

#[cfg(feature = "pubsub")]
pub(crate) const PUBSUB: Role = Role {
    name: "Web PubSub",
    flag: "--pubsub-port",
};
#[cfg(feature = "relay")]
pub(crate) const RELAY: Role = Role {
    name: "Relay",
    flag: "--relay-port",
};
#[cfg(feature = "relay")]
pub(crate) const RELAY_PLAIN: Role = Role {
    name: "Relay in plain text",
    flag: "--relay-plain-port",
};

pub(crate) const IDENTITY: Role = Role {
    name: "The identity side",
    flag: "--identity-port",
};

/// Listens on a port at each of the emulator's addresses. Port 0 stands for one that is free at
/// all of them.
pub(super) fn listen(names: &Names, role: &Role, port: u16) -> Result<Vec<TcpListener>> {
    let mut attempts = 1;
    loop {
        match listen_once(names.hosts(), port) {
            Ok(listeners) => return Ok(listeners),
            // Free at the first address, but not at another.
            Err((_, error))
                if port == 0
                    && error.kind() == io::ErrorKind::AddrInUse
                    && attempts < MAX_ATTEMPTS =>
            {
                attempts += 1;
            }
            Err((address, error)) => return Err(failed(role, address, error)),
        }
    }
}

/// Warns if other machines can reach the emulator.
pub(crate) fn warn_of_strangers(names: &Names) {
    if names.is_beyond_loopback() {
        let hosts: Vec<String> = names.hosts().iter().map(IpAddr::to_string).collect();
        let hosts = hosts.join(", ");
        tracing::warn!(
            hosts,
            "LISTENING BEYOND LOOPBACK: whoever can reach these addresses can use the emulator; its default keys are public, and its admin API needs none"
        );
    }
}

pub(super) fn cannot_listen(role: &Role, port: u16, error: transport::Error) -> Error {
    Error::new(
        format!("{} cannot listen on port {port}: {error}", role.name),
        error,
    )
}

fn listen_once(
    hosts: &[IpAddr],
    port: u16,
) -> std::result::Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    const LOOPBACK: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let is_default = hosts.is_empty();
    let hosts = if is_default { &LOOPBACK } else { hosts };
    let mut port = port;
    let mut listeners = Vec::with_capacity(hosts.len());
    for host in hosts {
        let address = SocketAddr::new(*host, port);
        match bind(address) {
            Ok(listener) => {
                port = listener
                    .local_addr()
                    .map_err(|error| (address, error))?
                    .port();
                listeners.push(listener);
            }
            // A machine without IPv6: `localhost` does not lead there either.
            Err(error)
                if is_default && host.is_ipv6() && error.kind() != io::ErrorKind::AddrInUse => {}
            Err(error) => return Err((address, error)),
        }
    }
    Ok(listeners)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        // On some systems `::` would take the port of `0.0.0.0`, too.
        socket.set_only_v6(true)?;
    }
    // On Unix this lets the emulator reuse its port while old connections linger;
    // on Windows the same option would let two emulators share it.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn failed(role: &Role, address: SocketAddr, error: io::Error) -> Error {
    let Role { name, flag } = role;
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => {
            format!("; {flag} sets another port")
        }
        io::ErrorKind::AddrNotAvailable => "; --host takes addresses of this machine".to_owned(),
        _ => String::new(),
    };
    Error::new(
        format!("{name} cannot listen on {address}: {error}{advice}"),
        error,
    )
}

/// The number of connections waiting to be accepted; Linux caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// How many free ports are tried.
const MAX_ATTEMPTS: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: Role = Role {
        name: "Side",
        flag: "--side-port",
    };

    fn names(hosts: &[&str]) -> Names {
        let config = crate::Config {
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            ..crate::Config::default()
        };
        Names::of(&config).unwrap()
    }

    #[test]
    fn all_addresses_have_the_same_free_port() {
        let addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
        let listeners = listen(&names(&addresses), &ROLE, 0).unwrap();
        let found: Vec<SocketAddr> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap())
            .collect();
        assert_ne!(found[0].port(), 0);
        for (found, address) in found.iter().zip(addresses) {
            assert_eq!(found.ip().to_string(), address);
            assert_eq!(found.port(), listeners[0].local_addr().unwrap().port());
        }
    }

    #[test]
    fn both_families_may_listen_on_everything() {
        let listeners = listen(&names(&["0.0.0.0"]), &ROLE, 0).unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        // Where there is no IPv6, there is nothing to collide with.
        if let Err(error) = listen(&names(&["::"]), &ROLE, port) {
            assert!(!error.to_string().contains("--side-port"), "{error}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_used_is_named_with_its_flag() {
        let taken = listen(&names(&["127.0.0.1"]), &ROLE, 0).unwrap();
        let taken = taken[0].local_addr().unwrap();
        // An address for documentation (RFC 5737).
        for (hosts, port, named) in [
            (&[][..], taken.port(), [&*taken.to_string(), "--side-port"]),
            (&["192.0.2.1"], 0, ["192.0.2.1:0", "--host"]),
        ] {
            let error = listen(&names(hosts), &ROLE, port).unwrap_err().to_string();
            assert!(error.starts_with("Side cannot listen on "), "{error}");
            assert!(named.iter().all(|named| error.contains(named)), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
