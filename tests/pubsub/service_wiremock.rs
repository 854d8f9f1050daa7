//! What the service client puts on the wire, operation by operation, and what
//! it makes of each answer.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{AccessKey, FixedClock, JwtVerifier, SharedTokenCredential};
use azwire_tests::within;
use futures::{StreamExt, TryStreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pubsub::{
    ClientAccessOptions, ClientProtocol, CloseOptions, Content, Endpoint, ErrorKind, Filter,
    GroupMember, GroupPattern, ListOptions, Permission, Role, SendOptions, ServiceClient,
    ServiceClientBuilder, ServiceCredential,
};
use transport::{BackoffOptions, RetryOptions};
use wiremock::matchers::{any, method, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::generated::operations::{ALL, Described, Operation};

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
const HUB: &str = "a_b`c,d.e[f]";
const GROUP: &str = "g/1 ü%2F";
const USER: &str = "u@x/y?&=#";
const CONNECTION: &str = "c+1 🦀";
const FILTER: &str = "userId ne 'it''s & %'";
const REASON: &str = "bye & thanks = 100 %";

/// What the tests know of the request beside its method and path.
struct Expected {
    query: Vec<(&'static str, &'static str)>,
    content_type: Option<&'static str>,
    body: &'static str,
}

impl Expected {
    fn query(query: &[(&'static str, &'static str)]) -> Self {
        Self {
            query: query.to_vec(),
            content_type: None,
            body: "",
        }
    }

    fn body(mut self, content_type: &'static str, body: &'static str) -> Self {
        self.content_type = Some(content_type);
        self.body = body;
        self
    }
}

#[tokio::test]
async fn the_request_of_every_operation() {
    within(async {
        let server = MockServer::start().await;
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let client = builder(&server)
            .clock(FixedClock::new(now))
            .application_id("tests/1")
            .build()
            .unwrap();
        for described in ALL {
            server.reset().await;
            let mut answer = ResponseTemplate::new(described.success);
            if let Some(body) = answer_body(described.operation) {
                answer = answer.set_body_raw(body, "application/json");
            }
            Mock::given(any()).respond_with(answer).mount(&server).await;
            let expected = call(&client, described.operation).await.unwrap();
            let requests = server.received_requests().await.unwrap();
            let [request] = requests.as_slice() else {
                panic!("{described:?}: {} requests", requests.len());
            };
            check(&server, described, &expected, request, now);
        }
    })
    .await;
}

#[tokio::test]
async fn after_a_server_error_every_idempotent_operation_is_tried_again_and_no_other() {
    within(async {
        let server = MockServer::start().await;
        let client = builder(&server).build().unwrap();
        for described in ALL {
            server.reset().await;
            Mock::given(any())
                .respond_with(ResponseTemplate::new(500))
                .up_to_n_times(1)
                .mount(&server)
                .await;
            let mut answer = ResponseTemplate::new(described.success);
            if let Some(body) = answer_body(described.operation) {
                answer = answer.set_body_raw(body, "application/json");
            }
            Mock::given(any()).respond_with(answer).mount(&server).await;
            let result = call(&client, described.operation).await;
            assert_eq!(result.is_ok(), described.is_idempotent, "{described:?}");
            let tries = server.received_requests().await.unwrap().len();
            assert_eq!(tries, if described.is_idempotent { 2 } else { 1 });
        }
    })
    .await;
}

/// Calls the operation with everything that it takes.
async fn call(client: &ServiceClient, operation: Operation) -> pubsub::Result<Expected> {
    let send = || {
        SendOptions::default()
            .with_filter(Filter::user_id().ne("it's & %"))
            .with_ttl(Duration::from_millis(29_500))
    };
    let excluded = |options: SendOptions| options.with_excluded(["e 1", "e&2"]).unwrap();
    let close = || CloseOptions::default().with_reason(REASON);
    let close_others = || close().with_excluded(["e 1", "e&2"]).unwrap();
    let text = || Content::text("grüße");
    let sent = [
        ("excluded", "e 1"),
        ("excluded", "e&2"),
        ("filter", FILTER),
        ("messageTtlSeconds", "30"),
    ];
    let closed = [("excluded", "e 1"), ("excluded", "e&2"), ("reason", REASON)];
    Ok(match operation {
        Operation::ServiceStatus => {
            client.service_status().await?;
            Expected::query(&[])
        }
        Operation::SendToAll => {
            let json = Content::json(&serde_json::json!({ "a": "ü" })).unwrap();
            client.send_to_all(json, excluded(send())).await?;
            Expected::query(&sent).body("application/json", r#"{"a":"ü"}"#)
        }
        Operation::SendToGroup => {
            let group = client.group(GROUP).unwrap();
            group.send(text(), excluded(send())).await?;
            Expected::query(&sent).body("text/plain", "grüße")
        }
        Operation::SendToUser => {
            let user = client.user(USER).unwrap();
            user.send(Content::binary("bytes"), send()).await?;
            Expected::query(&sent[2..]).body("application/octet-stream", "bytes")
        }
        Operation::SendToConnection => {
            let connection = client.connection(CONNECTION).unwrap();
            let options = SendOptions::default().with_ttl(Duration::from_secs(300));
            connection.send(text(), options).await?;
            Expected::query(&[("messageTtlSeconds", "300")]).body("text/plain", "grüße")
        }
        Operation::AddConnectionsToGroups => {
            let filter = Filter::user_id().ne("it's & %");
            let groups = [GROUP, "h"];
            client.add_connections_to_groups(groups, filter).await?;
            let body = r#"{"filter":"userId ne 'it''s & %'","groups":["g/1 ü%2F","h"]}"#;
            Expected::query(&[]).body("application/json", body)
        }
        Operation::RemoveConnectionsFromGroups => {
            client.remove_connections_from_groups([GROUP], None).await?;
            Expected::query(&[]).body("application/json", r#"{"groups":["g/1 ü%2F"]}"#)
        }
        Operation::AddConnectionToGroup => {
            let group = client.group(GROUP).unwrap();
            group.add_connection(CONNECTION).await?;
            Expected::query(&[])
        }
        Operation::RemoveConnectionFromGroup => {
            let connection = client.connection(CONNECTION).unwrap();
            connection.remove_from_group(GROUP).await?;
            Expected::query(&[])
        }
        Operation::ListConnectionsInGroup => {
            let options = ListOptions::default()
                .with_page_size(200)
                .unwrap()
                .with_top(i32::MAX as u32)
                .unwrap()
                .with_continuation_token("a/b c");
            let group = client.group(GROUP).unwrap();
            let members = group.list_connections(options).unwrap();
            let members: Vec<GroupMember> = members.try_collect().await?;
            assert_eq!(members.len(), 2);
            assert_eq!(members[0].user_id.as_ref().unwrap().as_str(), "u1");
            assert_eq!(members[1].user_id, None);
            Expected::query(&[
                ("maxpagesize", "200"),
                ("top", "2147483647"),
                ("continuationToken", "a/b c"),
            ])
        }
        Operation::RemoveConnectionFromAllGroups => {
            let connection = client.connection(CONNECTION).unwrap();
            connection.remove_from_all_groups().await?;
            Expected::query(&[])
        }
        Operation::AddUserToGroup => {
            client.group(GROUP).unwrap().add_user(USER).await?;
            Expected::query(&[])
        }
        Operation::RemoveUserFromGroup => {
            let user = client.user(USER).unwrap();
            user.remove_from_group(GROUP).await?;
            Expected::query(&[])
        }
        Operation::RemoveUserFromAllGroups => {
            let user = client.user(USER).unwrap();
            user.remove_from_all_groups().await?;
            Expected::query(&[])
        }
        Operation::ConnectionExists => {
            assert!(client.connection_exists(CONNECTION).await?);
            Expected::query(&[])
        }
        Operation::GroupExists => {
            assert!(client.group_exists(GROUP).await?);
            Expected::query(&[])
        }
        Operation::UserExists => {
            assert!(client.user_exists(USER).await?);
            Expected::query(&[])
        }
        Operation::CloseConnection => {
            let connection = client.connection(CONNECTION).unwrap();
            connection.close(close()).await?;
            Expected::query(&closed[2..])
        }
        Operation::CloseAllConnections => {
            client.close_all_connections(close_others()).await?;
            Expected::query(&closed)
        }
        Operation::CloseGroupConnections => {
            let group = client.group(GROUP).unwrap();
            group.close_connections(close_others()).await?;
            Expected::query(&closed)
        }
        Operation::CloseUserConnections => {
            let user = client.user(USER).unwrap();
            user.close_connections(close_others()).await?;
            Expected::query(&closed)
        }
        Operation::GrantPermission => {
            let permission = Permission::join_leave_group(GROUP).unwrap();
            client.grant_permission(permission, CONNECTION).await?;
            Expected::query(&[("targetName", GROUP)])
        }
        Operation::RevokePermission => {
            let permission = Permission::join_leave_group(GROUP).unwrap();
            client.revoke_permission(permission, CONNECTION).await?;
            Expected::query(&[("targetName", GROUP)])
        }
        Operation::CheckPermission => {
            let permission = Permission::join_leave_group(GROUP).unwrap();
            assert!(client.check_permission(permission, CONNECTION).await?);
            Expected::query(&[("targetName", GROUP)])
        }
        Operation::GenerateClientToken => {
            let access = ClientAccessOptions::default()
                .with_user_id(USER)
                .unwrap()
                .with_role(Role::JoinLeaveAnyGroup)
                .with_role(Role::SendToGroups(GroupPattern::new("r-*").unwrap()))
                .with_group(GROUP)
                .unwrap()
                .with_group("h")
                .unwrap()
                .with_lifetime(Duration::from_secs(61))
                .with_protocol(ClientProtocol::Mqtt);
            let token = client.generate_client_token(&access).await?;
            assert_eq!(token.expose(), "t.o.k");
            Expected::query(&[
                ("userId", USER),
                ("role", "webpubsub.joinLeaveGroup"),
                ("role", "webpubsub.sendToGroups.r-*"),
                ("group", GROUP),
                ("group", "h"),
                ("minutesToExpire", "2"),
                ("clientType", "MQTT"),
            ])
        }
    })
}

fn answer_body(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::GenerateClientToken => Some(r#"{"token":"t.o.k"}"#),
        Operation::ListConnectionsInGroup => Some(
            r#"{"value":[{"connectionId":"c1","userId":"u1"},{"connectionId":"c2","userId":null}],"nextLink":null}"#,
        ),
        _ => None,
    }
}

fn check(
    server: &MockServer,
    described: &Described,
    expected: &Expected,
    request: &Request,
    now: SystemTime,
) {
    let name = described.path;
    assert_eq!(request.method.as_str(), described.method, "{name}");
    let path = described
        .path
        .replace("{hub}", &escape(HUB))
        .replace("{group}", &escape(GROUP))
        .replace("{userId}", &escape(USER))
        .replace("{connectionId}", &escape(CONNECTION))
        .replace("{permission}", "joinLeaveGroup");
    assert_eq!(request.url.path(), path);

    let mut query = vec![("api-version".to_owned(), "2024-12-01".to_owned())];
    query.extend(expected.query.iter().map(|(name, value)| {
        assert!(described.query.contains(name), "{path} takes no {name}");
        ((*name).to_owned(), (*value).to_owned())
    }));
    for name in described.query {
        let given = expected.query.iter().any(|(given, _)| given == name);
        assert!(given, "{path} is not tested with {name}");
    }
    let text: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)))
        .collect();
    assert_eq!(request.url.query(), Some(text.join("&").as_str()), "{path}");

    let header = |name: &str| {
        request
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    assert_eq!(header("content-type"), expected.content_type, "{path}");
    assert_eq!(
        String::from_utf8_lossy(&request.body),
        expected.body,
        "{path}"
    );
    let accept = (described.method != "HEAD").then_some("application/json");
    assert_eq!(header("accept"), accept, "{path}");
    assert!(
        header("user-agent")
            .unwrap()
            .starts_with("tests/1 azsdk-rust-azwire-pubsub/")
    );
    assert_eq!(header("x-ms-client-request-id").unwrap().len(), 36);
    if matches!(described.method, "POST" | "PUT") {
        let length = expected.body.len().to_string();
        assert_eq!(header("content-length"), Some(length.as_str()), "{path}");
    }

    let token = header("authorization")
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    let url = format!("{}{path}?{}", server.uri(), text.join("&"));
    let claims = JwtVerifier::new([&AccessKey::new(KEY)])
        .verify(token, &[url.as_str()], now)
        .unwrap();
    let lifetime = claims.expires_on.unwrap().duration_since(now).unwrap();
    assert_eq!(lifetime, ServiceClientBuilder::TOKEN_LIFETIME);
}

#[tokio::test]
async fn a_no_is_an_answer_and_not_an_error() {
    within(async {
        let server = MockServer::start().await;
        let no = ResponseTemplate::new(404)
            .insert_header("x-ms-error-code", "Warning.Connection.NotExisted");
        Mock::given(method("HEAD"))
            .respond_with(no)
            .mount(&server)
            .await;
        let client = builder(&server).build().unwrap();
        let questions = ALL.iter().filter(|described| described.is_question);
        for described in questions {
            let answer = match described.operation {
                Operation::ConnectionExists => client.connection_exists("c").await,
                Operation::GroupExists => client.group_exists("g").await,
                Operation::UserExists => client.user_exists("u").await,
                Operation::CheckPermission => {
                    let permission = Permission::send_to_any_group();
                    client.check_permission(permission, "c").await
                }
                other => panic!("{other:?} has become a question"),
            };
            assert!(!answer.unwrap(), "{described:?}");
        }
        // That the service has no health is an error, though it is asked with HEAD too.
        assert_eq!(
            client.service_status().await.unwrap_err().kind(),
            ErrorKind::Service
        );
    })
    .await;
}

/// The rows of the service's table of errors, as they were recorded, and some that were not.
#[tokio::test]
async fn every_row_of_errors() {
    const FILTER_PROBLEM: &str = r#"{"code":"Error.BadRequest","message":"Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')","target":"Filter","errors":{"Filter":["Invalid syntax"]},"type":null,"title":"One or more validation errors occurred.","status":400,"detail":null,"instance":null,"extensions":{}}"#;
    const NOT_FOUND: &str = r#"{"code":"Error.Connection.NotExisted","message":"Connection `c9` is not found.","target":"Connection","details":null,"innererror":null}"#;
    const INNER: &str = r#"{"code":"Error.Connection.Conflict","message":"too many","target":null,"details":[{"code":"D"}],"innererror":{"code":"Outer","inner":{"code":"Innermost"}}}"#;
    struct Row {
        status: u16,
        media_type: &'static str,
        body: &'static str,
        kind: ErrorKind,
        code: Option<&'static str>,
        inner: Option<&'static str>,
        target: Option<&'static str>,
        retryable: bool,
    }
    let row = |status, media_type, body, kind, code, retryable| Row {
        status,
        media_type,
        body,
        kind,
        code,
        inner: None,
        target: None,
        retryable,
    };
    let json = "application/json";
    let service = ErrorKind::Service;
    let rows = [
        Row {
            target: Some("Filter"),
            ..row(
                400,
                "application/problem+json",
                FILTER_PROBLEM,
                service,
                Some("Error.BadRequest"),
                false,
            )
        },
        row(401, "text/plain", "", ErrorKind::Auth, None, false),
        row(403, "text/html", "<html>", ErrorKind::Auth, None, false),
        Row {
            target: Some("Connection"),
            ..row(
                404,
                json,
                NOT_FOUND,
                service,
                Some("Error.Connection.NotExisted"),
                false,
            )
        },
        Row {
            inner: Some("Innermost"),
            ..row(
                409,
                json,
                INNER,
                service,
                Some("Error.Connection.Conflict"),
                false,
            )
        },
        row(413, "text/plain", "too large", service, None, false),
        row(
            415,
            json,
            r#"{"code":"Error.UnsupportedMediaType"}"#,
            service,
            Some("Error.UnsupportedMediaType"),
            false,
        ),
        row(
            429,
            json,
            r#"{"code":"Error.TooManyRequests"}"#,
            service,
            Some("Error.TooManyRequests"),
            true,
        ),
        row(500, json, "{", service, None, true),
        row(503, "text/plain", "", service, None, true),
        row(302, "text/plain", "", service, None, false),
        row(204, "text/plain", "", ErrorKind::Protocol, None, false),
    ];
    within(async {
        let server = MockServer::start().await;
        let client = builder(&server)
            .retry(RetryOptions::default().with_max_retries(0))
            .build()
            .unwrap();
        for row in rows {
            server.reset().await;
            let answer = ResponseTemplate::new(row.status)
                .insert_header("x-ms-request-id", "the-services-own")
                .set_body_raw(row.body, row.media_type);
            Mock::given(any()).respond_with(answer).mount(&server).await;
            let error = client.add_connection_to_group("g", "c9").await.unwrap_err();
            let status = row.status;
            assert_eq!(error.status().unwrap().as_u16(), status);
            assert_eq!(error.kind(), row.kind, "{status}");
            assert_eq!(error.error_code(), row.code, "{status}");
            assert_eq!(error.inner_error_code(), row.inner, "{status}");
            assert_eq!(error.service_target(), row.target, "{status}");
            assert_eq!(error.request_id(), Some("the-services-own"), "{status}");
            assert_eq!(error.is_retryable(), row.retryable, "{status}");
            assert!(error.may_be_delivered(), "{status}");
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("invalid filter") && !shown.contains("c9"),
                "{shown}"
            );
        }

        // Without an id of the service's, the one that was sent is the one to ask about.
        server.reset().await;
        Mock::given(any())
            .respond_with(
                ResponseTemplate::new(404).insert_header("x-ms-error-code", "From.Header"),
            )
            .mount(&server)
            .await;
        let error = client.add_user_to_group("g", "u").await.unwrap_err();
        let requests = server.received_requests().await.unwrap();
        let sent = requests[0].headers["x-ms-client-request-id"]
            .to_str()
            .unwrap();
        assert_eq!(error.request_id(), Some(sent));
        assert_eq!(error.error_code(), Some("From.Header"));
    })
    .await;
}

#[tokio::test]
async fn answers_that_make_no_sense_are_refused_without_being_quoted() {
    within(async {
        let server = MockServer::start().await;
        let client = builder(&server).build().unwrap();
        for body in [
            "",
            "{}",
            r#"{"token":""}"#,
            r#"{"token":null}"#,
            r#"[["s3cret"]]"#,
            r#"{"token":5,"s3cret":1}"#,
        ] {
            server.reset().await;
            Mock::given(any())
                .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/json"))
                .mount(&server)
                .await;
            let error = client
                .generate_client_token(&ClientAccessOptions::default())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
        for body in [
            "",
            "{}",
            r#"{"value":[{"userId":"u"}]}"#,
            r#"{"value":[{"connectionId":""}]}"#,
        ] {
            server.reset().await;
            Mock::given(any())
                .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/json"))
                .mount(&server)
                .await;
            let mut members = client
                .list_connections_in_group("g", ListOptions::default())
                .unwrap();
            let error = members.next().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
            assert!(members.next().await.is_none());
        }
    })
    .await;
}

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

#[tokio::test]
async fn a_send_that_was_turned_away_comes_back_when_it_was_told_to() {
    within(async {
        for (status, header, tries) in [
            (429, Some("0"), 2),
            (503, Some("0"), 2),
            // Nobody says that these were not done.
            (429, None, 1),
            (503, None, 1),
            (500, Some("0"), 1),
            // Longer than anybody waits.
            (429, Some("86400"), 1),
        ] {
            let server = MockServer::start().await;
            let mut answer = ResponseTemplate::new(status);
            if let Some(seconds) = header {
                answer = answer.insert_header("retry-after", seconds);
            }
            Mock::given(any())
                .respond_with(answer)
                .up_to_n_times(1)
                .mount(&server)
                .await;
            Mock::given(any())
                .respond_with(ResponseTemplate::new(202))
                .mount(&server)
                .await;
            let client = builder(&server).build().unwrap();
            let result = client.send_to_all("hi", SendOptions::default()).await;
            let requests = server.received_requests().await.unwrap().len();
            assert_eq!(requests, tries, "{status} {header:?}");
            assert_eq!(result.is_ok(), tries == 2, "{status} {header:?}");
        }
    })
    .await;
}

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

fn endpoint(server: &MockServer) -> Endpoint {
    server.uri().parse().unwrap()
}

/// A client of the server that waits for nothing between its tries.
fn builder(server: &MockServer) -> ServiceClientBuilder {
    let no_wait = BackoffOptions::default()
        .with_initial(Duration::ZERO)
        .with_max(Duration::ZERO);
    ServiceClient::builder(endpoint(server), HUB.parse().unwrap(), AccessKey::new(KEY))
        .retry(RetryOptions::default().with_backoff(no_wait))
}

/// As it was on the wire; the server knows no more of the URL.
fn path_and_query(request: &Request) -> String {
    format!("{}?{}", request.url.path(), request.url.query().unwrap())
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED_KEPT).to_string()
}

const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
