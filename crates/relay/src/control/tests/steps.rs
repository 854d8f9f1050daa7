use super::*;
use crate::command::{Accept, Response};

fn token() -> Result<Option<(Secret, Duration)>, TokenUnavailable> {
    Ok(Some((Secret::new("t"), HOUR)))
}

fn online_with(now: Instant, options: ControlOptions) -> ControlChannel {
    let mut channel = ControlChannel::new(options, 7);
    channel.start(now);
    assert_eq!(channel.poll_action(), Some(Action::FetchToken));
    channel.handle_token(now, token());
    assert_eq!(
        channel.poll_action(),
        Some(Action::Dial(Some(Secret::new("t"))))
    );
    channel.handle_open(now);
    assert!(matches!(channel.poll_event(), Some(Event::Online)));
    channel
}

fn online(now: Instant) -> ControlChannel {
    online_with(now, ControlOptions::default())
}

/// Runs the timers up to `until`; the peer answers each ping.
fn wait(channel: &mut ControlChannel, until: Instant) -> Vec<Action> {
    let mut actions = Vec::new();
    while let Some(due) = channel.poll_timeout().filter(|due| *due <= until) {
        channel.handle_timeout(due);
        while let Some(action) = channel.poll_action() {
            if matches!(action, Action::Transmit(Message::Ping(_))) {
                channel
                    .handle_message(due, Message::Pong(Bytes::new()))
                    .unwrap();
            } else {
                actions.push(action);
            }
        }
    }
    actions
}

/// Runs the timers until a token is requested, which must happen by `limit`.
fn until_fetch(channel: &mut ControlChannel, limit: Instant) -> Instant {
    loop {
        let due = channel.poll_timeout().unwrap();
        assert!(due <= limit, "no token was requested");
        if wait(channel, due).contains(&Action::FetchToken) {
            return due;
        }
    }
}

fn transmitted(channel: &mut ControlChannel) -> Vec<Message> {
    std::iter::from_fn(|| channel.poll_action())
        .map(|action| match action {
            Action::Transmit(message) => message,
            action => panic!("expected a message, got {action:?}"),
        })
        .collect()
}

fn response(messages: &[Message]) -> Response {
    let Some(Message::Text(text)) = messages.first() else {
        panic!("expected a response, got {messages:?}");
    };
    match Reply::decode(text) {
        Ok(Some(Reply::Response(response))) => response,
        other => panic!("expected a response, got {other:?}"),
    }
}

fn request(id: &str, body: bool) -> Message {
    Message::text(format!(
        r#"{{"request":{{"address":"wss://h/p","id":"{id}","method":"POST","requestTarget":"/p","requestHeaders":{{}},"body":{body}}}}}"#
    ))
}

fn next_request(channel: &mut ControlChannel) -> (http::Request<Bytes>, Responder) {
    match channel.poll_event() {
        Some(Event::Request(request, responder)) => (*request, responder),
        other => panic!("expected a request, got {other:?}"),
    }
}

fn inline(responder: Responder, status: StatusCode) -> InlineResponse {
    match responder.fail(status, "reason") {
        Responded::OnControl(response) => response,
        other => panic!("expected a small response, got {other:?}"),
    }
}

#[test]
fn a_sender_reaches_the_listener() {
    let now = origin();
    let mut channel = online(now);
    let accept = Accept::new("wss://h/$hc/hc1?sb-hc-action=accept&sb-hc-id=I", "I");
    let text = Command::Accept(accept.clone()).encode();
    channel.handle_message(now, Message::text(text)).unwrap();
    let Some(Event::Incoming(seen)) = channel.poll_event() else {
        panic!("expected a sender");
    };
    assert_eq!(seen, accept);
}

#[test]
fn the_first_opening_is_tried_once() {
    for failure in [Loss::Ended, Loss::Refused(StatusCode::UNAUTHORIZED)] {
        let now = origin();
        let mut channel = ControlChannel::new(ControlOptions::default(), 7);
        channel.start(now);
        channel.handle_token(now, token());
        channel.handle_closed(now, failure);
        assert!(matches!(channel.poll_event(), Some(Event::Offline)));
        assert!(channel.is_offline());
        assert_eq!(channel.poll_timeout(), None);
    }
}

#[test]
fn a_lost_channel_comes_back_with_growing_delays() {
    let mut now = origin();
    let mut channel = online(now);
    channel.handle_closed(now, Loss::Ended);
    assert!(matches!(channel.poll_event(), Some(Event::Connecting)));
    for seconds in [0, 1, 2, 5, 10, 30, 30, 30] {
        let step = Duration::from_secs(seconds);
        let due = channel.poll_timeout().unwrap();
        assert!(
            (now + step * 3 / 4..=now + step).contains(&due),
            "{seconds}"
        );
        now = due;
        channel.handle_timeout(now);
        assert_eq!(channel.poll_action(), Some(Action::FetchToken));
        channel.handle_token(now, token());
        assert!(matches!(channel.poll_action(), Some(Action::Dial(_))));
        // 401 and 403 are retried too: a key may have been changed, or a quota freed.
        channel.handle_closed(now, Loss::Refused(StatusCode::FORBIDDEN));
        assert!(channel.poll_event().is_none());
    }
}

#[test]
fn a_refused_token_is_replaced_at_once_and_then_ever_more_slowly() {
    let mut now = origin();
    let mut channel = online(now);
    channel.handle_closed(now, Loss::Ended);
    for seconds in [0, 0, 1, 2, 5, 10, 30] {
        let step = Duration::from_secs(seconds);
        let due = channel.poll_timeout().unwrap();
        assert!(
            (now + step * 3 / 4..=now + step).contains(&due),
            "{seconds}"
        );
        now = due;
        channel.handle_timeout(now);
        channel.handle_token(now, token());
        while channel.poll_action().is_some() {}
        channel.handle_closed(now, Loss::Refused(StatusCode::UNAUTHORIZED));
    }
}

#[test]
fn a_recycled_channel_reconnects_at_once_but_not_in_a_tight_loop() {
    let mut now = origin() + 24 * HOUR;
    let mut channel = online(now);
    let recycled = Message::Close(Some(CloseFrame::new(
        CloseCode::INTERNAL_ERROR,
        "InternalServerError: NameRenewalFailed",
    )));
    for (lasted, longest) in [(3600, 0), (3600, 0), (1, 1), (1, 2), (1, 5), (20, 0)] {
        let later = now + Duration::from_secs(lasted);
        let _ = wait(&mut channel, later);
        now = later;
        channel.handle_message(now, recycled.clone()).unwrap();
        channel.handle_closed(now, Loss::Ended);
        let due = channel.poll_timeout().unwrap();
        assert!(due <= now + Duration::from_secs(longest));
        assert!(due >= now + Duration::from_secs(longest) * 3 / 4);
        now = due;
        channel.handle_timeout(now);
        channel.handle_token(now, token());
        channel.handle_open(now);
        while channel.poll_action().is_some() || channel.poll_event().is_some() {}
    }
}

#[test]
fn a_transient_404_is_not_final_and_a_lasting_one_is() {
    let mut now = origin();
    let mut channel = online(now);
    let not_found = Loss::Refused(StatusCode::NOT_FOUND);
    channel.handle_closed(now, not_found);
    let lost = now;
    let mut tries = 0;
    while !channel.is_offline() {
        now = channel.poll_timeout().unwrap();
        channel.handle_timeout(now);
        channel.handle_token(now, token());
        while channel.poll_action().is_some() {}
        channel.handle_closed(now, not_found);
        tries += 1;
        assert!(tries < 1000);
    }
    let patience = ControlOptions::DEFAULT_NOT_FOUND_PATIENCE;
    assert!((patience..patience + Reconnect::longest()).contains(&(now - lost)));

    // Another failure in between does not matter; being online does.
    let options = ControlOptions::default().with_not_found_patience(Duration::ZERO);
    let mut channel = online_with(now, options);
    channel.handle_closed(now, Loss::Ended);
    channel.handle_timeout(now);
    channel.handle_token(now, token());
    channel.handle_closed(now, not_found);
    assert!(channel.is_offline());
}

#[test]
fn an_attempt_that_hangs_is_given_up() {
    let now = origin();
    let mut channel = online(now);
    channel.handle_closed(now, Loss::Ended);
    channel.handle_timeout(now);
    assert_eq!(channel.poll_action(), Some(Action::FetchToken));
    let due = channel.poll_timeout().unwrap();
    assert_eq!(due, now + ControlOptions::DEFAULT_ATTEMPT_TIMEOUT);
    channel.handle_timeout(due);
    assert_eq!(
        channel.poll_action(),
        Some(Action::Abort(AbortReason::Attempt))
    );
    assert!(channel.poll_timeout().is_some());
    // What arrives late is ignored.
    channel.handle_token(due, token());
    channel.handle_open(due);
    assert_eq!(channel.poll_action(), None);
}

#[test]
fn the_token_is_renewed_ahead_of_its_end_and_tried_again_until_then() {
    let now = origin();
    let mut channel = online(now);
    let mut at = until_fetch(&mut channel, now + HOUR * 4 / 5);
    assert!(at >= now + HOUR * 7 / 10);
    for longest in [5, 10, 20, 40, 60, 60] {
        channel.handle_token(at, Err(TokenUnavailable));
        assert_eq!(channel.poll_action(), None);
        at = until_fetch(&mut channel, at + Duration::from_secs(longest));
    }
    let now = at;
    channel.handle_token(now, Ok(Some((Secret::new("u"), HOUR))));
    assert_eq!(
        transmitted(&mut channel),
        [Message::text(r#"{"renewToken":{"token":"u"}}"#)]
    );
    assert!(wait(&mut channel, now + HOUR * 7 / 10).is_empty());
}

#[test]
fn without_a_new_token_the_channel_is_opened_anew_after_the_grace() {
    let now = origin();
    let mut channel = online(now);
    let mut at = now;
    loop {
        let due = channel.poll_timeout().unwrap();
        assert!(due <= now + HOUR + renew::GRACE, "never abandoned");
        at = at.max(due);
        let actions = wait(&mut channel, due);
        if actions.contains(&Action::Abort(AbortReason::Expired)) {
            break;
        }
        if actions.contains(&Action::FetchToken) {
            channel.handle_token(due, Err(TokenUnavailable));
        }
    }
    assert_eq!(at, now + HOUR + renew::GRACE);
    assert!(matches!(channel.poll_event(), Some(Event::Connecting)));
}

#[test]
fn a_token_that_cannot_be_renewed_is_not_sent_again() {
    let now = origin();
    let mut channel = online(now);
    let mut fetches = 0;
    let end = now + HOUR;
    while let Some(due) = channel.poll_timeout().filter(|due| *due < end) {
        for action in wait(&mut channel, due) {
            assert_eq!(action, Action::FetchToken);
            fetches += 1;
            channel.handle_token(due, Ok(Some((Secret::new("t"), end - due))));
        }
    }
    assert!((5..40).contains(&fetches), "{fetches}");
}

#[test]
fn a_silent_peer_is_given_up() {
    let now = origin();
    let mut channel = online(now);
    channel.handle_timeout(now + KeepAlive::DEFAULT_INTERVAL);
    assert_eq!(
        channel.poll_action(),
        Some(Action::Transmit(Message::Ping(Bytes::new())))
    );
    let grace = KeepAlive::DEFAULT_INTERVAL + KeepAlive::DEFAULT_GRACE;
    channel.handle_timeout(now + grace);
    assert_eq!(
        channel.poll_action(),
        Some(Action::Abort(AbortReason::Silence))
    );
    assert!(matches!(channel.poll_event(), Some(Event::Connecting)));
}

#[test]
fn pongs_are_sent_whatever_arrives_and_nothing_when_it_is_off() {
    let interval = Duration::from_secs(210);
    let now = origin();
    let options = ControlOptions::default().with_keep_alive(KeepAlive::Pong { interval });
    let mut channel = online_with(now, options);
    for round in 1..5 {
        channel
            .handle_message(
                now + interval * round - interval / 2,
                Message::Ping(Bytes::new()),
            )
            .unwrap();
        assert_eq!(channel.poll_timeout(), Some(now + interval * round));
        channel.handle_timeout(now + interval * round);
        assert_eq!(transmitted(&mut channel), [Message::Pong(Bytes::new())]);
    }
    let options = ControlOptions::default().with_keep_alive(KeepAlive::Off);
    let channel = online_with(now, options);
    assert!(channel.poll_timeout().unwrap() > now + HOUR / 2);
}

#[test]
fn a_request_is_answered_as_one_unit() {
    let now = origin();
    let mut channel = online(now);
    channel.handle_message(now, request("I", true)).unwrap();
    assert!(channel.poll_event().is_none());
    // Keep-alive frames may come in between.
    channel
        .handle_message(now, Message::Ping(Bytes::new()))
        .unwrap();
    channel
        .handle_message(now, Message::binary("body"))
        .unwrap();
    let (request, responder) = next_request(&mut channel);
    assert_eq!(*request.body(), "body");
    let head = http::Response::new(()).into_parts().0;
    let body = crate::exchange::OutgoingBody::Whole("answer".into());
    let Ok(Responded::OnControl(answer)) = responder.respond(&head, body) else {
        panic!("expected a small response");
    };
    assert!(channel.respond(now, answer.clone()));
    let messages = transmitted(&mut channel);
    assert_eq!(response(&messages).request_id, "I");
    assert_eq!(messages[1..], [Message::binary("answer")]);
    assert!(!channel.respond(now, answer), "answered twice");
}

#[test]
fn broken_order_is_answered_and_the_channel_goes_on() {
    let now = origin();
    let mut channel = online(now);
    // The body does not follow, so the next command is handled as such.
    channel.handle_message(now, request("I", true)).unwrap();
    let refused = channel
        .handle_message(now, request("J", false))
        .unwrap_err();
    assert_eq!(refused, ExchangeError::BodyMissing.into());
    assert_eq!(response(&transmitted(&mut channel)).request_id, "I");
    assert_eq!(next_request(&mut channel).1.id(), "J");
    // A body that is too large.
    channel.handle_message(now, request("K", true)).unwrap();
    let large = Message::Binary(vec![0; crate::exchange::MAX_CONTROL_BODY + 1].into());
    channel.handle_message(now, large).unwrap_err();
    assert_eq!(response(&transmitted(&mut channel)).status_code, 413);
    // A body without a request; the official Node listener sends an empty one too.
    let stray = channel.handle_message(now, Message::binary("x"));
    assert_eq!(stray, Err(ChannelError::UnexpectedBinary));
    channel
        .handle_message(now, Message::Binary(Bytes::new()))
        .unwrap();
    // Not JSON, not a command, a command that lacks something.
    for text in ["", "[]", "{", r#"{"accept":{"id":"I"}}"#] {
        assert!(
            channel.handle_message(now, Message::text(text)).is_err(),
            "{text}"
        );
    }
    channel
        .handle_message(now, Message::text(r#"{"somethingNew":{}}"#))
        .unwrap();
    assert!(channel.poll_event().is_none());
    assert_eq!(channel.poll_action(), None);
}

#[test]
fn an_answer_for_a_lost_channel_is_not_sent_on_the_next() {
    let now = origin();
    let mut channel = online(now);
    channel.handle_message(now, request("I", false)).unwrap();
    let (_, responder) = next_request(&mut channel);
    channel.handle_closed(now, Loss::Ended);
    channel.handle_timeout(now);
    channel.handle_token(now, token());
    channel.handle_open(now);
    while channel.poll_action().is_some() {}
    assert!(!channel.respond(now, inline(responder, StatusCode::OK)));
    assert_eq!(channel.poll_action(), None);
}

#[test]
fn a_stop_lets_requests_end_and_then_closes() {
    let now = origin();
    let close = Message::Close(Some(CloseFrame::new(CloseCode::NORMAL, "Normal Closure")));
    let mut channel = online(now);
    for id in ["I", "J"] {
        channel.handle_message(now, request(id, false)).unwrap();
    }
    let (_, first) = next_request(&mut channel);
    channel.stop(now);
    assert_eq!(channel.poll_action(), None);
    assert!(channel.respond(now, inline(first, StatusCode::OK)));
    assert_eq!(transmitted(&mut channel).len(), 1);
    channel.release(now, "J");
    assert_eq!(transmitted(&mut channel), std::slice::from_ref(&close));
    channel.handle_closed(now, Loss::Ended);
    assert!(channel.is_offline());

    // Requests that arrive while it is ending are refused, so that it does end.
    let mut channel = online(now);
    channel.handle_message(now, request("I", false)).unwrap();
    let (_, first) = next_request(&mut channel);
    channel.stop(now);
    channel.handle_message(now, request("K", true)).unwrap();
    channel
        .handle_message(now, Message::binary("body"))
        .unwrap();
    let refused = response(&transmitted(&mut channel));
    assert_eq!(
        (refused.request_id.as_str(), refused.status_code),
        ("K", 503)
    );
    assert!(channel.poll_event().is_none());
    assert!(channel.respond(now, inline(first, StatusCode::OK)));
    assert_eq!(transmitted(&mut channel).last(), Some(&close));

    // A handler that does not end, and a peer that does not answer.
    let mut channel = online(now);
    channel.handle_message(now, request("I", false)).unwrap();
    channel.stop(now);
    let drained = now + ControlOptions::DEFAULT_DRAIN_TIMEOUT;
    assert_eq!(wait(&mut channel, drained), [Action::Transmit(close)]);
    let closed = drained + ControlOptions::DEFAULT_CLOSE_TIMEOUT;
    assert_eq!(
        wait(&mut channel, closed),
        [Action::Abort(AbortReason::Closing)]
    );
    assert!(channel.is_offline());
    assert_eq!(channel.poll_timeout(), None);
}

#[test]
fn giving_the_socket_up_does_not_stand_behind_its_messages() {
    let now = origin();
    let mut channel = online(now);
    for id in ["I", "J"] {
        channel.handle_message(now, request(id, false)).unwrap();
        let (_, responder) = next_request(&mut channel);
        assert!(channel.respond(now, inline(responder, StatusCode::OK)));
    }
    // The shell holds the first response: the socket has no room.
    assert!(matches!(channel.poll_action(), Some(Action::Transmit(_))));
    assert_eq!(channel.poll_urgent(), None);
    assert!(channel.wants_socket());
    let given_up = now + KeepAlive::DEFAULT_INTERVAL + KeepAlive::DEFAULT_GRACE;
    channel.handle_timeout(given_up);
    assert!(!channel.wants_socket());
    assert_eq!(
        channel.poll_urgent(),
        Some(Action::Abort(AbortReason::Silence))
    );
    assert_eq!(channel.poll_urgent(), Some(Action::FetchToken));
    // Messages for the old socket are gone with it.
    assert_eq!(channel.poll_action(), None);
    channel.handle_token(given_up, token());
    assert!(matches!(channel.poll_urgent(), Some(Action::Dial(_))));
    assert!(channel.wants_socket());
}

#[test]
fn a_renewal_does_not_stand_behind_messages_and_replaces_one_that_was_not_sent() {
    let now = origin();
    let mut channel = online(now);
    channel.handle_message(now, request("I", false)).unwrap();
    let (_, responder) = next_request(&mut channel);
    assert!(channel.respond(now, inline(responder, StatusCode::OK)));
    for text in ["u", "v"] {
        // The peer sends, so that it is not considered dead, but reads nothing.
        let at = loop {
            let due = channel.poll_timeout().unwrap();
            channel
                .handle_message(due, Message::Pong(Bytes::new()))
                .unwrap();
            channel.handle_timeout(due);
            if channel.poll_urgent() == Some(Action::FetchToken) {
                break due;
            }
        };
        channel.handle_token(at, Ok(Some((Secret::new(text), HOUR))));
    }
    let waiting = transmitted(&mut channel);
    let renewals: Vec<_> = waiting
        .iter()
        .filter(|message| matches!(message, Message::Text(text) if text.as_str().contains("renewToken")))
        .collect();
    assert_eq!(
        renewals,
        [&Message::text(r#"{"renewToken":{"token":"v"}}"#)]
    );
    let pings = waiting.iter().filter(|m| matches!(m, Message::Ping(_)));
    assert!(pings.count() <= 1);
}

#[test]
fn signs_of_life_do_not_pile_up_before_a_socket_without_room() {
    let interval = Duration::from_secs(210);
    let options = ControlOptions::default().with_keep_alive(KeepAlive::Pong { interval });
    let now = origin();
    let mut channel = online_with(now, options);
    for round in 1..10 {
        channel.handle_timeout(now + interval * round);
    }
    assert_eq!(transmitted(&mut channel), [Message::Pong(Bytes::new())]);
}

#[test]
fn refusals_do_not_pile_up_before_a_peer_that_does_not_read() {
    let now = origin();
    let mut channel = online(now);
    let mut told = 0;
    for round in 0..4000 {
        channel.handle_message(now, request("I", false)).unwrap();
        let (_, responder) = next_request(&mut channel);
        let status = StatusCode::SERVICE_UNAVAILABLE;
        told += usize::from(channel.refuse(now, responder, status, "too many"));
        // Those that the channel refuses on its own count too.
        let id = format!("{round}");
        channel.handle_message(now, request(&id, true)).unwrap();
        let large = Message::Binary(vec![0; crate::exchange::MAX_CONTROL_BODY + 1].into());
        channel.handle_message(now, large).unwrap_err();
    }
    assert_eq!(transmitted(&mut channel).len(), MAX_WAITING);
    assert_eq!(told, MAX_WAITING / 2);
    // With room again, senders are answered again.
    channel.handle_message(now, request("J", false)).unwrap();
    let (_, responder) = next_request(&mut channel);
    assert!(channel.refuse(now, responder, StatusCode::SERVICE_UNAVAILABLE, "too many"));
}

#[test]
fn a_stop_sends_what_waits_before_it_closes() {
    let now = origin();
    let mut channel = online(now);
    channel.handle_message(now, request("I", false)).unwrap();
    let (_, responder) = next_request(&mut channel);
    channel.stop(now);
    assert!(channel.respond(now, inline(responder, StatusCode::OK)));
    let messages = transmitted(&mut channel);
    assert_eq!(response(&messages).request_id, "I");
    assert!(matches!(messages[1..], [Message::Close(_)]));
}

#[test]
fn each_option_is_set_alone() {
    let second = Duration::from_secs(1);
    let options = ControlOptions::default()
        .with_keep_alive(KeepAlive::Off)
        .with_attempt_timeout(second)
        .with_drain_timeout(2 * second)
        .with_close_timeout(3 * second)
        .with_not_found_patience(4 * second);
    assert_eq!(options.keep_alive, KeepAlive::Off);
    let timeouts = [
        options.attempt_timeout,
        options.drain_timeout,
        options.close_timeout,
        options.not_found_patience,
    ];
    assert_eq!(timeouts, [second, 2 * second, 3 * second, 4 * second]);
}

#[test]
fn an_interval_of_zero_is_no_keep_alive() {
    let now = origin();
    let (interval, grace) = (Duration::ZERO, Duration::from_secs(1));
    for keep_alive in [
        KeepAlive::Ping { interval, grace },
        KeepAlive::Pong { interval },
    ] {
        let options = ControlOptions::default().with_keep_alive(keep_alive);
        let channel = online_with(now, options);
        assert!(channel.poll_timeout().unwrap() > now + HOUR / 2);
    }
}

#[test]
fn a_stop_without_requests_closes_at_once() {
    let now = origin();
    let mut channel = online(now);
    channel.stop(now);
    let sent = transmitted(&mut channel);
    assert!(matches!(sent[..], [Message::Close(Some(_))]), "{sent:?}");
    let due = channel.poll_timeout().unwrap();
    assert_eq!(due, now + ControlOptions::DEFAULT_CLOSE_TIMEOUT);
}

#[test]
fn renewals_are_counted() {
    let mut now = origin();
    let mut channel = online(now);
    for count in 0..3 {
        assert_eq!(channel.renewals(), count);
        now = until_fetch(&mut channel, now + HOUR);
        let token = Secret::new(format!("token {count}"));
        channel.handle_token(now, Ok(Some((token, HOUR))));
        while channel.poll_action().is_some() {}
    }
    assert_eq!(channel.renewals(), 3);
}

#[test]
fn an_error_says_what_the_sender_was_answered() {
    let status = |error: ExchangeError| ChannelError::from(error).status();
    assert_eq!(
        status(ExchangeError::InvalidRequestLine),
        Some(StatusCode::BAD_REQUEST)
    );
    assert_eq!(status(ExchangeError::MissingId), None);
    assert_eq!(ChannelError::UnexpectedBinary.status(), None);
}
