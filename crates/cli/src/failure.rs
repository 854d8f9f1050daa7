//! Why a command fails: one line for people, or one object for programs, and the exit code.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;

use serde_json::json;

use crate::exit::Exit;
use crate::format::Format;

/// The failure of a command.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// What is wrong, in one line; empty if there is nothing to say.
    reason: String,
    status: Option<u16>,
    /// The id under which the service logged the request.
    tracking_id: Option<String>,
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn new(exit: Exit, reason: impl Into<String>) -> Self {
        Self {
            exit,
            reason: one_line(&reason.into()),
            status: None,
            tracking_id: None,
        }
    }

    /// An argument, variable or file that is wrong.
    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self::new(Exit::Usage, reason)
    }

    /// An end that needs no words: its exit code is the answer.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// A file, or standard input or output, that cannot be read or written.
    pub(crate) fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        match error.kind() {
            // Its reader has what it wanted.
            io::ErrorKind::BrokenPipe => Self::silent(Exit::Success),
            _ => Self::new(Exit::Failed, format!("{what}: {error}")),
        }
    }

    /// Says first what was attempted, or which option or variable is wrong: the name that it has in
    /// the API is not the user's.
    pub(crate) fn while_doing(mut self, what: impl fmt::Display) -> Self {
        let reason = match self.exit {
            Exit::Usage => without_argument(&self.reason),
            _ => &self.reason,
        };
        if !reason.is_empty() {
            self.reason = one_line(&format!("{what}: {reason}"));
        }
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the line that is printed, without its end; `None` if there is nothing to say.
    pub(crate) fn line(&self, format: Format) -> Option<String> {
        if self.reason.is_empty() {
            return None;
        }
        Some(match format {
            Format::Text => format!("azwire: {self}"),
            Format::Json => {
                let mut error = json!({
                    "kind": self.exit.name(),
                    "exitCode": self.exit.code(),
                    "message": self.reason,
                });
                if let Some(status) = self.status {
                    error["status"] = status.into();
                }
                if let Some(id) = &self.tracking_id {
                    error["trackingId"] = id.as_str().into();
                }
                json!({ "error": error }).to_string()
            }
        })
    }

    fn with_tracking_id(mut self, id: Option<&str>) -> Self {
        self.tracking_id = id.map(one_line);
        self
    }

    fn with_status(mut self, status: Option<http::StatusCode>) -> Self {
        self.status = status.map(|status| status.as_u16());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match &self.tracking_id {
            // Relay's reasons end with it.
            Some(id) if !self.reason.contains(id.as_str()) => write!(f, " (tracking id {id})"),
            _ => Ok(()),
        }
    }
}

impl From<pubsub::Error> for Failure {
    fn from(error: pubsub::Error) -> Self {
        use pubsub::ErrorKind;

        let status = error.status().map(|status| status.as_u16());
        let exit = match error.kind() {
            ErrorKind::Auth if status.is_none() => Exit::SignIn,
            ErrorKind::Auth => Exit::Refused,
            ErrorKind::Closed => Exit::Ended,
            ErrorKind::InvalidInput | ErrorKind::TooLarge => Exit::Usage,
            ErrorKind::Timeout => Exit::Timeout,
            ErrorKind::Service | ErrorKind::Transport if status == Some(404) => Exit::NotFound,
            ErrorKind::Transport if status.is_none() => Exit::Unreachable,
            ErrorKind::NotAcknowledged
            | ErrorKind::Protocol
            | ErrorKind::Service
            | ErrorKind::Transport => Exit::Service,
            _ => Exit::Failed,
        };
        let mut reason = match exit {
            Exit::SignIn => sign_in(&error),
            _ => chain(&error),
        };
        // The words of the service, which know more, are about the user's own request.
        if let Some(said) = error
            .service_message()
            .filter(|said| !reason.contains(*said))
        {
            let _ = write!(reason, ": {said}");
        }
        Self::new(exit, reason)
            .with_status(error.status())
            .with_tracking_id(error.request_id())
    }
}

impl From<::relay::Error> for Failure {
    fn from(error: ::relay::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&::relay::Error> for Failure {
    fn from(error: &::relay::Error) -> Self {
        let exit = exit_of_relay(error);
        let reason = match exit {
            Exit::SignIn => sign_in(error),
            _ => relay_reason(error),
        };
        Self::new(exit, reason)
            .with_status(error.status())
            .with_tracking_id(error.tracking_id())
    }
}

fn exit_of_relay(error: &::relay::Error) -> Exit {
    use ::relay::ErrorKind;

    match error.kind() {
        ErrorKind::Unauthorized if error.status().is_none() => Exit::SignIn,
        ErrorKind::Unauthorized => Exit::Refused,
        ErrorKind::Closed | ErrorKind::ConnectionLost => Exit::Ended,
        ErrorKind::Connect => Exit::Unreachable,
        ErrorKind::Other if error.status().is_none() => Exit::Unreachable,
        ErrorKind::EndpointNotFound => Exit::NotFound,
        ErrorKind::InvalidInput | ErrorKind::TooLarge => Exit::Usage,
        ErrorKind::Timeout => Exit::Timeout,
        ErrorKind::EndpointAlreadyExists
        | ErrorKind::Other
        | ErrorKind::Protocol
        | ErrorKind::QuotaExceeded
        | ErrorKind::Rejected
        | ErrorKind::ServerBusy => Exit::Service,
        _ => Exit::Failed,
    }
}

impl From<forward::Error> for Failure {
    fn from(error: forward::Error) -> Self {
        use forward::ErrorKind;
        use forward::envelope::ConnectCode;

        let relay: Option<&::relay::Error> = error.source().and_then(|cause| cause.downcast_ref());
        let exit = match (error.kind(), error.code()) {
            (_, Some(ConnectCode::DnsNotFound)) => Exit::NotFound,
            (_, Some(ConnectCode::DnsTimeout | ConnectCode::Timeout)) => Exit::Timeout,
            (ErrorKind::Bind, _) => Exit::Bind,
            (ErrorKind::Closed, _) => Exit::Ended,
            (ErrorKind::Dial, _) => Exit::Unreachable,
            (ErrorKind::InvalidInput, _) => Exit::Usage,
            (ErrorKind::NotAllowed | ErrorKind::Protocol, _) => Exit::Service,
            (ErrorKind::Relay, _) => relay.map_or(Exit::Ended, exit_of_relay),
            (ErrorKind::Timeout, _) => Exit::Timeout,
            _ => Exit::Failed,
        };
        let reason = match relay.filter(|cause| cause.status().is_some()) {
            // The error says what its cause does; what is below that only repeats the status.
            Some(cause) => match (error.to_string(), cause.to_string()) {
                (said, own) if said.contains(&own) => said.replace(&own, &relay_reason(cause)),
                (said, _) => format!("{said}: {}", relay_reason(cause)),
            },
            None => chain(&error),
        };
        Self::new(exit, reason)
            .with_status(relay.and_then(::relay::Error::status))
            .with_tracking_id(error.tracking_id())
    }
}

impl From<transport::Error> for Failure {
    fn from(error: transport::Error) -> Self {
        use transport::ErrorKind;

        let exit = match error.kind() {
            ErrorKind::Connect | ErrorKind::Tls => Exit::Unreachable,
            ErrorKind::InvalidInput => Exit::Usage,
            ErrorKind::Timeout => Exit::Timeout,
            ErrorKind::Closed => Exit::Ended,
            ErrorKind::Protocol | ErrorKind::Rejected | ErrorKind::TooLarge => Exit::Service,
            _ => Exit::Failed,
        };
        Self::new(exit, chain(&error))
    }
}

impl From<auth::Error> for Failure {
    fn from(error: auth::Error) -> Self {
        let exit = match error.kind() {
            auth::ErrorKind::InvalidConnectionString | auth::ErrorKind::InvalidKey => Exit::Usage,
            _ => Exit::SignIn,
        };
        Self::new(exit, chain(&error))
    }
}

/// Returns the reason why there is no token: what the credential says, not what that means for the
/// request.
fn sign_in(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.is::<auth::Error>() {
            let said = chain(cause);
            let said = said.trim_start_matches("failed to get a token: ");
            return format!("failed to get a token: {said}");
        }
        next = cause.source();
    }
    chain(error)
}

/// Returns why the relay was of no use.
fn relay_reason(error: &::relay::Error) -> String {
    if error.status().is_none() {
        return chain(error);
    }
    // The causes of an answer only repeat its status.
    let said = error.to_string();
    match said.trim_end().strip_suffix(':') {
        // The service always gives a reason.
        Some(status) => format!("{status} without a reason: perhaps it is no namespace of Relay"),
        None => said,
    }
}

/// Returns the rule that an argument breaks, without the argument's name in the API.
fn without_argument(reason: &str) -> &str {
    let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match reason.split_once(": ") {
        Some((name, rule)) if is_name(name) => rule,
        _ => reason,
    }
}

/// Joins an error and its causes, each of which says something new.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            let _ = write!(text, ": {said}");
        }
        next = cause.source();
    }
    text
}

/// Returns the text without line breaks and other control characters, cut where it has no end.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_control() || c == ' ')
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Longer than any reason that a service writes; a page of HTML is longer.
const MAX_REASON: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_its_tracking_id() {
        let failure =
            Failure::new(Exit::NotFound, "no\nsuch \u{7}thing").with_tracking_id(Some("ab-1"));
        let line = failure.line(Format::Text).unwrap();
        assert_eq!(line, "azwire: no such thing (tracking id ab-1)");
        let line = failure.line(Format::Json).unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let expected = json!({"error": {
            "kind": "notFound", "exitCode": 5, "message": "no such thing", "trackingId": "ab-1",
        }});
        assert_eq!(value, expected);
    }

    #[test]
    fn an_id_that_the_reason_has_is_not_repeated() {
        let failure =
            Failure::new(Exit::Refused, "no. TrackingId:x-1").with_tracking_id(Some("x-1"));
        assert_eq!(failure.to_string(), "no. TrackingId:x-1");
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure() {
        let failure = Failure::io("standard output", &io::ErrorKind::BrokenPipe.into());
        assert_eq!(failure.exit(), Exit::Success);
        assert_eq!(failure.line(Format::Text), None);
    }

    #[test]
    fn a_reason_without_end_is_cut() {
        let failure = Failure::usage("ä".repeat(5000));
        assert_eq!(failure.to_string().chars().count(), MAX_REASON + 1);
    }

    #[test]
    fn an_argument_has_the_name_of_its_option() {
        let failure = Failure::usage("hub: must begin with a letter").while_doing("--hub");
        assert_eq!(failure.to_string(), "--hub: must begin with a letter");
        let failure = Failure::usage("line 3: no").while_doing("a.yml");
        assert_eq!(failure.to_string(), "a.yml: line 3: no");
        let failure = Failure::new(Exit::Unreachable, "proxy: gone").while_doing("--proxy");
        assert_eq!(failure.to_string(), "--proxy: proxy: gone");
    }

    #[test]
    fn causes_are_joined_once() {
        let error: auth::Error = auth::ConnectionStringError::Empty.into();
        let text = chain(&error);
        assert_eq!(text.matches("empty").count(), 1, "{text}");
        assert_eq!(Failure::from(error).exit(), Exit::Usage);
    }
}
