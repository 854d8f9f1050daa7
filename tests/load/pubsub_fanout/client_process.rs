//! The client process: clients that count what they receive, and follow commands.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use azwire_tests::background::current_thread;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};

use super::clients::{Openings, STOPPED};
use super::server::Facts;
use super::{PAYLOAD, now};

/// The bytes of a message in an unmasked frame.
pub(super) const FRAME: usize = PAYLOAD + 4;

/// The messages that all sockets have received.
#[derive(Default)]
struct Received {
    bytes: Cell<usize>,
    wanted: Cell<usize>,
    enough: Notify,
    stopped: RefCell<Vec<TcpStream>>,
}

pub(super) fn main() {
    LocalSet::new().block_on(&current_thread(), run());
}

async fn run() {
    let mut lines = std::io::stdin().lines();
    let mut next = || lines.next().and_then(Result::ok);
    let Some(openings) = next() else { return };
    let openings: Openings = serde_json::from_str(&openings).expect("the openings are JSON");
    let received = Rc::new(Received::default());
    if openings.count == STOPPED {
        let stream = open(&openings).await;
        received.stopped.borrow_mut().push(stream);
    } else {
        for _ in 0..openings.count {
            let stream = open(&openings).await;
            spawn_local(drain(stream, Rc::clone(&received)));
        }
    }
    answer("open");
    while let Some(line) = next() {
        let (what, count) = line.split_once(' ').expect("a word and a number");
        let count: usize = count.parse().expect("a number");
        match what {
            "rounds" => rounds(&openings, &received, count).await,
            "burst" => burst(&openings, &received, count).await,
            "latency" => latency(&openings, &received, count).await,
            _ => misbehave(&openings, count).await,
        }
    }
}

async fn rounds(openings: &Openings, received: &Received, count: usize) {
    let mut control = connect(openings).await;
    let start = now();
    for _ in 0..count {
        received
            .wanted
            .set(received.bytes.get() + openings.count * FRAME);
        request(&mut control, openings).await;
        received.enough.notified().await;
    }
    answer(&(now() - start).as_secs_f64().to_string());
}

async fn burst(openings: &Openings, received: &Received, count: usize) {
    let mut control = connect(openings).await;
    received
        .wanted
        .set(received.bytes.get() + count * openings.count * FRAME);
    // All of them without waiting for an answer: the server reads one after the other.
    let requests = openings.server.send.repeat(count);
    let start = now();
    let (mut answers, mut sending) = control.split();
    let sent = sending.write_all(requests.as_bytes());
    let answered = async {
        let mut space = [0; 4096];
        while let Ok(1..) = answers.read(&mut space).await {}
    };
    let arrived = received.enough.notified();
    let mut both = std::pin::pin!(futures::future::join(sent, answered));
    futures::future::select(std::pin::pin!(arrived), &mut both).await;
    answer(&(now() - start).as_secs_f64().to_string());
}

async fn latency(openings: &Openings, received: &Received, count: usize) {
    let mut control = connect(openings).await;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        received
            .wanted
            .set(received.bytes.get() + openings.count * FRAME);
        let start = now();
        request(&mut control, openings).await;
        received.enough.notified().await;
        times.push((now() - start).as_micros());
    }
    times.sort_unstable();
    answer(&times[times.len() * 99 / 100].to_string());
}

async fn misbehave(openings: &Openings, count: usize) {
    let protocols = [
        "",
        "json.webpubsub.azure.v1",
        "json.reliable.webpubsub.azure.v1",
        "protobuf.reliable.webpubsub.azure.v1",
    ];
    for index in 0..count {
        let own = Openings {
            server: Facts {
                address: openings.server.address.clone(),
                opening: openings.server.opening.clone(),
                send: String::new(),
            },
            count: 0,
            protocol: protocols[index % 4].to_owned(),
        };
        if index % 10 == 9 {
            // Half an opening.
            let mut stream = connect(&own).await;
            let _ = stream
                .write_all(b"GET /client/hubs/hub HTTP/1.1\r\nupgr")
                .await;
            continue;
        }
        let mut stream = open(&own).await;
        let text: &[u8] = match index % 9 {
            0 => b"{",
            1 => br#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s"}}"#,
            2 => br#"{"type":"subscribeGroupState","group":"g"}"#,
            3 => br#"{"type":"setGroupState","group":"g","state":{"a":"b"}}"#,
            4 => br#"{"type":"event","event":"e","data":1}"#,
            5 => &[0xff; 40],
            6 => br#"{"type":"sendToGroup","group":"g","data":1}"#,
            _ => b"",
        };
        let frame = match index % 7 {
            // Unmasked, reserved bits, half a frame, a length of 2^62, and a valid text frame.
            0 => [&[0x81, text.len() as u8][..], text].concat(),
            1 => [&[0xf1, 0x80, 0, 0, 0, 0][..], text].concat(),
            2 => vec![0x81, 0xfe, 0x10],
            3 => vec![0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            _ => [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0][..], text].concat(),
        };
        let _ = stream.write_all(&frame).await;
    }
    answer("done");
}

/// Requests a message to all from the server.
pub(super) async fn request(control: &mut TcpStream, openings: &Openings) {
    control
        .write_all(openings.server.send.as_bytes())
        .await
        .expect("the server listens");
    read_head(control).await;
}

pub(super) async fn open(openings: &Openings) -> TcpStream {
    let mut stream = connect(openings).await;
    let protocol = match openings.protocol.as_str() {
        "" => String::new(),
        name => format!("sec-websocket-protocol: {name}\r\n"),
    };
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n",
        openings.server.opening, openings.server.address
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the server listens");
    let head = read_head(&mut stream).await;
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    stream
}

pub(super) async fn connect(openings: &Openings) -> TcpStream {
    let stream = TcpStream::connect(&openings.server.address)
        .await
        .expect("the server listens");
    stream.set_nodelay(true).expect("a socket takes the option");
    stream
}

/// Reads a response's head and not a byte more.
async fn read_head(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    let mut space = [0; 1024];
    loop {
        let peeked = stream.peek(&mut space).await.expect("the server answers");
        assert!(peeked > 0, "the server answers");
        let known = head.len();
        head.extend_from_slice(&space[..peeked]);
        let end = head
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
            .map(|at| at + 4);
        let taken = end.unwrap_or(head.len()) - known;
        stream
            .read_exact(&mut space[..taken])
            .await
            .expect("it was peeked at");
        if let Some(end) = end {
            head.truncate(end);
            return head;
        }
    }
}

/// Counts what arrives.
async fn drain(mut stream: TcpStream, received: Rc<Received>) {
    let mut space = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut space).await {
        let bytes = received.bytes.get() + length;
        received.bytes.set(bytes);
        if bytes >= received.wanted.get() && received.wanted.get() > 0 {
            received.wanted.set(0);
            received.enough.notify_one();
        }
    }
}

#[expect(clippy::print_stdout, reason = "the other process reads it")]
pub(super) fn answer(text: &str) {
    println!("{text}");
}
