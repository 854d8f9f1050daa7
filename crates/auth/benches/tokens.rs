//! Tokens a second, beside the bare HMAC over the same bytes.

fn main() {}
