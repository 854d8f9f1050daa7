//! `azwire relay forward`: ports, sockets and sites, with azbridge's expressions and files.

mod bridge;
mod file;
mod hangup;
mod plan;
mod settings;
mod sources;

use std::path::PathBuf;

use clap::{ArgAction, Args};
use forward::expression::{HttpForward, LocalForward, RemoteForward};
use futures::FutureExt as _;

use self::bridge::Bridge;
use self::plan::Plan;
use self::sources::Sources;
use super::limits::{DatagramLimitOptions, DrainOptions, LimitOptions};
use super::metrics::MetricsOptions;
use super::options::NamespaceOptions;
use crate::failure::{Failure, Result};
use crate::format::Format;
use crate::interrupt;
use crate::log::LogOptions;
use crate::output::Output;

/// Forwards ports, sockets and sites through hybrid connections, as azbridge does.
///
/// The other side is azwire or azbridge. Flags, expressions and configuration files are those of azbridge; a
/// file is read again on SIGHUP, on Windows when it has changed, and open connections that it does not concern
/// go on. Ctrl-C and SIGTERM, on Windows Ctrl-Break, wait for open connections, a second one does not.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, disable_version_flag = true)]
pub(super) struct Forward {
    /// Forwards ports or sockets of this machine to a hybrid connection:
    /// [bind:]port[U][/name]{;…}:relay, or socket[/name]:relay. U is UDP. May be repeated.
    #[arg(short = 'L', long = "local-forward", value_name = "EXPRESSION")]
    local: Vec<LocalForward>,
    /// Connects senders of a hybrid connection to targets:
    /// relay:[name/][host:]port[U]{;…}, or relay:[name/]socket. May be repeated.
    #[arg(short = 'T', long = "remote-forward", value_name = "EXPRESSION")]
    remote: Vec<RemoteForward>,
    /// The older spelling of -T.
    #[arg(short = 'R', value_name = "EXPRESSION", hide = true)]
    older_remote: Vec<RemoteForward>,
    /// Passes HTTP requests of a hybrid connection on to a site:
    /// relay:{http|https}/host[/path][:port]. May be repeated.
    #[arg(short = 'H', long = "http-forward", value_name = "EXPRESSION")]
    http: Vec<HttpForward>,
    /// A configuration file of azbridge (YAML), instead of that of the user [default:
    /// ~/.azbridge/azbridge_config.yml, or in %APPDATA%\azbridge, if it is there].
    #[arg(short = 'f', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets a key of the configuration file, such as ConnectTimeout:10. May be repeated.
    #[arg(short = 'o', long = "option", value_name = "KEY:VALUE")]
    option: Vec<String>,
    /// The address of local ports that name none [default: localhost].
    #[arg(short = 'b', long, value_name = "ADDRESS")]
    bind_address: Option<String>,
    /// Binds local ports that name no address on all interfaces.
    #[arg(short = 'g', long)]
    gateway_ports: bool,
    /// The interval of keep-alives on idle connections to the relay, in seconds
    /// [default: 30 as a listener, 210 within a connection].
    #[arg(short = 'a', long, value_name = "SECONDS")]
    keep_alive_interval: Option<u32>,
    /// The same as --log-file.
    #[arg(short = 'l', value_name = "FILE", hide = true)]
    azbridge_log_file: Option<PathBuf>,
    /// Logs nothing.
    #[arg(short = 'q', long, conflicts_with = "verbose")]
    quiet: bool,
    /// Logs each connection.
    #[arg(short = 'v', long, action = ArgAction::Count)]
    verbose: u8,
    /// The form of errors.
    // `-o` is azbridge's here.
    #[arg(
        id = "output",
        long = "output",
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    format: Format,
    /// azbridge: installs a Windows service.
    #[arg(short = 'I', long = "svcinstall", hide = true)]
    service_install: bool,
    /// azbridge: removes a Windows service.
    #[arg(short = 'U', long = "svcuninstall", hide = true)]
    service_uninstall: bool,
    /// azbridge: runs as a Windows service.
    #[arg(long = "svc", hide = true)]
    service_run: bool,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    datagram_limits: DatagramLimitOptions,
    #[command(flatten)]
    drain: DrainOptions,
    #[command(flatten)]
    metrics: MetricsOptions,
}

impl Forward {
    pub(super) async fn run(
        self,
        namespace: NamespaceOptions,
        log: &LogOptions,
        output: Output,
    ) -> Result<()> {
        self.check_services()?;
        let sources = Sources::new(&self)?;
        let settings = sources.read()?;
        let level = match (self.quiet, self.verbose) {
            (true, _) => "off",
            (false, 0) => settings.log_level.unwrap_or("info"),
            (false, 1) => "debug",
            (false, _) => "trace",
        };
        let file = self
            .azbridge_log_file
            .as_deref()
            .or(settings.log_file.as_deref());
        log.start_in(&filter(level), file)?;
        sources.warn_of_secrets();
        let plan = Plan::new(&settings)?;

        // Registered before anyone learns that it runs.
        let mut stopped = interrupt::signals().fuse();
        let mut hangups = hangup::Hangups::register(sources.paths());
        let metrics = self.metrics.metrics();
        let server = self.metrics.serve(&metrics)?;
        let limits = self.datagram_limits.add_to(self.limits.options());
        let mut bridge = Bridge::new(namespace, limits, metrics, settings);
        futures::select! {
            _ = stopped => return Ok(()),
            started = bridge.start(plan).fuse() => started?,
        }
        if let Some(server) = &server {
            server.set_started(true);
        }
        bridge.announce(output, server.as_ref())?;
        let stop = loop {
            futures::select! {
                stop = stopped => break stop,
                failure = bridge.failed().fuse() => return Err(failure),
                () = hangups.next().fuse() => {
                    let read = sources.read().and_then(|settings| Ok((Plan::new(&settings)?, settings)));
                    match read {
                        // It may take as long as a connection to the relay.
                        Ok((plan, settings)) => futures::select! {
                            stop = stopped => break stop,
                            () = Box::pin(bridge.reload(plan, settings)).fuse() => {}
                        },
                        Err(failure) => tracing::error!(%failure, "the configuration is not read again; all goes on as before"),
                    }
                }
            }
        };
        if let Some(server) = &server {
            server.set_started(false);
        }
        let shutdown = |limit| bridge.shutdown(limit);
        self.drain.drain(stop, shutdown).await;
        Ok(())
    }

    /// Says what azbridge does and azwire does not.
    fn check_services(&self) -> Result<()> {
        if self.service_install || self.service_uninstall || self.service_run {
            return Err(Failure::usage(
                "azwire is not a Windows service by itself: run it by a service manager, such as sc.exe with a wrapper, or the Task Scheduler",
            ));
        }
        Ok(())
    }
}

/// Returns the filter of a level: of details only those of this program.
fn filter(level: &str) -> String {
    match level {
        "debug" | "trace" => {
            let own = [
                "azwire",
                "azwire_forward",
                "azwire_relay",
                "azwire_transport",
            ];
            let own = own.map(|target| format!(",{target}={level}"));
            format!("info{}", own.concat())
        }
        other => other.to_owned(),
    }
}

const EXAMPLES: &str = "\
Examples:
  azwire relay forward -T office:ssh/localhost:22              # at the office
  azwire relay forward -L 2222/ssh:office                      # at home: ssh -p 2222 localhost
  azwire relay forward -L '1433/tds;5353U:office'              # several ports, one of UDP
  azwire relay forward -H web:http/localhost:8080              # a site
  azwire relay forward -f azbridge_config.yml --metrics 9090";
