//! What [`WebSocketConnector`] and [`WebSocket`](crate::WebSocket) promise.

use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::peer::{
    Verdict, accept, check, drain, finish, meet, nobody, ok, read_head, rule, values,
};
use crate::net::accept_value;
use crate::{
    CloseCode, Error, ErrorKind, Handshake, HandshakeRequest, Limits, Message, Result, WebSocket,
    WebSocketConnector,
};

/// Checks that `connector` keeps what [`WebSocketConnector`] promises, and its sockets what
/// [`WebSocket`] does, against servers on loopback.
///
/// - Address, headers and subprotocols arrive, and those of the response are returned.
/// - Text and binary messages pass both ways; fragments are joined; a ping is answered and
///   handed out.
/// - The close frame of the peer is handed out, then the stream ends; closing sends one, and
///   ends once the peer has answered.
/// - A lost connection, text that is not UTF-8 and a message over the limit are errors of
///   their kinds, then the stream ends.
/// - A refusal is an error with the whole response, of which only the reason phrase may be missing;
///   one that reaches nobody was not delivered.
///
/// Half-close is not checked. For tests, with the features `hyper` and `test-util`, within a
/// tokio runtime:
///
/// ```
/// # #[cfg(feature = "rustls-ring")]
/// # fn main() -> azwire_transport::Result<()> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// use azwire_transport::net::HyperWebSocketConnector;
/// use azwire_transport::testing::check_websocket;
///
/// check_websocket(&HyperWebSocketConnector::default()).await
/// # }) }
/// # #[cfg(not(feature = "rustls-ring"))]
/// # fn main() {}
/// ```
///
/// # Errors
///
/// [`Other`](ErrorKind::Other), naming the first rule that is broken and how.
pub async fn check_websocket(connector: &impl WebSocketConnector) -> Result<()> {
    rule("the handshake passes whole", handshake(connector)).await?;
    rule("messages pass both ways", messages(connector)).await?;
    rule("the peer's close frame is handed out", closed(connector)).await?;
    rule("closing is answered", closing(connector)).await?;
    for (name, bytes, kind) in [
        ("a lost connection is an error", &b""[..], ErrorKind::Closed),
        ("text is UTF-8", b"\x81\x01\xff", ErrorKind::Protocol),
        (
            "messages are limited",
            b"\x82\x0b0123456789a",
            ErrorKind::TooLarge,
        ),
        (
            "fragments are limited",
            b"\x02\x06012345\x80\x056789a",
            ErrorKind::TooLarge,
        ),
    ] {
        rule(name, broken(connector, bytes, kind)).await?;
    }
    rule("a refusal is returned whole", refused(connector)).await?;
    rule("a handshake is checked", forged(connector)).await?;
    rule(
        "a refused connection delivers nothing",
        unreachable(connector),
    )
    .await
}

fn request(authority: &str) -> Verdict<HandshakeRequest> {
    let uri = ok(format!("ws://{authority}/a?b=%20").parse())?;
    Ok(HandshakeRequest::new(uri).with_limits(Limits::default().with_max_message(MAX_MESSAGE)))
}

async fn open(connector: &impl WebSocketConnector, authority: String) -> Verdict<Handshake> {
    ok(connector.connect(request(&authority)?).await)
}

/// Takes a connection, and answers its opening with 101 and `extra`.
async fn opened(listener: &tokio::net::TcpListener, extra: &str) -> Verdict<(TcpStream, String)> {
    let mut stream = accept(listener).await?;
    let head = read_head(&mut stream).await?;
    let [key] = values(&head, "sec-websocket-key")[..] else {
        return Err("the opening has no key".to_owned());
    };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {}\r\n{extra}\r\n",
        accept_value(key)
    );
    ok(stream.write_all(answer.as_bytes()).await)?;
    Ok((stream, head))
}

/// Reads a frame of a client: the first byte and the payload.
async fn read_frame(stream: &mut TcpStream) -> Verdict<(u8, Vec<u8>)> {
    let first = ok(stream.read_u8().await)?;
    let second = ok(stream.read_u8().await)?;
    check(second & 0x80 != 0, "a frame of the client is not masked")?;
    let length = match second & 0x7f {
        126 => ok(stream.read_u16().await)?.into(),
        127 => ok(stream.read_u64().await)?,
        length => length.into(),
    };
    check(length <= MAX_FRAME, "a frame of the client is too long")?;
    let mut mask = [0; 4];
    ok(stream.read_exact(&mut mask).await)?;
    let mut payload = vec![0; ok(usize::try_from(length))?];
    ok(stream.read_exact(&mut payload).await)?;
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Ok((first, payload))
}

async fn read_message(stream: &mut TcpStream) -> Verdict<(u8, Vec<u8>)> {
    let (first, mut payload) = read_frame(stream).await?;
    let mut is_last = first & 0x80 != 0;
    while !is_last {
        let (next, rest) = read_frame(stream).await?;
        check(next & 0x0f == 0, "a fragment is not continued")?;
        payload.extend(rest);
        is_last = next & 0x80 != 0;
    }
    Ok((first & 0x0f, payload))
}

async fn next(socket: &mut Box<dyn WebSocket>) -> Verdict<Message> {
    let message = socket.next().await.ok_or("the stream ended")?;
    ok(message)
}

async fn handshake(connector: &impl WebSocketConnector) -> Verdict {
    meet(
        async |authority| {
            let name = http::HeaderName::from_static("x-own");
            let request = request(&authority)?
                .with_header(name, HeaderValue::from_static("1"))
                .with_subprotocol("one")
                .with_subprotocol("two");
            let opened = ok(connector.connect(request).await)?;
            check(
                opened.subprotocol.as_deref() == Some("two"),
                "the subprotocol is not the one that was chosen",
            )?;
            let header = opened.headers.get("x-its");
            check(
                header.is_some_and(|value| value == "2"),
                "a header of the response is missing",
            )
        },
        async |listener| {
            let extra = "x-its: 2\r\nsec-websocket-protocol: two\r\n";
            let (mut stream, head) = opened(&listener, extra).await?;
            check(
                head.starts_with("GET /a?b=%20 HTTP/1.1\r\n"),
                "path or query are others",
            )?;
            check(values(&head, "x-own") == ["1"], "a header is missing")?;
            let offered = values(&head, "sec-websocket-protocol").join(",");
            let offered = offered.split(',').map(str::trim).collect::<Vec<_>>();
            check(offered == ["one", "two"], "the subprotocols are others")?;
            drain(&mut stream).await;
            Ok(())
        },
    )
    .await
}

async fn messages(connector: &impl WebSocketConnector) -> Verdict {
    meet(
        async |authority| {
            let mut socket = open(connector, authority).await?.socket;
            for expected in [
                Message::text("h\u{e4}"),
                Message::text(""),
                Message::Ping("p".into()),
                Message::binary("123"),
                Message::Pong("q".into()),
            ] {
                let came = next(&mut socket).await?;
                check(came == expected, format!("{came:?} came for {expected:?}"))?;
            }
            ok(socket.feed(Message::text("x")).await)?;
            ok(socket.send(Message::binary(vec![7; LONG])).await)?;
            let end = next(&mut socket).await?;
            check(end == Message::text("end"), "the last message is another")
        },
        async |listener| {
            let (mut stream, _) = opened(&listener, "").await?;
            // The ping comes between the fragments of a message.
            let frames = b"\x81\x03h\xc3\xa4\x81\x00\x02\x0212\x89\x01p\x80\x013\x8a\x01q";
            ok(stream.write_all(frames).await)?;
            let (mut has_pong, mut data) = (false, Vec::new());
            while data.len() < 2 || !has_pong {
                match read_message(&mut stream).await? {
                    (PONG, payload) => has_pong |= payload == b"p",
                    message => data.push(message),
                }
            }
            check(
                data == [(TEXT, b"x".to_vec()), (BINARY, vec![7; LONG])],
                "what arrives is not what was sent",
            )?;
            ok(stream.write_all(b"\x81\x03end").await)?;
            drain(&mut stream).await;
            Ok(())
        },
    )
    .await
}

async fn closed(connector: &impl WebSocketConnector) -> Verdict {
    meet(
        async |authority| {
            let mut socket = open(connector, authority).await?.socket;
            let Message::Close(Some(close)) = next(&mut socket).await? else {
                return Err("another message came".to_owned());
            };
            check(
                close.code == CLOSE_CODE && close.reason == "bye",
                "its code or reason is another",
            )?;
            check(socket.next().await.is_none(), "the stream goes on")?;
            ok(socket.close().await)
        },
        async |listener| {
            let (mut stream, _) = opened(&listener, "").await?;
            ok(stream.write_all(b"\x88\x05\x0f\xa1bye").await)?;
            let (opcode, _) = read_message(&mut stream).await?;
            check(opcode == CLOSE, "it is not answered")?;
            finish(&mut stream, b"").await
        },
    )
    .await
}

async fn closing(connector: &impl WebSocketConnector) -> Verdict {
    meet(
        async |authority| {
            let mut socket = open(connector, authority).await?.socket;
            ok(socket.close().await)
        },
        async |listener| {
            let (mut stream, _) = opened(&listener, "").await?;
            let (opcode, payload) = read_message(&mut stream).await?;
            check(opcode == CLOSE, "it sends no close frame")?;
            check(payload == [3, 0xe8], "its code is not 1000")?;
            finish(&mut stream, b"\x88\x02\x03\xe8").await
        },
    )
    .await
}

/// A message, then `bytes` and the end of the connection.
async fn broken(connector: &impl WebSocketConnector, bytes: &[u8], kind: ErrorKind) -> Verdict {
    meet(
        async |authority| {
            let mut socket = open(connector, authority).await?.socket;
            let first = next(&mut socket).await?;
            check(first == Message::text("1"), "what came before is another")?;
            match socket.next().await {
                Some(Err(error)) => check_kind(&error, kind)?,
                Some(Ok(message)) => return Err(format!("{message:?} came")),
                None => return Err("the stream ends without an error".to_owned()),
            }
            check(socket.next().await.is_none(), "the stream goes on")
        },
        async |listener| {
            let (mut stream, _) = opened(&listener, "").await?;
            ok(stream.write_all(b"\x81\x011").await)?;
            finish(&mut stream, bytes).await
        },
    )
    .await
}

async fn refused(connector: &impl WebSocketConnector) -> Verdict {
    meet(
        async |authority| {
            let Err(error) = connector.connect(request(&authority)?).await else {
                return Err("it opened".to_owned());
            };
            check_kind(&error, ErrorKind::Rejected)?;
            let rejection = error.rejection().ok_or("the response is missing")?;
            check(
                rejection.status == StatusCode::UNAUTHORIZED
                    && ["No token", ""].contains(&&*rejection.reason),
                "status or reason is another",
            )?;
            check(
                rejection.headers.contains_key("x-its") && rejection.body == "why",
                "headers or body are missing",
            )
        },
        async |listener| {
            let mut stream = accept(&listener).await?;
            read_head(&mut stream).await?;
            let answer = b"HTTP/1.1 401 No token\r\nx-its: 1\r\ncontent-length: 3\r\n\r\nwhy";
            finish(&mut stream, answer).await
        },
    )
    .await
}

async fn forged(connector: &impl WebSocketConnector) -> Verdict {
    meet(
        async |authority| match connector.connect(request(&authority)?).await {
            Ok(_) => Err("a wrong Sec-WebSocket-Accept is accepted".to_owned()),
            Err(error) => check_kind(&error, ErrorKind::Protocol),
        },
        async |listener| {
            let mut stream = accept(&listener).await?;
            read_head(&mut stream).await?;
            let answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
                           upgrade: websocket\r\nsec-websocket-accept: AAAA\r\n\r\n";
            finish(&mut stream, answer).await
        },
    )
    .await
}

async fn unreachable(connector: &impl WebSocketConnector) -> Verdict {
    let (_held, authority) = nobody()?;
    let Err(error) = connector.connect(request(&authority)?).await else {
        return Err("it opened".to_owned());
    };
    check_kind(&error, ErrorKind::Connect)?;
    check(!error.may_be_delivered(), "the error says that it may be")
}

fn check_kind(error: &Error, kind: ErrorKind) -> Verdict {
    let came = error.kind();
    check(
        came == kind,
        format!("the error is of kind {came:?}, not {kind:?}"),
    )
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PONG: u8 = 10;
const CLOSE_CODE: CloseCode = CloseCode::new(4001).unwrap();
/// Allows the messages of the checks, and nothing longer.
const MAX_MESSAGE: usize = 10;
/// More than a length of 16 bits can say.
const LONG: usize = 70_000;
const MAX_FRAME: u64 = 1 << 20;
