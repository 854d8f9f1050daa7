//! The results of requests.

use super::world::{World, text};
use crate::client::Client;
use crate::client::error;
use crate::{ErrorKind, SendToGroupOptions};

#[test]
fn fire_and_forget_needs_a_started_client_and_no_acknowledgement() {
    let mut world = World::new(|builder| builder);
    let post = |client: Client| {
        Box::pin(async move {
            let options = SendToGroupOptions::default().with_fire_and_forget(true);
            client.send_to_group("g", text("x"), options).await
        })
    };
    let error = world.poll(&mut post(world.client.clone())).unwrap();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotStarted);
    world = World::connected();
    let done = world
        .poll(&mut post(world.client.clone()))
        .unwrap()
        .unwrap();
    assert_eq!(done, None);
    assert_eq!(
        world.hear_text(),
        r#"{"type":"sendToGroup","group":"g","noEcho":false,"dataType":"text","data":"x"}"#
    );
}

#[test]
fn every_session_error_says_whether_its_request_may_be_delivered() {
    use crate::protocol::AckError;
    use crate::{InvocationError, RequestError, StreamWriteError};

    let refused = || AckError::new("Forbidden", "");
    // The exhaustive match forces new errors into the table below.
    let place = |error: &RequestError| match error {
        RequestError::Refused(_) => 0,
        RequestError::ConnectionLost => 1,
        RequestError::TimedOut => 2,
        RequestError::NotConnected => 3,
        RequestError::DuplicateAckId => 4,
        RequestError::Unsupported => 5,
        RequestError::InvalidData(_) => 6,
        RequestError::TooLarge => 7,
        RequestError::InvalidTtl => 8,
        RequestError::NotStarted => 9,
        RequestError::EventsNotRead { was_sent: true } => 10,
        RequestError::EventsNotRead { was_sent: false } => 11,
    };
    let table = [
        (
            RequestError::Refused(refused()),
            ErrorKind::NotAcknowledged,
            true,
        ),
        (RequestError::ConnectionLost, ErrorKind::Closed, true),
        (RequestError::TimedOut, ErrorKind::Timeout, true),
        (RequestError::NotConnected, ErrorKind::Closed, false),
        (RequestError::DuplicateAckId, ErrorKind::InvalidInput, false),
        (RequestError::Unsupported, ErrorKind::InvalidInput, false),
        (
            RequestError::InvalidData("x"),
            ErrorKind::InvalidInput,
            false,
        ),
        (RequestError::TooLarge, ErrorKind::TooLarge, false),
        (RequestError::InvalidTtl, ErrorKind::InvalidInput, false),
        (RequestError::NotStarted, ErrorKind::NotStarted, false),
        (
            RequestError::EventsNotRead { was_sent: true },
            ErrorKind::EventsNotRead,
            true,
        ),
        (
            RequestError::EventsNotRead { was_sent: false },
            ErrorKind::EventsNotRead,
            false,
        ),
    ];
    for (row, (error, kind, may_be_delivered)) in table.into_iter().enumerate() {
        assert_eq!(place(&error), row);
        let error = error::request("op", error);
        assert_eq!(
            (error.kind(), error.may_be_delivered()),
            (kind, may_be_delivered),
            "{error:?}"
        );
    }
    let place = |error: &InvocationError| match error {
        InvocationError::Refused(_) => 0,
        InvocationError::ConnectionLost => 1,
        InvocationError::TimedOut => 2,
        InvocationError::NotConnected => 3,
        InvocationError::DuplicateId => 4,
        InvocationError::Unsupported => 5,
        InvocationError::InvalidData(_) => 6,
        InvocationError::TooLarge => 7,
        InvocationError::NotStarted => 8,
        InvocationError::EventsNotRead { was_sent: true } => 9,
        InvocationError::EventsNotRead { was_sent: false } => 10,
    };
    let table = [
        (
            InvocationError::Refused(refused()),
            ErrorKind::NotAcknowledged,
            true,
        ),
        (InvocationError::ConnectionLost, ErrorKind::Closed, true),
        (InvocationError::TimedOut, ErrorKind::Timeout, true),
        (InvocationError::NotConnected, ErrorKind::Closed, false),
        (InvocationError::DuplicateId, ErrorKind::InvalidInput, false),
        (InvocationError::Unsupported, ErrorKind::InvalidInput, false),
        (
            InvocationError::InvalidData("x"),
            ErrorKind::InvalidInput,
            false,
        ),
        (InvocationError::TooLarge, ErrorKind::TooLarge, false),
        (InvocationError::NotStarted, ErrorKind::NotStarted, false),
        (
            InvocationError::EventsNotRead { was_sent: true },
            ErrorKind::EventsNotRead,
            true,
        ),
        (
            InvocationError::EventsNotRead { was_sent: false },
            ErrorKind::EventsNotRead,
            false,
        ),
    ];
    for (row, (error, kind, may_be_delivered)) in table.into_iter().enumerate() {
        assert_eq!(place(&error), row);
        let error = error::invocation("op", error);
        assert_eq!(
            (error.kind(), error.may_be_delivered()),
            (kind, may_be_delivered),
            "{error:?}"
        );
    }
    let place = |error: &StreamWriteError| match error {
        StreamWriteError::Refused(_) => 0,
        StreamWriteError::ConnectionLost => 1,
        StreamWriteError::TimedOut => 2,
        StreamWriteError::NotConnected => 3,
        StreamWriteError::DuplicateId => 4,
        StreamWriteError::Ended => 5,
        StreamWriteError::Unsupported => 6,
        StreamWriteError::InvalidData(_) => 7,
        StreamWriteError::TooLarge => 8,
        StreamWriteError::NotStarted => 9,
        StreamWriteError::EventsNotRead { was_sent: true } => 10,
        StreamWriteError::EventsNotRead { was_sent: false } => 11,
    };
    let table = [
        (
            StreamWriteError::Refused(refused()),
            ErrorKind::NotAcknowledged,
            true,
        ),
        (StreamWriteError::ConnectionLost, ErrorKind::Closed, true),
        (StreamWriteError::TimedOut, ErrorKind::Timeout, true),
        (StreamWriteError::NotConnected, ErrorKind::Closed, false),
        (
            StreamWriteError::DuplicateId,
            ErrorKind::InvalidInput,
            false,
        ),
        (StreamWriteError::Ended, ErrorKind::Closed, false),
        (
            StreamWriteError::Unsupported,
            ErrorKind::InvalidInput,
            false,
        ),
        (
            StreamWriteError::InvalidData("x"),
            ErrorKind::InvalidInput,
            false,
        ),
        (StreamWriteError::TooLarge, ErrorKind::TooLarge, false),
        (StreamWriteError::NotStarted, ErrorKind::NotStarted, false),
        (
            StreamWriteError::EventsNotRead { was_sent: true },
            ErrorKind::EventsNotRead,
            true,
        ),
        (
            StreamWriteError::EventsNotRead { was_sent: false },
            ErrorKind::EventsNotRead,
            false,
        ),
    ];
    for (row, (error, kind, may_be_delivered)) in table.into_iter().enumerate() {
        assert_eq!(place(&error), row);
        let error = error::stream("op", false, error);
        assert_eq!(
            (error.kind(), error.may_be_delivered()),
            (kind, may_be_delivered),
            "{error:?}"
        );
    }
}
