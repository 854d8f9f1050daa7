//! Text of a peer on a control channel, read as both sides read it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use relay::command::{Command, Reply};

fuzz_target!(|text: &str| {
    // A `~` stands for more than fits on a control channel.
    let text = &text.replace('~', &"long ".repeat(20_000));
    if let Ok(Some(command)) = Command::decode(text) {
        assert_eq!(Command::decode(&command.encode()), Ok(Some(command)));
    }
    if let Ok(Some(reply)) = Reply::decode(text) {
        assert_eq!(Reply::decode(&reply.encode()), Ok(Some(reply)));
    }
});
