//! `azwire relay`: hybrid connections.

mod connect;
mod forward;
mod header;
mod info;
mod limits;
mod listen;
mod message;
mod metrics;
mod namespace;
mod options;
mod request;
mod send;
mod sending;
mod serve;
mod serve_targets;
mod site;
mod socks5;
mod stdio;
mod token;

use clap::{Args, Subcommand};

use self::options::NamespaceOptions;
use crate::failure::Result;
use crate::log::LogOptions;
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
    Forward(Box<forward::Forward>),
    Connect(connect::Connect),
    Socks5(socks5::Socks5),
    Serve(serve::Serve),
    ServeTargets(serve_targets::ServeTargets),
}

impl Relay {
    /// How much is logged unless the user says it: what runs until it is stopped says what
    /// happens.
    /// `None` for a command that starts the log itself, as its file says.
    pub(crate) fn log_level(&self) -> Option<&'static str> {
        Some(match &self.verb {
            Verb::Forward(_) => return None,
            Verb::Connect(connect) => connect.log_level(),
            Verb::Serve(_) | Verb::ServeTargets(_) | Verb::Socks5(_) => "info",
            Verb::Info(_)
            | Verb::Listen(_)
            | Verb::Request(_)
            | Verb::Send(_)
            | Verb::Token(_)
            | Verb::Url(_) => "warn",
        })
    }

    pub(crate) async fn run(self, log: &LogOptions, output: Output) -> Result<()> {
        let Self {
            namespace: options,
            verb,
        } = self;
        match verb {
            Verb::Send(send) => send.run(&options.namespace()?, output).await,
            Verb::Request(request) => request.run(&options.namespace()?, output).await,
            Verb::Listen(listen) => listen.run(&options.namespace()?, output).await,
            Verb::Info(info) => info.run(&options.namespace()?, output).await,
            Verb::Token(token) => token.run(&options.namespace()?, output).await,
            Verb::Url(url) => url.run(&options.namespace()?, output).await,
            Verb::Forward(forward) => forward.run(options, log, output).await,
            Verb::Connect(connect) => connect.run(&options.namespace()?, output).await,
            Verb::Socks5(socks5) => socks5.run(&options.namespace()?, output).await,
            Verb::Serve(serve) => serve.run(&options.namespace()?, output).await,
            Verb::ServeTargets(serve) => serve.run(&options.namespace()?, output).await,
        }
    }
}
