//! The request of each operation, and whether it is tried again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{AccessKey, FixedClock, JwtVerifier};
use azwire_tests::within;
use futures::TryStreamExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pubsub::{
    ClientAccessOptions, ClientProtocol, CloseOptions, Content, Filter, GroupMember, GroupPattern,
    ListOptions, Permission, Role, SendOptions, ServiceClient, ServiceClientBuilder,
};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{HUB, KEY, builder};
use crate::generated::operations::{ALL, Described, Operation};

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

fn escape(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED_KEPT).to_string()
}

const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
