//! What people write after `-L`, `-T`, `-H` and `--allow`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| forward::fuzzing::expressions(text));
