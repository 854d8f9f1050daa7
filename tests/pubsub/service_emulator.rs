//! The emulator answers every operation of the description with its documented status.

use azwire_tests::pubsub::link::Hub;
use azwire_tests::within;
use futures::TryStreamExt;
use pubsub::{
    ClientAccessOptions, CloseOptions, ListOptions, Permission, Result, SendOptions, ServiceClient,
};

use crate::generated::operations::{ALL, Operation};

/// The client takes no status for a success but that of the description.
#[tokio::test]
async fn every_operation_succeeds() {
    within(async {
        let hub = Hub::start().await;
        for described in ALL {
            // Each has a connection of its own, for some close it.
            let peer = hub.member(Some("ann")).await;
            let id = peer.id.as_str();
            hub.service.add_connection_to_group("g", id).await.unwrap();
            let permission = Permission::send_to_group("g").unwrap();
            hub.service.grant_permission(permission, id).await.unwrap();
            let result = call(&hub.service, described.operation, id).await;
            assert!(result.is_ok(), "{described:?}: {result:?}");
        }
    })
    .await;
}

async fn call(client: &ServiceClient, operation: Operation, id: &str) -> Result<()> {
    let send = SendOptions::default();
    let close = CloseOptions::default();
    let permission = || Permission::send_to_group("g");
    match operation {
        Operation::ServiceStatus => client.service_status().await,
        Operation::AddConnectionsToGroups => client.add_connections_to_groups(["h"], None).await,
        Operation::CloseAllConnections => client.close_all_connections(close).await,
        Operation::GenerateClientToken => {
            let access = ClientAccessOptions::default();
            client.generate_client_token(&access).await.map(drop)
        }
        Operation::RemoveConnectionsFromGroups => {
            client.remove_connections_from_groups(["g"], None).await
        }
        Operation::SendToAll => client.send_to_all("x", send).await,
        Operation::CloseConnection => client.close_connection(id, close).await,
        Operation::ConnectionExists => client.connection_exists(id).await.map(must_be),
        Operation::SendToConnection => client.send_to_connection(id, "x", send).await,
        Operation::RemoveConnectionFromAllGroups => {
            client.remove_connection_from_all_groups(id).await
        }
        Operation::GroupExists => client.group_exists("g").await.map(must_be),
        Operation::CloseGroupConnections => client.close_group_connections("g", close).await,
        Operation::SendToGroup => client.send_to_group("g", "x", send).await,
        Operation::ListConnectionsInGroup => {
            let members = client.list_connections_in_group("g", ListOptions::default())?;
            let members: Vec<_> = members.try_collect().await?;
            must_be(
                members
                    .iter()
                    .any(|member| member.connection_id.as_str() == id),
            );
            Ok(())
        }
        Operation::RemoveConnectionFromGroup => client.remove_connection_from_group("g", id).await,
        Operation::AddConnectionToGroup => client.add_connection_to_group("h", id).await,
        Operation::RevokePermission => client.revoke_permission(permission()?, id).await,
        Operation::CheckPermission => {
            let answer = client.check_permission(permission()?, id).await;
            answer.map(must_be)
        }
        Operation::GrantPermission => client.grant_permission(permission()?, id).await,
        Operation::UserExists => client.user_exists("ann").await.map(must_be),
        Operation::CloseUserConnections => client.close_user_connections("ann", close).await,
        Operation::SendToUser => client.send_to_user("ann", "x", send).await,
        Operation::RemoveUserFromAllGroups => client.remove_user_from_all_groups("ann").await,
        Operation::RemoveUserFromGroup => client.remove_user_from_group("g", "ann").await,
        Operation::AddUserToGroup => client.add_user_to_group("h", "ann").await,
    }
}

fn must_be(answer: bool) {
    assert!(answer);
}
