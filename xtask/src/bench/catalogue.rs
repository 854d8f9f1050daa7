//! The comparisons of the table, and their aims.

use super::programs::Suite;

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) suite: Suite,
    /// The measured operation.
    pub(super) title: &'static str,
    /// The name of the scenario in the program, and the two subjects in it.
    pub(super) scenario: &'static str,
    pub(super) ours: &'static str,
    pub(super) beside: &'static str,
    /// The title of the second one in the table.
    pub(super) beside_title: &'static str,
    pub(super) shown: Shown,
    pub(super) aim: Option<Aim>,
}

/// The quantity of the ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shown {
    Rate,
    Time,
    Cpu,
}

impl Shown {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Time => "time",
            Self::Cpu => "CPU time",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Aim {
    /// Returns the verdict for the table.
    pub(super) fn verdict(self, value: f64) -> String {
        let over = match self {
            Self::AtLeast(least) => 1.0 - value / least,
            Self::AtMost(most) => value / most - 1.0,
        };
        if over <= 0.0 {
            "yes".to_owned()
        } else {
            // Rounded up, except for floating-point error: a missed aim is never missed by 0 %.
            format!("missed by {} %", (over * 100.0 - 1e-9).ceil().max(1.0))
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::AtLeast(value) => format!("at least {value}"),
            Self::AtMost(value) => format!("at most {value}"),
        }
    }
}

use Aim::{AtLeast, AtMost};
use Shown::{Cpu, Rate, Time};

/// Returns the rows in table order.
#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    let row = |suite, title, scenario, ours, (beside, beside_title), shown, aim| Row {
        suite, title, scenario, ours, beside, beside_title, shown, aim,
    };
    use Suite::{Decode, Fanout, Forward, Grow, Pair, Peers, Publish, Rates, Receive, Send, SendTls, Start, Stream, Tokens, Websocket};
    let hmac = ("bare_hmac", "HMAC by ring of as many bytes");
    let jsonwebtoken = ("jsonwebtoken", "jsonwebtoken");
    let python = ("azure-messaging-webpubsubservice", "azure-messaging-webpubsubservice (Python)");
    let javascript = ("@azure/web-pubsub", "@azure/web-pubsub (Node)");
    let js_client = ("@azure/web-pubsub-client", "@azure/web-pubsub-client (Node)");
    let library = ("bare library", "bare tokio-websockets");
    let parsed = ("bare library and one parse", "bare tokio-websockets and one parse");
    let by_prost = ("bare library and one parse", "bare tokio-websockets and one decode by prost");
    let tcp = ("TCP", "plain TCP");
    let tls = ("bare tokio-rustls", "bare tokio-rustls");
    let hyper = ("Bare", "bare hyper");
    let hyper_tls = ("Bare", "bare hyper over tokio-rustls");
    let reqwest = ("Reqwest", "reqwest, token ready");
    let hyper_util = ("HyperUtil", "hyper-util, token ready");
    let flat = ("flat &RawValue parse", "one serde parse into a flat struct");
    let bare_loop = ("bare loop", "bare tokio-websockets in a loop");
    let ws = ("ws", "ws (Node)");
    let without_journal = ("without journal", "the same without its journal");
    let join = ("bare join", "two bare sockets, joined by a loop");
    let proxies = ("proxies", "three plain copying proxies");
    let tls_proxies = ("proxies", "the same with bare tokio-rustls");
    vec![
        row(Tokens, "client token, signed", "client_token", "sign", hmac, Time, Some(AtMost(4.0))),
        row(Tokens, "client token, signed", "client_token", "sign", jsonwebtoken, Time, Some(AtMost(1.0))),
        row(Tokens, "client token, verified", "verify", "jwt", hmac, Time, None),
        row(Tokens, "client token, verified", "verify", "jwt", jsonwebtoken, Time, None),
        row(Tokens, "SAS token, signed", "sas", "sign", hmac, Time, Some(AtMost(2.5))),
        row(Peers, "client access URL", "peers-tokens", "ours", python, Rate, None),
        row(Peers, "client access URL", "peers-tokens", "ours", javascript, Rate, None),

        row(Websocket, "WebSocket, 64 bytes in batches, client to server", "client to server", "ours", library, Rate, Some(AtLeast(0.9))),
        row(Websocket, "WebSocket, 64 bytes in batches, server to client", "server to client", "ours", library, Rate, Some(AtLeast(0.9))),
        row(Websocket, "WebSocket, 64 bytes and back", "round trip", "ours", tcp, Time, Some(AtMost(1.15))),

        row(Send, "send to all by REST, one at a time", "send-1", "Ours", hyper, Time, Some(AtMost(1.1))),
        row(Send, "send to all by REST, one at a time", "send-1", "Ours", reqwest, Time, None),
        row(Peers, "send to all by REST, one at a time", "peers-send", "ours", python, Rate, None),
        row(Peers, "send to all by REST, one at a time", "peers-send", "ours", javascript, Rate, None),
        row(Send, "send to all by REST, 64 at once", "send-64", "Ours", hyper, Rate, Some(AtLeast(0.92))),
        row(Send, "send to all by REST, 64 at once", "send-64", "Ours", reqwest, Rate, Some(AtLeast(1.3))),
        row(Send, "send to all by REST, 64 at once", "send-64-cpu", "Ours", hyper_util, Cpu, Some(AtMost(1.25))),
        row(Peers, "send to all by REST, 64 at once", "peers-send-together", "ours", python, Rate, None),
        row(Peers, "send to all by REST, 64 at once", "peers-send-together", "ours", javascript, Rate, None),

        row(SendTls, "send to all by REST, TLS, one at a time", "send-tls-1", "Ours", hyper_tls, Time, None),
        row(SendTls, "send to all by REST, TLS, 64 at once", "send-tls-64", "Ours", hyper_tls, Rate, Some(AtLeast(0.92))),
        row(SendTls, "first send of a client, TLS, full handshake", "send-tls-cold", "Ours", hyper_tls, Time, None),
        row(SendTls, "first send of a client, TLS, resumed handshake", "send-tls-resumed", "Ours", hyper_tls, Time, None),

        row(Decode, "group message decoded, JSON", "decode", "JSON", flat, Time, Some(AtMost(1.3))),
        row(Decode, "group message decoded, protobuf", "decode", "protobuf", ("prost", "one decode by prost"), Time, None),
        row(Receive, "group messages received, JSON", "receive json.webpubsub.azure.v1", "client", parsed, Rate, Some(AtLeast(0.95))),
        row(Receive, "group messages received, reliable JSON", "receive json.reliable.webpubsub.azure.v1", "client", parsed, Rate, Some(AtLeast(0.9))),
        row(Receive, "group messages received, protobuf", "receive protobuf.webpubsub.azure.v1", "client", by_prost, Rate, Some(AtLeast(0.9))),
        row(Receive, "group messages received, reliable protobuf", "receive protobuf.reliable.webpubsub.azure.v1", "client", by_prost, Rate, Some(AtLeast(0.85))),
        row(Peers, "group messages received, JSON", "peers-receive", "ours", js_client, Rate, None),
        row(Peers, "group messages received, reliable JSON", "peers-receive-reliable", "ours", js_client, Rate, None),
        row(Publish, "group messages published, JSON", "publish json.webpubsub.azure.v1", "client", library, Rate, Some(AtLeast(0.8))),
        row(Publish, "group messages published, protobuf", "publish protobuf.webpubsub.azure.v1", "client", library, Rate, Some(AtLeast(0.8))),

        row(Fanout, "emulator, 128 bytes to 1,000 clients", "fanout", "ours", bare_loop, Rate, Some(AtLeast(1.0))),
        row(Fanout, "emulator, 128 bytes to 1,000 clients", "fanout-cpu", "ours", bare_loop, Cpu, Some(AtMost(1.05))),
        row(Fanout, "emulator, 128 bytes to 1,000 clients", "fanout", "ours", ws, Rate, None),
        row(Fanout, "emulator, 128 bytes to 1,000 clients", "fanout-cpu", "ours", ws, Cpu, None),
        row(Fanout, "emulator, 128 bytes to 1,000 clients", "fanout", "ours", without_journal, Rate, Some(AtLeast(0.97))),
        row(Fanout, "emulator, 128 bytes to 1,000 clients", "fanout-cpu", "ours", without_journal, Cpu, None),
        row(Fanout, "emulator, a message to 100 clients, with 100 streams of the journal", "watched", "watched", ("alone", "without them"), Time, None),
        row(Fanout, "emulator, bursts of 100 messages to 1,000 clients", "burst", "ours", ("one by one", "one message after the other"), Rate, Some(AtLeast(3.0))),
        row(Fanout, "emulator, 99th percentile of a message to 100 clients, one more that does not read", "slow", "beside", ("alone", "without that one"), Time, Some(AtMost(1.1))),

        row(Grow, "emulator, 100 clients, 128 bytes to all", "grow-100", "ours", bare_loop, Rate, None),
        row(Grow, "emulator, 1,000 clients, 128 bytes to all", "grow-1000", "ours", bare_loop, Rate, None),
        row(Grow, "emulator, 10,000 clients, 128 bytes to all", "grow-10000", "ours", bare_loop, Rate, None),
        row(Grow, "emulator, to 10 groups of 1,000 at once, on two cores", "groups", "two cores", ("one core", "the same on one core"), Rate, Some(AtLeast(1.6))),

        row(Stream, "relay stream, one socket, writes of 16 KiB", "stream-direct-16", "ours", library, Rate, Some(AtLeast(0.9))),
        row(Stream, "relay stream, one socket, writes of 16 KiB", "stream-direct-16", "ours", tcp, Rate, Some(AtLeast(0.75))),
        row(Stream, "relay stream, one socket, writes of 32 KiB", "stream-direct-32", "ours", library, Rate, Some(AtLeast(0.9))),
        row(Stream, "relay stream, one socket, writes of 32 KiB", "stream-direct-32", "ours", tcp, Rate, Some(AtLeast(0.75))),
        row(Stream, "relay stream, one socket, TLS, writes of 16 KiB", "stream-tls-16", "ours", tls, Rate, Some(AtLeast(0.85))),
        row(Stream, "relay stream, one socket, TLS, writes of 32 KiB", "stream-tls-32", "ours", tls, Rate, Some(AtLeast(0.85))),
        row(Stream, "relay stream through the emulator, writes of 32 KiB", "stream-relayed-32", "ours", join, Rate, Some(AtLeast(0.9))),
        row(Stream, "relay stream through the emulator, 1 KiB and back", "stream-relayed-trip", "ours", join, Rate, Some(AtLeast(0.9))),
        row(Peers, "relay stream through the emulator, TLS, writes of 16 KiB", "peers-stream", "ours", ("hyco-ws", "hyco-ws at both ends (Node)"), Rate, None),
        row(Pair, "emulator, joined pair, messages of 32 KiB", "pair-32768", "ours", join, Rate, Some(AtLeast(0.9))),
        row(Pair, "emulator, joined pair, messages of 32 KiB", "pair-32768", "ours", without_journal, Rate, Some(AtLeast(0.97))),
        row(Pair, "emulator, joined pair, messages of 16 KiB", "pair-16384", "ours", join, Rate, Some(AtLeast(0.9))),
        row(Pair, "emulator, joined pair, messages of 64 bytes", "pair-64", "ours", join, Rate, Some(AtLeast(0.9))),
        row(Pair, "emulator, joined pair, messages of 64 bytes", "pair-64", "ours", without_journal, Rate, Some(AtLeast(0.97))),
        row(Pair, "emulator, joined pair, 1 KiB and back", "pair-trip", "ours", join, Rate, Some(AtLeast(0.9))),
        row(Rates, "relay, connections opened, 16 at once", "rendezvous", "ours", ("hyco-ws", "hyco-ws as the listener (Node)"), Rate, None),
        row(Forward, "forwarded TCP, bytes, 1 pair", "forward-bulk-1", "ours", proxies, Rate, Some(AtLeast(0.7))),
        row(Forward, "forwarded TCP, bytes, 16 pairs at once", "forward-bulk-16", "ours", proxies, Rate, Some(AtLeast(0.7))),
        row(Forward, "forwarded TCP, bytes, 256 pairs at once", "forward-bulk-256", "ours", proxies, Rate, Some(AtLeast(0.7))),
        row(Forward, "forwarded TCP, 1 KiB and back, 1 pair", "forward-trip-1", "ours", proxies, Rate, Some(AtLeast(0.7))),
        row(Forward, "forwarded TCP, 1 KiB and back, 16 pairs at once", "forward-trip-16", "ours", proxies, Rate, Some(AtLeast(0.7))),
        row(Forward, "forwarded TCP, 1 KiB and back, 256 pairs at once", "forward-trip-256", "ours", proxies, Rate, Some(AtLeast(0.7))),
        row(Forward, "forwarded TCP, TLS to the relay, bytes, 1 pair", "forward-bulk-tls-1", "ours", tls_proxies, Rate, Some(AtLeast(0.8))),
        row(Forward, "forwarded TCP, TLS to the relay, bytes, 16 pairs at once", "forward-bulk-tls-16", "ours", tls_proxies, Rate, Some(AtLeast(0.8))),
        row(Forward, "forwarded TCP, TLS to the relay, bytes, 256 pairs at once", "forward-bulk-tls-256", "ours", tls_proxies, Rate, Some(AtLeast(0.8))),
        row(Forward, "forwarded TCP, TLS to the relay, 1 KiB and back, 1 pair", "forward-trip-tls-1", "ours", tls_proxies, Rate, Some(AtLeast(0.8))),
        row(Forward, "forwarded TCP, TLS to the relay, 1 KiB and back, 16 pairs at once", "forward-trip-tls-16", "ours", tls_proxies, Rate, Some(AtLeast(0.8))),
        row(Forward, "forwarded TCP, TLS to the relay, 1 KiB and back, 256 pairs at once", "forward-trip-tls-256", "ours", tls_proxies, Rate, Some(AtLeast(0.8))),
        row(Forward, "forwarded TCP, connections until the target's first byte, 16 at once", "forward-open", "ours", ("connect", "Sender::connect alone"), Time, Some(AtMost(1.3))),
        row(Rates, "relay, HTTP requests answered, 16 at once", "HTTP requests", "ours", ("hyco-https", "hyco-https as the listener (Node)"), Rate, None),

        row(Start, "emulator, process start to ready line", "start emulator", "ours", ("line", "a process that only prints a line"), Time, None),
        row(Start, "client, process start to connected", "start client", "ours", ("bare", "bare tokio-websockets"), Time, None),
    ]
}

/// Aims that are rates per second: operation, scenario, subject, rate.
pub(super) const A_SECOND: &[(&str, &str, &str, f64)] = &[(
    "group messages published from the queue, JSON",
    "publish json.webpubsub.azure.v1",
    "client",
    1_000_000.0,
)];

/// The rows of the table of fresh processes: scenario, subject, process, what is waited for.
pub(super) const START: &[(&str, &str, &str, &str)] = &[
    ("start emulator", "ours", "emulator", "its ready line"),
    ("start emulator", "line", "one that only prints", "its line"),
    ("start client", "ours", "client", "connected"),
    ("start client", "bare", "bare tokio-websockets", "connected"),
];

/// The subjects of the memory table, by the names in the program.
pub(super) const IDLE: &[(&str, &str, Option<Aim>)] = &[
    ("idle", "emulator, simple WebSocket", Some(AtMost(12.0))),
    ("idle-json", "emulator, JSON subprotocol", Some(AtMost(7.0))),
    (
        "idle-reliable",
        "emulator, reliable JSON subprotocol",
        Some(AtMost(12.0)),
    ),
    ("idle-bare", "bare tokio-websockets in a list", None),
    ("idle-node", "ws (Node)", None),
];

/// The most allocations and bytes, by the names in the program.
pub(super) const ALLOCATIONS: &[(&str, Option<f64>, Option<f64>)] = &[
    ("publish, json.webpubsub.azure.v1", Some(1.0), None),
    ("publish, protobuf.webpubsub.azure.v1", Some(1.0), None),
    ("receive, json.reliable.webpubsub.azure.v1", Some(1.0), None),
    ("receive, json.webpubsub.azure.v1", Some(1.0), None),
    (
        "receive, protobuf.reliable.webpubsub.azure.v1",
        Some(1.0),
        None,
    ),
    ("receive, protobuf.webpubsub.azure.v1", Some(1.0), None),
    (
        "service send, token and HTTP included",
        Some(8.0),
        Some(4096.0),
    ),
];

/// The memory of an idle pair: scenario, the subject in the program, title, aim.
pub(super) const FORWARD_IDLE: &[(&str, &str, &str, Aim)] = &[
    (
        "forward-idle",
        "sender",
        "forwarder, sending side",
        AtMost(40.0),
    ),
    (
        "forward-idle",
        "listener",
        "forwarder, listening side",
        AtMost(40.0),
    ),
    (
        "forward-idle-tls",
        "sender",
        "forwarder, sending side, TLS to the relay",
        AtMost(40.0),
    ),
    (
        "forward-idle-tls",
        "listener",
        "forwarder, listening side, TLS to the relay",
        AtMost(40.0),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_says_by_how_much_it_is_missed() {
        assert_eq!(AtLeast(0.9).verdict(0.9), "yes");
        assert_eq!(AtLeast(0.8).verdict(0.6), "missed by 25 %");
        assert_eq!(AtMost(1.1).verdict(1.0), "yes");
        assert_eq!(AtMost(1.0).verdict(1.001), "missed by 1 %");
    }

    #[test]
    fn no_two_rows_compare_the_same() {
        let rows = rows();
        for (index, row) in rows.iter().enumerate() {
            let is_same = |other: &Row| {
                (other.scenario, other.ours, other.beside) == (row.scenario, row.ours, row.beside)
            };
            assert_eq!(rows.iter().position(is_same), Some(index), "{row:?}");
        }
    }
}
