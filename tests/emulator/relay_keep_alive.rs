//! A rendezvous lives as long as its sender's connection, and serves no other.

use std::net::SocketAddr;
use std::time::Duration;

use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::Emulator;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

async fn open_emulator() -> (Emulator, String, Socket) {
    let emulator = start(config(&["hc1:anonymous", "hc2:anonymous"])).await;
    let host = authority(&emulator);
    let control = Socket::listen(&emulator, "hc1").await;
    (emulator, host, control)
}

async fn answer(socket: &mut Socket, request: &Value, status: u16) {
    let head = json!({ "requestId": request["id"], "statusCode": status });
    socket.send_json(&json!({ "response": head })).await;
}

/// Sends a request whose response arrives over a rendezvous, which stays open.
async fn leave_open(wire: &mut Wire, host: &str, control: &mut Socket) -> Socket {
    wire.write(format!(
        "POST /hc1/first HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ))
    .await;
    let pointer = control.json().await["request"].clone();
    let address = pointer["address"].as_str().unwrap();
    let mut rendezvous = Socket::rendezvous(address, "").await.unwrap();
    let request = rendezvous.json().await["request"].clone();
    assert_eq!(rendezvous.next().await, Some(frame(true, 2, "")));
    answer(&mut rendezvous, &request, 200).await;
    assert_eq!(wire.head().await.status, 200);
    rendezvous
}

/// Far less than the half minute for which the server keeps an idle connection.
#[expect(clippy::disallowed_methods, reason = "the clock of the test itself")]
async fn soon<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(15);
    tokio::time::timeout(limit, future).await.expect("soon")
}

#[tokio::test]
async fn an_open_rendezvous_ends_with_the_connection_of_its_sender() {
    within(async {
        let (emulator, host, mut control) = open_emulator().await;
        for ends_by_itself in [false, true] {
            let mut wire = Wire::connect(&host).await;
            let mut rendezvous = leave_open(&mut wire, &host, &mut control).await;
            let relay = emulator.relay();
            let idle = relay.wait_for(|state| state.hybrid_connection("hc1").idle_rendezvous == 1);
            idle.await.unwrap();
            if ends_by_itself {
                // The emulator ends the connection because of an invalid head.
                wire.write("nonsense\r\n\r\n").await;
                assert_eq!(wire.head().await.status, 400);
            } else {
                drop(wire);
            }
            assert_eq!(soon(rendezvous.close_frame()).await.0, 1001);
            assert_eq!(relay.state().idle_rendezvous, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_rendezvous_for_one_response_ends_with_the_connection_of_its_sender() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        let mut wire = Wire::connect(&host).await;
        wire.write(format!("GET /hc1 HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        let request = control.json().await["request"].clone();
        let address = request["address"].as_str().unwrap();
        let mut rendezvous = Socket::rendezvous(address, "").await.unwrap();
        answer(&mut rendezvous, &request, 200).await;
        assert_eq!(wire.head().await.status, 200);
        // Like the official Node listener, which never reads from it, this one keeps it open.
        rendezvous.send(&frame(true, 9, "there?")).await;
        assert_eq!(rendezvous.next().await, Some(frame(true, 10, "there?")));
        drop(wire);
        assert_eq!(soon(rendezvous.close_frame()).await.0, 1001);
    })
    .await;
}

#[tokio::test]
async fn the_body_that_nobody_reads_ends_with_the_connection_of_its_sender() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        let mut wire = Wire::connect(&host).await;
        wire.write(format!("HEAD /hc1 HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        let request = control.json().await["request"].clone();
        let address = request["address"].as_str().unwrap();
        let mut rendezvous = Socket::rendezvous(address, "").await.unwrap();
        let head = json!({ "requestId": request["id"], "statusCode": 200, "body": true });
        rendezvous.send_json(&json!({ "response": head })).await;
        rendezvous.send(&frame(false, 2, "endless")).await;
        assert_eq!(wire.head().await.status, 200);
        drop(wire);
        assert_eq!(soon(rendezvous.close_frame()).await.0, 1001);
    })
    .await;
}

#[tokio::test]
async fn a_connection_from_the_same_port_inherits_no_rendezvous() {
    within(async {
        let (_emulator, host, mut control) = open_emulator().await;
        let server: SocketAddr = host.parse().unwrap();
        let from = |address: SocketAddr| async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            // Ends without TIME_WAIT, so that the port can be reused at once.
            socket.set_zero_linger().unwrap();
            socket.bind(address).unwrap();
            let stream = socket.connect(server).await.unwrap();
            let local = stream.local_addr().unwrap();
            (Wire::of(stream), local)
        };
        let (mut wire, local) = from(([127, 0, 0, 1], 0).into()).await;
        let mut rendezvous = leave_open(&mut wire, &host, &mut control).await;
        drop(wire);
        let (mut wire, again) = from(local).await;
        assert_eq!(again, local);
        wire.write(format!("GET /hc1/second HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        let request = soon(control.json()).await["request"].clone();
        assert_eq!(request["requestTarget"], "/hc1/second");
        answer(&mut control, &request, 201).await;
        assert_eq!(wire.head().await.status, 201);
        // Nothing of the second request arrived here.
        assert_eq!(soon(rendezvous.close_frame()).await.0, 1001);
    })
    .await;
}
