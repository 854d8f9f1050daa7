//! A single stream of the caller's, such as standard input and output.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use azwire_tests::relay::link::World;
use azwire_tests::within;
use forward::envelope::ConnectCode;
use forward::{ErrorKind, RemoteForwarder, StreamForwarder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, duplex};
use tokio::net::TcpListener;

use crate::fixture::{Wire, closed_port, destination, host_port, read_to_end, remote_to};

struct Far {
    world: World,
    target: TcpListener,
    _remote: RemoteForwarder,
}

impl Far {
    async fn start() -> Self {
        let world = World::start().await;
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = host_port(target.local_addr().unwrap());
        let remote = remote_to(&world, &address).open().await.unwrap();
        Self {
            world,
            target,
            _remote: remote,
        }
    }

    fn forwarder(&self, wire: Wire) -> StreamForwarder {
        let target = host_port(self.target.local_addr().unwrap());
        StreamForwarder::new(self.world.sender(), destination(wire, &target))
    }
}

#[tokio::test]
async fn an_answer_arrives_after_the_input_has_ended() {
    within(async {
        let far = Far::start().await;
        for wire in Wire::BOTH {
            let (mut near, input) = duplex(1024);
            let (output, mut written) = duplex(1024);
            let question = vec![7; 3_000_000];
            let serving = async {
                let (mut server, _) = far.target.accept().await.unwrap();
                assert!(read_to_end(&mut server).await == question, "{wire:?}");
                server.write_all(b"an answer").await.unwrap();
            };
            let asking = async {
                near.write_all(&question).await.unwrap();
                drop(near);
                let mut answer = String::new();
                written.read_to_string(&mut answer).await.unwrap();
                assert_eq!(answer, "an answer");
            };
            let running = far.forwarder(wire).run(input, output);
            let (ran, (), ()) = futures::join!(running, serving, asking);
            let transferred = ran.unwrap();
            assert_eq!((transferred.sent, transferred.received), (3_000_000, 9));
        }
    })
    .await;
}

#[tokio::test]
async fn an_input_that_stays_open_is_sent_after_the_end_of_the_other_side() {
    within(async {
        let far = Far::start().await;
        let (mut near, input) = duplex(1024);
        let (output, mut written) = duplex(1024);
        let serving = async {
            let (mut server, _) = far.target.accept().await.unwrap();
            server.shutdown().await.unwrap();
            read_to_end(&mut server).await
        };
        let asking = async {
            let mut answer = Vec::new();
            written.read_to_end(&mut answer).await.unwrap();
            assert!(answer.is_empty());
            near.write_all(b"still here").await.unwrap();
            drop(near);
        };
        let running = far.forwarder(Wire::Aztunnel).run(input, output);
        let (ran, heard, ()) = futures::join!(running, serving, asking);
        assert_eq!(heard, b"still here");
        assert_eq!(ran.unwrap().sent, 10);
    })
    .await;
}

#[tokio::test]
async fn a_terminal_ends_with_the_other_side() {
    within(async {
        let far = Far::start().await;
        for wire in Wire::BOTH {
            let (_near, input) = duplex(1024);
            let (output, mut written) = duplex(1024);
            let serving = async {
                let (mut server, _) = far.target.accept().await.unwrap();
                server.write_all(b"bye").await.unwrap();
                server.shutdown().await.unwrap();
                assert!(read_to_end(&mut server).await.is_empty());
            };
            let forwarder = far.forwarder(wire).with_end_with_peer(true);
            let (ran, ()) = futures::join!(forwarder.run(input, output), serving);
            assert_eq!(ran.unwrap().received, 3, "{wire:?}");
            let mut answer = String::new();
            written.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "bye");
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_read_before_the_target_is_reached() {
    within(async {
        let world = World::start().await;
        let (_held, target) = closed_port();
        let _remote = remote_to(&world, &target).open().await.unwrap();
        let (mut near, mut input) = duplex(16);
        near.write_all(b"unread").await.unwrap();
        drop(near);
        let forwarder = StreamForwarder::new(world.sender(), target);
        let error = forwarder
            .run(&mut input, tokio::io::sink())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Dial, "{error}");
        assert_eq!(error.code(), Some(ConnectCode::ConnectionRefused));
        assert!(error.tracking_id().is_some());
        let mut unread = String::new();
        input.read_to_string(&mut unread).await.unwrap();
        assert_eq!(unread, "unread");
    })
    .await;
}

/// An input that fails after a few bytes.
struct Broken(bool);

impl AsyncRead for Broken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(Err(io::Error::other("disk")));
        }
        buffer.put_slice(b"half");
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn an_input_that_fails_is_not_taken_for_its_end() {
    within(async {
        let far = Far::start().await;
        let serving = async {
            let (mut server, _) = far.target.accept().await.unwrap();
            let mut heard = Vec::new();
            server.read_to_end(&mut heard).await
        };
        // azbridge's wire: aztunnel's has no end that is not one.
        let running = far
            .forwarder(Wire::Azbridge)
            .run(Broken(false), tokio::io::sink());
        let (ran, heard) = futures::join!(running, serving);
        let error = ran.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Local, "{error}");
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "disk");
        assert_eq!(heard.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    })
    .await;
}
