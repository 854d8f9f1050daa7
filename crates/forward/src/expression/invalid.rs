//! What is wrong with a forward that is built without text.

use super::name::PortName;

/// Bindings that do not make a forward.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidForward {
    /// There is no binding.
    #[error("expected at least one binding")]
    Empty,
    /// Two bindings of a listener have one port name, so that the second could not be reached.
    #[error("two bindings have the port name {0}")]
    RepeatedPortName(PortName),
    /// The path of a site is not one.
    #[error("expected a path of a URL that begins with `/` and has no query")]
    Path,
}
