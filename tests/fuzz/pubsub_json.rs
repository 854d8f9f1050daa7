//! Text of a peer in a JSON subprotocol, read as both sides read it: what can be
//! read is written, and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pubsub::protocol::json;

fuzz_target!(|text: &str| {
    let text = text.into();
    if let Ok(message) = json::decode_upstream(&text) {
        let again = json::decode_upstream(&json::encode_upstream(&message));
        assert_eq!(again, Ok(message));
    }
    if let Ok(message) = json::decode_downstream(&text) {
        let again = json::decode_downstream(&json::encode_downstream(&message));
        assert_eq!(again, Ok(message));
    }
});
