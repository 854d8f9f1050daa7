//! Memory of idle pairs, on Linux: each side in a process of its own.

use std::io::BufRead as _;

use azwire_tests::background::current_thread;
use azwire_tests::child::LineProcess;
use azwire_tests::measure::record;

use super::clients::open;
use super::floor;
use super::ours::Relay;

/// Opens idle pairs, and prints what each takes on either side.
pub(super) fn measure() {
    for is_tls in [false, true] {
        let relay = Relay::start(is_tls);
        let authority = relay.authority.clone().unwrap_or_default();
        // Arguments have one line.
        let authority = authority.replace('\n', "|");
        let echo = floor::echo().to_string();
        let start = |role: &str| {
            LineProcess::start_again(&[role, &relay.connection_string, &authority, &echo])
        };
        let mut listener = start("role-listener");
        listener.line();
        let mut sender = start("role-sender");
        let address = sender.line().parse().unwrap();
        let runtime = current_thread();
        // What is allocated once is there after the first.
        let few = runtime.block_on(open(address, FEW));
        let mut sides = [("sender", sender), ("listener", listener)];
        let before = sides.each_mut().map(|side| side.1.ask_for_number("memory"));
        let many = runtime.block_on(open(address, MANY));
        for ((name, side), before) in sides.iter_mut().zip(before) {
            let each = (side.ask_for_number("memory") - before) / 1024.0 / MANY as f64;
            let scenario = match is_tls {
                false => "forward-idle",
                true => "forward-idle-tls",
            };
            record(scenario, name, "KiB", [each]);
            println!("{scenario}: {each:.1} KiB for each pair at the {name}");
        }
        drop((few, many));
    }
}

/// Plays one side, and tells its memory in bytes whenever it is asked.
pub(super) fn play(role: &str, arguments: &[String]) {
    let [connection_string, authority, target] = arguments else {
        panic!("the arguments of measure()");
    };
    let relay = Relay {
        connection_string: connection_string.clone(),
        authority: (!authority.is_empty()).then(|| authority.replace('|', "\n")),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _kept = match role {
        "sender" => {
            let local = runtime.block_on(relay.local());
            println!("{}", local.local_addrs()[0]);
            (Some(local), None)
        }
        _ => {
            let target = target.parse().unwrap();
            let remote = runtime.block_on(relay.remote(target));
            println!("ready");
            (None, Some(remote))
        }
    };
    for _ in std::io::stdin().lock().lines() {
        println!("{}", memory());
    }
}

/// Returns the memory of this process in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kibibytes
        .expect("the kernel has the line")
        .trim()
        .parse::<u64>()
        .unwrap()
        * 1024
}

const FEW: usize = 50;
const MANY: usize = 1000;
