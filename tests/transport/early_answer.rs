//! Responses that are sent before the request has been read (RFC 9112 §9.6), with
//! clients that read nothing until they have sent everything, and servers that
//! close immediately.

use std::time::Duration;

use azwire_tests::origin::{Origin, read_head};
use azwire_tests::within;
use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transport::net::{Handler, Server};
use transport::{Body, Error, HttpClient};

use crate::client::{client, plain, post};
use crate::http::{on_tokio, polled};

const MIB: usize = 1 << 20;
/// More than the buffers of a loopback connection hold.
const UPLOAD: usize = 20 * MIB;
const POSTS: usize = 60;

/// Refuses without looking at the body; the path is the number of bytes of the response.
#[derive(Debug)]
struct Refuse;

#[async_trait::async_trait]
impl Handler for Refuse {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let length = request.uri().path()[1..].parse().unwrap_or(7);
        let mut response = Response::new(Body::from(vec![b'n'; length]));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
    }
}

fn refusing() -> Server {
    Server::builder(Refuse)
        .bind("127.0.0.1:0".parse().unwrap())
        .start()
        .unwrap()
}

/// Sends everything, and only then reads the response.
async fn send_first(server: &Server, head: &str, body: usize) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server.local_addrs()[0]).await?;
    stream.write_all(head.as_bytes()).await?;
    let piece = vec![b'x'; 64 * 1024];
    let mut left = body;
    while left > 0 {
        let part = left.min(piece.len());
        stream.write_all(&piece[..part]).await?;
        left -= part;
    }
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_arrives_however_large_the_upload_is() {
    let server = refusing();
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {UPLOAD}\r\n\r\n");
    let posts = stream::iter(0..POSTS).map(|_| send_first(&server, &head, UPLOAD));
    let answers: Vec<_> = within(posts.buffer_unordered(4).collect()).await;
    let whole = answers.iter().filter(|answer| {
        answer.as_ref().is_ok_and(|answer| {
            answer.starts_with(b"HTTP/1.1 401 ") && answer.ends_with(b"\r\n\r\nnnnnnnn")
        })
    });
    assert_eq!(whole.count(), POSTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_client_sees_every_refusal_too() {
    let server = refusing();
    let uri: http::Uri = format!("http://{}/", server.local_addrs()[0])
        .parse()
        .unwrap();
    let client = client(plain());
    for length in [Some(UPLOAD as u64), None] {
        let posts = stream::iter(0..POSTS / 2).map(|_| async {
            let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
            let chunks =
                stream::iter((0..UPLOAD / chunk.len()).map(move |_| Ok::<_, Error>(chunk.clone())));
            let response = client
                .send(post(&uri, Body::from_stream(chunks, length)))
                .await?;
            let status = response.status();
            response.into_body().collect(100).await?;
            Ok::<_, Error>(status)
        });
        let answers: Vec<_> = within(posts.buffer_unordered(4).collect()).await;
        let refused = answers
            .iter()
            .filter(|answer| matches!(answer, Ok(StatusCode::UNAUTHORIZED)));
        assert_eq!(refused.count(), POSTS / 2, "{answers:?}");
    }
}

/// Neither side would ever continue if one waited for the other.
#[tokio::test]
async fn an_answer_larger_than_all_buffers_arrives_as_well() {
    let server = refusing();
    let head = format!("POST /{UPLOAD} HTTP/1.1\r\nHost: x\r\nContent-Length: {UPLOAD}\r\n\r\n");
    let answer = within(send_first(&server, &head, UPLOAD)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 401 ") && answer.len() > UPLOAD);
}

#[tokio::test]
async fn what_is_no_request_is_told_so_whatever_follows() {
    let server = refusing();
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(100_000));
    for (head, status) in [
        (long.as_str(), "431"),
        ("No request at all\r\n\r\n", "400"),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n",
            "400",
        ),
    ] {
        let calls = (0..8).map(|_| send_first(&server, head, 4 * MIB));
        for answer in within(join_all(calls)).await {
            let answer = answer.unwrap();
            let line = format!("HTTP/1.1 {status} ");
            assert!(
                answer.starts_with(line.as_bytes()),
                "{}",
                answer.escape_ascii()
            );
        }
    }
}

#[tokio::test]
async fn the_connection_is_used_again_once_the_rest_was_read() {
    let server = refusing();
    let mut stream = TcpStream::connect(server.local_addrs()[0]).await.unwrap();
    for _ in 0..3 {
        let head = "POST /0 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let head = within(read_head(&mut stream)).await;
        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
        // The response arrived before the body; now the body follows.
        stream.write_all(&vec![b'x'; 100_000]).await.unwrap();
    }
}

/// A client that asks whether to send is not asked to send when the server discards what is left.
#[tokio::test]
async fn a_body_that_is_held_back_is_not_asked_for() {
    let server = refusing();
    let mut stream = TcpStream::connect(server.local_addrs()[0]).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The peer must end it: whether the next bytes are the body cannot be determined.
    let reading = async {
        let head = read_head(&mut stream).await;
        stream.read_to_end(&mut answer).await.unwrap();
        head
    };
    let head = within(reading).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert!(head.contains("connection: close"), "{head}");
}

/// No client holds a connection by never sending the rest.
#[tokio::test]
async fn the_rest_is_not_waited_for_without_end() {
    let clock = on_tokio();
    let server = Server::builder(Refuse)
        .runtime(clock.shared())
        .header_read_timeout(Duration::ZERO)
        .bind("127.0.0.1:0".parse().unwrap())
        .start()
        .unwrap();
    let second = Duration::from_secs(1);
    let request = "POST /0 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";

    // Silence.
    let mut silent = TcpStream::connect(server.local_addrs()[0]).await.unwrap();
    silent.write_all(request.as_bytes()).await.unwrap();
    within(read_head(&mut silent)).await;
    for _ in 0..2 {
        within(clock.timers_armed(1)).await;
        clock.advance(5 * second);
    }
    within(closed(&server)).await;

    // A byte now and then.
    let mut slow = TcpStream::connect(server.local_addrs()[0]).await.unwrap();
    slow.write_all(request.as_bytes()).await.unwrap();
    within(read_head(&mut slow)).await;
    within(async {
        for _ in 0..200 {
            if server.open_connections() == 0 {
                break;
            }
            // It fails once the server has had enough.
            _ = slow.write_all(b"x").await;
            polled(std::future::pending::<()>(), 20).await;
            clock.advance(second);
        }
    })
    .await;
    assert_eq!(server.open_connections(), 0);
}

async fn closed(server: &Server) {
    while server.open_connections() > 0 {
        tokio::task::yield_now().await;
    }
}

/// Responds once it has the head, reads nothing more, and resets the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_read_although_the_server_has_closed_at_once() {
    let origin = Origin::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        let answer = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 7\r\n\r\nnnnnnnn";
        stream.write_all(answer).await.unwrap();
        // Dropped with bytes unread.
    })
    .await;
    let client = client(plain());
    let mut refused = 0;
    for _ in 0..POSTS {
        let body = Body::from(vec![b'x'; UPLOAD]);
        let response = within(client.send(post(&origin.uri("/"), body))).await;
        if let Ok(response) = response
            && response.status() == StatusCode::UNAUTHORIZED
            && within(response.into_body().collect(100)).await.is_ok()
        {
            refused += 1;
        }
    }
    assert_eq!(refused, POSTS);
}

/// Responds, and neither reads nor closes.
#[tokio::test]
async fn an_answer_is_read_while_the_server_takes_nothing_more() {
    let origin = Origin::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 7\r\n\r\nnnnnnnn";
        stream.write_all(answer).await.unwrap();
        std::future::pending().await
    })
    .await;
    let body = Body::from(vec![b'x'; UPLOAD]);
    let response = within(client(plain()).send(post(&origin.uri("/"), body))).await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let body = within(response.into_body().collect(100)).await.unwrap();
    assert_eq!(body, "nnnnnnn");
}

/// Without a response it is still an error, and one that may have been delivered.
#[tokio::test]
async fn a_server_that_closes_without_a_word_is_an_error() {
    let origin = Origin::start(|_, mut stream| async move {
        read_head(&mut stream).await;
    })
    .await;
    let client = client(plain());
    for _ in 0..10 {
        let body = Body::from(vec![b'x'; UPLOAD]);
        let error = within(client.send(post(&origin.uri("/"), body)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), transport::ErrorKind::Closed, "{error:?}");
        assert!(error.may_be_delivered());
    }
}
