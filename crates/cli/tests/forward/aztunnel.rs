//! What people of aztunnel do: `serve-targets`, `connect`, `socks5`.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use crate::running::{Running, closed_port, connect, echo, exchange, namespace, relay, start};
use crate::support::{Program, azwire};

fn targets(emulator: &emulator::Emulator, allow: &str) -> Running {
    let mut serving = Running::start(relay(
        emulator,
        &[
            "serve-targets",
            "--hybrid-connection",
            "a1",
            "--allow",
            allow,
            "--output",
            "json",
        ],
    ));
    serving.json("listening");
    serving
}

fn connecting(emulator: &emulator::Emulator, target: &str) -> Program {
    relay(emulator, &["connect", "--hybrid-connection", "a1", target])
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_and_output_are_a_connection() {
    let emulator = start().await;
    let target = echo("hello ");
    let _serving = targets(&emulator, &format!("{target},localhost:{}", target.port()));
    let ended = connecting(&emulator, &target.to_string())
        .input("world")
        .ended()
        .await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "hello world"),
        "{ended:?}"
    );
    // A name that only resolves to an allowed address.
    let ended = connecting(&emulator, &format!("localhost:{}", target.port()))
        .input("you")
        .ended()
        .await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "hello you"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_reached_is_said_in_one_line() {
    let emulator = start().await;
    let (_held, closed) = closed_port();
    let _serving = targets(&emulator, &format!("{closed},no-such-host.invalid:22"));
    let ended = connecting(&emulator, &closed.to_string()).ended().await;
    let line = ended.error(6);
    assert!(line.contains("connection_refused"), "{line}");
    let ended = connecting(&emulator, "10.0.0.1:22").ended().await;
    let line = ended.error(8);
    assert!(line.contains("target not allowed"), "{line}");
    let ended = connecting(&emulator, "no-such-host.invalid:22")
        .ended()
        .await;
    // How the machine's resolver says it is its own.
    assert!([5, 6, 7].contains(&ended.code), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variables_of_aztunnel_say_where_the_relay_is() {
    let emulator = start().await;
    let text = namespace(&emulator);
    let part = |name: &str| {
        let found = text.split(';').find_map(|part| part.strip_prefix(name));
        found.expect("the emulator gives it").to_owned()
    };
    let with = |arguments: &[&str]| {
        azwire(&["relay"])
            .args(arguments)
            .env(
                "AZTUNNEL_RELAY_NAME",
                part("Endpoint=").replace("sb://", "http://"),
            )
            .env("AZTUNNEL_HYCO_NAME", "a1")
            .env("AZTUNNEL_KEY_NAME", part("SharedAccessKeyName="))
            .env("AZTUNNEL_KEY", part("SharedAccessKey="))
    };
    let target = echo("from ").to_string();
    let mut serving = Running::start(with(&["serve-targets", "--allow", "*", "--output", "json"]));
    serving.json("listening");
    let ended = with(&["connect", "--log-level", "error", &target])
        .input("env")
        .ended()
        .await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "from env"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_this_machine_leads_to_a_target() {
    let emulator = start().await;
    let target = echo("bound ").to_string();
    let _serving = targets(&emulator, &target);
    let program =
        connecting(&emulator, &target).args(&["--bind", "127.0.0.1:0", "--output", "json"]);
    let mut sending = Running::start(program);
    assert_eq!(exchange(sending.bound(), "x"), "bound x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_socks5_names_its_target() {
    let emulator = start().await;
    let target = echo("socks ");
    let _serving = targets(&emulator, &format!("localhost:{}", target.port()));
    let mut proxy = Running::start(relay(
        &emulator,
        &[
            "socks5",
            "--hybrid-connection",
            "a1",
            "--bind",
            "127.0.0.1:0",
            "--output",
            "json",
        ],
    ));
    let bound = proxy.bound();
    let ask = |name: &str, port: u16| {
        let mut client = connect(bound);
        client.write_all(&[5, 1, 0]).expect("it takes bytes");
        let mut method = [0; 2];
        client.read_exact(&mut method).expect("it answers");
        assert_eq!(method, [5, 0]);
        let mut request = vec![5, 1, 0, 3, u8::try_from(name.len()).expect("it is short")];
        request.extend_from_slice(name.as_bytes());
        request.extend_from_slice(&port.to_be_bytes());
        client.write_all(&request).expect("it takes bytes");
        let mut reply = [0; 10];
        client.read_exact(&mut reply).expect("it answers");
        (client, reply[1])
    };
    let (mut client, reply) = ask("localhost", target.port());
    assert_eq!(reply, 0);
    client.write_all(b"x").expect("it is open");
    client
        .shutdown(std::net::Shutdown::Write)
        .expect("it is open");
    let mut text = String::new();
    client
        .read_to_string(&mut text)
        .expect("it ends gracefully");
    assert_eq!(text, "socks x");
    let (_, reply) = ask("elsewhere.invalid", 22);
    assert_ne!(reply, 0);
    let _: SocketAddr = bound;
}
