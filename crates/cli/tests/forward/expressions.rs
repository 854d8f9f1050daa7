//! `-L`, `-T`, `-R` and the credentials beside them.

use crate::running::{Running, closed_port, connect, echo, exchange, relay, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_port_leads_through_the_relay_to_its_target() {
    let emulator = start().await;
    let target = echo("hello ");
    let remote = format!("a1:echo/{target}");
    let mut listening = Running::start(relay(
        &emulator,
        &["forward", "-T", &remote, "--output", "json"],
    ));
    let serving = listening.json("serving");
    assert_eq!(serving["hybridConnection"], "a1");
    assert_eq!(serving["targets"][0], format!("echo/{target}"));

    let mut sending = Running::start(relay(
        &emulator,
        &["forward", "-L", "127.0.0.1:0/echo:a1", "--output", "json"],
    ));
    let bound = sending.bound();
    // The answer comes after the end of the request.
    assert_eq!(exchange(bound, "world"), "hello world");
    assert_eq!(exchange(bound, ""), "hello ");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ports_and_both_orders_share_one_process() {
    let emulator = start().await;
    let (one, two) = (echo("one "), echo("two "));
    let newer = format!("a1:one/{one};two/{two}");
    let older = format!("a2:{}:only/{}", one.ip(), one.port());
    let mut both = Running::start(relay(
        &emulator,
        &[
            "forward",
            "-T",
            &newer,
            "-R",
            &older,
            "-L",
            "127.0.0.1:0/one;127.0.0.1:0/two:a1",
            "-L",
            "127.0.0.1:0/only:a2",
            "--output",
            "json",
        ],
    ));
    let bound = [both.bound(), both.bound(), both.bound()];
    assert_eq!(exchange(bound[0], "x"), "one x");
    assert_eq!(exchange(bound[1], "x"), "two x");
    assert_eq!(exchange(bound[2], "x"), "one x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_refuses_ends_the_connection() {
    let emulator = start().await;
    let (_held, closed) = closed_port();
    let remote = format!("a1:x/{closed}");
    let mut both = Running::start(relay(
        &emulator,
        &[
            "forward",
            "-T",
            &remote,
            "-L",
            "127.0.0.1:0/x;127.0.0.1:0/unknown:a1",
            "--output",
            "json",
        ],
    ));
    for bound in [both.bound(), both.bound()] {
        let mut stream = connect(bound);
        let read = std::io::Read::read(&mut stream, &mut [0; 8]);
        // A reset or an end, and no data.
        assert!(!matches!(read, Ok(1..)), "{read:?}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_leads_to_a_socket() {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::{UnixListener, UnixStream};

    let emulator = start().await;
    let folder = std::env::temp_dir().join(format!("azwire-sockets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let target = folder.join("target.sock");
    let listener = UnixListener::bind(&target).expect("the name is free");
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept()?;
        let mut text = String::new();
        client.read_to_string(&mut text)?;
        client.write_all(text.to_uppercase().as_bytes())
    });
    let own = folder.join("own.sock");
    let local = format!("{}/web:a1", own.display());
    let remote = format!("a1:web/{}", target.display());
    let mut both = Running::start(relay(
        &emulator,
        &["forward", "-L", &local, "-T", &remote, "--output", "json"],
    ));
    both.json("serving");
    let mut client = UnixStream::connect(&own).expect("it is bound");
    client.write_all(b"hello").expect("it takes bytes");
    client
        .shutdown(std::net::Shutdown::Write)
        .expect("it is open");
    let mut text = String::new();
    client
        .read_to_string(&mut text)
        .expect("it ends gracefully");
    assert_eq!(text, "HELLO");
    drop(both);
    let _ = std::fs::remove_dir_all(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_go_both_ways() {
    use std::net::UdpSocket;

    let emulator = start().await;
    let target = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let address = target.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        loop {
            let (len, from) = target.recv_from(&mut buffer)?;
            buffer[..len].reverse();
            target.send_to(&buffer[..len], from)?;
        }
        #[expect(unreachable_code, reason = "for the type of the errors")]
        std::io::Result::Ok(())
    });
    let remote = format!("a1:dns/{address}U");
    let mut both = Running::start(relay(
        &emulator,
        &[
            "forward",
            "-L",
            "127.0.0.1:0U/dns:a1",
            "-T",
            &remote,
            "--output",
            "json",
        ],
    ));
    let bound = both.bound();
    let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    client
        .set_read_timeout(Some(std::time::Duration::from_secs(30)))
        .expect("it is not zero");
    client.connect(bound).expect("it is bound");
    let mut buffer = [0; 2048];
    for datagram in [&b"abc"[..], b"", &[7; 1200]] {
        client.send(datagram).expect("it takes datagrams");
        let len = client.recv(&mut buffer).expect("it is answered");
        let expected: Vec<u8> = datagram.iter().rev().copied().collect();
        assert_eq!(&buffer[..len], expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_bound_where_the_options_say() {
    let emulator = start().await;
    for (arguments, expected) in [
        (&["-L", "0/x:a1"][..], "127.0.0.1"),
        (&["-b", "127.0.0.1", "-L", "0/x:a1"], "127.0.0.1"),
        (&["-L", "*:0/x:a1"], "0.0.0.0"),
        (&["-g", "-L", "0/x:a1"], "0.0.0.0"),
        (&["-o", "GatewayPorts:yes", "-L", "0/x:a1"], "0.0.0.0"),
    ] {
        let program = relay(&emulator, &["forward", "--output", "json"])
            .args(&["-o", "AddressFamily:inet"])
            .args(arguments);
        let mut sending = Running::start(program);
        assert_eq!(sending.bound().ip().to_string(), expected, "{arguments:?}");
    }
}
