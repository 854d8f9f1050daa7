//! Listings, page by page.

use std::num::NonZeroU32;
use std::time::UNIX_EPOCH;

use auth::{AccessKey, JwtVerifier};
use azwire_tests::within;
use futures::{StreamExt, TryStreamExt};
use pubsub::{ErrorKind, ListOptions, ServiceClient};
use wiremock::matchers::{any, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{KEY, builder, path_and_query};

#[tokio::test]
async fn pages_are_fetched_as_they_are_needed_and_signed_for_their_own_url() {
    within(async {
        let server = MockServer::start().await;
        let link = |token: &str| {
            format!(
                "{}/api/next?x=%2F+a&continuationToken={token}",
                server.uri()
            )
        };
        let page = |ids: &[&str], next: Option<String>| {
            let value: Vec<_> = ids
                .iter()
                .map(|id| serde_json::json!({ "connectionId": id }))
                .collect();
            ResponseTemplate::new(200)
                .set_body_json(serde_json::json!({ "value": value, "nextLink": next }))
        };
        Mock::given(query_param("maxpagesize", "2"))
            .respond_with(page(&["c1", "c2"], Some(link("two%2F"))))
            .mount(&server)
            .await;
        // An empty page in the middle ends nothing.
        Mock::given(query_param("continuationToken", "two/"))
            .respond_with(page(&[], Some(link("three"))))
            .mount(&server)
            .await;
        Mock::given(query_param("continuationToken", "three"))
            .respond_with(page(&["c3"], None))
            .mount(&server)
            .await;
        let client = builder(&server).build().unwrap();
        let options = ListOptions::default().with_page_size(2).unwrap();

        let mut members = client
            .list_connections_in_group("g", options.clone())
            .unwrap();
        assert_eq!(server.received_requests().await.unwrap().len(), 0);
        let mut ids = Vec::new();
        while let Some(member) = members.try_next().await.unwrap() {
            ids.push(member.connection_id.to_string());
            if ids.len() == 2 {
                assert_eq!(server.received_requests().await.unwrap().len(), 1);
            }
        }
        assert_eq!(ids, ["c1", "c2", "c3"]);
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 3);
        let verifier = JwtVerifier::new([&AccessKey::new(KEY)]);
        for (request, url) in requests[1..].iter().zip([link("two%2F"), link("three")]) {
            assert_eq!(path_and_query(request), url[server.uri().len()..]);
            let token = request.headers["authorization"].to_str().unwrap();
            let token = token.strip_prefix("Bearer ").unwrap();
            let now = UNIX_EPOCH;
            verifier.verify(token, &[url.as_str()], now).unwrap();
        }

        let pages = client.list_connections_in_group("g", options).unwrap();
        let pages: Vec<_> = pages.into_pages().try_collect().await.unwrap();
        let tokens: Vec<_> = pages.iter().map(|page| page.continuation_token()).collect();
        assert_eq!(tokens, [Some("two/"), Some("three"), None]);
        assert_eq!(pages[2].members()[0].connection_id.as_str(), "c3");
    })
    .await;
}

#[tokio::test]
async fn a_next_page_elsewhere_or_on_itself_is_refused() {
    within(async {
        let other = MockServer::start().await;
        let server = MockServer::start().await;
        let own = format!("{}/api/next?continuationToken=1", server.uri());
        for (link, pages) in [
            (format!("{}/api/next", other.uri()), 1),
            ("http://user@127.0.0.1/".to_owned(), 1),
            ("not a url".to_owned(), 1),
            (own, 2),
        ] {
            server.reset().await;
            let body = serde_json::json!({ "value": [], "nextLink": link });
            Mock::given(any())
                .respond_with(ResponseTemplate::new(200).set_body_json(body))
                .mount(&server)
                .await;
            let client = builder(&server).build().unwrap();
            let mut members = client
                .list_connections_in_group("g", ListOptions::default())
                .unwrap();
            let error = members.next().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{link}");
            assert!(members.next().await.is_none());
            assert_eq!(server.received_requests().await.unwrap().len(), pages);
        }
        assert_eq!(other.received_requests().await.unwrap().len(), 0);
    })
    .await;
}

#[test]
fn a_page_size_in_the_struct_is_checked_too() {
    let client =
        ServiceClient::from_connection_string("Endpoint=https://h.example;AccessKey=k", "chat")
            .unwrap();
    let mut options = ListOptions::default();
    options.page_size = NonZeroU32::new(201);
    let error = client.list_connections_in_group("g", options).unwrap_err();
    assert_eq!(error.to_string(), "page_size: must be 1 to 200");
}
