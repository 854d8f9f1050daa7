//! What a handle asks of the driver.

use futures::channel::oneshot;

use crate::protocol::Data;
use crate::session::{Acknowledged, RequestError};
use crate::{EventName, GroupName, Result};

/// The way back for a request's outcome.
pub(super) type Reply = oneshot::Sender<Result<Acknowledged, RequestError>>;

pub(super) enum Command {
    Start(oneshot::Sender<Result<()>>),
    Stop(oneshot::Sender<()>),
    JoinGroup(GroupName, Reply),
    LeaveGroup(GroupName, Reply),
    SendToGroup {
        group: GroupName,
        data: Data,
        no_echo: bool,
        reply: Reply,
    },
    SendEvent(EventName, Data, Reply),
}
