//! `azwire pubsub permission`: what one connection may do.

use clap::{Args, Subcommand};
use pubsub::Permission as Granted;
use serde_json::json;

use super::answer;
use super::resource::ResourceOptions;
use crate::failure::Result;
use crate::output::Output;

/// Grants, revokes or checks a permission of a connection.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub permission grant sendToGroup.news ID --hub chat
  azwire pubsub permission check joinLeaveGroup.news ID --hub chat || echo it may not")]
pub(super) struct Permission {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Grants a permission.
    Grant(What),
    /// Revokes a permission.
    Revoke(What),
    /// Asks whether the connection has it; no is exit code 5.
    Check(What),
}

#[derive(Args, Debug)]
struct What {
    /// sendToGroup or joinLeaveGroup, with .GROUP for one group. Without a group the service may
    /// answer with status 400.
    #[arg(value_parser = parse)]
    permission: Granted,
    /// The connection id.
    #[arg(allow_hyphen_values = true)]
    connection: String,
}

impl Permission {
    pub(super) async fn run(self, resource: &ResourceOptions, output: Output) -> Result<()> {
        let service = resource.service()?;
        let (
            What {
                permission,
                connection,
            },
            done,
        ) = match self.verb {
            Verb::Grant(what) => (what, "granted"),
            Verb::Revoke(what) => (what, "revoked"),
            Verb::Check(What {
                permission,
                connection,
            }) => {
                let has = service.check_permission(permission, connection).await?;
                return answer::print(output, "granted", has);
            }
        };
        let json = json!({
            done: permission.name(),
            "group": permission.group().map(|group| group.as_str()),
            "connection": connection,
        });
        match done {
            "granted" => service.grant_permission(permission, connection).await?,
            _ => service.revoke_permission(permission, connection).await?,
        }
        output.done(&json)
    }
}

/// Parses a permission as it stands in a role.
fn parse(text: &str) -> Result<Granted, String> {
    let name = text.strip_prefix("webpubsub.").unwrap_or(text);
    let permission = match name.split_once('.') {
        None if name == "sendToGroup" => Ok(Granted::send_to_any_group()),
        None if name == "joinLeaveGroup" => Ok(Granted::join_leave_any_group()),
        Some(("sendToGroup", group)) => Granted::send_to_group(group),
        Some(("joinLeaveGroup", group)) => Granted::join_leave_group(group),
        _ => return Err("must be sendToGroup or joinLeaveGroup, with .GROUP for one group".into()),
    };
    permission.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_read() {
        let permission = parse("webpubsub.sendToGroup.a.b").unwrap();
        assert_eq!(permission.name(), "sendToGroup");
        assert_eq!(permission.group().unwrap().as_str(), "a.b");
        assert!(parse("joinLeaveGroup").unwrap().group().is_none());
        for wrong in ["", "sendToGroup.", "sendToGroups.a", "x.sendToGroup"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
