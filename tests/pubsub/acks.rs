//! Acknowledgements that are late, lost or doubled.

use std::time::Duration;

use azwire_tests::pubsub::link::{Hub, impatient, next_text, text, wait_for};
use azwire_tests::within;
use emulator::{Emulator, EventHandlerConfig, Fault, FaultRule};
use pubsub::{
    AckId, Client, ErrorKind, Event, InvokeEventOptions, SendEventOptions, SendToGroupOptions,
};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn a_lost_acknowledgement_is_asked_for_again_and_nothing_comes_twice() {
    within(async {
        let hub = Hub::start().await;
        let mut options = impatient();
        // Long enough that the request before is not sent twice.
        options.ack_timeout = Duration::from_millis(500);
        let (client, mut events) = hub
            .connect_with("ann", |builder| builder.session_options(options))
            .await;
        client.join_group("g").await.unwrap();
        hub.arm(FaultRule::on_ack(Fault::WithholdAck));
        let send = SendToGroupOptions::default();
        let done = client.send_to_group("g", text("once"), send).await.unwrap();
        assert!(done.unwrap().is_duplicate);
        hub.publish("then").await;
        assert_eq!(next_text(&mut events).await, "once");
        assert_eq!(next_text(&mut events).await, "then");
    })
    .await;
}

#[tokio::test]
async fn a_doubled_acknowledgement_does_no_harm() {
    within(async {
        let hub = Hub::start().await;
        let (client, _events) = hub.connect("ann").await;
        hub.arm(FaultRule::on_ack(Fault::DuplicateAck).with_times(10));
        for _ in 0..10 {
            assert!(!client.join_group("g").await.unwrap().is_duplicate);
        }
    })
    .await;
}

#[tokio::test]
async fn an_id_of_the_applications_own_is_carried_out_once() {
    within(async {
        let hub = Hub::start().await;
        let (client, mut events) = hub.connect("ann").await;
        client.join_group("g").await.unwrap();
        let send = || SendToGroupOptions::default().with_ack_id(AckId::new(1000));
        let first = client.send_to_group("g", text("a"), send()).await.unwrap();
        let second = client.send_to_group("g", text("a"), send()).await.unwrap();
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.ack_id, AckId::new(1000));
        assert!(!first.is_duplicate && second.is_duplicate);
        hub.publish("b").await;
        assert_eq!(next_text(&mut events).await, "a");
        assert_eq!(next_text(&mut events).await, "b");
    })
    .await;
}

#[tokio::test]
async fn many_requests_may_be_under_way() {
    within(async {
        let hub = Hub::start().await;
        let (client, mut events) = hub.connect("ann").await;
        client.join_group("g").await.unwrap();
        let sends = (0..3000).map(|n| {
            let client = client.clone();
            async move {
                let options = SendToGroupOptions::default();
                client
                    .send_to_group("g", text(&n.to_string()), options)
                    .await
            }
        });
        let reading = async {
            for n in 0..3000 {
                assert_eq!(next_text(&mut events).await, n.to_string());
            }
        };
        let (results, ()) = futures::join!(futures::future::join_all(sends), reading);
        assert!(results.into_iter().all(|result| result.is_ok()));
    })
    .await;
}

#[tokio::test]
async fn an_invocation_that_nobody_handles_is_refused() {
    within(async {
        let hub = Hub::start().await;
        let (client, _events) = hub.connect("ann").await;
        let options = InvokeEventOptions::default();
        let error = client.invoke_event("sum", None, options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAcknowledged);
    })
    .await;
}

/// A hub, and an event handler that answers each of `events` with a status.
async fn hub_with_handler(events: &[(&str, u16)]) -> (Hub, MockServer) {
    let server = MockServer::start().await;
    let allowed = ResponseTemplate::new(200).insert_header("WebHook-Allowed-Origin", "*");
    let system = [("connect", 204), ("connected", 200)];
    let answers = system.iter().chain(events).map(|(event, status)| {
        let at = format!("/{event}$");
        ("POST", at, ResponseTemplate::new(*status))
    });
    for (of, at, answer) in std::iter::once(("OPTIONS", String::new(), allowed)).chain(answers) {
        Mock::given(method(of))
            .and(path_regex(at))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    let handler = EventHandlerConfig::new("chat", format!("{}/{{event}}", server.uri()));
    let emulator = Emulator::builder()
        .event_handler(handler)
        .start()
        .await
        .unwrap();
    (Hub::of(emulator), server)
}

/// How often the handler ran for an event.
async fn runs(server: &MockServer, event: &str) -> usize {
    let requests = server.received_requests().await.unwrap();
    let runs = requests
        .iter()
        .filter(|request| request.url.path().ends_with(event));
    runs.count()
}

#[tokio::test]
async fn a_handler_whose_refusal_was_lost_runs_again_and_one_that_accepted_does_not() {
    within(async {
        let (hub, server) = hub_with_handler(&[("doubt", 422), ("order", 204)]).await;
        let (client, mut events) = hub.connect("ann").await;
        for (event, expected) in [("doubt", 2), ("order", 1)] {
            hub.arm(FaultRule::on_ack(Fault::WithholdAck));
            let sending = client.send_event(event, "x", None);
            let losing = async {
                while runs(&server, event).await == 0 {
                    tokio::task::yield_now().await;
                }
                hub.drop_all();
                wait_for(&mut events, |event| {
                    matches!(event, Event::Recovered { .. })
                })
                .await;
            };
            let (sent, ()) = futures::join!(sending, losing);
            match event {
                "doubt" => {
                    let error = sent.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::NotAcknowledged);
                    assert_eq!(error.error_code(), Some("BadRequest"));
                }
                _ => assert!(sent.unwrap().unwrap().is_duplicate),
            }
            assert_eq!(runs(&server, event).await, expected, "{event}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_refuses_runs_once_and_its_answer_arrives() {
    within(async {
        let (hub, server) = hub_with_handler(&[("forbid", 403), ("doubt", 422)]).await;
        // Under the options that everybody has.
        let (client, _events) = Client::builder(&hub.url("ann").await).build().unwrap();
        client.start().await.unwrap();
        for (event, name, message) in [
            ("forbid", "Forbidden", "The event handler answered 403."),
            ("doubt", "BadRequest", "The event handler answered 422."),
        ] {
            let options = SendEventOptions::default();
            let error = client
                .send_event(event, text("x"), options)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotAcknowledged);
            let told = (error.error_code(), error.service_message());
            assert_eq!(told, (Some(name), Some(message)));
            // An invocation is told the same.
            let options = InvokeEventOptions::default();
            let error = client.invoke_event(event, None, options).await.unwrap_err();
            let told = (error.error_code(), error.service_message());
            assert_eq!(told, (Some(name), Some(message)));
            assert_eq!(
                error.to_string(),
                format!("invoke_event: {name}: {message}")
            );
            // One for the event, one for the invocation.
            assert_eq!(runs(&server, event).await, 2, "{event}");
        }
    })
    .await;
}
