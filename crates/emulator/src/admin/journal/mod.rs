//! The journal over HTTP.

mod events;
mod query;

use std::future::poll_fn;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;
use transport::_internal::{WriteTimeout, within};
use transport::{Body, SharedRuntime};

use self::events::Events;
use self::query::{Query, of_the_future};
use super::wrong_method;
use crate::answer::{admin_error, json, with_body};
use crate::journal::{Found, Journal, Reader, Record};

/// Answers a request to `/_emulator/journal` or below it.
///
/// - `GET journal`: the records that fit the query, as `{"records": […], "next": id, "missed":
///   number}`; with `wait=seconds`, as soon as there is one.
/// - `GET journal/stream`: the same as server-sent events, and then those to come.
/// - `DELETE journal`: removes all records.
pub(super) async fn handle(
    journal: &Journal,
    runtime: &SharedRuntime,
    request: &Request<Body>,
    path: &str,
) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    let answer = match (path, request.method()) {
        ("journal", &Method::GET) => page(journal, runtime, query).await,
        // Whoever names some wants to keep the others.
        ("journal", &Method::DELETE) if !query.is_empty() => Err(NO_CHOICE.to_owned()),
        ("journal", &Method::DELETE) => {
            journal.clear();
            Ok(json(StatusCode::OK, &serde_json::json!({})))
        }
        ("journal/stream", &Method::GET) => stream(journal, runtime, query, request.headers()),
        ("journal" | "journal/stream", _) => return wrong_method(),
        _ => return admin_error(StatusCode::NOT_FOUND, "there is nothing at this path"),
    };
    answer.unwrap_or_else(|error| admin_error(StatusCode::BAD_REQUEST, &error))
}

/// The records of one answer.
#[derive(Serialize)]
struct Page<'a> {
    records: Vec<&'a Record>,
    /// The `after` of the next request.
    next: u64,
    missed: u64,
}

async fn page(
    journal: &Journal,
    runtime: &SharedRuntime,
    query: &str,
) -> Result<Response<Body>, String> {
    let query = Query::of_page(query)?;
    let Some(mut reader) = reader(journal, &query, query.after, "after")? else {
        return Ok(is_off());
    };
    let (mut records, mut missed) = (Vec::new(), 0);
    let mut add = |found: Found| {
        missed += found.missed;
        let room = query.limit - records.len();
        records.extend(found.records.into_iter().take(room));
        records.len()
    };
    let mut batches = 0;
    let count = loop {
        let (found, is_all) = reader.read();
        let count = add(found);
        if is_all || count == query.limit {
            break count;
        }
        batches += 1;
        if batches % BATCHES_BEFORE_YIELD == 0 {
            // A large journal takes a while, and others have something to do, too.
            tokio::task::yield_now().await;
        }
    };
    if count == 0 && !query.wait.is_zero() {
        let first = async {
            while let Some(found) = poll_fn(|cx| reader.poll_found(cx)).await {
                if add(found) > 0 {
                    break;
                }
            }
        };
        // Whether it came in time is seen from whether it is there.
        let _ = within(runtime, query.wait, first).await;
    }
    let last = records.last().map(|last: &Arc<Record>| last.id);
    let is_full = records.len() == query.limit;
    let page = Page {
        records: records.iter().map(|record| &**record).collect(),
        // What is behind the limit was looked at, too, but not handed out.
        next: last.filter(|_| is_full).unwrap_or_else(|| reader.last()),
        missed,
    };
    let mut response = json(StatusCode::OK, &page);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, NO_STORE);
    Ok(response)
}

fn stream(
    journal: &Journal,
    runtime: &SharedRuntime,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response<Body>, String> {
    let query = Query::of_stream(query)?;
    let last = match headers.get(LAST_EVENT_ID) {
        Some(id) => Some(Events::read_id(id.as_bytes(), journal.run()).ok_or(
            "`Last-Event-ID` is not one of this stream: it is the id of a record, as an event has it",
        )?),
        None => None,
    };
    let (after, is_of_another_run, name) = match last {
        // What it saw was of an emulator that is no more.
        Some(None) => (0, true, "Last-Event-ID"),
        Some(Some(id)) => (id, false, "Last-Event-ID"),
        None => (query.after, false, "after"),
    };
    let Some(reader) = reader(journal, &query, after, name)? else {
        return Ok(is_off());
    };
    let events = Events::new(reader, journal.run(), runtime.clone(), is_of_another_run);
    let body = Body::from_stream(events, None);
    let mut response = with_body(StatusCode::OK, "text/event-stream", body);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, NO_STORE);
    let timeout = WriteTimeout::new(events::LONGEST_STALL);
    response.extensions_mut().insert(timeout);
    Ok(response)
}

/// Returns a reader from behind the record `after`; `None` if the journal is off.
fn reader(
    journal: &Journal,
    query: &Query,
    after: u64,
    name: &str,
) -> Result<Option<Reader>, String> {
    let newest = journal.newest();
    if after > newest && journal.is_on() {
        return Err(of_the_future(name, after, newest));
    }
    Ok(journal.reader(query.filter.clone().with_after(after)))
}

fn is_off() -> Response<Body> {
    admin_error(
        StatusCode::NOT_FOUND,
        "the journal is off, because journal-bytes is 0",
    )
}

const NO_CHOICE: &str = "`DELETE` removes all records, so it takes no parameters";
/// After so many, a reader of what there is lets others have the thread.
const BATCHES_BEFORE_YIELD: u32 = 8;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

#[cfg(test)]
mod tests;
