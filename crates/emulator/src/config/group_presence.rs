//! The settings of group presence events. Pure.

use serde::Deserialize;

/// The membership changes that are reported to an event handler.
///
/// Source: `groupPresenceEvents` of a hub's settings in Azure Resource Manager.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GroupPresence {
    /// The events; empty for none.
    pub event_names: Vec<GroupPresenceEvent>,
    /// Patterns of the groups; default: none, which means every group, as does
    /// `*`. Otherwise `?` matches one character except a dot, `*` any number of
    /// them, `**` any number of any characters, and `\` escapes one of `?*\`.
    /// Case matters.
    #[serde(default)]
    pub group_filters: Vec<String>,
}

impl GroupPresence {
    /// Creates settings with both events, for the groups that match one of the
    /// patterns; without a pattern, for every group.
    pub fn new<S: Into<String>>(group_filters: impl IntoIterator<Item = S>) -> Self {
        Self {
            event_names: GroupPresenceEvent::ALL.to_vec(),
            group_filters: group_filters.into_iter().map(Into::into).collect(),
        }
    }

    /// Sets [`event_names`](Self::event_names).
    #[must_use]
    pub fn with_event_names(
        mut self,
        events: impl IntoIterator<Item = GroupPresenceEvent>,
    ) -> Self {
        self.event_names = events.into_iter().collect();
        self
    }
}

/// A change of a group's members. In a file, case does not matter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum GroupPresenceEvent {
    /// A connection has joined the group.
    Joined,
    /// A connection has left the group, or has ended.
    Left,
}

impl GroupPresenceEvent {
    const ALL: [Self; 2] = [Self::Joined, Self::Left];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Left => "left",
        }
    }
}

impl<'de> Deserialize<'de> for GroupPresenceEvent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let mut all = Self::ALL.into_iter();
        all.find(|event| event.as_str().eq_ignore_ascii_case(&name))
            .ok_or_else(|| serde::de::Error::unknown_variant(&name, &["joined", "left"]))
    }
}
