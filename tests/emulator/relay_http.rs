//! Relayed HTTP beyond single exchanges: timeouts, early ends, several requests
//! on one connection.

use std::time::Duration;

use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::{Emulator, Fault, FaultPlan, FaultRule};
use futures::future::join;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

async fn open_emulator() -> (Emulator, String, Socket) {
    let emulator = start(config(&["hc1:anonymous"])).await;
    let host = authority(&emulator);
    let control = Socket::listen(&emulator, "hc1").await;
    (emulator, host, control)
}

fn get(host: &str, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

async fn request(control: &mut Socket) -> Value {
    control.json().await["request"].clone()
}

async fn answer(control: &mut Socket, request: &Value, status: u16, body: &str) {
    let head =
        json!({ "requestId": request["id"], "statusCode": status, "body": !body.is_empty() });
    control.send_json(&json!({ "response": head })).await;
    if !body.is_empty() {
        control.send(&frame(true, 2, body)).await;
    }
}

#[tokio::test]
async fn a_listener_that_does_not_answer_gives_504_after_a_minute() {
    within(async {
        let (emulator, host, mut control) = open_emulator().await;
        let mut wire = Wire::connect(&host).await;
        let waiting = async {
            let unanswered = request(&mut control).await;
            emulator.clock().advance(MINUTE);
            unanswered
        };
        let asked = get(&host, "/hc1/slow");
        let ((head, body), unanswered) = join(wire.exchange(&asked), waiting).await;
        assert_eq!(head.status, 504);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], "GatewayTimeout");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("The request was routed to the listener but the listener did not respond in the required time. TrackingId:"),
            "{message}"
        );
        assert!(message.contains(&format!("SystemTracker:{host}:/hc1/slow, Timestamp:")), "{message}");
        // The late response does no harm, and its address is invalid.
        answer(&mut control, &unanswered, 200, "too late").await;
        let address = unanswered["address"].as_str().unwrap();
        assert_eq!(Socket::rendezvous(address, "").await.unwrap_err().status, 403);
        let served = async {
            let request = request(&mut control).await;
            answer(&mut control, &request, 200, "in time").await;
        };
        let ((head, body), ()) = join(wire.exchange(&asked), served).await;
        assert_eq!((head.status, body.as_slice()), (200, &b"in time"[..]));
    })
    .await;
}

#[tokio::test]
async fn the_minute_ends_with_the_head_and_begins_anew_with_each_piece() {
    within(async {
        let (emulator, host, mut control) = open_emulator().await;
        // However long this takes.
        emulator.clock().hold();
        let mut wire = Wire::connect(&host).await;
        wire.write(get(&host, "/hc1")).await;
        let request = request(&mut control).await;
        emulator.clock().advance(Duration::from_secs(59));
        let mut rendezvous = Socket::rendezvous(request["address"].as_str().unwrap(), "")
            .await
            .unwrap();
        let head = json!({ "requestId": request["id"], "statusCode": 200, "body": true });
        rendezvous.send_json(&json!({ "response": head })).await;
        let head = wire.head().await;
        assert_eq!(head.status, 200);
        for opcode in [2, 0, 0] {
            rendezvous.send(&frame(false, opcode, "piece")).await;
            // Answered when the piece has been read.
            rendezvous.send(&frame(true, 9, "")).await;
            assert_eq!(rendezvous.next().await, Some(frame(true, 10, "")));
            emulator.clock().advance(Duration::from_secs(59));
        }
        emulator.clock().advance(Duration::from_secs(2));
        assert_eq!(wire.body(&head).await, None, "the body is cut short");
        assert_eq!(rendezvous.close_frame().await.0, 1011);
    })
    .await;
}

#[tokio::test]
async fn the_death_of_the_control_channel_gives_502_at_once() {
    within(async {
        let (emulator, host, mut control) = open_emulator().await;
        let mut other = Socket::listen(&emulator, "hc1").await;
        let mut wire = Wire::connect(&host).await;
        let asked = get(&host, "/hc1");
        let dying = async {
            tokio::select! {
                _ = control.json() => drop(control),
                _ = other.json() => drop(other),
            }
        };
        // The clock stands still.
        emulator.clock().hold();
        let ((head, body), ()) = join(wire.exchange(&asked), dying).await;
        assert_eq!(head.status, 502);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], "BadGateway");
    })
    .await;
}

#[tokio::test]
async fn a_response_too_large_for_the_control_channel_gives_502() {
    within(async {
        let (emulator, host, mut control) = open_emulator().await;
        let mut wire = Wire::connect(&host).await;
        emulator.clock().hold();
        let answering = async {
            let request = request(&mut control).await;
            let head = json!({ "requestId": request["id"], "statusCode": 200, "body": true });
            control.send_json(&json!({ "response": head })).await;
            control.send(&frame(true, 2, vec![0; 65_537])).await;
            assert_eq!(control.close_frame().await.0, 1009);
        };
        let asked = get(&host, "/hc1");
        let ((head, _), ()) = join(wire.exchange(&asked), answering).await;
        assert_eq!(head.status, 502);
    })
    .await;
}

#[tokio::test]
async fn a_rendezvous_that_ends_early_gives_502_or_cuts_the_response() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        // Before the head: a close frame, no close frame, invalid messages.
        for how in ["close", "drop", "text", "binary", "other id"] {
            let mut wire = Wire::connect(&host).await;
            let breaking = async {
                let request = request(&mut control).await;
                let address = request["address"].as_str().unwrap();
                let mut rendezvous = Socket::rendezvous(address, "").await.unwrap();
                match how {
                    "close" => rendezvous.close(1000, "").await,
                    "drop" => return,
                    "text" => rendezvous.send_text("hello").await,
                    "binary" => rendezvous.send(&frame(true, 2, "hello")).await,
                    _ => {
                        let head = json!({ "requestId": "other", "statusCode": 200 });
                        rendezvous.send_json(&json!({ "response": head })).await;
                    }
                }
                let code = if how == "close" { 1000 } else { 1002 };
                assert_eq!(rendezvous.close_frame().await.0, code, "{how}");
            };
            let asked = get(&host, "/hc1");
            let ((head, _), ()) = join(wire.exchange(&asked), breaking).await;
            assert_eq!(head.status, 502, "{how}");
        }
        // Within the body: a close like the Java listener's ends it, anything else truncates it.
        for (how, whole) in [
            ("close", true),
            ("drop", false),
            ("text", false),
            ("1011", false),
        ] {
            let mut wire = Wire::connect(&host).await;
            wire.write(get(&host, "/hc1")).await;
            let request = request(&mut control).await;
            let address = request["address"].as_str().unwrap();
            let mut rendezvous = Socket::rendezvous(address, "").await.unwrap();
            let head = json!({ "requestId": request["id"], "statusCode": 200, "body": true });
            rendezvous.send_json(&json!({ "response": head })).await;
            rendezvous.send(&frame(false, 2, "half")).await;
            match how {
                "close" => rendezvous.close(1000, "").await,
                "1011" => rendezvous.close(1011, "").await,
                "text" => {
                    rendezvous.send(&frame(true, 0, "")).await;
                    rendezvous.send(&frame(true, 1, "{}")).await;
                }
                _ => drop(rendezvous),
            }
            let head = wire.head().await;
            let body = wire.body(&head).await;
            // A body that has ended is whole, whatever the listener sends after it.
            let expected = (whole || how == "text").then(|| b"half".to_vec());
            assert_eq!(body, expected, "{how}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_early_response_is_delivered_and_the_request_drained() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        let mut wire = Wire::connect(&host).await;
        wire.write(format!(
            "POST /hc1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
        ))
        .await;
        let pointer = request(&mut control).await;
        let mut rendezvous = Socket::rendezvous(pointer["address"].as_str().unwrap(), "")
            .await
            .unwrap();
        let request = rendezvous.json().await["request"].clone();
        let head = json!({ "requestId": request["id"], "statusCode": 413 });
        rendezvous.send_json(&json!({ "response": head })).await;
        assert_eq!(wire.head().await.status, 413);
    })
    .await;
}

#[tokio::test]
async fn both_bodies_stream_at_once() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        let mut wire = Wire::connect(&host).await;
        wire.write(format!(
            "POST /hc1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ))
        .await;
        let pointer = request(&mut control).await;
        let mut rendezvous = Socket::rendezvous(pointer["address"].as_str().unwrap(), "")
            .await
            .unwrap();
        let request = rendezvous.json().await["request"].clone();
        let head = json!({ "requestId": request["id"], "statusCode": 200, "body": true });
        rendezvous.send_json(&json!({ "response": head })).await;
        assert_eq!(wire.head().await.status, 200);
        for (index, letter) in ["a", "b", "c"].into_iter().enumerate() {
            wire.write(format!("1\r\n{letter}\r\n")).await;
            let opcode = if index == 0 { 2 } else { 0 };
            assert_eq!(rendezvous.next().await, Some(frame(false, opcode, letter)));
            rendezvous.send(&frame(false, opcode, letter)).await;
            let mut echoed = [0; 6];
            tokio::io::AsyncReadExt::read_exact(&mut wire.stream, &mut echoed)
                .await
                .unwrap();
            assert_eq!(&echoed[..], format!("1\r\n{letter}\r\n").as_bytes());
        }
        wire.write("0\r\n\r\n").await;
        assert_eq!(rendezvous.next().await, Some(frame(true, 0, "")));
        rendezvous.send(&frame(true, 0, "")).await;
        let mut end = [0; 5];
        tokio::io::AsyncReadExt::read_exact(&mut wire.stream, &mut end)
            .await
            .unwrap();
        assert_eq!(&end, b"0\r\n\r\n");
    })
    .await;
}

#[tokio::test]
async fn requests_pipelined_on_one_connection_are_answered_in_order() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        let mut wire = Wire::connect(&host).await;
        let all: String = (0..5).map(|i| get(&host, &format!("/hc1/{i}"))).collect();
        wire.write(all).await;
        let serving = async {
            for i in 0..5 {
                let request = request(&mut control).await;
                assert_eq!(request["requestTarget"], format!("/hc1/{i}"));
                answer(&mut control, &request, 200 + i, &i.to_string()).await;
            }
        };
        let reading = async {
            for i in 0..5 {
                let head = wire.head().await;
                assert_eq!(head.status, 200 + i);
                assert_eq!(wire.body(&head).await, Some(expected_body(i)));
            }
        };
        join(serving, reading).await;
    })
    .await;
}

fn expected_body(i: u16) -> Vec<u8> {
    // 204 has none.
    if i == 4 {
        Vec::new()
    } else {
        i.to_string().into()
    }
}

#[tokio::test]
async fn responses_may_come_in_any_order() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        let mut wires = Vec::new();
        let mut requests = Vec::new();
        for i in 0..10 {
            let mut wire = Wire::connect(&host).await;
            wire.write(get(&host, &format!("/hc1/{i}"))).await;
            wires.push(wire);
            requests.push(request(&mut control).await);
        }
        for request in requests.iter().rev() {
            let target = request["requestTarget"].as_str().unwrap();
            answer(&mut control, request, 200, target).await;
        }
        for (i, mut wire) in wires.into_iter().enumerate() {
            let head = wire.head().await;
            assert_eq!(
                wire.body(&head).await,
                Some(format!("/hc1/{i}").into_bytes())
            );
        }
    })
    .await;
}

#[tokio::test]
async fn an_open_rendezvous_carries_the_later_requests_of_its_sender() {
    within(async {
        let (emulator, host, mut control) = open_emulator().await;
        let mut wire = Wire::connect(&host).await;
        wire.write(format!(
            "POST /hc1/1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ))
        .await;
        let pointer = request(&mut control).await;
        let address = pointer["address"].as_str().unwrap();
        let mut rendezvous = Socket::rendezvous(address, "").await.unwrap();
        let first = request(&mut rendezvous).await;
        assert_eq!(rendezvous.next().await, Some(frame(true, 2, "")));
        answer(&mut rendezvous, &first, 200, "one").await;
        let head = wire.head().await;
        assert_eq!(wire.body(&head).await, Some(b"one".to_vec()));
        // The next one arrives on the rendezvous, including its body.
        for body in ["", "two"] {
            wire.write(format!(
                "POST /hc1/2 HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
            let second = request(&mut rendezvous).await;
            assert_eq!(second["requestTarget"], "/hc1/2");
            assert_eq!(second["body"], !body.is_empty());
            if !body.is_empty() {
                assert_eq!(rendezvous.next().await, Some(frame(true, 2, body)));
            }
            answer(&mut rendezvous, &second, 201, "second").await;
            let head = wire.head().await;
            assert_eq!(
                (head.status, wire.body(&head).await),
                (201, Some(b"second".to_vec()))
            );
        }
        // Another connection does not use it.
        let mut stranger = Wire::connect(&host).await;
        stranger.write(get(&host, "/hc1/3")).await;
        let third = request(&mut control).await;
        answer(&mut control, &third, 200, "").await;
        assert_eq!(stranger.head().await.status, 200);
        // When the listener has closed it, requests arrive on the control channel again,
        // even one that was on its way.
        wire.write(get(&host, "/hc1/4")).await;
        request(&mut rendezvous).await;
        rendezvous.close(1000, "NormalClosure").await;
        assert_eq!(rendezvous.close_frame().await.0, 1000);
        let fourth = request(&mut control).await;
        assert_eq!(fourth["requestTarget"], "/hc1/4");
        answer(&mut control, &fourth, 200, "").await;
        assert_eq!(wire.head().await.status, 200);
        assert_eq!(emulator.relay().state().idle_rendezvous, 0);
    })
    .await;
}

#[tokio::test]
async fn a_request_lost_on_an_open_rendezvous_is_repeated_only_if_that_does_no_harm() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        for (method, is_repeated) in [("PUT", true), ("POST", false)] {
            let mut wire = Wire::connect(&host).await;
            wire.write(format!(
                "POST /hc1/1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ))
            .await;
            let pointer = request(&mut control).await;
            let address = pointer["address"].as_str().unwrap();
            let mut rendezvous = Socket::rendezvous(address, "").await.unwrap();
            let first = request(&mut rendezvous).await;
            assert_eq!(rendezvous.next().await, Some(frame(true, 2, "")));
            answer(&mut rendezvous, &first, 200, "").await;
            assert_eq!(wire.head().await.status, 200);
            wire.write(format!(
                "{method} /hc1/2 HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n\r\nx"
            ))
            .await;
            request(&mut rendezvous).await;
            // Without a close frame.
            drop(rendezvous);
            if is_repeated {
                let again = request(&mut control).await;
                assert_eq!(again["method"], method);
                assert_eq!(control.next().await, Some(frame(true, 2, "x")));
                answer(&mut control, &again, 201, "").await;
            }
            let expected = if is_repeated { 201 } else { 502 };
            assert_eq!(wire.head().await.status, expected, "{method}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_sender_that_goes_is_told_to_the_listener() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        let mut wire = Wire::connect(&host).await;
        wire.write(get(&host, "/hc1")).await;
        let request = request(&mut control).await;
        let mut rendezvous = Socket::rendezvous(request["address"].as_str().unwrap(), "")
            .await
            .unwrap();
        drop(wire);
        assert_eq!(rendezvous.close_frame().await.0, 1001);
    })
    .await;
}

#[tokio::test]
async fn faults_strike_requests_and_responses() {
    within(async {
        let (emulator, host, mut control) = open_emulator().await;
        let relay = emulator.relay();
        let mut wire = Wire::connect(&host).await;
        let status = Fault::Status {
            status: 503,
            retry_after: None,
        };
        relay
            .arm(FaultPlan::new(1).with(FaultRule::on_request(status).with_times(2)))
            .unwrap();
        for _ in 0..2 {
            let (head, _) = wire.exchange(&get(&host, "/hc1")).await;
            assert_eq!(head.status, 503);
        }
        relay
            .arm(FaultPlan::new(1).with(FaultRule::on_ack(Fault::WithholdAck)))
            .unwrap();
        let clock = emulator.clock().clone();
        let serving = async {
            let request = request(&mut control).await;
            answer(&mut control, &request, 200, "").await;
            // Until the response has been received and withheld.
            let withheld = relay.wait_for(|state| state.faults.rules[1].struck == 1);
            withheld.await.unwrap();
            clock.advance(MINUTE);
        };
        let asked = get(&host, "/hc1");
        let ((head, _), ()) = join(wire.exchange(&asked), serving).await;
        assert_eq!(head.status, 504);
    })
    .await;
}
