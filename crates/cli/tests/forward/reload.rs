//! The file is read again, and the process ends when it is told to.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use crate::running::{Running, TestFile, connect, echo, exchange, relay, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_again_without_breaking_what_it_does_not_concern() {
    let emulator = start().await;
    let (one, two) = (echo("one "), echo("two "));
    let ports = |names: &[&str]| -> String {
        let bindings = names.iter().map(|name| {
            // Two free ports of one address could not be told apart.
            let host = if *name == "x" {
                "127.0.0.1"
            } else {
                "localhost"
            };
            format!("  - BindAddress: {host}\n    BindPort: 0\n    PortName: {name}\n")
        });
        format!(
            "AddressFamily: inet\nLocalForward:\n- RelayName: a1\n  Bindings:\n{}",
            bindings.collect::<String>()
        )
    };
    let target = |name: &str, port: u16| {
        format!("  - Host: 127.0.0.1\n    HostPort: {port}\n    PortName: {name}\n")
    };
    let targets = |all: &[String]| {
        format!(
            "RemoteForward:\n- RelayName: a1\n  Bindings:\n{}",
            all.concat()
        )
    };
    let file = TestFile::new(
        "reload.yml",
        &format!(
            "{}{}",
            ports(&["x", "y"]),
            targets(&[target("x", one.port()), target("y", one.port())])
        ),
    );
    let metrics = ["--metrics", "127.0.0.1:0"];
    let mut both = Running::start(
        relay(
            &emulator,
            &["forward", "-f", file.path(), "--output", "json"],
        )
        .args(&metrics),
    );
    let (x, y) = (both.bound(), both.bound());
    let mut open = connect(x);
    let mut greeting = [0; 4];
    open.read_exact(&mut greeting).expect("it is served");
    let mut removed = connect(y);
    removed.read_exact(&mut greeting).expect("it is served");

    // `y` goes, the target of `x` is another, and a broken file changes nothing.
    file.write("LocalForward:\n- Nonsense: 1\n");
    both.signal("HUP");
    file.write(&format!(
        "{}{}",
        ports(&["x"]),
        targets(&[target("x", two.port())])
    ));
    both.signal("HUP");
    let reloaded = wait_until(|| exchange(x, "") == "two ");
    assert!(reloaded, "the new target is dialled");
    assert!(
        wait_until(|| std::net::TcpStream::connect(y).is_err()),
        "the port is closed"
    );
    for pair in [&mut open, &mut removed] {
        pair.write_all(b"still").expect("it is open");
        pair.shutdown(Shutdown::Write).expect("it is open");
        let mut rest = String::new();
        pair.read_to_string(&mut rest).expect("it ends gracefully");
        assert_eq!(rest, "still");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_end_before_the_process() {
    let emulator = start().await;
    let target = echo("drain ");
    let remote = format!("a1:x/{target}");
    let mut both = Running::start(relay(
        &emulator,
        &[
            "forward",
            "-T",
            &remote,
            "-L",
            "127.0.0.1:0/x:a1",
            "--output",
            "json",
        ],
    ));
    let bound = both.bound();
    let mut open = connect(bound);
    let mut greeting = [0; 6];
    open.read_exact(&mut greeting).expect("it is served");
    both.signal("TERM");
    assert!(
        wait_until(|| std::net::TcpStream::connect(bound).is_err()),
        "the port is closed"
    );
    open.write_all(b"last").expect("it is open");
    open.shutdown(Shutdown::Write).expect("it is open");
    let mut rest = String::new();
    open.read_to_string(&mut rest).expect("it ends gracefully");
    assert_eq!(rest, "last");
    let (code, errors) = both.ended();
    assert_eq!(code, Some(0), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_stay_are_cut_after_the_limit_or_by_a_second_signal() {
    let emulator = start().await;
    let target = echo("drain ");
    let remote = format!("a1:x/{target}");
    for (limit, is_repeated) in [("1ms", false), ("1h", true)] {
        let mut both = Running::start(relay(
            &emulator,
            &[
                "forward",
                "-T",
                &remote,
                "-L",
                "127.0.0.1:0/x:a1",
                "--output",
                "json",
                "--drain-timeout",
                limit,
            ],
        ));
        let bound = both.bound();
        let mut open = connect(bound);
        let mut greeting = [0; 6];
        open.read_exact(&mut greeting).expect("it is served");
        both.signal("TERM");
        if is_repeated {
            assert!(wait_until(|| std::net::TcpStream::connect(bound).is_err()));
            both.signal("INT");
        }
        let (code, errors) = both.ended();
        assert_eq!(code, Some(0), "{errors}");
        assert!(errors.contains("cut"), "{errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_waits_for_a_relay_can_be_stopped() {
    let emulator = start().await;
    let target = echo("x ");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    silent.set_nonblocking(true).expect("it can be asked");
    let at = silent.local_addr().expect("it is bound");
    let first = format!(
        "AddressFamily: inet\nConnectTimeout: 0\nLocalForward:\n- RelayName: a1\n  BindAddress: 127.0.0.1\n  BindPort: 0\n  \
         PortName: x\nRemoteForward:\n- RelayName: a1\n  Host: 127.0.0.1\n  HostPort: {}\n  PortName: x\n",
        target.port()
    );
    let file = TestFile::new("silent.yml", &first);
    let arguments = ["forward", "-f", file.path(), "--output", "json"];
    let mut both = Running::start(relay(&emulator, &arguments));
    let bound = both.bound();
    let mut open = connect(bound);
    let mut greeting = [0; 2];
    open.read_exact(&mut greeting).expect("it is served");

    file.write(&format!(
        "{first}- RelayName: a2\n  ConnectionString: Endpoint=sb://{at}/;SharedAccessKeyName=x;SharedAccessKey=eA==\n  \
         HostPort: 1\n"
    ));
    both.signal("HUP");
    let mut waiting = None;
    assert!(
        wait_until(|| {
            waiting = silent.accept().ok();
            waiting.is_some()
        }),
        "the reload connects"
    );
    both.signal("TERM");
    open.write_all(b"last").expect("it is open");
    open.shutdown(Shutdown::Write).expect("it is open");
    let mut rest = String::new();
    open.read_to_string(&mut rest).expect("it ends gracefully");
    assert_eq!(rest, "last");
    let (code, errors) = both.ended();
    assert_eq!(code, Some(0), "{errors}");
    // What it waited for has not come to its own end.
    assert!(!errors.contains("is not started"), "{errors}");
    drop(waiting);
}

/// Asks again until it is so, for a while.
fn wait_until(mut is_so: impl FnMut() -> bool) -> bool {
    (0..600).any(|_| {
        let done = is_so();
        if !done {
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
        done
    })
}
