//! Size limits of a socket.

/// Size limits of one WebSocket, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest incoming message, whole or as the sum of its fragments. A larger one closes the socket with 1009. Default: 64 MiB.
    pub max_message: usize,
    /// The largest outgoing frame; longer messages are sent in fragments of this size. Default: 4 MiB.
    pub max_frame: usize,
    /// The number of bytes that may be queued for writing before the sink stops being ready. Default: 64 KiB.
    pub max_pending_write: usize,
}

impl Limits {
    /// 64 MiB, the default of the underlying WebSocket library.
    pub const DEFAULT_MAX_MESSAGE: usize = 64 * 1024 * 1024;
    /// 4 MiB, the default of the underlying WebSocket library.
    pub const DEFAULT_MAX_FRAME: usize = 4 * 1024 * 1024;
    /// 64 KiB, measured as the smallest threshold that keeps batches of small frames together.
    pub const DEFAULT_MAX_PENDING_WRITE: usize = 64 * 1024;

    /// Sets [`max_message`](Self::max_message).
    #[must_use]
    pub fn with_max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Sets [`max_frame`](Self::max_frame).
    #[must_use]
    pub fn with_max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// Sets [`max_pending_write`](Self::max_pending_write).
    #[must_use]
    pub fn with_max_pending_write(mut self, bytes: usize) -> Self {
        self.max_pending_write = bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: Self::DEFAULT_MAX_MESSAGE,
            max_frame: Self::DEFAULT_MAX_FRAME,
            max_pending_write: Self::DEFAULT_MAX_PENDING_WRITE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_set_alone() {
        let limits = Limits::default()
            .with_max_message(1)
            .with_max_frame(2)
            .with_max_pending_write(3);
        let set = [
            limits.max_message,
            limits.max_frame,
            limits.max_pending_write,
        ];
        assert_eq!(set, [1, 2, 3]);
    }
}
