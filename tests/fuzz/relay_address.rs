//! Texts of any length as what a hybrid connection and its URLs are made of.

#![no_main]

use libfuzzer_sys::fuzz_target;
use relay::HybridConnection;
use relay::_internal::{query_value, reject_uri, strip_reserved};

fuzz_target!(|input: (u16, &str, &str)| {
    let (times, piece, other) = input;
    // Longer than the fuzzer makes them by itself, and than a URL may be.
    let times = usize::from(times).min(200_000 / piece.len().max(1));
    let long = piece.repeat(times);
    for (text, other) in [(long.as_str(), other), (other, &long), (&long, &long)] {
        let _ = HybridConnection::new(text, other);
        let _ = HybridConnection::in_namespace(text, other);
        let _ = reject_uri(text, 400, other);
        let _ = query_value(text, other);
        strip_reserved(text);
        let Ok(place) = HybridConnection::new("sb://h/", "hc1") else {
            unreachable!("a host and a path");
        };
        for uri in [
            place.listen_uri(text),
            place.connect_uri(text, other, other),
            place.http_uri(text, other),
        ]
        .into_iter()
        .flatten()
        {
            assert_eq!(uri.host(), Some("h"));
            let path = uri.path();
            assert!(path.starts_with("/hc1") || path.starts_with("/$hc/hc1"));
            assert!(path.split('/').all(|segment| segment != ".."));
        }
    }
});
