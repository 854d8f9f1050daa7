//! Sockets of this machine: names to addresses, options of TCP. Shell.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::options::AddressFamily;

/// Returns the addresses of `host`, which may be one itself.
pub(crate) async fn resolve(host: &str, family: AddressFamily) -> io::Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![address]);
    }
    let found = tokio::net::lookup_host((host, 0)).await?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|address| address.ip()) {
        if family.has(address) && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Sets what both ends of a pair need: no delay of small writes, and keep-alives that notice a peer that is gone.
pub(crate) fn set_tcp_options(stream: &TcpStream, keep_alive: Duration) {
    // A connection that is gone already shows at its first read.
    let _ = stream.set_nodelay(true);
    if !keep_alive.is_zero() {
        let times = TcpKeepalive::new()
            .with_time(keep_alive)
            .with_interval(keep_alive);
        let _ = SockRef::from(stream).set_tcp_keepalive(&times);
    }
}

/// Returns an unspecified address of the same family, to bind a socket that is connected to `target`.
pub(crate) fn any_address_for(target: SocketAddr) -> SocketAddr {
    match target {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    }
}
