//! Entry points of the Web PubSub fuzz targets.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::filter::{Filter, Subject};
use super::rest;

/// Evaluates a filter for a connection; the error has the service's text.
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

/// Returns whether an operation exists for a method and a path.
pub fn has_operation(method: &http::Method, path: &str) -> bool {
    rest::route(method, path).is_ok()
}
