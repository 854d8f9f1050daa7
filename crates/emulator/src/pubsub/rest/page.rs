//! Pages of the connections in a group. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use transport::Body;

use super::error::RestError;
use super::parameter::{Empties, number};
use super::route::VERSIONS;
use crate::prefix::prefix;
use crate::pubsub::origin::Origin;
use crate::pubsub::query::Query;

/// A request for a page.
#[derive(Debug)]
pub(super) struct PageRequest<'a> {
    /// The most connections on a page.
    size: u32,
    /// The most connections on this page and all that follow it.
    top: Option<u32>,
    /// The continuation token: the page begins after this id. Any text is accepted.
    pub(super) after: Option<Cow<'a, str>>,
}

impl<'a> PageRequest<'a> {
    pub(super) fn read(query: &'a Query) -> Result<Self, RestError> {
        let size = number(query, "maxpagesize", 1..=MAX_PAGE, Empties::Refused)?;
        let most = i32::MAX.unsigned_abs();
        Ok(Self {
            size: size.unwrap_or(MAX_PAGE),
            top: number(query, "top", 1..=most, Empties::Refused)?,
            after: query
                .first(CONTINUATION_TOKEN)
                .map(inner_token)
                .filter(|token| !token.is_empty()),
        })
    }

    /// Returns the most connections on the page.
    pub(super) fn limit(&self) -> usize {
        self.top.map_or(self.size, |top| top.min(self.size)) as usize
    }

    /// Returns the page with these connections, of which the first is the greatest.
    pub(super) fn answer<'p>(
        &self,
        page: &'p [(Arc<str>, Option<Arc<str>>)],
        has_more: bool,
        query: &Query,
        request: &Request<Body>,
    ) -> Page<'p> {
        let found = u32::try_from(page.len()).unwrap_or(u32::MAX);
        let left = self.top.map(|top| top.saturating_sub(found));
        let last = page.first().filter(|_| has_more && left != Some(0));
        Page {
            value: page
                .iter()
                .map(|(id, user)| Row {
                    connection_id: id,
                    user_id: user.as_deref(),
                })
                .collect(),
            next_link: last.map(|(last, _)| self.next_link(last, left, query, request)),
        }
    }

    /// Returns the address of the next page.
    fn next_link(
        &self,
        last: &str,
        left: Option<u32>,
        query: &Query,
        request: &Request<Body>,
    ) -> String {
        let Origin { scheme, host } = Origin::of(request);
        let (prefix, path) = (prefix(request), request.uri().path());
        let top = left.map_or(String::new(), |left| format!("top={left}&"));
        let size = self.size;
        let token = utf8_percent_encode(last, ESCAPED);
        let newest = VERSIONS.last().copied().unwrap_or_default();
        let version = query.first("api-version").unwrap_or(newest);
        format!(
            "{scheme}://{host}{prefix}{path}?{top}maxpagesize={size}&{CONTINUATION_TOKEN}={token}&api-version={version}"
        )
    }
}

/// A page, its members in the service's order.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    value: Vec<Row<'a>>,
    /// Absent on the last page.
    #[serde(rename = "nextLink", skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    connection_id: &'a str,
    user_id: Option<&'a str>,
}

/// Extracts the token from a token: the pagers of .NET and Java pass the whole link.
fn inner_token(token: &str) -> Cow<'_, str> {
    let is_link = |scheme| {
        let start = token.get(..str::len(scheme));
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if !is_link("http://") && !is_link("https://") {
        return Cow::Borrowed(token);
    }
    let query = token.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let query = Query::parse(query);
    match query.first(CONTINUATION_TOKEN) {
        Some(inner) => Cow::Owned(inner.to_owned()),
        None => Cow::Borrowed(token),
    }
}

/// The characters of ids need no escape.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
const CONTINUATION_TOKEN: &str = "continuationToken";
/// The service's limit.
const MAX_PAGE: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_an_id_any_text_or_a_whole_link() {
        for (token, inner) in [
            (
                "_dpeZtoUbGgGF-EK06RDQQIQBg-Qa02",
                "_dpeZtoUbGgGF-EK06RDQQIQBg-Qa02",
            ),
            ("x", "x"),
            ("http", "http"),
            (
                "https://h/p?maxpagesize=1&continuationToken=a-_b02&api-version=v",
                "a-_b02",
            ),
            ("HTTP://h/p?top=2&ContinuationToken=a%2Bb#f", "a+b"),
            ("https://h/p?x=y", "https://h/p?x=y"),
            (
                "https://h/continuationToken=a",
                "https://h/continuationToken=a",
            ),
            (
                "ftp://h/?continuationToken=a",
                "ftp://h/?continuationToken=a",
            ),
            ("", ""),
        ] {
            assert_eq!(inner_token(token), inner);
        }
    }
}
