//! What the client makes of answers that are none.

use azwire_tests::within;
use futures::StreamExt;
use pubsub::{ClientAccessOptions, ErrorKind, ListOptions, Permission, SendOptions};
use transport::pipeline::RetryOptions;
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::builder;
use crate::generated::operations::{ALL, Operation};

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
