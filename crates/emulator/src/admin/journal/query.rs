//! What a reader asks the journal for, in the query of a request. Pure.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::journal::{Filter, Kind, Service};

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) filter: Filter,
    /// The id after which it begins.
    pub(super) after: u64,
    pub(super) limit: usize,
    /// How long to wait for a record that fits.
    pub(super) wait: Duration,
}

impl Query {
    /// Reads the query of `GET journal`.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the parameter and the rule.
    pub(super) fn of_page(query: &str) -> Result<Self, String> {
        Self::read(query, PAGE)
    }

    /// Reads the query of `GET journal/stream`.
    ///
    /// # Errors
    ///
    /// As of a page.
    pub(super) fn of_stream(query: &str) -> Result<Self, String> {
        Self::read(query, STREAM)
    }

    fn read(query: &str, known: &[&str]) -> Result<Self, String> {
        let mut read = Self {
            filter: Filter::default(),
            after: 0,
            limit: DEFAULT_LIMIT,
            wait: Duration::ZERO,
        };
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name), decoded(value));
            let Some(name) = known.iter().copied().find(|known| *known == name) else {
                let (name, known) = (cut(&name), known.join(", "));
                return Err(format!("`{name}` is not a parameter of this; {known} are"));
            };
            if seen.contains(&name) && name != "kind" {
                return Err(format!("`{name}` is given twice; only `kind` may be"));
            }
            seen.push(name);
            if value.is_empty() {
                return Err(format!("`{name}` has no value; leave it out instead"));
            }
            read.take(name, value)?;
        }
        Ok(read)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        let filter = std::mem::take(&mut self.filter);
        self.filter = match name {
            "kind" => {
                let mut filter = filter;
                for kind in value.split(',') {
                    let kind = one_of(name, kind, Kind::ALL, Kind::as_str)?;
                    filter = filter.with_kind(kind);
                }
                filter
            }
            "service" => {
                let service = one_of(name, &value, Service::ALL, Service::as_str)?;
                filter.with_service(service)
            }
            "hub" => filter.with_hub(value),
            "entity" => filter.with_entity(value),
            "group" => filter.with_group(value),
            "user" => filter.with_user(value),
            "connection" => filter.with_connection(value),
            "text" => filter.with_text(value),
            "after" => {
                let id = value.parse();
                self.after =
                    id.map_err(|_| wrong(name, &value, "the id of a record, or 0 for all"))?;
                filter
            }
            "limit" => {
                let limit = value.parse().ok();
                let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
                let rule = format!("a number from 1 to {MAX_LIMIT}");
                self.limit = limit.ok_or_else(|| wrong(name, &value, &rule))?;
                filter
            }
            _ => {
                let seconds = value.parse().ok();
                let wait = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                let rule = format!("a number of seconds from 0 to {}", MAX_WAIT.as_secs());
                let wait = wait.filter(|wait| *wait <= MAX_WAIT);
                self.wait = wait.ok_or_else(|| wrong(name, &value, &rule))?;
                filter
            }
        };
        Ok(())
    }
}

/// Returns the error about an id that no record has yet.
pub(super) fn of_the_future(name: &str, id: u64, newest: u64) -> String {
    format!("`{name}` is {id}, and there is no such record yet: the newest is {newest}")
}

fn one_of<T: Copy>(
    name: &str,
    value: &str,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    let found = all.iter().copied().find(|it| as_str(*it) == value);
    found.ok_or_else(|| {
        let all: Vec<_> = all.iter().map(|it| as_str(*it)).collect();
        wrong(name, value, &format!("one of {}", all.join(", ")))
    })
}

fn wrong(name: &str, value: &str, rule: &str) -> String {
    format!("`{name}` is {:?}, and must be {rule}", cut(value))
}

fn cut(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// The parameters of a page.
const PAGE: &[&str] = &[
    "kind",
    "service",
    "hub",
    "entity",
    "group",
    "user",
    "connection",
    "text",
    "after",
    "limit",
    "wait",
];
/// The parameters of a stream: those of a page that are no bound.
const STREAM: &[&str] = PAGE.split_at(PAGE.len() - 2).0;
/// Enough for most tests, and a few hundred kilobytes.
const DEFAULT_LIMIT: usize = 1_000;
/// What a page of a browser may show at once.
const MAX_LIMIT: usize = 10_000;
/// As long as a patient proxy waits for a response.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// How much of a wrong value an error repeats, in characters.
const SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_read() {
        let query = "kind=request,message&kind=fault&service=pubsub&hub=a%20b&entity=e&group=g&user=u\
            &connection=c&text=x+y&after=7&limit=2&wait=1.5";
        let filter = Filter::default()
            .with_kind(Kind::Request)
            .with_kind(Kind::Message)
            .with_kind(Kind::Fault)
            .with_service(Service::PubSub)
            .with_hub("a b")
            .with_entity("e")
            .with_group("g")
            .with_user("u")
            .with_connection("c")
            .with_text("x y");
        let expected = Query {
            filter,
            after: 7,
            limit: 2,
            wait: Duration::from_millis(1500),
        };
        assert_eq!(Query::of_page(query), Ok(expected));
        for kind in Kind::ALL {
            Query::of_stream(&format!("kind={kind}")).unwrap();
        }
        let empty = Query::of_page("").unwrap();
        assert_eq!(
            (empty.after, empty.limit, empty.wait),
            (0, 1_000, Duration::ZERO)
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_the_rule() {
        for (query, named) in [
            (
                "limit=0",
                "`limit` is \"0\", and must be a number from 1 to 10000",
            ),
            ("limit=10001", "`limit` is \"10001\""),
            ("limit=-1", "from 1 to 10000"),
            (
                "kind=requests",
                "`kind` is \"requests\", and must be one of request, connected,",
            ),
            ("kind=request,", "`kind` is \"\""),
            ("kind=Request", "`kind` is \"Request\""),
            ("service=web", "one of pubsub, relay, identity, emulator"),
            (
                "after=-1",
                "`after` is \"-1\", and must be the id of a record",
            ),
            ("after=x%0Ay", "`after` is \"x\\ny\""),
            ("wait=301", "a number of seconds from 0 to 300"),
            ("wait=-1", "`wait` is \"-1\""),
            ("wait=NaN", "`wait` is \"NaN\""),
            ("wait=soon", "`wait` is \"soon\""),
            (
                "Hub=a",
                "`Hub` is not a parameter of this; kind, service, hub,",
            ),
            ("hub=", "`hub` has no value"),
            ("hub", "`hub` has no value"),
            ("hub=a&hub=b", "`hub` is given twice"),
        ] {
            let error = Query::of_page(query).unwrap_err();
            assert!(
                error.contains(named) && !error.contains('\n'),
                "{query}: {error}"
            );
        }
        let long = format!("user=a&{}=1", "x".repeat(5000));
        assert!(Query::of_page(&long).unwrap_err().len() < 300);
    }

    #[test]
    fn a_stream_has_no_bounds() {
        for query in ["limit=1", "wait=1"] {
            let error = Query::of_stream(query).unwrap_err();
            assert!(error.ends_with("text, after are"), "{error}");
        }
    }
}
