//! Groups, users and connections, as the service client manages them.

use std::collections::BTreeSet;

use azwire_tests::pubsub::link::Hub;
use azwire_tests::within;
use futures::TryStreamExt;
use pubsub::{CloseOptions, ErrorKind, Filter, GroupMember, ListOptions, SendOptions};

/// The scenario of the reference of the REST interface, with the statuses of recorded answers.
#[tokio::test]
async fn a_connection_comes_joins_leaves_and_goes() {
    within(async {
        let hub = Hub::start().await;
        let service = &hub.service;
        let group = service.group("g").unwrap();
        let user = service.user("u1").unwrap();

        assert!(!service.connection_exists("c1").await.unwrap());
        user.send("nobody is there", SendOptions::default())
            .await
            .unwrap();
        let error = user.add_to_group("g").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Service);
        assert_eq!(error.status().unwrap().as_u16(), 404);
        assert_eq!(error.error_code(), Some("Warning.User.NotExisted"));
        service
            .add_connections_to_groups(["g"], None)
            .await
            .unwrap();

        let mut peer = hub.member(Some("u1")).await;
        let connection = service.connection(peer.id.as_str()).unwrap();
        assert!(user.exists().await.unwrap());
        assert!(connection.exists().await.unwrap());
        assert!(!group.exists().await.unwrap());

        for _ in 0..2 {
            group.add_connection(peer.id.as_str()).await.unwrap();
        }
        assert!(group.exists().await.unwrap());
        let members: Vec<GroupMember> = group
            .list_connections(ListOptions::default())
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(members.len(), 1);
        assert_eq!(members[0].connection_id.as_str(), peer.id);
        assert_eq!(members[0].user_id.as_ref().unwrap().as_str(), "u1");
        group.send("hi", SendOptions::default()).await.unwrap();
        assert_eq!(peer.text().await, "hi");

        let error = group.add_connection("gone").await.unwrap_err();
        assert_eq!(error.error_code(), Some("Error.Connection.NotExisted"));
        for _ in 0..2 {
            group.remove_connection(peer.id.as_str()).await.unwrap();
        }
        assert!(!group.exists().await.unwrap());

        for _ in 0..2 {
            let options = CloseOptions::default().with_reason("bye & good luck");
            connection.close(options).await.unwrap();
        }
        assert_eq!(peer.closed().await.as_deref(), Some("bye & good luck"));
        assert!(!connection.exists().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn every_way_into_a_group_and_out_of_it() {
    within(async {
        let hub = Hub::start().await;
        let service = &hub.service;
        let ann = hub.member(Some("ann")).await;
        let bob = hub.member(Some("bob")).await;
        let members = async |name: &str| {
            let members = service
                .list_connections_in_group(name, ListOptions::default())
                .unwrap();
            let members: Vec<GroupMember> = members.try_collect().await.unwrap();
            members
                .iter()
                .map(|member| member.user_id.as_ref().unwrap().to_string())
                .collect::<Vec<_>>()
                .into_iter()
                .collect::<BTreeSet<_>>()
        };
        let set = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };

        service.add_user_to_group("a/1", "ann").await.unwrap();
        assert_eq!(members("a/1").await, set(&["ann"]));
        service.remove_user_from_group("a/1", "ann").await.unwrap();
        assert_eq!(members("a/1").await, set(&[]));

        service
            .add_connections_to_groups(["x", "y", "z"], None)
            .await
            .unwrap();
        assert_eq!(members("x").await, set(&["ann", "bob"]));
        let only_bob = || Filter::user_id().eq("bob");
        service
            .remove_connections_from_groups(["x"], only_bob())
            .await
            .unwrap();
        assert_eq!(members("x").await, set(&["ann"]));
        assert_eq!(members("y").await, set(&["ann", "bob"]));

        let connection = service.connection(bob.id.as_str()).unwrap();
        connection.remove_from_all_groups().await.unwrap();
        assert_eq!(members("z").await, set(&["ann"]));
        connection.add_to_group("z").await.unwrap();
        assert_eq!(members("z").await, set(&["ann", "bob"]));
        connection.remove_from_group("z").await.unwrap();
        service.remove_user_from_all_groups("ann").await.unwrap();
        for group in ["x", "y", "z"] {
            assert_eq!(members(group).await, set(&[]));
        }
        drop(ann);
    })
    .await;
}

#[tokio::test]
async fn a_long_group_is_listed_page_by_page() {
    within(async {
        let hub = Hub::start().await;
        let mut peers = Vec::new();
        for _ in 0..5 {
            peers.push(hub.member(None).await);
        }
        hub.service
            .add_connections_to_groups(["g"], None)
            .await
            .unwrap();
        let group = hub.service.group("g").unwrap();
        let all: BTreeSet<&str> = peers.iter().map(|peer| peer.id.as_str()).collect();
        let two = || ListOptions::default().with_page_size(2).unwrap();

        let pages = group.list_connections(two()).unwrap().into_pages();
        let pages: Vec<_> = pages.try_collect().await.unwrap();
        let sizes: Vec<usize> = pages.iter().map(|page| page.members().len()).collect();
        assert_eq!(sizes, [2, 2, 1]);
        let listed: BTreeSet<&str> = pages
            .iter()
            .flat_map(|page| page.members())
            .map(|member| member.connection_id.as_str())
            .collect();
        assert_eq!(listed, all);

        let token = pages[0].continuation_token().unwrap();
        let rest = group
            .list_connections(two().with_continuation_token(token))
            .unwrap();
        let rest: Vec<GroupMember> = rest.try_collect().await.unwrap();
        assert_eq!(rest.len(), 3);

        let three = group.list_connections(two().with_top(3).unwrap()).unwrap();
        let three: Vec<GroupMember> = three.try_collect().await.unwrap();
        assert_eq!(three.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn connections_are_closed_but_those_that_are_spared() {
    within(async {
        let hub = Hub::start().await;
        let service = &hub.service;
        let mut ann = hub.member(Some("ann")).await;
        let mut bob = hub.member(Some("bob")).await;
        let mut cid = hub.member(Some("cid")).await;
        let mut spared = hub.member(Some("cid")).await;
        service.add_user_to_group("g", "ann").await.unwrap();

        let reason = |text: &str| CloseOptions::default().with_reason(text);
        service
            .close_group_connections("g", reason("group"))
            .await
            .unwrap();
        assert_eq!(ann.closed().await.as_deref(), Some("group"));
        service
            .close_user_connections("bob", reason("user"))
            .await
            .unwrap();
        assert_eq!(bob.closed().await.as_deref(), Some("user"));
        let but_one = reason("all").with_excluded([&*spared.id]).unwrap();
        service.close_all_connections(but_one).await.unwrap();
        assert_eq!(cid.closed().await.as_deref(), Some("all"));
        service
            .send_to_all("still there", SendOptions::default())
            .await
            .unwrap();
        assert_eq!(spared.text().await, "still there");
    })
    .await;
}

#[tokio::test]
async fn the_service_is_up() {
    within(async {
        let hub = Hub::start().await;
        hub.service.service_status().await.unwrap();
    })
    .await;
}
