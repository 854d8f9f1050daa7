//! How a connection ends: who ends it, and what is said about it. Pure.

use std::borrow::Cow;

use transport::{CloseCode, CloseFrame};

pub(super) use crate::journal::EndedBy;

/// How a connection ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Ending {
    pub(super) by: EndedBy,
    /// The code of the close frame; `None` without one.
    pub(super) code: Option<CloseCode>,
    /// The reason that event handlers are told; it may be empty.
    pub(super) reason: Cow<'static, str>,
    /// What nobody is told, but the journal has: what the client said, or what happened.
    pub(super) note: Cow<'static, str>,
}

impl Ending {
    fn new(by: EndedBy) -> Self {
        Self {
            by,
            code: None,
            reason: Cow::Borrowed(""),
            note: Cow::Borrowed(""),
        }
    }

    /// The connection is closed with a close frame, whose reason may be cut.
    pub(super) fn closed(
        by: EndedBy,
        code: CloseCode,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
            ..Self::new(by)
        }
    }

    /// The connection ends without a close frame.
    pub(super) fn abrupt(by: EndedBy, reason: &'static str) -> Self {
        Self {
            reason: Cow::Borrowed(reason),
            ..Self::new(by)
        }
    }

    /// A fault drops the connection.
    pub(super) fn struck() -> Self {
        Self::new(EndedBy::Fault)
    }

    /// The client closed its socket.
    pub(super) fn by_client(frame: Option<CloseFrame>) -> Self {
        let (code, note) = frame.map(|frame| (frame.code, frame.reason)).unzip();
        Self {
            code,
            note: note.unwrap_or_default().into(),
            ..Self::new(EndedBy::Client)
        }
    }

    /// The client's socket is gone without a close frame.
    pub(super) fn lost(note: &'static str) -> Self {
        Self {
            note: Cow::Borrowed(note),
            ..Self::new(EndedBy::Network)
        }
    }

    /// Returns the reason for people who look: that which event handlers are told, or else the note.
    pub(super) fn shown(&self) -> &str {
        match &*self.reason {
            "" => &self.note,
            reason => reason,
        }
    }
}
