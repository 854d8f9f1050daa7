//! `azwire pubsub listen`: a client that prints its events.

use std::path::PathBuf;
use std::pin::pin;

use clap::Args;
use futures::future::{Either, select};
use futures::{FutureExt as _, StreamExt as _};
use pubsub::{
    Client, ClientAccessOptions, ClientCredential, Data, Event, Events, Role, SendEventOptions,
    SendToGroupOptions, ServiceClient,
};
use transport::SharedWebSocketConnector;
use transport::net::HyperWebSocketConnector;

use super::event;
use super::resource::ResourceOptions;
use crate::exit::Exit;
use crate::failure::{Failure, Result, chain};
use crate::input;
use crate::interrupt;
use crate::output::Output;
use crate::secret;

/// Connects as a client and prints every event, one a line, until it is stopped.
///
/// The token is made with the key, or by the service with Entra ID, and allows what the
/// options need. A lost connection is recovered or replaced.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub listen --hub chat --user ann
  azwire pubsub listen --hub chat --group news -o json | jq -r 'select(.data).data'
  azwire pubsub listen --hub chat --group news --publish news   # lines that you type are sent
  azwire pubsub listen --hub chat --event shout < lines.txt     # to the event handler
  azwire pubsub url --hub chat | azwire pubsub listen --url-file -")]
pub(super) struct Listen {
    /// The user id [default: none].
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// A group to join. May be repeated.
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// Sends each line of standard input to this group.
    #[arg(long, value_name = "GROUP")]
    publish: Option<String>,
    /// Sends each line of standard input as a custom event of this name.
    #[arg(long, value_name = "NAME", conflicts_with = "publish")]
    event: Option<String>,
    /// Connects with this URL, which someone else has made. It has a token: prefer
    /// --url-file.
    #[arg(long, value_name = "URL", conflicts_with = "user")]
    url: Option<String>,
    /// Reads the URL from a file, or from standard input for `-`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "user"])]
    url_file: Option<PathBuf>,
    /// Ends after so many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Ends when standard input does, once everything is acknowledged.
    #[arg(long)]
    until_end: bool,
}

impl Listen {
    pub(super) async fn run(self, resource: &ResourceOptions, output: Output) -> Result<()> {
        let connector = HyperWebSocketConnector::new(resource.connector()?);
        let builder = Client::builder(self.credential(resource)?)
            .websocket_connector(SharedWebSocketConnector::new(connector));
        let (client, mut events) = builder.build()?;
        let mut stopped = interrupt::signals().fuse();
        let ended = {
            let mut work = pin!(self.work(&client, &mut events, output).fuse());
            futures::select! {
                _ = stopped => None,
                ended = work => Some(ended),
            }
        };
        client.stop().await;
        match ended {
            Some(ended) => ended,
            None => print_rest(&mut events, output).await,
        }
    }

    async fn work(&self, client: &Client, events: &mut Events, output: Output) -> Result<()> {
        client.start().await?;
        // Events are read meanwhile: an acknowledgement may be behind them.
        let sending = async {
            for group in &self.groups {
                client
                    .join_group(group.as_str())
                    .await
                    .map_err(|error| Failure::from(error).while_doing(format!("group {group}")))?;
            }
            self.send_lines(client).await?;
            match self.until_end {
                true => Ok(()),
                false => std::future::pending().await,
            }
        };
        let printing = self.print(client, events, output);
        match select(pin!(sending), pin!(printing)).await {
            Either::Left((ended, _)) | Either::Right((ended, _)) => ended,
        }
    }

    async fn send_lines(&self, client: &Client) -> Result<()> {
        if self.publish.is_none() && self.event.is_none() {
            return Ok(());
        }
        let mut lines = input::take("--publish or --event")?.lines();
        while let Some(line) = lines.next(Client::MAX_MESSAGE_LEN).await? {
            let data = Data::from(line);
            if let Some(group) = &self.publish {
                let options = SendToGroupOptions::default();
                client.send_to_group(group.as_str(), data, options).await?;
            } else if let Some(event) = &self.event {
                let options = SendEventOptions::default();
                client.send_event(event.as_str(), data, options).await?;
            }
        }
        Ok(())
    }

    async fn print(&self, client: &Client, events: &mut Events, output: Output) -> Result<()> {
        let mut messages = 0;
        while let Some(event) = events.next().await {
            output.print(event::text(&event), &event::line(&event))?;
            if matches!(event, Event::Stopped) {
                break;
            }
            messages += u64::from(event.data().is_some());
            if self.count.is_some_and(|count| messages >= count) {
                return Ok(());
            }
        }
        let reason = client.last_error().map(|error| chain(&*error));
        let reason = reason.unwrap_or_else(|| "the service ended the connection".to_owned());
        Err(Failure::new(Exit::Ended, reason))
    }

    fn credential(&self, resource: &ResourceOptions) -> Result<ClientCredential> {
        if let Some(url) = &self.url {
            if url.contains("access_token") {
                secret::warn("--url", "--url-file");
            }
            return Ok(ClientCredential::url(url.as_str()));
        }
        if let Some(path) = &self.url_file {
            return Ok(ClientCredential::url(secret::read("--url-file", path)?));
        }
        let options = self.access()?;
        let service = resource.service()?;
        // A connection that replaces another needs a new token.
        Ok(ClientCredential::from_fn(move || {
            url(service.clone(), options.clone())
        }))
    }

    fn access(&self) -> Result<ClientAccessOptions> {
        let mut options = ClientAccessOptions::default();
        if let Some(user) = &self.user {
            options = options
                .with_user_id(user.as_str())
                .map_err(|error| Failure::from(error).while_doing("--user"))?;
        }
        for group in &self.groups {
            let role = Role::join_leave_group(group.as_str())
                .map_err(|error| Failure::from(error).while_doing("--group"))?;
            options = options.with_role(role);
        }
        if let Some(group) = &self.publish {
            let role = Role::send_to_group(group.as_str())
                .map_err(|error| Failure::from(error).while_doing("--publish"))?;
            options = options.with_role(role);
        }
        Ok(options)
    }
}

/// Prints what is left after the client has stopped.
async fn print_rest(events: &mut Events, output: Output) -> Result<()> {
    while let Some(event) = events.next().await {
        output.print(event::text(&event), &event::line(&event))?;
        if matches!(event, Event::Stopped) {
            break;
        }
    }
    Ok(())
}

async fn url(service: ServiceClient, options: ClientAccessOptions) -> pubsub::Result<auth::Secret> {
    let url = service.client_access_url(options).await?;
    Ok(url.url().clone())
}
