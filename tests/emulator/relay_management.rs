//! The Atom entry and the feed.

use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::{RelayConfig, RelayRight, RelayRule};
use serde::Deserialize;
use serde_json::Value;

use crate::relay_tables::{named_token, table_emulator};

#[tokio::test]
async fn an_entry_describes_a_hybrid_connection() {
    within(async {
        let mut config = config(&["hc1", "team/a:anonymous"]);
        config.relay.hybrid_connections[0].user_metadata = "<a> & \"b\"".to_owned();
        config.relay.rules.push(RelayRule::new("send", "key", [RelayRight::Send]));
        let emulator = start(config).await;
        let host = authority(&emulator);
        let _listeners = (Socket::listen(&emulator, "hc1").await, Socket::listen(&emulator, "hc1").await);
        let get = async |target: &str, token: &str| {
            let mut wire = Wire::connect(&host).await;
            let request = format!(
                "GET {target} HTTP/1.1\r\nHost: {host}\r\nX-PROCESS-AT: ServiceBus\r\nAuthorization: {token}\r\n\r\n"
            );
            let (head, body) = wire.exchange(&request).await;
            (head, String::from_utf8(body).unwrap())
        };
        let sender = token("send", "key", &format!("http://{host}/hc1"), 600);
        let (head, body) = get("/HC1?api-version=2016-07", &sender).await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some("application/atom+xml;type=entry;charset=utf-8"));
        for part in [
            r#"<entry xmlns="http://www.w3.org/2005/Atom">"#,
            r#"<title type="text">hc1</title>"#,
            r#"<HybridConnectionDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect""#,
            "<ListenerCount>2</ListenerCount>",
            "<RequiresClientAuthorization>true</RequiresClientAuthorization>",
            "<UserMetadata>&lt;a&gt; &amp; &quot;b&quot;</UserMetadata>",
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
        let root = root_token(&host);
        let (_, body) = get("/team/a?api-version=2016-07", &root).await;
        assert!(body.contains("<RequiresClientAuthorization>false</RequiresClientAuthorization>"));
        // The .NET client treats a feed as "not found".
        let (head, body) = get("/none?api-version=2016-07", &root).await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some("application/atom+xml;type=feed;charset=utf-8"));
        assert!(!body.contains("<entry"));
        for target in ["/?api-version=2016-07", "/$Resources/HybridConnections?api-version=2016-07"] {
            let (_, body) = get(target, &root).await;
            assert_eq!(body.matches("<entry>").count(), 2, "{target}");
        }
        for token in [
            "nonsense".to_owned(),
            token("send", "key", &format!("http://{host}/other"), 600),
            token(RelayConfig::RULE, "wrong", &format!("http://{host}/"), 600),
        ] {
            let (head, body) = get("/hc1?api-version=2016-07", &token).await;
            assert_eq!(head.status, 401);
            assert!(body.starts_with("<Error><Code>401</Code><Detail>"), "{body}");
            assert!(body.contains("TrackingId:"), "{body}");
        }
    })
    .await;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default = "get")]
    method: String,
    target: String,
    #[serde(default = "process_at")]
    marker: String,
    token: String,
    #[serde(default = "authorization")]
    slot: String,
    #[serde(default = "ten_minutes")]
    expires: i64,
    status: u16,
    r#type: Option<String>,
    #[serde(default)]
    holds: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
}

fn get() -> String {
    "GET".to_owned()
}

fn process_at() -> String {
    "X-PROCESS-AT: ServiceBus".to_owned()
}

fn authorization() -> String {
    "Authorization".to_owned()
}

fn ten_minutes() -> i64 {
    600
}

#[tokio::test]
async fn management_requests_of_the_table() {
    let table: Value =
        serde_json::from_str(include_str!("../vectors/relay/emulator_management.json")).unwrap();
    let rows: Vec<Row> = serde_json::from_value(table["requests"].clone()).unwrap();
    within(async {
        let emulator = table_emulator().await;
        let host = authority(&emulator);
        let _listener = Socket::listen(&emulator, "hc1").await;
        for row in rows {
            let token = named_token(&row.token, &host, None, row.expires);
            let token = token.map(|token| format!("{}: {token}\r\n", row.slot));
            let mut wire = Wire::connect(&host).await;
            wire.write(format!(
                "{} {} HTTP/1.1\r\nHost: {host}\r\n{}\r\n{}\r\n",
                row.method,
                row.target,
                row.marker,
                token.unwrap_or_default()
            ))
            .await;
            let head = wire.head().await;
            let name = &row.name;
            assert_eq!(head.status, row.status, "{name}: {}", head.reason);
            if row.r#type.is_some() {
                assert_eq!(head.header("content-type"), row.r#type.as_deref(), "{name}");
            }
            if row.method == "HEAD" {
                continue;
            }
            let body = String::from_utf8(wire.body(&head).await.unwrap()).unwrap();
            for part in &row.holds {
                assert!(body.contains(part.as_str()), "{name}: {body}");
            }
            for part in &row.lacks {
                assert!(!body.contains(part.as_str()), "{name}: {body}");
            }
        }
    })
    .await;
}
