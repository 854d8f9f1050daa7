//! What connections may do: granted by the service client, or by their token.

use auth::Claims;
use azwire_tests::pubsub::link::Hub;
use azwire_tests::within;
use pubsub::{
    Client, ClientAccessOptions, ErrorKind, GroupPattern, Permission, Role, ServiceClient,
    ServiceCredential,
};

#[tokio::test]
async fn a_permission_is_granted_checked_used_and_revoked() {
    within(async {
        let hub = Hub::start().await;
        let service = &hub.service;
        let peer = hub.member(Some("ann")).await;
        let connection = service.connection(peer.id.as_str()).unwrap();
        for permission in [
            Permission::join_leave_group("a.b c%").unwrap(),
            Permission::send_to_group("a.b c%").unwrap(),
        ] {
            let check = || connection.check_permission(permission.clone());
            assert!(!check().await.unwrap());
            connection
                .grant_permission(permission.clone())
                .await
                .unwrap();
            assert!(check().await.unwrap());
            let other = Permission::join_leave_group("a.b").unwrap();
            assert!(!connection.check_permission(other).await.unwrap());
        }
        peer.client.join_group("a.b c%").await.unwrap();
        assert!(service.group_exists("a.b c%").await.unwrap());
        let error = peer.client.join_group("other").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAcknowledged);

        let permission = || Permission::join_leave_group("a.b c%").unwrap();
        for _ in 0..2 {
            connection.revoke_permission(permission()).await.unwrap();
            assert!(!connection.check_permission(permission()).await.unwrap());
        }
        let error = service
            .grant_permission(permission(), "gone")
            .await
            .unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), 404);
        assert_eq!(error.error_code(), Some("Info.Connection.NotExisted"));
        service
            .revoke_permission(permission(), "gone")
            .await
            .unwrap();
        assert!(
            !service
                .check_permission(permission(), "gone")
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn roles_in_the_token_are_rights() {
    within(async {
        let hub = Hub::start().await;
        let pattern = |text| GroupPattern::new(text).unwrap();
        let access = ClientAccessOptions::default()
            .with_role(Role::JoinLeaveGroups(pattern("chat-*")))
            .with_role(Role::JoinLeaveGroup("only.this".parse().unwrap()));
        let peer = hub.member_with(access).await;
        for (group, allowed) in [
            ("chat-1", true),
            ("chat-", true),
            ("chat-1.2", false),
            ("only.this", true),
            ("only.that", false),
        ] {
            let result = peer.client.join_group(group).await;
            assert_eq!(result.is_ok(), allowed, "{group}: {result:?}");
        }
    })
    .await;
}

/// Without a key the service makes the token, and a client connects with it.
#[tokio::test]
async fn a_token_that_the_service_makes_opens_a_connection() {
    within(async {
        let hub = Hub::start().await;
        let access = ClientAccessOptions::default()
            .with_user_id("ann")
            .unwrap()
            .with_role(Role::SendToAnyGroup)
            .with_group("g")
            .unwrap();
        let token = hub.service.generate_client_token(&access).await.unwrap();
        let claims = Claims::decode_unverified(token.expose()).unwrap();
        assert_eq!(claims.subject.as_deref(), Some("ann"));
        assert_eq!(claims.roles, ["webpubsub.sendToGroup"]);
        assert_eq!(claims.groups, ["g"]);
        let url = format!(
            "{}/client/hubs/chat?access_token={}",
            hub.service.endpoint().websocket(),
            token.expose()
        );
        let (client, _events) = Client::builder(url.as_str()).build().unwrap();
        client.start().await.unwrap();
        assert!(hub.service.group_exists("g").await.unwrap());
        assert!(hub.service.user_exists("ann").await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_credential_that_the_service_does_not_know_is_refused() {
    within(async {
        let hub = Hub::start().await;
        let endpoint = hub.service.endpoint().clone();
        let stranger = ServiceClient::builder(
            endpoint.clone(),
            "chat".parse().unwrap(),
            auth::AccessKey::new("0123456789-0123456789-0123456789-0123456789"),
        );
        let no_token = ServiceClient::builder(
            endpoint,
            "chat".parse().unwrap(),
            ServiceCredential::provider(auth::token_fn(|_| async {
                let year_2100 =
                    std::time::UNIX_EPOCH + std::time::Duration::from_secs(4_102_444_800);
                Ok(auth::AccessToken::new("no token at all", year_2100))
            })),
        );
        for client in [stranger, no_token] {
            let client = client.build().unwrap();
            let error = client.user_exists("ann").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Auth);
            assert_eq!(error.status().unwrap().as_u16(), 401);
        }
    })
    .await;
}
