//! Whose tokens requests carry.

use std::time::{Duration, UNIX_EPOCH};

use auth::{AccessKey, JwtVerifier, SharedTokenCredential};
use azwire_tests::within;
use pubsub::{
    ClientAccessOptions, ClientProtocol, Endpoint, ErrorKind, SendOptions, ServiceClient,
    ServiceCredential,
};
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{KEY, endpoint, path_and_query};

#[tokio::test]
async fn entra_tokens_are_kept_and_given_up_when_they_are_refused() {
    within(async {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(401))
            .up_to_n_times(1)
            .with_priority(1)
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .respond_with(
                ResponseTemplate::new(200).set_body_raw(r#"{"token":"t.o.k"}"#, "application/json"),
            )
            .mount(&server)
            .await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(204))
            .mount(&server)
            .await;
        let credential = CountingCredential::default();
        let shared = SharedTokenCredential::new(credential.clone());
        let client = ServiceClient::builder(endpoint(&server), "chat".parse().unwrap(), shared)
            .build()
            .unwrap();
        let error = client.remove_user_from_all_groups("u").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth);
        for _ in 0..3 {
            client.remove_user_from_all_groups("u").await.unwrap();
        }
        let access = ClientAccessOptions::default().with_protocol(ClientProtocol::SocketIo);
        let url = client.client_access_url(&access).await.unwrap();
        assert_eq!(
            url.url().expose(),
            &format!(
                "{}/clients/socketio/hubs/chat?access_token=t.o.k",
                server.uri().replace("http", "ws")
            )
        );
        let requests = server.received_requests().await.unwrap();
        let tokens: Vec<&str> = requests
            .iter()
            .map(|request| request.headers["authorization"].to_str().unwrap())
            .collect();
        assert_eq!(tokens[0], "Bearer entra-1");
        assert_eq!(tokens[1..], ["Bearer entra-2"; 4]);
        assert_eq!(
            credential.scopes(),
            ["https://webpubsub.azure.com/.default"; 2]
        );
    })
    .await;
}

#[tokio::test]
async fn a_credential_that_fails_is_an_auth_error_and_nothing_is_sent() {
    within(async {
        let server = MockServer::start().await;
        let client = ServiceClient::builder(
            endpoint(&server),
            "chat".parse().unwrap(),
            ServiceCredential::provider(auth::token_fn(|_| async {
                let text = "no identity here";
                Err(auth::Error::message(auth::ErrorKind::Credential, text))
            })),
        )
        .build()
        .unwrap();
        let error = client.service_status().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert!(!error.may_be_delivered());
        assert_eq!(server.received_requests().await.unwrap().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_an_auth_error_and_nothing_is_sent() {
    within(async {
        let server = MockServer::start().await;
        let client = ServiceClient::builder(
            endpoint(&server),
            "chat".parse().unwrap(),
            ServiceCredential::provider(auth::token_fn(|_| async {
                let never = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
                Ok(auth::AccessToken::new("s3cret\n", never))
            })),
        )
        .build()
        .unwrap();
        let error = client.service_status().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert!(!error.may_be_delivered() && !error.is_retryable());
        assert!(!format!("{error:?}").contains("s3cret"));
        assert_eq!(server.received_requests().await.unwrap().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn behind_a_proxy_requests_go_there_and_tokens_are_for_the_service() {
    within(async {
        let proxy = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(202))
            .mount(&proxy)
            .await;
        let service: Endpoint = "https://contoso.webpubsub.azure.com".parse().unwrap();
        let client = ServiceClient::builder(service, "chat".parse().unwrap(), AccessKey::new(KEY))
            .reverse_proxy_endpoint(format!("{}/gateway/", proxy.uri()).parse().unwrap())
            .api_version("2023-07-01")
            .build()
            .unwrap();
        client
            .send_to_all("hi", SendOptions::default())
            .await
            .unwrap();
        let requests = proxy.received_requests().await.unwrap();
        assert_eq!(
            path_and_query(&requests[0]),
            "/gateway/api/hubs/chat/:send?api-version=2023-07-01"
        );
        let token = requests[0].headers["authorization"].to_str().unwrap();
        let token = token.strip_prefix("Bearer ").unwrap();
        let audience =
            "https://contoso.webpubsub.azure.com/api/hubs/chat/:send?api-version=2023-07-01";
        JwtVerifier::new([&AccessKey::new(KEY)])
            .verify(token, &[audience], UNIX_EPOCH)
            .unwrap();
        let url = client
            .client_access_url(&ClientAccessOptions::default())
            .await
            .unwrap();
        assert_eq!(
            url.base_url(),
            "wss://contoso.webpubsub.azure.com/client/hubs/chat"
        );
    })
    .await;
}

/// Gives another token each time that it is asked.
#[derive(Clone, Debug, Default)]
struct CountingCredential(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl CountingCredential {
    fn scopes(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl auth::TokenCredential for CountingCredential {
    async fn token(&self, scopes: &[&str]) -> auth::Result<auth::AccessToken> {
        let mut asked = self.0.lock().unwrap();
        asked.extend(scopes.iter().map(|scope| (*scope).to_owned()));
        let year_2100 = UNIX_EPOCH + Duration::from_secs(4_102_444_800);
        let token = format!("entra-{}", asked.len());
        Ok(auth::AccessToken::new(token, year_2100))
    }
}
