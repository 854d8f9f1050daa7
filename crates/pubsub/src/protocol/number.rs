//! The place of data in its connection's order, where the rest of it cannot be read. Pure.

/// What a frame says about its sequence id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Number {
    Id(u64),
    /// It has none, or its kind is not known, or has no place in the order.
    None,
    /// There is one, and it is no sequence id.
    Unreadable,
}
