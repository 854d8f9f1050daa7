//! Senders' WebSockets: how they are joined to a listener, and how frames are relayed.

use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::{Fault, FaultPlan, FaultRule};
use futures::future::join;

#[tokio::test]
async fn the_listener_is_told_who_comes_and_chooses_the_subprotocol() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let host = authority(&emulator);
        let fields = format!(
            "ServiceBusAuthorization: {}\r\nAuthorization: Basic mine\r\nSec-WebSocket-Protocol: chat.v2, chat.v1\r\nSec-WebSocket-Extensions: permessage-deflate\r\nX-Custom: a\r\nX-Custom: b=:&c\r\n",
            root_token(&host)
        );
        let id = "0e7ffb37-4a0b-4a39-8c6a-2f4b4b8f3c11";
        let target = format!("/$hc/hc1/chat?room=5&sb-hc-action=connect&sb-hc-id={id}&x=%20");
        let listening = async {
            let command = control.json().await;
            let accept = &command["accept"];
            let address = accept["address"].as_str().unwrap();
            assert!(
                address.starts_with(&format!(
                    "ws://{host}/$hc/hc1/chat?room=5&x=%20&sb-hc-action=accept&sb-hc-id={id}_G0_G1"
                )),
                "{address}"
            );
            assert_eq!(accept["id"], format!("{id}_G0_G1"));
            let headers = &accept["connectHeaders"];
            assert_eq!(headers["Host"], host);
            assert_eq!(headers["Sec-WebSocket-Protocol"], "chat.v2, chat.v1");
            assert_eq!(headers["X-Custom"], "a, b=:&c");
            assert_eq!(headers["Authorization"], "Basic mine");
            for name in ["Servicebusauthorization", "ServiceBusAuthorization", "Sec-WebSocket-Extensions"] {
                assert!(headers.get(name).is_none(), "{name}");
            }
            assert_eq!(accept["remoteEndpoint"]["address"], "127.0.0.1");
            assert!(accept["remoteEndpoint"]["port"].is_u64());
            Socket::rendezvous(address, "Sec-WebSocket-Protocol: chat.v1\r\n").await.unwrap()
        };
        let (sender, listener) = join(Wire::open(&host, &target, &fields), listening).await;
        let sender = sender.unwrap();
        assert_eq!(sender.head.header("sec-websocket-protocol"), Some("chat.v1"));
        assert_eq!(listener.head.header("sec-websocket-protocol"), Some("chat.v1"));
        assert_eq!(sender.head.header("sec-websocket-extensions"), None);
    })
    .await;
}

#[tokio::test]
async fn frames_pass_unchanged_both_ways() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let (mut sender, mut listener) = joined(&emulator, &mut control, "hc1").await;
        let frames = [
            frame(true, 1, "text"),
            frame(true, 2, [0, 1, 2, 255]),
            frame(true, 2, ""),
            frame(false, 1, "a fragment"),
            frame(false, 0, ""),
            frame(false, 0, "another"),
            frame(true, 0, "the last"),
            frame(true, 2, vec![7; 126]),
            frame(true, 1, "x".repeat(65_535)),
            frame(true, 2, vec![9; 65_536]),
            // The relay does not validate what it forwards.
            frame(true, 1, [0xff, 0xfe]),
        ];
        for (from, to) in [(true, "listener"), (false, "sender")] {
            for frame in &frames {
                let (a, b) = match from {
                    true => (&mut sender, &mut listener),
                    false => (&mut listener, &mut sender),
                };
                let ((), seen) = join(a.send(frame), b.next()).await;
                assert!(
                    seen.as_ref() == Some(frame),
                    "to the {to}: {} bytes",
                    frame.payload.len()
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_fragment_passes_before_the_next_one_is_sent() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let (mut sender, mut listener) = joined(&emulator, &mut control, "hc1").await;
        sender.send(&frame(false, 2, "first")).await;
        assert_eq!(listener.next().await, Some(frame(false, 2, "first")));
        sender.send(&frame(true, 0, "last")).await;
        assert_eq!(listener.next().await, Some(frame(true, 0, "last")));
    })
    .await;
}

#[tokio::test]
async fn a_message_of_any_size_flows_through() {
    const SIZE: usize = 64 * 1024 * 1024;
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let (mut sender, mut listener) = joined(&emulator, &mut control, "hc1").await;
        let writing = async {
            // One frame whose payload is masked with zeros.
            let mut head = vec![0x82, 0x80 | 127];
            head.extend((SIZE as u64).to_be_bytes());
            head.extend([0; 4]);
            sender.wire.write(&head).await;
            let chunk = vec![0x5a; 1 << 20];
            for _ in 0..SIZE >> 20 {
                sender.wire.write(&chunk).await;
            }
        };
        let reading = async {
            let mut received = 0;
            loop {
                let frame = listener.next().await.unwrap();
                assert!(frame.payload.iter().all(|byte| *byte == 0x5a));
                received += frame.payload.len();
                if frame.fin {
                    return received;
                }
            }
        };
        let ((), received) = join(writing, reading).await;
        assert_eq!(received, SIZE);
    })
    .await;
}

#[tokio::test]
async fn a_close_frame_ends_one_direction_only() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        for sender_first in [true, false] {
            let (sender, listener) = joined(&emulator, &mut control, "hc1").await;
            let (mut one, mut other) = if sender_first {
                (sender, listener)
            } else {
                (listener, sender)
            };
            one.close(1000, "Shutdown").await;
            assert_eq!(other.close_frame().await, (1000, "Shutdown".to_owned()));
            for _ in 0..3 {
                other.send_text("still here").await;
                assert_eq!(one.next().await, Some(frame(true, 1, "still here")));
            }
            other.close(4000, "done").await;
            assert_eq!(one.close_frame().await, (4000, "done".to_owned()));
            assert!(one.wire.is_ended().await && other.wire.is_ended().await);
        }
        // The .NET client needs a code even if its peer sent none.
        let (mut sender, mut listener) = joined(&emulator, &mut control, "hc1").await;
        sender.send(&frame(true, 8, "")).await;
        assert_eq!(listener.close_frame().await.0, 1000);
    })
    .await;
}

#[tokio::test]
async fn pings_are_answered_and_go_no_further() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let (mut sender, mut listener) = joined(&emulator, &mut control, "hc1").await;
        sender.send(&frame(false, 2, "half a message")).await;
        sender.send(&frame(true, 9, "there?")).await;
        assert_eq!(sender.next().await, Some(frame(true, 10, "there?")));
        sender.send(&frame(true, 10, "unasked")).await;
        sender.send(&frame(true, 0, "the rest")).await;
        assert_eq!(
            listener.next().await,
            Some(frame(false, 2, "half a message"))
        );
        assert_eq!(listener.next().await, Some(frame(true, 0, "the rest")));
        control.send(&frame(true, 9, "control")).await;
        assert_eq!(control.next().await, Some(frame(true, 10, "control")));
    })
    .await;
}

#[tokio::test]
async fn who_goes_without_a_word_or_breaks_the_protocol_is_told_to_the_other() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        for sender_goes in [true, false] {
            let (sender, listener) = joined(&emulator, &mut control, "hc1").await;
            let (gone, mut left) = if sender_goes {
                (sender, listener)
            } else {
                (listener, sender)
            };
            drop(gone);
            assert_eq!(left.close_frame().await.0, 1001);
            assert!(left.wire.is_ended().await);

            let (sender, listener) = joined(&emulator, &mut control, "hc1").await;
            let (mut broken, mut left) = if sender_goes {
                (sender, listener)
            } else {
                (listener, sender)
            };
            broken.wire.write([0x81, 0x01, b'x']).await;
            assert_eq!(broken.close_frame().await.0, 1002);
            assert_eq!(left.close_frame().await.0, 1001);
        }
        // Nothing else is affected.
        joined(&emulator, &mut control, "hc1").await;
    })
    .await;
}

#[tokio::test]
async fn a_rejection_gives_the_sender_the_listeners_status_and_reason() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        for (query, status, reason) in [
            (
                "sb-hc-statusCode=403&sb-hc-statusDescription=No+entry%3A+rule+7",
                403,
                "No entry: rule 7",
            ),
            (
                "statusCode=503&statusDescription=Busy%20now",
                503,
                "Busy now",
            ),
            ("statusCode=404&statusDescription", 404, ""),
            (
                "sb-hc-statusCode=299&sb-hc-statusDescription=odd%0D%0AX: 1",
                299,
                "odd??X: 1",
            ),
        ] {
            let listening = async {
                let command = control.json().await;
                let address = command["accept"]["address"].as_str().unwrap();
                let query = query.replace(' ', "%20");
                Socket::rendezvous(&format!("{address}&{query}"), "")
                    .await
                    .unwrap_err()
            };
            let target = "/$hc/hc1?sb-hc-action=connect";
            let (refused, rejected) = join(Socket::connect(&emulator, target), listening).await;
            let refused = refused.unwrap_err();
            assert_eq!((refused.status, refused.reason.as_str()), (status, reason));
            assert_eq!(rejected.status, 410);
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_is_good_once_and_for_its_own_purpose() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let target = "/$hc/hc1?sb-hc-action=connect";
        let listening = async {
            let command = control.json().await;
            let address = command["accept"]["address"].as_str().unwrap().to_owned();
            let other = address.replace("action=accept", "action=request");
            let bad_status = format!("{address}&sb-hc-statusCode=x");
            let forged = address.replace(&address[address.len() - 8..], "00000000");
            for (address, status) in [(other, 403), (bad_status, 400), (forged, 403)] {
                let refused = Socket::rendezvous(&address, "").await.unwrap_err();
                assert_eq!(refused.status, status);
            }
            let socket = Socket::rendezvous(&address, "").await.unwrap();
            let refused = Socket::rendezvous(&address, "").await.unwrap_err();
            assert_eq!(refused.status, 403);
            assert!(refused.reason.contains("TrackingId:"), "{}", refused.reason);
            socket
        };
        let (sender, _listener) = join(Socket::connect(&emulator, target), listening).await;
        sender.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_listener_that_does_not_accept_in_time_gives_404() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let clock = emulator.clock().clone();
        let waiting = async {
            let command = control.json().await;
            clock.advance(std::time::Duration::from_secs(31));
            command["accept"]["address"].as_str().unwrap().to_owned()
        };
        let target = "/$hc/hc1?sb-hc-action=connect";
        let (refused, address) = join(Socket::connect(&emulator, target), waiting).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.status, 404);
        assert!(
            refused.reason.starts_with("None of the connected listeners accepted the connection within the allowed timeout. TrackingId:"),
            "{}", refused.reason
        );
        assert_eq!(Socket::rendezvous(&address, "").await.unwrap_err().status, 403);
    })
    .await;
}

#[tokio::test]
async fn the_address_of_a_sender_that_has_gone_is_dead() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let host = authority(&emulator);
        let fields = format!("ServiceBusAuthorization: {}\r\n", root_token(&host));
        let mut wire = Wire::connect(&host).await;
        wire.write(opening(&host, "/$hc/hc1", &fields)).await;
        let command = control.json().await;
        drop(wire);
        let forgotten = emulator
            .relay()
            .wait_for(|state| state.pending_rendezvous == 0);
        forgotten.await.unwrap();
        let address = command["accept"]["address"].as_str().unwrap();
        assert_eq!(
            Socket::rendezvous(address, "").await.unwrap_err().status,
            403
        );
    })
    .await;
}

#[tokio::test]
async fn the_answer_to_a_sender_can_be_delayed_and_withheld() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let relay = emulator.relay();
        let mut control = Socket::listen(&emulator, "hc1").await;
        let clock = emulator.clock().clone();
        clock.hold();
        let struck = || relay.wait_for(|state| state.faults.rules[0].struck == 1);
        let rule = FaultRule::on_ack(Fault::DelayAck { milliseconds: 5000 });
        relay.arm(FaultPlan::new(1).with(rule)).unwrap();
        let listening = async {
            let command = control.json().await;
            let address = command["accept"]["address"].as_str().unwrap();
            let listener = Socket::rendezvous(address, "").await.unwrap();
            struck().await.unwrap();
            clock.advance(std::time::Duration::from_secs(5));
            listener
        };
        let (sender, _listener) = join(Socket::connect(&emulator, "/$hc/hc1"), listening).await;
        assert!(sender.is_ok());

        relay.disarm();
        let rule = FaultRule::on_ack(Fault::WithholdAck);
        relay.arm(FaultPlan::new(1).with(rule)).unwrap();
        let listening = async {
            let command = control.json().await;
            let address = command["accept"]["address"].as_str().unwrap();
            let mut listener = Socket::rendezvous(address, "").await.unwrap();
            struck().await.unwrap();
            clock.advance(std::time::Duration::from_secs(30));
            // Its sender is refused, and the listener is closed.
            assert_eq!(listener.close_frame().await.0, 1001);
        };
        let (sender, ()) = join(Socket::connect(&emulator, "/$hc/hc1"), listening).await;
        assert_eq!(sender.unwrap_err().status, 404);

        // The same if the sender is lost while its response is delayed.
        relay.disarm();
        let rule = FaultRule::on_ack(Fault::DelayAck { milliseconds: 5000 });
        relay.arm(FaultPlan::new(1).with(rule)).unwrap();
        let host = authority(&emulator);
        let fields = format!("ServiceBusAuthorization: {}\r\n", root_token(&host));
        let mut wire = Wire::connect(&host).await;
        wire.write(opening(&host, "/$hc/hc1", &fields)).await;
        let command = control.json().await;
        let address = command["accept"]["address"].as_str().unwrap();
        let mut listener = Socket::rendezvous(address, "").await.unwrap();
        struck().await.unwrap();
        drop(wire);
        assert_eq!(listener.close_frame().await.0, 1001);
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_stops_stops_the_writer() {
    const OFFERED: usize = 256 * 1024 * 1024;
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let (mut sender, mut listener) = joined(&emulator, &mut control, "hc1").await;
        let mut head = vec![0x82, 0x80 | 127];
        head.extend((OFFERED as u64).to_be_bytes());
        head.extend([0; 4]);
        sender.wire.write(&head).await;
        let chunk = vec![1; 64 * 1024];
        let (mut written, mut refused) = (0, 0);
        while written < OFFERED && refused < 1000 {
            match sender.wire.stream.try_write(&chunk) {
                Ok(count) => {
                    written += count;
                    refused = 0;
                }
                Err(_) => {
                    refused += 1;
                    tokio::task::yield_now().await;
                }
            }
        }
        // The system's buffers of four sockets, and the relay's own 64 KiB.
        assert!(written < OFFERED / 2, "{written}");
        let mut received = 0;
        while received < written - 64 * 1024 {
            let frame = listener.next().await.unwrap();
            received += frame.payload.len();
        }
    })
    .await;
}
