//! The Atom entry and the feed.

use azwire_tests::within;
use emulator::{RelayConfig, RelayRight, RelayRule};

use crate::relay_peer::*;

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
        // The .NET client takes a feed for "not found".
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

#[tokio::test]
async fn without_the_marks_of_management_a_request_is_relayed() {
    within(async {
        let emulator = start(config(&["hc1:anonymous"])).await;
        let host = authority(&emulator);
        for (target, marker) in [
            ("/hc1?api-version=2016-07", ""),
            ("/hc1", "X-PROCESS-AT: ServiceBus\r\n"),
        ] {
            let mut wire = Wire::connect(&host).await;
            let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{marker}\r\n");
            let (head, _) = wire.exchange(&request).await;
            assert_eq!(head.status, 404, "{target}");
            assert!(
                head.reason.starts_with("There are no listeners"),
                "{}",
                head.reason
            );
        }
    })
    .await;
}
