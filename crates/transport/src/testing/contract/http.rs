//! What [`HttpClient`] promises.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Mutex;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{StreamExt, stream};
use http::{Method, Request, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::peer::{
    Verdict, accept, check, finish, headers, meet, nobody, ok, read_head, rule, values,
};
use crate::lock::lock;
use crate::{Body, Error, ErrorKind, HttpClient, Result};

/// Checks that `client` keeps what [`HttpClient`] promises, against servers on loopback.
///
/// - A request arrives once and as it was made; `Connection` and `Accept: */*` may be added.
/// - A body of unknown length arrives whole.
/// - A status is not an error. Redirects are not followed, cookies not kept, requests
///   not repeated, bodies not decoded.
/// - The response is returned before its body has ended, and a body that is cut off is an error.
/// - [`Error::may_be_delivered`] is false when nobody listens, and true when a connection
///   ends without a response.
///
/// For tests, with the features `hyper` and `test-util`, within a tokio runtime:
///
/// ```
/// # #[cfg(feature = "rustls-ring")]
/// # fn main() -> azwire_transport::Result<()> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// use azwire_transport::net::HyperClient;
/// use azwire_transport::testing::check_http;
///
/// check_http(&HyperClient::default()).await
/// # }) }
/// # #[cfg(not(feature = "rustls-ring"))]
/// # fn main() {}
/// ```
///
/// # Errors
///
/// [`Other`](ErrorKind::Other), naming the first rule that is broken and how.
pub async fn check_http(client: &impl HttpClient) -> Result<()> {
    rule("a request arrives as it was made", as_made(client)).await?;
    rule("a streamed body arrives whole", streamed(client)).await?;
    rule("a cookie is not kept", no_cookie(client)).await?;
    for (name, status, extra) in [
        (
            "a redirect is not followed",
            302,
            "location: /elsewhere\r\n",
        ),
        ("a request is not repeated", 503, "retry-after: 0\r\n"),
        ("a body is not decoded", 200, "content-encoding: gzip\r\n"),
    ] {
        rule(name, as_answered(client, status, extra)).await?;
    }
    rule("a body is read as it comes", unbuffered(client)).await?;
    rule("a body that is cut off is an error", cut_off(client)).await?;
    rule("a lost request may be delivered", lost(client)).await?;
    rule("a refused connection delivers nothing", refused(client)).await
}

/// A request as it arrived.
struct Seen {
    head: String,
    body: Vec<u8>,
}

/// Sends a request to a server that gives `answer` to each, and returns what either saw.
async fn ask(
    client: &impl HttpClient,
    request: Request<Body>,
    answer: &str,
) -> Verdict<(Result<(http::response::Parts, Bytes)>, Vec<Seen>)> {
    let seen = Mutex::new(Vec::new());
    let listener = ok(TcpListener::bind("127.0.0.1:0").await)?;
    let authority = ok(listener.local_addr())?.to_string();
    let request = to(&authority, request)?;
    let asking = async {
        let (parts, body) = client.send(request).await?.into_parts();
        Ok((parts, body.collect(MAX_BODY).await?))
    };
    let serving = async {
        loop {
            let mut stream = accept(&listener).await?;
            let head = read_head(&mut stream).await?;
            let body = read_body(&mut stream, &head).await?;
            lock(&seen).push(Seen { head, body });
            finish(&mut stream, answer.as_bytes()).await?;
        }
    };
    let outcome = match select(pin!(asking), pin!(serving)).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right((Err::<Infallible, _>(why), _)) => return Err(why),
    };
    Ok((outcome, std::mem::take(&mut lock(&seen))))
}

/// Puts host and port into a request that has only a path.
fn to(authority: &str, mut request: Request<Body>) -> Verdict<Request<Body>> {
    *request.uri_mut() = ok(format!("http://{authority}{}", request.uri()).parse())?;
    Ok(request)
}

fn get() -> Request<Body> {
    Request::new(Body::empty())
}

fn post(body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    request
}

async fn read_body(stream: &mut TcpStream, head: &str) -> Verdict<Vec<u8>> {
    if let [length] = values(head, "content-length")[..] {
        let mut body = vec![0; ok(length.parse::<usize>())?.min(MAX_BODY)];
        ok(stream.read_exact(&mut body).await)?;
        return Ok(body);
    }
    let mut body = Vec::new();
    if values(head, "transfer-encoding") != ["chunked"] {
        return Ok(body);
    }
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") && line.len() < 32 {
            line.push(ok(stream.read_u8().await)?);
        }
        let length = ok(usize::from_str_radix(
            String::from_utf8_lossy(&line).trim(),
            16,
        ))?;
        let mut chunk = vec![0; length.min(MAX_BODY) + 2];
        ok(stream.read_exact(&mut chunk).await)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..chunk.len() - 2]);
    }
}

async fn as_made(client: &impl HttpClient) -> Verdict {
    let mut request = post("an order".into());
    *request.uri_mut() = http::Uri::from_static("/a/%2F?b=%20&c");
    for value in ["1", "2"] {
        let value = header::HeaderValue::from_static(value);
        request.headers_mut().append("x-own", value);
    }
    let answer = "HTTP/1.1 404 Not Found\r\nx-its: 1\r\nx-its: 2\r\ncontent-length: 2\r\n\r\nno";
    let (outcome, seen) = ask(client, request, answer).await?;
    let [Seen { head, body }] = &seen[..] else {
        return Err(format!("{} requests arrived", seen.len()));
    };
    check(
        head.starts_with("POST /a/%2F?b=%20&c HTTP/1.1\r\n"),
        "method, path or query are others",
    )?;
    check(body == b"an order", "the body is another")?;
    check(values(head, "x-own") == ["1", "2"], "a header is another")?;
    check(values(head, "host").len() == 1, "it has no Host")?;
    check(
        values(head, "content-length") == ["8"],
        "its Content-Length is wrong",
    )?;
    for (name, value) in headers(head) {
        let name = name.to_ascii_lowercase();
        let is_known = match &*name {
            "connection" | "content-length" | "host" | "x-own" => true,
            "accept" => value == "*/*",
            _ => false,
        };
        check(is_known, format!("the header {name} was added"))?;
    }
    let (parts, body) = outcome.map_err(|error| format!("the status was an error: {error}"))?;
    check(
        parts.status == StatusCode::NOT_FOUND && body == "no",
        "status or body of the response are others",
    )?;
    let values = parts.headers.get_all("x-its").iter().collect::<Vec<_>>();
    check(values == ["1", "2"], "headers of the response are missing")
}

async fn streamed(client: &impl HttpClient) -> Verdict {
    for length in [None, Some(5)] {
        let chunks = ["12", "345"].map(|chunk| Ok::<_, Error>(Bytes::from(chunk)));
        let request = post(Body::from_stream(stream::iter(chunks), length));
        let (outcome, seen) = ask(client, request, OK).await?;
        ok(outcome)?;
        let [Seen { body, .. }] = &seen[..] else {
            return Err(format!("{} requests arrived", seen.len()));
        };
        check(body == b"12345", "the body is another")?;
    }
    Ok(())
}

async fn no_cookie(client: &impl HttpClient) -> Verdict {
    let answer = "HTTP/1.1 200 OK\r\nset-cookie: a=1; path=/\r\ncontent-length: 0\r\n\r\n";
    for _ in 0..2 {
        let (outcome, seen) = ask(client, get(), answer).await?;
        ok(outcome)?;
        let cookie = seen
            .iter()
            .any(|seen| !values(&seen.head, "cookie").is_empty());
        check(!cookie, "it came with the next request")?;
    }
    Ok(())
}

async fn as_answered(client: &impl HttpClient, status: u16, extra: &str) -> Verdict {
    let answer = format!("HTTP/1.1 {status} X\r\n{extra}content-length: 2\r\n\r\n\x1f\x01");
    let (outcome, seen) = ask(client, get(), &answer).await?;
    let (parts, body) = ok(outcome)?;
    check(seen.len() == 1, format!("{} requests arrived", seen.len()))?;
    check(parts.status == status, "the status is another")?;
    check(body == "\x1f\x01", "the body is another")?;
    let Some((name, _)) = extra.split_once(':') else {
        return Ok(());
    };
    check(parts.headers.contains_key(name), format!("{name} is gone"))
}

async fn unbuffered(client: &impl HttpClient) -> Verdict {
    let (go_on, wait) = oneshot::channel();
    meet(
        async |authority| {
            let response = ok(client.send(to(&authority, get())?).await)?;
            let mut body = response.into_body();
            let first = body.next().await.ok_or("the body is empty")?;
            check(ok(first)? == "12", "the first chunk is another")?;
            _ = go_on.send(());
            let rest = ok(body.collect(MAX_BODY).await)?;
            check(rest == "345", "the rest is another")
        },
        async |listener| {
            let mut stream = accept(&listener).await?;
            read_head(&mut stream).await?;
            let begin = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12";
            ok(stream.write_all(begin).await)?;
            if wait.await.is_ok() {
                finish(&mut stream, b"345").await?;
            }
            Ok(())
        },
    )
    .await
}

async fn cut_off(client: &impl HttpClient) -> Verdict {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12";
    let (outcome, _) = ask(client, get(), answer).await?;
    check(outcome.is_err(), "it ended as if it were whole")
}

async fn lost(client: &impl HttpClient) -> Verdict {
    let (outcome, seen) = ask(client, post("x".into()), "").await?;
    check(seen.len() == 1, format!("{} requests arrived", seen.len()))?;
    let Err(error) = outcome else {
        return Err("there was a response".to_owned());
    };
    check(error.may_be_delivered(), "the error says that it never was")
}

async fn refused(client: &impl HttpClient) -> Verdict {
    let (_held, authority) = nobody()?;
    let Err(error) = client.send(to(&authority, get())?).await else {
        return Err("there was a response".to_owned());
    };
    check(!error.may_be_delivered(), "the error says that it may be")?;
    let kind = error.kind();
    check(
        kind == ErrorKind::Connect,
        format!("the error is of kind {kind:?}"),
    )
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const MAX_BODY: usize = 1024;
