//! What the answers of an event handler mean. Pure.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;

/// The answer of a handler.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) took: Duration,
}

/// What one check found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    pub(super) message: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Ok,
    /// Worth knowing, and perhaps meant so.
    Note,
    Wrong,
}

impl Verdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

impl Finding {
    fn new(check: &'static str, verdict: Verdict, message: impl Into<String>) -> Self {
        Self {
            check,
            verdict,
            message: message.into(),
        }
    }

    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, message)
    }

    fn note(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Verdict::Note, message)
    }

    pub(super) fn wrong(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Verdict::Wrong, message)
    }
}

/// Judges the address, before anything is sent.
pub(super) fn address(uri: &Uri, has_key: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let host = uri.host().unwrap_or_default();
    let is_local = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    if is_local {
        let text = "only this machine reaches it: the service needs a public address or a tunnel";
        findings.push(Finding::note("address", text));
    } else if uri.scheme_str() == Some("http") {
        let text = "http:// shows tokens and messages to the network: use https://";
        findings.push(Finding::wrong("address", text));
    }
    if !has_key {
        let text = "there is no key, so signatures are wrong: a handler that checks them refuses \
            everything; give --connection-string-file, or --endpoint with --key-file";
        findings.push(Finding::note("key", text));
    }
    findings
}

/// Judges the answer to the abuse protection.
pub(super) fn validation(answer: &Answer, origin: &str) -> Finding {
    let check = "validation";
    let status = answer.status;
    if let Some(finding) = never_good(check, answer) {
        return finding;
    }
    if !status.is_success() {
        let text = format!(
            "OPTIONS is answered with {status}: the service then sends no events. Answer it with \
             200 and the header WebHook-Allowed-Origin: {origin}, or *; a framework may need a route \
             for OPTIONS"
        );
        return Finding::wrong(check, text);
    }
    let allowed: Vec<&str> = answer
        .headers
        .get_all("webhook-allowed-origin")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let is_allowed = |name: &&str| *name == "*" || name.eq_ignore_ascii_case(origin);
    match allowed.iter().find(|name| is_allowed(name)) {
        Some(name) => Finding::ok(check, format!("events of {origin} are allowed by {name:?}")),
        None if allowed.is_empty() => {
            let text = format!(
                "the answer to OPTIONS has no header WebHook-Allowed-Origin: the service then sends \
                 no events. Set it to {origin} or to *"
            );
            Finding::wrong(check, text)
        }
        None => {
            let text = format!(
                "WebHook-Allowed-Origin has {allowed:?}, which does not contain {origin}: the service \
                 then sends no events"
            );
            Finding::wrong(check, text)
        }
    }
}

/// Judges the answer to `connect`.
pub(super) fn connect(answer: &Answer, is_signed: bool) -> Finding {
    let check = "connect";
    if let Some(finding) = never_good(check, answer) {
        return finding;
    }
    let status = answer.status;
    if !status.is_success() {
        let said = said(answer);
        let is_refusal = matches!(status.as_u16(), 401 | 403);
        return match (is_refusal, is_signed) {
            (true, true) => Finding::note(
                check,
                format!(
                    "the client is refused with {status}{said}. If that is not meant: is the key of \
                     this resource the handler's, and does it need a user (--user)?"
                ),
            ),
            (true, false) => Finding::note(
                check,
                format!("the client is refused with {status}{said}, perhaps for its signature"),
            ),
            (false, _) => Finding::wrong(
                check,
                format!(
                    "answered with {status}{said}: clients cannot connect. Accept with 204, or with \
                     200 and JSON; refuse with 401"
                ),
            ),
        };
    }
    if answer.headers.get_all("ce-connectionstate").iter().count() > 1 {
        let text = "the answer has ce-connectionState more than once, which the service refuses";
        return Finding::wrong(check, text);
    }
    if answer.body.is_empty() {
        return Finding::ok(check, format!("accepted with {status}"));
    }
    let accepted: Accepted = match serde_json::from_slice(&answer.body) {
        Ok(accepted) => accepted,
        Err(error) => {
            let text = format!(
                "the body of the answer is not what the service reads ({error}): an object with \
                 userId, groups, roles and subprotocol, each optional; clients get 500"
            );
            return Finding::wrong(check, text);
        }
    };
    let unknown: Vec<&str> = accepted.rest.keys().map(String::as_str).collect();
    if !unknown.is_empty() {
        let text = format!("accepted, but the service ignores {}", unknown.join(", "));
        return Finding::note(check, text);
    }
    let user = accepted.user_id.map(|user| format!(" as user {user:?}"));
    let text = format!("accepted with {status}{}", user.unwrap_or_default());
    Finding::ok(check, text)
}

/// What a handler may say about a client.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    user_id: Option<String>,
    #[serde(rename = "groups")]
    _groups: Option<Vec<String>>,
    #[serde(rename = "roles")]
    _roles: Option<Vec<String>>,
    #[serde(rename = "subprotocol")]
    _subprotocol: Option<String>,
    #[serde(rename = "mqtt")]
    _mqtt: Option<Value>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

/// Judges the answer to a connect with a wrong signature; `right` is the status of the answer to
/// the same with the right one, if there was one.
pub(super) fn signature(answer: &Answer, right: Option<StatusCode>) -> Finding {
    let check = "signature";
    match answer.status.is_success() {
        false if right.is_none_or(|right| right == answer.status) => Finding::note(
            check,
            format!(
                "a wrong one gets {}, but so does the right one: whether it is checked is not known",
                answer.status
            ),
        ),
        true => Finding::wrong(
            check,
            "an event with a wrong ce-signature is accepted: everyone who knows the URL can send \
             events. Check it with the access key, or keep the URL secret with a code in its query",
        ),
        false => Finding::ok(
            check,
            format!("a wrong one is refused with {}", answer.status),
        ),
    }
}

/// Judges the answer to an event whose answer has no effect.
pub(super) fn ignored(check: &'static str, answer: &Answer) -> Finding {
    if let Some(finding) = never_good(check, answer) {
        return finding;
    }
    match answer.status {
        status if status.is_success() => Finding::ok(check, format!("taken with {status}")),
        status => {
            let said = said(answer);
            let text = format!("answered with {status}{said}: the event is lost");
            Finding::wrong(check, text)
        }
    }
}

/// Judges the answer to an event of the application.
pub(super) fn user_event(name: &str, answer: &Answer) -> Finding {
    let check = "user event";
    if let Some(finding) = never_good(check, answer) {
        return finding;
    }
    let status = answer.status;
    if !status.is_success() {
        let text = format!(
            "{name:?} is answered with {status}{}: the client gets an error, and a simple one is \
             disconnected",
            said(answer)
        );
        return Finding::wrong(check, text);
    }
    if answer.body.is_empty() || status == StatusCode::NO_CONTENT {
        let text = format!("{name:?} is taken with {status}, and the client gets no message");
        return Finding::ok(check, text);
    }
    let content_type = answer.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or("text/plain").to_ascii_lowercase();
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    let len = answer.body.len();
    let is_sound = match content_type {
        "text/plain" => std::str::from_utf8(&answer.body).is_ok(),
        "application/json" => serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body).is_ok(),
        "application/octet-stream" | "application/x-protobuf" => true,
        _ => {
            let text = format!(
                "the answer to {name:?} is {content_type:?}, which the service sends to no client: \
                 use text/plain, application/json or application/octet-stream"
            );
            return Finding::wrong(check, text);
        }
    };
    match is_sound {
        true => Finding::ok(
            check,
            format!("{name:?} is answered with {len} bytes of {content_type} for the client"),
        ),
        false => Finding::wrong(
            check,
            format!("the answer to {name:?} says {content_type}, and its body is not"),
        ),
    }
}

/// Judges what is wrong for every request.
fn never_good(check: &'static str, answer: &Answer) -> Option<Finding> {
    let status = answer.status;
    if status.is_redirection() {
        let text = format!(
            "answered with {status}: the service follows no redirect, so give the final URL"
        );
        return Some(Finding::wrong(check, text));
    }
    if status == StatusCode::NOT_FOUND {
        let text = "answered with 404: nothing is at this URL; check the path and the template";
        return Some(Finding::wrong(check, text));
    }
    if status.is_success() && answer.took > SLOW {
        let seconds = answer.took.as_secs_f64();
        let text = format!("answered after {seconds:.1} s, for which every client waits");
        return Some(Finding::note(check, text));
    }
    None
}

/// Returns the beginning of the body, for people.
fn said(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let words: Vec<&str> = text.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(MAX_SAID).collect();
    match text.is_empty() {
        true => String::new(),
        false => format!(" ({text})"),
    }
}

/// People notice.
const SLOW: Duration = Duration::from_secs(3);
/// Enough for a reason, and less than a page of HTML.
const MAX_SAID: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
                .into_iter()
                .fold(HeaderMap::new(), |mut map, (name, value)| {
                    map.append(name, value);
                    map
                }),
            body: Bytes::copy_from_slice(body.as_bytes()),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn the_origin_must_be_allowed() {
        let header = "webhook-allowed-origin";
        for (status, headers, expected) in [
            (200, &[(header, "*")][..], Verdict::Ok),
            (204, &[(header, "a.example, Contoso.example")], Verdict::Ok),
            (
                200,
                &[(header, "a.example"), (header, "contoso.example")],
                Verdict::Ok,
            ),
            (200, &[(header, "a.example")], Verdict::Wrong),
            (200, &[], Verdict::Wrong),
            (405, &[(header, "*")], Verdict::Wrong),
            (302, &[(header, "*")], Verdict::Wrong),
            (404, &[], Verdict::Wrong),
        ] {
            let finding = validation(&answer(status, headers, ""), "contoso.example");
            assert_eq!(finding.verdict, expected, "{finding:?}");
        }
    }

    #[test]
    fn connect_is_accepted_refused_or_broken() {
        for (status, body, expected) in [
            (204, "", Verdict::Ok),
            (200, "", Verdict::Ok),
            (
                200,
                r#"{"userId":"ann","groups":["a"],"roles":[]}"#,
                Verdict::Ok,
            ),
            (200, r#"{"user":"ann"}"#, Verdict::Note),
            (200, r#"{"groups":"a"}"#, Verdict::Wrong),
            (200, "OK", Verdict::Wrong),
            (401, "no", Verdict::Note),
            (500, "oops", Verdict::Wrong),
            (400, "", Verdict::Wrong),
        ] {
            let finding = connect(&answer(status, &[], body), true);
            assert_eq!(finding.verdict, expected, "{finding:?}");
        }
        let twice = [("ce-connectionstate", "a"), ("ce-connectionstate", "b")];
        assert_eq!(
            connect(&answer(204, &twice, ""), true).verdict,
            Verdict::Wrong
        );
    }

    #[test]
    fn answers_to_user_events_must_have_a_form_that_clients_get() {
        for (status, content_type, body, expected) in [
            (204, "text/html", "", Verdict::Ok),
            (200, "text/plain; charset=utf-8", "hi", Verdict::Ok),
            (200, "application/json", "{}", Verdict::Ok),
            (200, "application/json", "{", Verdict::Wrong),
            (200, "text/html", "<p>", Verdict::Wrong),
            (500, "text/plain", "oops", Verdict::Wrong),
        ] {
            let answer = answer(status, &[("content-type", content_type)], body);
            let finding = user_event("message", &answer);
            assert_eq!(finding.verdict, expected, "{finding:?}");
        }
    }

    #[test]
    fn a_wrong_signature_must_be_refused() {
        for (wrong, right, verdict) in [
            (204, Some(StatusCode::NO_CONTENT), Verdict::Wrong),
            (204, Some(StatusCode::INTERNAL_SERVER_ERROR), Verdict::Wrong),
            (401, Some(StatusCode::NO_CONTENT), Verdict::Ok),
            (401, Some(StatusCode::INTERNAL_SERVER_ERROR), Verdict::Ok),
            (500, Some(StatusCode::INTERNAL_SERVER_ERROR), Verdict::Note),
            (500, None, Verdict::Note),
        ] {
            let finding = signature(&answer(wrong, &[], ""), right);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
        }
        assert_eq!(
            ignored("connected", &answer(500, &[], "")).verdict,
            Verdict::Wrong
        );
    }

    #[test]
    fn slow_answers_and_local_addresses_are_worth_a_word() {
        let mut slow = answer(204, &[], "");
        slow.took = Duration::from_secs(4);
        assert_eq!(connect(&slow, true).verdict, Verdict::Note);
        let verdicts = |uri: &str, key| {
            let findings = address(&uri.parse().unwrap(), key);
            findings
                .into_iter()
                .map(|finding| finding.verdict)
                .collect::<Vec<_>>()
        };
        assert_eq!(verdicts("https://app.example/", true), []);
        assert_eq!(verdicts("http://app.example/", true), [Verdict::Wrong]);
        assert_eq!(
            verdicts("http://localhost:3000/", false),
            [Verdict::Note, Verdict::Note]
        );
    }
}
