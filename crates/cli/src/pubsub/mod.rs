//! `azwire pubsub`: Web PubSub.

mod health;
mod resource;
mod role;
mod send;
mod token;

use clap::{Args, Subcommand};

use self::resource::ResourceOptions;
use crate::failure::Result;
use crate::output::Output;

/// What `azwire pubsub` does.
#[derive(Args, Debug)]
pub(crate) struct PubSub {
    #[command(flatten)]
    resource: ResourceOptions,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Send(send::Send),
    Token(token::Token),
    Url(token::Url),
    Health(health::Health),
}

impl PubSub {
    /// How much is logged unless the user says it.
    pub(crate) fn log_level(&self) -> &'static str {
        "warn"
    }

    pub(crate) async fn run(self, output: Output) -> Result<()> {
        let resource = &self.resource;
        match self.verb {
            Verb::Send(send) => send.run(resource, output).await,
            Verb::Token(token) => token.run(resource, output).await,
            Verb::Url(url) => url.run(resource, output).await,
            Verb::Health(health) => health.run(resource, output).await,
        }
    }
}
