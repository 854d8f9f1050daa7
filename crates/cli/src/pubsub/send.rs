//! `azwire pubsub send`: messages from the service to clients.

use std::time::Duration;

use clap::{Args, Subcommand};
use pubsub::{Content, Filter, SendOptions};
use serde_json::json;
use transport::Text;

use super::resource::ResourceOptions;
use crate::duration;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::payload::Payload;

/// Sends a message to clients: text, JSON or bytes.
///
/// The service takes it even if nobody is there to receive it, and does not say so: ask with
/// `exists` of group, user or connection.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub send all 'hello' --hub chat
  azwire pubsub send group news '{\"a\":1}' --json --hub chat
  azwire pubsub send user ann 'hello' --ttl 1m --hub chat
  azwire pubsub send all --filter \"userId ne 'bob'\" 'hello'
  azwire pubsub send connection ID --bytes --file picture.jpg
  date | azwire pubsub send all")]
pub(super) struct Send {
    #[command(subcommand)]
    receivers: Receivers,
}

#[derive(Debug, Subcommand)]
enum Receivers {
    /// Sends to every client of the hub.
    All {
        #[command(flatten)]
        message: Message,
    },
    /// Sends to the clients in a group.
    Group {
        /// The name of the group.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        message: Message,
    },
    /// Sends to the clients of a user.
    User {
        /// The user id.
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        message: Message,
    },
    /// Sends to one client.
    Connection {
        /// The connection id.
        #[arg(value_name = "ID", allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        message: Message,
    },
}

/// What is sent, and under which conditions.
#[derive(Args, Clone, Debug)]
struct Message {
    #[command(flatten)]
    payload: Payload,
    /// The data is JSON: it is checked, and clients get it as such.
    #[arg(long)]
    json: bool,
    /// The data is bytes, and clients get a binary message.
    #[arg(long, conflicts_with = "json")]
    bytes: bool,
    /// Sends only to clients that an OData expression describes, such as
    /// userId ne 'ann' or 'vip' in groups.
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// How long the message waits for clients that are away, at most 5 minutes.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    ttl: Option<Duration>,
    /// A connection that does not get it. May be repeated.
    #[arg(long = "except", value_name = "CONNECTION", allow_hyphen_values = true)]
    excluded: Vec<String>,
}

impl Send {
    pub(super) async fn run(self, resource: &ResourceOptions, output: Output) -> Result<()> {
        let message = match &self.receivers {
            Receivers::All { message }
            | Receivers::Group { message, .. }
            | Receivers::User { message, .. }
            | Receivers::Connection { message, .. } => message,
        };
        let service = resource.service()?;
        let content = message.content()?;
        let sent = (content.bytes().len(), content.media_type());
        let options = message.options()?;
        let to = match &self.receivers {
            Receivers::All { .. } => {
                service.send_to_all(content, options).await?;
                json!({ "hub": service.hub_name().as_str() })
            }
            Receivers::Group { name, .. } => {
                service
                    .send_to_group(name.as_str(), content, options)
                    .await?;
                json!({ "group": name })
            }
            Receivers::User { id, .. } => {
                service.send_to_user(id.as_str(), content, options).await?;
                json!({ "user": id })
            }
            Receivers::Connection { id, .. } => {
                service
                    .send_to_connection(id.as_str(), content, options)
                    .await?;
                json!({ "connection": id })
            }
        };
        output.done(&json!({ "sentTo": to, "bytes": sent.0, "contentType": sent.1 }))
    }
}

impl Message {
    fn content(&self) -> Result<Content> {
        let bytes = self.payload.read(Content::MAX_LEN)?;
        if self.bytes {
            return Ok(Content::binary(bytes));
        }
        let text = Text::try_from(bytes).map_err(|_| {
            Failure::usage(
                "the data is not UTF-8 text: send it with --bytes, or check its encoding",
            )
        })?;
        if !self.json {
            return Ok(Content::text(text.as_str()));
        }
        // As it is written: numbers and the order of keys stay.
        serde_json::from_str::<&serde_json::value::RawValue>(&text)
            .map_err(|error| Failure::usage(format!("--json: the data is not JSON: {error}")))?;
        Ok(Content::from(pubsub::Data::Json(text)))
    }

    fn options(&self) -> Result<SendOptions> {
        let mut options = SendOptions::default();
        if let Some(filter) = &self.filter {
            options = options.with_filter(Filter::verbatim(filter.as_str()));
        }
        if let Some(ttl) = self.ttl {
            options = options.with_ttl(ttl);
        }
        if !self.excluded.is_empty() {
            let excluded = self.excluded.iter().map(String::as_str);
            options = options
                .with_excluded(excluded)
                .map_err(|error| Failure::from(error).while_doing("--except"))?;
        }
        Ok(options)
    }
}
