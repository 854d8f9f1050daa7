//! The command line and the layers, without a process.

use std::ffi::OsString;
use std::path::PathBuf;

use super::settings::Settings;
use super::*;
use crate::Result;
use crate::config::Config;

/// Reads a command line, given as words, and variables without their prefix.
fn read(words: &str, variables: &[(&str, &str)]) -> Result<CommandLine, String> {
    let args: Vec<OsString> = ["azwire-emulator"]
        .into_iter()
        .chain(words.split_whitespace())
        .map(Into::into)
        .collect();
    let variables = variables
        .iter()
        .map(|(name, value)| (format!("AZWIRE_EMULATOR_{name}").into(), value.into()))
        .chain([("PATH".into(), "/bin".into())]);
    CommandLine::read(&args, variables).map_err(|refusal| match refusal {
        Refusal::Clap(error) => error.to_string(),
        Refusal::Error(error) => error.to_string(),
    })
}

fn load(words: &str, variables: &[(&str, &str)]) -> Settings {
    Settings::load(read(words, variables).unwrap().flags).unwrap()
}

/// A file that is removed with its owner.
struct File(PathBuf);

impl File {
    fn new(extension: &str, text: &str) -> Self {
        let name = uuid::Uuid::new_v4().simple();
        let path = std::env::temp_dir().join(format!("azwire-settings-{name}.{extension}"));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[test]
fn every_flag_is_a_variable_and_has_a_line_of_keys() {
    let command = command();
    for subcommand in command.get_subcommands() {
        let mut flags = subcommand.get_arguments().filter_map(|arg| arg.get_long());
        assert_eq!(flags.next(), None, "flags of all commands are in `Flags`");
    }
    let settings = print::to_toml(&load("--event-handler chat=http://h/", &[]));
    let mut with_keys = Vec::new();
    for arg in command.get_arguments() {
        let flag = arg.get_long().expect("a flag has a long name");
        let keys = flags::KEYS.iter().find(|(name, _)| *name == flag);
        let (_, keys) = keys.unwrap_or_else(|| panic!("--{flag} is missing in KEYS"));
        for key in *keys {
            let (_, last) = key.rsplit_once('.').unwrap_or(("", key));
            assert!(settings.contains(last), "{key} is missing in {settings}");
        }
        with_keys.push(flag);

        // Good values differ; a bad one is named by its variable, and so is its rule.
        let name = environment::variable(flag);
        let rest = name.strip_prefix("AZWIRE_EMULATOR_").unwrap();
        let good = [
            "true",
            "1",
            "a.toml",
            "127.0.0.1 ::1",
            "chat=http://h/",
            "a b",
        ];
        let taken = good.iter().find(|value| {
            read("", &[(rest, value)])
                .is_ok_and(|it| it.flags.sources[flag] == environment::Source::Variable)
        });
        assert!(taken.is_some(), "{name}");
    }
    assert_eq!(with_keys.len(), flags::KEYS.len(), "{with_keys:?}");
}

#[test]
fn the_table_in_the_readme_has_every_flag() {
    let readme = include_str!("../../README.md");
    for (flag, keys) in flags::KEYS {
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let keys = match keys.is_empty() {
            true => "–".to_owned(),
            false => keys.join(", "),
        };
        let variable = environment::variable(flag);
        let row = format!("\n| `--{flag}` | `{variable}` | {keys} | ");
        assert_eq!(
            readme.matches(&row).count(),
            1,
            "missing in the README:{row}"
        );
    }
    let rows = readme.matches("\n| `--").count();
    assert_eq!(rows, flags::KEYS.len());
}

#[test]
fn files_may_come_from_an_editor_of_windows() {
    let of_windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let config = File::new("toml", &of_windows("# a\n[pubsub]\nport = 7\n"));
    let appsettings =
        "{\n  // a\n  \"WebPubSub\": { \"AllowUnvalidatedEntraTokens\": true, },\n}\n";
    let appsettings = File::new("json", &of_windows(appsettings));
    let words = format!(
        "--config {} --appsettings {}",
        config.path(),
        appsettings.path()
    );
    let config = load(&words, &[]).config;
    assert_eq!(config.pubsub.port, 7);
    assert!(config.pubsub.allow_unvalidated_entra_tokens);
}

#[test]
fn variables_that_are_wrong_are_named_in_one_line() {
    for (name, value, said) in [
        (
            "PUBSUB_PROT",
            "1",
            "unknown variable AZWIRE_EMULATOR_PUBSUB_PROT; did you mean AZWIRE_EMULATOR_PUBSUB_PORT?",
        ),
        (
            "XYZZY",
            "",
            "unknown variable AZWIRE_EMULATOR_XYZZY; --help",
        ),
        (
            "PUBSUB_PORT",
            "x",
            "AZWIRE_EMULATOR_PUBSUB_PORT: invalid value 'x'",
        ),
        (
            "SOCKET_IO",
            "maybe",
            "AZWIRE_EMULATOR_SOCKET_IO: invalid value 'maybe'",
        ),
        (
            "HYBRID_CONNECTION",
            "a b:c",
            "AZWIRE_EMULATOR_HYBRID_CONNECTION: invalid value 'b:c'",
        ),
        (
            "EVENT_HANDLER",
            "chat",
            "AZWIRE_EMULATOR_EVENT_HANDLER: invalid value",
        ),
        ("PORT_RANGE", "1", "unknown variable"),
        ("PORT", "80", "unknown variable"),
    ] {
        let error = read("", &[(name, value)]).unwrap_err();
        assert!(error.contains(said) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn variables_that_others_set_are_not_settings() {
    // What Kubernetes sets for a service named `azwire-emulator`, and what `exec` sets.
    let variables = [
        ("SERVICE_HOST", "10.0.0.11"),
        ("SERVICE_PORT", "8080"),
        ("SERVICE_PORT_HTTP", "8080"),
        ("PORT", "tcp://10.0.0.11:8080"),
        ("PORT_8080_TCP", "tcp://10.0.0.11:8080"),
        ("PORT_8080_TCP_ADDR", "10.0.0.11"),
        ("READY", "{}"),
        ("PROGRAM", "/opt/azwire-emulator"),
        // What a compose file makes of a variable without a value.
        ("PUBSUB_PORT", ""),
    ];
    assert!(read("", &variables).unwrap().flags.sources.is_empty());
}

#[test]
fn each_layer_is_stronger_than_the_next() {
    let appsettings = File::new(
        "json",
        r#"{"WebPubSub": {"AccessKey": "from-appsettings", "AllowUnvalidatedEntraTokens": true, "Hubs": {
            "chat": {"EventHandlers": [{"UrlTemplate": "http://h/appsettings", "EventPattern": "*"}]}}}}"#,
    );
    let config = File::new(
        "toml",
        "certificate-names = [\"a\"]\n[pubsub]\nport = 1\naccess-key = \"from-config\"\nsocket-io = true\n\
         event-handlers = [{ hub = \"chat\", url = \"http://h/config\" }]\n\
         [relay]\nport = 1\nplain-port = 1\nhybrid-connections = [\"file\"]\nlimits = { listeners = 3 }\n",
    );
    let words = format!(
        "--relay-port 3 --appsettings {} --event-handler chat=http://h/flag --certificate-name c",
        appsettings.path()
    );
    let variables = [
        ("CONFIG", config.path()),
        ("RELAY_PORT", "2"),
        ("RELAY_PLAIN_PORT", "2"),
        ("SOCKET_IO", "no"),
        ("EVENT_HANDLER", "chat=http://h/variable"),
        ("HYBRID_CONNECTION", "one two:anonymous"),
    ];
    let settings = load(&words, &variables);
    let Config { pubsub, relay, .. } = &settings.config;
    assert_eq!((pubsub.port, relay.port, relay.plain_port), (1, 3, 2));
    assert_eq!(pubsub.access_key.expose(), "from-config");
    assert!(pubsub.allow_unvalidated_entra_tokens && !relay.allow_unvalidated_entra_tokens);
    assert!(!pubsub.socket_io);
    assert_eq!(relay.limits.listeners, 3);
    let entities = relay.hybrid_connections.iter();
    let paths: Vec<_> = entities.map(|entity| entity.path.as_str()).collect();
    assert_eq!(paths, ["one", "two"]);
    assert_eq!(settings.config.certificate_names, ["c", "a"]);
    let handlers = settings.event_handlers();
    let handlers: Vec<_> = handlers
        .map(|(it, origin)| (it.url.clone(), origin))
        .collect();
    let handler = |url: &str, origin: &str| (url.to_owned(), origin.to_owned());
    assert_eq!(
        handlers,
        [
            handler("http://h/flag", "--event-handler"),
            handler("http://h/config", config.path()),
            handler("http://h/appsettings", appsettings.path()),
        ]
    );

    let printed = print::to_toml(&settings);
    for line in [
        format!("\nport = 1  # {}\n", config.path()),
        "\nport = 3  # --relay-port\n".into(),
        "\nplain-port = 2  # AZWIRE_EMULATOR_RELAY_PLAIN_PORT\n".into(),
        "\nsocket-io = false  # AZWIRE_EMULATOR_SOCKET_IO\n".into(),
        format!("\nlisteners = 3  # {}\n", config.path()),
        "\naccept-timeout = 30  # default\n".into(),
        format!("\n# access-key is not shown; {}\n", config.path()),
        "\n[[pubsub.event-handlers]]  # --event-handler\n".into(),
        format!(
            "\nallow-unvalidated-entra-tokens = true  # {}\n",
            appsettings.path()
        ),
    ] {
        assert!(printed.contains(&line), "{line}\n{printed}");
    }
    assert!(!printed.contains("from-"), "{printed}");
}

#[test]
fn what_config_prints_is_a_config() {
    let config = File::new(
        "toml",
        "hosts = [\"::1\"]\nadvertise = \"emulator.local\"\ncertificates = \"c:\\\\a\"\n[pubsub]\nsecondary-key = \"hush\"\n\
         anonymous-hubs = [\"lobby\"]\non-event-failure = \"keep\"\nkeep-alive-interval = 7\n\
         event-handlers = [{ hub = \"chat\", url = \"http://u:hush@h/{event}?code=hush\", system-events = [], \
         group-presence-events = { event-names = [\"left\"], group-filters = [\"a \\\"b\"] } }]\n\
         [relay]\ndelays = \"azure\"\nlimits = { control-idle = 0.5 }\n\
         rules = [{ name = \"send\", key = \"hush\", rights = [\"send\"] }]\n\
         hybrid-connections = [\"a\", \"b:anonymous\", { path = \"c\", user-metadata = \"d\", rules = [\
         { name = \"own\", key = \"hush\", rights = [\"listen\"] }] }]\n",
    );
    let printed = print::to_toml(&load(&format!("--config {}", config.path()), &[]));
    assert!(!printed.contains("hush"), "{printed}");
    assert!(
        printed.contains("\"send\"") && printed.contains("\"own\""),
        "{printed}"
    );
    let again = File::new("toml", &printed);
    let again = print::to_toml(&load(&format!("--config {}", again.path()), &[]));
    let bare = |text: &str| -> Vec<_> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split("  # ").next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(bare(&printed), bare(&again));
    for line in ["user-events = \"*\"", "control-idle = 0.5", "port = 8080"] {
        assert!(bare(&again).iter().any(|it| it == line), "{line}: {again}");
    }
}

#[test]
fn the_program_has_an_authority_unless_it_is_told_not_to() {
    let port = |words: &str| {
        let identity = load(words, &[]).config.identity;
        identity.map(|identity| identity.port)
    };
    assert_eq!(port(""), Some(9444));
    assert_eq!(port("--identity-port 1"), Some(1));
    assert_eq!(port("--free-ports"), Some(0));
    assert_eq!(port("--no-identity"), None);
    let text = "[identity]\ntenant-id = \"contoso.com\"\n[[identity.principals]]\nclient-id = \"22222222-2222-2222-2222-222222222222\"\nsecrets = [\"hunter2\"]\nroles = [\"Azure Relay Sender@hc1\"]\n";
    let file = File::new("toml", text);
    let printed = print::to_toml(&load(&format!("--config {}", file.path()), &[]));
    assert!(
        printed.contains("roles = [\"Azure Relay Sender@hc1\"]"),
        "{printed}"
    );
    assert!(!printed.contains("hunter2"), "{printed}");
    let again = Config::from_toml(&printed).unwrap().identity.unwrap();
    assert_eq!(again.tenant_id, "contoso.com");
    assert_eq!(again.principals.len(), 1);
}

#[test]
fn free_ports_yield_to_ports_of_their_own_layer_or_a_stronger_one() {
    let ports = |words: &str, variables: &[(&str, &str)]| {
        let config = load(words, variables).config;
        (
            config.pubsub.port,
            config.relay.port,
            config.relay.plain_port,
        )
    };
    for (words, variables, expected) in [
        ("--free-ports", &[][..], (0, 0, 0)),
        ("--free-ports --pubsub-port 1", &[], (1, 0, 0)),
        ("--free-ports", &[("PUBSUB_PORT", "1")], (0, 0, 0)),
        ("--relay-port 1", &[("FREE_PORTS", "1")], (0, 1, 0)),
        ("", &[("FREE_PORTS", "1"), ("RELAY_PORT", "1")], (0, 1, 0)),
        (
            "--free-ports=false",
            &[("FREE_PORTS", "1")],
            (8080, 9443, 9080),
        ),
    ] {
        assert_eq!(ports(words, variables), expected, "{words} {variables:?}");
    }
}

#[test]
fn flags_may_follow_the_command_and_switches_may_be_turned_off() {
    for words in ["config --pubsub-port 1", "--pubsub-port 1 config"] {
        let line = read(words, &[("PUBSUB_PORT", "2"), ("RELAY_PORT", "3")]).unwrap();
        assert!(matches!(line.command, Some(Command::Config)));
        assert_eq!(
            (line.flags.pubsub_port, line.flags.relay_port),
            (Some(1), Some(3))
        );
    }
    let auto_create = |words: &str| read(words, &[]).unwrap().flags.auto_create;
    assert_eq!(auto_create("--auto-create"), Some(true));
    assert_eq!(auto_create("--auto-create=false"), Some(false));
    assert_eq!(auto_create("config --auto-create=off"), Some(false));
    assert_eq!(auto_create("--auto-create config"), Some(true));
    assert_eq!(auto_create(""), None);
}

#[test]
fn files_that_are_wrong_are_named_in_one_line() {
    let config = File::new("toml", "[pubsub]\n\nprot = 1\n");
    let appsettings = File::new("json", "{\n  \"WebPubSub\": nope\n}");
    let handlers = File::new(
        "toml",
        "[[pubsub.event-handlers]]\nhub = \"a-b\"\nurl = \"http://h\"\n",
    );
    for (words, named) in [
        (format!("--config {}", config.path()), "line 3"),
        (
            format!("--appsettings {}", appsettings.path()),
            "line 2, column 16",
        ),
        (format!("--config {}", handlers.path()), "hub name"),
        (
            "--config /nonexistent/file".into(),
            "cannot read /nonexistent/file",
        ),
        ("--group-presence x".into(), "--event-handler"),
    ] {
        let error = Settings::load(read(&words, &[]).unwrap().flags).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(named) && !error.contains('\n'), "{error}");
    }
}
