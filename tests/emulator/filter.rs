//! OData filters: the truth table, invalid filters, and their effect over REST.

use azwire_tests::pubsub::peer::Opening;
use azwire_tests::pubsub::rest::Rest;
use azwire_tests::within;
use emulator::Emulator;
use emulator::fuzzing::pubsub::{filter_matches, has_operation};
use http::Method;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Table {
    connections: Vec<Connection>,
    filters: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    user_id: Option<String>,
    connection_id: String,
    groups: Vec<String>,
    protocol: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    filter: String,
    expected: Value,
}

fn table() -> Table {
    serde_json::from_str(include_str!("../vectors/pubsub/odata.json")).unwrap()
}

fn matches(filter: &str, connection: &Connection) -> Result<bool, String> {
    let groups: Vec<&str> = connection.groups.iter().map(String::as_str).collect();
    filter_matches(
        filter,
        connection.user_id.as_deref(),
        &connection.connection_id,
        connection.protocol.as_deref(),
        &groups,
    )
}

#[test]
fn the_truth_table_holds() {
    let table = table();
    assert_eq!(table.filters.len(), 55);
    for row in &table.filters {
        // An empty filter is not sent; it selects every connection.
        if row.filter.is_empty() {
            continue;
        }
        for (index, connection) in table.connections.iter().enumerate() {
            let found = matches(&row.filter, connection);
            match &row.expected {
                Value::Array(expected) => {
                    assert_eq!(
                        found.map(Value::Bool),
                        Ok(expected[index].clone()),
                        "{}",
                        row.filter
                    );
                }
                _ => assert!(found.is_err(), "{}", row.filter),
            }
        }
    }
}

#[test]
fn nearly_filters_are_answered_and_nothing_else() {
    let table = table();
    let mut seed = 1u64;
    let mut random = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut good = 0;
    for _ in 0..20_000 {
        let mut text: Vec<char> = table.filters[random(table.filters.len())]
            .filter
            .chars()
            .collect();
        let other: Vec<char> = table.filters[random(table.filters.len())]
            .filter
            .chars()
            .collect();
        for _ in 0..=random(3) {
            let at = random(text.len() + 1);
            match random(4) {
                0 => text.insert(at, "()'\",- \u{0}ü9".chars().nth(random(10)).unwrap()),
                1 if at < text.len() => drop(text.remove(at)),
                2 if !other.is_empty() => text
                    .splice(at..at, other[random(other.len())..].iter().copied())
                    .for_each(drop),
                _ => text.truncate(at),
            }
        }
        let text: String = text.into_iter().collect();
        for connection in &table.connections {
            match matches(&text, connection) {
                Ok(_) => good += 1,
                Err(error) => assert!(error.starts_with("Invalid syntax for '"), "{error}"),
            }
        }
    }
    assert!(good > 100, "{good}");
}

#[test]
fn nearly_paths_are_answered_and_nothing_else() {
    let parts = [
        "api",
        "hubs",
        "h",
        "groups",
        "%2F",
        "%",
        "",
        ":send",
        "users",
        "connections",
        "ü",
        "permissions",
    ];
    let mut seed = 7u64;
    let mut found = 0;
    for _ in 0..200_000 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut draw = seed >> 8;
        let mut path = String::from("/api/hubs");
        for _ in 0..draw % 6 {
            draw /= 7;
            path.push('/');
            path.push_str(parts[draw as usize % parts.len()]);
        }
        found += usize::from(has_operation(&Method::POST, &path));
        found += usize::from(has_operation(&Method::HEAD, &path));
    }
    assert!(found > 100, "{found}");
}

#[tokio::test]
async fn a_filter_selects_who_receives() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let mut a = Opening::new("chat", Some("user'1"), &[]).groups(&["g"]).open(&emulator).await;
        let mut b = Opening::new("chat", None, &[]).open(&emulator).await;
        for (filter, receives) in [
            ("userId%20eq%20'user''1'", [true, false]),
            ("userId+eq+null", [false, true]),
            ("'g'%20in%20groups%20and%20protocol%20eq%20'json.webpubsub.azure.v1'", [true, false]),
            ("", [true, true]),
        ] {
            let reply = rest.post(&format!(":send?filter={filter}"), "text/plain", filter).await;
            assert_eq!(reply.status, 202);
            assert_eq!(rest.post(":send", "text/plain", "fence").await.status, 202);
            for (peer, receives) in [&mut a, &mut b].into_iter().zip(receives) {
                if receives {
                    assert_eq!(peer.next().await["data"], filter);
                }
                assert_eq!(peer.next().await["data"], "fence");
            }
        }
        let reply = rest.post(":send?filter=invalid%20filter", "text/plain", "x").await;
        assert_eq!((reply.status, reply.code()), (400, "Error.BadRequest"));
        assert_eq!(reply.headers["content-type"], "application/problem+json; charset=utf-8");
        let message = "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')";
        let problem = reply.json();
        assert_eq!(problem["message"], message);
        assert_eq!(problem["target"], "filter");
        assert_eq!(problem["errors"]["filter"][0], message);
    })
    .await;
}
