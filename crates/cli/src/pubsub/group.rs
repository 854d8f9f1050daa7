//! `azwire pubsub group`: the members of groups.

use clap::{Args, Subcommand};
use futures::TryStreamExt as _;
use pubsub::{Filter, ListOptions, ServiceClient};
use serde_json::json;

use super::answer;
use super::resource::ResourceOptions;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Looks at groups, and adds or removes members.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub group exists news --hub chat && echo somebody is in it
  azwire pubsub group list news --hub chat
  azwire pubsub group add news --user ann
  azwire pubsub group remove news --connection ID
  azwire pubsub group add vips --filter \"startswith(userId, 'vip-')\"")]
pub(super) struct Group {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Asks whether a connection is in the group; no is exit code 5.
    Exists {
        /// The name of the group.
        name: String,
    },
    /// Lists the connections in a group: the id, and the user id if there is one.
    List {
        /// The name of the group.
        name: String,
        /// At most so many.
        #[arg(long, value_name = "N")]
        top: Option<u32>,
    },
    /// Adds the connections of a user, one connection, or those of a filter.
    Add {
        /// The name of the group.
        name: String,
        #[command(flatten)]
        member: Member,
    },
    /// Removes the connections of a user, one connection, or those of a filter.
    Remove {
        /// The name of the group.
        name: String,
        #[command(flatten)]
        member: Member,
    },
}

/// Members of a group: one of the options.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Member {
    /// A user id.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// A connection id.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    connection: Option<String>,
    /// An OData expression, such as userId eq 'ann'.
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
}

impl Group {
    pub(super) async fn run(self, resource: &ResourceOptions, output: Output) -> Result<()> {
        let service = resource.service()?;
        match self.verb {
            Verb::Exists { name } => {
                let exists = service.group_exists(name).await?;
                answer::print(output, "exists", exists)
            }
            Verb::List { name, top } => list(&service, &name, top, output).await,
            Verb::Add { name, member } => {
                member.add(&service, &name).await?;
                output.done(&json!({ "group": name, "added": member.described() }))
            }
            Verb::Remove { name, member } => {
                member.remove(&service, &name).await?;
                output.done(&json!({ "group": name, "removed": member.described() }))
            }
        }
    }
}

async fn list(service: &ServiceClient, name: &str, top: Option<u32>, output: Output) -> Result<()> {
    let mut options = ListOptions::default();
    if let Some(top) = top {
        options = options
            .with_top(top)
            .map_err(|error| Failure::from(error).while_doing("--top"))?;
    }
    let mut members = service.list_connections_in_group(name, options)?;
    while let Some(member) = members.try_next().await? {
        let connection = member.connection_id.as_str();
        let user = member.user_id.as_ref().map(|user| user.as_str());
        let text = match user {
            Some(user) => format!("{connection} {user}"),
            None => connection.to_owned(),
        };
        output.print(text, &json!({ "connectionId": connection, "userId": user }))?;
    }
    Ok(())
}

impl Member {
    async fn add(&self, service: &ServiceClient, group: &str) -> Result<()> {
        if let Some(user) = &self.user {
            service.add_user_to_group(group, user.as_str()).await?;
        } else if let Some(id) = &self.connection {
            service.add_connection_to_group(group, id.as_str()).await?;
        } else if let Some(filter) = &self.filter {
            let filter = Filter::verbatim(filter.as_str());
            service.add_connections_to_groups([group], filter).await?;
        }
        Ok(())
    }

    async fn remove(&self, service: &ServiceClient, group: &str) -> Result<()> {
        if let Some(user) = &self.user {
            service.remove_user_from_group(group, user.as_str()).await?;
        } else if let Some(id) = &self.connection {
            service
                .remove_connection_from_group(group, id.as_str())
                .await?;
        } else if let Some(filter) = &self.filter {
            let filter = Filter::verbatim(filter.as_str());
            service
                .remove_connections_from_groups([group], filter)
                .await?;
        }
        Ok(())
    }

    fn described(&self) -> serde_json::Value {
        match (&self.user, &self.connection, &self.filter) {
            (Some(user), ..) => json!({ "user": user }),
            (_, Some(connection), _) => json!({ "connection": connection }),
            (_, _, filter) => json!({ "filter": filter }),
        }
    }
}
