//! No secret is printed, in success or failure: everything that is logged or
//! formatted in a run with both services is searched for keys, tokens and query
//! strings.

use std::fmt::Write as _;

use azwire_tests::log::Log;
use azwire_tests::within;
use emulator::{Config, Emulator};
use futures::StreamExt;
use pubsub::{Client, ClientAccessOptions, Role, SendOptions, ServiceClient};
use relay::{ConnectOptions, Listener, Sender};
use tracing::level_filters::LevelFilter;

fn print(out: &mut String, error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let _ = write!(out, "{error} {error:?} ");
        cause = error.source();
    }
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    // Of this thread: the test's runtime has one.
    let log = Log::of(LevelFilter::TRACE);
    let mut printed = String::new();
    within(run(&mut printed)).await;
    let logged = log.text();
    assert!(logged.contains("connected"), "the log was captured");
    assert!(!printed.is_empty());
    for (place, text) in [("log", logged), ("formatted", printed)] {
        for secret in SECRETS {
            for line in text.lines() {
                assert!(!line.contains(secret), "{secret} in the {place}: {line}");
            }
        }
    }
}

async fn run(printed: &mut String) {
    let config = Config::from_toml(&format!(
        "[pubsub]\nport = 0\naccess-key = \"{ACCESS_KEY}\"\n[relay]\nport = 0\nplain-port = 0\nkey = \"{RELAY_KEY}\"\n[[pubsub.event-handlers]]\nhub = \"handled\"\nurl = \"http://u:{WRONG_KEY}@127.0.0.1:1/{{event}}?code=query-token-in-url\"\n"
    ))
    .unwrap();
    let _ = write!(printed, "{config:?}");
    let emulator = Emulator::builder().config(config).start().await.unwrap();
    let _ = write!(printed, "{emulator:?}");

    let connection_string = emulator.pubsub().connection_string();
    let service = ServiceClient::from_connection_string(connection_string.expose(), "hub").unwrap();
    let access = ClientAccessOptions::default().with_role(Role::JoinLeaveAnyGroup);
    let url = service.client_access_url(&access).await.unwrap();
    let (client, mut events) = Client::builder(&url).build().unwrap();
    client.start().await.unwrap();
    let connected = events.next().await;
    client.join_group("g").await.unwrap();
    let payload = "payload-that-is-secret";
    service
        .send_to_all(payload, SendOptions::default())
        .await
        .unwrap();
    let message = events.next().await;
    let _ = write!(
        printed,
        "{service:?} {url:?} {client:?} {connected:?} {message:?}"
    );
    client.stop().await;

    let wrong = connection_string.expose().replace(ACCESS_KEY, WRONG_KEY);
    let wrong = ServiceClient::from_connection_string(&wrong, "hub").unwrap();
    print(
        printed,
        &wrong
            .send_to_all(payload, SendOptions::default())
            .await
            .unwrap_err(),
    );
    let url = wrong.client_access_url(&access).await.unwrap();
    let (client, _events) = Client::builder(&url).build().unwrap();
    print(printed, &client.start().await.unwrap_err());
    // Its event handler cannot be reached.
    let handled =
        ServiceClient::from_connection_string(connection_string.expose(), "handled").unwrap();
    let url = handled.client_access_url(&access).await.unwrap();
    let (client, _events) = Client::builder(&url).build().unwrap();
    print(printed, &client.start().await.unwrap_err());
    let (client, _events) =
        Client::builder("ws://127.0.0.1:1/client/hubs/h?access_token=query-token-in-url")
            .build()
            .unwrap();
    print(printed, &client.start().await.unwrap_err());
    let (client, _events) = Client::builder("not a url?access_token=query-token-in-url")
        .build()
        .unwrap();
    print(printed, &client.start().await.unwrap_err());

    let connection_string = emulator.relay().plain_connection_string("hc1");
    let mut listener = Listener::from_connection_string(connection_string.expose())
        .unwrap()
        .open()
        .await
        .unwrap();
    let sender = Sender::from_connection_string(connection_string.expose()).unwrap();
    let options = ConnectOptions::default().with_query("apiKey=query-token-in-url");
    let accepting = async {
        let incoming = listener.accept().await.unwrap();
        let text = format!("{incoming:?}");
        (incoming.accept().await.unwrap(), text)
    };
    let (sent, (accepted, incoming)) =
        futures::join!(sender.connect_with(options.clone()), accepting);
    let _ = write!(
        printed,
        "{sender:?} {options:?} {sent:?} {accepted:?} {incoming}"
    );
    let wrong = connection_string.expose().replace(RELAY_KEY, WRONG_KEY);
    print(
        printed,
        &Sender::from_connection_string(&wrong)
            .unwrap()
            .connect()
            .await
            .unwrap_err(),
    );
    let builder = Listener::from_connection_string(&wrong).unwrap();
    let _ = write!(printed, "{builder:?}");
    print(printed, &builder.open().await.unwrap_err());
    for bad in [
        format!("Endpoint=sb://h/;SharedAccessKey={RELAY_KEY}"),
        format!("Endpoint={RELAY_KEY};EntityPath=p"),
        format!("Endpoint=sb://h/;SharedAccessSignature={RELAY_KEY};EntityPath=p"),
    ] {
        print(printed, &Sender::from_connection_string(&bad).unwrap_err());
    }
    print(
        printed,
        &ServiceClient::from_connection_string(&format!("AccessKey={ACCESS_KEY}"), "h")
            .unwrap_err(),
    );
}

const ACCESS_KEY: &str = "access-key-that-nobody-may-see-0001";
const RELAY_KEY: &str = "relay-key-that-nobody-may-see-0002";
const WRONG_KEY: &str = "wrong-key-that-nobody-may-see-0003";
const SECRETS: &[&str] = &[
    "that-nobody-may-see",
    "query-token-in-url",
    "payload-that-is-secret",
    // The start of every JWT with an object as its header, and of a SAS token's signature.
    "eyJ",
    "sig=",
];
