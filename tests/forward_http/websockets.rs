//! WebSockets of a site: opened, carried, closed, and refused.

use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message as AxumMessage, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response as AxumResponse;
use axum::routing::{any, get};
use azwire_tests::origin::Origin;
use azwire_tests::relay::link::{World, next};
use azwire_tests::within;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use relay::{ConnectOptions, ErrorKind, RelayStream};
use transport::testing::ManualRuntime;
use transport::{CloseCode, Message};

use crate::site::{Site, proxy, serve};

fn at(path: &str) -> ConnectOptions {
    ConnectOptions::default().with_path_suffix(path)
}

async fn connect(site: &Site, options: ConnectOptions) -> relay::Result<RelayStream> {
    site.sender.connect_with(options).await
}

/// Tells what it got, echoes until the sender closes, and answers its close.
async fn chat(uri: Uri, headers: HeaderMap, upgrade: WebSocketUpgrade) -> AxumResponse {
    let header = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let told = format!(
        "{uri} {:?} {:?} {:?} {:?}",
        header("host"),
        header("x-own"),
        header("x-forwarded-for"),
        header("x-forwarded-prefix"),
    );
    let upgrade = upgrade.protocols(["chat.v2", "chat.v1"]);
    upgrade.on_upgrade(|mut socket: WebSocket| async move {
        let text = format!("{told} {:?}", socket.protocol());
        socket.send(AxumMessage::text(text)).await.unwrap();
        while let Some(Ok(message)) = socket.recv().await {
            match message {
                AxumMessage::Text(text) if text.as_str() == "close" => {
                    let frame = CloseFrame {
                        code: 4001,
                        reason: "enough".into(),
                    };
                    socket.send(AxumMessage::Close(Some(frame))).await.unwrap();
                }
                AxumMessage::Text(text) if text.as_str() == "drop" => return,
                AxumMessage::Text(_) | AxumMessage::Binary(_) => {
                    socket.send(message).await.unwrap();
                }
                _ => {}
            }
        }
    })
}

fn chats() -> Router {
    Router::new().route("/app/chat", any(chat))
}

#[tokio::test]
async fn a_websocket_is_carried_with_its_kinds_of_messages_and_its_end() {
    within(async {
        let address = serve(chats()).await;
        let site = Site::of(proxy(&format!("http://{address}/app"))).await;
        let options = at("chat")
            .with_query("room=5")
            .with_header(
                HeaderName::from_static("x-own"),
                HeaderValue::from_static("1"),
            )
            .with_header(
                HeaderName::from_static("x-forwarded-for"),
                HeaderValue::from_static("203.0.113.9"),
            )
            .with_subprotocol("other")
            .with_subprotocol("chat.v1");
        let mut stream = connect(&site, options).await.unwrap();
        assert_eq!(stream.subprotocol(), Some("chat.v1"));
        let told = format!(
            "/app/chat?room=5 Some(\"{address}\") Some(\"1\") Some(\"127.0.0.1\") Some(\"/hc1\") \
             Some(\"chat.v1\")"
        );
        assert_eq!(stream.receive().await.unwrap(), Some(Message::text(told)));
        for message in [
            Message::text("text"),
            Message::binary(Bytes::from(vec![7; 300_000])),
            Message::text(""),
            Message::binary(Bytes::new()),
        ] {
            stream.send(message.clone()).await.unwrap();
            assert_eq!(stream.receive().await.unwrap(), Some(message));
        }
        stream.send(Message::text("close")).await.unwrap();
        let Some(Message::Close(Some(frame))) = stream.receive().await.unwrap() else {
            panic!("a close frame");
        };
        assert_eq!(
            (frame.code.as_u16(), frame.reason.as_str()),
            (4001, "enough")
        );
        stream.finish().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_sender_closes_with_its_own_code_and_hears_that_of_the_target() {
    within(async {
        let (told, heard) = tokio::sync::oneshot::channel();
        let told = std::sync::Arc::new(std::sync::Mutex::new(Some(told)));
        let closed = move |upgrade: WebSocketUpgrade| async move {
            upgrade.on_upgrade(|mut socket: WebSocket| async move {
                while let Some(Ok(message)) = socket.recv().await {
                    if let AxumMessage::Close(frame) = message {
                        let told = told.lock().unwrap().take().unwrap();
                        told.send(frame.unwrap()).unwrap();
                    }
                }
            })
        };
        let site = Site::with(Router::new().route("/", any(closed))).await;
        let mut stream = connect(&site, at("")).await.unwrap();
        let frame = transport::CloseFrame::new(CloseCode::new(4002).unwrap(), "mine");
        stream.send(Message::Close(Some(frame))).await.unwrap();
        let frame = heard.await.unwrap();
        assert_eq!((frame.code, frame.reason.as_str()), (4002, "mine"));
        // The target's answer has the same code (RFC 6455 §5.5.1).
        while let Some(message) = stream.receive().await.unwrap() {
            assert!(matches!(message, Message::Close(_)), "{message:?}");
        }
        assert_eq!(stream.close_frame().unwrap().code.as_u16(), 4002);
    })
    .await;
}

#[tokio::test]
async fn a_target_that_drops_its_websocket_ends_that_of_the_sender() {
    within(async {
        let address = serve(chats()).await;
        let site = Site::of(proxy(&format!("http://{address}/app"))).await;
        let mut stream = connect(&site, at("chat")).await.unwrap();
        assert_eq!(stream.subprotocol(), None);
        stream.receive().await.unwrap().unwrap();
        stream.send(Message::text("drop")).await.unwrap();
        let Some(Message::Close(Some(frame))) = stream.receive().await.unwrap() else {
            panic!("a close frame");
        };
        assert_eq!(frame.code, CloseCode::GOING_AWAY);
    })
    .await;
}

#[tokio::test]
async fn a_site_that_does_not_upgrade_rejects_the_sender() {
    within(async {
        let router = Router::new()
            .route("/page", get(|| async { "a page" }))
            .route("/forbidden", get(|| async { StatusCode::FORBIDDEN }))
            .route("/teapot", get(|| async { StatusCode::IM_A_TEAPOT }))
            .route("/moved", get(|| async { StatusCode::FOUND }));
        let site = Site::with(router).await;
        for (path, status) in [
            ("page", 502),
            ("forbidden", 403),
            ("teapot", 418),
            ("moved", 502),
            ("nowhere", 404),
        ] {
            let error = connect(&site, at(path)).await.unwrap_err();
            assert_eq!(
                error.status().map(|status| status.as_u16()),
                Some(status),
                "{path} {error}"
            );
        }
        let origin = Origin::answering("SSH-2.0-OpenSSH_9.2\r\n").await;
        for target in [origin.uri("").to_string(), "http://127.0.0.1:9".to_owned()] {
            let site = Site::of(proxy(&target)).await;
            let error = connect(&site, at("")).await.unwrap_err();
            assert_eq!(
                error.status().map(|status| status.as_u16()),
                Some(502),
                "{target} {error}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_site_that_does_not_answer_an_upgrade_is_504() {
    within(async {
        let (origin, heard) = Origin::silent().await;
        let clock = ManualRuntime::new();
        let slow = proxy(&origin.uri("").to_string()).with_runtime(clock.shared());
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let sender = world.sender();
        let serving = async {
            let incoming = next(&mut listener).await;
            slow.serve_websocket(incoming).await.unwrap();
        };
        let waiting = async {
            heard.await.unwrap();
            clock.advance(Duration::from_secs(20));
        };
        let (opened, (), ()) = futures::join!(sender.connect(), serving, waiting);
        let error = opened.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::GATEWAY_TIMEOUT), "{error}");
    })
    .await;
}

#[tokio::test]
async fn too_many_websockets_are_rejected() {
    within(async {
        let address = serve(chats()).await;
        let few = proxy(&format!("http://{address}/app")).with_max_websockets(1);
        let site = Site::of(few).await;
        let mut first = connect(&site, at("chat")).await.unwrap();
        first.receive().await.unwrap().unwrap();
        let error = connect(&site, at("chat")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerBusy, "{error}");
        first.send(Message::Close(None)).await.unwrap();
        first.finish().await.unwrap();
        // The place is free again once the proxy knows of the end.
        let mut second = loop {
            if let Ok(stream) = connect(&site, at("chat")).await {
                break stream;
            }
        };
        second.receive().await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_name_of_the_sender_s_host_is_kept_if_told_so() {
    within(async {
        let address = serve(chats()).await;
        let kept = proxy(&format!("http://{address}/app")).with_preserved_host(true);
        let site = Site::of(kept).await;
        let mut stream = connect(&site, at("chat")).await.unwrap();
        let Some(Message::Text(told)) = stream.receive().await.unwrap() else {
            panic!("a text");
        };
        assert!(
            told.starts_with("/app/chat Some(") && !told.contains(&address.to_string()),
            "{}",
            told.as_str()
        );
    })
    .await;
}
