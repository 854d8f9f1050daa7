//! Hybrid Connections: listeners that echo, streams and requests through them.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join;
use futures::{AsyncReadExt, AsyncWriteExt};
use http::{Request, Response};
use relay::control::{ControlOptions, KeepAlive};
use relay::{HttpOptions, Listener, RelayStream, Sender, handler_fn};
use tokio::task::JoinHandle;
use transport::Body;

use super::payload::{self, Random};
use super::world::{World, count, pause};

/// The listeners of the hybrid connection.
pub(crate) const LISTENERS: usize = 2;

/// The tasks that open streams, one after the other.
pub(crate) const STREAMERS: usize = 6;

/// The tasks that send requests, one after the other.
pub(crate) const REQUESTERS: usize = 3;

/// Listens until everybody goes; returns the tasks.
pub(crate) async fn listen(world: &Arc<World>, desk: &Arc<Desk>) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for _ in 0..LISTENERS {
        let keep_alive = KeepAlive::Ping {
            interval: Duration::from_secs(1),
            grace: Duration::from_secs(3),
        };
        let (serving, answering) = (Arc::clone(world), Arc::clone(desk));
        let builder = Listener::from_connection_string(&world.relay_connection_string())
            .expect("the emulator's own")
            .control(ControlOptions::default().with_keep_alive(keep_alive))
            // A rendezvous that nobody uses is closed within the run.
            .http(HttpOptions::default().with_rendezvous_idle(Duration::from_secs(5)))
            .request_handler(handler_fn(move |request| {
                let (world, desk) = (Arc::clone(&serving), Arc::clone(&answering));
                async move { answer(&world, &desk, request).await }
            }));
        let mut listener = builder.open().await.expect("nothing is armed yet");
        let world = Arc::clone(world);
        tasks.push(tokio::spawn(async move {
            let mut echoes = Vec::new();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = pause(200) => {
                        if world.is_closing() {
                            break;
                        }
                        continue;
                    }
                };
                let Some(incoming) = accepted else {
                    world.ledger.wrong("a listener has ended by itself");
                    break;
                };
                let world = Arc::clone(&world);
                echoes.retain(|echo: &JoinHandle<()>| !echo.is_finished());
                echoes.push(tokio::spawn(async move {
                    if let Ok(stream) = incoming.accept().await {
                        // What is cut here is cut at the sender, which counts it.
                        _ = echo(&world, stream).await;
                    }
                }));
            }
            listener.shutdown().await;
            for echo in echoes {
                _ = echo.await;
            }
        }));
    }
    tasks
}

/// Sends every byte back, and checks it on the way.
async fn echo(world: &World, stream: RelayStream) -> io::Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let mut head = [0; 8];
    reader.read_exact(&mut head).await?;
    writer.write_all(&head).await?;
    let id = u64::from_be_bytes(head);
    let mut buffer = vec![0; 32 * 1024];
    let mut position = 0;
    loop {
        let length = reader.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        if !payload::are_bytes(id, position, &buffer[..length]) {
            world.ledger.wrong(format!(
                "stream {id}: other bytes at {position}, at the listener"
            ));
        }
        position += length as u64;
        writer.write_all(&buffer[..length]).await?;
        writer.flush().await?;
    }
    writer.close().await
}

/// Opens a stream, sends up to 512 KiB through it at a limited rate, and expects them back; again and again.
pub(crate) async fn stream(world: Arc<World>, number: usize) {
    let sender = sender(&world);
    let mut random = Random::new(world.seed ^ (0x57 << 32) ^ number as u64);
    let counts = &world.counts;
    while !world.is_over() {
        pause(300).await;
        let Ok(stream) = sender.connect().await else {
            count(&counts.streams_refused, 1);
            continue;
        };
        let id = random.next();
        let total = random.below(512 * 1024);
        let (mut reader, mut writer) = stream.into_split();
        let write = async {
            writer.write_all(&id.to_be_bytes()).await?;
            let mut position = 0;
            while position < total {
                let length = (1 + random.below(32 * 1024)).min(total - position);
                let bytes = payload::bytes(id, position, length as usize);
                writer.write_all(&bytes).await?;
                writer.flush().await?;
                position += length;
                pause(50).await;
            }
            writer.close().await
        };
        let read = async {
            let mut head = [0; 8];
            reader.read_exact(&mut head).await?;
            if head != id.to_be_bytes() {
                world
                    .ledger
                    .wrong(format!("stream {id}: another stream's bytes"));
            }
            let mut buffer = vec![0; 32 * 1024];
            let mut position = 0;
            loop {
                let length = reader.read(&mut buffer).await?;
                if length == 0 {
                    return Ok::<_, io::Error>(position);
                }
                if !payload::are_bytes(id, position, &buffer[..length]) {
                    world
                        .ledger
                        .wrong(format!("stream {id}: other bytes at {position}"));
                }
                position += length as u64;
                count(&counts.stream_bytes, length as u64);
            }
        };
        match join(write, read).await {
            (Ok(()), Ok(position)) if position == total => count(&counts.streams, 1),
            (_, Ok(position)) => {
                let text = format!("stream {id}: ended after {position} of {total} bytes");
                world.ledger.wrong(text);
            }
            (_, Err(_)) => count(&counts.streams_cut, 1),
        }
    }
}

/// The requests that the listeners have answered.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    next: AtomicU64,
    answered: Mutex<BTreeSet<u64>>,
}

impl Desk {
    /// Returns whether this is the first time.
    fn answer(&self, id: u64) -> bool {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = answered.insert(id);
        while answered.len() > REMEMBERED {
            answered.pop_first();
        }
        is_first
    }

    fn has_answered(&self, id: u64) -> bool {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.contains(&id)
    }
}

/// Answers a request with bytes that follow from its number, as many as it had.
async fn answer(world: &World, desk: &Desk, request: Request<Body>) -> Response<Body> {
    let id = request.uri().query().and_then(|query| query.parse().ok());
    // The sender has given up, or the rendezvous was cut.
    let Ok(body) = request.into_body().collect(1 << 20).await else {
        return Response::new(Body::empty());
    };
    let Some(id) = id else {
        world.ledger.wrong("a request without a number");
        return Response::new(Body::empty());
    };
    if !payload::are_bytes(id, 0, &body) {
        world
            .ledger
            .wrong(format!("request {id}: other bytes at the listener"));
    }
    if !desk.answer(id) {
        world.ledger.wrong(format!("request {id}: came twice"));
    }
    Response::new(payload::bytes(!id, 0, body.len()).into())
}

/// Sends requests of up to 200 KB and checks the answers.
pub(crate) async fn request(world: Arc<World>, desk: Arc<Desk>, number: usize) {
    let sender = sender(&world);
    let mut random = Random::new(world.seed ^ (0x4771 << 32) ^ number as u64);
    let counts = &world.counts;
    while !world.is_over() {
        pause(100).await;
        let id = desk.next.fetch_add(1, Ordering::Relaxed);
        let length = match random.below(10) {
            0 => random.below(200_000),
            1..=3 => random.below(64_000),
            _ => random.below(1_000),
        };
        let body = payload::bytes(id, 0, length as usize);
        let request = Request::post(format!("/r?{id}")).body(Body::from(body));
        let answered = async {
            let response = sender.send(request.expect("a valid request")).await.ok()?;
            let status = response.status();
            if status != 200 {
                world.ledger.wrong(format!("request {id}: status {status}"));
            }
            response.into_body().collect(1 << 20).await.ok()
        };
        let Some(body) = answered.await else {
            count(&counts.requests_failed, 1);
            continue;
        };
        if body.len() as u64 != length || !payload::are_bytes(!id, 0, &body) {
            let text = format!("request {id}: another answer of {} bytes", body.len());
            world.ledger.wrong(text);
        }
        if !desk.has_answered(id) {
            world
                .ledger
                .wrong(format!("request {id}: answered by nobody"));
        }
        count(&counts.requests, 1);
        count(&counts.request_bytes, 2 * length);
    }
}

fn sender(world: &World) -> Sender {
    let text = world.relay_connection_string();
    Sender::from_connection_string(&text).expect("the emulator's own")
}

/// How many answered requests are remembered, so that one that comes again is noticed.
const REMEMBERED: usize = 10_000;
