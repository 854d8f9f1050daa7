//! Sites at a hybrid connection that has ports, too, and several sites at one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::routing::{any, get};
use azwire_tests::relay::link::World;
use azwire_tests::within;
use forward::expression::{LocalBinding, PortName, RemoteBinding};
use forward::{LocalForwarder, RemoteForwarder};
use http::Request;
use relay::{ConnectOptions, ListenerState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use transport::{Body, Message};

use crate::site::{proxy, serve, text_of};

fn echo() -> Router {
    let echo = |upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket: WebSocket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        })
    };
    Router::new()
        .route("/", get(|| async { "a page" }))
        .route("/echo", any(echo))
}

#[tokio::test]
async fn a_site_and_a_port_share_a_hybrid_connection() {
    within(async {
        let world = World::start().await;
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = target.local_addr().unwrap().to_string();
        let name = PortName::new("port").unwrap();
        let site = proxy(&format!("http://{}", serve(echo()).await));
        let remote = RemoteForwarder::builder(world.listener())
            .target(RemoteBinding::tcp(address.parse().unwrap()).with_port_name(name.clone()))
            .site(site);
        let remote = remote.open().await.unwrap();
        let sender = world.sender();

        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = sender.send(request).await.unwrap();
        assert_eq!(text_of(response).await, "a page");

        let options = ConnectOptions::default().with_path_suffix("echo");
        let mut socket = sender.connect_with(options).await.unwrap();
        socket.send(Message::text("hello")).await.unwrap();
        assert_eq!(
            socket.receive().await.unwrap(),
            Some(Message::text("hello"))
        );

        let binding = LocalBinding::tcp(0).with_host("127.0.0.1").unwrap();
        let local = LocalForwarder::builder(sender).bind_to(binding, name);
        let local = local.open().await.unwrap();
        let mut client = TcpStream::connect(local.local_addrs()[0]).await.unwrap();
        let (mut server, _) = target.accept().await.unwrap();
        client.write_all(b"bytes").await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = String::new();
        server.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "bytes");
        drop(server);

        // Both are counted, and the WebSocket is cut when its time has elapsed.
        assert_eq!(local.shutdown(Duration::from_secs(50)).await, 0);
        let stopping = remote.shutdown(Duration::ZERO);
        let (cut, received) = futures::join!(stopping, socket.receive());
        assert_eq!(cut, 1);
        assert!(
            !matches!(received, Ok(Some(Message::Text(_)))),
            "{received:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_request_is_answered_before_the_forwarder_has_ended() {
    within(async {
        let world = World::start().await;
        let (asked, mut was_asked) = tokio::sync::mpsc::channel(1);
        let release = Arc::new(Notify::new());
        let released = Arc::clone(&release);
        let page = Router::new().route(
            "/",
            get(move || async move {
                asked.send(()).await.unwrap();
                released.notified().await;
                "late"
            }),
        );
        let site = proxy(&format!("http://{}", serve(page).await));
        let remote = RemoteForwarder::builder(world.listener()).site(site);
        let remote = remote.open().await.unwrap();
        let sender = world.sender();
        let answered = async {
            let request = Request::get("/").body(Body::empty()).unwrap();
            text_of(sender.send(request).await.unwrap()).await
        };
        let stopped = async {
            was_asked.recv().await.unwrap();
            let mut stopping = std::pin::pin!(remote.shutdown(Duration::from_secs(50)));
            // Enough turns for everything that needs no answer.
            for _ in 0..1_000 {
                assert!(futures::poll!(&mut stopping).is_pending());
                tokio::task::yield_now().await;
            }
            release.notify_one();
            stopping.await
        };
        let (text, cut) = futures::join!(answered, stopped);
        assert_eq!((text.as_str(), cut), ("late", 0));
        assert_eq!(remote.state(), ListenerState::Offline);
    })
    .await;
}

#[tokio::test]
async fn several_sites_take_turns() {
    within(async {
        let world = World::start().await;
        let mut builder = RemoteForwarder::builder(world.listener());
        for name in ["one", "two", "three"] {
            let page = Router::new().route("/", get(move || async move { name }));
            builder = builder.site(proxy(&format!("http://{}", serve(page).await)));
        }
        let _remote = builder.open().await.unwrap();
        let sender = world.sender();
        let mut pages = Vec::new();
        for _ in 0..6 {
            let request = Request::get("/").body(Body::empty()).unwrap();
            pages.push(text_of(sender.send(request).await.unwrap()).await);
        }
        assert_eq!(pages, ["one", "two", "three", "one", "two", "three"]);
    })
    .await;
}
