//! The sequence ids of malformed frames. Pure.

/// The sequence id of a frame, as far as it is readable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Number {
    Id(u64),
    /// The frame has none, or its kind is unknown or not sequenced.
    None,
    /// The field is present, but not a valid sequence id.
    Unreadable,
}
