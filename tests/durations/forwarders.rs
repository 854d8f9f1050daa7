//! The forwarders, on real sockets against the emulator.

use std::net::SocketAddr;
use std::time::Duration;

use azwire_tests::within;
use emulator::Emulator;
use forward::expression::{LocalForward, RemoteForward};
use forward::{ForwardOptions, LocalForwarder, RemoteForwarder, ReverseProxy, Socks5Options};
use http::{Request, Uri};
use relay::{Listener, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use transport::Body;

use crate::parties::is_harmless;
use crate::{Case, later};

pub(super) const CASES: &[Case] = &[
    (
        "forward ForwardOptions::dial_timeout",
        later!(|value| pair(value, ForwardOptions::default().with_dial_timeout(value))),
    ),
    (
        "forward ForwardOptions::with_dial_timeout",
        later!(|value| pair(value, ForwardOptions::default().with_dial_timeout(value))),
    ),
    (
        "forward ForwardOptions::greeting_timeout",
        later!(|value| pair(
            value,
            ForwardOptions::default().with_greeting_timeout(value)
        )),
    ),
    (
        "forward ForwardOptions::with_greeting_timeout",
        later!(|value| pair(
            value,
            ForwardOptions::default().with_greeting_timeout(value)
        )),
    ),
    (
        "forward ForwardOptions::idle_timeout",
        later!(|value| pair(value, ForwardOptions::default().with_idle_timeout(value))),
    ),
    (
        "forward ForwardOptions::with_idle_timeout",
        later!(|value| pair(value, ForwardOptions::default().with_idle_timeout(value))),
    ),
    (
        "forward ForwardOptions::udp_idle_timeout",
        later!(|value| pair(
            value,
            ForwardOptions::default().with_udp_idle_timeout(value)
        )),
    ),
    (
        "forward ForwardOptions::with_udp_idle_timeout",
        later!(|value| pair(
            value,
            ForwardOptions::default().with_udp_idle_timeout(value)
        )),
    ),
    (
        "forward ForwardOptions::close_timeout",
        later!(|value| pair(value, ForwardOptions::default().with_close_timeout(value))),
    ),
    (
        "forward ForwardOptions::with_close_timeout",
        later!(|value| pair(value, ForwardOptions::default().with_close_timeout(value))),
    ),
    (
        "forward ForwardOptions::tcp_keep_alive",
        later!(|value| pair(value, ForwardOptions::default().with_tcp_keep_alive(value))),
    ),
    (
        "forward ForwardOptions::with_tcp_keep_alive",
        later!(|value| pair(value, ForwardOptions::default().with_tcp_keep_alive(value))),
    ),
    ("forward LocalForwarder::shutdown", later!(shutdown)),
    ("forward RemoteForwarder::shutdown", later!(shutdown)),
    ("forward ReverseProxy::with_response_timeout", later!(site)),
    ("forward Socks5Options::negotiation_timeout", later!(socks5)),
    (
        "forward Socks5Options::with_negotiation_timeout",
        later!(socks5),
    ),
];

/// Two forwarders, and a target that answers in the end.
struct Path {
    _emulator: Emulator,
    local: LocalForwarder,
    remote: RemoteForwarder,
    target: TcpListener,
}

impl Path {
    async fn open(options: &ForwardOptions) -> Self {
        let emulator = Emulator::builder().start().await.unwrap();
        let place = emulator.relay().plain_connection_string("hc1");
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = target.local_addr().unwrap();
        let forward: RemoteForward = format!("hc1:port/{address}").parse().unwrap();
        let listener = Listener::from_connection_string(place.expose()).unwrap();
        let remote = RemoteForwarder::builder(listener)
            .targets(forward.bindings())
            .allow(address.to_string().parse().unwrap())
            .options(options.clone());
        let remote = remote.open().await.unwrap();
        let forward: LocalForward = "127.0.0.1:0/port:hc1".parse().unwrap();
        let sender = Sender::from_connection_string(place.expose()).unwrap();
        let local = LocalForwarder::builder(sender)
            .bind_all(forward.bindings())
            .options(options.clone());
        let local = local.open().await.unwrap();
        Self {
            _emulator: emulator,
            local,
            remote,
            target,
        }
    }

    fn address(&self) -> SocketAddr {
        self.local.local_addrs()[0].to_string().parse().unwrap()
    }
}

/// A client's question and its answer, both whole.
async fn exchange(path: &Path, first: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut client = TcpStream::connect(path.address()).await?;
    let answering = async {
        let (mut stream, _) = path.target.accept().await?;
        let mut question = Vec::new();
        stream.read_to_end(&mut question).await?;
        stream.write_all(&question).await?;
        stream.shutdown().await
    };
    let asking = async {
        client.write_all(first).await?;
        client.shutdown().await?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    // A client that gets no answer has been cut, and the target may never see it.
    let (asking, answering) = (std::pin::pin!(asking), std::pin::pin!(answering));
    match futures::future::select(asking, answering).await {
        futures::future::Either::Left((answer, _)) => answer,
        futures::future::Either::Right((answered, asking)) => asking.await.and_then(|answer| {
            answered?;
            Ok(answer)
        }),
    }
}

async fn pair(value: Duration, options: ForwardOptions) {
    within(async {
        let path = Path::open(&options).await;
        let answer = exchange(&path, b"hello").await;
        let is_whole = answer.as_ref().is_ok_and(|answer| answer == b"hello");
        assert!(is_whole || !is_harmless(value), "{answer:?}");
        path.local.shutdown(Duration::from_secs(10)).await;
        path.remote.shutdown(Duration::from_secs(10)).await;
    })
    .await;
}

async fn shutdown(value: Duration) {
    within(async {
        let path = Path::open(&ForwardOptions::default()).await;
        assert_eq!(exchange(&path, b"hello").await.unwrap(), b"hello");
        let both = futures::future::join(path.local.shutdown(value), path.remote.shutdown(value));
        both.await;
    })
    .await;
}

async fn socks5(value: Duration) {
    within(async {
        let path = Path::open(&ForwardOptions::default()).await;
        let options = Socks5Options::default().with_negotiation_timeout(value);
        let forward: LocalForward = "127.0.0.1:0/any:hc1".parse().unwrap();
        let binding = forward.bindings()[0].clone();
        path.local.bind_to(binding, options).await.unwrap();
        let address = path.local.local_addrs()[1].to_string();
        let mut client = TcpStream::connect(address).await.unwrap();
        let SocketAddr::V4(target) = path.target.local_addr().unwrap() else {
            panic!("the target is at an address of IPv4");
        };
        let mut request = vec![5, 1, 0, 5, 1, 0, 1];
        request.extend(target.ip().octets());
        request.extend(target.port().to_be_bytes());
        _ = client.write_all(&request).await;
        let mut reply = Vec::new();
        _ = client.take(4).read_to_end(&mut reply).await;
        let is_connected = reply == [5, 0, 5, 0];
        assert!(is_connected || !is_harmless(value), "{reply:?}");
    })
    .await;
}

async fn site(value: Duration) {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let place = emulator.relay().plain_connection_string("hc1");
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("http://{}/", target.local_addr().unwrap())
            .parse()
            .unwrap();
        let site = ReverseProxy::new(&uri)
            .unwrap()
            .with_response_timeout(value);
        let listener = Listener::from_connection_string(place.expose()).unwrap();
        let remote = RemoteForwarder::builder(listener).site(site);
        let remote = remote.open().await.unwrap();
        let sender = Sender::from_connection_string(place.expose()).unwrap();
        let answering = async {
            let (mut stream, _) = target.accept().await.unwrap();
            _ = stream.read(&mut [0; 1024]).await;
            let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            _ = stream.write_all(answer).await;
            std::future::pending::<()>().await;
        };
        let asking = sender.send(Request::get("/").body(Body::empty()).unwrap());
        let (asking, answering) = (std::pin::pin!(asking), std::pin::pin!(answering));
        let futures::future::Either::Left((response, _)) =
            futures::future::select(asking, answering).await
        else {
            panic!("the target answers and waits");
        };
        let status = response.unwrap().status().as_u16();
        assert!(status == 204 || !is_harmless(value), "{status}");
        remote.shutdown(Duration::from_secs(10)).await;
    })
    .await;
}
