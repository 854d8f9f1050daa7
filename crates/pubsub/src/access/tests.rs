use std::time::UNIX_EPOCH;

use super::*;
use crate::GroupPattern;

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

fn sign(options: &ClientAccessOptions) -> Result<ClientAccessUrl> {
    ClientAccessUrl::sign(
        &"https://contoso.webpubsub.azure.com".parse().unwrap(),
        &HubName::new("chat").unwrap(),
        &AccessKey::new(KEY),
        options,
        UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    )
}

/// The published vectors, made by PyJWT.
#[test]
fn the_token_is_that_of_the_official_python_client() {
    let access = ClientAccessOptions::default()
        .with_user_id("user1")
        .unwrap()
        .with_role(Role::JoinLeaveAnyGroup)
        .with_role(Role::SendToGroup(GroupName::new("room1").unwrap()))
        .with_group("room1")
        .unwrap();
    let url = sign(&access).unwrap();
    assert!(
        url.token()
            .expose()
            .ends_with(".fsdc_qdUN4LScB5xidPyQsdGOoCZfkrgRaJtUazR_SY")
    );
    let url = sign(&ClientAccessOptions::default()).unwrap();
    assert!(
        url.url()
            .expose()
            .ends_with(".YBBDSdKBSXQaOSLDPoatzPoro4RXyMZIkEHTzEqWlMY")
    );
    let mqtt = ClientAccessOptions::default().with_protocol(ClientProtocol::Mqtt);
    assert!(
        sign(&mqtt)
            .unwrap()
            .token()
            .expose()
            .ends_with(".JfhC3NmHqWjHNx7-0-GkaQZZzPp3gqmg4bFdy0VhLa0")
    );
}

/// `getClientAccessToken` of the JavaScript client and `get_client_access_token` of the
/// Python client return these three names.
#[test]
fn the_answer_to_a_client_is_that_of_the_official_clients() {
    let url = sign(&ClientAccessOptions::default()).unwrap();
    let (token, whole) = (url.token().clone(), url.url().clone());
    let response = url.into_token_response();
    let debug = format!("{response:?}");
    assert!(!debug.contains(token.expose()), "{debug}");
    assert_eq!(
        serde_json::to_value(&response).unwrap(),
        serde_json::json!({
            "baseUrl": "wss://contoso.webpubsub.azure.com/client/hubs/chat",
            "token": token.expose(),
            "url": whole.expose(),
        })
    );
}

#[test]
fn the_address_follows_the_protocol() {
    for (protocol, url) in [
        (ClientProtocol::Default, "/client/hubs/chat"),
        (ClientProtocol::Mqtt, "/clients/mqtt/hubs/chat"),
        (ClientProtocol::SocketIo, "/clients/socketio/hubs/chat"),
    ] {
        let access = sign(&ClientAccessOptions::default().with_protocol(protocol)).unwrap();
        assert_eq!(
            access.base_url(),
            format!("wss://contoso.webpubsub.azure.com{url}")
        );
        let claims = Claims::decode_unverified(access.token().expose()).unwrap();
        assert_eq!(
            claims.audiences,
            [format!("https://contoso.webpubsub.azure.com{url}")]
        );
    }
}

#[test]
fn a_hub_is_escaped_in_the_address_and_not_in_the_audience() {
    let access = ClientAccessUrl::sign(
        &"https://contoso.webpubsub.azure.com/a[b"
            .replace('[', "%5B")
            .parse()
            .unwrap(),
        &HubName::new("a_`,.[z]").unwrap(),
        &AccessKey::new(KEY),
        &ClientAccessOptions::default(),
        UNIX_EPOCH,
    )
    .unwrap();
    let path = "/a%5Bb/client/hubs/a_%60%2C.%5Bz%5D";
    let base_url = format!("wss://contoso.webpubsub.azure.com{path}");
    assert_eq!(access.base_url(), base_url);
    let url: http::Uri = access.url().expose().parse().unwrap();
    assert_eq!(url.path(), path);
    let claims = Claims::decode_unverified(access.token().expose()).unwrap();
    let audience = "https://contoso.webpubsub.azure.com/a%5Bb/client/hubs/a_`,.[z]";
    assert_eq!(claims.audiences, [audience]);
}

#[test]
fn a_token_that_is_none_stays_in_its_parameter() {
    let url = ClientAccessUrl::new(
        &"https://contoso.webpubsub.azure.com".parse().unwrap(),
        &HubName::new("chat").unwrap(),
        ClientProtocol::Default,
        Secret::new("a-._~b c#d&e=f+g%h\nü"),
    );
    let parsed: http::Uri = url.url().expose().parse().unwrap();
    let query = "access_token=a-._~b%20c%23d%26e=f%2Bg%25h%0A%C3%BC";
    assert_eq!(parsed.query(), Some(query));
    assert_eq!(url.token().expose(), "a-._~b c#d&e=f+g%h\nü");
}

#[test]
fn roles_are_written_as_the_service_reads_them() {
    let group = || GroupName::new("a.b").unwrap();
    let pattern = || GroupPattern::new("a.**").unwrap();
    for (role, text) in [
        (Role::JoinLeaveAnyGroup, "webpubsub.joinLeaveGroup"),
        (
            Role::JoinLeaveGroup(group()),
            "webpubsub.joinLeaveGroup.a.b",
        ),
        (
            Role::JoinLeaveGroups(pattern()),
            "webpubsub.joinLeaveGroups.a.**",
        ),
        (Role::SendToAnyGroup, "webpubsub.sendToGroup"),
        (Role::SendToGroup(group()), "webpubsub.sendToGroup.a.b"),
        (Role::SendToGroups(pattern()), "webpubsub.sendToGroups.a.**"),
        (Role::GetAnyGroupState, "webpubsub.getGroupState"),
        (Role::GetGroupState(group()), "webpubsub.getGroupState.a.b"),
        (Role::SetAnyGroupState, "webpubsub.setGroupState"),
        (Role::SetGroupState(group()), "webpubsub.setGroupState.a.b"),
    ] {
        assert_eq!(role.to_string(), text);
    }
}

#[test]
fn roles_are_made_from_names_and_patterns() {
    let group = || GroupName::new("room-7").unwrap();
    let pattern = || GroupPattern::new("room-*").unwrap();
    for (made, role) in [
        (
            Role::join_leave_group("room-7"),
            Role::JoinLeaveGroup(group()),
        ),
        (Role::send_to_group(group()), Role::SendToGroup(group())),
        (
            Role::get_group_state("room-7"),
            Role::GetGroupState(group()),
        ),
        (
            Role::set_group_state("room-7"),
            Role::SetGroupState(group()),
        ),
        (
            Role::join_leave_groups("room-*"),
            Role::JoinLeaveGroups(pattern()),
        ),
        (
            Role::send_to_groups(pattern()),
            Role::SendToGroups(pattern()),
        ),
    ] {
        assert_eq!(made.unwrap(), role);
    }
    for made in [
        Role::join_leave_group(""),
        Role::send_to_group(""),
        Role::get_group_state(""),
        Role::set_group_state(""),
        Role::join_leave_groups(""),
        Role::send_to_groups(""),
    ] {
        assert_eq!(made.unwrap_err().kind(), crate::ErrorKind::InvalidInput);
    }
}

#[test]
fn a_lifetime_that_no_token_can_have_is_refused() {
    for lifetime in [Duration::ZERO, Duration::from_millis(999), Duration::MAX] {
        let error = sign(&ClientAccessOptions::default().with_lifetime(lifetime)).unwrap_err();
        assert!(error.to_string().starts_with("lifetime: "), "{error}");
    }
}
