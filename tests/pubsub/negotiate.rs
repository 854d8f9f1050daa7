//! A client that asks an application for its URL.

use azwire_tests::within;
use emulator::Emulator;
use pubsub::{Client, ClientAccessOptions, ClientCredential, ErrorKind, ServiceClient};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// An application that gives one response, and a client that asks it.
async fn ask(response: ResponseTemplate) -> (MockServer, Client) {
    let application = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/negotiate"))
        .and(header("accept", "application/json"))
        .respond_with(response)
        .expect(1)
        .mount(&application)
        .await;
    let uri = format!("{}/negotiate?user=ann", application.uri());
    let credential = ClientCredential::negotiate(uri).unwrap();
    let (client, _) = Client::builder(credential)
        .auto_reconnect(false)
        .build()
        .unwrap();
    (application, client)
}

#[tokio::test]
async fn the_url_of_the_application_connects() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let chat =
            ServiceClient::from_connection_string(connection_string.expose(), "chat").unwrap();
        let access = ClientAccessOptions::default().with_user_id("ann").unwrap();
        let url = chat.client_access_url(access).await.unwrap();
        let response = ResponseTemplate::new(200).set_body_json(url.into_token_response());
        let (_application, client) = ask(response).await;
        client.start().await.unwrap();
        assert!(emulator.pubsub().state().is_connected("ann"));
        client.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_application_says_instead_is_the_error_of_start() {
    within(async {
        for (response, kind, text) in [
            (
                ResponseTemplate::new(403).set_body_string("not you"),
                ErrorKind::Auth,
                "negotiate: the response has status 403: not you",
            ),
            (
                ResponseTemplate::new(404),
                ErrorKind::Service,
                "negotiate: the response has status 404",
            ),
            (
                ResponseTemplate::new(200).set_body_string("{}"),
                ErrorKind::Protocol,
                "negotiate: the response is not a JSON object with the text `url`",
            ),
            (
                ResponseTemplate::new(200).set_body_string("x".repeat(64 * 1024 + 1)),
                ErrorKind::TooLarge,
                "negotiate: failed to get a response",
            ),
        ] {
            let (_application, client) = ask(response).await;
            let error = client.start().await.unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
        }
    })
    .await;
}

#[tokio::test]
async fn a_url_is_not_asked_for_in_the_clear() {
    within(async {
        let credential = ClientCredential::negotiate("http://azwire.invalid/negotiate").unwrap();
        let (client, _) = Client::builder(credential).build().unwrap();
        let error = client.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    })
    .await;
}
