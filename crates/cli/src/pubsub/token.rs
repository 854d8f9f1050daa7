//! `azwire pubsub token` and `url`: what a client connects with.

use std::time::Duration;

use auth::Claims;
use clap::{Args, ValueEnum};
use pubsub::{ClientAccessOptions, ClientAccessUrl, ClientProtocol, Role};
use serde_json::{Value, json};

use super::resource::ResourceOptions;
use super::role;
use crate::duration;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Prints a token for a client, signed here with the key, or by the service with Entra ID.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub token --hub chat --user ann
  azwire pubsub token --hub chat --user ann --role webpubsub.sendToGroup.news --expires-in 8h")]
pub(super) struct Token {
    #[command(flatten)]
    access: Access,
}

/// Prints the URL with which a client connects, token included.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub url --hub chat --user ann
  websocat \"$(azwire pubsub url --hub chat)\"")]
pub(super) struct Url {
    #[command(flatten)]
    access: Access,
}

/// What a client may do, and as whom.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Client")]
pub(super) struct Access {
    /// The user id of the client [default: none].
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// What the client may do: joinLeaveGroup, sendToGroup, getGroupState or setGroupState, for one
    /// group with .GROUP at the end; joinLeaveGroups.PATTERN or sendToGroups.PATTERN. The prefix
    /// webpubsub. may precede it. May be repeated.
    #[arg(long = "role", value_name = "ROLE", value_parser = role::parse)]
    roles: Vec<Role>,
    /// A group that the client is in from the start. May be repeated.
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// How long the token is valid.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "1h")]
    expires_in: Duration,
    /// The protocol of the client.
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    protocol: Protocol,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Protocol {
    /// WebSocket, with or without a subprotocol of Web PubSub.
    #[default]
    Default,
    /// MQTT over WebSocket.
    Mqtt,
    /// Socket.IO.
    #[value(name = "socketio")]
    SocketIo,
}

impl Token {
    pub(super) async fn run(self, options: &ResourceOptions, output: Output) -> Result<()> {
        let url = self.access.url(options).await?;
        output.print(url.token().expose(), &described(&url))
    }
}

impl Url {
    pub(super) async fn run(self, options: &ResourceOptions, output: Output) -> Result<()> {
        let url = self.access.url(options).await?;
        output.print(url.url().expose(), &described(&url))
    }
}

impl Access {
    /// Returns the URL for such a client.
    pub(super) async fn url(&self, resource: &ResourceOptions) -> Result<ClientAccessUrl> {
        let options = self.options()?;
        Ok(resource.service()?.client_access_url(options).await?)
    }

    fn options(&self) -> Result<ClientAccessOptions> {
        let protocol = match self.protocol {
            Protocol::Default => ClientProtocol::Default,
            Protocol::Mqtt => ClientProtocol::Mqtt,
            Protocol::SocketIo => ClientProtocol::SocketIo,
        };
        let mut options = ClientAccessOptions::default()
            .with_lifetime(self.expires_in)
            .with_protocol(protocol);
        let of = |option: &'static str| {
            move |error: pubsub::Error| Failure::from(error).while_doing(option)
        };
        if let Some(user) = &self.user {
            options = options.with_user_id(user.as_str()).map_err(of("--user"))?;
        }
        for role in &self.roles {
            options = options.with_role(role.clone());
        }
        for group in &self.groups {
            options = options.with_group(group.as_str()).map_err(of("--group"))?;
        }
        Ok(options)
    }
}

fn described(url: &ClientAccessUrl) -> Value {
    let claims = Claims::decode_unverified(url.token().expose()).ok();
    let expires_on = claims.and_then(|claims| claims.expires_on);
    let seconds = expires_on.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    json!({
        "url": url.url().expose(),
        "baseUrl": url.base_url(),
        "token": url.token().expose(),
        "expiresOn": seconds.map(|seconds| seconds.as_secs()),
    })
}
