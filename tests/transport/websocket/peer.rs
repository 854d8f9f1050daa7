//! A peer that writes and reads bytes by hand: it shares no code with the
//! implementation and can break every rule.

use azwire_tests::frame;
pub(super) use azwire_tests::frame::{MASK, encode as frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use transport::net::open_websocket;
use transport::{Handshake, HandshakeRequest, SharedRuntime, WebSocket};

use super::{Acceptor, LOOPBACK, within};

/// A connection on which frames are written by hand.
pub(super) struct Peer<T> {
    pub(super) io: T,
    /// Whether this side masks, as a client does.
    pub(super) masks: bool,
}

impl Peer<TcpStream> {
    /// Opens a WebSocket to `acceptor` by hand.
    pub(super) async fn client(acceptor: &mut Acceptor) -> (Self, Box<dyn WebSocket>) {
        let mut io = TcpStream::connect(acceptor.server.local_addrs()[0])
            .await
            .unwrap();
        io.write_all(OPENING).await.unwrap();
        let head = read_head(&mut io).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // RFC 6455 §1.3 has this answer for this key.
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        (Self { io, masks: true }, acceptor.accept().await)
    }
}

impl Peer<DuplexStream> {
    /// Answers a client's opening by hand, over a pipe in memory of `capacity` bytes.
    pub(super) async fn server(
        request: HandshakeRequest,
        capacity: usize,
    ) -> (Self, Box<dyn WebSocket>) {
        let (theirs, ours) = tokio::io::duplex(capacity);
        let runtime = SharedRuntime::default();
        let (opened, peer) = tokio::join!(
            open_websocket(theirs, request, &runtime),
            answer(ours, |key| switching(key, "")),
        );
        (peer, opened.unwrap().socket)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Peer<T> {
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        within(self.io.write_all(bytes)).await.unwrap();
        within(self.io.flush()).await.unwrap();
    }

    /// Writes one frame; `first` is its first byte.
    pub(super) async fn write_frame(&mut self, first: u8, payload: &[u8]) {
        let bytes = frame(first, self.masks.then_some(MASK), payload);
        self.write(&bytes).await;
    }

    /// Reads one frame: its first byte and its payload.
    pub(super) async fn read_frame(&mut self) -> (u8, Vec<u8>) {
        within(async {
            let read = frame::read(&mut self.io).await.unwrap();
            assert_eq!(read.is_masked, !self.masks, "clients mask, servers do not");
            (read.first, read.payload)
        })
        .await
    }

    /// Reads a close frame and returns its code.
    pub(super) async fn read_close(&mut self) -> u16 {
        let (first, payload) = self.read_frame().await;
        assert_eq!(first, 0x88);
        u16::from_be_bytes([payload[0], payload[1]])
    }

    /// Reads to the end of the connection.
    pub(super) async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end too.
        let _ = within(self.io.read_to_end(&mut bytes)).await;
        bytes
    }
}

/// Listens once on loopback, reads a handshake and answers with the result of `answer`
/// for its key, then ends; opens a client's socket to it.
pub(super) async fn open_against(
    request: impl FnOnce(http::Uri) -> HandshakeRequest,
    answer: impl FnOnce(&str) -> Vec<u8>,
) -> transport::Result<Handshake> {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let uri = format!("ws://{address}/chat?room=1").parse().unwrap();
    let serve = async {
        let (mut io, _) = listener.accept().await.unwrap();
        let head = read_head(&mut io).await;
        let key = header(&head, "sec-websocket-key").expect("the opening has a key");
        // The client may have seen enough before the end.
        let _ = io.write_all(&answer(key)).await;
    };
    let connect = async {
        let io = TcpStream::connect(address).await.unwrap();
        open_websocket(io, request(uri), &SharedRuntime::default()).await
    };
    let (opened, ()) = within(async { tokio::join!(connect, serve) }).await;
    opened
}

/// Reads the opening of a client and answers it.
pub(super) async fn answer<T: AsyncRead + AsyncWrite + Unpin>(
    mut io: T,
    answer: impl FnOnce(&str) -> Vec<u8>,
) -> Peer<T> {
    let head = read_head(&mut io).await;
    let key = header(&head, "sec-websocket-key").expect("the opening has a key");
    io.write_all(&answer(key)).await.unwrap();
    Peer { io, masks: false }
}

/// Returns a correct 101 response with additional header lines, each ended by CRLF.
pub(super) fn switching(key: &str, more: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{more}\r\n",
        accept_value(key)
    )
    .into_bytes()
}

/// RFC 6455 §4.2.2, computed by hand.
pub(super) fn accept_value(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64(&sha1(text.as_bytes()))
}

/// Returns the value of a header in a head, ignoring the case of its name.
pub(super) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

pub(super) async fn read_head(io: &mut (impl AsyncRead + Unpin)) -> String {
    within(azwire_tests::origin::read_head(io)).await
}

/// FIPS 180-4 §6.1.2, so that the answer is not computed by the code under test.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if padded.len() - message.len() < 9 {
        padded.resize(padded.len() + 64, 0);
    }
    let end = padded.len() - 8;
    padded[end..].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut words: Vec<u32> = block
            .chunks(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
            .collect();
        for at in 16..80 {
            let word = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
            words.push(word.rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (at, word) in words.into_iter().enumerate() {
            let (mixed, constant) = match at / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = [a.rotate_left(5), mixed, e, word, constant]
                .into_iter()
                .fold(0_u32, u32::wrapping_add);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, value) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(value);
        }
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at)) & 63;
            text.push(if at <= group.len() {
                ALPHABET[index as usize] as char
            } else {
                '='
            });
        }
    }
    text
}

/// A client's opening with the key of RFC 6455 §1.3.
pub(super) const OPENING: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
