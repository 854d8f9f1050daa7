//! A client that is no program of ours, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// It reads its settings and then one command a line, and answers each with the
/// seconds that it took; it ends with this.
pub(crate) struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(command: &mut Command, settings: &serde_json::Value) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program of the peer starts");
        let input = process.stdin.take().expect("stdin is a pipe");
        let output = BufReader::new(process.stdout.take().expect("stdout is a pipe"));
        let mut peer = Self {
            process,
            input,
            output,
        };
        assert_eq!(peer.ask(&settings.to_string()), "ready");
        peer
    }

    /// The seconds that a command took.
    pub(crate) fn seconds(&mut self, command: &str) -> f64 {
        let answer = self.ask(command);
        answer.parse().unwrap_or_else(|_| panic!("{answer}"))
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("the peer listens");
        let mut answer = String::new();
        self.output
            .read_line(&mut answer)
            .expect("the peer answers");
        assert!(!answer.is_empty(), "the peer ended");
        answer.trim().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
