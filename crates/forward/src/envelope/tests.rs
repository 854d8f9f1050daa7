use super::*;

fn request(text: &str) -> Result<ConnectRequest, EnvelopeError> {
    ConnectRequest::decode(text.as_bytes())
}

#[test]
fn a_request_is_written_as_aztunnel_writes_it() {
    let target: HostPort = "db.internal:5432".parse().unwrap();
    let bare = ConnectRequest::new(target);
    assert_eq!(
        bare.encode(),
        r#"{"version":1,"target":"db.internal:5432"}"#
    );
    let named = bare.with_bridge_id("7f3a");
    assert_eq!(
        named.encode(),
        r#"{"version":1,"target":"db.internal:5432","bridge_id":"7f3a"}"#
    );
    assert_eq!(request(&named.encode()), Ok(named));
    let v6 = ConnectRequest::new("[::1]:22".parse().unwrap());
    assert_eq!(v6.encode(), r#"{"version":1,"target":"[::1]:22"}"#);
}

#[test]
fn a_request_is_read_with_fields_of_the_future_and_without_the_optional_ones() {
    let full = request(
        r#" {"version":1,"target":"h:1","metadata":{"token":"s3cret"},"bridge_id":"b",
            "mux":{"deep":[1,{"x":null}]}} "#,
    )
    .unwrap();
    assert_eq!(full.target().to_string(), "h:1");
    assert_eq!(full.bridge_id(), Some("b"));
    assert_eq!(full.metadata()["token"], "s3cret");
    let debug = format!("{full:?}");
    assert!(
        debug.contains("token") && !debug.contains("s3cret"),
        "{debug}"
    );
    let nulls =
        request(r#"{"version":1,"target":"h:1","metadata":null,"bridge_id":null}"#).unwrap();
    assert_eq!(nulls, ConnectRequest::new("h:1".parse().unwrap()));
}

#[test]
fn a_wrong_request_is_answered_in_the_words_of_aztunnel() {
    for (text, words) in [
        ("", "invalid envelope"),
        ("GET / HTTP/1.1", "invalid envelope"),
        ("[]", "invalid envelope"),
        (r#"{"version":"1","target":"h:1"}"#, "invalid envelope"),
        (r#"{"version":1.5,"target":"h:1"}"#, "invalid envelope"),
        (r#"{"version":1,"target":7}"#, "invalid envelope"),
        (
            r#"{"version":1,"target":"h:1","metadata":{"a":1}}"#,
            "invalid envelope",
        ),
        (
            r#"{"version":1,"target":"a:1","target":"b:1"}"#,
            "invalid envelope",
        ),
        (r#"{"version":1,"target":"h:1"} {"#, "invalid envelope"),
        (r#"{"target":"h:1"}"#, "unsupported protocol version"),
        (
            r#"{"version":2,"target":"h:1"}"#,
            "unsupported protocol version",
        ),
        (r#"{"version":1}"#, "missing target"),
        (r#"{"version":1,"target":""}"#, "missing target"),
        (r#"{"version":1,"target":"h"}"#, "invalid target"),
        (r#"{"version":1,"target":"h:ssh"}"#, "invalid target"),
        (r#"{"version":1,"target":"::1:22"}"#, "invalid target"),
    ] {
        let error = request(text).unwrap_err();
        assert_eq!(
            error.response().encode(),
            format!(r#"{{"version":1,"ok":false,"error":"{words}"}}"#),
            "{text}"
        );
        assert!(!error.to_string().contains('\n'));
    }
    let secret = request(r#"{"version":1,"target":"h:1","metadata":"s3cret"}"#).unwrap_err();
    assert!(!format!("{secret} {secret:?}").contains("s3cret"));
}

#[test]
fn a_response_is_written_and_read_as_by_aztunnel() {
    let failed = |failure| ConnectResponse::failed(failure);
    for (response, text) in [
        (ConnectResponse::connected(), r#"{"version":1,"ok":true}"#),
        (
            ConnectResponse::connected().with_listener_id("l"),
            r#"{"version":1,"ok":true,"listener_id":"l"}"#,
        ),
        (
            failed(ConnectFailure::not_allowed()),
            r#"{"version":1,"ok":false,"error":"target not allowed"}"#,
        ),
        (
            failed(ConnectFailure::of(ConnectCode::DnsNotFound)),
            r#"{"version":1,"ok":false,"error":"connection failed","code":"dns_not_found"}"#,
        ),
    ] {
        assert_eq!(response.encode(), text);
        assert_eq!(ConnectResponse::decode(text.as_bytes()), Ok(response));
    }
    for code in ConnectCode::ALL {
        assert_eq!(ConnectCode::from_text(code.as_str()), Some(code));
    }
}

#[test]
fn a_response_of_a_later_aztunnel_is_a_failure_without_a_code() {
    let text = br#"{"version":1,"ok":false,"error":"no\nway","code":"quota","retry_after":3}"#;
    let response = ConnectResponse::decode(text).unwrap();
    let failure = response.outcome().unwrap_err();
    assert_eq!((failure.message(), failure.code()), ("no\nway", None));
    assert_eq!(failure.to_string(), "no\\nway");
    let silent = ConnectResponse::decode(br#"{"version":1}"#).unwrap();
    assert_eq!(
        silent.outcome().unwrap_err().to_string(),
        "connection failed"
    );
    assert_eq!(
        ConnectResponse::decode(br#"{"version":3,"ok":true}"#),
        Err(EnvelopeError::Version(3))
    );
    assert_eq!(
        ConnectFailure::of(ConnectCode::Timeout).to_string(),
        "connection failed (timeout)"
    );
}

#[test]
fn an_envelope_is_read_at_any_split_and_leaves_the_data() {
    let text = r#"{"version":1,"target":"h:1","x":{"}":"\"}\\","y":[{}]}}"#;
    let whole = request(text).unwrap();
    let all = Bytes::from(format!("{text}\ndata"));
    for split in 0..=text.len() {
        let mut decoder = RequestDecoder::new();
        let mut first = all.slice(..split);
        let got = decoder.push(&mut first).unwrap();
        let mut rest = all.slice(split..);
        if split < text.len() {
            assert_eq!(got, None);
            assert_eq!(decoder.push(&mut rest), Ok(Some(whole.clone())));
            assert_eq!(rest, "data");
        } else {
            assert_eq!(got, Some(whole.clone()));
        }
    }
    let mut decoder = ResponseDecoder::new();
    let mut input = Bytes::from_static(b"{\"version\":1,\"ok\":true}\n\nSSH-2.0");
    let response = decoder.push(&mut input).unwrap();
    assert_eq!(response, Some(ConnectResponse::connected()));
    assert_eq!(input, "\nSSH-2.0");
}

#[test]
fn json_without_end_is_refused_at_the_limit() {
    for piece in [&b"{\"a\":"[..], b"[", b"\"", b" "] {
        let mut decoder = RequestDecoder::new();
        let mut fed = 0;
        let error = loop {
            assert!(fed <= MAX_LEN + piece.len(), "no end");
            let input = if fed == 0 { &b"{\"x\":"[..] } else { piece };
            fed += input.len();
            match decoder.push(&mut Bytes::copy_from_slice(input)) {
                Ok(None) => {}
                Ok(Some(request)) => panic!("{request:?}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error, EnvelopeError::TooLong);
    }
    let long = format!(
        r#"{{"version":1,"target":"h:1","x":"{}"}}"#,
        "x".repeat(MAX_LEN)
    );
    assert_eq!(request(&long), Err(EnvelopeError::TooLong));
    let mut decoder = RequestDecoder::new();
    assert_eq!(decoder.push(&mut long.into()), Err(EnvelopeError::TooLong));
}

#[test]
fn what_does_not_begin_as_an_object_is_refused_at_once() {
    for text in [&b"x"[..], b"\x01", b"[", b"\"", b"}", b" 1"] {
        let mut input = Bytes::copy_from_slice(text);
        let got = RequestDecoder::new().push(&mut input);
        assert_eq!(got, Err(EnvelopeError::Invalid { column: 0 }));
    }
}
