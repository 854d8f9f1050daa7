//! What is known about the end of a connection.

use transport::{CloseCode, CloseFrame};

/// What was said of the end of a connection: the first words count, since those after them only
/// say that it cannot be recovered.
#[derive(Debug, Default)]
pub(super) struct Parting {
    close_code: Option<CloseCode>,
    reason: Option<String>,
    /// What was said about the present socket before it was gone.
    said: Option<String>,
}

impl Parting {
    /// The service announces the end, or this side has a reason for it.
    pub(super) fn say(&mut self, reason: Option<String>) {
        self.said = reason;
    }

    /// The socket is gone, with the service's close frame if there was one.
    pub(super) fn handle_link_lost(&mut self, frame: Option<CloseFrame>) {
        let said = self.said.take();
        if self.close_code.is_some() || self.reason.is_some() {
            return;
        }
        self.close_code = frame.as_ref().map(|frame| frame.code);
        let written = frame.map(|frame| frame.reason);
        let written = written.filter(|reason| !reason.is_empty());
        self.reason = said.or(written);
    }

    /// The connection goes on: what ended its last socket means nothing for it.
    pub(super) fn handle_recovered(&mut self) {
        self.close_code = None;
        self.reason = None;
    }

    /// The close code and the reason, which are forgotten.
    pub(super) fn take(&mut self) -> (Option<CloseCode>, Option<String>) {
        let (said, reason) = (self.said.take(), self.reason.take());
        (self.close_code.take(), reason.or(said))
    }
}
