//! Why a target was not reached, in aztunnel's words.

use std::fmt;

/// Why a target is not connected. `Display` is for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectFailure {
    message: String,
    code: Option<ConnectCode>,
}

impl ConnectFailure {
    pub(super) fn new(message: String, code: Option<ConnectCode>) -> Self {
        Self { message, code }
    }

    /// A failure with aztunnel's message for it, `connection failed`, and a code.
    pub fn of(code: ConnectCode) -> Self {
        Self {
            message: "connection failed".to_owned(),
            code: Some(code),
        }
    }

    /// A failure that has no code, such as `target not allowed`. The message goes to the sender: it must name
    /// nothing of the listener's network.
    pub fn other(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: None,
        }
    }

    /// The target is none that the listener may dial.
    pub fn not_allowed() -> Self {
        Self::other("target not allowed")
    }

    /// Returns the listener's message, as it came.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what happened, if the listener knew; also `None` for codes that this version does not know.
    pub fn code(&self) -> Option<ConnectCode> {
        self.code
    }
}

/// On one line whatever the listener wrote.
impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            f.write_str("connection failed")?;
        } else {
            write!(f, "{}", self.message.escape_debug())?;
        }
        match self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConnectFailure {}

/// What happened when a target was dialled, as aztunnel's listener says it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ConnectCode {
    /// `connection_refused`: nothing listens on the port.
    ConnectionRefused,
    /// `host_unreachable`: no route to the host.
    HostUnreachable,
    /// `network_unreachable`: no route to the network.
    NetworkUnreachable,
    /// `timeout`: the target did not answer in time.
    Timeout,
    /// `dns_not_found`: the name does not exist.
    DnsNotFound,
    /// `dns_timeout`: the name was not resolved in time.
    DnsTimeout,
}

impl ConnectCode {
    /// All codes.
    pub const ALL: [Self; 6] = [
        Self::ConnectionRefused,
        Self::HostUnreachable,
        Self::NetworkUnreachable,
        Self::Timeout,
        Self::DnsNotFound,
        Self::DnsTimeout,
    ];

    /// Returns the text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection_refused",
            Self::HostUnreachable => "host_unreachable",
            Self::NetworkUnreachable => "network_unreachable",
            Self::Timeout => "timeout",
            Self::DnsNotFound => "dns_not_found",
            Self::DnsTimeout => "dns_timeout",
        }
    }

    /// Returns the code of a text on the wire.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for ConnectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
