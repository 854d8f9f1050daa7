//! The data actions of operations, which roles allow. Pure.
//!
//! The actions are those of Azure's list; which operation needs which is named nowhere, and follows
//! from their names.

use super::route::Operation;

/// Returns the data action of an operation; `None` if nobody needs a token for it.
pub(super) fn of(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::ServiceStatus => return None,
        Operation::SendToAll => "Microsoft.SignalRService/WebPubSub/hub/send/action",
        Operation::SendToGroup => "Microsoft.SignalRService/WebPubSub/group/send/action",
        Operation::SendToUser => "Microsoft.SignalRService/WebPubSub/user/send/action",
        Operation::SendToConnection => {
            "Microsoft.SignalRService/WebPubSub/clientConnection/send/action"
        }
        Operation::GroupExists | Operation::ListConnectionsInGroup => {
            "Microsoft.SignalRService/WebPubSub/group/read"
        }
        Operation::AddConnectionToGroup
        | Operation::AddConnectionsToGroups
        | Operation::AddUserToGroup
        | Operation::RemoveConnectionFromAllGroups
        | Operation::RemoveConnectionFromGroup
        | Operation::RemoveConnectionsFromGroups
        | Operation::RemoveUserFromAllGroups
        | Operation::RemoveUserFromGroup => "Microsoft.SignalRService/WebPubSub/group/write",
        Operation::UserExists => "Microsoft.SignalRService/WebPubSub/user/read",
        Operation::CheckPermission | Operation::ConnectionExists => {
            "Microsoft.SignalRService/WebPubSub/clientConnection/read"
        }
        Operation::CloseAllConnections
        | Operation::CloseConnection
        | Operation::CloseGroupConnections
        | Operation::CloseUserConnections
        | Operation::GrantPermission
        | Operation::RevokePermission => CONNECT,
        Operation::GenerateClientToken => {
            "Microsoft.SignalRService/WebPubSub/clientConnection/generateToken/action"
        }
    })
}

/// What whoever had a client token generated needs as well for its holder to connect.
pub(super) const CONNECT: &str = "Microsoft.SignalRService/WebPubSub/clientConnection/write";
