//! The admin API that every port has: health, clock, reset.

use std::time::Duration;

use azwire_tests::pubsub::rest::{Reply, exchange};
use azwire_tests::relay::peer::authority;
use azwire_tests::within;
use emulator::Emulator;
use http::{Method, Request};
use serde_json::json;
use transport::net::{Connector, HyperClient};
use transport::tls::{RootCertificates, TlsConnector};
use transport::{Body, HttpClient};

/// Returns the address of the admin API on each port that speaks plain text.
fn addresses(emulator: &Emulator) -> [String; 2] {
    let endpoint = emulator.pubsub().endpoint();
    let relay = format!("http://{}", authority(emulator));
    [endpoint, relay].map(|endpoint| format!("{endpoint}/_emulator"))
}

async fn call(method: Method, url: String, body: &'static str) -> Reply {
    let request = Request::builder().method(method).uri(url);
    exchange(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn every_port_says_that_the_emulator_is_healthy() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut uptime = -1.0_f64;
        for address in addresses(&emulator) {
            let reply = call(Method::GET, format!("{address}/health"), "").await;
            let body = reply.json();
            assert_eq!((reply.status, &body["status"]), (200, &json!("healthy")));
            assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
            let now = body["uptime"].as_f64().unwrap();
            assert!(now >= uptime.max(0.0), "{body}");
            uptime = now;
            let reply = call(Method::HEAD, format!("{address}/health"), "").await;
            assert_eq!((reply.status, reply.body.len()), (200, 0));
            assert_eq!(
                call(Method::POST, format!("{address}/health"), "")
                    .await
                    .status,
                405
            );
            assert_eq!(
                call(Method::GET, format!("{address}/reset"), "")
                    .await
                    .status,
                405
            );
            assert_eq!(
                call(Method::GET, format!("{address}/healthy"), "")
                    .await
                    .status,
                404
            );
        }

        let roots = RootCertificates::none().with_pem(emulator.relay().ca_pem().as_bytes());
        let tls = TlsConnector::ring(roots.unwrap()).unwrap();
        let connector = Connector::builder().tls(tls).build();
        let url = emulator.relay().endpoint().replace("sb://", "https://");
        let request = Request::get(format!("{url}_emulator/health")).body(Body::empty());
        let response = HyperClient::new(connector).send(request.unwrap()).await;
        assert_eq!(response.unwrap().status(), 200);
    })
    .await;
}

#[tokio::test]
async fn every_port_moves_the_one_clock() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        for (address, offset) in addresses(&emulator).iter().zip([30.0, 60.0]) {
            let clock = format!("{address}/clock");
            let step = r#"{"advance": 30, "hold": true}"#;
            assert_eq!(
                call(Method::POST, clock.clone(), step).await.json()["offset"],
                offset
            );
            let found = call(Method::GET, clock, "").await.json();
            assert_eq!(
                (&found["offset"], &found["isHeld"]),
                (&json!(offset), &json!(true))
            );
        }
        assert_eq!(emulator.clock().offset(), Duration::from_secs(60));
    })
    .await;
}

#[tokio::test]
async fn each_service_has_its_own_part() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let [pubsub, relay] = addresses(&emulator);
        for (path, member) in [("state", "hubs"), ("faults", "rules")] {
            let found = call(Method::GET, format!("{pubsub}/{path}"), "")
                .await
                .json();
            assert!(found.get(member).is_some(), "{found}");
        }
        let state = call(Method::GET, format!("{relay}/state"), "").await.json();
        assert!(state["hybridConnections"]["hc1"].is_object(), "{state}");
        for path in ["connections", "event-handlers"] {
            assert_eq!(
                call(Method::GET, format!("{relay}/{path}"), "")
                    .await
                    .status,
                404
            );
        }
    })
    .await;
}
