//! The operations of the data plane, each on its hub.
//!
//! Statuses, headers and bodies are those recorded against the service; where
//! it differs from its description, the service wins.

use std::sync::Arc;
use std::time::Duration;

use auth::Claims;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, Response, StatusCode, header};
use pubsub::GroupName;
use pubsub::protocol::{DownstreamMessage, Sender};
use serde::Deserialize;
use transport::{Body, CloseCode};

use super::content;
use super::error::{bad_filter, bad_request, empty, targeted};
use super::route::{INVALID_GROUP, Match, Operation};
use crate::control::json;
use crate::pubsub::Service;
use crate::pubsub::broadcast::Broadcast;
use crate::pubsub::client::Query;
use crate::pubsub::filter::Filter;
use crate::pubsub::hub::Target;
use crate::pubsub::permission::Permission;

type Answer = Result<Response<Body>, Response<Body>>;

/// Carries out an operation that the caller may ask for.
pub(super) async fn perform(
    service: &Arc<Service>,
    found: Match,
    query: &Query,
    request: Request<Body>,
) -> Answer {
    let (hub, group) = (found.hub.as_str(), found.group.as_str());
    let (user, id) = (found.user.as_str(), found.connection.as_str());
    let target = match found.operation {
        Operation::SendToGroup
        | Operation::CloseGroupConnections
        | Operation::GroupExists
        | Operation::ListConnectionsInGroup => Target::Group(group),
        Operation::SendToUser
        | Operation::CloseUserConnections
        | Operation::UserExists
        | Operation::AddUserToGroup
        | Operation::RemoveUserFromGroup
        | Operation::RemoveUserFromAllGroups => Target::User(user),
        Operation::SendToConnection | Operation::ConnectionExists => Target::Connection(id),
        _ => Target::All,
    };
    match found.operation {
        Operation::ServiceStatus => Ok(empty(StatusCode::OK)),
        Operation::SendToAll
        | Operation::SendToGroup
        | Operation::SendToUser
        | Operation::SendToConnection => send(service, hub, target, query, request).await,
        Operation::AddConnectionsToGroups => change_groups(service, hub, request, true).await,
        Operation::RemoveConnectionsFromGroups => change_groups(service, hub, request, false).await,
        Operation::AddConnectionToGroup => {
            if service.with_hub(hub, |turn| turn.hub.join(id, group)) {
                return Ok(empty(StatusCode::OK));
            }
            Err(missing("Error.Connection.NotExisted", "Connection", id))
        }
        Operation::RemoveConnectionFromGroup => {
            service.with_hub(hub, |turn| turn.hub.leave(id, group, turn.now));
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::RemoveConnectionFromAllGroups => {
            service.with_hub(hub, |turn| turn.hub.leave_all(id, turn.now));
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::AddUserToGroup => {
            let added = service.with_hub(hub, |turn| {
                // Without a filter nothing is refused.
                let connections = turn.hub.select(target, None).unwrap_or_default();
                connections
                    .iter()
                    .filter(|id| turn.hub.join(id, group))
                    .count()
            });
            if added > 0 {
                return Ok(empty(StatusCode::OK));
            }
            Err(missing("Warning.User.NotExisted", "User", user))
        }
        Operation::RemoveUserFromGroup | Operation::RemoveUserFromAllGroups => {
            service.with_hub(hub, |turn| {
                for id in turn.hub.select(target, None).unwrap_or_default() {
                    match found.operation {
                        Operation::RemoveUserFromGroup => turn.hub.leave(&id, group, turn.now),
                        _ => turn.hub.leave_all(&id, turn.now),
                    }
                }
            });
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::ListConnectionsInGroup => list(service, hub, group, query, &request),
        Operation::ConnectionExists => exists(service, hub, target, "Connection", id),
        Operation::GroupExists => exists(service, hub, target, "Group", group),
        Operation::UserExists => exists(service, hub, target, "User", user),
        Operation::CloseConnection => {
            let reason = reason(query);
            service.with_hub(hub, |turn| {
                turn.hub.close(id, CloseCode::NORMAL, reason, turn.now);
            });
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::CloseAllConnections
        | Operation::CloseGroupConnections
        | Operation::CloseUserConnections => {
            let excluded = excluded(query);
            let reason = reason(query);
            service.with_hub(hub, |turn| {
                turn.hub.close_all(target, &excluded, reason, turn.now)
            });
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::GrantPermission | Operation::RevokePermission | Operation::CheckPermission => {
            permission(service, &found, query)
        }
        Operation::GenerateClientToken => generate_token(service, hub, query, &request),
    }
}

async fn send(
    service: &Arc<Service>,
    hub: &str,
    target: Target<'_>,
    query: &Query,
    request: Request<Body>,
) -> Answer {
    let filter = match target {
        Target::Connection(_) => None,
        _ => filter(query.last("filter"))?,
    };
    let excluded = match target {
        Target::All | Target::Group(_) => excluded(query),
        _ => Vec::new(),
    };
    let ttl = number(query, "messageTtlSeconds", 0, 300)?;
    let metadata = content::metadata(request.headers())?;
    let data = content::data(request).await?;
    let message = DownstreamMessage::Data {
        from: match target {
            Target::Group(group) => Sender::Group {
                group: group.to_owned(),
                from_user_id: None,
            },
            _ => Sender::Server,
        },
        data,
        sequence_id: None,
        metadata,
        stream: None,
    };
    service
        .with_hub(hub, |turn| {
            let expires = crate::pubsub::expiry(ttl, turn.now);
            let mut broadcast = Broadcast::new(message, expires);
            turn.hub
                .send(target, &excluded, filter.as_ref(), &mut broadcast, turn.now)
        })
        .map_err(|error| bad_filter(&error))?;
    Ok(empty(StatusCode::ACCEPTED))
}

#[derive(Deserialize)]
struct GroupsAndFilter {
    #[serde(default)]
    groups: Option<Vec<String>>,
    #[serde(default)]
    filter: Option<String>,
}

async fn change_groups(
    service: &Arc<Service>,
    hub: &str,
    request: Request<Body>,
    is_add: bool,
) -> Answer {
    let body = content::body(request).await?;
    let body: GroupsAndFilter = serde_json::from_slice(&body)
        .map_err(|_| bad_request("Request", "The request body is not a valid JSON."))?;
    let groups = body.groups.unwrap_or_default();
    if groups.is_empty() {
        return Err(bad_request("Groups", "The groups field is required."));
    }
    if groups.iter().any(|group| GroupName::new(group).is_err()) {
        return Err(bad_request("Request", INVALID_GROUP));
    }
    let filter = filter(body.filter.as_deref())?;
    service.with_hub(hub, |turn| {
        let selected = turn.hub.select(Target::All, filter.as_ref());
        for id in selected.map_err(|error| bad_filter(&error))? {
            for group in &groups {
                if is_add {
                    turn.hub.join(&id, group);
                } else {
                    turn.hub.leave(&id, group, turn.now);
                }
            }
        }
        Ok(empty(StatusCode::OK))
    })
}

fn list(
    service: &Arc<Service>,
    hub: &str,
    group: &str,
    query: &Query,
    request: &Request<Body>,
) -> Answer {
    let page_size = number(query, "maxpagesize", 1, 200)?.unwrap_or(200);
    let top = number(query, "top", 1, i32::MAX.unsigned_abs())?;
    let after = match query
        .last("continuationToken")
        .filter(|token| !token.is_empty())
    {
        Some(token) => Some(
            read_continuation(token)
                .ok_or_else(|| bad_request("ContinuationToken", "Invalid continuation token."))?,
        ),
        None => None,
    };
    let limit = top.map_or(page_size, |top| top.min(page_size)) as usize;
    let (page, has_more) =
        service.with_hub(hub, |turn| turn.hub.page(group, after.as_deref(), limit));
    let left = top.map(|top| top - u32::try_from(page.len()).unwrap_or(top));
    let next = page
        .last()
        .filter(|_| has_more && left != Some(0))
        .map(|(last, _)| next_link(request, query, last, page_size, left));
    let value: Vec<_> = page
        .iter()
        .map(|(id, user)| serde_json::json!({ "connectionId": &**id, "userId": user.as_deref() }))
        .collect();
    Ok(json(
        &serde_json::json!({ "value": value, "nextLink": next }),
    ))
}

/// The address of the next page.
fn next_link(
    request: &Request<Body>,
    query: &Query,
    last: &str,
    page_size: u32,
    left: Option<u32>,
) -> String {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let version = query.last("api-version").unwrap_or("2024-12-01");
    let mut link = format!(
        "http://{host}{}?api-version={version}&maxpagesize={page_size}&continuationToken={}",
        request.uri().path(),
        URL_SAFE_NO_PAD.encode(format!("{CONTINUATION}{last}")),
    );
    if let Some(left) = left {
        link.push_str(&format!("&top={left}"));
    }
    link
}

fn read_continuation(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix(CONTINUATION).map(str::to_owned)
}

fn exists(service: &Arc<Service>, hub: &str, target: Target<'_>, kind: &str, name: &str) -> Answer {
    if service.with_hub(hub, |turn| turn.hub.exists(target)) {
        return Ok(empty(StatusCode::OK));
    }
    Err(missing(&format!("Warning.{kind}.NotExisted"), kind, name))
}

fn permission(service: &Arc<Service>, found: &Match, query: &Query) -> Answer {
    let permission = Permission::from_path(&found.permission).ok_or_else(|| {
        bad_request(
            "Permission",
            "The permission must be sendToGroup or joinLeaveGroup.",
        )
    })?;
    let id = found.connection.as_str();
    let group = query
        .last("targetName")
        .filter(|group| GroupName::new(group).is_ok())
        .ok_or_else(|| bad_request("Request", INVALID_GROUP))?;
    let not_found = || missing("Info.Connection.NotExisted", "Connection", id);
    let too_many = |_| {
        targeted(
            StatusCode::CONFLICT,
            "Error.Connection.Conflict",
            "The connection has too many permission rules.",
            Some("Connection"),
        )
    };
    service.with_hub(&found.hub, |turn| match found.operation {
        Operation::GrantPermission => {
            let granted = turn
                .hub
                .grant(id, permission, group)
                .ok_or_else(not_found)?;
            granted.map_err(too_many)?;
            Ok(empty(StatusCode::OK))
        }
        Operation::RevokePermission => {
            let revoked = turn.hub.revoke(id, permission, group).unwrap_or(Ok(()));
            revoked.map_err(too_many)?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => {
            let connection = turn.hub.connection(id).ok_or_else(not_found)?;
            if connection.permissions.allow(permission, group) {
                Ok(empty(StatusCode::OK))
            } else {
                Err(not_found())
            }
        }
    })
}

fn generate_token(
    service: &Arc<Service>,
    hub: &str,
    query: &Query,
    request: &Request<Body>,
) -> Answer {
    let minutes = number(query, "minutesToExpire", 1, i32::MAX.unsigned_abs())?.unwrap_or(60);
    let kind = query.last("clientType").unwrap_or("Default");
    let path = match kind.to_ascii_lowercase().as_str() {
        // The JavaScript client passes on what it was given, `socketio` among it.
        "default" | "socketio" => "client",
        "mqtt" => "clients/mqtt",
        _ => {
            return Err(bad_request(
                "ClientType",
                "The clientType must be Default or MQTT.",
            ));
        }
    };
    let mut claims = Claims::default()
        .with_roles(query.all("role"))
        .with_groups(query.all("group"));
    if claims
        .groups
        .iter()
        .any(|group| GroupName::new(group).is_err())
    {
        return Err(bad_request("Request", INVALID_GROUP));
    }
    let user = query.last("userId").filter(|user| !user.is_empty());
    claims.subject = user.map(str::to_owned);
    let lifetime = Duration::from_secs(60 * u64::from(minutes));
    let token = service
        .tokens
        .client(request, path, hub, claims, lifetime, service.wall());
    Ok(json(&serde_json::json!({ "token": token.expose() })))
}

fn filter(text: Option<&str>) -> Result<Option<Filter>, Response<Body>> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => Filter::parse(text)
            .map(Some)
            .map_err(|error| bad_filter(&error)),
        None => Ok(None),
    }
}

fn excluded(query: &Query) -> Vec<String> {
    query.all("excluded").map(str::to_owned).collect()
}

fn reason(query: &Query) -> &str {
    // The default of Microsoft's emulator.
    query.last("reason").unwrap_or("Closed by REST API.")
}

/// A number of the query within its range.
fn number(query: &Query, name: &str, least: u32, most: u32) -> Result<Option<u32>, Response<Body>> {
    let Some(text) = query.last(name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => {
            let message = format!("The field {name} must be between {least} and {most}.");
            Err(bad_request(name, &message))
        }
    }
}

fn missing(code: &str, kind: &str, name: &str) -> Response<Body> {
    let message = format!("{kind} `{name}` is not found.");
    targeted(StatusCode::NOT_FOUND, code, &message, Some(kind))
}

/// What is in front of an id in a continuation token.
const CONTINUATION: &str = "after:";
