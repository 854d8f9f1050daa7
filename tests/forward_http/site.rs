//! A site, and a reverse proxy to it behind the emulator's relay.

use std::net::SocketAddr;

use axum::Router;
use azwire_tests::origin::spawn;
use azwire_tests::relay::link::World;
use bytes::Bytes;
use forward::ReverseProxy;
use http::{Request, Response, Uri};
use relay::{ListenerHandle, Sender};
use tokio::net::TcpListener;
use transport::Body;

/// A reverse proxy behind the relay, and a sender that uses it.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) sender: Sender,
    _listener: ListenerHandle,
}

impl Site {
    /// Serves `proxy` at the hybrid connection `hc1`.
    pub(crate) async fn of(proxy: ReverseProxy) -> Self {
        let world = World::start().await;
        let builder = world.listener().request_handler(proxy.clone());
        let mut listener = builder.open().await.unwrap();
        let handle = listener.handle();
        spawn(async move { proxy.serve_websockets(&mut listener).await });
        Self {
            sender: world.sender(),
            world,
            _listener: handle,
        }
    }

    /// Serves a proxy to `router`.
    pub(crate) async fn with(router: Router) -> Self {
        let address = serve(router).await;
        Self::of(proxy(&format!("http://{address}"))).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.sender.send(request).await.unwrap()
    }

    pub(crate) async fn get(&self, target: &str) -> Response<Body> {
        self.send(Request::get(target).body(Body::empty()).unwrap())
            .await
    }
}

pub(crate) fn proxy(target: &str) -> ReverseProxy {
    let target: Uri = target.parse().unwrap();
    ReverseProxy::new(&target).unwrap()
}

/// Serves a router on a free port.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

pub(crate) async fn body_of(response: Response<Body>) -> Bytes {
    response.into_body().collect(1 << 20).await.unwrap()
}

pub(crate) async fn text_of(response: Response<Body>) -> String {
    String::from_utf8(body_of(response).await.to_vec()).unwrap()
}
