//! Child processes with a line protocol, which end with their handle.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A child process, and the pipes to and from it.
#[derive(Debug)]
pub struct LineProcess {
    process: Child,
    /// `None` once its stdin was closed.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl LineProcess {
    pub fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("stdout is a pipe"));
        Self {
            process,
            input,
            output,
        }
    }

    /// Starts this program again, in another role.
    pub fn start_again(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        Self::start(Command::new(program).args(arguments))
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Reads its next line.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .expect("the process speaks");
        assert!(!line.is_empty(), "the process ended");
        line.trim().to_owned()
    }

    /// Writes a line, and reads the next one as the answer.
    pub fn ask(&mut self, line: &str) -> String {
        let input = self.input.as_mut().expect("its input is open");
        writeln!(input, "{line}").expect("the process listens");
        self.line()
    }

    /// Writes a line, and reads the answer as a number.
    pub fn ask_for_number(&mut self, line: &str) -> f64 {
        let answer = self.ask(line);
        answer.parse().unwrap_or_else(|_| panic!("{answer}"))
    }

    /// Writes the last line, and closes its stdin.
    pub fn say_last(&mut self, text: &str) {
        let mut input = self.input.take().expect("its input is open");
        input
            .write_all(text.as_bytes())
            .expect("the process listens");
    }
}

impl Drop for LineProcess {
    fn drop(&mut self) {
        // Fails only if it has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
