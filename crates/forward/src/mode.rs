//! Streams and datagrams.

/// What is carried between the two ends of a pair.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Mode {
    /// Bytes: TCP and Unix sockets.
    Stream,
    /// Datagrams, each with its length before it: UDP.
    Datagram,
}
