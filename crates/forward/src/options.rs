//! The limits of a forwarder.

use std::time::Duration;

/// The limits of a forwarder, each with a default. A zero duration means no limit.
///
/// ```
/// use std::time::Duration;
/// use azwire_forward::ForwardOptions;
///
/// let options = ForwardOptions::default()
///     .with_max_connections(200)
///     .with_idle_timeout(Duration::from_secs(3600));
/// assert_eq!(options.dial_timeout, Duration::from_secs(30));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ForwardOptions {
    /// How many pairs may be open at once, those that are being opened included. Default: 1000. Further ones are
    /// refused: a local connection is reset, a sender gets 503. A pair takes two file descriptors and up to 40 KiB while
    /// it is idle.
    pub max_connections: usize,
    /// How many pairs may be open at once to one target or port name. Default: no limit but the one above. A lower one
    /// keeps one busy target from taking all.
    pub max_connections_per_target: usize,
    /// How long a target may take to accept a connection, name resolution included. Default: 30 s, as in aztunnel.
    pub dial_timeout: Duration,
    /// How long the other side may take for its part of the greeting, once the hybrid connection is open: the listener
    /// waits this long for the sender's, and a sender this long, in addition to
    /// [`dial_timeout`](Self::dial_timeout), for the answer. Default: 20 s.
    pub greeting_timeout: Duration,
    /// How long a pair of streams may carry nothing before it is cut. Default: none, since protocols such as ssh are
    /// silent for hours and a peer that is gone is noticed by
    /// [`tcp_keep_alive`](Self::tcp_keep_alive).
    pub idle_timeout: Duration,
    /// How long a source of datagrams may be silent, in both directions, before its hybrid connection is closed.
    /// Default: 4 minutes, as in azbridge.
    pub udp_idle_timeout: Duration,
    /// How many sources of datagrams a port may have at once. Default: 1000. The datagrams of further ones are dropped and
    /// counted.
    pub max_udp_sources: usize,
    /// How long the end of a pair may take once both directions have ended, and how long data for a side that has gone is
    /// read and discarded. Default: 60 s, as in azbridge; zero does not wait.
    pub close_timeout: Duration,
    /// The interval of TCP keep-alives to clients and targets. Default: 30 s, as in aztunnel; zero sends none.
    pub tcp_keep_alive: Duration,
    /// How often a connection to the relay is tried for one local connection. Default: once, as in azbridge. Only
    /// errors for which a retry may help are tried again, after a delay that grows.
    pub connection_attempts: u32,
    /// The interface of local ports that name none: a name, an address, or `*` for all. Default: `localhost`.
    pub bind_host: String,
    /// Which addresses of a name are used, to bind and to dial. Default: all.
    pub address_family: AddressFamily,
}

impl ForwardOptions {
    /// Sets [`max_connections`](Self::max_connections), at least 1.
    #[must_use]
    pub fn with_max_connections(mut self, count: usize) -> Self {
        self.max_connections = count.max(1);
        self
    }

    /// Sets [`max_connections_per_target`](Self::max_connections_per_target), at least 1.
    #[must_use]
    pub fn with_max_connections_per_target(mut self, count: usize) -> Self {
        self.max_connections_per_target = count.max(1);
        self
    }

    /// Sets [`dial_timeout`](Self::dial_timeout).
    #[must_use]
    pub fn with_dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    /// Sets [`greeting_timeout`](Self::greeting_timeout).
    #[must_use]
    pub fn with_greeting_timeout(mut self, timeout: Duration) -> Self {
        self.greeting_timeout = timeout;
        self
    }

    /// Sets [`idle_timeout`](Self::idle_timeout).
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets [`udp_idle_timeout`](Self::udp_idle_timeout).
    #[must_use]
    pub fn with_udp_idle_timeout(mut self, timeout: Duration) -> Self {
        self.udp_idle_timeout = timeout;
        self
    }

    /// Sets [`max_udp_sources`](Self::max_udp_sources), at least 1.
    #[must_use]
    pub fn with_max_udp_sources(mut self, count: usize) -> Self {
        self.max_udp_sources = count.max(1);
        self
    }

    /// Sets [`close_timeout`](Self::close_timeout).
    #[must_use]
    pub fn with_close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Sets [`tcp_keep_alive`](Self::tcp_keep_alive).
    #[must_use]
    pub fn with_tcp_keep_alive(mut self, interval: Duration) -> Self {
        self.tcp_keep_alive = interval;
        self
    }

    /// Sets [`connection_attempts`](Self::connection_attempts), at least 1.
    #[must_use]
    pub fn with_connection_attempts(mut self, count: u32) -> Self {
        self.connection_attempts = count.max(1);
        self
    }

    /// Sets [`bind_host`](Self::bind_host).
    #[must_use]
    pub fn with_bind_host(mut self, host: impl Into<String>) -> Self {
        self.bind_host = host.into();
        self
    }

    /// Sets [`address_family`](Self::address_family).
    #[must_use]
    pub fn with_address_family(mut self, family: AddressFamily) -> Self {
        self.address_family = family;
        self
    }
}

impl Default for ForwardOptions {
    fn default() -> Self {
        Self {
            max_connections: 1000,
            max_connections_per_target: usize::MAX,
            dial_timeout: Duration::from_secs(30),
            greeting_timeout: Duration::from_secs(20),
            idle_timeout: Duration::ZERO,
            udp_idle_timeout: Duration::from_secs(4 * 60),
            max_udp_sources: 1000,
            close_timeout: Duration::from_secs(60),
            tcp_keep_alive: Duration::from_secs(30),
            connection_attempts: 1,
            bind_host: "localhost".to_owned(),
            address_family: AddressFamily::Any,
        }
    }
}

/// Returns the limit that an option stands for: zero means none.
pub(crate) fn limit(option: Duration) -> Duration {
    match option.is_zero() {
        true => Duration::MAX,
        false => option,
    }
}

/// Which addresses of a name are used.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AddressFamily {
    /// All, in the order of the resolver.
    #[default]
    Any,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
    Inet6,
}

impl AddressFamily {
    pub(crate) fn has(self, address: std::net::IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Inet => address.is_ipv4(),
            Self::Inet6 => address.is_ipv6(),
        }
    }
}
