//! The published facts as tests: connection strings, URLs, tokens, control messages.

use std::time::{Duration, UNIX_EPOCH};

use auth::{Secret, SharedAccessKey};
use azwire_tests::relay::link::World;
use azwire_tests::relay::scripted::Scripted;
use azwire_tests::within;
use relay::_internal::{reject_uri, strip_reserved};
use relay::command::{Accept, Command, Reply};
use relay::exchange::{Announced, MAX_CONTROL_BODY, OutgoingBody, Responded};
use relay::with_token;
use relay::{
    ConnectionString, ConnectionStringCredential, Credential, ErrorKind, HybridConnection,
};
use serde_json::Value;

fn load(name: &str) -> Value {
    let text = match name {
        "azbridge" => include_str!("../vectors/relay/azbridge.json"),
        "connection_strings" => include_str!("../vectors/relay/connection_strings.json"),
        "control" => include_str!("../vectors/relay/control.json"),
        "sas" => include_str!("../../crates/auth/tests/vectors/sas.json"),
        _ => include_str!("../vectors/relay/urls.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn connection_strings() {
    let vectors = load("connection_strings");
    for vector in list(&vectors["good"]) {
        let parsed: ConnectionString = text(vector, "text").parse().unwrap();
        assert_eq!(parsed.entity_path(), vector["path"].as_str(), "{vector}");
        let timeout = Duration::from_secs_f64(vector["timeout"].as_f64().unwrap());
        assert_eq!(parsed.operation_timeout(), timeout);
        match (parsed.credential(), text(vector, "credential")) {
            (Some(ConnectionStringCredential::Key(key)), "key") => {
                assert_eq!(key.name(), text(vector, "rule"));
                assert_eq!(key.key().expose(), text(vector, "key"));
            }
            (Some(ConnectionStringCredential::ManagedIdentity), "managed")
            | (None, "anonymous") => {}
            (other, _) => panic!("{vector}: {other:?}"),
        }
    }
    for vector in list(&vectors["bad"]) {
        let error = text(vector, "text")
            .parse::<ConnectionString>()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(
            error.to_string().contains(text(vector, "names")),
            "{vector}: {error}"
        );
    }
}

#[test]
fn urls() {
    let vectors = load("urls");
    for vector in list(&vectors["urls"]) {
        let at = HybridConnection::new(text(vector, "endpoint"), text(vector, "path")).unwrap();
        let (suffix, query) = (text(vector, "suffix"), text(vector, "query"));
        let url = match text(vector, "kind") {
            "listen" => at.listen_uri(text(vector, "id")),
            "connect" => at.connect_uri(suffix, query, text(vector, "id")),
            "http" => at.http_uri(suffix, query),
            _ => at.management_uri(),
        };
        assert_eq!(url.unwrap().to_string(), text(vector, "url"));
    }
    let reject = &vectors["reject"];
    let url = reject_uri(
        text(reject, "address"),
        reject["status"].as_u64().unwrap() as u16,
        text(reject, "reason"),
    );
    assert_eq!(url.unwrap().to_string(), text(reject, "url"));
    let handed_out = with_token(
        &"wss://h/$hc/hc1?sb-hc-action=listen".parse().unwrap(),
        &Secret::new(text(&vectors["with_token"], "token")),
    )
    .unwrap();
    let expected = text(&vectors["with_token"], "parameter");
    assert_eq!(
        handed_out.query().unwrap(),
        format!("sb-hc-action=listen&{expected}")
    );
    for vector in list(&vectors["namespaces"]) {
        let at = HybridConnection::in_namespace(text(vector, "namespace"), "hc1").unwrap();
        assert_eq!(at.host(), text(vector, "host"));
    }
    for vector in list(&vectors["query_filter"]) {
        let arrives = strip_reserved(text(vector, "sent"));
        assert_eq!(arrives.as_deref(), vector["arrives"].as_str(), "{vector}");
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_as_the_application_sees_them() {
    let mut relay = Scripted::new();
    let token = Secret::new("SharedAccessSignature sr=x&sig=y&se=9999999999&skn=z");
    let credential = Credential::signature(&token).unwrap();
    let mut listener = relay.listener(credential).open().await.unwrap();
    let mut control = relay.next().await;
    for vector in list(&load("urls")["accepted"]) {
        let accept = Accept::new(text(vector, "address"), "I");
        control.command(&Command::Accept(accept)).await;
        let incoming = listener.accept().await.unwrap();
        assert_eq!(incoming.uri().to_string(), text(vector, "seen"));
    }
}

#[test]
fn tokens_of_the_official_form() {
    let vectors = load("sas");
    let mut signed = 0;
    for vector in list(&vectors["tokens"]) {
        let audience = text(vector, "audience");
        // The form of the official .NET client, which is ours too.
        let Some(rest) = audience.strip_prefix("http://contoso.servicebus.windows.net/") else {
            continue;
        };
        let Some(path) = rest.strip_suffix('/') else {
            continue;
        };
        if vector["spelt_as_ours"] != true || path.is_empty() {
            continue;
        }
        let at = HybridConnection::in_namespace("contoso", path).unwrap();
        assert_eq!(at.audience().as_str(), audience);
        let key = vector["key"]
            .as_str()
            .unwrap_or_else(|| text(&vectors, "key"));
        let key = SharedAccessKey::new(text(vector, "rule"), key);
        let expires = UNIX_EPOCH + Duration::from_secs(vector["expiry"].as_u64().unwrap());
        assert_eq!(at.sas_token(&key, expires).expose(), text(vector, "token"));
        signed += 1;
    }
    assert!(signed >= 6, "{signed}");
}

#[test]
fn control_messages() {
    let vectors = load("control");
    for vector in list(&vectors["commands"]) {
        let sent = text(vector, "text");
        let command = Command::decode(sent).unwrap();
        if vector["written_again"] == true {
            let value: Value = serde_json::from_str(sent).unwrap();
            let written = command.as_ref().unwrap().encode();
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value);
        }
        let kind = match command {
            None => "ignored",
            Some(Command::Accept(_)) => "accept",
            Some(Command::Request(request)) => match Announced::new(request).unwrap() {
                Announced::AwaitsBody(_) => "body",
                Announced::Pointer(_) => "pointer",
                Announced::Whole(..) => "whole",
                other => panic!("{other:?}"),
            },
            Some(other) => panic!("{other:?}"),
        };
        assert_eq!(kind, text(vector, "kind"), "{sent}");
    }
    for vector in list(&vectors["replies"]) {
        let sent = text(vector, "text");
        let Ok(Some(Reply::Response(response))) = Reply::decode(sent) else {
            panic!("{sent}");
        };
        assert_eq!(
            u64::from(response.status_code),
            vector["status"].as_u64().unwrap()
        );
        assert_eq!(response.body, vector["body"] == true);
        if vector["written_again"] == true {
            assert_eq!(Reply::Response(response).encode(), sent);
        }
    }
    let renew = Reply::RenewToken(Secret::new(text(&vectors["renew"], "token")));
    assert_eq!(renew.encode(), text(&vectors["renew"], "text"));
}

#[test]
fn size_boundaries() {
    let vectors = load("control");
    let whole = list(&vectors["commands"])
        .iter()
        .find(|v| v["kind"] == "whole")
        .unwrap();
    for vector in list(&vectors["response_body_on_control"]) {
        let Ok(Some(Command::Request(request))) = Command::decode(text(whole, "text")) else {
            panic!("expected a request");
        };
        let Ok(Announced::Whole(_, responder)) = Announced::new(request) else {
            panic!("expected a whole request");
        };
        let body = vec![0; vector["length"].as_u64().unwrap() as usize];
        let head = http::Response::new(()).into_parts().0;
        let responded = responder
            .respond(&head, OutgoingBody::Whole(body.into()))
            .unwrap();
        let on_control = matches!(responded, Responded::OnControl(_));
        assert_eq!(on_control, vector["on_control"] == true, "{vector}");
    }
    assert_eq!(MAX_CONTROL_BODY, 65_536);
}

#[tokio::test]
async fn bytes_of_other_programs_pass_in_any_cut() {
    use futures::{AsyncReadExt, AsyncWriteExt};
    within(async {
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
                .collect()
        };
        let world = World::start().await;
        let (mut sender, mut accepted, _listener) = world.pair().await;
        for vector in list(&load("azbridge")["exchanges"]) {
            let (preamble, reply) = (
                bytes(text(vector, "sender")),
                bytes(text(vector, "listener")),
            );
            for cut in 0..preamble.len() {
                let (one, other) = preamble.split_at(cut);
                for part in [one, other] {
                    sender.write_all(part).await.unwrap();
                    sender.flush().await.unwrap();
                }
                let mut got = vec![0; preamble.len()];
                accepted.read_exact(&mut got).await.unwrap();
                assert_eq!(got, preamble);
                accepted.write_all(&reply).await.unwrap();
                accepted.flush().await.unwrap();
                let mut got = vec![0; reply.len()];
                sender.read_exact(&mut got).await.unwrap();
                assert_eq!(got, reply);
            }
        }
    })
    .await;
}
