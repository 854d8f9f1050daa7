//! Control channels: their limit, selection, and end.

use std::collections::HashSet;
use std::time::Duration;

use azwire_tests::log::Log;
use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::{Fault, FaultPlan, FaultRule, RelayConfig, RelayState};
use futures::future::join;
use serde_json::json;
use tracing::level_filters::LevelFilter;

const CONNECT: &str = "/$hc/hc1?sb-hc-action=connect";

#[tokio::test]
async fn the_26th_listener_is_refused_until_one_leaves() {
    within(async {
        let emulator = start(config(&["hc1", "other"])).await;
        let host = authority(&emulator);
        let fields = format!("ServiceBusAuthorization: {}\r\n", root_token(&host));
        let target = "/$hc/hc1?sb-hc-action=listen";
        let mut listeners = Vec::new();
        for _ in 0..25 {
            listeners.push(Wire::open(&host, target, &fields).await.unwrap());
        }
        let refused = Wire::open(&host, target, &fields).await.unwrap_err();
        assert_eq!(refused.status, 403);
        assert!(
            refused
                .reason
                .starts_with("The maximum number of 25 listeners"),
            "{}",
            refused.reason
        );
        assert!(refused.header("trackingid").is_some());
        // Another hybrid connection has its own limit of 25.
        Wire::open(&host, "/$hc/other?sb-hc-action=listen", &fields)
            .await
            .unwrap();
        let mut last = listeners.pop().unwrap();
        last.close(1000, "Normal Closure").await;
        assert_eq!(
            last.close_frame().await,
            (1000, "Normal Closure".to_owned())
        );
        assert!(last.wire.is_ended().await);
        Wire::open(&host, target, &fields).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn senders_are_spread_over_the_listeners_and_may_steer() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let host = authority(&emulator);
        let ids = ["a", "b", "c"].map(|letter| {
            format!("{}-4a0b-4a39-8c6a-2f4b4b8f3c11", letter.repeat(8))
        });
        let mut controls = Vec::new();
        for id in &ids {
            controls.push(Socket::listen_as(&emulator, "hc1", id).await);
        }
        // The chosen listener rejects with its own status.
        let mut serving = Vec::new();
        for (index, mut control) in controls.into_iter().enumerate() {
            let (sender, mut served) = tokio::sync::mpsc::unbounded_channel::<()>();
            serving.push(sender);
            let serve = async move {
                loop {
                    tokio::select! {
                        command = control.json() => {
                            let address = command["accept"]["address"].as_str().unwrap().to_owned();
                            let address = format!("{address}&sb-hc-statusCode={}", 480 + index);
                            assert_eq!(Socket::rendezvous(&address, "").await.unwrap_err().status, 410);
                        }
                        _ = served.recv() => return,
                    }
                }
            };
            #[expect(clippy::disallowed_methods, reason = "each listener serves by itself")]
            tokio::spawn(serve);
        }
        let connect = async |steering: &str| {
            let fields = format!("ServiceBusAuthorization: {}\r\n{steering}", root_token(&host));
            Wire::open(&host, CONNECT, &fields).await.unwrap_err()
        };
        let mut chosen = HashSet::new();
        for _ in 0..60 {
            chosen.insert(connect("").await.status);
        }
        assert_eq!(chosen, HashSet::from([480, 481, 482]));
        for _ in 0..10 {
            let allowed = format!("Microsoft-Relay-AllowedListeners: {}\r\n", ids[1].to_uppercase());
            assert_eq!(connect(&allowed).await.status, 481);
            let disallowed = format!("Microsoft-Relay-DisallowedListeners: {}, {}\r\n", ids[0], ids[1]);
            assert_eq!(connect(&disallowed).await.status, 482);
        }
        let nobody = connect("Microsoft-Relay-AllowedListeners: none\r\n").await;
        assert_eq!(nobody.status, 404);
        assert!(
            nobody.reason.starts_with("None of the connected listeners meet the AllowedListeners/DisallowedListeners criteria."),
            "{}", nobody.reason
        );
    })
    .await;
}

#[tokio::test]
async fn a_good_renewal_keeps_the_channel_and_a_bad_one_ends_it() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let host = authority(&emulator);
        let fields = format!(
            "ServiceBusAuthorization: {}\r\n",
            token(RelayConfig::RULE, RelayConfig::DEFAULT_KEY, &format!("http://{host}/hc1"), 60)
        );
        let target = "/$hc/hc1?sb-hc-action=listen";
        let mut renewing = Wire::open(&host, target, &fields).await.unwrap();
        let mut silent = Wire::open(&host, target, &fields).await.unwrap();
        let mut wrong = Wire::open(&host, target, &fields).await.unwrap();
        renewing.send_json(&json!({ "renewToken": { "token": root_token(&host) } })).await;
        // Answered after the renewal, so the renewal has been seen.
        renewing.send(&frame(true, 9, "x")).await;
        assert_eq!(renewing.next().await, Some(frame(true, 10, "x")));
        // The official Java listener sends the name of a class.
        wrong.send_json(&json!({ "renewToken": { "token": "com.microsoft.azure.relay.SecurityToken@1b2c" } })).await;
        assert_eq!(wrong.close_frame().await.0, 1008);
        // One minute of validity, then five of grace; a few seconds of them are for the test itself.
        emulator.clock().advance(Duration::from_secs(60 + 290));
        silent.send(&frame(true, 9, "y")).await;
        assert_eq!(silent.next().await, Some(frame(true, 10, "y")));
        emulator.clock().advance(Duration::from_secs(11));
        assert_eq!(silent.close_frame().await.0, 1008);
        renewing.send(&frame(true, 9, "z")).await;
        assert_eq!(renewing.next().await, Some(frame(true, 10, "z")));
    })
    .await;
}

#[tokio::test]
async fn an_expired_token_ends_the_channel_and_leaves_what_is_joined() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let (mut sender, mut listener) = joined(&emulator, &mut control, "hc1").await;
        // All three tokens are valid for an hour; the grace period is five minutes.
        emulator.clock().advance(Duration::from_secs(3600 + 301));
        let (code, reason) = control.close_frame().await;
        assert_eq!((code, reason.as_str()), (1008, "The token is expired."));
        sender.send_text("still joined").await;
        assert_eq!(listener.next().await, Some(frame(true, 1, "still joined")));
        listener.send_text("as before").await;
        assert_eq!(sender.next().await, Some(frame(true, 1, "as before")));
    })
    .await;
}

#[tokio::test]
async fn a_day_recycles_the_channel_and_leaves_what_is_joined() {
    within(async {
        let mut config = config(&["hc1"]);
        config.relay.limits.token_grace = Duration::from_secs(48 * 60 * 60);
        let emulator = start(config).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let (mut sender, mut listener) = joined(&emulator, &mut control, "hc1").await;
        emulator.clock().advance(Duration::from_secs(24 * 60 * 60));
        let (code, reason) = control.close_frame().await;
        assert_eq!(code, 1011);
        assert!(
            reason.starts_with("InternalServerError: NameRenewalFailed."),
            "{reason}"
        );
        sender.send_text("still joined").await;
        assert_eq!(listener.next().await, Some(frame(true, 1, "still joined")));
        let refused = Socket::connect(&emulator, CONNECT).await.unwrap_err();
        assert_eq!(refused.status, 404);
        assert!(
            refused
                .reason
                .starts_with("There are no listeners connected for the endpoint.")
        );
    })
    .await;
}

#[tokio::test]
async fn a_silent_channel_is_cut_when_that_is_asked_for() {
    within(async {
        let mut config = config(&["hc1"]);
        config.relay.limits.control_idle = Some(Duration::from_secs(240));
        let emulator = start(config).await;
        let mut silent = Socket::listen(&emulator, "hc1").await;
        let mut pinging = Socket::listen(&emulator, "hc1").await;
        emulator.clock().advance(Duration::from_secs(200));
        pinging.send(&frame(true, 9, "x")).await;
        assert_eq!(pinging.next().await, Some(frame(true, 10, "x")));
        emulator.clock().advance(Duration::from_secs(41));
        // Without a close frame, as from a load balancer.
        assert_eq!(silent.next().await, None);
        pinging.send(&frame(true, 9, "y")).await;
        assert_eq!(pinging.next().await, Some(frame(true, 10, "y")));
        // A command is traffic, too.
        emulator.clock().advance(Duration::from_secs(200));
        let _pair = joined(&emulator, &mut pinging, "hc1").await;
        emulator.clock().advance(Duration::from_secs(200));
        let _pair = joined(&emulator, &mut pinging, "hc1").await;
        emulator.clock().advance(Duration::from_secs(241));
        assert_eq!(pinging.next().await, None);
    })
    .await;
}

#[tokio::test]
async fn a_listener_that_breaks_the_protocol_is_closed_with_a_code() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let response =
            json!({ "response": { "requestId": "none", "statusCode": 200, "body": true } });
        for (frames, code) in [
            (vec![frame(true, 1, "Hello sender")], 1002),
            (vec![frame(true, 1, "[]")], 1002),
            (vec![frame(true, 1, r#"{"response":{}}"#)], 1002),
            (vec![frame(true, 2, "data")], 1002),
            (
                vec![frame(true, 1, response.to_string()), frame(true, 1, "{}")],
                1002,
            ),
            (
                vec![
                    frame(true, 1, response.to_string()),
                    frame(true, 2, vec![0; 65_537]),
                ],
                1009,
            ),
            (vec![frame(true, 1, [0xff])], 1007),
            (vec![frame(true, 3, "")], 1002),
        ] {
            let mut control = Socket::listen(&emulator, "hc1").await;
            for frame in &frames {
                control.send(frame).await;
            }
            assert_eq!(control.close_frame().await.0, code, "{frames:?}");
        }
        // Tolerated: unknown commands, late messages, empty binary messages, pongs.
        let mut control = Socket::listen(&emulator, "hc1").await;
        for frame in [
            frame(true, 1, r#"{"injectFault":{"delay":1}}"#),
            frame(true, 1, "{}"),
            frame(true, 1, response.to_string()),
            frame(true, 2, "the body of a late response"),
            frame(true, 2, ""),
            frame(true, 10, ""),
        ] {
            control.send(&frame).await;
        }
        joined(&emulator, &mut control, "hc1").await;
    })
    .await;
}

#[tokio::test]
async fn faults_strike_the_control_channel() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let relay = emulator.relay();
        let mut control = Socket::listen(&emulator, "hc1").await;
        let close = Fault::Close {
            code: 1011,
            reason: "recycled".to_owned(),
        };
        relay
            .arm(FaultPlan::new(1).with(FaultRule::now(close)))
            .unwrap();
        assert_eq!(control.close_frame().await, (1011, "recycled".to_owned()));

        let mut control = Socket::listen(&emulator, "hc1").await;
        relay
            .arm(FaultPlan::new(1).with(FaultRule::now(Fault::Drop).with_scope("hc1")))
            .unwrap();
        assert_eq!(control.next().await, None);

        let mut control = Socket::listen(&emulator, "hc1").await;
        relay
            .arm(FaultPlan::new(1).with(FaultRule::now(Fault::ExpireTokens)))
            .unwrap();
        assert_eq!(control.close_frame().await.0, 1008);

        let status = Fault::Status {
            status: 503,
            retry_after: Some(3),
        };
        relay
            .arm(FaultPlan::new(1).with(FaultRule::on_open(status.clone()).with_times(1)))
            .unwrap();
        let refused = Socket::connect(&emulator, CONNECT).await.unwrap_err();
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (503, Some("3"))
        );

        let mut control = Socket::listen(&emulator, "hc1").await;
        relay
            .arm(FaultPlan::new(1).with(FaultRule::on_delivery(Fault::Drop)))
            .unwrap();
        let clock = emulator.clock().clone();
        let dropped = async {
            assert_eq!(control.next().await, None);
            clock.advance(Duration::from_secs(30));
        };
        let (refused, ()) = join(Socket::connect(&emulator, CONNECT), dropped).await;
        assert_eq!(refused.unwrap_err().status, 404);
        for fault in [Fault::Drop, Fault::DuplicateAck] {
            let plan = FaultPlan::new(1).with(FaultRule::on_ack(fault));
            let error = relay.arm(plan).unwrap_err().to_string();
            assert!(error.starts_with("rule 0: "), "{error}");
        }
        relay.disarm();
    })
    .await;
}

#[tokio::test]
async fn faults_count_the_messages_of_each_listener() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let mut one = Socket::listen(&emulator, "hc1").await;
        let mut other = Socket::listen(&emulator, "hc1").await;
        let rule = FaultRule::on_message(Fault::Drop)
            .with_every(3)
            .with_times(2);
        emulator.relay().arm(FaultPlan::new(1).with(rule)).unwrap();
        for _ in 0..2 {
            for socket in [&mut one, &mut other] {
                socket.send(&frame(true, 9, "")).await;
                assert_eq!(socket.next().await, Some(frame(true, 10, "")));
            }
        }
        for mut socket in [one, other] {
            socket.send(&frame(true, 9, "")).await;
            while let Some(frame) = socket.next().await {
                assert_eq!(frame.opcode, 10);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn faults_strike_a_joined_pair_that_they_name() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let relay = emulator.relay();
        let mut control = Socket::listen(&emulator, "hc1").await;
        let id = "0e7ffb37-4a0b-4a39-8c6a-2f4b4b8f3c11";
        let path = format!("hc1?sb-hc-id={id}&x=1");
        let now = |fault| FaultPlan::new(1).with(FaultRule::now(fault).with_connection(id));
        let mut pair = joined_at(&emulator, &mut control, &path).await;
        assert_eq!(relay.state().hybrid_connection("hc1").senders, [id]);
        let close = Fault::Close {
            code: 4321,
            reason: "on purpose".to_owned(),
        };
        relay.arm(now(close)).unwrap();
        for end in [&mut pair.0, &mut pair.1] {
            assert_eq!(end.close_frame().await, (4321, "on purpose".to_owned()));
        }
        drop(pair);

        let mut pair = joined_at(&emulator, &mut control, &path).await;
        relay.arm(now(Fault::Drop)).unwrap();
        assert_eq!((pair.0.next().await, pair.1.next().await), (None, None));

        let (mut sender, _listener) = joined_at(&emulator, &mut control, &path).await;
        relay.arm(now(Fault::HalfOpen)).unwrap();
        sender.send(&frame(true, 9, "")).await;
        // The channel and other pairs are unaffected, and the struck one is silent.
        let (mut other, mut listener) = joined(&emulator, &mut control, "hc1").await;
        other.send_text("moves").await;
        assert_eq!(listener.next().await, Some(frame(true, 1, "moves")));
        let mut byte = [0];
        assert!(sender.wire.stream.try_read(&mut byte).is_err());
    })
    .await;
}

/// As `joined`, for a path with a query.
async fn joined_at(
    emulator: &emulator::Emulator,
    control: &mut Socket,
    path: &str,
) -> (Socket, Socket) {
    let listening = async {
        let command = control.json().await;
        let address = command["accept"]["address"].as_str().unwrap();
        Socket::rendezvous(address, "").await.unwrap()
    };
    let target = format!("/$hc/{path}");
    let (sender, listener) = join(Socket::connect(emulator, &target), listening).await;
    (sender.unwrap(), listener)
}

#[tokio::test]
async fn azures_delays_are_on_the_emulators_clock() {
    within(async {
        let mut config = config(&["hc1"]);
        config.relay.delays = emulator::RelayDelays::Azure;
        let emulator = start(config).await;
        let mut control = Socket::listen(&emulator, "hc1").await;
        let clock = emulator.clock().clone();
        clock.hold();
        let host = authority(&emulator);
        let fields = format!("ServiceBusAuthorization: {}\r\n", root_token(&host));
        let mut wire = Wire::connect(&host).await;
        wire.write(opening(&host, CONNECT, &fields)).await;
        // Until the sender is waiting; the listener is not told yet.
        let waits = |state: &RelayState| state.hybrid_connection("hc1").pending_rendezvous == 1;
        emulator.relay().wait_for(waits).await.unwrap();
        control.send(&frame(true, 9, "")).await;
        assert_eq!(control.next().await, Some(frame(true, 10, "")));
        clock.advance(Duration::from_millis(60));
        let command = control.json().await;
        let address = command["accept"]["address"].as_str().unwrap();
        let _listener = Socket::rendezvous(address, "").await.unwrap();
        control.send(&frame(true, 9, "")).await;
        assert_eq!(control.next().await, Some(frame(true, 10, "")));
        let mut byte = [0];
        assert!(wire.stream.try_read(&mut byte).is_err(), "not answered yet");
        clock.advance(Duration::from_millis(60));
        assert_eq!(wire.head().await.status, 101);
    })
    .await;
}

#[tokio::test]
async fn the_log_says_what_a_listener_of_the_quickstart_does_wrong() {
    // Of this thread: the test's runtime has one.
    let log = Log::of(LevelFilter::INFO);
    within(async {
        let emulator = start(config(&["hc1"])).await;
        // Its id is not a GUID, and it treats the command as a payload.
        let mut control = Socket::listen_as(&emulator, "hc1", "123456").await;
        let clock = emulator.clock().clone();
        let reading = async {
            control.json().await;
            clock.advance(Duration::from_secs(30));
        };
        let (refused, ()) = join(Socket::connect(&emulator, CONNECT), reading).await;
        assert_eq!(refused.unwrap_err().status, 404);
        // Its sender opens a control channel, and sends data on it.
        control.send_text("Hello listener").await;
        assert_eq!(control.close_frame().await.0, 1002);
        // A key that is not that of the rule.
        let host = authority(&emulator);
        let wrong = token(
            "RootManageSharedAccessKey",
            "x",
            &format!("http://{host}/"),
            60,
        );
        let fields = format!("ServiceBusAuthorization: {wrong}\r\n");
        let refused = Wire::open(&host, CONNECT, &fields).await;
        assert_eq!(refused.unwrap_err().status, 401);
        // A response on the control channel, although its request waits on a rendezvous.
        let mut control = Socket::listen(&emulator, "hc1").await;
        let mut wire = Wire::connect(&host).await;
        let root = root_token(&host);
        wire.write(format!(
            "GET /hc1 HTTP/1.1\r\nHost: {host}\r\nServiceBusAuthorization: {root}\r\n\r\n"
        ))
        .await;
        let request = control.json().await["request"].clone();
        let address = request["address"].as_str().unwrap();
        let _rendezvous = Socket::rendezvous(address, "").await.unwrap();
        let response = json!({ "requestId": request["id"], "statusCode": 200 });
        control.send_json(&json!({ "response": response })).await;
        control.send(&frame(true, 9, "")).await;
        assert_eq!(control.next().await, Some(frame(true, 10, "")));
        // An address that was already used.
        assert_eq!(
            Socket::rendezvous(address, "").await.unwrap_err().status,
            403
        );
    })
    .await;
    let said = log.text();
    for part in [
        "sb-hc-id is not a GUID",
        "generate a new GUID for each connection",
        "NewListenerRegistered",
        "ListenerAcceptingConnectionTimeout",
        "a listener must connect to `accept.address` for each sender",
        "invalid message on a control channel",
        "a sender connects with sb-hc-action=connect",
        "ListenerUnregistered",
        "AuthorizationFailed",
        "the key is not that of the rule",
        "ListenerReturningHttpResponseFailed",
        "belongs on its rendezvous",
        "each works once, and only while the sender waits",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
