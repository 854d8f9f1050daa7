//! Descriptions of hybrid connections: the Atom entry, and the feed. Pure.

use http::{HeaderName, Method, Request, Response, StatusCode};
use transport::Body;

use super::authorize::{Purpose, presented};
use super::entity::EntityView;
use super::namespace::Namespace;
use super::tracking_id::{Interface, Tracking, host, set_reason, timestamp};
use super::visit::Visit;
use crate::answer;

/// Returns whether a request is for the service itself and not for a listener.
pub(super) fn is_management(request: &Request<Body>) -> bool {
    let marker = request.headers().get(PROCESS_AT);
    let query = request.uri().query().unwrap_or_default();
    marker.is_some_and(|marker| marker.as_bytes().eq_ignore_ascii_case(b"ServiceBus"))
        && relay::_internal::query_value(query, "api-version").is_some()
}

/// Answers a request about the entity at `path`, or about all of them.
pub(super) fn manage(
    namespace: &Namespace,
    request: &Request<Body>,
    path: &str,
    visit: &Visit<'_>,
) -> Result<Response<Body>, Response<Body>> {
    let tracking = visit.tracking;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(failed(
            tracking,
            StatusCode::METHOD_NOT_ALLOWED,
            "The emulator only describes hybrid connections; they come from its settings.",
        ));
    }
    let entity = namespace.entity_at(path);
    if let Some(entity) = &entity {
        visit.set_entity(&entity.key);
    }
    let rules = entity
        .as_ref()
        .map_or_else(|| namespace.rules(), |entity| &entity.rules);
    let query = request.uri().query().unwrap_or_default();
    let now = namespace.now();
    let host = host(request.headers());
    let checked = presented(Interface::Http, request.headers(), query, now)
        .and_then(|found| namespace.check_token(rules, &found.token, Purpose::Read, host, path));
    if let Err(denied) = checked {
        let advice = denied.advice();
        tracing::info!(path, advice, "AuthorizationFailed");
        visit.refuse_token(denied, Purpose::Read.operation());
        return Err(failed(tracking, StatusCode::UNAUTHORIZED, &denied.text()));
    }
    let created = timestamp(namespace.started());
    let base = format!("https://{host}/");
    Ok(match entity {
        Some(entity) => atom(ENTRY_TYPE, entry(&entity, &base, &created, true)),
        None => {
            // Only the root has members; any other feed is that of an unknown path.
            let is_root = path.trim_matches('/').is_empty()
                || path.trim_matches('/').eq_ignore_ascii_case(RESOURCES);
            let entries: String = namespace
                .entity_views()
                .iter()
                .filter(|_| is_root)
                .map(|entity| entry(entity, &base, &created, false))
                .collect();
            let title = escaped(path);
            atom(
                FEED_TYPE,
                format!(
                    r#"<feed xmlns="{ATOM}"><title type="text">{title}</title><id>{base}{title}</id><updated>{created}Z</updated>{entries}</feed>"#
                ),
            )
        }
    })
}

fn entry(entity: &EntityView, base: &str, created: &str, is_alone: bool) -> String {
    let xmlns = if is_alone {
        format!(r#" xmlns="{ATOM}""#)
    } else {
        String::new()
    };
    let path = escaped(&entity.path);
    let base = escaped(base);
    let metadata = match entity.user_metadata.as_str() {
        "" => String::new(),
        text => format!("<UserMetadata>{}</UserMetadata>", escaped(text)),
    };
    format!(
        r#"<entry{xmlns}><id>{base}{path}</id><title type="text">{path}</title><published>{created}Z</published><updated>{created}Z</updated><link rel="self" href="{base}{path}"/><content type="application/xml"><HybridConnectionDescription xmlns="{SERVICE_BUS}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><CreatedAt>{created}Z</CreatedAt><UpdatedAt>{created}Z</UpdatedAt><ListenerCount>{}</ListenerCount><RequiresClientAuthorization>{}</RequiresClientAuthorization>{metadata}</HybridConnectionDescription></content></entry>"#,
        entity.listeners, entity.requires_client_authorization,
    )
}

fn atom(content_type: &'static str, text: String) -> Response<Body> {
    answer::with_body(StatusCode::OK, content_type, text)
}

fn failed(tracking: &Tracking, status: StatusCode, text: &str) -> Response<Body> {
    let detail = tracking.describe(text);
    let body = format!(
        "<Error><Code>{}</Code><Detail>{}</Detail></Error>",
        status.as_u16(),
        escaped(&detail)
    );
    let mut response = answer::with_body(status, "application/xml; charset=utf-8", body);
    set_reason(&mut response, &detail);
    response
}

/// Escapes text for XML; characters that XML cannot express become `?`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(letter),
            '\u{fffe}' | '\u{ffff}' => out.push('?'),
            letter if letter < ' ' => out.push('?'),
            letter => out.push(letter),
        }
    }
    out
}

const PROCESS_AT: HeaderName = HeaderName::from_static("x-process-at");
const ENTRY_TYPE: &str = "application/atom+xml;type=entry;charset=utf-8";
const FEED_TYPE: &str = "application/atom+xml;type=feed;charset=utf-8";
const ATOM: &str = "http://www.w3.org/2005/Atom";
const SERVICE_BUS: &str = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";
/// The other path of the list of all hybrid connections.
const RESOURCES: &str = "$Resources/HybridConnections";
