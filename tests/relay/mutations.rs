//! The entry point of the fuzz targets, driven with mutated vectors and a fixed seed.

use std::time::Instant;

use relay::command::{Command, Reply};
use relay::fuzzing::drive_control_channel;
use transport::_internal::SplitMix64;

const VECTORS: &str = include_str!("../vectors/relay/control.json");

struct Random(SplitMix64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

fn seeds() -> Vec<String> {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    ["commands", "replies"]
        .iter()
        .flat_map(|list| vectors[list].as_array().unwrap())
        .map(|vector| vector["text"].as_str().unwrap().to_owned())
        .collect()
}

fn mutate(text: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.below(4) {
        let at = random
            .below(bytes.len().max(1))
            .min(bytes.len().saturating_sub(1));
        match random.below(4) {
            0 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            1 if !bytes.is_empty() => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            _ => bytes.insert(at, b"{}[]\",:\\0"[random.below(9)]),
        }
    }
    bytes
}

#[test]
fn mutated_commands_are_read_or_refused_and_come_back_as_they_are() {
    let seeds = seeds();
    let mut random = Random(SplitMix64::new(1));
    for _ in 0..20_000 {
        let bytes = mutate(&seeds[random.below(seeds.len())], &mut random);
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(Some(command)) = Command::decode(&text) {
            assert_eq!(Command::decode(&command.encode()), Ok(Some(command)));
        }
        if let Ok(Some(reply)) = Reply::decode(&text) {
            assert_eq!(Reply::decode(&reply.encode()), Ok(Some(reply)));
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "any instant serves as the origin of virtual time"
)]
fn mutated_exchanges_never_panic() {
    let seeds = seeds();
    let mut random = Random(SplitMix64::new(2));
    let now = Instant::now();
    for _ in 0..5_000 {
        let mut data = Vec::new();
        for _ in 0..random.below(8) {
            let payload = mutate(&seeds[random.below(seeds.len())], &mut random);
            data.push(random.next() as u8);
            data.extend_from_slice(&(payload.len() as u16).to_be_bytes());
            data.extend_from_slice(&payload);
        }
        drive_control_channel(now, &data);
    }
}
