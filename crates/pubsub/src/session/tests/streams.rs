//! Streams to groups.

use super::rig::{Rig, SECOND, group, text};
use crate::protocol::{AckError, StreamEndError};
use crate::session::{Reply, WriteId};
use crate::{SessionOptions, StreamOptions, StreamWriteError};

fn start() -> String {
    r#"{"type":"sendToGroup","group":"g","noEcho":false,"stream":{"streamId":"s"}}"#.to_owned()
}

fn fragment(number: u64) -> String {
    format!(
        r#"{{"type":"streamData","streamId":"s","streamSequenceId":{number},"dataType":"text","data":"{number}"}}"#
    )
}

const END: &str = r#"{"type":"streamEnd","streamId":"s"}"#;

fn open(rig: &mut Rig) {
    let options = StreamOptions::default().with_stream_id("s");
    rig.session
        .open_group_stream(rig.now, &group("g"), options)
        .unwrap();
    assert_eq!(rig.sent(), [start()]);
    acknowledge(rig, 1);
    assert_eq!(rig.replies(), [Reply::StreamOpened("s".to_owned(), Ok(()))]);
}

fn write(rig: &mut Rig, number: u64) -> WriteId {
    rig.session
        .write_stream(rig.now, "s", text(&number.to_string()))
        .unwrap()
}

fn acknowledge(rig: &mut Rig, expected: u64) {
    rig.receive(&format!(
        r#"{{"type":"streamAck","streamId":"s","expectedSequenceId":{expected}}}"#
    ));
}

fn refuse(rig: &mut Rig, expected: u64, name: &str) {
    rig.receive(&format!(
        r#"{{"type":"streamNack","streamId":"s","expectedSequenceId":{expected},"name":"{name}"}}"#
    ));
}

fn recovered(rig: &mut Rig) -> Vec<String> {
    rig.settle();
    rig.sent();
    rig.lose();
    rig.dial();
    rig.open();
    rig.sent();
    rig.receive(r#"{"type":"pong"}"#);
    rig.sent()
}

#[test]
fn fragments_are_numbered_and_the_end_waits_for_them() {
    let mut rig = Rig::connected();
    open(&mut rig);
    let ids = [write(&mut rig, 1), write(&mut rig, 2)];
    assert_eq!(rig.sent(), [fragment(1), fragment(2)]);
    assert_eq!(
        rig.replies(),
        ids.map(|id| Reply::StreamWritten(id, Ok(())))
    );
    rig.session.end_stream(rig.now, "s", None).unwrap();
    acknowledge(&mut rig, 2);
    assert_eq!(rig.sent(), [] as [&str; 0]);
    acknowledge(&mut rig, 3);
    assert_eq!(rig.sent(), [END]);
    assert_eq!(rig.replies(), []);
    rig.receive(r#"{"type":"streamClosed","streamId":"s"}"#);
    assert_eq!(rig.replies(), [Reply::StreamEnded("s".to_owned(), Ok(()))]);
    assert_eq!(
        rig.session.write_stream(rig.now, "s", text("x")),
        Err(StreamWriteError::Ended)
    );
}

#[test]
fn a_window_bounds_what_is_on_its_way() {
    let mut rig = Rig::connected();
    open(&mut rig);
    for number in 1..=70 {
        write(&mut rig, number);
    }
    assert_eq!(rig.sent().len(), 64);
    assert_eq!(rig.replies().len(), 64);
    acknowledge(&mut rig, 4);
    assert_eq!(rig.sent(), [fragment(65), fragment(66), fragment(67)]);
    assert_eq!(rig.replies().len(), 3);
}

/// The official JavaScript client trims its queue and sends nothing again.
#[test]
fn defect_10_a_refused_fragment_is_sent_again_with_all_that_follow() {
    let mut rig = Rig::connected();
    open(&mut rig);
    for number in 1..=4 {
        write(&mut rig, number);
    }
    rig.sent();
    refuse(&mut rig, 2, "InvalidSequenceId");
    let again = [fragment(2), fragment(3), fragment(4)];
    assert_eq!(rig.sent(), again);
    // Those behind the rejected one were rejected, too, since they were already in flight.
    refuse(&mut rig, 2, "InvalidSequenceId");
    refuse(&mut rig, 2, "InvalidSequenceId");
    assert_eq!(rig.sent(), [] as [&str; 0]);
    rig.advance(SECOND / 100);
    assert_eq!(rig.sent(), again);
    acknowledge(&mut rig, 5);
    rig.advance(SECOND);
    assert_eq!(rig.sent(), [] as [&str; 0]);
}

#[test]
fn a_service_that_is_busy_is_asked_again_later_and_later() {
    let mut rig = Rig::connected();
    open(&mut rig);
    write(&mut rig, 1);
    rig.sent();
    let mut times = Vec::new();
    let start = rig.now;
    for _ in 0..12 {
        refuse(&mut rig, 1, "TransientError");
        let before = rig.now;
        while rig.sent().iter().all(|frame| *frame != fragment(1)) {
            rig.now = rig.session.poll_timeout().unwrap();
            rig.session.handle_timeout(rig.now);
            rig.receive(r#"{"type":"pong"}"#);
        }
        times.push((rig.now - before).as_millis());
    }
    assert!(rig.now > start);
    assert_eq!(times[..4], [10, 20, 40, 80]);
    assert_eq!(times[10..], [5000, 5000]);
}

#[test]
fn defect_10_a_recovered_connection_goes_on_with_what_was_not_taken() {
    let mut rig = Rig::connected();
    open(&mut rig);
    for number in 1..=3 {
        write(&mut rig, number);
    }
    acknowledge(&mut rig, 2);
    assert_eq!(recovered(&mut rig), [fragment(2), fragment(3)]);
    acknowledge(&mut rig, 4);
    rig.session.end_stream(rig.now, "s", None).unwrap();
    assert_eq!(rig.sent(), [END]);
    // The end may have taken effect before the loss.
    assert_eq!(recovered(&mut rig), [END]);
    rig.replies();
    rig.receive(
        r#"{"type":"streamClosed","streamId":"s","error":{"name":"StreamNotFound","message":""}}"#,
    );
    assert_eq!(rig.replies(), [Reply::StreamEnded("s".to_owned(), Ok(()))]);
}

#[test]
fn a_stream_that_was_not_open_when_the_socket_was_lost_fails() {
    let mut rig = Rig::connected();
    let options = StreamOptions::default().with_stream_id("s");
    rig.session
        .open_group_stream(rig.now, &group("g"), options)
        .unwrap();
    // Whether the service opened it is unknown, so it is ended.
    assert_eq!(recovered(&mut rig), [END]);
    assert_eq!(
        rig.replies(),
        [Reply::StreamOpened(
            "s".to_owned(),
            Err(StreamWriteError::ConnectionLost)
        )]
    );
}

#[test]
fn a_stream_ends_with_its_connection() {
    let mut rig = Rig::connected();
    open(&mut rig);
    write(&mut rig, 1);
    rig.close(1008);
    let lost = Err(StreamWriteError::ConnectionLost);
    assert_eq!(
        rig.session.write_stream(rig.now, "s", text("x")),
        lost.clone()
    );
    assert_eq!(rig.session.end_stream(rig.now, "s", None), lost.map(drop));
    // The id is free again.
    let options = StreamOptions::default().with_stream_id("s");
    assert!(
        rig.session
            .open_group_stream(rig.now, &group("g"), options)
            .is_ok()
    );
}

#[test]
fn the_service_may_refuse_or_end_a_stream() {
    let closed =
        r#"{"type":"streamClosed","streamId":"s","error":{"name":"Forbidden","message":"no"}}"#;
    let refused = StreamWriteError::Refused(AckError::new("Forbidden", "no"));
    let mut rig = Rig::connected();
    let options = StreamOptions::default().with_stream_id("s");
    rig.session
        .open_group_stream(rig.now, &group("g"), options.clone())
        .unwrap();
    let second = rig.session.open_group_stream(rig.now, &group("g"), options);
    assert_eq!(second, Err(StreamWriteError::DuplicateId));
    rig.receive(closed);
    assert_eq!(
        rig.replies(),
        [Reply::StreamOpened("s".to_owned(), Err(refused.clone()))]
    );
    rig.sent();
    open(&mut rig);
    rig.receive(closed);
    assert_eq!(
        rig.session.write_stream(rig.now, "s", text("x")),
        Err(refused)
    );
}

#[test]
fn an_error_ends_a_stream_at_once() {
    let mut rig = Rig::connected();
    open(&mut rig);
    write(&mut rig, 1);
    rig.sent();
    let error = StreamEndError::default()
        .with_message("oops")
        .with_user_error_code("E7");
    rig.session.end_stream(rig.now, "s", Some(error)).unwrap();
    assert_eq!(
        rig.sent(),
        [r#"{"type":"streamEnd","streamId":"s","error":{"message":"oops","userErrorCode":"E7"}}"#]
    );
}

#[test]
fn an_idle_stream_is_kept_alive() {
    let mut rig = Rig::connected();
    let options = StreamOptions::default()
        .with_stream_id("s")
        .with_idle_timeout(SECOND * 6);
    rig.session
        .open_group_stream(rig.now, &group("g"), options)
        .unwrap();
    acknowledge(&mut rig, 1);
    rig.sent();
    rig.advance(SECOND * 4);
    let alive = r#"{"type":"streamData","streamId":"s"}"#;
    assert_eq!(rig.sent(), [alive, alive]);
}

#[test]
fn a_service_that_wants_back_what_it_took_ends_the_stream() {
    let mut rig = Rig::connected();
    open(&mut rig);
    write(&mut rig, 1);
    acknowledge(&mut rig, 2);
    refuse(&mut rig, 1, "InvalidSequenceId");
    let error = rig.session.write_stream(rig.now, "s", text("x"));
    assert!(matches!(error, Err(StreamWriteError::Refused(_))));
}

#[test]
fn a_service_that_does_not_answer_is_not_waited_for_for_ever() {
    let mut rig = Rig::connected();
    let options = StreamOptions::default().with_stream_id("s");
    rig.session
        .open_group_stream(rig.now, &group("g"), options)
        .unwrap();
    rig.sent();
    rig.advance(SECOND * 30);
    let timed_out = || Err(StreamWriteError::TimedOut);
    assert_eq!(
        rig.replies(),
        [Reply::StreamOpened("s".to_owned(), timed_out())]
    );
    assert!(rig.sent().contains(&END.to_owned()));
    rig.receive(r#"{"type":"pong"}"#);
    open(&mut rig);
    rig.session.end_stream(rig.now, "s", None).unwrap();
    rig.advance(SECOND * 30);
    assert_eq!(
        rig.replies(),
        [Reply::StreamEnded("s".to_owned(), timed_out())]
    );
}

#[test]
fn a_stream_that_is_ended_before_it_was_started_answers_everybody() {
    let name = || "s".to_owned();
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.dial();
    let open = |rig: &mut Rig| {
        let options = StreamOptions::default().with_stream_id("s");
        rig.session
            .open_group_stream(rig.now, &group("g"), options)
            .unwrap();
    };
    open(&mut rig);
    rig.session.end_stream(rig.now, "s", None).unwrap();
    assert_eq!(
        rig.replies(),
        [
            Reply::StreamOpened(name(), Err(StreamWriteError::Ended)),
            Reply::StreamEnded(name(), Ok(())),
        ]
    );
    // With a fragment it is started, and ended after it.
    open(&mut rig);
    let write = rig.session.write_stream(rig.now, "s", text("x")).unwrap();
    rig.session.end_stream(rig.now, "s", None).unwrap();
    assert_eq!(rig.replies(), []);
    rig.open();
    rig.say_connected("c1");
    for expected in [1, 2] {
        rig.receive(&format!(
            r#"{{"type":"streamAck","streamId":"s","expectedSequenceId":{expected}}}"#
        ));
    }
    rig.receive(r#"{"type":"streamClosed","streamId":"s"}"#);
    assert_eq!(
        rig.replies(),
        [
            Reply::Started(Ok(())),
            Reply::StreamOpened(name(), Ok(())),
            Reply::StreamWritten(write, Ok(())),
            Reply::StreamEnded(name(), Ok(())),
        ]
    );
    let sent = rig.sent();
    assert!(
        sent[1].contains(r#""data":"x""#) && sent[2].contains("streamEnd"),
        "{sent:?}"
    );
}

#[test]
fn a_stream_waits_for_a_connection_as_long_as_a_request_does() {
    let limit = SessionOptions::DEFAULT_ACK_TIMEOUT;
    let mut rig = Rig::connected();
    rig.close(1008);
    rig.dial();
    let options = StreamOptions::default().with_stream_id("s");
    rig.session
        .open_group_stream(rig.now, &group("g"), options)
        .unwrap();
    let id = write(&mut rig, 1);
    rig.session.end_stream(rig.now, "s", None).unwrap();
    rig.advance(limit - SECOND);
    assert_eq!(rig.replies(), []);
    rig.advance(SECOND);
    let error = StreamWriteError::NotConnected;
    assert_eq!(
        rig.replies(),
        [
            Reply::StreamWritten(id, Err(error.clone())),
            Reply::StreamOpened("s".to_owned(), Err(error.clone())),
            Reply::StreamEnded("s".to_owned(), Err(error)),
        ]
    );
}

#[test]
fn an_ack_that_accepts_nothing_more_puts_off_no_fragment() {
    let mut rig = Rig::connected();
    open(&mut rig);
    write(&mut rig, 1);
    rig.sent();
    refuse(&mut rig, 1, "TransientError");
    acknowledge(&mut rig, 1);
    rig.advance(SECOND / 100);
    assert_eq!(rig.sent(), [fragment(1)]);
}

#[test]
fn an_open_stream_may_be_silent_for_longer_than_an_answer_takes() {
    let mut rig = Rig::connected();
    open(&mut rig);
    // The service ends it after 300 s.
    for second in 1..=400 {
        rig.advance(SECOND);
        let sent = rig.sent();
        let alive = sent.contains(&r#"{"type":"streamData","streamId":"s"}"#.to_owned());
        assert_eq!(alive, second % 100 == 0, "{second}");
        rig.receive(r#"{"type":"pong"}"#);
    }
    write(&mut rig, 1);
    assert_eq!(rig.sent(), [fragment(1)]);
}

#[test]
fn an_error_of_the_service_at_the_end_is_one_unless_the_end_was_sent_twice() {
    let close = |rig: &mut Rig, name: &str| {
        rig.receive(&format!(
            r#"{{"type":"streamClosed","streamId":"s","error":{{"name":"{name}","message":""}}}}"#
        ));
    };
    let refused = |name| StreamWriteError::Refused(AckError::new(name, ""));
    let mut rig = Rig::connected();
    open(&mut rig);
    rig.session.end_stream(rig.now, "s", None).unwrap();
    close(&mut rig, "Forbidden");
    let ended = Err(refused("Forbidden"));
    assert_eq!(rig.replies(), [Reply::StreamEnded("s".to_owned(), ended)]);
    // One that was not ended should be there.
    rig.sent();
    open(&mut rig);
    close(&mut rig, "StreamNotFound");
    assert_eq!(
        rig.session.write_stream(rig.now, "s", text("x")),
        Err(refused("StreamNotFound"))
    );
}

#[test]
fn a_stream_that_waits_is_started_on_whichever_connection_comes() {
    let mut rig = Rig::connected();
    rig.lose();
    rig.dial();
    let options = StreamOptions::default().with_stream_id("s");
    rig.session
        .open_group_stream(rig.now, &group("g"), options)
        .unwrap();
    rig.open();
    // The connection is not recovered.
    rig.close(1008);
    assert_eq!(rig.replies(), []);
    rig.wait_for_dial();
    rig.open();
    rig.say_connected("c2");
    assert_eq!(rig.sent(), [start()]);
}

#[test]
fn every_option_of_a_stream_is_in_its_first_frame() {
    let mut rig = Rig::connected();
    let options = StreamOptions::default()
        .with_idle_timeout(SECOND * 3 / 2 + SECOND / 10_000)
        .with_stream_id("s")
        .with_no_echo(true);
    rig.session
        .open_group_stream(rig.now, &group("g"), options)
        .unwrap();
    let sent = rig.sent().concat();
    for part in [r#""noEcho":true"#, r#""streamId":"s""#, ":1501"] {
        assert!(sent.contains(part), "{sent}");
    }
}

#[test]
fn an_ack_that_accepts_more_ends_a_retransmission() {
    let mut rig = Rig::connected();
    open(&mut rig);
    for number in 1..=3 {
        write(&mut rig, number);
    }
    rig.sent();
    refuse(&mut rig, 1, "TransientError");
    acknowledge(&mut rig, 2);
    rig.advance(SECOND);
    assert!(rig.sent().iter().all(|frame| *frame != fragment(2)));
    // The next one is as new as the first.
    refuse(&mut rig, 2, "InvalidSequenceId");
    assert_eq!(rig.sent(), [fragment(2), fragment(3)]);
}
