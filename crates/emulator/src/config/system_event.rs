//! The names of system events. Pure.

use serde::Deserialize;

/// An event that the service itself raises. In a file, case does not matter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SystemEvent {
    /// A client wants to connect.
    Connect,
    /// A client is connected.
    Connected,
    /// A client's session has ended.
    Disconnected,
}

impl SystemEvent {
    pub(super) const ALL: [Self; 3] = [Self::Connect, Self::Connected, Self::Disconnected];

    /// Returns the event of this name, in any case.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|event| event.as_str().eq_ignore_ascii_case(name))
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
        }
    }
}

impl<'de> Deserialize<'de> for SystemEvent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            let names = &["connect", "connected", "disconnected"];
            serde::de::Error::unknown_variant(&name, names)
        })
    }
}
