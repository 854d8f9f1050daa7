//! `azwire relay`: hybrid connections.

mod header;
mod info;
mod listen;
mod message;
mod namespace;
mod options;
mod request;
mod send;
mod token;

use clap::{Args, Subcommand};

use self::options::NamespaceOptions;
use crate::failure::Result;
use crate::output::Output;

/// What `azwire relay` does.
#[derive(Args, Debug)]
pub(crate) struct Relay {
    #[command(flatten)]
    namespace: NamespaceOptions,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Send(send::Send),
    Request(request::Request),
    Listen(listen::Listen),
    Info(info::Info),
    Token(token::Token),
    Url(token::Url),
}

impl Relay {
    /// How much is logged unless the user says it: what runs until it is stopped says what
    /// happens.
    pub(crate) fn log_level(&self) -> &'static str {
        match self.verb {
            Verb::Info(_)
            | Verb::Listen(_)
            | Verb::Request(_)
            | Verb::Send(_)
            | Verb::Token(_)
            | Verb::Url(_) => "warn",
        }
    }

    pub(crate) async fn run(self, output: Output) -> Result<()> {
        let namespace = self.namespace.namespace()?;
        match self.verb {
            Verb::Send(send) => send.run(&namespace, output).await,
            Verb::Request(request) => request.run(&namespace, output).await,
            Verb::Listen(listen) => listen.run(&namespace, output).await,
            Verb::Info(info) => info.run(&namespace, output).await,
            Verb::Token(token) => token.run(&namespace, output).await,
            Verb::Url(url) => url.run(&namespace, output).await,
        }
    }
}
