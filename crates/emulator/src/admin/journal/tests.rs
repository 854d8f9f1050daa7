use std::time::{Duration, UNIX_EPOCH};

use auth::SharedClock;
use futures::StreamExt;
use serde_json::Value;
use transport::testing::ManualRuntime;

use super::*;
use crate::journal::{Details, Fault, Payload, Service, Store};

struct Desk {
    store: Store,
    journal: Journal,
    runtime: ManualRuntime,
}

impl Desk {
    fn new(bytes: usize) -> Self {
        let store = Store::new(bytes);
        let runtime = ManualRuntime::new();
        if let Some(herald) = store.herald() {
            runtime.shared().spawn(Box::pin(herald));
        }
        let journal = Journal::new(&store, SharedClock::default(), &runtime.shared());
        Self {
            store,
            journal,
            runtime,
        }
    }

    fn record(&self, hub: &str, text: &str) {
        self.store.record(
            || UNIX_EPOCH,
            || {
                let payload = Payload::of("text", text.as_bytes());
                Record::new(Service::PubSub, Details::Fault(Fault::default()))
                    .with_hub(hub)
                    .with_payload(payload)
            },
        );
    }

    fn ask<'a>(
        &'a self,
        method: Method,
        target: &str,
    ) -> impl Future<Output = Response<Body>> + 'a {
        let request = Request::builder().method(method).uri(target);
        let request = request.body(Body::empty()).unwrap();
        let path = request.uri().path()["/_emulator/".len()..].to_owned();
        let shared = self.runtime.shared();
        async move { handle(&self.journal, &shared, &request, &path).await }
    }

    /// Asks for what needs no waiting.
    fn get(&self, query: &str) -> (StatusCode, Value) {
        self.answered(self.ask(Method::GET, &format!("/_emulator/journal?{query}")))
    }

    fn answered(&self, answer: impl Future<Output = Response<Body>>) -> (StatusCode, Value) {
        let mut answer = Box::pin(async {
            let response = answer.await;
            let status = response.status();
            let body = response.into_body().collect(1 << 20).await.unwrap();
            (status, serde_json::from_slice(&body).unwrap())
        });
        let polled = self.runtime.poll(&mut answer);
        let std::task::Poll::Ready(answered) = polled else {
            panic!("it waits");
        };
        answered
    }

    fn stream(&self, query: &str, last: Option<&str>) -> Response<Body> {
        let mut request = Request::get(format!("/_emulator/journal/stream?{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).unwrap();
        let shared = self.runtime.shared();
        let mut answer = Box::pin(handle(&self.journal, &shared, &request, "journal/stream"));
        match self.runtime.poll(&mut answer) {
            std::task::Poll::Ready(response) => response,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    /// Returns the next chunk of a stream, or `None` if there is none yet.
    fn next(&self, body: &mut Body) -> Option<String> {
        match self.runtime.poll(&mut body.next()) {
            std::task::Poll::Ready(chunk) => {
                let chunk = chunk.expect("it has no end").unwrap();
                Some(String::from_utf8(chunk.to_vec()).unwrap())
            }
            std::task::Poll::Pending => None,
        }
    }
}

fn ids(page: &Value) -> Vec<u64> {
    let records = page["records"].as_array().unwrap().iter();
    records
        .map(|record| record["id"].as_u64().unwrap())
        .collect()
}

#[test]
fn pages_follow_one_another_without_gap_or_repetition() {
    let desk = Desk::new(1 << 20);
    for number in 0..700 {
        desk.record(if number % 2 == 0 { "even" } else { "odd" }, "x");
    }
    let (mut after, mut found) = (0, Vec::new());
    for _ in 0..100 {
        let (status, page) = desk.get(&format!("hub=ODD&limit=7&after={after}"));
        assert_eq!((status, &page["missed"]), (StatusCode::OK, &Value::from(0)));
        let ids = ids(&page);
        assert!(ids.len() <= 7);
        after = page["next"].as_u64().unwrap();
        if ids.is_empty() {
            break;
        }
        found.extend(ids);
    }
    assert_eq!(
        found,
        (1..=350).map(|number| 2 * number).collect::<Vec<u64>>()
    );
    // The last one that was looked at, whether it fitted or not.
    assert_eq!(after, 700);
    assert_eq!(desk.get("hub=even&after=698").1["next"], 700);
}

#[test]
fn what_made_room_is_counted_and_what_was_removed_is_not() {
    let desk = Desk::new(64 * 1024);
    for _ in 0..200 {
        desk.record("h", &"x".repeat(1000));
    }
    let (_, page) = desk.get("limit=1");
    let first = ids(&page)[0];
    assert!(first > 100, "{first}");
    assert_eq!(page["missed"], first - 1);
    // All or nothing: a filter would be taken for a choice.
    let some = desk.ask(Method::DELETE, "/_emulator/journal?hub=h");
    let (status, answer) = desk.answered(some);
    let expected = serde_json::json!({ "error": NO_CHOICE });
    assert_eq!((status, answer), (StatusCode::BAD_REQUEST, expected));
    assert_eq!(ids(&desk.get("limit=1").1), [first]);
    let (status, answer) = desk.answered(desk.ask(Method::DELETE, "/_emulator/journal"));
    assert_eq!((status, answer), (StatusCode::OK, serde_json::json!({})));
    let (_, page) = desk.get("");
    assert_eq!(
        page,
        serde_json::json!({ "records": [], "next": 200, "missed": 0 })
    );
    desk.record("h", "");
    assert_eq!(ids(&desk.get("").1), [201]);
}

#[test]
fn a_wait_ends_with_the_first_record_that_fits_or_with_its_time() {
    let desk = Desk::new(1 << 20);
    desk.record("other", "");
    let mut waiting = Box::pin(desk.ask(Method::GET, "/_emulator/journal?hub=h&wait=30"));
    assert!(desk.runtime.poll(&mut waiting).is_pending());
    desk.record("other", "");
    assert!(desk.runtime.poll(&mut waiting).is_pending());
    desk.record("h", "");
    let (_, page) = desk.answered(waiting);
    assert_eq!((ids(&page), &page["next"]), (vec![3], &Value::from(3)));

    // One that is there needs no waiting.
    assert_eq!(ids(&desk.get("hub=h&wait=30").1), [3]);

    let mut waiting = Box::pin(desk.ask(Method::GET, "/_emulator/journal?hub=h&after=3&wait=30"));
    assert!(desk.runtime.poll(&mut waiting).is_pending());
    desk.record("other", "");
    desk.runtime.advance(Duration::from_millis(29_999));
    assert!(desk.runtime.poll(&mut waiting).is_pending());
    desk.runtime.advance(Duration::from_millis(1));
    let (status, page) = desk.answered(waiting);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        page,
        serde_json::json!({ "records": [], "next": 4, "missed": 0 })
    );
}

#[test]
fn bad_input_gets_a_line_that_says_which() {
    let desk = Desk::new(1 << 20);
    desk.record("h", "");
    for (target, rule) in [
        (
            "journal?limit=0",
            "`limit` is \"0\", and must be a number from 1 to 10000",
        ),
        (
            "journal?after=2",
            "`after` is 2, and there is no such record yet: the newest is 1",
        ),
        (
            "journal?kind=x",
            "`kind` is \"x\", and must be one of request",
        ),
        ("journal?colour=red", "`colour` is not a parameter of this"),
        (
            "journal/stream?after=2",
            "`after` is 2, and there is no such record yet",
        ),
        ("journal/stream?wait=1", "`wait` is not a parameter of this"),
    ] {
        let (status, answer) =
            desk.answered(desk.ask(Method::GET, &format!("/_emulator/{target}")));
        let error = answer["error"].as_str().unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{target}");
        assert!(
            error.contains(rule) && !error.contains('\n'),
            "{target}: {error}"
        );
    }
    for last in ["x", "-1", "2"] {
        let response = desk.stream("", Some(last));
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{last}");
    }
    for (method, path) in [
        (Method::POST, "journal"),
        (Method::DELETE, "journal/stream"),
        (Method::POST, "journal/stream"),
    ] {
        let (status, _) = desk.answered(desk.ask(method, &format!("/_emulator/{path}")));
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let off = Desk::new(0);
    for target in ["journal", "journal?after=7", "journal/stream"] {
        let (status, answer) = off.answered(off.ask(Method::GET, &format!("/_emulator/{target}")));
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(answer["error"].as_str().unwrap().contains("journal-bytes"));
    }
}

#[test]
fn a_stream_goes_on_where_the_last_one_ended() {
    let desk = Desk::new(1 << 20);
    desk.record("h", "one\ntwo");
    desk.record("other", "");
    let run = desk.journal.run();
    let response = desk.stream("hub=h", None);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert!(response.extensions().get::<WriteTimeout>().is_some());
    let mut body = response.into_body();
    assert_eq!(desk.next(&mut body).unwrap(), ": the journal\n\n");
    let event = desk.next(&mut body).unwrap();
    let (id, data) = event.split_once('\n').unwrap();
    assert_eq!(id, format!("id: 1-{run:08x}"));
    let data = data
        .strip_prefix("data: ")
        .unwrap()
        .strip_suffix("\n\n")
        .unwrap();
    let record: Value = serde_json::from_str(data).unwrap();
    assert_eq!(record["payload"]["text"], "one\ntwo");

    // The next batch waits a moment; a record that does not fit makes no event.
    desk.record("h", "three");
    desk.record("other", "");
    assert_eq!(desk.next(&mut body), None);
    desk.runtime.advance(events::PAUSE);
    let event = desk.next(&mut body).unwrap();
    assert!(
        event.starts_with("id: 3-") && event.matches("id:").count() == 1,
        "{event}"
    );
    desk.runtime.advance(Duration::from_secs(15));
    assert_eq!(desk.next(&mut body).unwrap(), ":\n\n");
    drop(body);

    desk.record("h", "four");
    for last in ["1", &format!("1-{run:08x}")] {
        let mut body = desk.stream("hub=h&after=4", Some(last)).into_body();
        assert_eq!(desk.next(&mut body).unwrap(), ": the journal\n\n");
        let events = desk.next(&mut body).unwrap();
        // The header is stronger than the address.
        assert!(
            events.starts_with("id: 3-") && events.contains("\n\nid: 5-"),
            "{events}"
        );
    }
    // A reader that knew an emulator which is no more.
    let other = format!("77-{:08x}", run.wrapping_add(1));
    let mut body = desk.stream("hub=h", Some(&other)).into_body();
    let greeting = desk.next(&mut body).unwrap();
    assert_eq!(greeting, ": the journal\n\nevent: cleared\ndata: {}\n\n");
    assert!(desk.next(&mut body).unwrap().starts_with("id: 1-"));
}

#[test]
fn the_chunks_of_a_stream_are_small_however_much_there_is() {
    let desk = Desk::new(16 << 20);
    for _ in 0..600 {
        desk.record("h", &"\0".repeat(4096));
    }
    let mut body = desk.stream("", None).into_body();
    desk.next(&mut body).unwrap();
    let mut ids = Vec::<u64>::new();
    for _ in 0..600 {
        let Some(chunk) = desk.next(&mut body) else {
            desk.runtime.advance(events::PAUSE);
            continue;
        };
        // One record of zeros is six times as long in JSON.
        assert!(chunk.len() < events::CHUNK + 30 * 1024, "{}", chunk.len());
        assert!(chunk.ends_with("\n\n"));
        let found = chunk.split("id: ").skip(1);
        ids.extend(found.map(|event| event.split('-').next().unwrap().parse::<u64>().unwrap()));
    }
    assert_eq!(ids, (1..=600).collect::<Vec<u64>>());
}

#[test]
fn a_stream_says_what_is_gone() {
    let desk = Desk::new(64 * 1024);
    let mut body = desk.stream("", None).into_body();
    desk.next(&mut body).unwrap();
    for _ in 0..200 {
        desk.record("h", &"x".repeat(1000));
    }
    let events = desk.next(&mut body).unwrap();
    assert!(
        events.starts_with("event: missed\ndata: {\"missed\":1"),
        "{events}"
    );
    desk.journal.clear();
    desk.record("h", "");
    desk.runtime.advance(events::PAUSE);
    let events = desk.next(&mut body).unwrap();
    assert!(
        events.starts_with("event: cleared\ndata: {}\n\nid: 201-"),
        "{events}"
    );
    // The end of the emulator is the end of the stream.
    drop(desk.store.owner());
    desk.runtime.advance(events::PAUSE);
    let mut next = body.next();
    assert!(matches!(
        desk.runtime.poll(&mut next),
        std::task::Poll::Ready(None)
    ));
}
