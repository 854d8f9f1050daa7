//! What a request changes.

use crate::GroupName;

/// What a request changes in the session when it is done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    None,
    /// Nothing, and to carry it out twice does no harm.
    Repeatable,
    Join(GroupName),
    Leave(GroupName),
    /// A group is joined again by the session itself; nobody waits for a reply.
    Rejoin(GroupName),
}

impl Effect {
    /// Whether the request may be carried out twice without harm.
    pub(super) fn is_repeatable(&self) -> bool {
        *self != Self::None
    }
}
