//! `azwire pubsub`: Web PubSub.

mod answer;
mod close;
mod doctor;
mod event;
mod group;
mod health;
mod listen;
mod member;
mod permission;
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
    Listen(listen::Listen),
    Token(token::Token),
    Url(token::Url),
    Group(group::Group),
    User(member::User),
    Connection(member::Connection),
    Permission(permission::Permission),
    Close(close::Close),
    Health(health::Health),
    Doctor(doctor::Doctor),
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
            Verb::Listen(listen) => listen.run(resource, output).await,
            Verb::Token(token) => token.run(resource, output).await,
            Verb::Url(url) => url.run(resource, output).await,
            Verb::Group(group) => group.run(resource, output).await,
            Verb::User(user) => user.run(resource, output).await,
            Verb::Connection(connection) => connection.run(resource, output).await,
            Verb::Permission(permission) => permission.run(resource, output).await,
            Verb::Close(close) => close.run(resource, output).await,
            Verb::Health(health) => health.run(resource, output).await,
            Verb::Doctor(doctor) => doctor.run(resource, output).await,
        }
    }
}
