//! Settings of an emulator on free ports.

use emulator::Config;

/// The default settings with free ports, so that many emulators can run at a time.
pub fn free_ports() -> Config {
    on_free_ports(Config::default())
}

pub fn on_free_ports(mut config: Config) -> Config {
    config.pubsub.port = 0;
    config.relay.port = 0;
    config.relay.plain_port = 0;
    if let Some(identity) = &mut config.identity {
        identity.port = 0;
    }
    config
}
