//! The settings of the emulator, in code and in a file, and connection strings.

use std::time::Duration;

use azwire_tests::{on_free_ports, within};
use emulator::journal::Filter;
use emulator::{
    Config, Emulator, EntraToken, Fault, FaultPlan, FaultRule, Identity, IdentityConfig,
};
use futures::FutureExt;

use crate::parties::{meet_hub, meet_relay};
use crate::{Case, apart, later};

pub(super) const CASES: &[Case] = &[
    (
        "emulator PubSubConfig::keep_alive_interval",
        later!(|value| serve(move |config| config.pubsub.keep_alive_interval = value)),
    ),
    (
        "emulator PubSubConfig::keep_alive_timeout",
        later!(|value| serve(move |config| config.pubsub.keep_alive_timeout = value)),
    ),
    (
        "emulator RelayLimits::accept_timeout",
        later!(|value| serve(move |config| config.relay.limits.accept_timeout = value)),
    ),
    (
        "emulator RelayLimits::control_idle",
        later!(|value| serve(move |config| config.relay.limits.control_idle = Some(value))),
    ),
    (
        "emulator RelayLimits::listener_lifetime",
        later!(|value| serve(move |config| config.relay.limits.listener_lifetime = value)),
    ),
    (
        "emulator RelayLimits::response_timeout",
        later!(|value| serve(move |config| config.relay.limits.response_timeout = value)),
    ),
    (
        "emulator RelayLimits::token_grace",
        later!(|value| serve(move |config| config.relay.limits.token_grace = value)),
    ),
    (
        "emulator PubSubConfig::reply_delay",
        later!(|value| serve(move |config| config.pubsub.reply_delay = value)),
    ),
    (
        "emulator IdentityConfig::token_lifetime",
        later!(|value| sign_in(
            move |config| config.token_lifetime = value,
            |token| token,
            value
        )),
    ),
    (
        "emulator IdentityConfig::with_token_lifetime",
        later!(|value| sign_in(
            move |config| *config = config.clone().with_token_lifetime(value),
            |token| token,
            value
        )),
    ),
    (
        "emulator EntraToken::with_lifetime",
        later!(|value| sign_in(|_| {}, move |token| token.with_lifetime(value), value)),
    ),
    ("emulator WaitFor::with_timeout", later!(wait_for)),
    (
        "emulator WaitForRecord::with_timeout",
        later!(wait_for_record),
    ),
    ("emulator Clock::by", later!(record)),
    ("emulator Clock::offset", later!(record)),
    ("emulator Record::took", later!(record)),
    ("emulator EmulatorClock::advance", later!(advance)),
];

/// Runs an emulator with these settings for as long as everybody needs to say hello.
async fn serve(set: impl FnOnce(&mut Config)) {
    let mut config = Config::default();
    set(&mut config);
    within(run(config)).await;
}

async fn run(config: Config) {
    let limits = config.relay.limits.clone();
    let is_slow = config.pubsub.reply_delay > Duration::from_secs(1);
    let emulator = Emulator::builder()
        .config(on_free_ports(config))
        .start()
        .await
        .unwrap();
    meet_hub(&emulator, |builder| match is_slow {
        true => builder.connect_timeout(Duration::from_millis(200)),
        false => builder,
    })
    .await;
    let met = meet_relay(&emulator, "", |builder| builder, |builder| builder).await;
    let shortest = [
        limits.accept_timeout,
        limits.response_timeout,
        limits.listener_lifetime,
    ];
    let idle = limits.control_idle.unwrap_or_default();
    let is_harmless = |time: &Duration| time.is_zero() || *time >= Duration::from_secs(30);
    let is_usual = shortest.iter().chain([&idle]).all(is_harmless);
    assert!(met.is_ok() || !is_usual, "{met:?}");
}

/// Takes a token of an authority: it is valid for `lifetime`, or for a long time.
async fn sign_in(
    set: impl FnOnce(&mut IdentityConfig),
    change: impl FnOnce(EntraToken) -> EntraToken,
    lifetime: Duration,
) {
    within(async {
        let mut config = IdentityConfig::default().with_port(0);
        set(&mut config);
        let emulator = Emulator::builder().identity(config).start().await.unwrap();
        let identity = emulator.identity().unwrap();
        let token = change(identity.token(Identity::RELAY));
        let claims: serde_json::Value = serde_json::from_str(&token.payload()).unwrap();
        let time = |name: &str| claims[name].as_u64().unwrap();
        let valid = Duration::from_secs(time("exp").saturating_sub(time("iat")));
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        assert!(
            valid + Duration::from_secs(1) >= lifetime.min(year),
            "{valid:?}"
        );
        assert!(!token.sign().expose().is_empty());
    })
    .await;
}

async fn wait_for(value: Duration) {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let pubsub = emulator.pubsub();
        let never = pubsub
            .wait_for(|_| false)
            .with_timeout(value)
            .now_or_never();
        assert!(!matches!(never, Some(Ok(_))));
        let at_once = pubsub.wait_for(|_| true).with_timeout(value).await;
        assert!(at_once.is_ok());
    })
    .await;
}

async fn wait_for_record(value: Duration) {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let journal = emulator.journal();
        let wait = || journal.wait_for(Filter::default()).with_timeout(value);
        assert!(!matches!(wait().now_or_never(), Some(Ok(_))));
        emulator.clock().advance(Duration::from_secs(1));
        assert!(wait().await.is_ok());
    })
    .await;
}

/// Times of records are texts in the end.
async fn record(value: Duration) {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        emulator.clock().advance(value);
        for record in emulator.journal().records(&Filter::default()) {
            let mut record = (*record).clone();
            record.took = Some(value);
            assert!(!format!("{record}").is_empty());
            assert!(serde_json::to_string(&record).unwrap().contains("took"));
        }
    })
    .await;
}

async fn advance(value: Duration) {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        meet_hub(&emulator, |builder| builder).await;
        // Whoever comes later shows a token that has long been over.
        for _ in 0..2 {
            emulator.clock().advance(value);
            tokio::task::yield_now().await;
            drop(emulator.pubsub().state());
        }
        meet_relay(&emulator, "", |builder| builder, |builder| builder)
            .await
            .ok();
    })
    .await;
}

/// A file gives times as numbers, each with what is refused in words.
#[test]
fn every_time_of_a_settings_file_may_be_anything() {
    let items = super::public_items();
    let fields = items
        .iter()
        .filter_map(|item| item.strip_prefix("emulator "));
    let mut tried = 0;
    for field in fields {
        let (owner, name) = field.split_once("::").unwrap();
        let section = match owner {
            "PubSubConfig" => "pubsub",
            "RelayLimits" => "relay.limits",
            // Its times are in the section that turns it on.
            "IdentityConfig" if name == "token_lifetime" => "identity",
            "EmulatorClock" | "EntraToken" | "IdentityConfig" | "WaitFor" | "WaitForRecord" => {
                continue;
            }
            // What records say.
            "Clock" | "Record" => continue,
            _ => panic!("{field}: say where it stands in the file"),
        };
        let key = name.replace('_', "-");
        for number in [
            "0",
            "0.000000001",
            "1e19",
            "18446744073709551615.0",
            "9223372036854775807",
            "1e300",
            "inf",
            "nan",
            "-1",
        ] {
            let text = format!("[{section}]\n{key} = {number}\n");
            match Config::from_toml(&text) {
                Ok(config) => {
                    apart(&text, || within(run(config)));
                    tried += 1;
                }
                Err(error) => {
                    let error = error.to_string();
                    assert!(
                        error.contains(&key) || error.contains("line"),
                        "{text}: {error}"
                    );
                }
            }
        }
    }
    assert!(tried > 10, "hardly anything is taken: {tried}");
}

#[tokio::test]
async fn every_operation_timeout_of_a_connection_string_may_be_anything() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        for (timeout, works) in [
            ("00:00:00.0000001", false),
            ("00:01:00", true),
            // The longest of .NET.
            ("10675199.02:48:05.4775807", true),
        ] {
            let more = format!("OperationTimeout={timeout}");
            let met = meet_relay(&emulator, &more, |builder| builder, |builder| builder).await;
            assert_eq!(met.is_ok(), works, "{timeout}: {met:?}");
        }
        for timeout in [
            "00:00:00",
            "213503982334601.07:00:15.9",
            "213503982334601.07:00:59",
            "99999999999999999999.00:00:00",
        ] {
            let text = emulator.relay().plain_connection_string("hc1");
            let text = format!("{};OperationTimeout={timeout}", text.expose());
            let error = text.parse::<relay::ConnectionString>().unwrap_err();
            assert!(error.to_string().contains("OperationTimeout"), "{error}");
        }
    })
    .await;
}

/// Delays of faults are numbers of a file or a request, too.
#[tokio::test]
async fn a_delayed_acknowledgement_may_be_delayed_for_ever() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        for milliseconds in [0, 1, u64::MAX] {
            let rule = FaultRule::on_ack(Fault::DelayAck { milliseconds });
            emulator.pubsub().arm(FaultPlan::new(1).with(rule)).unwrap();
            meet_hub(&emulator, |builder| builder).await;
            // Whatever panicked would have taken the state with it.
            drop(emulator.pubsub().state());
        }
    })
    .await;
}
