//! `tests/vectors/relay/emulator_meetings.json`, row by row: the sender's
//! opening, the listener's view and reaction, and the outcome for both.

use azwire_tests::relay::peer::*;
use azwire_tests::within;
use futures::future::join;
use serde::Deserialize;
use serde_json::{Map, Value};

const LISTENER: &str = "6f0b4e0e-4a0b-4a39-8c6a-2f4b4b8f3c11";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meeting {
    name: String,
    sender: Sender,
    seen: Option<Seen>,
    #[serde(default)]
    listener: Vec<Attempt>,
    got: Got,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sender {
    target: String,
    #[serde(default)]
    headers: Vec<String>,
    /// `none`, otherwise one of the root rule.
    token: Option<String>,
    slot: Option<String>,
    /// The length of a header full of quotes, each of which takes two characters in JSON.
    #[serde(default)]
    quotes: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Seen {
    /// The part before the address's own parameters.
    address: String,
    id: Option<String>,
    not_id: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    absent: Vec<String>,
}

/// One opening of the address, possibly changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    #[serde(default)]
    append: String,
    replace: Option<(String, String)>,
    #[serde(default)]
    headers: Vec<String>,
    status: u16,
    #[serde(default)]
    reason: String,
    subprotocol: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Got {
    status: u16,
    reason: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    absent: Vec<String>,
}

#[expect(
    clippy::print_stdout,
    reason = "a failure is easier to place after the name of its row"
)]
#[tokio::test]
async fn meetings() {
    let table: Value =
        serde_json::from_str(include_str!("../vectors/relay/emulator_meetings.json")).unwrap();
    let meetings: Vec<Meeting> = serde_json::from_value(table["meetings"].clone()).unwrap();
    within(async {
        let emulator = start(config(&["hc1", "open:anonymous", "silent"])).await;
        let host = authority(&emulator);
        let mut hc1 = Socket::listen_as(&emulator, "hc1", LISTENER).await;
        let mut open = Socket::listen_as(&emulator, "open", LISTENER).await;
        for meeting in meetings {
            println!("{}", meeting.name);
            let control = match meeting.sender.target.starts_with("/$hc/open") {
                true => &mut open,
                false => &mut hc1,
            };
            let listening = async {
                match &meeting.seen {
                    Some(seen) => listen(control, &host, seen, &meeting.listener).await,
                    None => Vec::new(),
                }
            };
            let (head, sockets) = join(connect(&host, &meeting.sender), listening).await;
            check(&meeting, &head);
            drop(sockets);
        }
        // Nothing is left behind.
        let left = emulator
            .relay()
            .wait_for(|state| state.pending_rendezvous == 0);
        left.await.unwrap();
    })
    .await;
}

async fn connect(host: &str, sender: &Sender) -> Head {
    let mut target = sender.target.clone();
    let mut fields: String = sender
        .headers
        .iter()
        .map(|line| format!("{line}\r\n"))
        .collect();
    if sender.token.is_none() {
        let token = root_token(host);
        match sender.slot.as_deref().unwrap_or("ServiceBusAuthorization") {
            "sb-hc-token" => target += &format!("&sb-hc-token={}", encoded(&token)),
            header => fields += &format!("{header}: {token}\r\n"),
        }
    }
    if sender.quotes > 0 {
        fields += &format!("X-Quotes: {}\r\n", "\"".repeat(sender.quotes));
    }
    match Wire::open(host, &target, &fields).await {
        Ok(socket) => socket.head,
        Err(head) => head,
    }
}

/// Checks the command, then opens its address as often as the row says.
async fn listen(
    control: &mut Socket,
    host: &str,
    seen: &Seen,
    attempts: &[Attempt],
) -> Vec<Socket> {
    let command = control.json().await;
    let accept = &command["accept"];
    let (address, id) = (
        accept["address"].as_str().unwrap(),
        accept["id"].as_str().unwrap(),
    );
    let own = format!("sb-hc-action=accept&sb-hc-id={id}&");
    let expected = format!("ws://{host}{}{own}", seen.address);
    assert!(address.starts_with(&expected), "{address}");
    assert!(id.ends_with("_G0_G1"), "{id}");
    if let Some(expected) = &seen.id {
        assert_eq!(id, expected);
    }
    if let Some(other) = &seen.not_id {
        assert!(!id.starts_with(other.as_str()), "{id}");
    }
    // A GUID with hop suffixes: the Java listener reads the first 36 characters as a GUID.
    assert_eq!(id.split('_').next().unwrap().len(), 36, "{id}");
    assert_eq!(accept["remoteEndpoint"]["address"], "127.0.0.1");
    assert!(accept["remoteEndpoint"]["port"].is_u64());
    let headers = accept["connectHeaders"].as_object().unwrap();
    assert!(headers.values().all(Value::is_string), "{headers:?}");
    for (name, value) in &seen.headers {
        let value = value.as_str().unwrap().replace("{host}", host);
        assert_eq!(headers.get(name), Some(&Value::from(value)), "{name}");
    }
    for name in &seen.absent {
        assert_eq!(headers.get(name), None);
    }
    let mut open = Vec::new();
    for attempt in attempts {
        let mut address = format!("{address}{}", attempt.append);
        if let Some((from, to)) = &attempt.replace {
            assert!(address.contains(from.as_str()));
            address = address.replace(from.as_str(), to);
        }
        let fields: String = attempt
            .headers
            .iter()
            .map(|line| format!("{line}\r\n"))
            .collect();
        let head = match Socket::rendezvous(&address, &fields).await {
            Ok(socket) => {
                let head = socket.head.clone();
                open.push(socket);
                head
            }
            Err(head) => head,
        };
        assert_eq!(head.status, attempt.status, "{}", head.reason);
        assert!(head.reason.starts_with(&attempt.reason), "{}", head.reason);
        let subprotocol = head.header("sec-websocket-protocol");
        assert_eq!(subprotocol, attempt.subprotocol.as_deref());
        assert_eq!(head.header("sec-websocket-extensions"), None);
    }
    open
}

fn check(meeting: &Meeting, head: &Head) {
    let (name, got) = (&meeting.name, &meeting.got);
    assert_eq!(head.status, got.status, "{name}: {}", head.reason);
    if let Some(reason) = &got.reason {
        // A text of the service ends with its tracking id; a listener's is verbatim.
        let is_right = match meeting.listener.is_empty() {
            true => {
                head.reason.starts_with(reason) && head.reason.contains(", SystemTracker:sb://")
            }
            false => head.reason == *reason,
        };
        assert!(is_right, "{name}: {}", head.reason);
    }
    for (key, value) in &got.headers {
        assert_eq!(head.header(key), value.as_str(), "{name}: {key}");
    }
    for key in &got.absent {
        assert_eq!(head.header(key), None, "{name}: {key}");
    }
}
