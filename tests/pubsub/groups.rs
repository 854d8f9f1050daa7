//! Joining, leaving, and joining again.

use azwire_tests::pubsub::link::{Hub, impatient, next_text, text, wait_for};
use azwire_tests::within;
use emulator::{Fault, FaultRule};
use pubsub::{ErrorKind, Event, RequestError, Role, SendToGroupOptions};
use transport::CloseCode;

#[tokio::test]
async fn members_receive_and_others_do_not() {
    within(async {
        let hub = Hub::start().await;
        let (ann, mut to_ann) = hub.connect("ann").await;
        let (bob, mut to_bob) = hub.connect("bob").await;
        ann.join_group("g").await.unwrap();
        bob.join_group("g").await.unwrap();
        let options = SendToGroupOptions::default().with_no_echo(true);
        ann.send_to_group("g", text("from ann"), options)
            .await
            .unwrap();
        assert_eq!(next_text(&mut to_bob).await, "from ann");
        bob.leave_group("g").await.unwrap();
        hub.publish("for ann").await;
        bob.join_group("g").await.unwrap();
        hub.publish("for both").await;
        assert_eq!(next_text(&mut to_ann).await, "for ann");
        assert_eq!(next_text(&mut to_ann).await, "for both");
        assert_eq!(next_text(&mut to_bob).await, "for both");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_allowed_is_refused() {
    within(async {
        let hub = Hub::start().await;
        let url = hub.url_with("ann", &[Role::SendToAnyGroup]).await;
        let (client, _events) = pubsub::Client::builder(&url).build().unwrap();
        client.start().await.unwrap();
        let error = client.join_group("g").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAcknowledged);
        assert_eq!(error.error_code(), Some("Forbidden"));
        let message = error.service_message().unwrap();
        assert!(!message.is_empty());
        assert_eq!(
            error.to_string(),
            format!("join_group: Forbidden: {message}")
        );
        assert!(std::error::Error::source(&error).is_none());
        let error = client.join_group(" ").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    })
    .await;
}

#[tokio::test]
async fn groups_are_joined_again_on_a_new_connection() {
    within(async {
        let hub = Hub::start().await;
        let (client, mut events) = hub.connect("ann").await;
        for group in ["g", "h", "left"] {
            client.join_group(group).await.unwrap();
        }
        client.leave_group("left").await.unwrap();
        let close = Fault::Close {
            code: 1008,
            reason: "on purpose".to_owned(),
        };
        hub.arm(FaultRule::now(close));
        let gone = wait_for(&mut events, |event| {
            matches!(event, Event::Disconnected { .. })
        });
        assert!(matches!(
            gone.await,
            Event::Disconnected {
                close_code: Some(CloseCode::POLICY_VIOLATION),
                reason: Some(_),
                ..
            }
        ));
        wait_for(&mut events, |event| {
            matches!(event, Event::Connected { .. })
        })
        .await;
        // By now the groups are joined.
        for (group, is_member) in [("g", true), ("h", true), ("left", false)] {
            assert_eq!(hub.service.group_exists(group).await.unwrap(), is_member);
        }
        hub.publish("again").await;
        assert_eq!(next_text(&mut events).await, "again");
    })
    .await;
}

#[tokio::test]
async fn a_group_that_cannot_be_joined_again_is_told() {
    within(async {
        let hub = Hub::start().await;
        let both = hub.url("ann").await.url().expose().to_owned();
        let none = hub.url_with("ann", &[]).await.url().expose().to_owned();
        let urls = std::sync::Mutex::new(vec![none, both]);
        // The second connection may do less than the first.
        let credential = pubsub::ClientCredential::from_fn(move || {
            let url = urls.lock().unwrap().pop();
            async { url.ok_or_else(|| std::io::Error::other("no more")) }
        });
        let (client, mut events) = pubsub::Client::builder(credential)
            .session_options(impatient())
            .build()
            .unwrap();
        client.start().await.unwrap();
        client.join_group("g").await.unwrap();
        let close = Fault::Close {
            code: 1008,
            reason: String::new(),
        };
        hub.arm(FaultRule::now(close));
        let failed = wait_for(&mut events, |event| {
            matches!(event, Event::RejoinGroupFailed { .. })
        });
        assert!(matches!(
            failed.await,
            Event::RejoinGroupFailed { group, error: RequestError::Refused(_) } if group.as_str() == "g"
        ));
    })
    .await;
}

#[tokio::test]
async fn states_of_members_are_told() {
    within(async {
        let hub = Hub::start().await;
        let (ann, mut to_ann) = hub.connect("ann").await;
        let (bob, _to_bob) = hub.connect("bob").await;
        ann.join_group("g").await.unwrap();
        bob.join_group("g").await.unwrap();
        ann.subscribe_group_state("g").await.unwrap();
        let state = [("status".to_owned(), "typing".to_owned())];
        bob.set_group_state("g", Some(state.clone().into()))
            .await
            .unwrap();
        let told = wait_for(
            &mut to_ann,
            |event| matches!(event, Event::GroupState { states, .. } if !states.items.is_empty()),
        );
        let Event::GroupState { states, .. } = told.await else {
            unreachable!("it was waited for");
        };
        assert_eq!(states.items[0].user_id.as_deref(), Some("bob"));
        assert_eq!(states.items[0].state, Some(state.into()));
    })
    .await;
}
