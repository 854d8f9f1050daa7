//! What arrives of what the service client sends.

use azwire_tests::pubsub::link::Hub;
use azwire_tests::within;
use pubsub::{ClientAccessOptions, Content, Data, Filter, SendOptions};

/// Ends a test's messages: who receives it next received nothing in between.
const END: &str = "end";

#[tokio::test]
async fn each_kind_of_content_arrives_as_what_it_is() {
    within(async {
        let hub = Hub::start().await;
        let mut peer = hub.member(Some("ann")).await;
        let json = serde_json::json!({ "from": "user1", "data": "Grüße 🦀" });
        let send = |content| hub.service.send_to_all(content, SendOptions::default());
        send(Content::json(&json).unwrap()).await.unwrap();
        send(Content::json("a string").unwrap()).await.unwrap();
        send(Content::text("Grüße")).await.unwrap();
        send(Content::binary(vec![0, 1, 255])).await.unwrap();
        send(Content::from_reader(&b"from a reader"[..]).unwrap())
            .await
            .unwrap();
        let reader = futures::io::Cursor::new(b"read later");
        send(Content::from_async_reader(reader).await.unwrap())
            .await
            .unwrap();
        send(Content::binary(Vec::new())).await.unwrap();
        assert_eq!(peer.message().await, Data::json(&json).unwrap());
        assert_eq!(peer.message().await, Data::json("a string").unwrap());
        assert_eq!(peer.message().await, Data::Text("Grüße".into()));
        assert_eq!(peer.message().await, Data::Binary(vec![0, 1, 255].into()));
        assert_eq!(peer.message().await, Data::Binary("from a reader".into()));
        assert_eq!(peer.message().await, Data::Binary("read later".into()));
        assert_eq!(peer.message().await, Data::Binary("".into()));
    })
    .await;
}

#[tokio::test]
async fn the_largest_content_arrives() {
    within(async {
        let hub = Hub::start().await;
        let mut peer = hub.member(None).await;
        let bytes: Vec<u8> = (0..600_000_u32).map(|n| n as u8).collect();
        hub.service
            .send_to_all(bytes.clone(), SendOptions::default())
            .await
            .unwrap();
        assert_eq!(peer.message().await, Data::Binary(bytes.into()));
    })
    .await;
}

#[tokio::test]
async fn a_message_goes_to_its_target_and_to_nobody_else() {
    within(async {
        let hub = Hub::start().await;
        let service = &hub.service;
        let mut ann = hub.member(Some("ann")).await;
        let mut bob = hub.member(Some("bob")).await;
        let access = ClientAccessOptions::default().with_group("a b %").unwrap();
        let mut nobody = hub.member_with(access).await;
        let plain = SendOptions::default;

        service
            .send_to_group("a b %", "group", plain())
            .await
            .unwrap();
        service
            .send_to_group("a", "other group", plain())
            .await
            .unwrap();
        service.send_to_user("ann", "user", plain()).await.unwrap();
        service
            .send_to_connection(&*bob.id, "connection", plain())
            .await
            .unwrap();
        let but_bob = plain().with_excluded([&*bob.id]).unwrap();
        service.send_to_all("not to bob", but_bob).await.unwrap();
        let anonymous = plain().with_filter(Filter::user_id().is_null());
        service.send_to_all("anonymous", anonymous).await.unwrap();
        let injected = Filter::user_id().eq("x' or true or 'x' eq 'x");
        let injected = plain().with_filter(injected);
        service.send_to_all("to everybody", injected).await.unwrap();
        // Nobody is there: accepted all the same.
        service.send_to_user("cid", "lost", plain()).await.unwrap();
        service
            .send_to_connection("gone", "lost", plain())
            .await
            .unwrap();
        service.send_to_all(END, plain()).await.unwrap();

        for (peer, expected) in [
            (&mut ann, vec!["user", "not to bob", END]),
            (&mut bob, vec!["connection", END]),
            (&mut nobody, vec!["group", "not to bob", "anonymous", END]),
        ] {
            for text in expected {
                assert_eq!(peer.text().await, text);
            }
        }
        let other_hub = service.hub("other").unwrap();
        other_hub.send_to_all("elsewhere", plain()).await.unwrap();
        service.send_to_all(END, plain()).await.unwrap();
        assert_eq!(ann.text().await, END);
    })
    .await;
}

/// What the builder writes means there what it says here.
#[tokio::test]
async fn filters_choose_who_receives() {
    within(async {
        let hub = Hub::start().await;
        let mut peers = Vec::new();
        for (user, groups) in [
            (Some("user1"), &["group1", "group2"][..]),
            (None, &[]),
            (Some("user-ab-de"), &["group1"]),
            (Some("user'1"), &["Group1", "it's"]),
        ] {
            let mut access = ClientAccessOptions::default();
            if let Some(user) = user {
                access = access.with_user_id(user).unwrap();
            }
            for group in groups {
                access = access.with_group(*group).unwrap();
            }
            peers.push(hub.member_with(access).await);
        }
        let user = Filter::user_id;
        let group = |name: &str| Filter::in_group(name);
        let (yes, no) = (true, false);
        let table = [
            (user().eq("user1"), [yes, no, no, no]),
            (user().ne("user1"), [no, yes, yes, yes]),
            (user().is_null(), [no, yes, no, no]),
            (user().is_not_null(), [yes, no, yes, yes]),
            (user().one_of(["user1", "user'1"]), [yes, no, no, yes]),
            (user().one_of([""; 0]), [no; 4]),
            (user().eq("user'1"), [no, no, no, yes]),
            (group("it's"), [no, no, no, yes]),
            (group("GROUP1"), [no; 4]),
            (group("group1").not(), [no, yes, no, yes]),
            (
                group("group1")
                    .or(group("Group1"))
                    .and(user().starts_with("user")),
                [yes, no, yes, yes],
            ),
            (
                user()
                    .eq("user1")
                    .or(user().is_null().and(Filter::verbatim("false"))),
                [yes, no, no, no],
            ),
            (user().length().gt(5), [no, no, yes, yes]),
            (user().length().gt(5).not(), [yes, yes, no, no]),
            (Filter::group_count().eq(0), [no, yes, no, no]),
            (user().to_upper().eq("USER1"), [yes, no, no, no]),
            (user().trim().to_lower().eq("user1"), [yes, no, no, no]),
            (user().substring(5).eq("ab-de"), [no, no, yes, no]),
            (user().contains("-ab-"), [no, no, yes, no]),
            (user().ends_with("de"), [no, no, yes, no]),
            (user().index_of("zzz").eq(-1), [yes; 4]),
            (
                Filter::format(
                    "{} in groups and userId ne {}",
                    ["group1".into(), "user1".into()],
                )
                .unwrap(),
                [no, no, yes, no],
            ),
            (
                Filter::format(
                    "userId eq {} or length(groups) ge {}",
                    [None::<&str>.into(), 2.into()],
                )
                .unwrap(),
                [yes, yes, no, yes],
            ),
        ];
        for (filter, expected) in table {
            let text = filter.as_str().to_owned();
            let options = SendOptions::default().with_filter(filter);
            hub.service
                .send_to_all(text.as_str(), options)
                .await
                .unwrap();
            hub.service
                .send_to_all(END, SendOptions::default())
                .await
                .unwrap();
            for (peer, expected) in peers.iter_mut().zip(expected) {
                if expected {
                    assert_eq!(peer.text().await, text);
                }
                assert_eq!(peer.text().await, END, "{text}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_filter_that_the_service_cannot_read_is_its_error() {
    within(async {
        let hub = Hub::start().await;
        let options = SendOptions::default().with_filter(Filter::verbatim("invalid filter"));
        let error = hub.service.send_to_all("x", options).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), 400);
        assert!(error.service_message().unwrap().contains("invalid filter"));
        assert!(!format!("{error} {error:?}").contains("invalid filter"));
    })
    .await;
}
