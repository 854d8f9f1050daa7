//! A SOCKS5 client's bytes, in pieces of any size.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (width, bytes) = input;
    forward::fuzzing::socks5(bytes, width.into());
});
