//! Machines by their own time, against peers of a few kinds.

use std::time::{Duration, Instant};

use auth::Secret;
use pubsub::session::{Action, Session};
use pubsub::{
    Data, DialError, InvokeEventOptions, SendToGroupOptions, SessionOptions, StreamOptions,
};
use relay::control::ControlChannel;
use relay::control::{self, ControlOptions, Loss};
use transport::{Message, SharedRuntime};

pub(super) fn instant() -> Instant {
    thread_local!(static START: Instant = SharedRuntime::default().now());
    START.with(|start| *start)
}

/// How a peer behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Peer {
    /// It opens and says nothing more.
    Quiet,
    /// It refuses every connection.
    Refusing,
    /// It does not answer attempts to connect.
    Silent,
    /// It ends every connection as soon as it is open.
    Losing,
}

pub(super) const PEERS: [Peer; 4] = [Peer::Quiet, Peer::Refusing, Peer::Silent, Peer::Losing];

/// How long a machine runs, by its own time.
const LIFE: Duration = Duration::from_secs(3);
/// How often it may be woken within that time: every 10 ms for each of its timers.
const WAKES: usize = 3_000;

pub(super) fn session(set: impl Fn(&mut SessionOptions)) {
    for peer in PEERS {
        let mut options = SessionOptions::default();
        options.reconnect_retry.max_retries = None;
        options.message_retry.max_retries = None;
        set(&mut options);
        drive_session(options, peer, |session, now| {
            let group = "g".parse().unwrap();
            let text = || Data::Text("t".into());
            _ = session.send_to_group(now, &group, text(), SendToGroupOptions::default());
            _ = session.invoke_event(
                now,
                &"e".parse().unwrap(),
                Some(text()),
                InvokeEventOptions::default(),
            );
            _ = session.join_group(now, &group);
            _ = session.open_group_stream(now, &group, StreamOptions::default());
        });
    }
}

pub(super) fn invoke(options: InvokeEventOptions) {
    let event = "e".parse().unwrap();
    drive_session(
        SessionOptions::default(),
        Peer::Quiet,
        move |session, now| {
            session
                .invoke_event(now, &event, None, options.clone())
                .unwrap();
        },
    );
}

pub(super) fn publish(options: SendToGroupOptions) {
    let group = "g".parse().unwrap();
    drive_session(
        SessionOptions::default(),
        Peer::Quiet,
        move |session, now| {
            // A range that is refused is as good as one that is kept.
            _ = session.send_to_group(now, &group, Data::Text("t".into()), options.clone());
        },
    );
}

pub(super) fn stream(options: StreamOptions) {
    let group = "g".parse().unwrap();
    drive_session(
        SessionOptions::default(),
        Peer::Quiet,
        move |session, now| {
            _ = session.open_group_stream(now, &group, options.clone());
        },
    );
}

/// Runs a session for its [`LIFE`], with work as soon as it may take some, then stops it.
fn drive_session(options: SessionOptions, peer: Peer, mut work: impl FnMut(&mut Session, Instant)) {
    let connected = r#"{"type":"system","event":"connected","connectionId":"c","userId":"u","reconnectionToken":"t"}"#;
    let message = |id| {
        format!(
            r#"{{"type":"message","from":"server","sequenceId":{id},"dataType":"text","data":"x"}}"#
        )
    };
    let mut now = instant();
    let end = now + LIFE;
    let mut session = Session::new(options, 7);
    session.start(now);
    let (mut frames, mut wakes, mut is_stopping) = (0, 0, false);
    loop {
        while let Some(action) = session.poll_action() {
            match action {
                Action::Dial { socket, .. } => match peer {
                    // The first connection is given, or the session would be over at once.
                    Peer::Refusing if wakes > 0 => {
                        session.handle_dial_failed(now, socket, DialError::Closed);
                    }
                    Peer::Silent if wakes > 0 => {}
                    _ => {
                        session.handle_open(now, socket);
                        _ = session.handle_message(now, socket, Message::text(connected));
                        _ = session.handle_message(now, socket, Message::text(message(1)));
                        // A few times, so that the work itself is not what keeps it busy.
                        if wakes < 10 {
                            work(&mut session, now);
                        }
                        if peer != Peer::Quiet {
                            session.handle_closed(now, socket);
                        }
                        // From here on the peer is what it is.
                        wakes += 1;
                    }
                },
                Action::Transmit(_) => frames += 1,
                _ => {}
            }
        }
        while session.poll_reply().is_some() {}
        while session.poll_event().is_some() {}
        let next = session.poll_timeout().filter(|next| *next <= end);
        match next {
            Some(next) => {
                now = now.max(next);
                session.handle_timeout(now);
                wakes += 1;
            }
            None if is_stopping => break,
            None => {
                now = end;
                is_stopping = true;
                session.stop(now);
            }
        }
        assert!(
            wakes < WAKES && frames < WAKES,
            "{peer:?}: busy, {wakes} wakes, {frames} frames"
        );
    }
}

pub(super) fn channel(set: impl Fn(&mut ControlOptions)) {
    for peer in PEERS {
        let mut options = ControlOptions::default();
        set(&mut options);
        drive_channel(options, peer, Duration::from_secs(3600));
    }
}

/// Runs a control channel for its [`LIFE`], with tokens that are valid for `token`, then stops it.
pub(super) fn drive_channel(options: ControlOptions, peer: Peer, token: Duration) {
    let mut now = instant();
    let end = now + LIFE;
    let mut channel = ControlChannel::new(options, 7);
    channel.start(now);
    let (mut frames, mut wakes, mut tokens, mut is_stopping) = (0, 0, 0, false);
    loop {
        while let Some(action) = channel.poll_action() {
            match action {
                control::Action::FetchToken => {
                    tokens += 1;
                    let secret = Secret::new(format!("token {tokens}"));
                    channel.handle_token(now, Ok(Some((secret, token))));
                }
                control::Action::Dial(_) => match peer {
                    Peer::Refusing if wakes > 0 => {
                        channel.handle_closed(now, Loss::Refused(http::StatusCode::NOT_FOUND))
                    }
                    Peer::Silent if wakes > 0 => {}
                    _ => {
                        channel.handle_open(now);
                        if peer != Peer::Quiet {
                            channel.handle_closed(now, Loss::Ended);
                        }
                        wakes += 1;
                    }
                },
                control::Action::Transmit(_) => frames += 1,
                _ => {}
            }
            assert!(tokens < WAKES, "{peer:?}: {tokens} tokens");
        }
        while channel.poll_event().is_some() {}
        match channel.poll_timeout().filter(|next| *next <= end) {
            Some(next) => {
                now = now.max(next);
                channel.handle_timeout(now);
                wakes += 1;
            }
            None if is_stopping => break,
            None => {
                now = end;
                is_stopping = true;
                channel.stop(now);
            }
        }
        assert!(
            wakes < WAKES && frames < WAKES,
            "{peer:?}: busy, {wakes} wakes, {frames} frames"
        );
    }
}
