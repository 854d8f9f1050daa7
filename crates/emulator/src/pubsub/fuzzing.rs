//! What the fuzz targets call of Web PubSub.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::filter::{Filter, Subject};
use super::rest;

/// What a filter says of a connection, or the service's words for why it is not one.
pub fn filter_matches(
    filter: &str,
    user_id: Option<&str>,
    connection_id: &str,
    protocol: Option<&str>,
    groups: &[&str],
) -> Result<bool, String> {
    let groups: BTreeSet<Arc<str>> = groups.iter().map(|group| (*group).into()).collect();
    let subject = Subject {
        user_id,
        connection_id,
        protocol,
        groups: &groups,
    };
    let filter = Filter::parse(filter).map_err(|error| error.to_string())?;
    filter.matches(&subject).map_err(|error| error.to_string())
}

/// Whether a method and a path have an operation.
pub fn has_operation(method: &http::Method, path: &str) -> bool {
    rest::route(method, path).is_ok()
}
