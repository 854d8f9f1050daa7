//! Clients without recovery: opening, the messages of each subprotocol, refusals.

use azwire_tests::pubsub::peer::{JSON_RELIABLE, Opening, PROTOBUF, refused};
use azwire_tests::pubsub::rest::Rest;
use azwire_tests::within;
use bytes::Bytes;
use emulator::{Emulator, PubSubState};
use futures::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use pubsub::protocol::{DownstreamMessage, json};
use serde_json::json;
use transport::{Message, Text};

async fn start() -> Emulator {
    Emulator::builder().start().await.unwrap()
}

fn hex(text: &str) -> Bytes {
    let byte = |index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap();
    (0..text.len() / 2).map(byte).collect()
}

#[tokio::test]
async fn openings_are_checked() {
    within(async {
        let emulator = start().await;
        for (opening, status) in [
            (Opening::all("1chat"), StatusCode::BAD_REQUEST),
            (Opening::all("chat").groups(&[" "]), StatusCode::BAD_REQUEST),
            (
                Opening::all("chat").subprotocol(Some("unknown")),
                StatusCode::BAD_REQUEST,
            ),
            (
                Opening::all("chat")
                    .subprotocol(None)
                    .query("&webpubsub_mode=x"),
                StatusCode::BAD_REQUEST,
            ),
        ] {
            assert_eq!(refused(opening.try_open(&emulator).await), status);
        }
        // Hubs are compared without case.
        let rest = Rest {
            emulator: &emulator,
            hub: "CHAT",
        };
        let peer = Opening::all("Chat").open(&emulator).await;
        assert_eq!(
            rest.call(Method::HEAD, &format!("connections/{}", peer.id))
                .await
                .status,
            200
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_client_url_does_not_need_does_not_matter() {
    within(async {
        let emulator = start().await;
        for query in [
            "&webpubsub_mode=x",
            "&webpubsub_mode=sendToGroup",
            "&awps_connection_id=",
            "&awps_connection_id=&awps_reconnection_token=x",
            "&awps_reconnection_token=x",
            "&group=%20&noEcho=maybe",
        ] {
            let mut peer = Opening::all("chat").query(query).open(&emulator).await;
            let ack = peer
                .ask(r#"{"type":"joinGroup","group":"g","ackId":1}"#)
                .await;
            assert_eq!(ack["success"], true, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_message_does_not_need_does_not_matter() {
    within(async {
        let emulator = start().await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        let ok = |id| json!({ "type": "ack", "ackId": id, "success": true });
        for (id, text) in [
            r#"{"type":"joinGroup","group":"g","ackId":0,"from":5}"#,
            r#"{"type":"joinGroup","group":7,"group":"g","ackId":1,"ackId":1}"#,
            r#"{"type":"leaveGroup","group":"g","ackId":2,"dataType":null,"data":"\ud800","noEcho":"x","ttlSeconds":-1,"metadata":[],"stream":1,"sequenceId":1e400}"#,
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(peer.ask(text).await, ok(id), "{text}");
        }
        // A request with all it needs is accepted.
        for bad in [
            r#"{"type":"event","event":"e","ackId":3,"dataType":null,"data":1}"#,
            r#"{"type":"joinGroup","group":"g","group":7,"ackId":3}"#,
        ] {
            let mut peer = Opening::all("chat").open(&emulator).await;
            peer.send(bad).await;
            assert_eq!(peer.close_code().await, Some(1007), "{bad}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_told_that_it_is_in_is_in() {
    within(async {
        let emulator = start().await;
        let simple = Opening::all("chat").subprotocol(None);
        let reliable = Opening::all("chat").subprotocol(Some(JSON_RELIABLE));
        for _ in 0..100 {
            let request = simple.raw_request(&emulator);
            // On a separate thread, so that nothing happens between the answer and the check.
            let connections = tokio::task::block_in_place(|| {
                let _socket = raw_open(&emulator, &request);
                emulator.pubsub().state().hub("chat").connections.len()
            });
            assert_eq!(connections, 1);
            let gone = emulator.pubsub().wait_for(|state| state.hubs.is_empty());
            gone.await.unwrap();
        }
        for _ in 0..50 {
            let peer = reliable.open(&emulator).await;
            let token = peer.reconnection_token.clone().unwrap();
            let query = format!(
                "awps_connection_id={}&awps_reconnection_token={token}",
                peer.id
            );
            drop(peer);
            let to_recover = |state: &PubSubState| state.hub("chat").connections_to_recover;
            let lost = || emulator.pubsub().wait_for(|state| to_recover(state) == 1);
            lost().await.unwrap();
            let request = reliable.raw_request_with(&emulator, &query);
            let state = tokio::task::block_in_place(|| {
                let _socket = raw_open(&emulator, &request);
                emulator.pubsub().state()
            });
            assert_eq!(to_recover(&state), 0);
            lost().await.unwrap();
            emulator.clock().advance(std::time::Duration::from_secs(31));
            let gone = emulator.pubsub().wait_for(|state| state.hubs.is_empty());
            gone.await.unwrap();
        }
    })
    .await;
}

/// Sends a request and returns as soon as the head of the answer has arrived.
fn raw_open(emulator: &Emulator, request: &str) -> std::net::TcpStream {
    use std::io::{Read as _, Write as _};

    let host = emulator.pubsub().endpoint().replace("http://", "");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 512];
    let length = stream.read(&mut head).unwrap();
    assert!(head[..length].starts_with(b"HTTP/1.1 101 "));
    stream
}

#[tokio::test]
async fn requests_are_acknowledged_with_every_outcome() {
    within(async {
        let emulator = start().await;
        let mut peer = Opening::new("chat", Some("u"), &["webpubsub.joinLeaveGroups.a-*", "webpubsub.sendToGroup.a-1"])
            .open(&emulator)
            .await;
        let ok = |id| json!({ "type": "ack", "ackId": id, "success": true });
        assert_eq!(peer.ask(r#"{"type":"joinGroup","group":"a-1","ackId":0}"#).await, ok(0));
        let refused = peer.ask(r#"{"type":"joinGroup","group":"b","ackId":1}"#).await;
        assert_eq!(refused["error"]["name"], "Forbidden");
        assert_eq!(refused["error"]["message"], "The client does not have permission to join group 'b'.");
        let again = peer.ask(r#"{"type":"leaveGroup","group":"a-1","ackId":0}"#).await;
        assert_eq!(again["error"]["name"], "Duplicate");
        assert_eq!(again["error"]["message"], "Message with ack-id: 0 has been processed");
        // A refused ack id may be reused.
        assert_eq!(peer.ask(r#"{"type":"joinGroup","group":"a-2","ackId":1}"#).await, ok(1));
        // The message arrives before its acknowledgement.
        let echo = peer.ask(r#"{"type":"sendToGroup","group":"a-1","ackId":2,"data":{"b": 1.50, "a":2},"metadata":{"k":"v"}}"#).await;
        assert_eq!(
            echo,
            json!({ "type": "message", "from": "group", "group": "a-1", "fromUserId": "u", "dataType": "json", "data": { "b": 1.50, "a": 2 }, "metadata": { "k": "v" } })
        );
        assert_eq!(peer.next().await, ok(2));
        assert_eq!(peer.ask(r#"{"type":"sendToGroup","group":"a-1","ackId":3,"noEcho":true,"data":1}"#).await, ok(3));
        let refused = peer.ask(r#"{"type":"sendToGroup","group":"a-2","ackId":4,"data":1}"#).await;
        assert_eq!(refused["error"]["name"], "Forbidden");
        // Without an ack id a refusal is silent.
        peer.send(r#"{"type":"sendToGroup","group":"a-2","data":1}"#).await;
        let refused = peer.ask(r#"{"type":"event","event":"e","ackId":5,"data":1}"#).await;
        assert_eq!(refused["error"]["name"], "InternalServerError");
        assert_eq!(peer.ask(r#"{"type":"sequenceAck","sequenceId":7}{"#).await["event"], "disconnected");
    })
    .await;
}

#[tokio::test]
async fn pings_and_invocations_are_answered() {
    within(async {
        let emulator = start().await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        assert_eq!(
            peer.ask(r#"{"type":"ping"}"#).await,
            json!({ "type": "pong" })
        );
        let answer = peer
            .ask(r#"{"type":"invoke","invocationId":"i","target":"event","event":"e"}"#)
            .await;
        assert_eq!(
            (&answer["invocationId"], &answer["success"]),
            (&json!("i"), &json!(false))
        );
        assert_eq!(answer["error"]["name"], "InternalServerError");
        // A canceled one gets no answer, and JSON may be sent in binary frames.
        let ping = Message::binary(r#"{"type":"ping"}"#.as_bytes().to_vec());
        peer.send(r#"{"type":"cancelInvocation","invocationId":"j"}"#)
            .await;
        peer.socket.send(ping).await.unwrap();
        assert_eq!(peer.next().await, json!({ "type": "pong" }));
    })
    .await;
}

#[tokio::test]
async fn an_event_that_nobody_takes_ends_only_a_simple_client() {
    within(async {
        let emulator = start().await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        peer.send(r#"{"type":"event","event":"e","data":1}"#).await;
        assert_eq!(peer.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        let mut simple = Opening::all("chat").subprotocol(None).open(&emulator).await;
        simple.send("x").await;
        let frame = simple.end().await.unwrap();
        assert_eq!(
            (frame.code.as_u16(), &*frame.reason),
            (1011, "EventHandlerNotFound")
        );
    })
    .await;
}

#[tokio::test]
async fn messages_that_are_none_end_the_session() {
    within(async {
        let emulator = start().await;
        for bad in [
            "[]",
            r#"{"type":"nope"}"#,
            r#"{"type":"joinGroup"}"#,
            r#"{"type":"joinGroup","group":"  "}"#,
            r#"{"type":"joinGroup","group":"g","ackId":"1"}"#,
            r#"{"type":"joinGroup","group":"g","ackId":-1}"#,
            r#"{"type":"sendToGroup","group":"g"}"#,
            r#"{"type":"sendToGroup","group":"g","dataType":"text","data":5}"#,
            r#"{"type":"sendToGroup","group":"g","dataType":"binary","data":"@@"}"#,
            r#"{"type":"sendToGroup","group":"g","data":null}"#,
            r#"{"type":"sendToGroup","group":"g","data":1,"noEcho":"yes"}"#,
            r#"{"type":"sendToGroup","group":"g","data":1,"ttlSeconds":301}"#,
            r#"{"type":"event","event":"9x","data":1}"#,
            r#"{"type":"sequenceAck"}"#,
            r#"{"type":"sendToGroup","group":"g","dataType":"xml","data":"x"}"#,
            r#"{"type":"sendToGroup","group":"g","dataType":"protobuf","data":"/w=="}"#,
            r#"{"type":"sendToGroup","group":"g","data":1,"metadata":{"a b":"c"}}"#,
            r#"{"type":"sendToGroup","group":"g","data":1,"metadata":{"a":"b","a":"c"}}"#,
            r#"{"type":"sendToGroup","group":"g","data":1,"stream":{"streamId":"s"}}"#,
            r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s","idleTimeoutMs":0}}"#,
            r#"{"type":"streamData","streamId":"s","streamSequenceId":0,"data":1}"#,
            r#"{"type":"streamData","streamId":"s","data":1}"#,
            r#"{"type":"invoke","invocationId":"i","event":"e"}"#,
            r#"{"type":"invoke","target":"event","event":"e"}"#,
            &format!(
                r#"{{"type":"event","event":"{}","data":1}}"#,
                "e".repeat(129)
            ),
            &format!(r#"{{"type":"joinGroup","group":"{}"}}"#, "g".repeat(1025)),
            "",
        ] {
            let mut peer = Opening::all("chat")
                .subprotocol(Some(JSON_RELIABLE))
                .open(&emulator)
                .await;
            peer.send(bad).await;
            assert_eq!(peer.close_code().await, Some(1007), "{bad}");
        }
        let mut large = Opening::all("chat").open(&emulator).await;
        let text = format!(
            r#"{{"type":"sendToGroup","group":"g","data":"{}"}}"#,
            "x".repeat(1 << 20)
        );
        large.send(&text).await;
        assert_eq!(large.close_code().await, Some(1009));
        let mut protobuf = Opening::all("chat")
            .subprotocol(Some(PROTOBUF))
            .open(&emulator)
            .await;
        protobuf.next_message().await;
        protobuf.send("text").await;
        assert_eq!(protobuf.close_code().await, Some(1003));
        let mut protobuf = Opening::all("chat")
            .subprotocol(Some(PROTOBUF))
            .open(&emulator)
            .await;
        protobuf.next_message().await;
        protobuf
            .socket
            .send(Message::binary(vec![0xff; 9]))
            .await
            .unwrap();
        assert_eq!(protobuf.close_code().await, Some(1007));
        assert!(emulator.pubsub().state().hubs.is_empty());
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_client_understands_every_payload() {
    within(async {
        let emulator = start().await;
        let mut json = Opening::all("chat").groups(&["room-7"]).open(&emulator).await;
        let mut simple = Opening::all("chat").groups(&["room-7"]).subprotocol(None).open(&emulator).await;
        let mut protobuf = Opening::all("chat").groups(&["room-7"]).subprotocol(Some(PROTOBUF)).open(&emulator).await;
        protobuf.next_message().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let connected = emulator.pubsub().wait_for(|state| state.hub("chat").connections.len() == 3);
        connected.await.unwrap();

        // Frames of a protobuf client, and the messages that others receive.
        for (frame, message, simple_frame) in [
            (
                // Text "héllo" with ack id 13, but with echo.
                "0a140a06726f6f6d2d37100d1a080a0668c3a96c6c6f",
                json!({ "dataType": "text", "data": "héllo" }),
                Message::text("héllo"),
            ),
            (
                "0a0f0a06726f6f6d2d371a05120300ff10",
                json!({ "dataType": "binary", "data": "AP8Q" }),
                Message::binary(vec![0x00, 0xff, 0x10]),
            ),
            (
                "0a320a06726f6f6d2d37100e1a261a240a1e747970652e676f6f676c65617069732e636f6d2f64656d6f2e506f696e7412020807",
                json!({ "dataType": "protobuf", "data": "Ch50eXBlLmdvb2dsZWFwaXMuY29tL2RlbW8uUG9pbnQSAggH" }),
                Message::Binary(hex("0a1e747970652e676f6f676c65617069732e636f6d2f64656d6f2e506f696e7412020807")),
            ),
            (
                "0a160a06726f6f6d2d37100f1a0a22087b2274223a32317d",
                json!({ "dataType": "json", "data": { "t": 21 } }),
                Message::text(r#"{"t":21}"#),
            ),
        ] {
            protobuf.socket.send(Message::Binary(hex(frame))).await.unwrap();
            let mut expected = message.clone();
            expected["type"] = json!("message");
            expected["from"] = json!("group");
            expected["group"] = json!("room-7");
            assert_eq!(json.next().await, expected);
            assert_eq!(simple.next_message().await, simple_frame);
            let Message::Binary(echo) = protobuf.next_message().await else {
                panic!("protobuf comes in binary frames");
            };
            // DataMessage { from: "group", group: "room-7", data }.
            assert_eq!(echo[..2], [0x12, u8::try_from(echo.len() - 2).unwrap()]);
            assert_eq!(echo[2..17], hex("0a0567726f75701206726f6f6d2d37")[..]);
            if frame.contains("100d") || frame.contains("100e") || frame.contains("100f") {
                let Message::Binary(ack) = protobuf.next_message().await else {
                    panic!("protobuf comes in binary frames");
                };
                assert_eq!((ack[0], ack[ack.len() - 1]), (0x0a, 1));
            }
        }

        // Text from the group, JSON from the server, both without a sequence id.
        rest.post("groups/room-7/:send", "text/plain", "hi").await;
        let frame = hex("12150a0567726f75701206726f6f6d2d371a040a026869");
        assert_eq!(protobuf.next_message().await, Message::Binary(frame));
        rest.post(":send", "application/json", r#"{"a":1}"#).await;
        let frame = hex("12130a067365727665721a0922077b2261223a317d");
        assert_eq!(protobuf.next_message().await, Message::Binary(frame));
        assert_eq!(simple.next_message().await, Message::text("hi"));
        assert_eq!(simple.next_message().await, Message::text(r#"{"a":1}"#));
        assert_eq!(json.next().await["data"], "hi");
        assert_eq!(json.next().await["data"]["a"], 1);
    })
    .await;
}

#[tokio::test]
async fn a_simple_client_may_publish_its_frames() {
    within(async {
        let emulator = start().await;
        let mut member = Opening::all("chat").groups(&["g"]).open(&emulator).await;
        let mode = "&webpubsub_mode=sendToGroup&group=g&noEcho=true";
        let mut simple = Opening::all("chat")
            .groups(&["g"])
            .subprotocol(None)
            .query(mode)
            .open(&emulator)
            .await;
        simple.send("x").await;
        assert_eq!(member.next().await["data"], "x");
        simple.socket.send(Message::binary(vec![1])).await.unwrap();
        assert_eq!(member.next().await["data"], "AQ==");
        let mut other = Opening::new("chat", None, &[])
            .subprotocol(None)
            .query(mode)
            .open(&emulator)
            .await;
        other.send("x").await;
        assert_eq!(other.close_code().await, Some(1008));
    })
    .await;
}

#[tokio::test]
async fn streams_go_to_the_group_in_order() {
    within(async {
        let emulator = start().await;
        let mut member = Opening::all("chat").groups(&["g"]).open(&emulator).await;
        let mut peer = Opening::new("chat", Some("u"), &["webpubsub.sendToGroup.g"]).open(&emulator).await;
        for unknown in [
            r#"{"type":"streamData","streamId":"s"}"#,
            r#"{"type":"streamData","streamId":"s","streamSequenceId":1,"data":1}"#,
            r#"{"type":"streamEnd","streamId":"s"}"#,
        ] {
            let answer = peer.ask(unknown).await;
            assert_eq!((&answer["type"], &answer["error"]["name"]), (&json!("streamClosed"), &json!("StreamNotFound")));
        }
        let answer = peer.ask(r#"{"type":"sendToGroup","group":"h","stream":{"streamId":"s"}}"#).await;
        assert_eq!((&answer["type"], &answer["error"]["name"]), (&json!("streamClosed"), &json!("Forbidden")));
        let start = r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s","idleTimeoutMs":60000}}"#;
        let ack = |expected| json!({ "type": "streamAck", "streamId": "s", "expectedSequenceId": expected });
        assert_eq!(peer.ask(start).await, ack(1));
        assert_eq!(peer.ask(start).await["error"]["name"], "BadRequest");
        let part = |number: u64| format!(r#"{{"type":"streamData","streamId":"s","streamSequenceId":{number},"dataType":"text","data":"p{number}"}}"#);
        assert_eq!(peer.ask(&part(1)).await, ack(2));
        let nack = peer.ask(&part(3)).await;
        assert_eq!((&nack["type"], &nack["name"], &nack["expectedSequenceId"]), (&json!("streamNack"), &json!("InvalidSequenceId"), &json!(2)));
        assert_eq!(peer.ask(&part(2)).await, ack(3));
        assert_eq!(peer.ask(&part(1)).await, ack(3));
        peer.send(r#"{"type":"streamData","streamId":"s"}"#).await;
        let closed = peer.ask(r#"{"type":"streamEnd","streamId":"s","error":{"message":"oops","userErrorCode":"E7"}}"#).await;
        assert_eq!(closed, json!({ "type": "streamClosed", "streamId": "s" }));
        for number in 1..=2 {
            let message = member.next().await;
            assert_eq!((&message["data"], &message["fromUserId"]), (&json!(format!("p{number}")), &json!("u")));
            assert_eq!(message["stream"], json!({ "streamId": "s", "streamSequenceId": number }));
        }
        let end = member.next().await;
        assert_eq!(end["stream"]["streamSequenceId"], 3);
        assert_eq!(end["stream"]["endOfStream"], true);
        assert_eq!(end["stream"]["error"], json!({ "name": "UserError", "message": "oops", "userErrorCode": "E7" }));

        // An idle one is ended for both sides.
        assert_eq!(peer.ask(start).await, ack(1));
        emulator.clock().advance(std::time::Duration::from_secs(61));
        assert_eq!(peer.next().await["error"]["name"], "IdleTimeout");
        assert_eq!(member.next().await["stream"]["error"]["name"], "IdleTimeout");
        // One whose publisher is gone is canceled.
        assert_eq!(peer.ask(start).await, ack(1));
        drop(peer);
        assert_eq!(member.next().await["stream"]["error"]["name"], "Cancelled");
    })
    .await;
}

#[tokio::test]
async fn states_need_a_role_of_their_own_or_the_one_to_join() {
    within(async {
        let emulator = start().await;
        for (roles, sets, gets) in [
            (&[][..], false, false),
            (&["webpubsub.setGroupState"], true, false),
            (&["webpubsub.setGroupState.g"], true, false),
            (&["webpubsub.getGroupState"], false, true),
            (&["webpubsub.getGroupState.g"], false, true),
            (
                &["webpubsub.getGroupState", "webpubsub.setGroupState"],
                true,
                true,
            ),
            (
                &["webpubsub.getGroupState.h", "webpubsub.setGroupState.h"],
                false,
                false,
            ),
            (&["webpubsub.joinLeaveGroup"], true, true),
            (&["webpubsub.joinLeaveGroup.g"], true, true),
            (&["webpubsub.joinLeaveGroups.g*"], true, true),
            (&["webpubsub.joinLeaveGroup.h"], false, false),
            (&["webpubsub.sendToGroup"], false, false),
        ] {
            let opening = Opening::new("chat", None, roles).groups(&["g"]);
            let mut peer = opening.open(&emulator).await;
            let set = r#"{"type":"setGroupState","group":"g","ackId":1,"state":{"k":"v"}}"#;
            assert_eq!(peer.ask(set).await["success"], sets, "{roles:?}");
            let clear = r#"{"type":"setGroupState","group":"g","ackId":2}"#;
            assert_eq!(peer.ask(clear).await["success"], sets, "{roles:?}");
            let get = r#"{"type":"subscribeGroupState","group":"g","ackId":3}"#;
            let ack = peer.ask(get).await;
            assert_eq!(ack["success"], gets, "{roles:?}");
            if gets {
                assert_eq!(peer.next().await["type"], "groupStateSnapshot");
            } else {
                assert_eq!(ack["error"]["name"], "Forbidden");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn states_of_a_group_reach_its_subscribers() {
    within(async {
        let emulator = start().await;
        let mut a = Opening::all("chat").groups(&["g"]).open(&emulator).await;
        let mut b = Opening::all("chat").open(&emulator).await;
        assert_eq!(
            a.ask(r#"{"type":"setGroupState","group":"g","ackId":1,"state":{"k":"v"}}"#)
                .await["success"],
            true
        );
        assert_eq!(
            b.ask(r#"{"type":"setGroupState","group":"g","ackId":1,"state":{"k":"v"}}"#)
                .await["error"]["name"],
            "Forbidden"
        );
        // The acknowledgement comes before the snapshot.
        let ack = b
            .ask(r#"{"type":"subscribeGroupState","group":"g","ackId":2}"#)
            .await;
        assert_eq!(ack["success"], true);
        let snapshot = b.next().await;
        assert_eq!(snapshot["type"], "groupStateSnapshot");
        assert_eq!(snapshot["items"][0]["state"], json!({ "k": "v" }));
        assert_eq!(
            a.ask(r#"{"type":"setGroupState","group":"g","ackId":2,"state":{"k":"w"}}"#)
                .await["success"],
            true
        );
        let update = b.next().await;
        assert_eq!(update["items"][0]["state"], json!({ "k": "w" }));
        assert!(
            update["items"][0]["updatedAt"].as_i64() > snapshot["items"][0]["updatedAt"].as_i64()
        );
        // Cleared, set again, and removed with its owner.
        assert_eq!(
            a.ask(r#"{"type":"setGroupState","group":"g","ackId":3}"#)
                .await["success"],
            true
        );
        assert_eq!(b.next().await["items"][0].get("state"), None);
        a.send(r#"{"type":"setGroupState","group":"g","state":{}}"#)
            .await;
        assert_eq!(b.next().await["items"][0]["state"], json!({}));
        drop(a);
        let update = b.next().await;
        assert_eq!(
            (&update["type"], update["items"][0].get("state")),
            (&json!("groupStateUpdate"), None)
        );
        // A client that has unsubscribed receives nothing more, and nothing is left behind.
        assert_eq!(
            b.ask(r#"{"type":"unsubscribeGroupState","group":"g","ackId":3}"#)
                .await["success"],
            true
        );
        let state = emulator.pubsub().state();
        assert_eq!(state.hub("chat").groups_with_states, 0);
        let mut none = Opening::new("chat", None, &[]).open(&emulator).await;
        let refused = none
            .ask(r#"{"type":"subscribeGroupState","group":"g","ackId":1}"#)
            .await;
        assert_eq!(refused["error"]["name"], "Forbidden");
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_stops_is_dropped_and_slows_nobody() {
    within(async {
        let emulator = start().await;
        let slow = Opening::all("chat").open(&emulator).await;
        let mut fast = Opening::all("chat").open(&emulator).await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let body = "x".repeat(256 * 1024);
        for _ in 0..200 {
            assert_eq!(rest.post(":send", "text/plain", &body).await.status, 202);
            assert_eq!(
                fast.next().await["data"].as_str().map(str::len),
                Some(body.len())
            );
        }
        let state = emulator.pubsub().state();
        assert_eq!(state.slow_connections_dropped, 1, "{state}");
        assert_eq!(state.hub("chat").connections.len(), 1, "{state}");
        drop(slow);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_asks_without_reading_is_not_served_for_ever() {
    within(async {
        let emulator = start().await;
        let peer = Opening::all("chat").open(&emulator).await;
        let (mut sink, mut stream) = peer.socket.split();
        let ask = |id: u32| {
            Message::text(format!(
                r#"{{"type":"joinGroup","group":"g","ackId":{id}}}"#
            ))
        };
        // Far more answers than fit into sockets and queue; the client reads none before it has sent all.
        let sending = async {
            for id in 0..50_000 {
                sink.feed(ask(id)).await.unwrap();
            }
            sink.flush().await.unwrap();
        };
        let reading = async {
            let mut seen = 0;
            while seen < 50_000 {
                let Some(Ok(Message::Text(text))) = stream.next().await else {
                    panic!("the connection stays");
                };
                let message = json::decode_downstream(&Text::from(&*text)).unwrap();
                assert!(matches!(message, DownstreamMessage::Ack { ack_id, .. } if ack_id == seen));
                seen += 1;
            }
        };
        futures::future::join(sending, reading).await;
        assert_eq!(emulator.pubsub().state().slow_connections_dropped, 0);
    })
    .await;
}
