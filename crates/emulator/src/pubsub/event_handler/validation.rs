//! Abuse protection: a handler receives events only after it has agreed to.
//! Shell around one table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::lock::Mutex as AsyncMutex;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use transport::_internal::lock;
use transport::{Body, after};

use super::EventHandlers;
use super::outcome::CallError;
use super::recording::Attempt;
use crate::config::EventHandlerConfig;
use crate::in_process::InProcess;
use crate::journal::Headers;

/// The URLs that accept events, and whether a handler of this process answers there.
///
/// A validation holds the entry of its URL, so that many events at once
/// validate it only once.
#[derive(Debug, Default)]
pub(super) struct Validations(Mutex<HashMap<(Option<u64>, String), Entry>>);

type Entry = Arc<AsyncMutex<Option<Validation>>>;

#[derive(Clone, Debug)]
struct Validation {
    verdict: Result<(), CallError>,
    /// There is no new validation until then.
    until: Instant,
    /// How long the next refusal is remembered.
    back_off: Duration,
}

impl Validations {
    /// Validates that a handler accepts events of `origin`, unless it was validated recently.
    pub(super) async fn check(
        &self,
        event_handlers: &EventHandlers,
        handler: &EventHandlerConfig,
        url: String,
        origin: &str,
    ) -> Result<(), CallError> {
        let entry = {
            let number = handler.in_process.as_ref().map(InProcess::number);
            let mut table = lock(&self.0);
            Arc::clone(table.entry((number, url.clone())).or_default())
        };
        let mut known = entry.lock().await;
        let now = event_handlers.clock.instant();
        if let Some(known) = &*known
            && now < known.until
        {
            return known.verdict.clone();
        }
        let verdict = ask(event_handlers, handler, &url, origin).await;
        let is_valid = verdict.is_ok();
        let back_off = known
            .as_ref()
            .map_or(FIRST_BACK_OFF, |known| known.back_off);
        *known = Some(Validation {
            verdict: verdict.clone(),
            until: after(now, if is_valid { VALID_FOR } else { back_off }),
            back_off: if is_valid {
                FIRST_BACK_OFF
            } else {
                (back_off * 2).min(VALID_FOR)
            },
        });
        verdict
    }
}

async fn ask(
    event_handlers: &EventHandlers,
    handler: &EventHandlerConfig,
    url: &str,
    origin: &str,
) -> Result<(), CallError> {
    let mut status = StatusCode::NOT_FOUND;
    for (number, method) in (1..).zip([Method::OPTIONS, Method::GET]) {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("webhook-request-origin", origin)
            .header("ce-awpsversion", "1.0")
            .body(Body::empty());
        let Ok(request) = request else {
            return Err("the URL of the event handler is invalid".into());
        };
        let journal = &event_handlers.journal;
        let shown = journal.is_on().then(|| {
            let headers = Headers::stripped(request.headers());
            (event_handlers.runtime.now(), request.uri().clone(), headers)
        });
        let asked = event_handlers.exchange(handler, request, ASK_TIMEOUT).await;
        if let Some((began, url, headers)) = shown {
            let attempt = Attempt {
                event: None,
                url: &url,
                number,
                headers,
            };
            event_handlers.record(began, || {
                let record = attempt.ended(&asked, false);
                record.with_hub(handler.hub.to_ascii_lowercase())
            });
        }
        match asked {
            // Some handlers do not support OPTIONS.
            Ok((StatusCode::NOT_FOUND, ..)) => {}
            Ok((success, headers, _)) if success.is_success() => {
                return if allows(&headers, origin) {
                    Ok(())
                } else {
                    Err(REFUSES_ORIGIN.into())
                };
            }
            Ok((other, ..)) => {
                status = other;
                break;
            }
            Err(failure) => return Err(failure.as_str().into()),
        }
    }
    Err(format!(
        "the event handler at {} answered {} when it was asked whether it accepts events",
        without_secrets(url),
        status.as_u16()
    )
    .into())
}

/// Returns a URL without what a secret may be in.
fn without_secrets(url: &str) -> String {
    let Ok(uri) = url.parse::<Uri>() else {
        return "?".to_owned();
    };
    let scheme = uri.scheme_str().unwrap_or("http");
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{}", uri.path())
}

/// Whether a response allows `origin`: any origin, or one of several, in one header or several.
fn allows(headers: &HeaderMap, origin: &str) -> bool {
    headers
        .get_all("webhook-allowed-origin")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|allowed| {
            let host = origin.rsplit_once(':').map_or(origin, |(host, _)| host);
            allowed == "*"
                || allowed.eq_ignore_ascii_case(origin)
                || allowed.eq_ignore_ascii_case(host)
        })
}

const REFUSES_ORIGIN: &str = "the event handler does not allow events from this origin";
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
const VALID_FOR: Duration = Duration::from_secs(60);
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (url, shown) in [
            (
                "http://ann:s3cret@h:80/a/validate?code=s3cret",
                "http://h:80/a/validate",
            ),
            ("https://h", "https://h/"),
            ("not a URL s3cret", "?"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[test]
    fn an_origin_may_be_one_of_several() {
        let name = HeaderName::from_static("webhook-allowed-origin");
        let allows = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(&name, HeaderValue::from_static(value));
            }
            allows(&headers, "localhost:8080")
        };
        for good in [&["*"][..], &["a.b, LOCALHOST"], &["a.b", "localhost:8080"]] {
            assert!(allows(good), "{good:?}");
        }
        for bad in [&[][..], &["localhost:80"], &["a.b"]] {
            assert!(!allows(bad), "{bad:?}");
        }
    }
}
