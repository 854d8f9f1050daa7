//! Why connections fail and pairs break.

use std::fmt;

use crate::envelope::ConnectCode;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a connection came to nothing, or a pair ended before its data was whole.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum FailureReason {
            $($(#[$doc])* $name,)*
        }

        impl FailureReason {
            /// All reasons.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name),*];

            /// Returns the reason as a label: lower case, with underscores.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reasons! {
    /// Nothing listens on the target's port.
    ConnectionRefused = "connection_refused",
    /// There is no route to the target's host.
    HostUnreachable = "host_unreachable",
    /// There is no route to the target's network.
    NetworkUnreachable = "network_unreachable",
    /// The target did not accept in time.
    DialTimeout = "timeout",
    /// The target's name does not exist.
    DnsNotFound = "dns_not_found",
    /// The target's name was not resolved in time.
    DnsTimeout = "dns_timeout",
    /// The target was not reached for another reason.
    Dial = "dial_failed",
    /// The target is not allowed.
    NotAllowed = "not_allowed",
    /// No port has the name.
    UnknownPortName = "unknown_port_name",
    /// The port is one of datagrams and a stream was asked for, or the other way round.
    WrongMode = "wrong_mode",
    /// The greeting was not one of a known wire.
    Greeting = "invalid_greeting",
    /// The greeting, or its answer, did not arrive in time.
    GreetingTimeout = "greeting_timeout",
    /// Too many pairs were open.
    Limit = "too_many_connections",
    /// The relay refused or could not be reached.
    Relay = "relay_failed",
    /// The relay, or the other side, ended the connection before its data was whole.
    RelayLost = "relay_lost",
    /// The local side ended the connection before its data was whole: a reset.
    LocalReset = "local_reset",
    /// The pair carried nothing for too long.
    Idle = "idle_timeout",
    /// The pair was cut because the forwarder stopped.
    Stopped = "stopped",
    /// A local connection could not be accepted.
    Accept = "accept_failed",
    /// A client of a SOCKS5 server was refused, or went away, before it had named a target.
    Socks5 = "socks5_failed",
}

impl From<ConnectCode> for FailureReason {
    fn from(code: ConnectCode) -> Self {
        match code {
            ConnectCode::ConnectionRefused => Self::ConnectionRefused,
            ConnectCode::HostUnreachable => Self::HostUnreachable,
            ConnectCode::NetworkUnreachable => Self::NetworkUnreachable,
            ConnectCode::Timeout => Self::DialTimeout,
            ConnectCode::DnsNotFound => Self::DnsNotFound,
            ConnectCode::DnsTimeout => Self::DnsTimeout,
        }
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
