//! The outputs of streams.

use std::collections::VecDeque;

use transport::Message;

use super::error::StreamWriteError;
use crate::protocol::{StreamEndError, UpstreamMessage};

/// The id of one fragment that an application has written to a stream.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WriteId(u64);

impl WriteId {
    pub(super) const FIRST: Self = Self(1);

    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The progress of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum StreamProgress {
    Opened(String, Result<(), StreamWriteError>),
    Written(WriteId, Result<(), StreamWriteError>),
    Ended(String, Result<(), StreamWriteError>),
}

/// A frame that a stream sends.
#[derive(Debug)]
pub(in super::super) enum StreamFrame {
    /// A fragment of the window, checked and encoded only once.
    Fragment(Message),
    Message(UpstreamMessage),
}

/// The output of the last steps of all streams.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) progress: VecDeque<StreamProgress>,
    /// The frames to send, if there is a connection.
    pub(super) frames: VecDeque<StreamFrame>,
}

impl Output {
    pub(super) fn say(&mut self, message: UpstreamMessage) {
        self.frames.push_back(StreamFrame::Message(message));
    }

    pub(super) fn say_end(&mut self, stream_id: &str, error: Option<StreamEndError>) {
        self.say(UpstreamMessage::StreamEnd {
            stream_id: stream_id.to_owned(),
            error,
        });
    }

    pub(super) fn tell(&mut self, progress: StreamProgress) {
        self.progress.push_back(progress);
    }
}
