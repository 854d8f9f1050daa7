//! Messages of the service that are known and broken, as a client meets them.

use std::time::Duration;

use azwire_tests::log::Log;
use azwire_tests::pubsub::scripted::Scripted;
use pubsub::{Data, Event};
use tracing::level_filters::LevelFilter;

fn message(sequence_id: &str, text: &str) -> String {
    format!(
        r#"{{"sequenceId":{sequence_id},"type":"message","from":"server","dataType":"text","data":"{text}"}}"#
    )
}

/// The texts of messages, and the names of all other events.
fn told(world: &mut Scripted) -> Vec<String> {
    std::iter::from_fn(|| world.event())
        .map(|event| match event {
            Event::ServerMessage {
                data: Data::Text(text),
                ..
            } => text.to_string(),
            other => {
                let name = format!("{other:?}");
                name.split([' ', '{']).next().unwrap().to_owned()
            }
        })
        .collect()
}

#[test]
fn a_broken_message_is_ignored_and_noted_without_its_content() {
    let log = Log::of(LevelFilter::DEBUG);
    let mut world = Scripted::connected(|builder| builder);
    for frame in [
        r#"{"type":"ack","ackId":"s3cret","success":true}"#,
        r#"{"type":"ack","ackId":1,"success":"s3cret"}"#,
        r#"{"type":"message","from":"group","group":["s3cret"],"dataType":"text","data":"x"}"#,
        r#"{"type":"message","from":"group","group":"s3cret\ud800","dataType":"text","data":"x"}"#,
        r#"{"type":"streamAck","streamId":"s3cret","expectedSequenceId":-1}"#,
    ] {
        world.say(frame);
    }
    world.say(&message("1", "on"));
    assert_eq!(told(&mut world), ["on"]);
    let noted = log.text();
    assert_eq!(
        noted.matches("received an invalid frame").count(),
        5,
        "{noted}"
    );
    for field in [
        "`ackId` of `ack`",
        "`success` of `ack`",
        "`group` of `message`",
    ] {
        assert!(noted.contains(field), "{noted}");
    }
    assert!(!noted.contains("s3cret"), "{noted}");
}

#[test]
fn data_that_is_ignored_is_told_as_a_gap() {
    let mut world = Scripted::connected(|builder| builder);
    world.say(&message("1", "a"));
    world.say(r#"{"sequenceId":2,"type":"message","from":"server","dataType":7,"data":"b"}"#);
    world.say(&message("3", "c"));
    assert_eq!(told(&mut world), ["a", "Gap", "c"]);
}

#[test]
fn an_unreadable_sequence_id_is_recovered_from_without_a_loss() {
    for broken in [
        r#""2""#,
        "1.5",
        "-1",
        "18446744073709551616",
        r#"2,"sequenceId":2"#,
    ] {
        let mut world = Scripted::connected(|builder| builder);
        world.runtime.advance(Duration::from_secs(6));
        world.say(&message("1", "a"));
        world.say(&message(broken, "b"));
        assert_eq!(told(&mut world), ["a", "Recovering"], "{broken}");
        world.accept();
        // The service repeats what was not acknowledged, and does it better.
        for (id, text) in [("1", "a"), ("2", "b"), ("3", "c")] {
            world.say(&message(id, text));
        }
        assert_eq!(told(&mut world), ["Recovered", "b", "c"], "{broken}");
    }
}
