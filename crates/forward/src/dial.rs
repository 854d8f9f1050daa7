//! The listening side's connections to its targets. Shell.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use tokio::net::{TcpStream, UdpSocket};
use transport::_internal::before;
use transport::SharedRuntime;

use crate::allow::{NotAllowed, Permit};
use crate::envelope::{ConnectCode, ConnectFailure};
use crate::host_port::HostPort;
use crate::metrics::FailureReason;
use crate::net::{any_address_for, resolve, set_tcp_options};
use crate::options::{ForwardOptions, limit};

/// Dials targets within the limits of a forwarder.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    runtime: SharedRuntime,
    options: ForwardOptions,
}

impl Dialer {
    pub(crate) fn new(runtime: SharedRuntime, options: ForwardOptions) -> Self {
        Self { runtime, options }
    }

    /// Connects to `target`: to its addresses one after the other, until one accepts. With a permit, only to those that
    /// it allows.
    pub(crate) async fn tcp(
        &self,
        target: &HostPort,
        permit: Option<&Permit<'_>>,
    ) -> Result<TcpStream, DialError> {
        let deadline = self.deadline();
        let addresses = self.addresses(target, permit, deadline).await?;
        let mut last = DialError::NotFound;
        let count = addresses.len();
        for (at, address) in addresses.into_iter().enumerate() {
            // Each has its share of the time that is left, so that one that is silent does not take all.
            let left = deadline.saturating_duration_since(self.runtime.now());
            let share = u32::try_from(count - at).map_or(left, |rest| left / rest);
            let until = self.runtime.after(share);
            let connecting = TcpStream::connect(address);
            match before(&self.runtime, until, connecting).await {
                Some(Ok(stream)) => {
                    set_tcp_options(&stream, self.options.tcp_keep_alive);
                    return Ok(stream);
                }
                Some(Err(error)) => last = DialError::Connect(error),
                None => last = DialError::Timeout,
            }
        }
        Err(last)
    }

    /// Returns a socket that sends to `target` and receives from it only.
    pub(crate) async fn udp(&self, target: &HostPort) -> Result<UdpSocket, DialError> {
        let addresses = self.addresses(target, None, self.deadline()).await?;
        let mut last = DialError::NotFound;
        for address in addresses {
            let connected = async {
                let socket = UdpSocket::bind(any_address_for(address)).await?;
                socket.connect(address).await?;
                Ok(socket)
            };
            match connected.await {
                Ok(socket) => return Ok(socket),
                Err(error) => last = DialError::Connect(error),
            }
        }
        Err(last)
    }

    /// Connects to a Unix socket.
    #[cfg(unix)]
    pub(crate) async fn unix(
        &self,
        path: &std::path::Path,
    ) -> Result<tokio::net::UnixStream, DialError> {
        let connecting = tokio::net::UnixStream::connect(path);
        match before(&self.runtime, self.deadline(), connecting).await {
            Some(connected) => connected.map_err(DialError::Connect),
            None => Err(DialError::Timeout),
        }
    }

    fn deadline(&self) -> Instant {
        self.runtime.after(limit(self.options.dial_timeout))
    }

    async fn addresses(
        &self,
        target: &HostPort,
        permit: Option<&Permit<'_>>,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, DialError> {
        if let Some(address) = permit.and_then(Permit::address) {
            return Ok(vec![address]);
        }
        let resolving = resolve(target.host(), self.options.address_family);
        let found: Vec<IpAddr> = match before(&self.runtime, deadline, resolving).await {
            Some(Ok(found)) => found,
            Some(Err(error)) => return Err(DialError::Resolve(error)),
            None => return Err(DialError::ResolveTimeout),
        };
        Ok(match permit {
            Some(permit) => permit.addresses(found)?,
            None => {
                let with_port = |address| SocketAddr::new(address, target.port());
                found.into_iter().map(with_port).collect()
            }
        })
    }
}

/// Why a target was not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("failed to connect to the target")]
    Connect(#[source] io::Error),
    #[error("the target is not allowed")]
    NotAllowed,
    #[error("the target's name has no address")]
    NotFound,
    #[error("the target's name cannot be resolved")]
    Resolve(#[source] io::Error),
    #[error("the target's name was not resolved in time")]
    ResolveTimeout,
    #[error("the forwarder has ended")]
    Stopped,
    #[error("the target did not accept in time")]
    Timeout,
}

impl DialError {
    /// Returns aztunnel's code for it, if there is one.
    pub(crate) fn code(&self) -> Option<ConnectCode> {
        match self {
            Self::Connect(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => Some(ConnectCode::ConnectionRefused),
                io::ErrorKind::HostUnreachable => Some(ConnectCode::HostUnreachable),
                io::ErrorKind::NetworkUnreachable => Some(ConnectCode::NetworkUnreachable),
                io::ErrorKind::TimedOut => Some(ConnectCode::Timeout),
                _ => None,
            },
            Self::NotAllowed | Self::Stopped => None,
            Self::NotFound | Self::Resolve(_) => Some(ConnectCode::DnsNotFound),
            Self::ResolveTimeout => Some(ConnectCode::DnsTimeout),
            Self::Timeout => Some(ConnectCode::Timeout),
        }
    }

    /// Returns what a sender of aztunnel is told.
    pub(crate) fn failure(&self) -> ConnectFailure {
        match (self, self.code()) {
            (Self::NotAllowed, _) => ConnectFailure::not_allowed(),
            (_, Some(code)) => ConnectFailure::of(code),
            (_, None) => ConnectFailure::other("connection failed"),
        }
    }

    pub(crate) fn reason(&self) -> FailureReason {
        match (self, self.code()) {
            (Self::NotAllowed, _) => FailureReason::NotAllowed,
            (Self::Stopped, _) => FailureReason::Stopped,
            (_, Some(code)) => code.into(),
            (_, None) => FailureReason::Dial,
        }
    }
}

impl From<NotAllowed> for DialError {
    fn from(_: NotAllowed) -> Self {
        Self::NotAllowed
    }
}
