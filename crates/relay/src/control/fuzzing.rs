//! A control channel and a rendezvous driven by arbitrary bytes: no panics, and
//! at most one answer per request.

use std::time::{Duration, Instant};

use auth::Secret;
use bytes::Bytes;
use http::StatusCode;
use transport::Message;

use super::{Action, ControlChannel, ControlOptions, Event, Loss};
use crate::exchange::{BodyPart, OutgoingBody, Responded, read_head};

/// Feeds `data` to an open control channel and to a rendezvous, message by
/// message: each message begins with a byte for its kind and two for its length.
pub fn drive_control_channel(now: Instant, data: &[u8]) {
    let mut channel = ControlChannel::new(ControlOptions::default(), 1);
    channel.start(now);
    let token = Secret::new("t");
    channel.handle_token(now, Ok(Some((token, Duration::from_secs(3600)))));
    channel.handle_open(now);
    let mut now = now;
    let mut body = None;
    let mut rest = data;
    while let [kind, high, low, tail @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(tail.len());
        let (payload, tail) = tail.split_at(len);
        rest = tail;
        let message = match kind % 8 {
            0..=3 => Message::text(String::from_utf8_lossy(payload).as_ref()),
            4 => Message::Binary(Bytes::copy_from_slice(payload)),
            5 => Message::Binary(vec![0; len * 2].into()),
            6 => Message::Close(None),
            _ => {
                now += Duration::from_secs(u64::from(*low));
                channel.handle_timeout(now);
                Message::Pong(Bytes::new())
            }
        };
        if let Message::Text(text) = &message
            && let Ok(received) = read_head(text)
        {
            let _ = received.responder.fail(StatusCode::OK, "");
            body = received.body;
        }
        body = match body.take().map(|body| body.receive(message.clone())) {
            Some(Ok(BodyPart::Chunk(_, body))) => Some(body),
            _ => None,
        };
        // Errors are only for the log.
        let _ = channel.handle_message(now, message);
        if kind & 0x80 != 0 {
            channel.handle_closed(now, Loss::Ended);
            channel.handle_open(now);
        }
        answer_all(&mut channel, now);
    }
    channel.stop(now);
}

fn answer_all(channel: &mut ControlChannel, now: Instant) {
    while let Some(event) = channel.poll_event() {
        if let Event::Request(request, responder) = event {
            let head = http::Response::new(()).into_parts().0;
            let body = OutgoingBody::Whole(request.into_body());
            match responder.respond(&head, body) {
                Ok(Responded::OnControl(response)) => {
                    channel.respond(now, response.clone());
                    assert!(!channel.respond(now, response), "answered twice");
                }
                Ok(Responded::OnRendezvous { .. }) => {}
                Err((responder, _)) => drop(responder.fail(StatusCode::OK, "")),
            }
        }
    }
    let mut body_may_follow = false;
    while let Some(action) = channel.poll_action() {
        if let Action::Transmit(message) = action {
            let is_body = matches!(message, Message::Binary(_));
            assert!(!is_body || body_may_follow, "a body without its head");
            body_may_follow = matches!(message, Message::Text(_));
        }
    }
}
