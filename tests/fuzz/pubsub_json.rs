//! Text of a peer in a JSON subprotocol, read as both sides read it: what can be
//! read is written, and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pubsub::protocol::json;

fuzz_target!(|text: &str| {
    let text = text.into();
    if let Ok(message) = json::decode_upstream(&text) {
        let written = json::encode_upstream(&message).expect("what was read can be written");
        let again = json::decode_upstream(&written);
        assert_eq!(again, Ok(message));
    }
    if let Ok(message) = json::decode_downstream(&text) {
        let written = json::encode_downstream(&message).expect("what was read can be written");
        let again = json::decode_downstream(&written);
        assert_eq!(again, Ok(message));
    }
});
