use forward::expression::{LocalAddress, LocalForward, RemoteForward};

use super::*;

fn read(text: &str) -> Document {
    Document::parse(text).unwrap_or_else(|reason| panic!("{reason}\n{text}"))
}

fn locals(document: &Document) -> Vec<String> {
    let entries = document.local_forward.iter();
    entries
        .map(|entry| {
            let relay = entry.relay.clone().unwrap();
            LocalForward::new(relay, entry.bindings.clone())
                .unwrap()
                .to_string()
        })
        .collect()
}

fn remotes(document: &Document) -> Vec<String> {
    let entries = document.remote_forward.iter();
    entries
        .map(|entry| {
            let relay = entry.relay.clone().unwrap();
            RemoteForward::new(relay, entry.bindings.clone())
                .unwrap()
                .to_string()
        })
        .collect()
}

#[test]
fn a_file_may_come_from_an_editor_of_windows() {
    let document =
        read("\u{feff}LocalForward:\r\n- RelayName: a1\r\n  BindPort: 2222\r\n  PortName: ssh\r\n");
    assert_eq!(locals(&document), ["2222/ssh:a1"]);
    assert!(locals(&read("\u{feff}# nothing\r\n")).is_empty());
}

#[test]
fn a_file_of_empty_keys_says_nothing() {
    // The keys of the file that azbridge's packages install.
    let keys = "AddressFamily AzureRelayConnectionString AzureRelayEndpoint \
         AzureRelaySharedAccessKeyName AzureRelaySharedAccessKey AzureRelaySharedAccessSignature \
         BindAddress ClearAllForwardings Compression CompressionLevel ConnectionAttempts \
         ConnectTimeout ExitOnForwardFailure GatewayPorts KeepAliveInterval LogFileName LocalForward \
         RemoteForward";
    let text: String = keys
        .split_whitespace()
        .map(|key| format!("# What it is.\n\n{key} :\n"))
        .collect();
    let document = read(&format!("{text}LogLevel : ERROR\n"));
    assert_eq!(document.log_level, Some(LogLevel("error")));
    assert!(document.address_family.is_none() && document.bind_address.is_none());
    assert!(document.local_forward.is_empty() && document.remote_forward.is_empty());
    for text in ["", "---\n", "# Nothing.\n\n", "---\n# Nothing.\n"] {
        assert!(read(text).log_level.is_none());
    }
}

#[test]
fn forwards_of_one_binding_are_read() {
    let document = read(
        "LocalForward :\n   - BindAddress: 127.1.0.2\n     BindPort: 13389\n     PortName: rdp\n     RelayName: a1\n   \
         - RelayName: syslog\n     BindPort: -514\n   - RelayName: box\n     BindLocalSocket: /run/x.sock\n     PortName: web\n     HostName: box.example.com\n",
    );
    assert_eq!(
        locals(&document),
        [
            "127.1.0.2:13389/rdp:a1",
            "514U:syslog",
            "/run/x.sock/web:box"
        ]
    );
    let document = read(
        "RemoteForward :\n   - RelayName: sql\n     Host: localhost\n     PortName: tds\n     HostPort: 1433\n   \
         - RelayName: syslog\n     HostPort: -514\n   - RelayName: box\n     LocalSocket: /run/x.sock\n",
    );
    assert_eq!(
        remotes(&document),
        [
            "sql:tds/localhost:1433",
            "syslog:localhost:514U",
            "box:/run/x.sock"
        ]
    );
}

#[test]
fn forwards_of_several_bindings_are_read() {
    let document = read(
        "LocalForward:\n- RelayName: a1\n  NoAuthentication: true\n  Bindings:\n  - BindPort: 80\n    PortName: http\n  \
         - BindAddress: any\n    BindPort: '443'\n    PortName: 443\n",
    );
    assert_eq!(locals(&document), ["80/http;*:443:a1"]);
    assert!(document.local_forward[0].is_anonymous);
    let document = read(
        "RemoteForward:\n- RelayName: a1\n  Bindings:\n  - Host: web.internal\n    HostPort: 80\n    PortName: http\n  \
         - HostPort: 443\n",
    );
    assert_eq!(
        remotes(&document),
        ["a1:http/web.internal:80;localhost:443"]
    );
}

#[test]
fn sites_are_read() {
    let document = read(
        "RemoteForward:\n- RelayName: a1\n  Host: web.internal\n  HostPort: 8080\n  PortName: http\n  Http: true\n  Path: /api\n\
         - RelayName: a2\n  Bindings:\n  - Http: true\n    Insecure: true\n    HostPort: 3000\n  - HostPort: 22\n  - Http: yes\n    PortName: https\n    Host: h\n",
    );
    let shown: Vec<Vec<_>> = document
        .remote_forward
        .iter()
        .map(|entry| entry.sites.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(
        shown,
        [
            vec!["http/web.internal/api:8080".to_owned()],
            vec!["http/localhost:3000".to_owned(), "https/h".to_owned()],
        ]
    );
    assert_eq!(document.remote_forward[1].bindings.len(), 1);
}

#[test]
fn settings_are_read_as_azbridge_reads_them() {
    let document = read(
        "AddressFamily: \"inet6\"\nGatewayPorts : yes\nExitOnForwardFailure: no\nClearAllForwardings: true\n\
         ConnectionAttempts: 3\nConnectTimeout: 0\nKeepAliveInterval: 60\nLogLevel: DEBUG2\nBindAddress: '10.0.0.1'\n\
         AzureRelayEndpoint: sb://contoso.servicebus.windows.net\nAzureRelaySharedAccessKeyName: rule\n\
         AzureRelaySharedAccessKey: a2V5\nLogFileName: /var/log/azbridge.log\n",
    );
    assert_eq!(document.gateway_ports, Some(true));
    assert_eq!(document.exit_on_forward_failure, Some(false));
    assert_eq!(document.clear_all_forwardings, Some(true));
    assert_eq!(document.connection_attempts, Some(3));
    assert_eq!(document.connect_timeout, Some(0));
    assert_eq!(document.keep_alive_interval, Some(60));
    assert_eq!(document.log_level, Some(LogLevel("trace")));
    assert_eq!(document.bind_address.as_deref(), Some("10.0.0.1"));
    assert_eq!(
        document.azure_relay_shared_access_key.unwrap().expose(),
        "a2V5"
    );
}

#[test]
fn an_error_is_one_line_with_its_place_and_shows_no_secret() {
    for (text, line, expected) in [
        ("LogLevel: info\nRelais: x\n", 2, "unknown key `Relais`"),
        (
            "loglevel: info\n",
            1,
            "unknown key `loglevel`; did you mean `LogLevel`?",
        ),
        (
            "LocalForward:\n- RelayName: a\n  BindPort: 80\n  RemoteHostName: x\n",
            4,
            "unknown key `RemoteHostName`",
        ),
        (
            "RemoteForward:\n- relay_name: abc\n  hostport: 3389\n",
            2,
            "unknown key `relay_name`",
        ),
        (
            "LocalForward:\n- RelayName: a\n  Bindings:\n  - BindPort: 80\n  - Port: 81\n",
            5,
            "unknown key `Port`",
        ),
        ("LogLevel: loud\n", 1, "is not a LogLevel"),
        (
            "\n\nAddressFamily: inet4\n",
            3,
            "expected any, inet or inet6",
        ),
        (
            "ConnectionAttempts: 11\n",
            1,
            "ConnectionAttempts: expected 1 to 10, found 11",
        ),
        (
            "ConnectTimeout: 121\n",
            1,
            "ConnectTimeout: expected 0 to 120",
        ),
        (
            "ConnectTimeout: soon\n",
            1,
            "ConnectTimeout: expected a number",
        ),
        (
            "RemoteForward:\n- HostPort: x\n",
            2,
            "HostPort: expected a number",
        ),
        (
            "GatewayPorts: maybe\n",
            1,
            "GatewayPorts: expected yes or no",
        ),
        ("Compression: true\n", 1, "the relay does not compress"),
        ("LogLevel: info\nLogLevel: info\n", 2, "twice"),
        ("AzureRelayConnectionString: s3cret\n", 1, ""),
        ("LocalForward: {}\n", 1, "expected a list"),
        ("LocalForward:\n- a1\n", 2, "expected keys with values"),
        ("LocalForward: [\n", 1, ""),
        ("GatewayPorts: &a yes\nx: *b\n", 2, ""),
        (
            "LocalForward:\n- RelayName: a b\n  BindPort: 80\n",
            2,
            "RelayName: the name has ' ' at column 2",
        ),
        (
            "LocalForward:\n- RelayName: a\n  BindPort: 70000\n",
            3,
            "70000 is not a port",
        ),
        (
            "LocalForward:\n- RelayName: a\n",
            2,
            "expected BindPort or BindLocalSocket",
        ),
        (
            "LocalForward:\n- RelayName: a\n  BindPort: 1\n  BindLocalSocket: x\n",
            2,
            "exclude each other",
        ),
        (
            "LocalForward:\n- RelayName: a\n  BindPort: 1\n  Bindings:\n  - BindPort: 2\n",
            2,
            "exclude each other",
        ),
        (
            "RemoteForward:\n- RelayName: a\n  HostPort: 0\n",
            2,
            "expected a port from 1",
        ),
        (
            "RemoteForward:\n- RelayName: a\n  HostPort: 1\n  Path: /x\n",
            2,
            "Path needs Http",
        ),
        (
            "RemoteForward:\n- RelayName: a\n  HostPort: 1\n  Host: a b\n",
            2,
            "Host: expected a host",
        ),
        (
            "RemoteForward:\n- RelayName: a\n  Http: true\n  HostPort: 443\n  Insecure: true\n",
            2,
            "certificates are always verified",
        ),
    ] {
        let reason = Document::parse(text).expect_err(text);
        assert!(
            reason.starts_with(&format!("line {line}: ")),
            "{text}: {reason}"
        );
        assert!(reason.contains(expected), "{text}: {reason}");
        assert!(
            !reason.contains('\n') && !reason.contains("s3cret"),
            "{reason}"
        );
    }
}

#[test]
fn an_option_is_a_key_of_the_file() {
    let document = Document::parse_option("GatewayPorts:yes").unwrap();
    assert_eq!(document.gateway_ports, Some(true));
    let document = Document::parse_option("AzureRelayEndpoint: sb://h:5671/").unwrap();
    assert_eq!(
        document.azure_relay_endpoint.as_deref(),
        Some("sb://h:5671/")
    );
    for (option, expected) in [
        ("GatewayPorts", "expected key:value"),
        ("GatewayPort:yes", "unknown key `GatewayPort`"),
        ("ConnectTimeout:500", "expected 0 to 120"),
    ] {
        let reason = Document::parse_option(option).expect_err(option);
        assert!(reason.contains(expected), "{option}: {reason}");
    }
}

#[test]
fn a_udp_port_is_one_of_udp() {
    let document = read("LocalForward:\n- RelayName: a\n  BindPort: -53\n");
    let address = document.local_forward[0].bindings[0].address().clone();
    assert!(matches!(address, LocalAddress::Udp(address) if address.port() == 53));
}
