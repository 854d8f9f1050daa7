//! A SOCKS5 server at the sending side, spoken to byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use azwire_tests::relay::link::World;
use azwire_tests::within;
use forward::expression::LocalBinding;
use forward::metrics::{FailureReason, Role};
use forward::{AllowList, LocalForwarder, Login, RemoteForwarder, Socks5Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use transport::_internal::before;
use transport::SharedRuntime;

use crate::fixture::{LONG, closed_port, read_to_end};

/// A SOCKS5 server whose far side allows this machine, under two of its names.
struct Server {
    world: World,
    local: LocalForwarder,
    remote: Option<RemoteForwarder>,
}

impl Server {
    async fn start(options: Socks5Options) -> Self {
        let mut own = Self::without_listener(options).await;
        let allowed: AllowList = "localhost,127.0.0.1,[::1]".parse().unwrap();
        let listener = own.world.listener();
        let remote = RemoteForwarder::builder(listener).allow(allowed).open();
        own.remote = Some(remote.await.unwrap());
        own
    }

    async fn without_listener(options: Socks5Options) -> Self {
        let world = World::start().await;
        let binding = LocalBinding::tcp(0).with_host("127.0.0.1").unwrap();
        let local = LocalForwarder::builder(world.sender()).bind_to(binding, options);
        Self {
            local: local.open().await.unwrap(),
            remote: None,
            world,
        }
    }

    async fn client(&self) -> TcpStream {
        let address = self.local.local_addrs()[0];
        TcpStream::connect(address).await.unwrap()
    }

    /// Asks for a target without a login; returns the code of the reply.
    async fn ask(&self, request: &[u8]) -> (u8, TcpStream) {
        let mut client = self.client().await;
        client.write_all(&[5, 1, 0]).await.unwrap();
        client.write_all(request).await.unwrap();
        let mut told = [0; 12];
        client.read_exact(&mut told).await.unwrap();
        assert_eq!(told[..3], [5, 0, 5]);
        assert_eq!(told[4..], [0, 1, 0, 0, 0, 0, 0, 0]);
        (told[3], client)
    }

    fn failures(&self, why: FailureReason) -> u64 {
        let snapshot = self.local.metrics().snapshot();
        let sender = snapshot.roles.iter().find(|own| own.role == Role::Sender);
        let mut errors = sender.unwrap().errors.iter();
        errors.find(|(reason, _)| *reason == why).unwrap().1
    }
}

fn name(host: &str, port: u16) -> Vec<u8> {
    let mut request = vec![5, 1, 0, 3, u8::try_from(host.len()).unwrap()];
    request.extend_from_slice(host.as_bytes());
    request.extend_from_slice(&port.to_be_bytes());
    request
}

fn address(address: SocketAddr) -> Vec<u8> {
    let mut request = vec![5, 1, 0];
    match address {
        SocketAddr::V4(address) => {
            request.push(1);
            request.extend_from_slice(&address.ip().octets());
        }
        SocketAddr::V6(address) => {
            request.push(4);
            request.extend_from_slice(&address.ip().octets());
        }
    }
    request.extend_from_slice(&address.port().to_be_bytes());
    request
}

#[tokio::test]
async fn clients_reach_their_targets_by_name_and_by_address() {
    within(async {
        let server = Server::start(Socks5Options::default()).await;
        for host in ["127.0.0.1", "[::1]"] {
            // Not every machine has IPv6.
            let Ok(target) = TcpListener::bind(format!("{host}:0")).await else {
                continue;
            };
            let at = target.local_addr().unwrap();
            let mut requests = vec![address(at), name(&at.ip().to_string(), at.port())];
            if at.is_ipv4() {
                // The other address of this name is not everywhere.
                requests.push(name("localhost", at.port()));
            }
            for mut request in requests {
                // Data that does not wait for the reply.
                request.extend_from_slice(b"early, ");
                let (code, mut client) = server.ask(&request).await;
                assert_eq!(code, 0, "{request:?}");
                let (mut far, _) = target.accept().await.unwrap();
                client.write_all(b"late").await.unwrap();
                client.shutdown().await.unwrap();
                assert_eq!(read_to_end(&mut far).await, b"early, late");
                // The far side answers after our end.
                far.write_all(b"an answer").await.unwrap();
                drop(far);
                assert_eq!(read_to_end(&mut client).await, b"an answer");
            }
        }
        assert_eq!(server.local.shutdown(LONG).await, 0);
    })
    .await;
}

#[tokio::test]
async fn clients_are_told_why_they_are_not_connected() {
    within(async {
        let server = Server::start(Socks5Options::default()).await;
        let (_held, closed) = closed_port();
        let (code, mut client) = server.ask(&name("127.0.0.1", closed.port())).await;
        assert_eq!(code, 5, "connection refused");
        assert!(read_to_end(&mut client).await.is_empty());
        let (code, _) = server.ask(&name("192.0.2.1", 80)).await;
        assert_eq!(code, 2, "not allowed");
        let (code, _) = server.ask(&[5, 2, 0, 1, 127, 0, 0, 1, 0, 80]).await;
        assert_eq!(code, 7, "BIND");
        let (code, _) = server.ask(&[5, 1, 0, 9, 0, 0, 80]).await;
        assert_eq!(code, 8, "an unknown type of address");
        let (code, _) = server.ask(&name("no name", 80)).await;
        assert_eq!(code, 1);
        let alone = Server::without_listener(Socks5Options::default()).await;
        let (code, _) = alone.ask(&name("localhost", 80)).await;
        assert_eq!(code, 1, "nobody listens");
        drop(client);
        assert_eq!(alone.local.shutdown(LONG).await, 0);
        assert_eq!(server.local.shutdown(LONG).await, 0);
        assert_eq!(server.failures(FailureReason::ConnectionRefused), 1);
        assert_eq!(server.failures(FailureReason::NotAllowed), 1);
        assert_eq!(server.failures(FailureReason::Socks5), 3);
        assert_eq!(alone.failures(FailureReason::Relay), 1);
    })
    .await;
}

#[tokio::test]
async fn a_client_without_the_login_is_refused() {
    within(async {
        let login = Login::new("ann", "s3cret").unwrap();
        let server = Server::start(Socks5Options::default().with_login(login)).await;
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let request = address(target.local_addr().unwrap());
        let with = |password: &[u8]| {
            let len = u8::try_from(password.len()).unwrap();
            [&[5, 2, 0, 2, 1, 3][..], b"ann", &[len], password, &request].concat()
        };
        for (sent, told) in [
            (vec![5, 1, 0], vec![5, 0xFF]),
            (with(b"s3creT"), vec![5, 2, 1, 1]),
        ] {
            let mut client = server.client().await;
            client.write_all(&sent).await.unwrap();
            assert_eq!(read_to_end(&mut client).await, told);
        }
        let mut client = server.client().await;
        client.write_all(&with(b"s3cret")).await.unwrap();
        let (_far, _) = target.accept().await.unwrap();
        let mut told = [0; 6];
        client.read_exact(&mut told).await.unwrap();
        assert_eq!(told, [5, 2, 1, 0, 5, 0]);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_stays_does_not_delay_the_end_of_the_forwarder() {
    within(async {
        let server = Server::without_listener(Socks5Options::default()).await;
        let mut listener = server.world.listener().open().await.unwrap();
        let mut client = server.client().await;
        client.write_all(&[5, 1, 0]).await.unwrap();
        client.write_all(&name("localhost", 22)).await.unwrap();
        let incoming = listener.accept().await.unwrap();
        let mut silent = incoming.accept().await.unwrap();
        silent.receive().await.unwrap();
        let runtime = SharedRuntime::default();
        let soon = runtime.after(Duration::from_secs(5));
        let stopping = server.local.shutdown(Duration::ZERO);
        assert_eq!(before(&runtime, soon, stopping).await, Some(1));
        let mut told = [0; 4];
        client.read_exact(&mut told).await.unwrap();
        assert_eq!(told, [5, 0, 5, 1]);
    })
    .await;
}

#[tokio::test]
async fn a_client_of_another_protocol_is_closed_without_a_word() {
    within(async {
        let server = Server::start(Socks5Options::default()).await;
        for sent in [
            &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
            &[4, 1, 0, 80, 127, 0, 0, 1, 0],
        ] {
            let mut client = server.client().await;
            client.write_all(sent).await.unwrap();
            assert!(read_to_end(&mut client).await.is_empty());
        }
        // One that says nothing at all.
        let mut client = server.client().await;
        client.shutdown().await.unwrap();
        assert!(read_to_end(&mut client).await.is_empty());
        assert_eq!(server.local.shutdown(LONG).await, 0);
        assert_eq!(server.failures(FailureReason::Socks5), 3);
    })
    .await;
}
