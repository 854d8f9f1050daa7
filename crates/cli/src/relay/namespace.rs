//! A Relay namespace and what gives tokens for it.

use std::time::Duration;

use ::relay::control::{ControlOptions, KeepAlive};
use ::relay::{Credential, HybridConnection, ListenerBuilder, SenderBuilder};
use auth::{
    AccessToken, Clock as _, SasToken, Secret, SharedAccessKey, SharedClock, SharedTokenCredential,
    TokenCredential as _,
};
use transport::net::Connector;

use crate::failure::{Failure, Result};

/// A namespace that is known, with what signs for it.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    pub(crate) address: Address,
    pub(crate) path: Option<String>,
    pub(crate) signer: Signer,
    pub(crate) connector: Connector,
    pub(crate) site_connector: Connector,
    pub(crate) allow_plain_text: bool,
}

/// Where a namespace is.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) endpoint: String,
    pub(crate) plain_text: bool,
    /// `OperationTimeout` of the connection string.
    pub(crate) timeout: Option<Duration>,
}

/// What gives tokens.
#[derive(Clone, Debug)]
pub(crate) enum Signer {
    Anonymous,
    Signature(Secret),
    Key(SharedAccessKey),
    Entra {
        credential: SharedTokenCredential,
        scope: String,
    },
}

impl Namespace {
    /// Returns the hybrid connection of that path, or the one that options or variables name.
    pub(crate) fn hybrid_connection(&self, path: Option<&str>) -> Result<HybridConnection> {
        let path = path.or(self.path.as_deref()).ok_or_else(|| {
            Failure::usage(
                "no hybrid connection: name it with --hybrid-connection PATH, or in EntityPath of the connection string",
            )
        })?;
        let place = HybridConnection::new(&self.address.endpoint, path);
        let place = place.map_err(|error| Failure::from(error).while_doing("hybrid connection"))?;
        Ok(place.with_plain_text(self.address.plain_text))
    }

    /// Returns the credential for senders and listeners.
    fn credential(&self) -> Result<Credential> {
        Ok(match &self.signer {
            Signer::Anonymous => Credential::anonymous(),
            Signer::Signature(token) => Credential::signature(token)?,
            Signer::Key(key) => Credential::key(key),
            Signer::Entra { credential, scope } => {
                Credential::entra_with_scope(credential.clone(), scope)
            }
        })
    }

    /// Returns a connector for sites: like that of the relay, in plain text too, as they are near.
    pub(crate) fn site_connector(&self) -> Connector {
        self.site_connector.clone()
    }

    /// Returns a token for a hybrid connection, valid for that long where it is signed here, and
    /// when it expires.
    pub(crate) async fn token(
        &self,
        place: &HybridConnection,
        lifetime: Duration,
    ) -> Result<AccessToken> {
        match &self.signer {
            Signer::Anonymous => Err(Failure::usage("--anonymous has no token")),
            Signer::Signature(token) => {
                let token = SasToken::parse(token.expose()).map_err(auth::Error::from)?;
                Ok(token.into_access_token())
            }
            Signer::Key(key) => {
                let now = SharedClock::default().now();
                Ok(place.sas_token(key, now + lifetime).into_access_token())
            }
            Signer::Entra { credential, scope } => Ok(credential.token(&[scope]).await?),
        }
    }

    /// Returns a builder for a sender to a hybrid connection.
    pub(crate) fn sender(&self, place: HybridConnection) -> Result<SenderBuilder> {
        let builder = SenderBuilder::new(place, self.credential()?)
            .connector(self.connector.clone())
            .allow_plain_text(self.allow_plain_text);
        Ok(match self.address.timeout {
            Some(timeout) => builder.timeout(timeout),
            None => builder,
        })
    }

    /// Returns a builder for a listener on a hybrid connection.
    pub(crate) fn listener(&self, place: HybridConnection) -> Result<ListenerBuilder> {
        self.listener_with(place, None)
    }

    /// Returns a builder for a listener with an interval of keep-alives of its own; zero sends none.
    pub(crate) fn listener_with(
        &self,
        place: HybridConnection,
        keep_alive: Option<Duration>,
    ) -> Result<ListenerBuilder> {
        if matches!(self.signer, Signer::Anonymous) {
            return Err(Failure::usage(
                "--anonymous is for senders: a listener needs a token",
            ));
        }
        let builder = ListenerBuilder::new(place, self.credential()?)
            .connector(self.connector.clone())
            .allow_plain_text(self.allow_plain_text);
        let mut control = ControlOptions::default();
        if let Some(timeout) = self.address.timeout {
            control = control.with_attempt_timeout(timeout);
        }
        let Some(interval) = keep_alive else {
            return Ok(builder.control(control));
        };
        let pings = match interval.is_zero() {
            true => KeepAlive::Off,
            false => KeepAlive::Ping {
                interval,
                grace: KeepAlive::DEFAULT_GRACE,
            },
        };
        Ok(builder
            .control(control.with_keep_alive(pings))
            .stream_keep_alive((!interval.is_zero()).then_some(interval)))
    }
}
