//! Long and unusual texts, passed to every public function that accepts one: none panics, and
//! what cannot be done is reported as an invalid argument.

use std::time::{Duration, Instant, UNIX_EPOCH};

use async_trait::async_trait;
use auth::{Claims, Secret, SharedAccessKey};
use azwire_tests::relay::scripted::Scripted;
use azwire_tests::within;
use http::{Request, Response, StatusCode, Uri};
use relay::_internal::{query_value, reject_uri, strip_reserved};
use relay::command::{Accept, Command, RemoteEndpoint, Reply};
use relay::control::ControlChannel;
use relay::exchange::{Received, read_head};
use relay::{
    AcceptOptions, ConnectOptions, ConnectionString, Credential, ErrorKind, HybridConnection,
    Listener, ListenerBuilder, RelayStream, RuntimeInformation, Sender, SenderBuilder,
};
use transport::{
    Body, Handshake, HandshakeRequest, HttpClient, SharedHttpClient, SharedWebSocketConnector,
    WebSocketConnector,
};

/// The function as named in the list of public items, and the trial.
type Trial = (&'static str, fn(&str));

const RELAY: &[Trial] = &[
    ("HybridConnection::new", |text| {
        check(HybridConnection::new(text, "hc1"));
        check(HybridConnection::new(&format!("sb://{text}"), "hc1"));
        check(HybridConnection::new("sb://h/", text));
        if let Ok(place) = HybridConnection::new("sb://h/", text) {
            check(place.management_uri());
            let _ = (place.audience(), place.to_string());
        }
    }),
    ("HybridConnection::in_namespace", |text| {
        check(HybridConnection::in_namespace(text, "hc1"));
        check(HybridConnection::in_namespace("contoso", text));
    }),
    ("HybridConnection::listen_uri", |text| {
        check(place().listen_uri(text));
    }),
    ("HybridConnection::connect_uri", |text| {
        check(place().connect_uri(text, "", ""));
        check(place().connect_uri("", text, ""));
        check(place().connect_uri("", "", text));
    }),
    ("HybridConnection::http_uri", |text| {
        check(place().http_uri(text, ""));
        check(place().http_uri("", text));
    }),
    ("query_value", |text| {
        query_value(text, "a");
        query_value("a=1", text);
    }),
    ("strip_reserved", |text| {
        strip_reserved(text);
        strip_reserved(&format!("sb-hc-{text}={text}"));
    }),
    ("reject_uri", |text| {
        check(reject_uri("wss://h/?a", 400, text));
        // The address comes from the relay.
        if let Err(error) = reject_uri(text, 400, "no") {
            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        }
    }),
    ("with_token", |text| {
        for uri in ["wss://h/$hc/hc1", "wss://h?a", "h:1", "*", "/p"] {
            check(relay::with_token(
                &Uri::from_static(uri),
                &Secret::new(text),
            ));
        }
    }),
    ("command::Command::decode", |text| {
        let _ = Command::decode(text);
        let _ = Command::decode(&format!(r#"{{"accept":{{"address":{text:?}}}}}"#));
    }),
    ("command::Reply::decode", |text| {
        let _ = Reply::decode(text);
        let _ = Reply::decode(&format!(r#"{{"renewToken":{{"token":{text:?}}}}}"#));
    }),
    ("command::Accept::new", |text| {
        let command = Command::Accept(Accept::new(text, text));
        assert_eq!(Command::decode(&command.encode()), Ok(Some(command)));
    }),
    ("command::RemoteEndpoint::new", |text| {
        assert_eq!(RemoteEndpoint::new(text, 1).address, text);
    }),
    ("command::Response::new", |text| {
        let reply = Reply::Response(relay::command::Response::new(text, 200));
        assert_eq!(Reply::decode(&reply.encode()), Ok(Some(reply)));
    }),
    ("control::ControlChannel::release", |text| {
        let now = now();
        ControlChannel::new(Default::default(), 1).release(now, text);
    }),
    ("control::ControlChannel::handle_token", |text| {
        let mut channel = ControlChannel::new(Default::default(), 1);
        channel.start(now());
        let token = (Secret::new(text), Duration::from_secs(60));
        channel.handle_token(now(), Ok(Some(token)));
        while channel.poll_action().is_some() {}
    }),
    ("control::ControlChannel::refuse", |text| {
        let mut channel = ControlChannel::new(relay::control::ControlOptions::default(), 1);
        let head = r#"{"request":{"address":"a","id":"I","requestTarget":"/","method":"GET"}}"#;
        let Ok(Received { responder, .. }) = read_head(head) else {
            panic!("a whole request");
        };
        assert!(channel.refuse(now(), responder, StatusCode::BAD_GATEWAY, text));
        while channel.poll_action().is_some() {}
    }),
    ("Credential::signature", |text| {
        let _ = Credential::signature(&Secret::new(text));
    }),
    ("exchange::read_head", |text| {
        let _ = read_head(text);
    }),
    ("exchange::Responder::fail", |text| {
        let head = r#"{"request":{"address":"a","id":"I","requestTarget":"/","method":"GET"}}"#;
        let Ok(Received { responder, .. }) = read_head(head) else {
            panic!("a whole request");
        };
        drop(responder.fail(StatusCode::BAD_GATEWAY, text));
    }),
    ("ConnectionString::from_str", |text| {
        check(text.parse::<ConnectionString>());
        for key in [
            "Endpoint",
            "EntityPath",
            "SharedAccessKeyName",
            "SharedAccessKey",
            "SharedAccessSignature",
            "OperationTimeout",
            "Authentication",
            "UseDevelopmentEmulator",
        ] {
            let text = text.replace(';', "");
            let whole = format!("Endpoint=sb://h/;{key}={text}");
            check(
                whole
                    .replace("Endpoint=sb://h/;E", "E")
                    .parse::<ConnectionString>(),
            );
            if let Ok(parsed) = whole.parse::<ConnectionString>() {
                check(parsed.hybrid_connection());
            }
        }
    }),
    ("ConnectionString::hybrid_connection_at", |text| {
        let parsed: ConnectionString = "Endpoint=sb://h/".parse().unwrap();
        check(parsed.hybrid_connection_at(text));
    }),
    ("Listener::from_connection_string", |text| {
        check(Listener::from_connection_string(text));
        check(Listener::from_connection_string(&connection_string(text)));
    }),
    ("ListenerBuilder::from_connection_string", |text| {
        check(ListenerBuilder::from_connection_string(text));
        check(ListenerBuilder::from_connection_string(&connection_string(
            text,
        )));
    }),
    ("SenderBuilder::from_connection_string", |text| {
        check(SenderBuilder::from_connection_string(text));
        check(SenderBuilder::from_connection_string(&connection_string(
            text,
        )));
    }),
    ("HybridConnection::relative_path", |text| {
        let _ = place().relative_path(text);
        let _ = place().relative_path(&format!("/hc1/{text}"));
    }),
    ("Sender::from_connection_string", |text| {
        check(Sender::from_connection_string(text));
        check(Sender::from_connection_string(&connection_string(text)));
    }),
    ("RuntimeInformation::parse", |text| {
        for xml in [text.to_owned(), format!("<feed>{text}</feed>")] {
            if let Err(error) = RuntimeInformation::parse(&xml) {
                let kind = error.kind();
                let known = matches!(kind, ErrorKind::EndpointNotFound | ErrorKind::Protocol);
                assert!(known, "{error}");
            }
        }
    }),
    ("ConnectOptions::with_path_suffix", |text| {
        connect(ConnectOptions::default().with_path_suffix(text));
    }),
    ("ConnectOptions::with_query", |text| {
        connect(ConnectOptions::default().with_query(text));
    }),
    ("ConnectOptions::with_subprotocol", |text| {
        connect(ConnectOptions::default().with_subprotocol(text));
    }),
    ("RelayStream::new", |text| {
        let (socket, _) = transport::testing::socket_pair();
        let stream = RelayStream::new(socket, Some(text.to_owned()));
        assert_eq!(stream.subprotocol(), Some(text));
    }),
];

/// The functions that need a listener, in the test below.
const ON_A_LISTENER: &[&str] = &[
    "AcceptOptions::with_subprotocol",
    "IncomingConnection::header",
    "IncomingConnection::reject",
];

/// The functions that accept any text, and keep it or pass it on.
const FEATURE_AAD: &[&str] = &["Credential::entra_with_scope"];

const AUTH: &[Trial] = &[
    ("AccessKey::new", |text| drop(auth::AccessKey::new(text))),
    ("AccessKey::parse", |text| {
        drop(auth::AccessKey::parse(text))
    }),
    ("AccessToken::new", |text| {
        drop(auth::AccessToken::new(text, UNIX_EPOCH));
    }),
    ("Audience::covers", |text| {
        auth::Audience::normalized("http://h/hc1").covers(text, text);
        auth::Audience::verbatim(text).covers("h", text);
    }),
    ("Audience::normalized", |text| {
        drop(auth::Audience::normalized(text));
        drop(auth::Audience::normalized(format!("sb://h/{text}")));
    }),
    ("Audience::verbatim", |text| {
        drop(auth::Audience::verbatim(text))
    }),
    ("Claims::claim", |text| {
        let claims = Claims::new("a", UNIX_EPOCH);
        let _ = claims.claim::<String>(text);
    }),
    ("Claims::decode_unverified", |text| {
        let _ = Claims::decode_unverified(text);
        let _ = Claims::decode_unverified(&format!("{text}.{text}.{text}"));
    }),
    ("Claims::new", |text| sign(Claims::new(text, UNIX_EPOCH))),
    ("Claims::with_audience", |text| {
        sign(claims().with_audience(text))
    }),
    ("Claims::with_claim", |text| {
        if let Ok(claims) = claims().with_claim(text, &text) {
            sign(claims);
        }
    }),
    ("Claims::with_groups", |text| {
        sign(claims().with_groups([text]))
    }),
    ("Claims::with_issuer", |text| {
        sign(claims().with_issuer(text))
    }),
    ("Claims::with_roles", |text| {
        sign(claims().with_roles([text]))
    }),
    ("Claims::with_subject", |text| {
        sign(claims().with_subject(text))
    }),
    ("ConnectionString::deny_unknown", |text| {
        let _ = auth::ConnectionString::parse("a=1")
            .unwrap()
            .deny_unknown(&[text]);
    }),
    ("ConnectionString::get", |text| {
        auth::ConnectionString::parse("a=1").unwrap().get(text);
    }),
    ("ConnectionString::parse", |text| {
        let _ = auth::ConnectionString::parse(text);
        let _ = auth::ConnectionString::parse(&format!("{text}={text}"));
    }),
    ("ConnectionString::require", |text| {
        let _ = auth::ConnectionString::parse("a=1").unwrap().require(text);
    }),
    ("ConnectionString::from_str", |text| {
        let _ = text.parse::<auth::ConnectionString>();
    }),
    ("Error::message", |text| {
        let text = text.to_owned();
        drop(auth::Error::message(auth::ErrorKind::Credential, text));
    }),
    ("Error::with_context", |text| {
        let error = auth::Error::new(auth::ErrorKind::Credential, text);
        drop(error.with_context(text.to_owned()));
    }),
    ("JwtSigner::with_key_id", |text| {
        let signer = auth::JwtSigner::new(&auth::AccessKey::new("k")).with_key_id(text);
        drop(signer.sign(&claims()));
    }),
    ("JwtSigner::sign_payload", |text| {
        drop(auth::JwtSigner::new(&auth::AccessKey::new("k")).sign_payload(text));
    }),
    ("JwtVerifier::verify", |text| {
        let verifier = auth::JwtVerifier::new([auth::AccessKey::new("k")]);
        let _ = verifier.verify(text, &[text], UNIX_EPOCH);
    }),
    ("JwtVerifier::verify_any_audience", |text| {
        let verifier = auth::JwtVerifier::new([auth::AccessKey::new("k")]);
        let _ = verifier.verify_any_audience(text, UNIX_EPOCH);
    }),
    ("JwtVerifier::verify_request", |text| {
        let verifier = auth::JwtVerifier::new([auth::AccessKey::new("k")]);
        let _ = verifier.verify_request(text, &[text], UNIX_EPOCH);
    }),
    ("SasRule::new", |text| drop(auth::SasRule::new(text, text))),
    ("SasRule::with_secondary", |text| {
        drop(auth::SasRule::new("r", "k").with_secondary(text));
    }),
    ("SasToken::parse", |text| {
        let _ = auth::SasToken::parse(text);
        let token = format!("SharedAccessSignature sr={text}&sig={text}&se={text}&skn={text}");
        let _ = auth::SasToken::parse(&token);
    }),
    ("SasVerifier::verify", |text| {
        let verifier = auth::SasVerifier::new([auth::SasRule::new("r", "k")]);
        let _ = verifier.verify(text, UNIX_EPOCH);
        let token = format!("SharedAccessSignature sr={text}&sig={text}&se=1&skn={text}");
        let _ = verifier.verify(&token, UNIX_EPOCH);
    }),
    ("Secret::new", |text| {
        assert_eq!(Secret::new(text).expose(), text)
    }),
    ("Secret::from", |text| {
        assert_eq!(Secret::from(text).expose(), text)
    }),
    ("SharedAccessKey::new", |text| {
        let key = SharedAccessKey::new(text, text);
        drop(place().sas_token(&key, UNIX_EPOCH));
    }),
    ("SharedAccessKey::parse", |text| {
        let _ = SharedAccessKey::parse(text, text);
    }),
    ("StaticTokenProvider::from_jwt", |text| {
        let _ = auth::StaticTokenProvider::from_jwt(text);
    }),
    ("StaticTokenProvider::from_sas", |text| {
        let _ = auth::StaticTokenProvider::from_sas(text);
    }),
    ("VerifiedSas::covers", |text| {
        let key = SharedAccessKey::new("r", "k");
        let token = place().sas_token(&key, UNIX_EPOCH + Duration::from_secs(9));
        let verifier = auth::SasVerifier::new([auth::SasRule::new("r", "k")]);
        let verified = verifier.verify(token.expose(), UNIX_EPOCH).unwrap();
        let _ = verified.covers(text, text);
    }),
];

/// The functions of the feature `aad`, without which these tests are built.
const AUTH_AAD: &[&str] = &["EntraTokenProvider::new"];

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        ".",
        "..",
        "/",
        "//",
        "?",
        "#",
        "%",
        "%zz",
        "\0",
        "\r\n",
        "\u{7f}",
        "é",
        "😀",
        "\u{feff}",
        "\u{202e}",
        ";",
        "=",
        "&",
        "\"",
        "\\",
        "[",
        "[::1",
        "a:b",
        "@",
        "<a>",
        "null",
        "1e999",
        "99999999999999999999",
        "a_Gb",
        "sb-hc-token=x",
    ]
    .map(str::to_owned)
    .into();
    for (piece, count) in [
        ("a", 255),
        ("a", 65_519),
        ("a", 65_534),
        ("a", 65_535),
        ("a", 70_000),
        ("a", 1_000_000),
        ("{", 22_000),
        ("é", 40_000),
        ("😀", 10_000),
        ("%", 65_520),
        ("%7B", 22_000),
        ("\"", 65_520),
        ("../", 22_000),
        ("/", 65_520),
        ("a=b&", 20_000),
        ("a=b;", 20_000),
        ("a.", 40_000),
        ("<a>", 22_000),
        ("[", 65_520),
        ("9", 65_520),
    ] {
        texts.push(piece.repeat(count));
    }
    texts
}

// The clock of a sender needs a runtime.
#[tokio::test]
async fn no_text_is_too_odd_for_a_public_function() {
    for text in texts() {
        for (_, try_with) in RELAY.iter().chain(AUTH) {
            try_with(&text);
        }
    }
}

/// Every function in the lists of public items that accepts a text is tried above.
#[test]
fn every_public_function_that_takes_a_text_is_walked() {
    let relay = include_str!("../../crates/relay/api.txt");
    let auth = include_str!("../../crates/auth/api.txt");
    let walked =
        |table: &[Trial]| -> Vec<&'static str> { table.iter().map(|(name, _)| *name).collect() };
    let relay_walked = [walked(RELAY), ON_A_LISTENER.to_vec(), FEATURE_AAD.to_vec()].concat();
    let auth_walked = [walked(AUTH), AUTH_AAD.to_vec()].concat();
    for (api, prefix, walked) in [
        (relay, "azwire_relay::", relay_walked),
        (auth, "azwire_auth::", auth_walked),
    ] {
        let mut found = 0;
        for line in api.lines() {
            let Some((name, arguments)) = function(line) else {
                continue;
            };
            let Some(name) = name.strip_prefix(prefix) else {
                continue;
            };
            let takes_text = arguments.contains("&str")
                || arguments.contains("alloc::string::String")
                || arguments.contains("<str>")
                || arguments.contains("Into<azwire_auth::Secret>")
                || arguments.contains("azwire_auth::secret::Secret")
                || arguments.contains("Cow<'static, str>")
                || name.ends_with("::with_groups")
                || name.ends_with("::with_roles");
            if takes_text {
                assert!(
                    walked.contains(&name),
                    "{name} accepts a text and is not tried"
                );
                found += 1;
            }
        }
        assert!(found > 20, "{prefix} {found}");
    }
}

/// Returns the name and the arguments of a function in a list of public items.
fn function(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.strip_prefix("pub ")?.split_once("fn ")?;
    let (name, rest) = rest.split_once('(')?;
    let name = name.split('<').next()?;
    let mut depth = 1;
    let end = rest.find(|letter| {
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    })?;
    Some((name, &rest[..end]))
}

#[tokio::test(start_paused = true)]
async fn a_listener_takes_any_text_for_a_reason_or_subprotocol() {
    let mut relay = Scripted::new();
    let token = Secret::new("SharedAccessSignature sr=x&sig=y&se=9999999999&skn=z");
    let credential = Credential::signature(&token).unwrap();
    let mut listener = relay.listener(credential).open().await.unwrap();
    let mut control = relay.next().await;
    let address = "wss://contoso.servicebus.windows.net/$hc/hc1?sb-hc-action=accept&sb-hc-id=I";
    for text in texts() {
        for _ in 0..2 {
            let accept = Accept::new(address, "I");
            control.command(&Command::Accept(accept)).await;
        }
        let incoming = listener.accept().await.unwrap();
        incoming.header(&text);
        relay.refuse([410]);
        match incoming.reject(StatusCode::FORBIDDEN, &text).await {
            Ok(()) => {}
            Err(error) => {
                relay.unrefuse();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            }
        }
        let options = AcceptOptions::default().with_subprotocol(&text);
        let incoming = listener.accept().await.unwrap();
        let error = incoming.accept_with(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}

#[tokio::test]
async fn a_request_may_have_any_target() {
    within(async {
        for text in texts() {
            for target in [format!("/{text}"), format!("/?{text}")] {
                let Ok(uri) = target.parse::<Uri>() else {
                    continue;
                };
                let request = Request::get(uri).body(Body::empty()).unwrap();
                match sender().send(request).await {
                    Ok(response) => assert_eq!(response.status(), StatusCode::OK),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                    }
                }
            }
        }
        // The two that were found to panic.
        for target in [
            format!("/?{}", "{".repeat(22_000)),
            format!("/{}", "a".repeat(65_519)),
        ] {
            let request = Request::get(target).body(Body::empty()).unwrap();
            let error = sender().send(request).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    })
    .await;
}

fn check<T>(outcome: relay::Result<T>) {
    if let Err(error) = outcome {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().len() < 300, "an error repeats its input");
    }
}

fn place() -> HybridConnection {
    HybridConnection::in_namespace("contoso", "hc1").unwrap()
}

fn claims() -> Claims {
    Claims::new("http://h/", UNIX_EPOCH)
}

fn sign(claims: Claims) {
    drop(auth::JwtSigner::new(&auth::AccessKey::new("k")).sign(&claims));
}

fn connection_string(text: &str) -> String {
    let text = text.replace(';', "");
    format!("Endpoint=sb://h/;SharedAccessKeyName=r;SharedAccessKey=k;EntityPath={text}")
}

fn connect(options: ConnectOptions) {
    let error = futures::executor::block_on(sender().connect_with(options)).unwrap_err();
    // Whatever passes is refused by the relay below.
    let known = matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Rejected);
    assert!(known, "{error}");
}

fn sender() -> Sender {
    Sender::builder(place(), Credential::anonymous())
        .websocket_connector(SharedWebSocketConnector::new(Nowhere))
        .http_client(SharedHttpClient::new(Nowhere))
        .build()
        .unwrap()
}

fn now() -> Instant {
    use transport::Runtime as _;
    transport::TokioRuntime::new().now()
}

/// Refuses every WebSocket and answers every request.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl WebSocketConnector for Nowhere {
    async fn connect(&self, _: HandshakeRequest) -> transport::Result<Handshake> {
        let refusal = transport::HandshakeRejection::new(StatusCode::IM_A_TEAPOT, "no");
        Err(transport::Error::rejected(refusal))
    }
}

#[async_trait]
impl HttpClient for Nowhere {
    async fn send(&self, _: Request<Body>) -> transport::Result<Response<Body>> {
        Ok(Response::new(Body::empty()))
    }
}
