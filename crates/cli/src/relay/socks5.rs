//! `azwire relay socks5`: a SOCKS5 server on this machine, whose clients reach targets of the listener.

use std::path::PathBuf;

use clap::Args;
use forward::expression::LocalBinding;
use forward::{Login, Socks5Options};

use super::namespace::Namespace;
use super::sending::{SendingOptions, parse_binding};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::secret;

/// Serves SOCKS5 on this machine; the listener resolves names and connects.
///
/// The listener is `azwire relay serve-targets` or aztunnel, and decides what is allowed. CONNECT only. It goes on
/// until it is stopped; Ctrl-C and SIGTERM, on Windows Ctrl-Break, wait for open connections, a second one
/// does not.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire relay socks5 --hybrid-connection hc1
  curl --proxy socks5h://127.0.0.1:1080 http://intranet.example/
  ssh -o 'ProxyCommand nc -x 127.0.0.1:1080 %h %p' user@build.internal")]
pub(super) struct Socks5 {
    /// The local port or socket, [host:]port or a path.
    #[arg(short = 'b', long, value_name = "ADDRESS", value_parser = parse_binding, default_value = "127.0.0.1:1080")]
    bind: LocalBinding,
    /// The user name that clients must present. It keeps other users of this machine
    /// out; it protects nothing on a network.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// Reads the password of the user from a file, or from standard input for `-`.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    sending: SendingOptions,
}

impl Socks5 {
    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let mut options = Socks5Options::default();
        if let (Some(user), Some(path)) = (&self.user, &self.password_file) {
            let password = secret::read("--password-file", path)?;
            let login = Login::new(user, password.expose())
                .map_err(|error| Failure::usage(format!("--user: {error}")))?;
            options = options.with_login(login);
        }
        let destination = options.into();
        self.sending
            .serve(namespace, self.bind, destination, output)
            .await
    }
}
