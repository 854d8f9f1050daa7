//! The fuzz targets' entry points on mutated vectors, so that every test run covers them.

use azwire_tests::relay::peer::{frame, masked};
use emulator::fuzzing::pubsub::{filter_matches, has_operation};
use emulator::fuzzing::relay;
use transport::_internal::SplitMix64;

struct Draws(SplitMix64);

impl Draws {
    fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    fn next(&mut self, below: usize) -> usize {
        (self.0.next_u64() % below as u64) as usize
    }

    /// Cuts, doubles and overwrites some of the bytes.
    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..self.next(4) {
            if bytes.is_empty() {
                break;
            }
            let at = self.next(bytes.len());
            match self.next(4) {
                0 => bytes.truncate(at),
                1 => bytes[at] ^= 1 << self.next(8),
                2 => bytes.insert(at, self.next(256) as u8),
                _ => {
                    let end = (at + self.next(8)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        bytes
    }

    /// Repeats a part of the bytes until there are more than 64 KiB, where most
    /// limits are, and mutates the result.
    fn lengthen(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (at, length) = (self.next(bytes.len()), 1 + self.next(40));
        let part = &bytes[at..(at + length).min(bytes.len())];
        let times = (64 * 1024 + self.next(64 * 1024)) / part.len();
        let long = [&bytes[..at], &part.repeat(times), &bytes[at..]].concat();
        self.mutate(&long)
    }

    fn lengthen_text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.lengthen(text.as_bytes())).into_owned()
    }
}

#[test]
fn long_inputs_are_taken_as_short_ones() {
    let mut draws = Draws::new(4);
    for seed in [
        "foo=bar&sb-hc-id=1&SB-HC-token=x&sb%2Dhc-action=connect",
        "a=1&a=2&&&%C3%b8=%2f\"<>ø",
        "{&[%",
    ] {
        for _ in 0..15 {
            let query = draws.lengthen_text(seed);
            let once = relay::target("/p", &query);
            if let Some(rest) = once.strip_prefix("/p?") {
                assert_eq!(relay::target("/p", rest), once);
            }
        }
    }
    for seed in [
        r#"{"renewToken":{"token":"SharedAccessSignature sr=x&sig=y&se=1&skn=z"}}"#,
        r#"{"response":{"requestId":"I","statusCode":"200","responseHeaders":{"a":"b"},"body":true}}"#,
        r#"{"a":[[{}]]}"#,
    ] {
        for _ in 0..15 {
            relay::is_command(&draws.lengthen_text(seed));
        }
    }
    for _ in 0..15 {
        let path = draws.lengthen_text("/hc1/%2e%2e/$Resources/HybridConnections");
        let token = draws.lengthen_text("SharedAccessSignature sr=x&sig=y&se=1&skn=z");
        let (_, body) = relay::describe(&path, &token);
        assert!(body.starts_with("<Error><Code>401</Code>"));
    }
    let seed = [
        masked(&frame(false, 2, "part")),
        masked(&frame(true, 0, "")),
    ]
    .concat();
    for _ in 0..8 {
        let bytes = draws.lengthen(&seed);
        let whole = relay::frames(&bytes, usize::MAX);
        assert!(relay::frames(&bytes, 1 + draws.next(70_000)) == whole);
    }
}

#[test]
fn long_filters_and_paths_of_rest_are_taken_as_short_ones() {
    let mut draws = Draws::new(5);
    let matches = |filter: &str| filter_matches(filter, Some("user"), "c1", None, &["it's"]);
    for seed in [
        "(userId eq 'user' and not ('it''s' in groups)) or length(connectionId) gt 3",
        "not startswith(userId,'a')",
        "((((1 eq 1))))",
        "-(-(-1)) eq 1",
        "'",
    ] {
        for _ in 0..15 {
            let filter = draws.lengthen_text(seed);
            let result = matches(&filter);
            let spaced = matches(&format!(" {filter} "));
            assert!(spaced.ok() == result.clone().ok(), "{seed}");
            let Ok(result) = result else { continue };
            match matches(&format!("not ({filter})")) {
                Ok(opposite) => assert_ne!(opposite, result, "{seed}"),
                Err(error) => assert!(error.contains("nested deeper"), "{seed}: {error}"),
            }
        }
    }
    for length in [1, 100_000] {
        let long = "a".repeat(length);
        for (filter, expected) in [
            (format!("length('{long}') eq {length}"), true),
            (format!("userId eq 'user{long}'"), false),
            (format!("startswith('user{long}',userId)"), true),
            (format!("'{long}' in groups"), false),
            (format!("length(userId) eq{}4", " ".repeat(length)), true),
        ] {
            assert_eq!(matches(&filter), Ok(expected), "{length}");
        }
        assert!(matches(&format!("userId eq '{long}")).is_err());
    }
    let has = |path: &str| has_operation(&http::Method::PUT, path);
    for seed in [
        "/api/hubs/chat/groups/g/connections/c",
        "/api/hubs/%C3%b8/:send",
        "/api/health",
    ] {
        for _ in 0..15 {
            let path = draws.lengthen_text(seed);
            // A slash at the end means nothing.
            if !path.ends_with('/') {
                assert!(has(&path) == has(&format!("{path}/")), "{seed}");
            }
        }
    }
    for length in [1, 100_000] {
        let (long, slashes) = ("c".repeat(length), "/".repeat(length));
        assert!(has(&format!("/api/hubs/chat/groups/g/connections/{long}")));
        assert!(!has(&format!("/api/hubs/chat/groups/g/{long}/c")));
        assert!(!has(&format!(
            "/api/hubs/chat/groups/g{slashes}/connections/c"
        )));
    }
}

#[test]
fn queries_keep_nothing_reserved_and_are_stable() {
    let mut draws = Draws::new(1);
    for seed in [
        "foo=bar&sb-hc-id=1&SB-HC-token=x&sb%2Dhc-action=connect",
        "a=1&a=2&&&%C3%b8=%2f\"<>ø",
        "sb-hc-sas-key-name=n&sb-hc-sas-key=k&%",
    ] {
        for _ in 0..5000 {
            let query = String::from_utf8_lossy(&draws.mutate(seed.as_bytes())).into_owned();
            let once = relay::target("/p", &query);
            let rest = once.strip_prefix("/p").unwrap();
            if let Some(rest) = rest.strip_prefix('?') {
                assert_eq!(relay::target("/p", rest), once, "{query}");
                assert!(
                    !rest.to_ascii_lowercase().contains("&sb-hc-token="),
                    "{query}"
                );
            }
        }
    }
}

#[test]
fn control_messages_and_paths_never_panic() {
    let mut draws = Draws::new(2);
    for seed in [
        r#"{"renewToken":{"token":"SharedAccessSignature sr=x&sig=y&se=1&skn=z"}}"#,
        r#"{"response":{"requestId":"I","statusCode":"200","responseHeaders":{"a":"b"},"body":true}}"#,
        r#"{"injectFault":{"delay":1}}"#,
    ] {
        for _ in 0..5000 {
            relay::is_command(&String::from_utf8_lossy(&draws.mutate(seed.as_bytes())));
        }
    }
    for (path, token) in [
        (
            "/hc1/%2e%2e/$Resources/HybridConnections",
            "SharedAccessSignature sr=x&sig=y&se=1&skn=z",
        ),
        (
            "/$hc/hc1/%C3%28<&>",
            "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiIifQ.c2ln",
        ),
    ] {
        for _ in 0..1000 {
            let path = String::from_utf8_lossy(&draws.mutate(path.as_bytes())).into_owned();
            let token = String::from_utf8_lossy(&draws.mutate(token.as_bytes())).into_owned();
            let (_, body) = relay::describe(&path, &token);
            assert!(
                body.starts_with("<Error><Code>401</Code>"),
                "{path} {token}"
            );
        }
    }
}

#[test]
fn frames_come_out_the_same_however_they_come_in() {
    let mut draws = Draws::new(3);
    let seed: Vec<u8> = [
        frame(true, 1, "text"),
        frame(false, 2, vec![1; 200]),
        frame(true, 9, "ping"),
        frame(true, 0, vec![2; 70_000]),
        frame(true, 8, [3, 232, b'x']),
    ]
    .iter()
    .flat_map(masked)
    .collect();
    for round in 0..500 {
        let bytes = draws.mutate(&seed);
        let whole = relay::frames(&bytes, usize::MAX);
        for step in [1, 1 + draws.next(5000)] {
            // One byte at a time is slow.
            if step > 1 || round < 20 {
                assert!(relay::frames(&bytes, step) == whole, "{round} {step}");
            }
        }
    }
}
