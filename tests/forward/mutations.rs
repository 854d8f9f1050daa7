//! The entry points of the fuzz targets, driven with mutated examples and a fixed seed.

use forward::fuzzing::{datagrams, expressions, greetings, socks5};
use transport::_internal::SplitMix64;

struct Random(SplitMix64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    /// Changes a few bytes, most often to one of `alphabet`.
    fn mutate(&mut self, bytes: &mut Vec<u8>, alphabet: &[u8]) {
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len() + 1);
            let new = match self.below(8) {
                0 => self.next() as u8,
                _ => alphabet[self.below(alphabet.len())],
            };
            match self.below(4) {
                0 if at < bytes.len() => bytes[at] = new,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                _ => bytes.insert(at, new),
            }
        }
    }
}

#[test]
fn mutated_expressions_are_printed_as_they_are_read_or_refused() {
    let examples = [
        "127.3.2.1:5000/web;5353U:office",
        "[::1]:80/web;/run/app.sock/x:a/b.c",
        r"C:\run\app.sock//web:a1",
        "office:ssh/10.0.0.4:22;web//run/x.sock",
        "a1:[fd00::1]:ssh/22;-514",
        "web:http/localhost/api:8080;https/[::1]:8443/x",
        "10.0.0.0/8:22,db.internal.:8000-8099,[fd00::/8]:*",
        "::ffff:10.0.0.0/104:22",
    ];
    let mut random = Random(SplitMix64::new(18));
    for _ in 0..40_000 {
        let mut bytes = random.one_of(&examples).as_bytes().to_vec();
        random.mutate(&mut bytes, b":;/[].-*U0189aC\\, \n");
        expressions(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn expressions_of_random_parts_are_printed_as_they_are_read_or_refused() {
    let parts = [
        "a", "80", "65536", "0", "U", "-", ":", ";", "/", "//", "[", "]", "::1", "10.0.0.1", ".",
        "*", "http", "https", ".sock", r"C:\", "./", "../", "web", "?", " ", "é",
    ];
    let mut random = Random(SplitMix64::new(19));
    for _ in 0..40_000 {
        let count = random.below(9);
        let text: String = (0..count).map(|_| random.one_of(&parts)).collect();
        expressions(&text);
    }
}

#[test]
fn mutated_greetings_read_the_same_in_any_pieces() {
    let examples: [&[u8]; 7] = [
        b"\x01\x00\x00\x0529876data",
        b"\x01\x00\x01\x0629876U\x00\x02hi",
        b"\x01\x00\x00SSH-2.0",
        b"\x00\x00\xff",
        br#"{"version":1,"target":"db.internal:5432","metadata":{"a":"\"}"},"bridge_id":"b"}"#,
        br#"{"version":1,"ok":false,"error":"connection failed","code":"timeout","x":[{}]}"#,
        b"{\"version\":1,\"ok\":true,\"listener_id\":\"l\"}\nSSH-2.0",
    ];
    let mut random = Random(SplitMix64::new(20));
    for _ in 0..20_000 {
        let mut bytes = random.one_of(&examples).to_vec();
        random.mutate(&mut bytes, b"{}[]\",:\\\n 01\x00\x01\xff");
        greetings(&bytes, random.below(12));
    }
}

#[test]
fn random_datagrams_read_the_same_in_any_pieces() {
    let mut random = Random(SplitMix64::new(21));
    for _ in 0..5_000 {
        let mut bytes = Vec::new();
        for _ in 0..random.below(6) {
            let len = random.below(40);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
            bytes.extend((0..len).map(|at| at as u8));
        }
        random.mutate(&mut bytes, b"\x00\x01\x28\xff");
        datagrams(&bytes, random.below(50));
    }
}

#[test]
fn mutated_negotiations_end_the_same_in_any_pieces() {
    let examples: [&[u8]; 6] = [
        b"\x05\x01\x00\x05\x01\x00\x03\x0bexample.com\x01\xbbdata",
        b"\x05\x02\x00\x02\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50",
        b"\x05\x01\x02\x01\x03ann\x06s3cret\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50",
        b"\x05\x01\x00\x05\x01\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x16",
        b"\x05\x01\x00\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00",
        b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
    ];
    let mut random = Random(SplitMix64::new(22));
    for _ in 0..20_000 {
        let mut bytes = random.one_of(&examples).to_vec();
        random.mutate(&mut bytes, b"\x00\x01\x02\x03\x04\x05\xffa.");
        socks5(&bytes, random.below(12));
    }
}
