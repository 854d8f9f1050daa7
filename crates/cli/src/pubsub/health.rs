//! `azwire pubsub health`.

use clap::Args;
use serde_json::json;

use super::resource::ResourceOptions;
use crate::failure::Result;
use crate::output::Output;

/// Asks whether the service is up; it needs no hub.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub health --endpoint contoso
  azwire pubsub health && echo it is up")]
pub(super) struct Health {}

impl Health {
    pub(super) async fn run(self, options: &ResourceOptions, output: Output) -> Result<()> {
        let service = options.resource()?.service(any_hub()?)?;
        service.service_status().await?;
        let endpoint = service.endpoint().as_str();
        output.print(
            format_args!("{endpoint} is up"),
            &json!({ "endpoint": endpoint, "healthy": true }),
        )
    }
}

/// The question is about no hub.
fn any_hub() -> Result<pubsub::HubName> {
    Ok(pubsub::HubName::new("health")?)
}
