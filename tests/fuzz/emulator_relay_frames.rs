//! Frames of anybody on a joined WebSocket of the emulator, in pieces of any size.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (step, bytes) = input;
    let whole = emulator::_internal::relay::frames(bytes, usize::MAX);
    assert_eq!(emulator::_internal::relay::frames(bytes, usize::from(step)), whole);
});
