//! Payloads and metadata, from each kind of sender to each kind of receiver.

use azwire_tests::pubsub::peer::{
    JSON_RELIABLE, Opening, PROTOBUF, PROTOBUF_RELIABLE, Peer, connect,
};
use azwire_tests::pubsub::rest::{Rest, exchange};
use azwire_tests::pubsub::token::{now, signer};
use azwire_tests::within;
use bytes::Bytes;
use emulator::Emulator;
use futures::SinkExt;
use http::{Method, Request};
use serde_json::{Value, json};
use transport::{Body, Message};

fn hex(text: &str) -> Bytes {
    let byte = |index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap();
    (0..text.len() / 2).map(byte).collect()
}

/// Members of `room-7`, one of each kind.
struct Room {
    emulator: Emulator,
    json: Peer,
    protobuf: Peer,
    simple: Peer,
}

impl Room {
    async fn open() -> Self {
        let emulator = Emulator::builder().start().await.unwrap();
        let member = Opening::all("chat").groups(&["room-7"]);
        let json = member.open(&emulator).await;
        let mut protobuf = member
            .clone()
            .subprotocol(Some(PROTOBUF))
            .open(&emulator)
            .await;
        protobuf.next_message().await;
        let simple = member.clone().subprotocol(None).open(&emulator).await;
        let pubsub = emulator.pubsub();
        pubsub
            .wait_for(|state| state.hub("chat").connections.len() == 3)
            .await
            .unwrap();
        Self {
            emulator,
            json,
            protobuf,
            simple,
        }
    }
}

#[tokio::test]
async fn a_json_sender_is_understood_by_all() {
    within(async {
        let mut room = Room::open().await;
        for (sent, json, protobuf, simple) in [
            (
                r#""dataType":"text","data":"hi""#,
                r#""dataType":"text","data":"hi"}"#,
                "12150a0567726f75701206726f6f6d2d371a040a026869",
                Message::text("hi"),
            ),
            (
                // The default data type.
                r#""data":{"t": 2.10}"#,
                r#""dataType":"json","data":{"t": 2.10}}"#,
                "121e0a0567726f75701206726f6f6d2d371a0d220b7b2274223a20322e31307d",
                Message::text(r#"{"t": 2.10}"#),
            ),
            (
                r#""dataType":"json","data":"x""#,
                r#""dataType":"json","data":"x"}"#,
                "12160a0567726f75701206726f6f6d2d371a052203227822",
                Message::text(r#""x""#),
            ),
            (
                r#""dataType":"Binary","data":"AP8Q""#,
                r#""dataType":"binary","data":"AP8Q"}"#,
                "12160a0567726f75701206726f6f6d2d371a05120300ff10",
                Message::binary(vec![0x00, 0xff, 0x10]),
            ),
            (
                r#""dataType":"protobuf","data":"Ch50eXBlLmdvb2dsZWFwaXMuY29tL2RlbW8uUG9pbnQSAggH""#,
                r#""dataType":"protobuf","data":"Ch50eXBlLmdvb2dsZWFwaXMuY29tL2RlbW8uUG9pbnQSAggH"}"#,
                "12370a0567726f75701206726f6f6d2d371a261a240a1e747970652e676f6f676c65617069732e636f6d2f64656d6f2e506f696e7412020807",
                Message::Binary(hex("0a1e747970652e676f6f676c65617069732e636f6d2f64656d6f2e506f696e7412020807")),
            ),
        ] {
            room.json.send(&format!(r#"{{"type":"sendToGroup","group":"room-7",{sent}}}"#)).await;
            let Message::Text(echo) = room.json.next_message().await else {
                panic!("JSON comes in text frames");
            };
            // Verbatim: JSON is forwarded as it was written.
            assert!(echo.ends_with(json), "{}", echo.as_str());
            assert_eq!(room.protobuf.next_message().await, Message::Binary(hex(protobuf)), "{sent}");
            assert_eq!(room.simple.next_message().await, simple, "{sent}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_sender_without_a_subprotocol_is_understood_by_all() {
    within(async {
        let mut room = Room::open().await;
        let mode = "&webpubsub_mode=sendToGroup&group=room-7";
        let opening = Opening::all("chat").subprotocol(None).query(mode);
        let mut sender = opening.open(&room.emulator).await;
        sender.send("hi").await;
        assert_eq!(room.json.next().await["dataType"], "text");
        let frame = "12150a0567726f75701206726f6f6d2d371a040a026869";
        assert_eq!(
            room.protobuf.next_message().await,
            Message::Binary(hex(frame))
        );
        assert_eq!(room.simple.next_message().await, Message::text("hi"));
        sender
            .socket
            .send(Message::binary(vec![0x00, 0xff, 0x10]))
            .await
            .unwrap();
        assert_eq!(room.json.next().await["data"], "AP8Q");
        let frame = "12160a0567726f75701206726f6f6d2d371a05120300ff10";
        assert_eq!(
            room.protobuf.next_message().await,
            Message::Binary(hex(frame))
        );
        let bytes = Message::binary(vec![0x00, 0xff, 0x10]);
        assert_eq!(room.simple.next_message().await, bytes);
    })
    .await;
}

#[tokio::test]
async fn bytes_of_a_request_reach_every_kind_of_client() {
    within(async {
        let mut room = Room::open().await;
        let rest = Rest {
            emulator: &room.emulator,
            hub: "chat",
        };
        // Without a type they are bytes, too.
        for content_type in [Some("application/octet-stream"), None] {
            let target = "groups/room-7/:send";
            let reply = rest.send(Method::POST, target, content_type, vec![0x00, 0xff, 0x10]).await;
            assert_eq!((reply.status, &reply.headers["content-length"]), (202, &"0".parse().unwrap()));
            let message = json!({ "type": "message", "from": "group", "group": "room-7", "dataType": "binary", "data": "AP8Q" });
            assert_eq!(room.json.next().await, message);
            let frame = "12160a0567726f75701206726f6f6d2d371a05120300ff10";
            assert_eq!(room.protobuf.next_message().await, Message::Binary(hex(frame)));
            let bytes = Message::binary(vec![0x00, 0xff, 0x10]);
            assert_eq!(room.simple.next_message().await, bytes);
        }
        // Text of another charset arrives as UTF-8.
        let body = vec![0xfc, 0, 0x42, 0x30];
        let reply = rest.send(Method::POST, ":send", Some("text/plain; charset=utf-16"), body).await;
        assert_eq!(reply.status, 202);
        assert_eq!(room.json.next().await["data"], "üあ");
        let reply = rest.send(Method::POST, ":send", Some("text/plain"), vec![0xff]).await;
        assert_eq!(reply.status, 400);
        // Official clients fail on a message whose data is null, so none is sent.
        let reply = rest.post(":send", "application/json", " null ").await;
        assert_eq!((reply.status, reply.code()), (400, "Error.BadRequest"));
        let reply = rest.post(":send", "application/json", "{").await;
        assert_eq!(reply.json()["message"], "The request body is not a valid JSON.");
        assert_eq!(reply.json()["inner"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn metadata_of_a_request_goes_along() {
    within(async {
        let mut room = Room::open().await;
        let url = format!("{}/api/hubs/chat/:send", room.emulator.pubsub().endpoint());
        let expires = now(&room.emulator) + std::time::Duration::from_secs(60);
        let token = signer(&room.emulator).sign(&auth::Claims::new(&url, expires));
        let send = async |name: &str, value: &str| {
            let request = Request::post(&url)
                .header("authorization", format!("Bearer {}", token.expose()))
                .header("content-type", "text/plain")
                .header(name, value);
            exchange(request.body(Body::from("x")).unwrap())
                .await
                .status
        };
        assert_eq!(send("X-WebPubSub-Metadata-Src", "cam 1").await, 202);
        let message = room.json.next().await;
        assert_eq!(message["metadata"], json!({ "src": "cam 1" }));
        // DataMessage { from: "server", data: "x", metadata: { "src": "cam 1" } }.
        let frame = "121b0a067365727665721a030a01782a0c0a03737263120563616d2031";
        assert_eq!(
            room.protobuf.next_message().await,
            Message::Binary(hex(frame))
        );
        assert_eq!(room.simple.next_message().await, Message::text("x"));
        let long = "n".repeat(257);
        assert_eq!(
            send(&format!("X-WebPubSub-Metadata-{long}"), "v").await,
            400
        );
        assert_eq!(send("X-WebPubSub-Metadata-a", &"v".repeat(1025)).await, 400);
        assert_eq!(send("X-WebPubSub-Metadata-a", "ü").await, 400);
        assert_eq!(send("X-WebPubSub-Metadata-a", &"v".repeat(1024)).await, 202);
    })
    .await;
}

#[tokio::test]
async fn echo_is_for_other_connections_of_the_user_too() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let opening = Opening::new("chat", Some("u"), &["webpubsub.sendToGroup"]).groups(&["g"]);
        let mut sender = opening.open(&emulator).await;
        let mut twin = opening.open(&emulator).await;
        sender.send(r#"{"type":"sendToGroup","group":"g","noEcho":true,"dataType":"text","data":"x","ackId":null}"#).await;
        // No echo and no acknowledgement: the pong is next.
        assert_eq!(sender.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        let message = twin.next().await;
        assert_eq!((&message["data"], &message["fromUserId"]), (&json!("x"), &json!("u")));
        // With metadata but without data, the payload is empty text.
        let mut silent = Opening::new("chat", None, &["webpubsub.sendToGroup"]).open(&emulator).await;
        silent.send(r#"{"type":"sendToGroup","group":"g","metadata":{"k":"v"}}"#).await;
        let message = twin.next().await;
        assert_eq!((&message["dataType"], &message["data"]), (&json!("text"), &json!("")));
        assert_eq!(message.get("fromUserId"), None);
    })
    .await;
}

#[tokio::test]
async fn every_message_of_the_subprotocols_is_taken() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let opening = Opening::all("chat").groups(&["room-7"]);
        let mut json = opening.clone().subprotocol(Some(JSON_RELIABLE)).open(&emulator).await;
        for text in [
            r#"{"type":"joinGroup","group":"room-7","ackId":11}"#,
            r#"{"ackId":12,"unknown":[{}],"group":"room-7","type":"LEAVEGROUP"}"#,
            r#"{"type":"joinGroup","group":"room-7"}"#,
            r#"{"type":"sendToGroup","group":"room-7","ackId":13,"noEcho":true,"dataType":"text","data":"héllo"}"#,
            r#"{"type":"sendToGroup","group":"room-7","data":{"t":21}}"#,
            r#"{"type":"sendToGroup","group":"room-7","dataType":"binary","data":"AP8Q"}"#,
            r#"{"type":"sendToGroup","group":"room-7","ackId":16,"dataType":"text","data":"x","ttlSeconds":60,"metadata":{"src":"cam"}}"#,
            r#"{"type":"event","event":"order","ackId":17,"dataType":"json","data":[1,2]}"#,
            r#"{"type":"sequenceAck","sequenceId":300}"#,
            r#"{"type":"sequenceAck","sequenceId":0}"#,
            r#"{"type":"invoke","invocationId":"i-1","target":"event","event":"sum","dataType":"json","data":[1,2]}"#,
            r#"{"type":"cancelInvocation","invocationId":"i-1"}"#,
            r#"{"type":"sendToGroup","group":"room-7","noEcho":true,"stream":{"streamId":"st-1","idleTimeoutMs":60000}}"#,
            r#"{"type":"streamData","streamId":"st-1","streamSequenceId":1,"dataType":"text","data":"part"}"#,
            r#"{"type":"streamData","streamId":"st-1"}"#,
            r#"{"type":"streamEnd","streamId":"st-1"}"#,
            r#"{"type":"streamEnd","streamId":"st-1","error":{"message":"oops","userErrorCode":"E7"}}"#,
            r#"{"type":"setGroupState","group":"room-7","ackId":18,"state":{"status":"typing"}}"#,
            r#"{"type":"setGroupState","group":"room-7","ackId":19}"#,
            r#"{"type":"subscribeGroupState","group":"room-7","ackId":20}"#,
            r#"{"type":"unsubscribeGroupState","group":"room-7","ackId":21}"#,
        ] {
            json.send(text).await;
            json.send(r#"{"type":"ping"}"#).await;
            let mut answers = Vec::new();
            while answers.last() != Some(&json!({ "type": "pong" })) {
                answers.push(json.next().await);
            }
            assert!(answers.iter().all(|it| it["event"] != "disconnected"), "{text}: {answers:?}");
        }
        let long_name = format!(r#"{{"type":"event","event":"{}","ackId":1,"data":1}}"#, "e".repeat(128));
        assert_eq!(json.ask(&long_name).await["ackId"], 1);
        let long_name = format!(r#"{{"type":"joinGroup","group":"{}","ackId":2}}"#, "ü".repeat(1024));
        assert_eq!(json.ask(&long_name).await["success"], true);

        let mut protobuf = opening.subprotocol(Some(PROTOBUF)).open(&emulator).await;
        protobuf.next_message().await;
        for frame in [
            "320a0a06726f6f6d2d37100b",
            "320a0a06726f6f6d2d371000",
            "3a0a0a06726f6f6d2d37100c",
            "32080a06726f6f6d2d37",
            "0a160a06726f6f6d2d37100d1a080a0668c3a96c6c6f2001",
            "0a0f0a06726f6f6d2d371a05120300ff10",
            "0a320a06726f6f6d2d37100e1a261a240a1e747970652e676f6f676c65617069732e636f6d2f64656d6f2e506f696e7412020807",
            "0a160a06726f6f6d2d37100f1a0a22087b2274223a32317d",
            "0a1d0a06726f6f6d2d3710101a030a0178283c320a0a03737263120363616d",
            "0a160a06726f6f6d2d3720013a0a0a0473742d3110e0d403",
            "2a0f0a056f7264657212040a0234321811",
            "420308ac02",
            "52130a0373756d1203692d311a0722055b312c325d",
            "5a050a03692d31",
            "6a100a0473742d3110011a060a0470617274",
            "6a060a0473742d31",
            "72060a0473742d31",
            "72120a0473742d31120a0a046f6f707312024537",
            "7a1e0a06726f6f6d2d3710121a120a100a067374617475731206747970696e67",
            "7a0a0a06726f6f6d2d371013",
            "82010a0a06726f6f6d2d371014",
            "8a010a0a06726f6f6d2d371015",
        ] {
            protobuf.socket.send(Message::Binary(hex(frame))).await.unwrap();
            protobuf.socket.send(Message::Binary(hex("4a00"))).await.unwrap();
            while protobuf.next_message().await != Message::Binary(hex("2200")) {}
        }
    })
    .await;
}

/// Encodes a field with a length below 128.
fn field(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&[tag, u8::try_from(content.len()).unwrap()], &content[..]].concat()
}

#[tokio::test]
async fn a_protobuf_client_is_answered_in_protobuf() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let opening = Opening::new("chat", Some("ann"), &["webpubsub.joinLeaveGroup"]);
        let mut peer = opening
            .clone()
            .subprotocol(Some(PROTOBUF))
            .open(&emulator)
            .await;
        let [id, user, _] = connected(peer.next_message().await);
        assert_eq!(user, "ann");
        let grant = format!("permissions/sendToGroup/connections/{id}?targetName=room-7");
        let text = b"The client does not have permission to send to group 'room-7'.";
        let error = field(
            0x1a,
            &[&field(0x0a, &[b"Forbidden"]), &field(0x12, &[text])],
        );
        let forbidden = field(0x0a, &[&[0x08, 13], &error]);
        let stream = field(0x0a, &[b"st-1"]);
        let gap = field(
            0x3a,
            &[
                &stream,
                &field(0x12, &[b"InvalidSequenceId"]),
                &field(0x1a, &[b"The expected sequence id is 1."]),
                &[0x20, 1],
            ],
        );
        let mut ask = async |frame: &str| {
            peer.socket.send(Message::Binary(hex(frame))).await.unwrap();
            match peer.next_message().await {
                Message::Binary(bytes) => bytes,
                other => panic!("{other:?}"),
            }
        };
        // Join with ack id 11; a repetition is a duplicate.
        assert_eq!(ask("320a0a06726f6f6d2d37100b").await, hex("0a04080b1001"));
        let error = field(
            0x1a,
            &[
                &field(0x0a, &[b"Duplicate"]),
                &field(0x12, &[b"Message with ack-id: 11 has been processed"]),
            ],
        );
        assert_eq!(
            ask("320a0a06726f6f6d2d37100b").await,
            field(0x0a, &[&[0x08, 11], &error])
        );
        // Text with ack id 13 and without echo.
        let send = "0a160a06726f6f6d2d37100d1a080a0668c3a96c6c6f2001";
        assert_eq!(ask(send).await, forbidden);
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        assert_eq!(rest.call(Method::PUT, &grant).await.status, 200);
        assert_eq!(ask(send).await, hex("0a04080d1001"));
        // A stream: its start, the second fragment before the first, the first, the end.
        assert_eq!(
            ask("0a160a06726f6f6d2d3720013a0a0a0473742d3110e0d403").await,
            hex("32080a0473742d311001")
        );
        assert_eq!(ask("6a100a0473742d3110021a060a0470617274").await, gap);
        assert_eq!(
            ask("6a100a0473742d3110011a060a0470617274").await,
            hex("32080a0473742d311002")
        );
        assert_eq!(ask("72060a0473742d31").await, hex("42060a0473742d31"));
        // An invocation that nobody answers.
        let answer = ask("52130a0373756d1203692d311a0722055b312c325d").await;
        assert_eq!(answer[2..7], field(0x0a, &[b"i-1"]));
        assert!(
            answer
                .windows(19)
                .any(|part| part == b"InternalServerError")
        );
        // The state of a group: set, and received by a subscriber after its acknowledgement.
        assert_eq!(
            ask("7a1e0a06726f6f6d2d3710121a120a100a067374617475731206747970696e67").await,
            hex("0a0408121001")
        );
        assert_eq!(ask("82010a0a06726f6f6d2d371014").await, hex("0a0408141001"));
        let snapshot = ask("4a00").await;
        let state = hex("1a120a100a067374617475731206747970696e67");
        let item = [
            &field(0x0a, &[id.as_bytes()]),
            &field(0x12, &[b"ann"]),
            &state[..],
        ]
        .concat();
        assert_eq!(snapshot[0], 0x52);
        assert!(
            snapshot.windows(item.len()).any(|part| part == item),
            "{snapshot:x?}"
        );
        assert_eq!(ask("4a00").await, hex("2200"));

        // The pong of the last request, then the end.
        rest.call(
            Method::DELETE,
            &format!("connections/{id}?reason=maintenance"),
        )
        .await;
        assert_eq!(peer.next_message().await, Message::Binary(hex("2200")));
        let goodbye = hex("1a0f120d120b6d61696e74656e616e6365");
        assert_eq!(peer.next_message().await, Message::Binary(goodbye));
        assert_eq!(peer.close_code().await, Some(1000));
    })
    .await;
}

#[tokio::test]
async fn what_a_protobuf_client_calls_json_must_be_json() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut member = Opening::all("chat").groups(&["g"]).open(&emulator).await;
        let sender = Opening::all("chat").subprotocol(Some(PROTOBUF));
        // Otherwise a sender could inject any part of the messages to others.
        for json in ["{", "null", "", "1,\"from\":\"server\""] {
            let mut sender = sender.open(&emulator).await;
            sender.next_message().await;
            let length = |extra: usize| u8::try_from(json.len() + extra).unwrap();
            let head = [
                0x0a,
                length(7),
                0x0a,
                1,
                b'g',
                0x1a,
                length(2),
                0x22,
                length(0),
            ];
            let frame = [&head[..], json.as_bytes()].concat();
            sender.socket.send(Message::binary(frame)).await.unwrap();
            assert_eq!(sender.close_code().await, Some(1007), "{json}");
        }
        assert_eq!(member.ask(r#"{"type":"ping"}"#).await["type"], "pong");
    })
    .await;
}

#[tokio::test]
async fn a_protobuf_client_recovers() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let opening = Opening::new("chat", Some("ann"), &[]).subprotocol(Some(PROTOBUF_RELIABLE));
        let mut peer = opening.open(&emulator).await;
        let [id, user, token] = connected(peer.next_message().await);
        assert_eq!(user, "ann");
        for text in ["1", "2"] {
            rest.post(":send", "text/plain", text).await;
        }
        // DataMessage { from: "server", data: text, sequence_id }.
        let data = |number: u8| {
            let frame = hex("120f0a067365727665721a030a01002000");
            let mut frame = frame.to_vec();
            (frame[14], frame[16]) = (b'0' + number, number);
            Message::binary(frame)
        };
        assert_eq!(peer.next_message().await, data(1));
        assert_eq!(peer.next_message().await, data(2));
        peer.socket
            .send(Message::Binary(hex("42020801")))
            .await
            .unwrap();
        peer.socket
            .send(Message::Binary(hex("4a00")))
            .await
            .unwrap();
        assert_eq!(peer.next_message().await, Message::Binary(hex("2200")));
        drop(peer);
        emulator
            .pubsub()
            .wait_for(|state| state.hub("chat").connections_to_recover == 1)
            .await
            .unwrap();
        rest.post(":send", "text/plain", "3").await;
        let query = format!("awps_connection_id={id}&awps_reconnection_token={token}");
        // Only under the same subprotocol.
        let mut other = Peer::of(
            connect(&emulator, "chat", &query, Some(JSON_RELIABLE))
                .await
                .unwrap(),
        );
        assert_eq!(other.close_code().await, Some(1008));
        let socket = connect(&emulator, "chat", &query, Some(PROTOBUF_RELIABLE))
            .await
            .unwrap();
        let mut peer = Peer::of(socket);
        assert_eq!(connected(peer.next_message().await)[0], id);
        assert_eq!(peer.next_message().await, data(2));
        assert_eq!(peer.next_message().await, data(3));
    })
    .await;
}

/// Reads the strings of a `ConnectedMessage`, whose lengths fit into two bytes;
/// the last is present on reliable connections.
fn connected(message: Message) -> [String; 3] {
    let Message::Binary(bytes) = message else {
        panic!("protobuf comes in binary frames");
    };
    fn part(bytes: &[u8], tag: u8) -> (&[u8], &[u8]) {
        assert_eq!(bytes[0], tag);
        let (length, rest) = match bytes[1] {
            low @ 0x80.. => (
                usize::from(low & 0x7f) | usize::from(bytes[2]) << 7,
                &bytes[3..],
            ),
            length => (usize::from(length), &bytes[2..]),
        };
        rest.split_at(length)
    }
    let (system, _) = part(&bytes, 0x1a);
    let (mut rest, _) = part(system, 0x0a);
    [0x0a, 0x12, 0x1a].map(|tag| {
        if rest.is_empty() {
            return String::new();
        }
        let (text, behind) = part(rest, tag);
        rest = behind;
        String::from_utf8(text.to_vec()).unwrap()
    })
}
