//! Rendezvous addresses, and the parameters that a listener adds to them. Pure.

use http::{StatusCode, Uri};
use relay::_internal::{ACTION, ID, STATUS_CODE, STATUS_DESCRIPTION, query_value, strip_reserved};

use crate::relay::{given, relayed_head, web_socket_path};

/// The purpose of a rendezvous address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::relay) enum Action {
    /// For the WebSocket of a sender.
    Accept,
    /// For relayed HTTP.
    Request,
}

impl Action {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Request => "request",
        }
    }
}

/// Returns a rendezvous address, with the sender's own query first.
pub(in crate::relay) fn of(
    reached_at: &str,
    path: &str,
    query: Option<&str>,
    action: Action,
    id: &str,
    secret: &str,
) -> String {
    let query = query
        .and_then(strip_reserved)
        .filter(|query| !query.is_empty())
        .map(|query| relayed_head::presented(&query) + "&")
        .unwrap_or_default();
    let action = action.name();
    format!("{reached_at}{path}?{query}{ACTION}={action}&{ID}={id}&{SECRET}={secret}")
}

/// Returns the secret in the query of an address.
pub(super) fn secret(query: &str) -> Option<String> {
    query_value(query, SECRET)
}

/// Returns whether a listener can open an address with this path and query: it
/// must fit into the head of a request, besides the listener's own fields. The
/// `/$hc` of a WebSocket does not count, so that the limit is the same for both
/// kinds of senders.
pub(in crate::relay) fn has_room(uri: &Uri) -> bool {
    let path = uri.path();
    let path = web_socket_path(path).map_or(path, |rest| &path[path.len() - rest.len()..]);
    relayed_head::target(path.trim_start_matches('/'), uri.query()).len() < MAX_TARGET
}

/// The status of a rejection is not from 200 to 999.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InvalidStatus;

/// Returns the status and reason with which a listener rejects a sender, if it
/// does. The official Node client writes the names without their prefix; before
/// the address's own parameters such names are the sender's.
pub(super) fn rejection(query: &str) -> Result<Option<(StatusCode, String)>, InvalidStatus> {
    let own = query.find(&format!("&{SECRET}="));
    let added = own.map_or("", |at| &query[at + 1..]);
    let value = |name: &str| {
        let bare = name.trim_start_matches("sb-hc-");
        given(query, name).or_else(|| given(added, bare))
    };
    let Some(status) = value(STATUS_CODE) else {
        return Ok(None);
    };
    // A status below 200 would not be a response to the sender.
    let status = status
        .trim()
        .parse()
        .ok()
        .filter(|status| (200..=999).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or(InvalidStatus)?;
    Ok(Some((
        status,
        value(STATUS_DESCRIPTION).unwrap_or_default(),
    )))
}

/// The parameter of the secret that makes a rendezvous address unguessable;
/// reserved, so that it never reaches the application.
const SECRET: &str = "sb-hc-rendezvous";
/// The longest path and query that are relayed, as sent to the listener: a head
/// may have 64 KiB, of which 4 KiB are for what a listener adds.
const MAX_TARGET: usize = 60 * 1024;
pub(in crate::relay) const TARGET_TOO_LONG: &str = "The path and the query are larger than 60 KiB.";
/// The official .NET listener reads a command into a buffer of this size.
pub(in crate::relay) const MAX_COMMAND: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejections_are_read_in_both_spellings() {
        for (query, expected) in [
            ("a=1", Ok(None)),
            (
                "sb-hc-statusCode=403&sb-hc-statusDescription=No+entry%3A+7",
                Ok(Some((403, "No entry: 7"))),
            ),
            (
                "a=1&sb-hc-rendezvous=s&statusCode=404&statusDescription",
                Ok(Some((404, ""))),
            ),
            ("statusCode=404&sb-hc-id=I&sb-hc-rendezvous=s", Ok(None)),
            (
                "statusCode=x&sb-hc-rendezvous=s&sb-hc-statusCode=503&sb-hc-statusDescription=Busy",
                Ok(Some((503, "Busy"))),
            ),
            ("sb-hc-statuscode=999", Ok(Some((999, "")))),
            ("sb%2Dhc-statusCode=+404%20", Ok(Some((404, "")))),
            ("sb-hc-statusCode=&sb-hc-statusDescription=x", Ok(None)),
            ("sb-hc-statusCode=101", Err(InvalidStatus)),
            ("sb-hc-statusCode=1000", Err(InvalidStatus)),
            ("sb-hc-statusCode=x", Err(InvalidStatus)),
        ] {
            let expected = expected.map(|rejection| {
                rejection.map(|(status, reason)| {
                    (StatusCode::from_u16(status).unwrap(), reason.to_owned())
                })
            });
            assert_eq!(rejection(query), expected, "{query}");
        }
    }

    #[test]
    fn addresses_keep_the_senders_query_and_nothing_reserved() {
        for (query, expected) in [
            (None, ""),
            (Some("sb-hc-token=t&sb-hc-action=connect"), ""),
            (Some("room=5&sb-hc-id=1&x=%20"), "room=5&x=%20&"),
        ] {
            assert_eq!(
                of(
                    "wss://h:1",
                    "/$hc/hc1/chat",
                    query,
                    Action::Accept,
                    "I",
                    "s"
                ),
                format!(
                    "wss://h:1/$hc/hc1/chat?{expected}sb-hc-action=accept&sb-hc-id=I&sb-hc-rendezvous=s"
                )
            );
        }
    }
}
