//! Proxies, certificates and addresses, by what is said when they are wrong.

mod support;

use support::{Program, azwire};

/// Asks a host that no resolver knows.
fn health(arguments: &[&str]) -> Program {
    azwire(&["pubsub", "health", "--retries", "0"])
        .args(arguments)
        .env(
            "WEBPUBSUB_CONNECTION_STRING",
            "Endpoint=https://azwire.invalid;AccessKey=abc=;",
        )
}

#[test]
fn a_proxy_is_used_unless_it_is_forbidden() {
    let proxy = "http://127.0.0.1:1";
    let refused = health(&["--proxy", proxy]).run();
    assert!(refused.error(6).contains("127.0.0.1:1"), "{refused:?}");
    let refused = health(&[]).env("https_proxy", proxy).run();
    assert!(refused.error(6).contains("127.0.0.1:1"), "{refused:?}");
    for program in [
        health(&["--without-proxy"]).env("https_proxy", proxy),
        health(&[])
            .env("https_proxy", proxy)
            .env("no_proxy", ".invalid"),
        health(&["--proxy", proxy]).env("no_proxy", "azwire.invalid"),
    ] {
        let direct = program.run();
        let line = direct.error(6);
        assert!(line.contains("azwire.invalid"), "{line}");
        assert!(!line.contains("127.0.0.1:1"), "{line}");
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    for (arguments, named) in [
        (&["--proxy", "socks5://x"][..], "--proxy"),
        (
            &["--proxy", "http://x", "--without-proxy"],
            "--without-proxy",
        ),
        (&["--ca", "/nonexistent/ca.pem"], "/nonexistent/ca.pem"),
        (&["--ca", env!("CARGO_MANIFEST_PATH")], "Cargo.toml"),
    ] {
        let refused = health(arguments).run();
        assert!(refused.error(2).contains(named), "{refused:?}");
    }
    let refused = health(&[]).env("https_proxy", "socks5://x:1").run();
    assert!(refused.error(2).contains("https_proxy"), "{refused:?}");
    let refused = health(&["--log", "a=b=c"]).run();
    assert!(refused.error(2).contains("--log"), "{refused:?}");
}

#[test]
fn a_secret_of_a_proxy_is_not_shown() {
    let refused = health(&["--proxy", "http://ann:s3cret@127.0.0.1:1"]).run();
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.stderr.contains("list of processes"), "{refused:?}");
    assert!(!refused.stderr.contains("s3cret"), "{refused:?}");
}

#[test]
fn plain_text_to_other_machines_must_be_allowed() {
    let program = |arguments: &[&str]| {
        health(arguments)
            .env(
                "WEBPUBSUB_CONNECTION_STRING",
                "Endpoint=http://azwire.invalid;AccessKey=abc=;",
            )
            .run()
    };
    let refused = program(&[]);
    assert!(refused.error(2).contains("https://"), "{refused:?}");
    assert!(
        program(&["--allow-plain-text"])
            .error(6)
            .contains("azwire.invalid")
    );
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["pubsub", "send", "all", "--help"],
    ] {
        let shown = azwire(arguments).run();
        assert_eq!((shown.code, shown.stderr.as_str()), (0, ""), "{shown:?}");
    }
    let help = azwire(&["pubsub", "send", "all", "--help"]).run().stdout;
    assert!(
        help.contains("azwire pubsub send all 'hello' --hub chat"),
        "{help}"
    );
    assert_eq!(azwire(&["pubsub", "nonsense"]).run().code, 2);
}
