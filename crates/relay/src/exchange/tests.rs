//! The exchange driven by hand: every rule about order and size.

use http::{HeaderValue, Response as HttpResponse, header};
use transport::ReasonPhrase;

use super::*;
use crate::command::{self, Request};

fn request(json: &str) -> Request {
    match command::Command::decode(json) {
        Ok(Some(command::Command::Request(request))) => request,
        other => panic!("expected a request, got {other:?}"),
    }
}

fn full(method: &str, body: bool) -> Request {
    request(&format!(
        r#"{{"request":{{"address":"wss://h/$hc/p?sb-hc-action=request","id":"I","requestTarget":"/p/x?y=1","method":"{method}","requestHeaders":{{"Host":"h","X-Custom":"1, 2"}},"body":{body}}}}}"#
    ))
}

fn whole(method: &str) -> Responder {
    match Announced::new(full(method, false)) {
        Ok(Announced::Whole(_, responder)) => responder,
        other => panic!("expected a whole request, got {other:?}"),
    }
}

fn by_rendezvous() -> Responder {
    let text = command::Command::Request(full("GET", false)).encode();
    read_head(&text).unwrap().responder
}

fn head(status: u16, headers: &[(&str, &str)]) -> response::Parts {
    let mut response = HttpResponse::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap().into_parts().0
}

fn on_control(responded: Responded) -> (Response, Option<Bytes>) {
    let Responded::OnControl(response) = responded else {
        panic!("expected a response on the control channel, got {responded:?}");
    };
    let mut messages = response.into_messages();
    let Some(Message::Text(text)) = messages.next() else {
        panic!("expected a head");
    };
    let Ok(Some(Reply::Response(response))) = Reply::decode(&text) else {
        panic!("expected a response");
    };
    let body = messages.next().map(|message| match message {
        Message::Binary(body) => body,
        other => panic!("expected a body, got {other:?}"),
    });
    assert!(messages.next().is_none());
    (response, body)
}

#[test]
fn a_request_without_a_body_is_whole() {
    let Ok(Announced::Whole(request, responder)) = Announced::new(full("GET", false)) else {
        panic!("expected a whole request");
    };
    assert_eq!(request.method(), "GET");
    assert_eq!(request.uri(), "/p/x?y=1");
    assert_eq!(request.headers()["x-custom"], "1, 2");
    assert_eq!(
        request
            .extensions()
            .get::<RequestInfo>()
            .unwrap()
            .tracking_id,
        "I"
    );
    assert_eq!(responder.id(), "I");
    assert!(responder.is_inline());
}

#[test]
fn a_body_is_the_very_next_message() {
    for len in [0, 1, MAX_CONTROL_BODY] {
        let Ok(Announced::AwaitsBody(awaits)) = Announced::new(full("POST", true)) else {
            panic!("expected a body");
        };
        let body = Bytes::from(vec![7; len]);
        let (request, _) = awaits.body(&Message::Binary(body.clone())).unwrap();
        assert_eq!(*request.body(), body);
    }
    for (message, error) in [
        (
            Message::Binary(vec![7; MAX_CONTROL_BODY + 1].into()),
            ExchangeError::BodyTooLarge {
                len: MAX_CONTROL_BODY + 1,
            },
        ),
        (Message::text("{}"), ExchangeError::BodyMissing),
    ] {
        let Ok(Announced::AwaitsBody(awaits)) = Announced::new(full("POST", true)) else {
            panic!("expected a body");
        };
        let (responder, refused) = awaits.body(&message).unwrap_err();
        assert_eq!(refused, error);
        let (response, body) = on_control(responder.fail(error.status(), "no"));
        assert_eq!(
            (response.status_code, body),
            (error.status().as_u16(), None)
        );
    }
}

#[test]
fn a_request_without_a_method_points_to_its_rendezvous() {
    let command =
        request(r#"{"request":{"address":"wss://h/$hc/p?sb-hc-action=request&sb-hc-id=I"}}"#);
    let Ok(Announced::Pointer(pointer)) = Announced::new(command) else {
        panic!("expected a pointer");
    };
    assert_eq!(
        pointer.address(),
        "wss://h/$hc/p?sb-hc-action=request&sb-hc-id=I"
    );
}

#[test]
fn what_cannot_be_followed_is_refused_with_400() {
    let line = ExchangeError::InvalidRequestLine;
    for (method, target, header, error) in [
        ("CONNECT", "/p", "a", line.clone()),
        ("G T", "/p", "a", line.clone()),
        ("GET", "https://other/p", "a", line.clone()),
        ("GET", "p q", "a", line),
        ("GET", "/p", "a b", ExchangeError::InvalidRequestHeader),
    ] {
        let mut command = full("GET", false);
        command.method = Some(method.to_owned());
        command.request_target = Some(target.to_owned());
        command
            .request_headers
            .insert(header.to_owned(), "1".to_owned());
        let (responder, refused) = Announced::new(command).unwrap_err();
        assert_eq!(refused, error, "{method} {target} {header}");
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert!(responder.is_some());
    }
    let mut command = full("GET", false);
    command
        .request_headers
        .insert("a".to_owned(), "1\r\nb: 2".to_owned());
    assert_eq!(
        Announced::new(command).unwrap_err().1,
        ExchangeError::InvalidRequestHeader
    );
    let mut command = full("GET", false);
    command.id = None;
    let (responder, refused) = Announced::new(command).unwrap_err();
    assert_eq!(refused, ExchangeError::MissingId);
    assert!(responder.is_none());
}

#[test]
fn small_responses_go_back_on_the_control_channel() {
    for len in [0, 1, MAX_CONTROL_BODY] {
        let sent = Bytes::from(vec![1; len]);
        let responded = whole("GET")
            .respond(
                &head(200, &[("X-A", "1")]),
                OutgoingBody::Whole(sent.clone()),
            )
            .unwrap();
        let (response, body) = on_control(responded);
        assert_eq!(response.request_id, "I");
        assert_eq!(response.status_code, 200);
        assert_eq!(response.status_description.as_deref(), Some("OK"));
        assert_eq!(response.response_headers["x-a"], "1");
        assert_eq!(response.body, len > 0);
        assert_eq!(body.unwrap_or_default(), sent);
    }
}

#[test]
fn large_and_streamed_responses_go_to_the_rendezvous_of_their_request() {
    let large = OutgoingBody::Whole(vec![1; MAX_CONTROL_BODY + 1].into());
    for outgoing in [large, OutgoingBody::Streamed] {
        let Responded::OnRendezvous {
            address,
            body: Some(body),
            ready,
            ..
        } = whole("GET")
            .respond(&head(200, &[]), outgoing.clone())
            .unwrap()
        else {
            panic!("expected a rendezvous");
        };
        assert_eq!(
            address.as_deref(),
            Some("wss://h/$hc/p?sb-hc-action=request")
        );
        let sizes: Vec<usize> = body
            .chunk(ready)
            .map(|message| message.payload_len())
            .collect();
        assert_eq!(
            sizes,
            match outgoing {
                OutgoingBody::Whole(_) => vec![BODY_FRAGMENT, BODY_FRAGMENT, 1],
                OutgoingBody::Streamed => vec![],
            }
        );
        assert_eq!(body.finish(), Message::Binary(Bytes::new()));
    }
}

#[test]
fn a_request_from_a_rendezvous_is_answered_there_however_small_the_response() {
    for outgoing in [
        OutgoingBody::Whole(Bytes::new()),
        OutgoingBody::Whole("x".into()),
    ] {
        let has_body = outgoing != OutgoingBody::Whole(Bytes::new());
        let Responded::OnRendezvous {
            address: None,
            body,
            ..
        } = by_rendezvous().respond(&head(200, &[]), outgoing).unwrap()
        else {
            panic!("expected the same rendezvous");
        };
        assert_eq!(body.is_some(), has_body);
    }
    assert!(matches!(
        by_rendezvous().fail(StatusCode::NOT_IMPLEMENTED, "no"),
        Responded::OnRendezvous {
            address: None,
            body: None,
            ..
        }
    ));
}

#[test]
fn a_head_that_is_too_long_for_the_control_channel_goes_to_the_rendezvous() {
    // Quotes are escaped in JSON, so the JSON is longer than the size that the limit counts.
    let long = "\"".repeat(MAX_HEADERS - 3);
    let responded = whole("GET")
        .respond(
            &head(200, &[("x-a", &long)]),
            OutgoingBody::Whole("x".into()),
        )
        .unwrap();
    assert!(matches!(
        responded,
        Responded::OnRendezvous {
            address: Some(_),
            ..
        }
    ));
}

#[test]
fn of_headers_over_the_limit_the_largest_are_left_out() {
    let over = "a".repeat(MAX_HEADERS);
    let (half, third) = ("b".repeat(MAX_HEADERS / 2), "c".repeat(MAX_HEADERS / 3));
    for (large, kept) in [
        (vec![("x-a", &over)], vec![]),
        (vec![("x-a", &over), ("x-b", &half)], vec!["x-b"]),
        (vec![("x-a", &over), ("x-b", &over)], vec![]),
        // Repeated ones count together.
        (
            vec![("x-b", &half), ("x-b", &half), ("x-c", &third)],
            vec!["x-c"],
        ),
        (
            vec![("x-b", &half), ("x-c", &third), ("x-d", &third)],
            vec!["x-c", "x-d"],
        ),
    ] {
        let mut sent = vec![("content-type", "text/plain"), ("set-cookie", "a=1")];
        sent.extend(large.iter().map(|(name, value)| (*name, value.as_str())));
        let responded = whole("GET").respond(&head(404, &sent), OutgoingBody::Whole("x".into()));
        let (response, body) = on_control(responded.unwrap());
        assert_eq!(response.status_code, 404);
        assert_eq!(body.unwrap(), "x");
        let mut expected = vec!["content-type", "set-cookie"];
        expected.extend(kept);
        let names: Vec<_> = response.response_headers.keys().collect();
        assert_eq!(names, expected);
    }
    // Exact to the byte: names count, and a byte outside ASCII counts as one.
    for (len, fits) in [(MAX_HEADERS - 3, true), (MAX_HEADERS - 2, false)] {
        let mut latin = head(200, &[]);
        let value = HeaderValue::from_bytes(&vec![0xe9; len]).unwrap();
        latin.headers.insert("x-a", value);
        let responded = whole("GET").respond(&latin, OutgoingBody::Whole(Bytes::new()));
        // Over 64 KiB of JSON, such a head is sent by rendezvous.
        let text = match responded.unwrap() {
            Responded::OnRendezvous {
                head: Message::Text(text),
                ..
            } => text,
            Responded::OnControl(response) => match response.into_messages().next() {
                Some(Message::Text(text)) => text,
                other => panic!("expected a head, got {other:?}"),
            },
            other => panic!("expected a head, got {other:?}"),
        };
        assert_eq!(text.as_str().contains("x-a"), fits, "{len}");
    }
}

#[test]
fn bodies_of_head_204_and_304_are_dropped() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
        for outgoing in [OutgoingBody::Whole("x".into()), OutgoingBody::Streamed] {
            let responded = whole(method).respond(&head(status, &[]), outgoing).unwrap();
            let (response, body) = on_control(responded);
            assert_eq!((response.body, body), (false, None));
        }
    }
}

#[test]
fn headers_of_the_framing_are_dropped_and_repeated_ones_joined() {
    let responded = whole("GET")
        .respond(
            &head(
                200,
                &[
                    ("Connection", "close"),
                    ("Content-Length", "5"),
                    ("Transfer-Encoding", "chunked"),
                    ("Upgrade", "h2c"),
                    ("Trailer", "a"),
                    ("TE", "trailers"),
                    ("Keep-Alive", "1"),
                    ("Close", "1"),
                    ("Host", "h"),
                    ("Via", "1.1 me"),
                    ("X-A", "1"),
                    ("X-A", "2"),
                    ("Set-Cookie", "a=1"),
                ],
            ),
            OutgoingBody::Whole(Bytes::new()),
        )
        .unwrap();
    let (response, _) = on_control(responded);
    let kept: Vec<_> = response.response_headers.iter().collect();
    let expected = [("set-cookie", "a=1"), ("via", "1.1 me"), ("x-a", "1, 2")];
    assert_eq!(kept.len(), expected.len());
    for ((name, value), expected) in kept.into_iter().zip(expected) {
        assert_eq!((name.as_str(), value.as_str()), expected);
    }
}

#[test]
fn bytes_outside_ascii_and_several_cookies_do_not_cost_the_response() {
    let mut sent = head(
        201,
        &[
            ("Set-Cookie", "a=1; Path=/"),
            ("Set-Cookie", "b=2"),
            ("Set-Cookie", "c=3"),
        ],
    );
    let latin = HeaderValue::from_bytes(b"caf\xe9").unwrap();
    sent.headers.insert("x-a", latin.clone());
    sent.headers.append("x-b", latin);
    sent.headers.append("x-b", HeaderValue::from_static("2"));
    for (several, cookies) in [
        (SeveralCookies::First, "a=1; Path=/"),
        (SeveralCookies::Joined, "a=1; Path=/, b=2, c=3"),
    ] {
        let responder = whole("GET").with_several_cookies(several);
        let responded = responder.respond(&sent, OutgoingBody::Whole("x".into()));
        let (response, body) = on_control(responded.unwrap());
        assert_eq!((response.status_code, body.unwrap()), (201, "x".into()));
        assert_eq!(response.response_headers["set-cookie"], cookies);
        assert_eq!(response.response_headers["x-a"], "caf\u{e9}");
        assert_eq!(response.response_headers["x-b"], "caf\u{e9}, 2");
    }
}

#[test]
fn headers_of_a_request_arrive_as_the_sender_sent_them() {
    let mut command = full("GET", false);
    let headers = &mut command.request_headers;
    headers.insert("X-A".to_owned(), "caf\u{e9}".to_owned());
    headers.insert("Cookie".to_owned(), "a=1".to_owned());
    headers.insert("cookie".to_owned(), "b=2".to_owned());
    let Ok(Announced::Whole(request, _)) = Announced::new(command) else {
        panic!("expected a whole request");
    };
    assert_eq!(request.headers()["x-a"].as_bytes(), b"caf\xe9");
    let cookies: Vec<_> = request.headers().get_all(header::COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1; b=2"]);
}

#[test]
fn an_informational_status_is_refused() {
    let (responder, refused) = whole("GET")
        .respond(&head(103, &[]), OutgoingBody::Whole(Bytes::new()))
        .unwrap_err();
    assert_eq!(refused, ExchangeError::Informational);
    let (response, _) = on_control(responder.fail(refused.status(), "no"));
    assert_eq!(response.status_code, 500);
}

#[test]
fn a_reason_of_the_handler_goes_out_without_control_characters() {
    let mut teapot = head(418, &[]);
    teapot
        .extensions
        .insert(ReasonPhrase::new("short\r\nand stout"));
    teapot
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let (response, _) = on_control(
        whole("GET")
            .respond(&teapot, OutgoingBody::Whole(Bytes::new()))
            .unwrap(),
    );
    assert_eq!(
        response.status_description.as_deref(),
        Some("short??and stout")
    );
}

#[test]
fn a_rendezvous_gives_head_and_body_in_order() {
    let text = command::Command::Request(full("POST", true)).encode();
    let Received {
        head,
        body,
        responder,
    } = read_head(&text).unwrap();
    assert_eq!(head.method, "POST");
    assert!(!responder.is_inline());
    let mut body = body.unwrap();
    for chunk in ["one", "two"] {
        let Ok(BodyPart::Chunk(got, rest)) = body.receive(Message::binary(chunk)) else {
            panic!("expected a chunk");
        };
        assert_eq!(got, chunk);
        body = rest;
    }
    let Ok(BodyPart::Chunk(_, body)) = body.receive(Message::Ping(Bytes::new())) else {
        panic!("a ping is not an end");
    };
    assert!(matches!(
        body.receive(Message::Binary(Bytes::new())),
        Ok(BodyPart::End)
    ));

    let body = read_head(&text).unwrap().body;
    let refused = body.unwrap().receive(Message::text("{}"));
    assert_eq!(refused.unwrap_err(), ExchangeError::TextInBody);
    let body = read_head(&text).unwrap().body;
    let refused = body.unwrap().receive(Message::Close(None));
    assert_eq!(refused.unwrap_err(), ExchangeError::BodyMissing);
    for text in ["", "{}", r#"{"accept":{"address":"a","id":"I"}}"#] {
        assert!(
            matches!(read_head(text), Err((None, ExchangeError::NotARequest))),
            "{text}"
        );
    }
}

#[test]
fn a_request_may_be_for_the_server_itself_but_not_for_another() {
    let head = |target: &str| {
        let mut command = full("OPTIONS", false);
        command.request_target = Some(target.to_owned());
        head::request(&command).map(|parts| parts.uri.to_string())
    };
    assert_eq!(head("*"), Ok("*".to_owned()));
    assert_eq!(head("/p?q"), Ok("/p?q".to_owned()));
    for other in ["http://h/p", "h:80", "x"] {
        assert_eq!(
            head(other),
            Err(ExchangeError::InvalidRequestLine),
            "{other}"
        );
    }
}

#[test]
fn the_path_of_a_request_is_relative_to_its_listener() {
    let mut info = RequestInfo {
        tracking_id: String::new(),
        remote_endpoint: None,
        hybrid_connection: None,
    };
    assert_eq!(info.relative_path("/hc1/chat"), "/hc1/chat");
    let own = crate::HybridConnection::in_namespace("contoso", "hc1").unwrap();
    info.hybrid_connection = Some(std::sync::Arc::new(own));
    assert_eq!(info.relative_path("/hc1/chat"), "/chat");
}
