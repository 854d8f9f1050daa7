//! Acknowledgements that are late, lost or doubled.

use std::time::Duration;

use azwire_tests::pubsub::link::{Hub, impatient, next_text, text};
use azwire_tests::within;
use emulator::{Emulator, EventHandlerConfig, Fault, FaultRule};
use pubsub::{AckId, Client, ErrorKind, InvokeEventOptions, SendEventOptions, SendToGroupOptions};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn a_lost_acknowledgement_is_asked_for_again_and_nothing_comes_twice() {
    within(async {
        let hub = Hub::start().await;
        let mut options = impatient();
        options.ack_timeout = Duration::from_millis(50);
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

#[tokio::test]
async fn a_handler_that_refuses_runs_once_and_its_answer_arrives() {
    within(async {
        let server = MockServer::start().await;
        let answers = [
            (
                "OPTIONS",
                "",
                ResponseTemplate::new(200).insert_header("WebHook-Allowed-Origin", "*"),
            ),
            ("POST", "/connect", ResponseTemplate::new(204)),
            ("POST", "/connected", ResponseTemplate::new(200)),
            ("POST", "/forbid", ResponseTemplate::new(403)),
            ("POST", "/doubt", ResponseTemplate::new(422)),
        ];
        for (of, at, answer) in answers {
            Mock::given(method(of))
                .and(path_regex(format!("{at}$")))
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
        let hub = Hub::of(emulator);
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
            let requests = server.received_requests().await.unwrap();
            let runs = requests
                .iter()
                .filter(|request| request.url.path().ends_with(event));
            assert_eq!(runs.count(), 2, "{event}");
        }
    })
    .await;
}
