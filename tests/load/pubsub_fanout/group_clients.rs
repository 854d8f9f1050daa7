//! The client process of the groups: sockets that nobody reads while messages are under way, so that
//! all cores are the server's. What arrived is counted afterwards.

use std::io::Read;
use std::time::Duration;

use azwire_tests::background::current_thread;
use azwire_tests::child::LineProcess;
use tokio::net::TcpStream;

use super::PAYLOAD;
use super::client_process::{FRAME, answer, connect, open, request};
use super::clients::Openings;

/// A handle to the process, which ends with it.
pub(super) struct GroupClients(LineProcess);

impl GroupClients {
    /// Opens the clients of each group.
    pub(super) fn open(groups: &[Openings]) -> Self {
        let mut process = LineProcess::start_again(&["group-client"]);
        process.ask(&serde_json::to_string(groups).expect("they are plain"));
        Self(process)
    }

    /// Sends a message to every group, all of them at once.
    pub(super) fn send(&mut self) {
        self.0.ask("send 0");
    }

    /// Waits until every client has received so many messages since the last time.
    pub(super) fn drain(&mut self, messages: usize) {
        self.0.ask(&format!("drain {messages}"));
    }
}

pub(super) fn main() {
    let runtime = current_thread();
    let mut lines = std::io::stdin().lines();
    let mut next = || lines.next().and_then(Result::ok);
    let Some(groups) = next() else { return };
    let groups: Vec<Openings> = serde_json::from_str(&groups).expect("the openings are JSON");
    let mut controls = Vec::new();
    let mut sockets = Vec::new();
    for group in &groups {
        controls.push(runtime.block_on(connect(group)));
        for _ in 0..group.count {
            sockets.push(blocking(runtime.block_on(open(group))));
        }
    }
    answer("open");
    while let Some(line) = next() {
        let (what, count) = line.split_once(' ').expect("a word and a number");
        let count: usize = count.parse().expect("a number");
        if what == "send" {
            let sends = controls.iter_mut().zip(&groups);
            let sends = sends.map(|(control, group)| request(control, group));
            runtime.block_on(futures::future::join_all(sends));
        } else {
            let mut space = vec![0; count * FRAME];
            for socket in &mut sockets {
                socket.read_exact(&mut space).expect("all of them arrive");
                assert!(
                    space.ends_with(&[b'x'; PAYLOAD]),
                    "the message as it was sent"
                );
            }
        }
        answer("done");
    }
}

/// Takes a socket from its runtime, which would be woken by everything that arrives.
fn blocking(socket: TcpStream) -> std::net::TcpStream {
    let socket = socket.into_std().expect("it is registered");
    socket.set_nonblocking(false).expect("a socket may block");
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("the time is not zero");
    socket
}
