//! A service that answers what no service should: listings without end, and
//! whatever else a peer can get wrong. None of it is the caller's fault.

use azwire_tests::hostile_peer::{HostilePeer, answer};
use azwire_tests::within;
use futures::{FutureExt, StreamExt, TryStreamExt};
use pubsub::{
    Client, ClientAccessOptions, Error, ErrorKind, ListOptions, SendOptions, ServiceClient,
    ServiceClientBuilder,
};
use transport::pipeline::RetryOptions;

fn client(peer: &HostilePeer) -> ServiceClient {
    ServiceClientBuilder::from_connection_string(&peer.connection_string(), "chat")
        .unwrap()
        .retry(RetryOptions::default().with_max_retries(0))
        .build()
        .unwrap()
}

/// A peer whose every answer is a page: its rows, and the name of the next one.
async fn pages(
    page: impl Fn(usize) -> (usize, Option<String>) + Send + Sync + 'static,
) -> HostilePeer {
    HostilePeer::start(move |head, number| {
        let host = head
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .unwrap();
        let (rows, next) = page(number);
        let row = |row| serde_json::json!({ "connectionId": format!("c{number}-{row}") });
        let body = serde_json::json!({
            "value": (0..rows).map(row).collect::<Vec<_>>(),
            "nextLink": next.map(|next| format!("http://{host}/api/{next}")),
        });
        answer(200, body.to_string())
    })
    .await
}

/// Lists to the end: how many connections came, and the error.
async fn list(peer: &HostilePeer) -> (usize, Option<Error>) {
    let client = client(peer);
    let mut members = client
        .list_connections_in_group("g", ListOptions::default())
        .unwrap();
    let mut count = 0;
    loop {
        match members.next().await {
            Some(Ok(_)) => count += 1,
            Some(Err(error)) => {
                assert!(members.next().await.is_none(), "an error is the end");
                return (count, Some(error));
            }
            None => return (count, None),
        }
    }
}

#[tokio::test]
async fn pages_that_point_at_each_other_end_the_listing() {
    within(async {
        for rows in [0, 2] {
            for circle in [1, 2, 3, 10] {
                let peer = pages(move |number| (rows, Some((number % circle).to_string()))).await;
                let (count, error) = list(&peer).await;
                let error = error.unwrap();
                assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
                assert!(error.may_be_delivered() && !error.is_retryable());
                assert_eq!(peer.requests(), circle + 1);
                assert_eq!(count, circle * rows);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn empty_pages_without_end_end_the_listing() {
    within(async {
        let peer = pages(|number| (0, Some(number.to_string()))).await;
        let (count, error) = list(&peer).await;
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(error.may_be_delivered() && !error.is_retryable());
        assert_eq!((count, peer.requests()), (0, ListOptions::MAX_EMPTY_PAGES));
    })
    .await;
}

#[tokio::test]
async fn a_long_listing_with_gaps_is_read_to_its_end() {
    within(async {
        const PAGES: usize = 3 * ListOptions::MAX_EMPTY_PAGES;
        let last = ListOptions::MAX_EMPTY_PAGES - 1;
        let peer = pages(move |number| {
            let rows = usize::from(number % (last + 1) == last);
            (rows, (number + 1 < PAGES).then(|| number.to_string()))
        })
        .await;
        let (count, error) = list(&peer).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!((count, peer.requests()), (3, PAGES));
    })
    .await;
}

/// What a call ends with; none if it succeeds.
type Ends = Option<ErrorKind>;

/// What is wrong with an answer, the answer to a call whose success has a
/// status, and with what end calls that want something back, calls that do not,
/// and questions.
struct Row {
    name: &'static str,
    answer: fn(u16) -> Vec<u8>,
    wants: Ends,
    sends: Ends,
    asks: Ends,
}

const fn row(name: &'static str, answer: fn(u16) -> Vec<u8>, ends: [Ends; 3]) -> Row {
    let [wants, sends, asks] = ends;
    Row {
        name,
        answer,
        wants,
        sends,
        asks,
    }
}

const PROTOCOL: Ends = Some(ErrorKind::Protocol);
const CLOSED: Ends = Some(ErrorKind::Closed);
const TOO_LARGE: Ends = Some(ErrorKind::TooLarge);
const SERVICE: Ends = Some(ErrorKind::Service);
const AUTH: Ends = Some(ErrorKind::Auth);

/// Everything that a peer can get wrong. A new one is a new row here.
const ROWS: &[Row] = &[
    // No answer.
    row("nothing", |_| Vec::new(), [CLOSED; 3]),
    row(
        "half a head",
        |_| b"HTTP/1.1 200 OK\r\nDa".to_vec(),
        [CLOSED; 3],
    ),
    row(
        "no HTTP",
        |_| b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(),
        [PROTOCOL; 3],
    ),
    row(
        "no number",
        |_| b"HTTP/1.1 abc\r\n\r\n".to_vec(),
        [PROTOCOL; 3],
    ),
    row(
        "a head without end",
        |_| {
            let header = format!("x: {}\r\n", "y".repeat(1_000));
            format!("HTTP/1.1 200 OK\r\n{}", header.repeat(2_000)).into_bytes()
        },
        [PROTOCOL; 3],
    ),
    row(
        "thousands of headers",
        |status| {
            let headers = "x: y\r\n".repeat(5_000);
            format!("HTTP/1.1 {status} OK\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes()
        },
        [PROTOCOL; 3],
    ),
    row(
        "two lengths",
        |status| {
            format!("HTTP/1.1 {status} OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")
                .into_bytes()
        },
        [PROTOCOL, PROTOCOL, None],
    ),
    // Bodies; whoever wants none back looks at the status alone.
    row(
        "a body that is too long",
        |status| answer(status, vec![b' '; 5 * 1024 * 1024]),
        [TOO_LARGE, None, None],
    ),
    row(
        "a body that is said to be too long",
        |status| {
            format!("HTTP/1.1 {status} OK\r\nContent-Length: 99999999999\r\n\r\n").into_bytes()
        },
        [TOO_LARGE, None, None],
    ),
    row(
        "chunks that are too long",
        |status| {
            let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
            format!(
                "HTTP/1.1 {status} OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunk.repeat(5)
            )
            .into_bytes()
        },
        [TOO_LARGE, None, None],
    ),
    row(
        "a body that is cut off",
        |status| format!("HTTP/1.1 {status} OK\r\nContent-Length: 100\r\n\r\n{{").into_bytes(),
        [CLOSED, None, None],
    ),
    row(
        "a chunk without a length",
        |status| {
            format!("HTTP/1.1 {status} OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").into_bytes()
        },
        [PROTOCOL, None, None],
    ),
    row(
        "no body",
        |status| answer(status, ""),
        [PROTOCOL, None, None],
    ),
    row(
        "no JSON",
        |status| answer(status, "<html>"),
        [PROTOCOL, None, None],
    ),
    row(
        "no UTF-8",
        |status| answer(status, b"{\"token\":\"\xff\"}"),
        [PROTOCOL, None, None],
    ),
    row(
        "an array",
        |status| answer(status, "[]"),
        [PROTOCOL, None, None],
    ),
    row(
        "an array in place of the members",
        |status| answer(status, r#"["t",[["c"]]]"#),
        [PROTOCOL, None, None],
    ),
    row(
        "null",
        |status| answer(status, "null"),
        [PROTOCOL, None, None],
    ),
    row(
        "nothing in an object",
        |status| answer(status, "{}"),
        [PROTOCOL, None, None],
    ),
    row(
        "a depth without end",
        |status| answer(status, "[".repeat(1_000_000)),
        [PROTOCOL, None, None],
    ),
    row(
        "members of other kinds",
        |status| answer(status, r#"{"token":["t"],"value":{"connectionId":"c"}}"#),
        [PROTOCOL, None, None],
    ),
    row(
        "members that are null",
        |status| answer(status, r#"{"token":null,"value":null}"#),
        [PROTOCOL, None, None],
    ),
    row(
        "rows that are arrays",
        |status| answer(status, r#"{"value":[["c","u"]]}"#),
        [PROTOCOL, None, None],
    ),
    row(
        "rows without an id",
        |status| answer(status, r#"{"value":[{"userId":"u"}]}"#),
        [PROTOCOL, None, None],
    ),
    row(
        "rows with an empty id",
        |status| answer(status, r#"{"value":[{"connectionId":""}]}"#),
        [PROTOCOL, None, None],
    ),
    row(
        "rows with a user that is no text",
        |status| answer(status, r#"{"value":[{"connectionId":"c","userId":5}]}"#),
        [PROTOCOL, None, None],
    ),
    row(
        "a next page that is no text",
        |status| answer(status, r#"{"value":[],"nextLink":5}"#),
        [PROTOCOL, None, None],
    ),
    row(
        "a next page that is no URL",
        |status| answer(status, r#"{"value":[],"nextLink":"\u0000"}"#),
        [PROTOCOL, None, None],
    ),
    row(
        "a next page elsewhere",
        |status| answer(status, r#"{"value":[],"nextLink":"https://evil.example/"}"#),
        [PROTOCOL, None, None],
    ),
    row(
        "a next page with an address of 70 kB",
        |status| {
            let link = format!("http://127.0.0.1/{}", "x".repeat(70_000));
            answer(status, format!(r#"{{"value":[],"nextLink":"{link}"}}"#))
        },
        [PROTOCOL, None, None],
    ),
    // Other statuses.
    row(
        "a success of something else",
        |_| answer(206, "{}"),
        [PROTOCOL; 3],
    ),
    row("a redirection", |_| answer(302, ""), [SERVICE; 3]),
    row(
        "a status that there is not",
        |_| answer(999, ""),
        [SERVICE; 3],
    ),
    row(
        "an error whose body is an array",
        |_| answer(500, "[[[]]]"),
        [SERVICE; 3],
    ),
    row(
        "an error whose body is too long",
        |_| answer(400, vec![b'['; 5 * 1024 * 1024]),
        [SERVICE; 3],
    ),
    row("a refusal", |_| answer(403, "5"), [AUTH; 3]),
];

#[tokio::test]
async fn no_answer_of_the_peer_blames_the_caller() {
    within(async {
        let mut wrong = Vec::new();
        for row in ROWS {
            let answer = row.answer;
            let peer = HostilePeer::start(move |head, _| {
                let status = if head.contains("/:send") { 202 } else { 200 };
                answer(status)
            })
            .await;
            let client = client(&peer);
            let token = async {
                let access = ClientAccessOptions::default();
                client.generate_client_token(&access).await.map(drop)
            };
            let members = async {
                let members = client.list_connections_in_group("g", ListOptions::default())?;
                members.try_collect::<Vec<_>>().await.map(drop)
            };
            let calls = [
                ("token", row.wants, token.boxed_local()),
                ("members", row.wants, members.boxed_local()),
                (
                    "send",
                    row.sends,
                    client
                        .send_to_all("x", SendOptions::default())
                        .boxed_local(),
                ),
                (
                    "exists",
                    row.asks,
                    client
                        .user_exists("u")
                        .map(|found| found.map(drop))
                        .boxed_local(),
                ),
            ];
            for (call, expected, outcome) in calls {
                let outcome = outcome.await;
                let kind = outcome.as_ref().err().map(Error::kind);
                let is_fair = outcome.as_ref().err().is_none_or(|error| {
                    error.kind() != ErrorKind::InvalidInput
                        && error.may_be_delivered()
                        && !error.to_string().contains("argument")
                });
                if kind != expected || !is_fair {
                    wrong.push(format!("{}, {call}: {outcome:?}", row.name));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    })
    .await;
}

/// An answer to the opening of a WebSocket, and what the start of the client ends with.
type Answer = (&'static str, fn() -> Vec<u8>, ErrorKind);

const OPENINGS: &[Answer] = &[
    ("nothing", Vec::new, ErrorKind::Closed),
    (
        "half a head",
        || b"HTTP/1.1 101 Sw".to_vec(),
        ErrorKind::Closed,
    ),
    (
        "no HTTP",
        || b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(),
        ErrorKind::Protocol,
    ),
    (
        "a head without end",
        || {
            let header = format!("x: {}\r\n", "y".repeat(1_000));
            format!("HTTP/1.1 101 OK\r\n{}", header.repeat(2_000)).into_bytes()
        },
        ErrorKind::Protocol,
    ),
    (
        "no upgrade",
        || b"HTTP/1.1 101 OK\r\n\r\n".to_vec(),
        ErrorKind::Protocol,
    ),
    (
        "the key of somebody else",
        || {
            b"HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
                .to_vec()
        },
        ErrorKind::Protocol,
    ),
    (
        "a page",
        || answer(200, vec![b' '; 5 * 1024 * 1024]),
        ErrorKind::Transport,
    ),
    ("a redirection", || answer(302, ""), ErrorKind::Transport),
    (
        "a refusal whose body is too long",
        || answer(404, vec![b' '; 5 * 1024 * 1024]),
        ErrorKind::Transport,
    ),
    ("an error", || answer(500, "[[]]"), ErrorKind::Transport),
    ("no right", || answer(403, "5"), ErrorKind::Auth),
];

#[tokio::test]
async fn no_opening_of_a_websocket_blames_the_caller() {
    within(async {
        let mut wrong = Vec::new();
        for (name, answer, expected) in OPENINGS {
            let peer = HostilePeer::start(move |_, _| answer()).await;
            let url = peer.uri().replace("http://", "ws://") + "/client/hubs/chat";
            let (client, _events) = Client::builder(url).build().unwrap();
            let error = client.start().await.unwrap_err();
            if error.kind() != *expected || error.to_string().contains("argument") {
                wrong.push(format!("{name}: {error:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    })
    .await;
}
