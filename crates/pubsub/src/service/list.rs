//! Listing the connections in a group, page by page.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

use super::request::Call;
use super::{ServiceClient, response};
use crate::generated::operations;
use crate::members::{self, Members};
use crate::{ConnectionId, Error, ErrorKind, GroupName, Result, UserId};

impl ServiceClient {
    /// Lists the connections in a group. Nothing is sent before the stream is polled.
    ///
    /// Each page is a snapshot; connections that come or go between two pages may
    /// be missed. A group without connections yields an empty stream.
    ///
    /// ```no_run
    /// use futures::TryStreamExt;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let mut members = chat.list_connections_in_group("room-7", None)?;
    /// while let Some(member) = members.try_next().await? {
    ///     println!("{} of {:?}", member.connection_id, member.user_id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// From this call only [`InvalidInput`](ErrorKind::InvalidInput): an invalid name, or a page
    /// size or number out of range. From the stream, the same as [all operations](Self#errors),
    /// and [`Protocol`](ErrorKind::Protocol) for a next page outside the
    /// service's address or one that was fetched before, and after
    /// [`MAX_EMPTY_PAGES`](ListOptions::MAX_EMPTY_PAGES) consecutive pages without a
    /// connection. An error ends the stream.
    pub fn list_connections_in_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
        options: impl Into<Option<ListOptions>>,
    ) -> Result<GroupMembers> {
        let group = group.try_into().map_err(Into::into)?;
        let options = options.into().unwrap_or_default();
        let names = [("group", group.as_str())];
        let mut request = self.request(&operations::LIST_CONNECTIONS_IN_GROUP, &names)?;
        if let Some(size) = options.page_size {
            if size.get() > ListOptions::MAX_PAGE_SIZE {
                return Err(Error::invalid("page_size", "must be 1 to 200"));
            }
            request = request.query("maxpagesize", &size.to_string());
        }
        if let Some(top) = options.top {
            if i32::try_from(top.get()).is_err() {
                return Err(Error::invalid("top", "must be 1 to 2147483647"));
            }
            request = request.query("top", &top.to_string());
        }
        let call = request
            .query_each("continuationToken", options.continuation_token.as_deref())
            .build()?;
        let state = (self.clone(), Progress::default(), Some(call));
        let pages = stream::try_unfold(state, |(client, mut progress, next)| async move {
            let Some(call) = next else {
                return Ok(None);
            };
            let (page, next) = client.page(&call, &mut progress).await?;
            Ok(Some((page, (client, progress, next))))
        });
        Ok(GroupMembers {
            pages: GroupMemberPages(pages.boxed()),
            ready: Vec::new().into_iter(),
        })
    }

    /// Fetches a page and returns it with the call for the next one.
    async fn page(
        &self,
        call: &Call,
        progress: &mut Progress,
    ) -> Result<(GroupMemberPage, Option<Call>)> {
        let operation = call.operation;
        let response = self.respond(call).await?;
        let body = response::accept(operation, response)?;
        let unreadable = || response::unreadable(operation);
        let answer = response::read(operation, &body)?;
        let rows = answer.get("value").and_then(members::items);
        let members = rows
            .ok_or_else(unreadable)?
            .into_iter()
            .map(|row| GroupMember::read(row).ok_or_else(unreadable))
            .collect::<Result<Vec<_>>>()?;
        let link = match answer.get("nextLink") {
            Some(link) => members::text(link).ok_or_else(unreadable)?,
            None => String::new(),
        };
        let following = if link.is_empty() {
            None
        } else {
            progress.check(members.len(), &link)?;
            let page = self.shared.target.page(operation, &link);
            Some(page.map_err(Error::maybe_delivered)?)
        };
        let page = GroupMemberPage {
            members,
            continuation_token: following
                .as_ref()
                .and_then(|next| continuation_token(next.uri().query()?)),
        };
        Ok((page, following))
    }
}

/// The progress of a listing, which detects loops and endless empty pages.
#[derive(Default)]
struct Progress {
    empty_pages: usize,
    /// The hashes of the last page links, with a key used by this listing only.
    links: HashSet<u64>,
    /// Detects longer loops (Brent, 1980): the link of the last page whose number
    /// is a power of two.
    anchor: Option<u64>,
    pages: u64,
    state: RandomState,
}

impl Progress {
    /// Records a page and the link to the next one.
    fn check(&mut self, members: usize, link: &str) -> Result<()> {
        let endless = |text: String| Error::message(ErrorKind::Protocol, text).maybe_delivered();
        self.empty_pages = if members == 0 {
            self.empty_pages + 1
        } else {
            0
        };
        if self.empty_pages >= ListOptions::MAX_EMPTY_PAGES {
            let count = self.empty_pages;
            return Err(endless(format!(
                "the service sent {count} pages in a row without a connection"
            )));
        }
        let link = self.state.hash_one(link);
        if self.links.contains(&link) || self.anchor == Some(link) {
            let text = "the service linked to a page that it had linked to before";
            return Err(endless(text.to_owned()));
        }
        if self.links.len() == MAX_LINKS {
            self.links.clear();
        }
        self.links.insert(link);
        self.pages = self.pages.saturating_add(1);
        if self.pages.is_power_of_two() {
            self.anchor = Some(link);
        }
        Ok(())
    }
}

/// Our choice: about a megabyte, for 13 million connections in pages of 200.
const MAX_LINKS: usize = 1 << 16;

/// The options of a listing.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// The maximum number of connections in a page, 1 to 200. Default: the service decides.
    pub page_size: Option<NonZeroU32>,
    /// The maximum number of connections to list, 1 to 2,147,483,647. Default: all.
    pub top: Option<NonZeroU32>,
    /// The continuation token of an earlier listing, to continue after it:
    /// [`GroupMemberPage::continuation_token`]. Default: none, to start from the beginning.
    pub continuation_token: Option<String>,
}

impl ListOptions {
    /// The maximum of `maxpagesize` in the REST description.
    pub const MAX_PAGE_SIZE: u32 = 200;
    /// The maximum number of consecutive pages without a connection that still link to a next
    /// one. Our choice: the service has not been seen to send any.
    pub const MAX_EMPTY_PAGES: usize = 100;

    /// Sets the maximum number of connections in a page.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) outside 1 to 200.
    pub fn with_page_size(mut self, size: u32) -> Result<Self> {
        match NonZeroU32::new(size) {
            Some(size) if size.get() <= Self::MAX_PAGE_SIZE => self.page_size = Some(size),
            _ => return Err(Error::invalid("page_size", "must be 1 to 200")),
        }
        Ok(self)
    }

    /// Sets the maximum number of connections to list.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) outside 1 to 2,147,483,647.
    pub fn with_top(mut self, top: u32) -> Result<Self> {
        match NonZeroU32::new(top) {
            Some(top) if i32::try_from(top.get()).is_ok() => self.top = Some(top),
            _ => return Err(Error::invalid("top", "must be 1 to 2147483647")),
        }
        Ok(self)
    }

    /// Continues an earlier listing.
    #[must_use]
    pub fn with_continuation_token(mut self, token: impl Into<String>) -> Self {
        self.continuation_token = Some(token.into());
        self
    }
}

/// A connection in a group.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[doc(alias = "WebPubSubGroupMember")]
#[non_exhaustive]
pub struct GroupMember {
    /// The id of the connection.
    pub connection_id: ConnectionId,
    /// The id of its user; `None` if it is anonymous.
    pub user_id: Option<UserId>,
}

impl GroupMember {
    /// Reads a row; `None` unless it is an object with an id, and its user, if any, is a string.
    fn read(row: &RawValue) -> Option<Self> {
        let row = Members::of(row)?;
        let id = members::text(row.get("connectionId")?)?;
        let user_id = match row.get("userId") {
            Some(user) => Some(members::text(user)?).filter(|user| !user.is_empty()),
            None => None,
        };
        Some(Self {
            connection_id: ConnectionId::new(id).ok()?,
            user_id: user_id.and_then(|user| UserId::new(user).ok()),
        })
    }
}

/// A [`Stream`] of the connections in a group, which fetches pages as needed.
///
/// # Cancel safety
///
/// `next` may be dropped: the next call continues a fetch in flight.
#[must_use = "nothing is fetched before the stream is polled"]
pub struct GroupMembers {
    pages: GroupMemberPages,
    ready: std::vec::IntoIter<GroupMember>,
}

impl GroupMembers {
    /// Converts to a stream of pages. The rest of a page that was partly read is dropped.
    pub fn into_pages(self) -> GroupMemberPages {
        self.pages
    }
}

impl Stream for GroupMembers {
    type Item = Result<GroupMember>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(member) = self.ready.next() {
                return Poll::Ready(Some(Ok(member)));
            }
            match ready!(self.pages.poll_next_unpin(cx)) {
                // An empty page need not be the last one.
                Some(Ok(page)) => self.ready = page.members.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for GroupMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupMembers").finish_non_exhaustive()
    }
}

/// A [`Stream`] of the connections in a group, page by page.
///
/// # Cancel safety
///
/// Same as [`GroupMembers`].
#[must_use = "nothing is fetched before the stream is polled"]
pub struct GroupMemberPages(BoxStream<'static, Result<GroupMemberPage>>);

impl Stream for GroupMemberPages {
    type Item = Result<GroupMemberPage>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for GroupMemberPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupMemberPages").finish_non_exhaustive()
    }
}

/// A page of the connections in a group.
#[derive(Clone, Debug)]
pub struct GroupMemberPage {
    members: Vec<GroupMember>,
    continuation_token: Option<String>,
}

impl GroupMemberPage {
    /// Returns the connections.
    pub fn members(&self) -> &[GroupMember] {
        &self.members
    }

    /// Converts into the connections.
    pub fn into_members(self) -> Vec<GroupMember> {
        self.members
    }

    /// Returns the token with which a later listing continues after this page; `None` on the last
    /// page.
    pub fn continuation_token(&self) -> Option<&str> {
        self.continuation_token.as_deref()
    }
}

fn continuation_token(query: &str) -> Option<String> {
    let (_, value) = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == "continuationToken")?;
    let value = value.replace('+', " ");
    Some(percent_decode_str(&value).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_without_end_is_ended() {
        let mut progress = Progress::default();
        for page in 1..ListOptions::MAX_EMPTY_PAGES {
            progress.check(0, &format!("empty {page}")).unwrap();
        }
        progress.check(1, "full").unwrap();
        for page in 1..ListOptions::MAX_EMPTY_PAGES {
            progress.check(0, &format!("empty again {page}")).unwrap();
        }
        let error = progress.check(0, "one too many").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.may_be_delivered());
    }

    #[test]
    fn a_circle_is_noticed_however_long_it_is() {
        for length in [
            1,
            2,
            3,
            MAX_LINKS - 1,
            MAX_LINKS,
            MAX_LINKS + 1,
            2 * MAX_LINKS + 7,
        ] {
            let mut progress = Progress::default();
            let pages = (0..5 * length).take_while(|page| {
                let link = (page % length).to_string();
                progress.check(1, &link).is_ok()
            });
            let pages = pages.count();
            assert!(pages < 5 * length, "{length}");
            assert!(pages == length || length > MAX_LINKS, "{length}: {pages}");
        }
    }

    #[test]
    fn a_circle_is_noticed_however_long_the_listing_was() {
        let mut progress = Progress::default();
        for page in 0..=3 * MAX_LINKS {
            progress.check(1, &page.to_string()).unwrap();
            assert!(progress.links.len() <= MAX_LINKS);
        }
        progress.check(1, "a").unwrap();
        progress.check(1, "b").unwrap();
        let error = progress.check(1, "a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.may_be_delivered());
    }
}
