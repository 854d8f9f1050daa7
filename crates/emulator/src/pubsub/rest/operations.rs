//! The data-plane operations.
//!
//! Statuses, headers and bodies are those recorded at the service; where it
//! differs from its description, the service wins.

use std::sync::Arc;
use std::time::Duration;

use auth::Claims;
use http::{Request, Response, StatusCode};
use pubsub::GroupName;
use pubsub::protocol::{DataOrigin, DownstreamMessage};
use serde::Serialize;
use transport::{Body, CloseCode};

use super::error::{RestError, chunked_json, json};
use super::groups::GroupsAndFilter;
use super::page::PageRequest;
use super::parameter::{Empties, number};
use super::recording::{self, Effects};
use super::route::{INVALID_GROUP, Match, Operation};
use super::{action, content};
use crate::answer::empty;
use crate::pubsub::Service;
use crate::pubsub::broadcast::Broadcast;
use crate::pubsub::ending::{EndedBy, Ending};
use crate::pubsub::filter::Filter;
use crate::pubsub::hub::Target;
use crate::pubsub::permission::Permission;
use crate::pubsub::query::Query;
use crate::pubsub::token::{Sender, mark_as_unable_to_connect};

type RestResult = Result<Response<Body>, RestError>;

/// Performs an authorized operation.
pub(super) async fn perform(
    service: &Arc<Service>,
    found: Match,
    query: &Query,
    request: Request<Body>,
    sender: &Sender,
    effects: &mut Effects,
) -> RestResult {
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
        | Operation::SendToConnection => send(service, hub, target, query, request, effects).await,
        Operation::AddConnectionsToGroups => {
            change_groups(service, hub, request, true, effects).await
        }
        Operation::RemoveConnectionsFromGroups => {
            change_groups(service, hub, request, false, effects).await
        }
        Operation::AddConnectionToGroup => {
            let is_there = service.with_hub(hub, |hub_lock| hub_lock.hub.join(id, group));
            effects.set_receivers(usize::from(is_there));
            if is_there {
                return Ok(empty(StatusCode::OK));
            }
            Err(missing("Error.Connection.NotExisted", "Connection", id))
        }
        Operation::RemoveConnectionFromGroup => {
            service.with_hub(hub, |hub_lock| hub_lock.hub.leave(id, group, hub_lock.now));
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::RemoveConnectionFromAllGroups => {
            service.with_hub(hub, |hub_lock| hub_lock.hub.leave_all(id, hub_lock.now));
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::AddUserToGroup => {
            let added = service.with_hub(hub, |hub_lock| {
                // Only a filter can be refused.
                let connections = hub_lock.hub.select(target, None).unwrap_or_default();
                connections
                    .iter()
                    .filter(|id| hub_lock.hub.join(id, group))
                    .count()
            });
            effects.set_receivers(added);
            if added > 0 {
                return Ok(empty(StatusCode::OK));
            }
            Err(missing("Warning.User.NotExisted", "User", user))
        }
        Operation::RemoveUserFromGroup | Operation::RemoveUserFromAllGroups => {
            let removed = service.with_hub(hub, |hub_lock| {
                let connections = hub_lock.hub.select(target, None).unwrap_or_default();
                for id in &connections {
                    match found.operation {
                        Operation::RemoveUserFromGroup => {
                            hub_lock.hub.leave(id, group, hub_lock.now)
                        }
                        _ => hub_lock.hub.leave_all(id, hub_lock.now),
                    }
                }
                connections.len()
            });
            effects.set_receivers(removed);
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::ListConnectionsInGroup => list(service, hub, group, query, &request),
        Operation::ConnectionExists => exists(service, hub, target, "Connection", id),
        Operation::GroupExists => exists(service, hub, target, "Group", group),
        Operation::UserExists => exists(service, hub, target, "User", user),
        Operation::CloseConnection => {
            let ending = closed(query);
            let is_closed =
                service.with_hub(hub, |hub_lock| hub_lock.hub.close(id, ending, hub_lock.now));
            effects.set_receivers(usize::from(is_closed));
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::CloseAllConnections
        | Operation::CloseGroupConnections
        | Operation::CloseUserConnections => {
            let excluded = excluded(query);
            let ending = closed(query);
            let closed = service.with_hub(hub, |hub_lock| {
                hub_lock
                    .hub
                    .close_all(target, &excluded, &ending, hub_lock.now)
            });
            effects.set_receivers(closed);
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::GrantPermission | Operation::RevokePermission | Operation::CheckPermission => {
            permission(service, &found, query)
        }
        Operation::GenerateClientToken => generate_token(service, hub, query, &request, sender),
    }
}

async fn send(
    service: &Arc<Service>,
    hub: &str,
    target: Target<'_>,
    query: &Query,
    request: Request<Body>,
    effects: &mut Effects,
) -> RestResult {
    let filter = match target {
        Target::Connection(_) => None,
        _ => filter("filter", query.first("filter"))?,
    };
    let excluded = match target {
        Target::All | Target::Group(_) => excluded(query),
        _ => Vec::new(),
    };
    let ttl = number(query, "messageTtlSeconds", 0..=300, Empties::Absent)?;
    let metadata = content::metadata(request.headers())?;
    let data = content::data(request).await?;
    effects.set_payload(&data);
    let message = DownstreamMessage::Data {
        from: match target {
            Target::Group(group) => DataOrigin::Group {
                group: group.into(),
                from_user_id: None,
            },
            _ => DataOrigin::Server,
        },
        data,
        sequence_id: None,
        metadata,
        stream: None,
    };
    let receivers = service
        .with_hub(hub, |hub_lock| {
            let expires = crate::pubsub::expiry(ttl, hub_lock.now);
            let mut broadcast = Broadcast::new(message, expires);
            hub_lock.hub.send(
                target,
                &excluded,
                filter.as_ref(),
                &mut broadcast,
                hub_lock.now,
            )
        })
        .map_err(|error| RestError::filter("filter", &error))?;
    effects.set_receivers(receivers);
    Ok(empty(StatusCode::ACCEPTED))
}

async fn change_groups(
    service: &Arc<Service>,
    hub: &str,
    request: Request<Body>,
    is_add: bool,
    effects: &mut Effects,
) -> RestResult {
    let wanted: GroupsAndFilter = content::json(request).await?;
    let groups = wanted.groups()?;
    // Targets in a body are named as in the service's own code.
    let target = "Filter";
    let filter = filter(target, wanted.filter.as_deref())?;
    service.with_hub(hub, |hub_lock| {
        let selected = hub_lock.hub.select(Target::All, filter.as_ref());
        let selected = selected.map_err(|error| RestError::filter(target, &error))?;
        effects.set_receivers(selected.len());
        for id in &selected {
            for group in &groups {
                if is_add {
                    hub_lock.hub.join(id, group);
                } else {
                    hub_lock.hub.leave(id, group, hub_lock.now);
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
) -> RestResult {
    let wanted = PageRequest::read(query)?;
    let (page, has_more) = service.with_hub(hub, |hub_lock| {
        hub_lock
            .hub
            .page(group, wanted.after.as_deref(), wanted.limit())
    });
    Ok(json(&wanted.answer(&page, has_more, query, request)))
}

fn exists(
    service: &Arc<Service>,
    hub: &str,
    target: Target<'_>,
    kind: &'static str,
    name: &str,
) -> RestResult {
    if service.with_hub(hub, |hub_lock| hub_lock.hub.exists(target)) {
        return Ok(empty(StatusCode::OK));
    }
    let code = format!("Warning.{kind}.NotExisted");
    match target {
        // No response to HEAD has a body; recorded are the length of this one,
        // and that a group without connections does not exist.
        Target::Group(_) => {
            let message = format!("{kind} `{name}` is empty.");
            Err(RestError::new(StatusCode::NOT_FOUND, code, kind, message))
        }
        _ => Err(missing(&code, kind, name)),
    }
}

fn permission(service: &Arc<Service>, found: &Match, query: &Query) -> RestResult {
    let permission = Permission::from_path(&found.permission)
        .ok_or_else(|| RestError::not_valid("permission", &found.permission))?;
    let id = found.connection.as_str();
    let group = query
        .first("targetName")
        .filter(|group| GroupName::new(group).is_ok())
        .ok_or_else(|| RestError::bad_request(INVALID_GROUP))?;
    let not_found = || missing("Info.Connection.NotExisted", "Connection", id);
    let too_many = |_| {
        let rule = "a connection has at most 1,000 rules for single groups, per permission";
        service
            .journal
            .record(|| recording::refused(found, "permission rules", &rule, StatusCode::CONFLICT));
        RestError::new(
            StatusCode::CONFLICT,
            "Error.Connection.Conflict",
            "Connection",
            "The connection has too many permission rules.",
        )
    };
    service.with_hub(&found.hub, |hub_lock| match found.operation {
        Operation::GrantPermission => {
            let granted = hub_lock
                .hub
                .grant(id, permission, group)
                .ok_or_else(not_found)?;
            granted.map_err(too_many)?;
            Ok(empty(StatusCode::OK))
        }
        Operation::RevokePermission => {
            let revoked = hub_lock.hub.revoke(id, permission, group).unwrap_or(Ok(()));
            revoked.map_err(too_many)?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => {
            let connection = hub_lock.hub.connection(id).ok_or_else(not_found)?;
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
    sender: &Sender,
) -> RestResult {
    let most = i32::MAX.unsigned_abs();
    let minutes = number(query, "minutesToExpire", 1..=most, Empties::Refused)?.unwrap_or(60);
    let kind = query.first("clientType").unwrap_or("Default");
    let path = match kind.to_ascii_lowercase().as_str() {
        "default" => "client",
        "mqtt" => "clients/mqtt",
        // The JavaScript client passes its argument verbatim.
        "socketio" if service.is_socket_io => "clients/socketio",
        _ => return Err(RestError::not_valid("clientType", kind)),
    };
    let mut claims = Claims::default()
        .with_roles(query.all("role").filter(|role| !role.is_empty()))
        .with_groups(query.all("group"));
    if claims
        .groups
        .iter()
        .any(|group| GroupName::new(group).is_err())
    {
        return Err(RestError::Validation {
            target: "group",
            message: INVALID_GROUP.to_owned(),
        });
    }
    let user = query.first("userId").filter(|user| !user.is_empty());
    claims.subject = user.map(str::to_owned);
    if !service.tokens.may(sender, action::CONNECT, hub) {
        claims = mark_as_unable_to_connect(claims);
    }
    let lifetime = Duration::from_secs(60 * u64::from(minutes));
    let token = service
        .tokens
        .client(request, path, hub, claims, lifetime, service.wall());
    Ok(chunked_json(&Token {
        token: token.expose(),
    }))
}

#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
}

fn filter(target: &'static str, text: Option<&str>) -> Result<Option<Filter>, RestError> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => Filter::parse(text)
            .map(Some)
            .map_err(|error| RestError::filter(target, &error)),
        None => Ok(None),
    }
}

fn excluded(query: &Query) -> Vec<String> {
    query.all("excluded").map(str::to_owned).collect()
}

/// Returns the end that a request asks for.
fn closed(query: &Query) -> Ending {
    let reason = query.first("reason").filter(|reason| !reason.is_empty());
    // The default in Microsoft's emulator.
    let reason = reason.unwrap_or("Closed by REST API.").to_owned();
    Ending::closed(EndedBy::Request, CloseCode::NORMAL, reason)
}

fn missing(code: &str, kind: &'static str, name: &str) -> RestError {
    let message = format!("{kind} `{name}` is not found.");
    RestError::new(StatusCode::NOT_FOUND, code, kind, message)
}
