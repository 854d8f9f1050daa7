//! The effects of requests on the session.

use crate::GroupName;

/// The effect of a successful request on the session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    None,
    /// None; the application's event handler has run.
    Handled,
    /// None; repeating the request is harmless.
    Repeatable,
    Join(GroupName),
    Leave(GroupName),
    /// The session itself rejoins a group; no caller waits for a reply.
    Rejoin(GroupName),
}

impl Effect {
    /// Whether repeating the request is harmless.
    pub(super) fn is_repeatable(&self) -> bool {
        !matches!(self, Self::None | Self::Handled)
    }
}
