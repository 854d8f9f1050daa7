//! Requests of anybody to a webhook.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    pubsub::fuzzing::receive_webhook_request(data);
});
