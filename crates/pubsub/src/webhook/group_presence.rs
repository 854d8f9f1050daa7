//! Group presence events: a connection joined or left a group. Pure.
//!
//! Source: `@azure/web-pubsub-express` 1.1.0; the service sends these events if
//! `groupPresenceEvents` of the hub's event handler enables them.

use super::{ConnectionContext, InvalidRequest};
use crate::GroupName;
use crate::members::{self, Members};

/// The event that a connection joined a group.
#[derive(Clone, Debug)]
#[doc(alias = "GroupJoinedEventRequest")]
pub struct GroupJoinedRequest {
    context: ConnectionContext,
    group: GroupName,
}

impl GroupJoinedRequest {
    pub(super) fn read(context: ConnectionContext, body: &[u8]) -> Result<Self, InvalidRequest> {
        let group = group(body)?;
        Ok(Self { context, group })
    }

    /// Returns the connection that joined.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// Returns the group.
    pub fn group(&self) -> &GroupName {
        &self.group
    }
}

/// The event that a connection left a group.
#[derive(Clone, Debug)]
#[doc(alias = "GroupLeftEventRequest")]
pub struct GroupLeftRequest {
    context: ConnectionContext,
    group: GroupName,
}

impl GroupLeftRequest {
    pub(super) fn read(context: ConnectionContext, body: &[u8]) -> Result<Self, InvalidRequest> {
        let group = group(body)?;
        Ok(Self { context, group })
    }

    /// Returns the connection that left.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// Returns the group.
    pub fn group(&self) -> &GroupName {
        &self.group
    }
}

fn group(body: &[u8]) -> Result<GroupName, InvalidRequest> {
    let group = Members::read(body).and_then(|members| members::text(members.get("group")?));
    group
        .and_then(|group| GroupName::new(group).ok())
        .ok_or(InvalidRequest::Body {
            expected: "the JSON of a group presence event",
        })
}
