//! The journal as its readers see it: over HTTP on every port, as server-sent events, and from Rust.

use std::time::Duration;

use azwire_tests::pubsub::peer::Opening;
use azwire_tests::pubsub::rest::{Rest, control, exchange};
use azwire_tests::relay::peer::authority;
use azwire_tests::within;
use emulator::Emulator;
use emulator::journal::{Details, Filter, Journal, Kind, Service};
use futures::StreamExt;
use http::{Method, Request};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use transport::Body;

const HUB: &str = "chat";

async fn started() -> Emulator {
    Emulator::builder().seed(7).start().await.unwrap()
}

/// Sends a text to a group, as an application does.
async fn send(emulator: &Emulator, group: &str, text: &str) {
    let rest = Rest { emulator, hub: HUB };
    let sent = rest
        .post(&format!("groups/{group}/:send"), "text/plain", text)
        .await;
    assert_eq!(sent.status, 202);
}

async fn get(emulator: &Emulator, query: &str) -> Value {
    let reply = control(emulator, Method::GET, &format!("journal?{query}"), "").await;
    assert_eq!(reply.status, 200);
    reply.json()
}

/// Returns the texts that a filter finds.
fn texts(journal: &Journal, filter: &Filter) -> Vec<String> {
    let records = journal.records(filter).into_iter();
    let payloads = records.filter_map(|record| record.payload.clone());
    payloads
        .map(|payload| payload.text().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_test_finds_what_was_sent_without_any_client() {
    within(async {
        let emulator = started().await;
        send(&emulator, "a", "one").await;
        send(&emulator, "b", "two").await;
        let sent = Filter::default().with_kind(Kind::Request).with_hub("CHAT");
        let record = emulator
            .journal()
            .wait_for(sent.clone().with_group("b"))
            .await
            .unwrap();
        assert_eq!(
            (record.service, record.group.as_deref()),
            (Service::PubSub, Some("b"))
        );
        let Details::Request(request) = &record.details else {
            panic!("{record}");
        };
        assert_eq!((request.status, request.receivers), (202, Some(0)));
        assert_eq!(texts(emulator.journal(), &sent), ["one", "two"]);
        assert_eq!(texts(emulator.journal(), &sent.with_text("TW")), ["two"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_waited_for_may_come_before_or_after() {
    within(async {
        let emulator = started().await;
        let requests = Filter::default().with_kind(Kind::Request);
        let journal = emulator.journal();
        let (first, ()) = futures::join!(
            journal.wait_for(requests.clone()),
            send(&emulator, "a", "one")
        );
        let first = first.unwrap();
        // It is still there, and a second one is not.
        assert_eq!(journal.wait_for(requests.clone()).await.unwrap(), first);
        let next = requests.clone().with_after(first.id);
        let none = journal
            .wait_for(next.clone())
            .with_timeout(Duration::ZERO)
            .await
            .unwrap_err();
        assert!(none.is_timeout());
        // The error shows what happened instead.
        assert!(none.to_string().contains("\"text\":\"one\""), "{none}");
        let (second, ()) = futures::join!(journal.wait_for(next), send(&emulator, "b", "two"));
        assert!(second.unwrap().id > first.id);

        let waiting = journal.wait_for(Filter::default().with_user("nobody"));
        drop(emulator);
        let ended = waiting.await.unwrap_err();
        assert!(
            !ended.is_timeout() && ended.to_string().contains("ended"),
            "{ended}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_stream_has_what_was_and_what_comes_and_ends_with_the_emulator() {
    within(async {
        let emulator = started().await;
        send(&emulator, "a", "one").await;
        let mut stream = emulator
            .journal()
            .stream(Filter::default().with_kind(Kind::Request));
        assert_eq!(stream.next().await.unwrap().group.as_deref(), Some("a"));
        let (next, ()) = futures::join!(stream.next(), send(&emulator, "b", "two"));
        assert_eq!(next.unwrap().group.as_deref(), Some("b"));
        emulator.journal().clear();
        send(&emulator, "c", "three").await;
        assert_eq!(stream.next().await.unwrap().group.as_deref(), Some("c"));
        assert_eq!(stream.missed(), 0);
        drop(emulator);
        assert!(stream.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_is_late_is_told_how_much_it_missed() {
    within(async {
        let emulator = Emulator::builder().journal_bytes(64 * 1024);
        let emulator = emulator.start().await.unwrap();
        let mut stream = emulator
            .journal()
            .stream(Filter::default().with_group("nobody"));
        let mut all = emulator.journal().stream(Filter::default());
        for _ in 0..60 {
            send(&emulator, "a", &"x".repeat(4000)).await;
        }
        let first = all.next().await.unwrap();
        assert!(first.id > 30, "{first}");
        assert_eq!(all.missed(), first.id - 1);
        // What was missed counts whether it would have fitted or not.
        let _ = futures::poll!(stream.next());
        assert_eq!(stream.missed(), first.id - 1);
        assert_eq!(get(&emulator, "limit=1").await["missed"], first.id - 1);
    })
    .await;
}

#[tokio::test]
async fn off_is_off() {
    within(async {
        let emulator = Emulator::builder().journal_bytes(0).start().await.unwrap();
        send(&emulator, "a", "one").await;
        let journal = emulator.journal();
        assert!(!journal.is_on() && journal.records(&Filter::default()).is_empty());
        let error = journal.wait_for(Filter::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "the journal is off");
        assert!(journal.stream(Filter::default()).next().await.is_none());
        let reply = control(&emulator, Method::GET, "journal", "").await;
        assert_eq!(reply.status, 404);
    })
    .await;
}

#[tokio::test]
async fn every_port_has_the_one_journal() {
    within(async {
        let emulator = started().await;
        send(&emulator, "a", "one").await;
        let endpoint = emulator.pubsub().endpoint();
        let relay = format!("http://{}", authority(&emulator));
        for (number, address) in [endpoint, relay].into_iter().enumerate() {
            let url = format!("{address}/_emulator/journal");
            let call = async |method: Method, query: &str| {
                let request = Request::builder()
                    .method(method)
                    .uri(format!("{url}{query}"));
                exchange(request.body(Body::empty()).unwrap()).await
            };
            let found = call(Method::GET, "?kind=request&wait=10").await;
            assert_eq!(
                found.json()["records"].as_array().unwrap().len(),
                1,
                "{url}"
            );
            assert_eq!(call(Method::GET, "?limit=0").await.status, 400);
            let last = number == 1;
            if last {
                assert_eq!(call(Method::DELETE, "").await.status, 200);
            }
            let found = call(Method::GET, "").await.json();
            assert_eq!(found["records"].as_array().unwrap().is_empty(), last);
        }
        assert!(emulator.journal().records(&Filter::default()).is_empty());
    })
    .await;
}

/// One who reads server-sent events by hand.
struct Events(BufReader<TcpStream>);

impl Events {
    async fn open(emulator: &Emulator, query: &str, last: Option<&str>) -> Self {
        let endpoint = emulator.pubsub().endpoint();
        let address = endpoint.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let last = last
            .map(|id| format!("Last-Event-ID: {id}\r\n"))
            .unwrap_or_default();
        let head = format!(
            "GET /_emulator/journal/stream?{query} HTTP/1.1\r\nHost: {address}\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut events = Self(BufReader::new(stream));
        assert_eq!(events.line().await, "HTTP/1.1 200 OK");
        while !events.line().await.is_empty() {}
        assert_eq!(events.event().await, [": the journal"]);
        events
    }

    /// Returns the next line without its end.
    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        loop {
            match self.0.read_u8().await.unwrap() {
                b'\n' => break,
                byte => line.push(byte),
            }
        }
        let line = String::from_utf8(line).unwrap();
        line.trim_end_matches('\r').to_owned()
    }

    /// Returns the lines of the next event.
    async fn event(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            // The lengths of chunks stand on lines of their own.
            let is_length = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit());
            match line.is_empty() {
                true if !lines.is_empty() => return lines,
                false if !is_length => lines.push(line),
                _ => {}
            }
        }
    }

    /// Returns the id and the record of the next event.
    async fn record(&mut self) -> (String, Value) {
        let lines = self.event().await;
        let [id, data] = &*lines else {
            panic!("{lines:?}");
        };
        let id = id.strip_prefix("id: ").unwrap().to_owned();
        let data = data.strip_prefix("data: ").unwrap();
        (id, serde_json::from_str(data).unwrap())
    }
}

#[tokio::test]
async fn events_arrive_and_go_on_after_a_break() {
    within(async {
        let emulator = started().await;
        send(&emulator, "a", "one").await;
        let mut events = Events::open(&emulator, "kind=request", None).await;
        assert_eq!(events.record().await.1["group"], "a");
        let ((id, record), ()) = futures::join!(events.record(), send(&emulator, "b", "two"));
        assert_eq!(
            record["payload"],
            json!({ "type": "text", "length": 3, "text": "two" })
        );
        drop(events);
        send(&emulator, "c", "three").await;
        let mut events = Events::open(&emulator, "kind=request", Some(&id)).await;
        let (_, record) = events.record().await;
        assert_eq!(record["group"], "c");
    })
    .await;
}

#[tokio::test]
async fn a_reset_empties_the_journal_and_readers_learn_of_it() {
    within(async {
        let emulator = started().await;
        let mut peer = Opening::all(HUB).open(&emulator).await;
        send(&emulator, "a", "one").await;
        let mut events = Events::open(&emulator, "", None).await;
        while events.record().await.1["kind"] != "request" {}
        emulator.reset().await;
        assert_eq!(events.event().await, ["event: cleared", "data: {}"]);
        peer.end().await;
        // What the connections of before did when they ended is not in it.
        assert!(emulator.journal().records(&Filter::default()).is_empty());
        send(&emulator, "b", "two").await;
        let (_, record) = events.record().await;
        assert_eq!(record["group"], "b");
        // Ids go on, so that no reader takes one for another.
        assert!(record["id"].as_u64().unwrap() > 2, "{record}");
    })
    .await;
}

#[tokio::test]
async fn a_hundred_readers_find_everything_and_one_that_reads_nothing_is_in_nobodys_way() {
    within(async {
        let emulator = started().await;
        let mut readers = Vec::new();
        for _ in 0..100 {
            readers.push(Events::open(&emulator, "kind=request", None).await);
        }
        let _idle = Events::open(&emulator, "", None).await;
        for number in 0..50 {
            send(&emulator, "a", &format!("{number} {}", "x".repeat(2000))).await;
        }
        for events in &mut readers {
            for number in 0..50 {
                let (_, record) = events.record().await;
                let text = record["payload"]["text"].as_str().unwrap();
                assert!(text.starts_with(&format!("{number} ")), "{text}");
            }
        }
    })
    .await;
}

/// A page of another origin must not read what happened, nor remove it.
#[tokio::test]
async fn other_origins_are_kept_out() {
    within(async {
        let emulator = started().await;
        send(&emulator, "a", "one").await;
        for (method, path) in [
            (Method::GET, "journal"),
            (Method::GET, "journal/stream"),
            (Method::DELETE, "journal"),
        ] {
            let url = format!("{}/_emulator/{path}", emulator.pubsub().endpoint());
            let request = Request::builder().method(method).uri(url);
            let request = request.header("origin", "http://evil.example");
            let reply = exchange(request.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.status, 403, "{path}");
        }
        assert!(!emulator.journal().records(&Filter::default()).is_empty());
    })
    .await;
}
