//! Routing from a method and a path to an operation and the names in it, by the
//! table generated from the service's description. Pure.
//!
//! The first API version of each operation is from the change logs of the official clients.

use http::Method;
use percent_encoding::percent_decode_str;
use pubsub::{GroupName, HubName};

use crate::generated::routes;
pub(crate) use crate::generated::routes::Operation;

/// An operation and the names in its path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Match {
    pub(super) operation: Operation,
    /// In lower case.
    pub(super) hub: String,
    pub(super) group: String,
    pub(super) user: String,
    pub(super) connection: String,
    pub(super) permission: String,
}

/// Why a request has no operation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum RouteError {
    /// The path has no operation.
    NoPath,
    /// The path has operations with other methods.
    NoMethod,
    /// A name in the path is invalid.
    Name {
        operation: Operation,
        target: &'static str,
        message: &'static str,
    },
}

/// Returns the operation for a method and a path.
pub(crate) fn route(method: &Method, path: &str) -> Result<Match, RouteError> {
    // The service's web stack ignores a trailing slash.
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    // The description has only HEAD; probes that cannot send it use GET.
    let is_probe = method == Method::GET && segments == ["api", "health"];
    let method = if is_probe { &Method::HEAD } else { method };
    let Some((operation, names)) = routes::route(method, &segments) else {
        return Err(if routes::has_path(&segments) {
            RouteError::NoMethod
        } else {
            RouteError::NoPath
        });
    };
    let mut found = Match {
        operation,
        hub: String::new(),
        group: String::new(),
        user: String::new(),
        connection: String::new(),
        permission: String::new(),
    };
    // The segment before a name says what it names; names come in path order.
    let mut at = 2;
    for name in names {
        let slot = match segments[at - 1] {
            "groups" => &mut found.group,
            "users" => &mut found.user,
            "connections" => &mut found.connection,
            "permissions" => &mut found.permission,
            _ => &mut found.hub,
        };
        *slot = decode(name);
        // The next name is two segments on: its kind is in between.
        at += 2;
    }
    check(found)
}

/// Returns the index in [`VERSIONS`] of the first version that has an operation.
pub(super) fn since(operation: Operation) -> usize {
    match operation {
        Operation::RemoveConnectionFromAllGroups => 1,
        Operation::AddConnectionsToGroups | Operation::RemoveConnectionsFromGroups => 2,
        Operation::ListConnectionsInGroup => 4,
        _ => 0,
    }
}

fn check(mut found: Match) -> Result<Match, RouteError> {
    if found.operation == Operation::ServiceStatus {
        return Ok(found);
    }
    if HubName::new(&found.hub).is_err() {
        return Err(RouteError::Name {
            operation: found.operation,
            target: "hub",
            message: "Invalid hub name. Valid hub name should be in between 1 and 128 characters long, starting with a letter.",
        });
    }
    // The service compares hubs without case.
    found.hub.make_ascii_lowercase();
    if !found.group.is_empty() && GroupName::new(&found.group).is_err() {
        return Err(RouteError::Name {
            operation: found.operation,
            target: "group",
            message: INVALID_GROUP,
        });
    }
    Ok(found)
}

/// Decodes a segment except for `%2F`, which the service's web stack leaves alone.
fn decode(segment: &str) -> String {
    let lossy = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let mut decoded = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some(position) = rest.to_ascii_lowercase().find("%2f") {
        decoded.push_str(&lossy(&rest[..position]));
        decoded.push_str(&rest[position..position + 3]);
        rest = &rest[position + 3..];
    }
    decoded.push_str(&lossy(rest));
    decoded
}

/// The API versions, the newest last.
pub(super) const VERSIONS: &[&str] = &[
    "2021-10-01",
    "2022-11-01",
    "2023-07-01",
    "2024-01-01",
    "2024-12-01",
];

/// The service's error text for an invalid group name.
pub(super) const INVALID_GROUP: &str =
    "Invalid group name. Valid group name should be in between 1 and 1024 characters long.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_where_they_belong() {
        let found = route(
            &Method::PUT,
            "/api/hubs/Hubs/groups/users/connections/groups",
        )
        .unwrap();
        assert_eq!(found.operation, Operation::AddConnectionToGroup);
        assert_eq!(
            (
                found.hub.as_str(),
                found.group.as_str(),
                found.connection.as_str()
            ),
            ("hubs", "users", "groups")
        );
        let path = "/api/hubs/h/permissions/sendToGroup/connections/connections";
        let found = route(&Method::HEAD, path).unwrap();
        assert_eq!(found.operation, Operation::CheckPermission);
        assert_eq!(
            (found.permission.as_str(), found.connection.as_str()),
            ("sendToGroup", "connections")
        );
        let path = "/api/hubs/h/users/groups/groups/users";
        let found = route(&Method::DELETE, path).unwrap();
        assert_eq!(found.operation, Operation::RemoveUserFromGroup);
        assert_eq!(
            (found.user.as_str(), found.group.as_str()),
            ("groups", "users")
        );
    }

    #[test]
    fn names_are_decoded_but_for_slashes() {
        for (segment, group) in [
            ("a%20b", "a b"),
            ("a+b", "a+b"),
            ("a%2Fb", "a%2Fb"),
            ("a%2fb%20c", "a%2fb c"),
            ("a%252Fb", "a%2Fb"),
            ("%C3%BC", "ü"),
        ] {
            let path = format!("/api/hubs/h/groups/{segment}");
            assert_eq!(route(&Method::HEAD, &path).unwrap().group, group);
        }
    }

    #[test]
    fn a_closing_slash_is_nothing() {
        for path in ["/api/hubs/h/:send", "/api/hubs/h/groups/g/:send"] {
            let with_slash = format!("{path}/");
            assert_eq!(
                route(&Method::POST, &with_slash),
                route(&Method::POST, path)
            );
            assert!(route(&Method::POST, path).is_ok());
        }
    }

    #[test]
    fn ids_may_begin_with_any_letter_of_theirs() {
        for id in [
            "-hgl4Apa-MDWsdYdGSBB_JAmtbNwg02",
            "__O3HM8fu3P8qE_PidojywmtbNwgK02",
        ] {
            let path = format!("/api/hubs/h/connections/{id}");
            assert_eq!(route(&Method::HEAD, &path).unwrap().connection, id);
        }
    }

    #[test]
    fn what_is_no_operation_is_told_apart() {
        let error = |method, path: &str| route(&method, path).unwrap_err();
        for path in [
            "/api",
            "/api/hubs/h",
            "/api/hubs/h/:sends",
            "/api/hubs/h/groups//:send",
            "/api/hubs/h/groups/",
            "/api/hubs/h/:send//",
        ] {
            assert_eq!(error(Method::POST, path), RouteError::NoPath, "{path}");
        }
        assert_eq!(
            error(Method::GET, "/api/hubs/h/:send"),
            RouteError::NoMethod
        );
        for path in ["/api/hubs/1h/:send", "/api/hubs/h/groups/%20/:send"] {
            assert!(
                matches!(error(Method::POST, path), RouteError::Name { .. }),
                "{path}"
            );
        }
    }
}
