//! `azwire relay info`: what the namespace says about a hybrid connection.

use std::pin::pin;
use std::time::Duration;

use ::relay::RuntimeInformation;
use clap::Args;
use futures::future::{Either, select};
use serde_json::{Value, json};
use transport::{Runtime as _, TokioRuntime};

use super::namespace::Namespace;
use crate::failure::Result;
use crate::output::Output;
use crate::{duration, interrupt};

/// Shows a hybrid connection: how many listeners it has, and whether senders need a token.
///
/// It needs the right to manage, to listen or to send.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire relay info --hybrid-connection hc1
  azwire relay info --hybrid-connection hc1 --watch            # a line for each change
  azwire relay info --output json | jq .listenerCount")]
pub(super) struct Info {
    /// Goes on, and prints a line whenever something changes, until it is stopped.
    #[arg(long)]
    watch: bool,
    /// How often --watch asks.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "5s")]
    interval: Duration,
}

impl Info {
    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let place = namespace.hybrid_connection(None)?;
        let path = place.path().to_owned();
        let sender = namespace.sender(place)?.build()?;
        let mut last = sender.runtime_information().await?;
        output.print(text(&path, &last), &value(&path, &last))?;
        if !self.watch {
            return Ok(());
        }
        let runtime = TokioRuntime::new();
        let mut stopped = interrupt::signals();
        loop {
            let next = async {
                runtime.sleep_until(runtime.now() + self.interval).await;
                sender.runtime_information().await
            };
            let next = match select(&mut stopped, pin!(next)).await {
                Either::Left(_) => return Ok(()),
                Either::Right((next, _)) => next,
            };
            match next {
                Ok(next) if next != last => {
                    output.print(text(&path, &next), &value(&path, &next))?;
                    last = next;
                }
                Ok(_) => {}
                // It may come back; one that never answered was an error above.
                Err(error) if error.is_retryable() => {
                    tracing::warn!("no answer: {}", crate::failure::chain(&error));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn text(path: &str, information: &RuntimeInformation) -> String {
    let listeners = match information.listener_count {
        1 => "1 listener".to_owned(),
        count => format!("{count} listeners"),
    };
    let senders = match information.requires_client_authorization {
        true => "senders need a token",
        false => "senders need no token",
    };
    let mut text = format!("{path}: {listeners}, {senders}");
    if let Some(metadata) = &information.user_metadata {
        text += &format!(", metadata {metadata:?}");
    }
    text
}

fn value(path: &str, information: &RuntimeInformation) -> Value {
    json!({
        "path": information.path.as_deref().unwrap_or(path),
        "listenerCount": information.listener_count,
        "requiresClientAuthorization": information.requires_client_authorization,
        "createdAt": information.created_at,
        "updatedAt": information.updated_at,
        "userMetadata": information.user_metadata,
    })
}
