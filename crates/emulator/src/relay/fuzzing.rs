//! Entry points of the Relay fuzz targets.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue, Request, header};
use ::relay::command::Reply;
use auth::SharedClock;
use transport::{Body, SharedRuntime};

use super::joined_pair::Inbound;
use super::tracking_id::{Interface, Tracking};
use super::visit::Visit;
use super::{Namespace, management, relayed_head, web_socket_path};
use crate::changes::Changes;
use crate::clock::EmulatorClock;
use crate::config::RelayConfig;
use crate::tasks::Tasks;

/// Returns the target of a request for its listener.
pub fn target(path: &str, query: &str) -> String {
    relayed_head::target(path, Some(query))
}

/// Returns whether a text message on a control channel is a known command.
pub fn is_command(text: &str) -> bool {
    matches!(Reply::decode(text), Ok(Some(_)))
}

/// Returns the entity that a path names, and its description by the management interface.
pub fn describe(path: &str, token: &str) -> (Option<String>, String) {
    let runtime = SharedRuntime::default();
    let clock = EmulatorClock::new(runtime.clone(), SharedClock::default());
    let namespace = Namespace::new(
        RelayConfig::default(),
        None,
        clock,
        Tasks::new(runtime).1,
        Changes::default(),
    );
    let namespace = Arc::new(namespace);
    let decoded = super::decoded(web_socket_path(path).unwrap_or(path));
    let entity = namespace.entity_of(&decoded).map(|entity| entity.key);
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    if let Ok(token) = HeaderValue::try_from(token) {
        headers.insert(header::AUTHORIZATION, token);
    }
    let mut request = Request::new(Body::empty());
    *request.headers_mut() = headers;
    let tracking = Tracking::new(
        Interface::Http,
        request.uri(),
        request.headers(),
        namespace.now(),
    );
    let visit = Visit::management(&namespace, &tracking, &request);
    let (Ok(answer) | Err(answer)) = management::manage(&namespace, &request, &decoded, &visit);
    let body = answer.body().as_bytes().unwrap_or_default();
    (entity, String::from_utf8_lossy(body).into_owned())
}

/// Runs bytes through one side of a joined pair, `step` at a time; returns the
/// bytes for the other side, and the rule that was broken, if any.
pub fn frames(bytes: &[u8], step: usize) -> (Vec<u8>, Option<String>) {
    let mut inbound = Inbound::new();
    let mut out = Vec::new();
    for chunk in bytes.chunks(step.max(1)) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let space = inbound.space();
            let count = rest.len().min(space.len());
            let (now, later) = rest.split_at(count);
            space[..count].copy_from_slice(now);
            inbound.filled(count);
            rest = later;
            loop {
                let parsed = inbound.parse(false);
                out.extend(inbound.take_out());
                match parsed {
                    Ok(Some(_ping)) => {}
                    Ok(None) => break,
                    Err(violation) => return (out, Some(violation.to_string())),
                }
            }
            if inbound.is_closed() {
                return (out, None);
            }
        }
    }
    (out, None)
}
