//! Abuse protection: a handler receives events only after it has agreed to.
//! Shell around one table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::lock::Mutex as AsyncMutex;
use http::{HeaderMap, Method, Request, StatusCode};
use transport::_internal::lock;
use transport::{Body, after};

use super::EventHandlers;
use crate::config::EventHandlerConfig;
use crate::in_process::InProcess;

/// The URLs that accept events, and whether a handler of this process answers there.
///
/// A validation holds the entry of its URL, so that many events at once
/// validate it only once.
#[derive(Debug, Default)]
pub(super) struct Validations(Mutex<HashMap<(Option<u64>, String), Entry>>);

type Entry = Arc<AsyncMutex<Option<Validation>>>;

#[derive(Clone, Copy, Debug)]
struct Validation {
    is_valid: bool,
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
    ) -> Result<(), &'static str> {
        let entry = {
            let number = handler.in_process.as_ref().map(InProcess::number);
            let mut table = lock(&self.0);
            Arc::clone(table.entry((number, url.clone())).or_default())
        };
        let mut known = entry.lock().await;
        let now = event_handlers.clock.instant();
        if let Some(known) = *known
            && now < known.until
        {
            return verdict(known.is_valid);
        }
        let is_valid = ask(event_handlers, handler, &url, origin).await;
        let back_off = known.map_or(FIRST_BACK_OFF, |known| known.back_off);
        *known = Some(Validation {
            is_valid,
            until: after(now, if is_valid { VALID_FOR } else { back_off }),
            back_off: if is_valid {
                FIRST_BACK_OFF
            } else {
                (back_off * 2).min(VALID_FOR)
            },
        });
        verdict(is_valid)
    }
}

async fn ask(
    event_handlers: &EventHandlers,
    handler: &EventHandlerConfig,
    url: &str,
    origin: &str,
) -> bool {
    for method in [Method::OPTIONS, Method::GET] {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("webhook-request-origin", origin)
            .header("ce-awpsversion", "1.0")
            .body(Body::empty());
        let Ok(request) = request else {
            return false;
        };
        let asked = event_handlers.exchange(handler, request, ASK_TIMEOUT);
        match asked.await {
            // Some handlers do not support OPTIONS.
            Ok((StatusCode::NOT_FOUND, ..)) => continue,
            Ok((status, headers, _)) => {
                return status.is_success() && allows(&headers, origin);
            }
            Err(_) => return false,
        }
    }
    false
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

fn verdict(is_valid: bool) -> Result<(), &'static str> {
    if is_valid {
        Ok(())
    } else {
        Err("the event handler does not allow events from this origin")
    }
}

const ASK_TIMEOUT: Duration = Duration::from_secs(10);
const VALID_FOR: Duration = Duration::from_secs(60);
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

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
