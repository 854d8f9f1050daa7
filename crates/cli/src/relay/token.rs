//! `azwire relay token` and `url`: for clients that are not ours.

use std::time::{Duration, UNIX_EPOCH};

use ::relay::with_token;
use auth::AccessToken;
use clap::Args;
use serde_json::json;

use super::namespace::Namespace;
use crate::duration;
use crate::failure::Result;
use crate::output::Output;

/// Prints a token for a hybrid connection: signed here with the key of a rule, or from Entra ID.
///
/// Senders and listeners send it as the header ServiceBusAuthorization, or in the query as
/// sb-hc-token.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire relay token --hybrid-connection hc1 --expires-in 8h
  curl -H \"ServiceBusAuthorization: $(azwire relay token)\" \\
    https://contoso.servicebus.windows.net/hc1")]
pub(super) struct Token {
    /// How long the token is valid, if it is signed here.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "1h")]
    expires_in: Duration,
}

/// Prints the URL with which a sender connects, or a listener, token included.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire relay url --hybrid-connection hc1
  websocat \"$(azwire relay url --hybrid-connection hc1)\"
  azwire relay url --listen")]
pub(super) struct Url {
    /// The URL of a listener's control channel instead.
    #[arg(long)]
    listen: bool,
    /// Continues the path of the hybrid connection.
    #[arg(long, value_name = "PATH", default_value = "")]
    path: String,
    /// The query of the application.
    #[arg(long, value_name = "QUERY", default_value = "")]
    query: String,
    /// Leaves the token out.
    #[arg(long)]
    without_token: bool,
    /// How long the token is valid, if it is signed here.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "1h")]
    expires_in: Duration,
}

impl Token {
    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let place = namespace.hybrid_connection(None)?;
        let token = namespace.token(&place, self.expires_in).await?;
        let json = json!({
            "token": token.token().expose(),
            "audience": place.audience().as_str(),
            "expiresOn": seconds(&token),
        });
        output.print(token.token().expose(), &json)
    }
}

impl Url {
    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let place = namespace.hybrid_connection(None)?;
        let mut url = match self.listen {
            true => place.listen_uri("")?,
            false => place.connect_uri(&self.path, &self.query, "")?,
        };
        let mut expires_on = None;
        if !self.without_token {
            let token = namespace.token(&place, self.expires_in).await?;
            url = with_token(&url, token.token())?;
            expires_on = seconds(&token);
        }
        let json = json!({ "url": url.to_string(), "expiresOn": expires_on });
        output.print(url, &json)
    }
}

fn seconds(token: &AccessToken) -> Option<u64> {
    let since = token.expires_on().duration_since(UNIX_EPOCH);
    since.ok().map(|since| since.as_secs())
}
