//! `azwire relay connect`: standard input and output, or a local port, to one target.

use clap::Args;
use forward::expression::{LocalBinding, PortName};
use forward::{Destination, HostPort, StreamForwarder};

use super::namespace::Namespace;
use super::sending::{SendingOptions, parse_binding};
use super::stdio;
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::Output;

/// Connects standard input and output with a target that the listener reaches.
///
/// The listener is `azwire relay serve-targets` or aztunnel; with --port-name, `azwire relay forward` or azbridge. It
/// ends when both directions have, with the reason if the target is not reached.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire relay connect db.internal:5432 --hybrid-connection hc1
  ssh -o 'ProxyCommand azwire relay connect %h:%p' user@build.internal
  azwire relay connect build.internal:22 --bind 2222       # ssh -p 2222 localhost")]
pub(super) struct Connect {
    /// The target, as the listener's machine names it.
    #[arg(value_name = "HOST:PORT", required_unless_present = "port_name")]
    target: Option<HostPort>,
    /// The name of a port instead, for a listener that speaks azbridge's protocol.
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    port_name: Option<PortName>,
    /// Accepts connections on a local port or socket, [host:]port or a path, instead of
    /// taking standard input and output. It goes on until it is stopped.
    #[arg(short = 'b', long, value_name = "ADDRESS", value_parser = parse_binding)]
    bind: Option<LocalBinding>,
    #[command(flatten)]
    sending: SendingOptions,
}

impl Connect {
    /// How much is logged unless the user says it: as the proxy of ssh it says nothing.
    pub(super) fn log_level(&self) -> &'static str {
        match self.bind {
            Some(_) => "info",
            None => "warn",
        }
    }

    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let destination: Destination = match (self.target, self.port_name) {
            (Some(target), _) => target.into(),
            (None, Some(name)) => name.into(),
            (None, None) => return Err(Failure::usage("expected a target, HOST:PORT")),
        };
        if let Some(binding) = self.bind {
            let sending = self.sending;
            return sending.serve(namespace, binding, destination, output).await;
        }
        let place = namespace.hybrid_connection(None)?;
        let sender = namespace.sender(place)?.build()?;
        // Whoever types cannot see that the other side has hung up.
        let is_typed = input::is_terminal();
        let (input, mut output) =
            stdio::open().map_err(|error| Failure::io("standard output", &error))?;
        let ran = StreamForwarder::new(sender, destination)
            .with_options(self.sending.limits.options())
            .with_end_with_peer(is_typed)
            .run(input, &mut output)
            .await;
        if ran.is_err() {
            // Closed by the end of the process, after it has said why: at the end of its output, ssh
            // ends a ProxyCommand.
            std::mem::forget(output);
        }
        ran?;
        Ok(())
    }
}
