//! Bytes of a peer in a protobuf subprotocol, read as both sides read them: what
//! can be read is written, and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pubsub::protocol::protobuf;

fuzz_target!(|frame: &[u8]| {
    if let Ok(message) = protobuf::decode_upstream(frame.to_vec().into()) {
        // JSON is checked by whoever makes it part of another message.
        if let Ok(written) = protobuf::encode_upstream(&message) {
            assert_eq!(protobuf::decode_upstream(written), Ok(message));
        }
    }
    if let Ok(message) = protobuf::decode_downstream(frame.to_vec().into()) {
        if let Ok(written) = protobuf::encode_downstream(&message) {
            assert_eq!(protobuf::decode_downstream(written), Ok(message));
        }
    }
});
