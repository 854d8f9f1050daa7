//! Raw listeners and senders: HTTP and frames, implemented independently of the
//! crates, so that no bug in them hides one in the emulator.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{Audience, SasSigner, SharedAccessKey};
use emulator::{Config, Emulator, EmulatorBuilder, HybridConnectionConfig, RelayConfig};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::frame::{MASK, encode};
use crate::ports::free_ports;

/// Returns an emulator's settings with free ports and these hybrid connections.
pub fn config(names: &[&str]) -> Config {
    let mut config = free_ports();
    let parse = |name: &&str| name.parse::<HybridConnectionConfig>().unwrap();
    config.relay.hybrid_connections = names.iter().map(parse).collect();
    config
}

pub async fn start(config: Config) -> Emulator {
    builder(config).start().await.unwrap()
}

pub fn builder(config: Config) -> EmulatorBuilder {
    Emulator::builder().config(config)
}

/// Returns `127.0.0.1:{port}` of the plain-text port.
pub fn authority(emulator: &Emulator) -> String {
    let text = emulator.relay().plain_connection_string("x");
    let rest = text.expose().split("sb://").nth(1).unwrap();
    rest.split('/').next().unwrap().to_owned()
}

/// Signs a token of the root rule for everything at `host`.
pub fn root_token(host: &str) -> String {
    token(
        RelayConfig::RULE,
        RelayConfig::DEFAULT_KEY,
        &format!("http://{host}/"),
        3600,
    )
}

/// Signs a token that is valid for `seconds` from now; with a negative number it has expired.
pub fn token(rule: &str, key: &str, audience: &str, seconds: i64) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the emulator under test uses it too"
    )]
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let expires_on = UNIX_EPOCH + Duration::from_secs(now.checked_add_signed(seconds).unwrap());
    let key = SharedAccessKey::new(rule, key);
    let token = SasSigner::new(&key).sign(&Audience::verbatim(audience), expires_on);
    token.expose().to_owned()
}

/// Percent-encodes everything except letters and digits.
pub fn encoded(text: &str) -> String {
    let escape = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// The head of a response.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// One frame, unmasked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    pub fin: bool,
    pub opcode: u8,
    pub payload: Vec<u8>,
}

pub fn frame(fin: bool, opcode: u8, payload: impl AsRef<[u8]>) -> Frame {
    let payload = payload.as_ref().to_vec();
    Frame {
        fin,
        opcode,
        payload,
    }
}

/// A connection in plain text.
#[derive(Debug)]
pub struct Wire {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub async fn connect(authority: &str) -> Self {
        Self::of(TcpStream::connect(authority).await.unwrap())
    }

    pub fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        let buffer = Vec::new();
        Self { stream, buffer }
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn more(&mut self) -> usize {
        // A reset is an end, too.
        self.stream.read_buf(&mut self.buffer).await.unwrap_or(0)
    }

    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let found = self
                .buffer
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = found {
                return self.buffer.drain(..at + end.len()).collect();
            }
            assert!(
                self.more().await > 0,
                "ended within {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }

    async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if self.more().await == 0 {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// Reads the head of a response verbatim, up to the empty line.
    pub async fn raw_head(&mut self) -> Vec<u8> {
        self.until(b"\r\n\r\n").await
    }

    pub async fn head(&mut self) -> Head {
        let text = String::from_utf8(self.raw_head().await).unwrap();
        let mut lines = text.trim_end().split("\r\n");
        let mut first = lines.next().unwrap().splitn(3, ' ');
        assert_eq!(first.next(), Some("HTTP/1.1"));
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim().to_owned())
        };
        Head {
            status: first.next().unwrap().parse().unwrap(),
            reason: first.next().unwrap_or_default().to_owned(),
            headers: lines.map(field).collect(),
        }
    }

    /// Reads the body that `head` announces; `None` if it was cut short.
    pub async fn body(&mut self, head: &Head) -> Option<Vec<u8>> {
        if let Some(length) = head.header("content-length") {
            return self.exactly(length.parse().unwrap()).await;
        }
        if head.header("transfer-encoding").is_none() {
            return Some(Vec::new());
        }
        let mut body = Vec::new();
        loop {
            while !self.buffer.windows(2).any(|end| end == b"\r\n") {
                if self.more().await == 0 {
                    return None;
                }
            }
            let size = String::from_utf8(self.until(b"\r\n").await).unwrap();
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            let chunk = self.exactly(size + 2).await?;
            body.extend(&chunk[..size]);
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Sends a request and reads the whole response.
    pub async fn exchange(&mut self, request: &str) -> (Head, Vec<u8>) {
        self.write(request).await;
        let head = self.head().await;
        let body = self.body(&head).await.expect("the body is whole");
        (head, body)
    }

    /// Returns whether the other side has ended the connection, with nothing more to read.
    pub async fn is_ended(&mut self) -> bool {
        self.buffer.is_empty() && self.more().await == 0
    }

    /// Opens a WebSocket. `fields` are lines of headers, each with its line end.
    pub async fn open(authority: &str, target: &str, fields: &str) -> Result<Socket, Head> {
        let mut wire = Self::connect(authority).await;
        wire.write(opening(authority, target, fields)).await;
        let head = wire.head().await;
        if head.status == 101 {
            Ok(Socket { wire, head })
        } else {
            Err(head)
        }
    }
}

pub fn opening(authority: &str, target: &str, fields: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
    )
}

/// The client's end of a WebSocket, frame by frame.
#[derive(Debug)]
pub struct Socket {
    pub wire: Wire,
    pub head: Head,
}

impl Socket {
    /// Opens a control channel with a token of the root rule.
    pub async fn listen(emulator: &Emulator, path: &str) -> Self {
        Self::listen_as(emulator, path, "6f0b4e0e-4a0b-4a39-8c6a-2f4b4b8f3c11").await
    }

    pub async fn listen_as(emulator: &Emulator, path: &str, id: &str) -> Self {
        let host = authority(emulator);
        let target = format!("/$hc/{path}?sb-hc-action=listen&sb-hc-id={id}");
        let fields = format!("ServiceBusAuthorization: {}\r\n", root_token(&host));
        Wire::open(&host, &target, &fields).await.unwrap()
    }

    /// Opens a sender with a token of the root rule; the listener must accept meanwhile.
    pub async fn connect(emulator: &Emulator, target: &str) -> Result<Self, Head> {
        let host = authority(emulator);
        let fields = format!("ServiceBusAuthorization: {}\r\n", root_token(&host));
        Wire::open(&host, target, &fields).await
    }

    /// Opens an address from a control channel.
    pub async fn rendezvous(address: &str, fields: &str) -> Result<Self, Head> {
        let rest = address.strip_prefix("ws://").expect("a plain address");
        let (host, target) = rest.split_at(rest.find('/').unwrap());
        Wire::open(host, target, fields).await
    }

    pub async fn send(&mut self, frame: &Frame) {
        self.wire.write(masked(frame)).await;
    }

    pub async fn send_text(&mut self, text: impl AsRef<str>) {
        self.send(&frame(true, 1, text.as_ref())).await;
    }

    pub async fn send_json(&mut self, value: &Value) {
        self.send_text(value.to_string()).await;
    }

    /// Returns the next frame; `None` if the connection has ended.
    pub async fn next(&mut self) -> Option<Frame> {
        let head = self.wire.exactly(2).await?;
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        assert_eq!(head[0] & 0x70, 0, "no extension was negotiated");
        let length = match head[1] {
            126 => {
                let bytes = self.wire.exactly(2).await?;
                usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
            }
            127 => {
                let bytes = self.wire.exactly(8).await?;
                u64::from_be_bytes(bytes.try_into().unwrap()) as usize
            }
            short => usize::from(short),
        };
        let payload = self.wire.exactly(length).await?;
        Some(frame(head[0] & 0x80 != 0, head[0] & 0x0f, payload))
    }

    /// Returns the next frame, which must be a whole text message with JSON.
    pub async fn json(&mut self) -> Value {
        let frame = self.next().await.expect("a command");
        assert!(frame.fin && frame.opcode == 1, "{frame:?}");
        serde_json::from_slice(&frame.payload).unwrap()
    }

    /// Returns the opcode and payload of the next message, and the number of its frames.
    pub async fn message(&mut self) -> (u8, Vec<u8>, usize) {
        let mut payload = Vec::new();
        let mut kind = 0;
        for count in 1.. {
            let frame = self.next().await.expect("a frame");
            assert_eq!(frame.opcode == 0, count > 1, "{frame:?}");
            if count == 1 {
                kind = frame.opcode;
            }
            payload.extend(frame.payload);
            if frame.fin {
                return (kind, payload, count);
            }
        }
        unreachable!("the frames have a count");
    }

    /// Returns the code and reason of the close frame, which must be next.
    pub async fn close_frame(&mut self) -> (u16, String) {
        let frame = self.next().await.expect("a close frame");
        assert_eq!(frame.opcode, 8, "{frame:?}");
        assert!(frame.payload.len() >= 2, "a close frame always has a code");
        let (code, reason) = frame.payload.split_at(2);
        let reason = String::from_utf8(reason.to_vec()).unwrap();
        (u16::from_be_bytes([code[0], code[1]]), reason)
    }

    pub async fn close(&mut self, code: u16, reason: &str) {
        let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
        self.send(&frame(true, 8, payload)).await;
    }
}

/// Encodes a frame as a client does.
pub fn masked(frame: &Frame) -> Vec<u8> {
    let first = frame.opcode | if frame.fin { 0x80 } else { 0 };
    encode(first, Some(MASK), &frame.payload)
}

/// Joins a pair: returns the sender's end and the listener's.
pub async fn joined(emulator: &Emulator, control: &mut Socket, path: &str) -> (Socket, Socket) {
    let listening = async {
        let command = control.json().await;
        let address = command["accept"]["address"].as_str().expect("an address");
        Socket::rendezvous(address, "").await.unwrap()
    };
    let target = format!("/$hc/{path}?sb-hc-action=connect");
    let (sender, listener) =
        futures::future::join(Socket::connect(emulator, &target), listening).await;
    (sender.unwrap(), listener)
}
