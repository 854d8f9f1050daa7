//! `azwire pubsub user` and `connection`: one user or connection.

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer;
use super::resource::ResourceOptions;
use crate::failure::Result;
use crate::output::Output;

/// Looks at a user, or takes it out of its groups.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub user exists ann --hub chat && echo ann is here
  azwire pubsub user leave-groups ann --hub chat
Others: `send user`, `group add --user`, `close user`.")]
pub(super) struct User {
    #[command(subcommand)]
    verb: Verb,
}

/// Looks at a connection, or takes it out of its groups.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub connection exists ID --hub chat
  azwire pubsub connection leave-groups ID --hub chat
Others: `send connection`, `group add --connection`, `permission`, `close connection`.")]
pub(super) struct Connection {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Asks whether it is connected; no is exit code 5.
    Exists {
        /// The user id, or the connection id.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Removes it from all its groups.
    LeaveGroups {
        /// The user id, or the connection id.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

impl User {
    pub(super) async fn run(self, resource: &ResourceOptions, output: Output) -> Result<()> {
        let service = resource.service()?;
        match self.verb {
            Verb::Exists { id } => {
                let exists = service.user_exists(id).await?;
                answer::print(output, "exists", exists)
            }
            Verb::LeaveGroups { id } => {
                service.remove_user_from_all_groups(id.as_str()).await?;
                output.done(&json!({ "user": id, "groups": [] }))
            }
        }
    }
}

impl Connection {
    pub(super) async fn run(self, resource: &ResourceOptions, output: Output) -> Result<()> {
        let service = resource.service()?;
        match self.verb {
            Verb::Exists { id } => {
                let exists = service.connection_exists(id).await?;
                answer::print(output, "exists", exists)
            }
            Verb::LeaveGroups { id } => {
                service
                    .remove_connection_from_all_groups(id.as_str())
                    .await?;
                output.done(&json!({ "connection": id, "groups": [] }))
            }
        }
    }
}
