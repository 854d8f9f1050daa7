//! azbridge's configuration files.

use crate::running::{HOME, Running, TestFile, echo, exchange, namespace, relay, start};
use crate::support::azwire;

#[tokio::test(flavor = "multi_thread")]
async fn files_of_each_kind_run() {
    let emulator = start().await;
    let target = echo("yaml ");
    let port = target.port();
    let connection_string = namespace(&emulator);
    let with_path = emulator.relay().plain_connection_string("a1");
    let with_path = with_path.expose();
    for (name, server, client) in [
        (
            "single",
            format!("RemoteForward:\n  - RelayName: a1\n    HostPort: {port}\n    Host: 127.0.0.1\n    PortName: tds\n"),
            "LocalForward :\n  - BindAddress: 127.0.0.1\n    BindPort: 0\n    PortName: tds\n    RelayName: a1\n    HostName: db.example.com\n".to_owned(),
        ),
        (
            "bindings",
            format!("RemoteForward:\n- RelayName: a1\n  Bindings:\n  - HostPort: {port}\n    Host: 127.0.0.1\n    PortName: one\n  - HostPort: 1\n    PortName: two\n"),
            "GatewayPorts : no\nLocalForward:\n- RelayName: a1\n  Bindings:\n  - BindAddress: 127.0.0.1\n    BindPort: 0\n    PortName: one\n".to_owned(),
        ),
        (
            "own connection strings",
            format!("RemoteForward:\n- ConnectionString: {with_path}\n  HostPort: {port}\n  Host: 127.0.0.1\n"),
            format!("LocalForward:\n- ConnectionString: '{with_path}'\n  BindPort: 0\n  BindAddress: 127.0.0.1\n"),
        ),
        (
            "one port, another number",
            format!("AddressFamily: inet\nRemoteForward:\n- RelayName: a1\n  HostPort: {port}\n"),
            "ExitOnForwardFailure: yes\nConnectionAttempts: 2\nConnectTimeout: 10\nLocalForward:\n- RelayName: a1\n  BindPort: 0\n  BindAddress: 127.0.0.1\n  PortName: 4711\n".to_owned(),
        ),
    ] {
        let text = format!("AzureRelayConnectionString : {connection_string}\nLogLevel: ERROR\n");
        let server = TestFile::new("server.yml", &format!("---\n{text}{server}"));
        let client = TestFile::new("client.yml", &format!("{text}{client}"));
        // Nothing but the file says where the relay is.
        let run = |file: &TestFile| {
            let program = azwire(&["relay", "forward", "--output", "json", "-f", file.path()]);
            Running::start(program.env(HOME, "/nonexistent"))
        };
        let mut serving = run(&server);
        serving.json("serving");
        let mut sending = run(&client);
        assert_eq!(exchange(sending.bound(), "x"), "yaml x", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_has_parts_of_the_namespace_and_options_precede_it() {
    let emulator = start().await;
    let text = namespace(&emulator);
    let part = |name: &str| {
        let found = text.split(';').find_map(|part| part.strip_prefix(name));
        found.expect("the emulator gives it").to_owned()
    };
    let development = text.contains("UseDevelopmentEmulator=true");
    let endpoint = part("Endpoint=");
    let endpoint = match development {
        true => endpoint.replace("sb://", "http://"),
        false => endpoint,
    };
    let file = TestFile::new(
        "parts.yml",
        &format!(
            "AzureRelayEndpoint: {endpoint}\nAzureRelaySharedAccessKeyName: {}\nAzureRelaySharedAccessKey: {}\n",
            part("SharedAccessKeyName="),
            part("SharedAccessKey="),
        ),
    );
    let target = echo("parts ");
    let remote = format!("a1:x/{target}");
    let program = azwire(&["relay", "forward", "-f", file.path(), "-T", &remote])
        .args(&["-L", "127.0.0.1:0/x:a1", "--output", "json"])
        .env(HOME, "/nonexistent");
    let mut both = Running::start(program);
    assert_eq!(exchange(both.bound(), "x"), "parts x");

    // The user's own file is read without -f, and -o goes before it.
    let home = std::env::temp_dir().join(format!("azwire-home-{}", std::process::id()));
    let folder = if cfg!(windows) {
        "azbridge"
    } else {
        ".azbridge"
    };
    let folder = home.join(folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    std::fs::write(
        folder.join("azbridge_config.yml"),
        "ClearAllForwardings: no\nLocalForward:\n- RelayName: a2\n  BindPort: 0\n  BindAddress: 127.0.0.1\n",
    )
    .expect("the folder takes files");
    let run = |more: &[&str]| {
        let program = relay(&emulator, &["forward", "--output", "json"])
            .args(more)
            .env(HOME, home.to_str().expect("it is text"));
        Running::start(program)
    };
    assert_eq!(run(&[]).json("forwarding")["hybridConnection"], "a2");
    let mut cleared = run(&["-o", "ClearAllForwardings:yes", "-L", "127.0.0.1:0/x:a1"]);
    assert_eq!(cleared.json("forwarding")["hybridConnection"], "a1");
    let _ = std::fs::remove_dir_all(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_without_authentication_sends_no_token() {
    let emulator = start().await;
    let target = echo("open ");
    let remote = format!("open:x/{target}");
    let mut serving = Running::start(relay(
        &emulator,
        &["forward", "-T", &remote, "--output", "json"],
    ));
    serving.json("serving");
    let file = TestFile::new(
        "anonymous.yml",
        "LocalForward:\n- RelayName: open\n  BindPort: 0\n  BindAddress: 127.0.0.1\n  PortName: x\n  NoAuthentication: true\n",
    );
    let mut sending = Running::start(relay(
        &emulator,
        &["forward", "-f", file.path(), "--output", "json"],
    ));
    assert_eq!(exchange(sending.bound(), "x"), "open x");
}
