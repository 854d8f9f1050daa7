//! `azwire pubsub close`: ends connections.

use clap::{Args, Subcommand};
use pubsub::CloseOptions;
use serde_json::json;

use super::resource::ResourceOptions;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Closes connections.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub close user ann --reason 'signed out' --hub chat
  azwire pubsub close group news --except ID --hub chat
  azwire pubsub close all --reason maintenance --hub chat")]
pub(super) struct Close {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Closes every connection of the hub.
    All {
        #[command(flatten)]
        how: How,
    },
    /// Closes the connections in a group.
    Group {
        /// The name of the group.
        name: String,
        #[command(flatten)]
        how: How,
    },
    /// Closes the connections of a user.
    User {
        /// The user id.
        id: String,
        #[command(flatten)]
        how: How,
    },
    /// Closes one connection.
    Connection {
        /// The connection id.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// What the client is told.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

#[derive(Args, Debug)]
struct How {
    /// What the clients are told.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A connection that stays open. May be repeated.
    #[arg(long = "except", value_name = "CONNECTION", allow_hyphen_values = true)]
    excluded: Vec<String>,
}

impl Close {
    pub(super) async fn run(self, resource: &ResourceOptions, output: Output) -> Result<()> {
        let service = resource.service()?;
        let closed = match self.which {
            Which::All { how } => {
                service.close_all_connections(how.options()?).await?;
                json!({ "hub": service.hub_name().as_str() })
            }
            Which::Group { name, how } => {
                service
                    .close_group_connections(name.as_str(), how.options()?)
                    .await?;
                json!({ "group": name })
            }
            Which::User { id, how } => {
                service
                    .close_user_connections(id.as_str(), how.options()?)
                    .await?;
                json!({ "user": id })
            }
            Which::Connection { id, reason } => {
                let excluded = Vec::new();
                let options = How { reason, excluded }.options()?;
                service.close_connection(id.as_str(), options).await?;
                json!({ "connection": id })
            }
        };
        output.done(&json!({ "closed": closed }))
    }
}

impl How {
    fn options(&self) -> Result<CloseOptions> {
        let mut options = CloseOptions::default();
        if let Some(reason) = &self.reason {
            options = options.with_reason(reason.as_str());
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
