//! The builders of clients, listeners and servers, on real sockets against the emulator.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use azwire_tests::within;
use emulator::Emulator;
use futures::future::{Either, join, select};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use http::{Request, Response};
use pubsub::webhook::{EventHandler, Rejection, UserEventRequest, UserEventResponse, Webhook};
use pubsub::{
    Client, ClientAccessOptions, ClientBuilder, SendOptions, ServiceClient, ServiceClientBuilder,
    SessionOptions,
};
use relay::{
    ConnectionString, ConnectionStringCredential, Credential, HttpOptions, Listener,
    ListenerBuilder, RelayStream, Sender, SenderBuilder, handler_fn,
};
use transport::net::{Connector, Handler, HyperClient, Server};
use transport::pipeline::{Pipeline, PipelineBuilder, RetryOptions, TimeoutPolicy};
use transport::testing::{SocketPair, SocketPairOptions};
use transport::{Body, SharedHttpClient, SharedRuntime, TokioRuntime};

use crate::{Case, later};

pub(super) const CASES: &[Case] = &[
    (
        "pubsub ClientBuilder::ack_timeout",
        later!(|value| client(move |builder| builder.ack_timeout(value))),
    ),
    (
        "pubsub ClientBuilder::keep_alive_interval",
        later!(|value| client(move |builder| builder.keep_alive_interval(value))),
    ),
    (
        "pubsub ClientBuilder::keep_alive_timeout",
        later!(|value| client(move |builder| builder.keep_alive_timeout(value))),
    ),
    (
        "pubsub ClientBuilder::close_timeout",
        later!(|value| client(move |builder| builder.close_timeout(value))),
    ),
    (
        "pubsub ClientBuilder::connect_timeout",
        later!(|value| client(move |builder| builder.connect_timeout(value))),
    ),
    (
        "pubsub ClientBuilder::invocation_timeout",
        later!(|value| client(move |builder| builder.invocation_timeout(value))),
    ),
    (
        "pubsub ClientBuilder::recovery_interval",
        later!(|value| client(move |builder| builder.recovery_interval(value))),
    ),
    (
        "pubsub ClientBuilder::recovery_window",
        later!(|value| client(move |builder| builder.recovery_window(value))),
    ),
    (
        "pubsub ClientBuilder::sequence_ack_interval",
        later!(|value| client(move |builder| builder.sequence_ack_interval(value))),
    ),
    (
        "pubsub ServiceClientBuilder::call_timeout",
        later!(|value| service(value, move |builder| builder.call_timeout(value))),
    ),
    (
        "pubsub ServiceClientBuilder::try_timeout",
        later!(|value| service(value, move |builder| builder.try_timeout(value))),
    ),
    (
        "pubsub SendOptions::ttl",
        later!(|value| {
            let mut options = SendOptions::default();
            options.ttl = Some(value);
            send(options)
        }),
    ),
    (
        "pubsub SendOptions::with_ttl",
        later!(|value| send(SendOptions::default().with_ttl(value))),
    ),
    (
        "pubsub ClientAccessOptions::lifetime",
        later!(|value| {
            let mut options = ClientAccessOptions::default();
            options.lifetime = value;
            access(options)
        }),
    ),
    (
        "pubsub ClientAccessOptions::with_lifetime",
        later!(|value| access(ClientAccessOptions::default().with_lifetime(value))),
    ),
    ("pubsub WebhookBuilder::time_limit", later!(webhook)),
    (
        "relay HttpOptions::rendezvous_idle",
        later!(|value| {
            let mut options = HttpOptions::default();
            options.rendezvous_idle = value;
            relay(
                value,
                move |builder| builder.http(options),
                |builder| builder,
            )
        }),
    ),
    (
        "relay HttpOptions::with_rendezvous_idle",
        later!(|value| {
            let options = HttpOptions::default().with_rendezvous_idle(value);
            relay(
                value,
                move |builder| builder.http(options),
                |builder| builder,
            )
        }),
    ),
    (
        "relay HttpOptions::response_timeout",
        later!(|value| {
            let mut options = HttpOptions::default();
            options.response_timeout = value;
            relay(
                value,
                move |builder| builder.http(options),
                |builder| builder,
            )
        }),
    ),
    (
        "relay HttpOptions::with_response_timeout",
        later!(|value| {
            let options = HttpOptions::default().with_response_timeout(value);
            relay(
                value,
                move |builder| builder.http(options),
                |builder| builder,
            )
        }),
    ),
    (
        "relay ListenerBuilder::stream_keep_alive",
        later!(|value| {
            relay(
                value,
                move |builder| builder.stream_keep_alive(Some(value)),
                |builder| builder,
            )
        }),
    ),
    ("relay RelayStream::with_close_timeout", later!(finish)),
    (
        "relay SenderBuilder::stream_keep_alive",
        later!(|value| {
            relay(
                value,
                |builder| builder,
                move |builder| builder.stream_keep_alive(Some(value)),
            )
        }),
    ),
    (
        "relay SenderBuilder::timeout",
        later!(|value| {
            relay(
                value,
                |builder| builder,
                move |builder| builder.timeout(value),
            )
        }),
    ),
    (
        "transport ConnectorBuilder::connect_timeout",
        later!(|value| {
            let connector = Connector::builder().connect_timeout(value).build();
            fetch(value, HyperClient::new(connector), None, |pipeline| {
                pipeline
            })
        }),
    ),
    (
        "transport HyperClientBuilder::idle_timeout",
        later!(|value| {
            let connector = Connector::builder().build();
            let client = HyperClient::builder(connector).idle_timeout(value).build();
            fetch(value, client, None, |pipeline| pipeline)
        }),
    ),
    (
        "transport ServerBuilder::header_read_timeout",
        later!(|value| fetch(value, plain(), Some(value), |pipeline| pipeline)),
    ),
    (
        "transport PipelineBuilder::body_idle_timeout",
        later!(|value| fetch(value, plain(), None, move |pipeline| pipeline
            .body_idle_timeout(value))),
    ),
    (
        "transport PipelineBuilder::call_timeout",
        later!(|value| fetch(value, plain(), None, move |pipeline| pipeline
            .call_timeout(value))),
    ),
    (
        "transport PipelineBuilder::try_timeout",
        later!(|value| fetch(value, plain(), None, move |pipeline| pipeline
            .try_timeout(value))),
    ),
    (
        "transport RetryOptions::max_retry_after",
        later!(|value| {
            let mut options = RetryOptions::default();
            options.max_retry_after = value;
            fetch(value, plain(), None, move |pipeline| {
                pipeline.retry(options)
            })
        }),
    ),
    (
        "transport RetryOptions::with_max_retry_after",
        later!(|value| {
            let options = RetryOptions::default().with_max_retry_after(value);
            fetch(value, plain(), None, move |pipeline| {
                pipeline.retry(options)
            })
        }),
    ),
    (
        "transport TimeoutPolicy::new",
        later!(|value| {
            let policy = TimeoutPolicy::new(value, SharedRuntime::default());
            fetch(value, plain(), None, move |pipeline| {
                pipeline.per_call(policy)
            })
        }),
    ),
    (
        "transport TimeoutPolicy::with_body_idle",
        later!(|value| {
            let policy = TimeoutPolicy::new(Duration::ZERO, SharedRuntime::default());
            let policy = policy.with_body_idle(value);
            fetch(value, plain(), None, move |pipeline| {
                pipeline.per_call(policy)
            })
        }),
    ),
];

/// All values but those that end things at once leave things as they are.
pub(super) fn is_harmless(value: Duration) -> bool {
    value.is_zero() || value > Duration::from_secs(3600)
}

fn plain() -> HyperClient {
    HyperClient::new(Connector::builder().build())
}

async fn client(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        meet_hub(&emulator, configure).await;
    })
    .await;
}

/// A client comes, asks for something and goes.
pub(super) async fn meet_hub(
    emulator: &Emulator,
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) {
    let connection_string = emulator.pubsub().connection_string();
    let service =
        ServiceClient::from_connection_string(connection_string.expose(), "chat").unwrap();
    let access = ClientAccessOptions::default().with_user_id("u").unwrap();
    let url = service.client_access_url(&access).await.unwrap();
    let mut options = SessionOptions::default();
    options.ack_timeout = Duration::from_millis(200);
    let builder = Client::builder(&url).session_options(options);
    let (client, mut events) = configure(builder).build().unwrap();
    match client.start().await {
        Ok(()) => {
            _ = events.next().await;
            // Refused for want of a role, if the answer comes in time.
            assert!(client.join_group("g").await.is_err());
            client.stop().await;
        }
        // A limit for connecting may leave no time for it.
        Err(error) => assert!(error.is_timeout(), "{error}"),
    }
    drop(client);
    while events.next().await.is_some() {}
}

async fn service(
    value: Duration,
    configure: impl FnOnce(ServiceClientBuilder) -> ServiceClientBuilder,
) {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let builder =
            ServiceClientBuilder::from_connection_string(connection_string.expose(), "chat");
        let retry = RetryOptions::default().with_max_retries(0);
        let client = configure(builder.unwrap().retry(retry)).build().unwrap();
        let sent = client.send_to_all("hi", SendOptions::default()).await;
        assert!(sent.is_ok() || !is_harmless(value), "{sent:?}");
    })
    .await;
}

async fn send(options: SendOptions) {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let client = ServiceClient::from_connection_string(connection_string.expose(), "chat");
        let is_in_range = options.ttl.unwrap() <= SendOptions::MAX_TTL;
        let sent = client.unwrap().send_to_all("hi", options).await;
        assert_eq!(sent.is_ok(), is_in_range, "{sent:?}");
    })
    .await;
}

async fn access(options: ClientAccessOptions) {
    let connection_string = "Endpoint=http://127.0.0.1:1;AccessKey=key;Version=1.0;";
    let client = ServiceClient::from_connection_string(connection_string, "chat").unwrap();
    // What cannot be signed is refused in words.
    if let Err(error) = client.client_access_url(&options).await {
        assert!(error.to_string().starts_with("lifetime"), "{error}");
    }
}

struct Quick;

#[async_trait]
impl EventHandler for Quick {
    async fn message(&self, _: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        tokio::task::yield_now().await;
        Ok(UserEventResponse::accept())
    }
}

async fn webhook(value: Duration) {
    let webhook = Webhook::builder()
        .hub("chat", Quick)
        .time_limit(value, SharedRuntime::default())
        .build()
        .unwrap();
    let request = Request::post("/")
        .header("ce-type", "azure.webpubsub.user.message")
        .header("ce-hub", "chat")
        .header("ce-connectionId", "c")
        .header("ce-eventName", "message")
        .header("content-type", "text/plain")
        .body("hello".into())
        .unwrap();
    let response = within(webhook.handle(request)).await;
    let status = response.status();
    assert!(status.is_success() || !is_harmless(value), "{status}");
}

async fn relay(
    value: Duration,
    listen: impl FnOnce(ListenerBuilder) -> ListenerBuilder,
    send: impl FnOnce(SenderBuilder) -> SenderBuilder,
) {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let met = meet_relay(&emulator, "", listen, send).await;
        assert!(met.is_ok() || !is_harmless(value), "{met:?}");
    })
    .await;
}

/// A stream whose peer closes, too, is closed within `value`, or says that it was not.
async fn finish(value: Duration) {
    within(async {
        let options = SocketPairOptions::default().with_half_close(true);
        let pair = SocketPair::open(options);
        let stream = RelayStream::new(pair.left, None)
            .with_runtime(SharedRuntime::new(TokioRuntime::default()))
            .with_close_timeout(value);
        let mut peer = RelayStream::new(pair.right, None);
        let (finished, _) = join(stream.finish(), peer.close()).await;
        // Zero does not wait.
        let may_fail = value.is_zero() || !is_harmless(value);
        assert!(finished.is_ok() || may_fail, "{finished:?}");
    })
    .await;
}

/// A listener and a sender meet, in a stream and in requests, and part.
pub(super) async fn meet_relay(
    emulator: &Emulator,
    more: &str,
    listen: impl FnOnce(ListenerBuilder) -> ListenerBuilder,
    send: impl FnOnce(SenderBuilder) -> SenderBuilder,
) -> Result<(), Box<dyn std::error::Error>> {
    let text = emulator.relay().plain_connection_string("hc1");
    let text = format!("{};{more}", text.expose());
    let handler = handler_fn(|request: Request<Body>| async { Response::new(request.into_body()) });
    let builder = Listener::from_connection_string(&text)?.request_handler(handler);
    let mut listener = listen(builder).open().await?;
    let parsed: ConnectionString = text.parse()?;
    let Some(ConnectionStringCredential::Key(key)) = parsed.credential() else {
        return Err("a key was expected".into());
    };
    let builder = Sender::builder(parsed.hybrid_connection()?, Credential::key(key));
    let sender = send(builder.timeout(parsed.operation_timeout())).build()?;

    let accepting = async {
        let Some(incoming) = listener.accept().await else {
            return Ok(());
        };
        let mut stream: RelayStream = incoming.accept().await?;
        // Reading waits, so that keep-alives have their say.
        _ = stream.read_exact(&mut [0; 5]).await;
        _ = stream.close().await;
        Ok::<_, relay::Error>(())
    };
    let connecting = async {
        let mut stream = sender.connect().await?;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        _ = stream.write_all(b"hello").await;
        _ = stream.flush().await;
        _ = stream.read_to_end(&mut Vec::new()).await;
        Ok::<_, relay::Error>(())
    };
    // Nobody accepts a sender that has given up.
    let met = match select(pin!(connecting), pin!(accepting)).await {
        Either::Left((connected, _)) => connected,
        Either::Right((accepted, connecting)) => accepted.and(connecting.await),
    };
    let mut answers = Vec::new();
    for length in [5, 100_000] {
        let body = Body::from(vec![b'x'; length]);
        let request = Request::post("/echo").body(body).unwrap();
        answers.push(match sender.send(request).await {
            Ok(response) if response.status().is_success() => {
                let body = response.into_body().collect(1 << 20).await;
                body.map(drop).map_err(Into::into)
            }
            Ok(response) => Err(response.status().as_str().into()),
            Err(error) => Err(error.into()),
        });
    }
    listener.shutdown().await;
    met?;
    answers.into_iter().collect()
}

#[derive(Debug)]
struct Chunks;

#[async_trait]
impl Handler for Chunks {
    async fn handle(&self, _: Request<Body>) -> Response<Body> {
        let chunks = futures::stream::iter(["a", "b"]).then(|chunk| async move {
            tokio::task::yield_now().await;
            Ok::<_, transport::Error>(bytes::Bytes::from(chunk))
        });
        Response::new(Body::from_stream(chunks, None))
    }
}

async fn fetch(
    value: Duration,
    client: HyperClient,
    header_read_timeout: Option<Duration>,
    configure: impl FnOnce(PipelineBuilder) -> PipelineBuilder,
) {
    within(async {
        let mut server = Server::builder(Chunks).bind("127.0.0.1:0".parse().unwrap());
        if let Some(timeout) = header_read_timeout {
            server = server.header_read_timeout(timeout);
        }
        let server = server.start().unwrap();
        let builder = Pipeline::builder(SharedHttpClient::new(client), SharedRuntime::default(), 7);
        let once = RetryOptions::default().with_max_retries(0);
        let pipeline = configure(builder.retry(once)).build();
        for _ in 0..2 {
            let uri = format!("http://{}/", server.local_addrs()[0]);
            let request = Request::get(uri).body(Body::empty()).unwrap();
            let answer = match pipeline.send(request).await {
                Ok(response) => response.into_body().collect(100).await,
                Err(error) => Err(error),
            };
            assert!(answer.is_ok() || !is_harmless(value), "{answer:?}");
        }
        server.shutdown(SharedRuntime::default().now()).await;
    })
    .await;
}
