//! The documentation's examples, run against peers that wait for an answer
//! before they continue.

use azwire_tests::relay::link::{World, next};
use azwire_tests::within;
use futures::AsyncReadExt;
use futures::future::{Either, select};
use http::Request;
use relay::{ErrorKind, Sender, handler_fn};
use transport::{Body, Message};

/// Runs an example, which never ends on its own, next to its peer.
async fn beside<E: std::fmt::Debug>(
    shown: impl Future<Output = Result<(), E>>,
    peer: impl Future<Output = ()>,
) {
    within(async {
        let (shown, peer) = (std::pin::pin!(shown), std::pin::pin!(peer));
        if let Either::Left((ended, _)) = select(shown, peer).await {
            panic!("what is shown has ended: {ended:?}");
        }
    })
    .await;
}

/// Waits until a listener is online.
async fn online(world: &World) -> Sender {
    let sender = world.sender();
    while sender.runtime_information().await.unwrap().listener_count == 0 {
        tokio::task::yield_now().await;
    }
    sender
}

mod listener {
    use relay as azwire_relay;

    use super::*;

    include!("../../crates/relay/doc/listener.rs");

    #[tokio::test]
    async fn the_listener_of_the_documentation_answers_senders_that_wait() {
        let world = World::start().await;
        let connection_string = world.connection_string();
        beside(run(&connection_string), async {
            let sender = online(&world).await;
            let mut patient = sender.connect().await.unwrap();
            // A failing one does not end the others.
            let mut failing = sender.connect().await.unwrap();
            failing.send(Message::text("lost")).await.unwrap();
            drop(failing);
            for text in ["one", "two"] {
                patient.send(Message::text(text)).await.unwrap();
                let echo = patient.receive().await.unwrap();
                assert_eq!(echo, Some(Message::text(text)));
                // The first is still open.
                let mut second = sender.connect().await.unwrap();
                second.write_all(b"bytes").await.unwrap();
                second.flush().await.unwrap();
                let mut echo = [0; 5];
                second.read_exact(&mut echo).await.unwrap();
                assert_eq!(&echo, b"bytes");
                second.close().await.unwrap();
            }
            patient.close().await.unwrap();
            assert_eq!(patient.receive().await.unwrap(), None);
        })
        .await;
    }
}

mod incoming {
    use relay as azwire_relay;

    use super::*;

    include!("../../crates/relay/doc/incoming.rs");

    #[tokio::test]
    async fn the_connection_of_the_documentation_answers_a_sender_that_waits() {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let serving = async {
            loop {
                serve(next(&mut listener).await).await.unwrap();
            }
        };
        beside::<()>(serving, async {
            let sender = world.sender();
            let error = sender.connect().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
            let chat = relay::ConnectOptions::default().with_path_suffix("chat");
            let mut stream = sender.connect_with(chat).await.unwrap();
            stream.send(Message::text("hello")).await.unwrap();
            let echo = stream.receive().await.unwrap();
            assert_eq!(echo, Some(Message::text("hello")));
            stream.close().await.unwrap();
            assert_eq!(stream.receive().await.unwrap(), None);
        })
        .await;
    }
}

mod sender {
    #![expect(clippy::print_stdout, reason = "it is what the documentation shows")]

    use relay as azwire_relay;

    use super::*;

    include!("../../crates/relay/doc/sender.rs");

    #[tokio::test]
    async fn the_sender_of_the_documentation_is_heard_to_its_end() {
        within(async {
            let world = World::start().await;
            let handler = handler_fn(async |request: Request<Body>| {
                assert_eq!(request.uri(), "/hc1/orders?id=5");
                let body = request.into_body().collect(1024).await.unwrap();
                assert_eq!(body, "an order");
                http::Response::new(Body::empty())
            });
            let builder = world.listener().request_handler(handler);
            let mut listener = builder.open().await.unwrap();
            let connection_string = world.connection_string();
            let listening = async {
                let mut stream = next(&mut listener).await.accept().await.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).await.unwrap();
                text
            };
            let (sent, heard) = futures::join!(run(&connection_string), listening);
            sent.unwrap();
            assert_eq!(heard, "hello");
        })
        .await;
    }
}

mod stream {
    use relay as azwire_relay;

    use super::*;

    include!("../../crates/relay/doc/stream.rs");

    #[tokio::test]
    async fn the_stream_of_the_documentation_asks_a_peer_that_waits_for_the_question() {
        within(async {
            let world = World::start().await;
            let (here, mut there, _listener) = world.pair().await;
            let answering = async {
                let mut question = [0; 10];
                there.read_exact(&mut question).await.unwrap();
                assert_eq!(&question, b"a question");
                there.write_all(b"an answer").await.unwrap();
                there.flush().await.unwrap();
                // The end comes once the answer has been read.
                assert_eq!(there.read(&mut question).await.unwrap(), 0);
                there.write_all(b", and more").await.unwrap();
                there.close().await.unwrap();
            };
            let (answer, ()) = futures::join!(ask(here), answering);
            assert_eq!(answer.unwrap(), b"an answer, and more");
        })
        .await;
    }
}

mod accept_loop {
    #![expect(
        clippy::disallowed_methods,
        reason = "the documentation shows tokio's own"
    )]

    use relay as azwire_relay;

    use super::*;

    include!("../../crates/relay/doc/accept_loop.rs");

    #[tokio::test]
    async fn the_loop_of_the_documentation_lets_nobody_wait() {
        let world = World::start().await;
        let listener = world.listener().open().await.unwrap();
        let serving = async {
            run(listener).await;
            Ok::<(), ()>(())
        };
        beside(serving, async {
            let sender = world.sender();
            let mut staying = Vec::new();
            for text in ["one", "two", "three"] {
                let mut stream = sender.connect().await.unwrap();
                stream.send(Message::text(text)).await.unwrap();
                let echo = stream.receive().await.unwrap();
                assert_eq!(echo, Some(Message::text(text)));
                staying.push(stream);
            }
            for mut stream in staying {
                stream.close().await.unwrap();
                assert_eq!(stream.receive().await.unwrap(), None);
            }
        })
        .await;
    }
}

mod handler {
    use relay as azwire_relay;

    use super::*;

    include!("../../crates/relay/doc/handler.rs");

    #[tokio::test]
    async fn the_handler_of_the_documentation_answers() {
        let world = World::start().await;
        let connection_string = world.connection_string();
        beside(run(&connection_string), async {
            let request = Request::get("/a?b=c").body(Body::empty()).unwrap();
            let response = online(&world).await.send(request).await.unwrap();
            let body = response.into_body().collect(1024).await.unwrap();
            assert_eq!(body, "you asked for /hc1/a?b=c");
        })
        .await;
    }
}

mod tower {
    use relay as azwire_relay;

    use super::*;

    include!("../../crates/relay/doc/tower.rs");

    #[tokio::test]
    async fn the_router_of_the_documentation_answers() {
        let world = World::start().await;
        let connection_string = world.connection_string();
        beside(run(&connection_string), async {
            let request = Request::get("/hello").body(Body::empty()).unwrap();
            let response = online(&world).await.send(request).await.unwrap();
            let body = response.into_body().collect(1024).await.unwrap();
            assert_eq!(body, "hello");
        })
        .await;
    }
}

#[test]
fn the_page_of_the_crate_shows_what_is_run_here() {
    let page = include_str!("../../crates/relay/README.md");
    for shown in [
        include_str!("../../crates/relay/doc/listener.rs"),
        include_str!("../../crates/relay/doc/sender.rs"),
        include_str!("../../crates/relay/doc/handler.rs"),
        include_str!("../../crates/relay/doc/tower.rs"),
    ] {
        assert!(page.contains(shown), "the page does not show:\n{shown}");
    }
    let blocks = page.matches("```rust").count();
    assert_eq!(blocks, 4, "each block of the page has its test");
}
