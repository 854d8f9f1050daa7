//! A command that goes on, and what it forwards to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::thread;
use std::time::Duration;

use emulator::Emulator;
use serde_json::Value;
use tokio::net::TcpSocket;

use crate::support::{Program, azwire};

/// Starts an emulator with a few hybrid connections.
pub(crate) async fn start() -> Emulator {
    let mut builder = Emulator::builder();
    for name in ["a1", "a2", "open:anonymous"] {
        builder = builder.hybrid_connection(name).expect("the name is right");
    }
    builder.start().await.expect("it starts")
}

/// Returns the connection string of the namespace, without a hybrid connection.
pub(crate) fn namespace(emulator: &Emulator) -> String {
    let text = emulator.relay().plain_connection_string("a1");
    let parts = text.expose().split(';');
    let parts: Vec<_> = parts
        .filter(|part| !part.starts_with("EntityPath="))
        .collect();
    parts.join(";")
}

/// Names the folder below which azbridge's file of a user is.
pub(crate) const HOME: &str = if cfg!(windows) { "APPDATA" } else { "HOME" };

/// Returns the program with the emulator in its environment, and no file of the user.
pub(crate) fn relay(emulator: &Emulator, arguments: &[&str]) -> Program {
    azwire(&["relay"])
        .args(arguments)
        .env("AZURE_BRIDGE_CONNECTIONSTRING", namespace(emulator))
        .env(HOME, "/nonexistent")
}

/// A command that runs until it is stopped; it ends with its test.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(program: Program) -> Self {
        let mut command = program.into_command();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    /// Returns its next line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it can be read");
        if line.is_empty() {
            panic!("it ended: {}", self.errors());
        }
        line.trim_end().to_owned()
    }

    /// Returns its next line of JSON that has this type.
    pub(crate) fn json(&mut self, kind: &str) -> Value {
        for _ in 0..100 {
            let value: Value = serde_json::from_str(&self.line()).expect("a line is JSON");
            if value["type"] == kind {
                return value;
            }
        }
        panic!("no line has the type {kind}");
    }

    /// Returns the next address that it listens on.
    pub(crate) fn bound(&mut self) -> SocketAddr {
        let value = self.json("bound");
        let text = value["address"].as_str().expect("it has an address");
        text.parse().expect("it is an address")
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its own end after a signal; returns its exit code and what it wrote to standard error.
    #[cfg(unix)]
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let errors = self.errors();
        let status = self.child.wait().expect("it ends");
        (status.code(), errors)
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = errors.read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a target that sends back what it gets, after `greeting`, until its client has ended.
pub(crate) fn echo(greeting: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut writer = client.try_clone()?;
                writer.write_all(greeting.as_bytes())?;
                std::io::copy(&mut &client, &mut writer)?;
                client.shutdown(Shutdown::Write)
            });
        }
    });
    address
}

/// Returns a port that nothing listens on, with the socket that keeps it so.
pub(crate) fn closed_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("there are sockets");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(any).expect("a port is free");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

/// Connects; a read waits for 30 s at most.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it is bound");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("it is not zero");
    stream
}

/// Sends a text, ends this direction, and returns all that comes back.
pub(crate) fn exchange(address: SocketAddr, text: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(text.as_bytes()).expect("it takes bytes");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("it ends gracefully");
    all
}

/// A file that is removed with its test.
pub(crate) struct TestFile(std::path::PathBuf);

impl TestFile {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let name = format!("azwire-{}-{name}", std::process::id());
        let own = Self(std::env::temp_dir().join(name));
        own.write(text);
        own
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.0, text).expect("the folder takes files");
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
