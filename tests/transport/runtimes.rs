//! One HTTP client in several tokio runtimes.

use azwire_tests::origin::{Origin, serve_lines};
use azwire_tests::within;
use tokio::runtime::{Builder, Runtime};
use transport::HttpClient;
use transport::net::HyperClient;

use crate::client::{client, fetch, get, plain};

/// It makes progress only while something blocks on it.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A server on a runtime of its own, which goes on by itself.
fn origin() -> (Runtime, Origin) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let origin = runtime.block_on(Origin::start(|_, stream| serve_lines(stream)));
    (runtime, origin)
}

fn fetch_on(runtime: &Runtime, client: &HyperClient, origin: &Origin) {
    let text = runtime.block_on(within(fetch(client, &origin.uri("/"))));
    assert_eq!(text.unwrap(), "GET / HTTP/1.1");
}

#[test]
fn no_runtime_takes_a_connection_of_another() {
    let (_server, origin) = origin();
    let client = client(plain());
    let (one, other) = (runtime(), runtime());
    fetch_on(&one, &client, &origin);
    assert_eq!(origin.accepted(), 1);
    // The connection of `one` is idle, and nothing drives it.
    fetch_on(&other, &client, &origin);
    assert_eq!(origin.accepted(), 2);
    for runtime in [&one, &other] {
        fetch_on(runtime, &client, &origin);
    }
    assert_eq!(origin.accepted(), 2, "each keeps its own");
    drop((one, other));
    fetch_on(&runtime(), &client, &origin);
    fetch_on(&runtime(), &client, &origin);
    assert_eq!(origin.accepted(), 4);
}

#[test]
fn a_request_made_outside_is_the_runtimes_that_sends_it() {
    let (_server, origin) = origin();
    let client = client(plain());
    let send = |runtime: &Runtime| {
        let sending = client.send(get(&origin.uri("/")));
        let text = runtime.block_on(within(async {
            sending.await?.into_body().collect(99).await
        }));
        assert_eq!(text.unwrap(), "GET / HTTP/1.1");
    };
    let (one, other) = (runtime(), runtime());
    send(&one);
    send(&one);
    assert_eq!(origin.accepted(), 1);
    send(&other);
    send(&one);
    assert_eq!(origin.accepted(), 3);
    drop(one);
    send(&other);
    drop(other);
    send(&runtime());
}
