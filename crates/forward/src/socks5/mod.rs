//! The sending side as a SOCKS5 server (RFC 1928, RFC 1929).
//!
//! Only CONNECT, as a client of aztunnel asks for it: the far side resolves names and dials.

mod login;
mod negotiation;
mod serve;

pub use self::login::{Login, LoginError};
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) use self::negotiation::check_negotiation;
pub(crate) use self::serve::{NegotiationError, negotiate, refuse, succeed};

use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::envelope::ConnectCode;

/// The options of a SOCKS5 server: a [`Destination`](crate::Destination) of a local port.
///
/// ```no_run
/// use azwire_forward::expression::LocalBinding;
/// use azwire_forward::{LocalForwarder, Login, Socks5Options};
/// # extern crate relay as azwire_relay;
///
/// # async fn run(sender: azwire_relay::Sender) -> Result<(), Box<dyn std::error::Error>> {
/// let options = Socks5Options::default().with_login(Login::new("ann", "correct horse")?);
/// let forwarder = LocalForwarder::builder(sender)
///     .bind_to(LocalBinding::tcp(1080), options)
///     .open()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Socks5Options {
    /// What clients must present. Default: nothing.
    pub login: Option<Login>,
    /// How long a client may take until its request is complete. Default:
    /// [10 s](Self::DEFAULT_NEGOTIATION_TIMEOUT); zero means no limit.
    pub negotiation_timeout: Duration,
}

impl Socks5Options {
    /// 10 s: clients send their few bytes at once.
    pub const DEFAULT_NEGOTIATION_TIMEOUT: Duration = Duration::from_secs(10);

    /// Sets the user name and the password that clients must present. Clients that do not offer
    /// this (RFC 1929) are refused.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// Sets how long a client may take until its request is complete; zero means no limit. The time to
    /// connect comes after it.
    #[must_use]
    pub fn with_negotiation_timeout(mut self, timeout: Duration) -> Self {
        self.negotiation_timeout = timeout;
        self
    }
}

impl Default for Socks5Options {
    fn default() -> Self {
        Self {
            login: None,
            negotiation_timeout: Self::DEFAULT_NEGOTIATION_TIMEOUT,
        }
    }
}

// Of equal options are the times equal, too.
impl Hash for Socks5Options {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.negotiation_timeout.hash(state);
    }
}

/// The reply to a request (RFC 1928 §6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    Succeeded,
    GeneralFailure,
    NotAllowed,
    NetworkUnreachable,
    HostUnreachable,
    ConnectionRefused,
    /// The nearest to a time-out.
    TtlExpired,
    CommandNotSupported,
    AddressTypeNotSupported,
}

impl Reply {
    fn code(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::GeneralFailure => 1,
            Self::NotAllowed => 2,
            Self::NetworkUnreachable => 3,
            Self::HostUnreachable => 4,
            Self::ConnectionRefused => 5,
            Self::TtlExpired => 6,
            Self::CommandNotSupported => 7,
            Self::AddressTypeNotSupported => 8,
        }
    }

    /// Returns the reply for what the far side says about its attempt to dial, as aztunnel's own
    /// SOCKS5 server does: a name that cannot be resolved is an unreachable host.
    pub(crate) fn of(code: ConnectCode) -> Self {
        match code {
            ConnectCode::ConnectionRefused => Self::ConnectionRefused,
            ConnectCode::HostUnreachable | ConnectCode::DnsNotFound => Self::HostUnreachable,
            ConnectCode::NetworkUnreachable => Self::NetworkUnreachable,
            ConnectCode::Timeout | ConnectCode::DnsTimeout => Self::TtlExpired,
        }
    }
}

/// Why a client is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{}", describe_version(*.0))]
    Version(u8),
    #[error("the client offers none of the ways to authenticate that are accepted here")]
    Method,
    #[error("the client's login has version {0}, not 1")]
    LoginVersion(u8),
    #[error("the client's user name or password is wrong")]
    Login,
    #[error("the client asks for command {0}; only CONNECT is supported")]
    Command(u8),
    #[error("the client's destination has the unknown type {0}")]
    AddressType(u8),
    #[error("the client's destination is not a host and a port")]
    Destination,
}

impl Refusal {
    /// Returns the reply, for one that refuses a request.
    fn reply(self) -> Reply {
        match self {
            Self::Command(_) => Reply::CommandNotSupported,
            Self::AddressType(_) => Reply::AddressTypeNotSupported,
            _ => Reply::GeneralFailure,
        }
    }
}

fn describe_version(version: u8) -> String {
    match version {
        4 => "the client speaks SOCKS4, not SOCKS5".to_owned(),
        b'A'..=b'Z' => "the client speaks HTTP, not SOCKS5".to_owned(),
        other => format!("the client does not speak SOCKS5: its first byte is {other}"),
    }
}
