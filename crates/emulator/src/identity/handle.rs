//! The identity side of a running emulator, as programs see it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth::Secret;
use transport::net::Server;

use super::authority::Authority;
use super::environment::{Places, SignIn, variables};
use super::mint::EntraToken;
use super::now::Now;
use super::resource::Resource;
use crate::certificate::{AuthorityFile, write_private};
use crate::clock::EmulatorClock;
use crate::front::Names;
use crate::temporary_folder::TemporaryFolder;
use crate::{Error, Result};

/// The identity side: an authority that issues Entra ID tokens to official credentials, and to
/// tests any others.
pub struct Identity {
    authority: Arc<Authority>,
    clock: EmulatorClock,
    server: Server,
    names: Arc<Names>,
    ca_file: Arc<AuthorityFile>,
    token_file: PathBuf,
    /// Removes the token's folder, if it is not that of the certificates.
    _own_folder: Option<TemporaryFolder>,
}

impl Identity {
    /// Writes the file with which workloads sign in.
    ///
    /// # Errors
    ///
    /// Fails with one line if it cannot be written.
    pub(crate) fn new(
        authority: Arc<Authority>,
        server: Server,
        names: Arc<Names>,
        ca_file: Arc<AuthorityFile>,
        clock: EmulatorClock,
    ) -> Result<Self> {
        let mut token_file = ca_file.folder().join(TOKEN_FILE);
        let mut own_folder = None;
        let workload = authority.principals.first_federated();
        if let Some(token) =
            workload.and_then(|workload| authority.issue_assertion(workload, Now::of(&clock)))
        {
            let write = |folder: &Path| write_private(folder, TOKEN_FILE, token.expose());
            if write(ca_file.folder()).is_err() {
                // The certificates may be there to be read only.
                let folder = TemporaryFolder::new()?;
                token_file = write(folder.path()).map_err(|error| {
                    let folder = folder.path().display();
                    Error::new(format!("cannot write to {folder}: {error}"), error)
                })?;
                own_folder = Some(folder);
            }
        }
        Ok(Self {
            _own_folder: own_folder,
            authority,
            clock,
            server,
            names,
            ca_file,
            token_file,
        })
    }

    /// The audience of tokens for Web PubSub.
    pub const WEB_PUBSUB: &str = Resource::WebPubSub.uri();
    /// The audience of tokens for Relay, with the slash that Relay's official scope gives it.
    pub const RELAY: &str = "https://relay.azure.net/";

    /// Returns the authority's address over TLS, for `AZURE_AUTHORITY_HOST`.
    pub fn authority(&self) -> String {
        format!("https://{}:{}", self.names.secure_host(), self.port())
    }

    /// Returns the address of the managed identity endpoint, in plain text as App Service has
    /// it, for `IDENTITY_ENDPOINT`.
    pub fn managed_identity_endpoint(&self) -> String {
        format!(
            "http://{}:{}/msi/token",
            self.names.plain_host(),
            self.port()
        )
    }

    /// Returns the id of the tenant.
    pub fn tenant_id(&self) -> &str {
        &self.authority.tenant_id
    }

    /// Returns the file with the token that a workload signs in with. It is rewritten at each
    /// start.
    pub fn federated_token_file(&self) -> &Path {
        &self.token_file
    }

    /// Returns the environment variables with which official credentials sign in that way, also
    /// those that make their SDKs trust the emulator's certificate; none if no principal
    /// signs in that way.
    ///
    /// Those for certificates replace the system's in some SDKs: see the README.
    pub fn environment(&self, way: SignIn) -> Vec<(&'static str, String)> {
        let places = Places {
            endpoint: &self.managed_identity_endpoint(),
            authority: &self.authority(),
            token_file: &self.token_file,
            ca_file: self.ca_file.certificate(),
        };
        variables(&self.authority, way, places)
    }

    /// Begins a token for an audience, issued to the principal that is named first. For another
    /// one, set the claims `oid` and `appid`.
    pub fn token(&self, audience: &str) -> EntraToken {
        let principal = self.authority.principals.first();
        EntraToken::new(&self.authority, principal, audience, self.now())
    }

    /// Begins a token for an audience, issued to the principal with this client id.
    ///
    /// # Errors
    ///
    /// Fails if there is no such principal.
    pub fn token_of(&self, client_id: &str, audience: &str) -> Result<EntraToken> {
        let principal = self.authority.principals.by_client_id(client_id);
        let principal = principal.ok_or_else(|| {
            Error::message(format!("no principal has the client id {client_id:?}"))
        })?;
        Ok(EntraToken::new(
            &self.authority,
            principal,
            audience,
            self.now(),
        ))
    }

    /// Returns a token with which the principal with this client id signs in as a workload.
    ///
    /// # Errors
    ///
    /// Fails if there is no such principal, or the system has no random numbers.
    pub fn federated_token(&self, client_id: &str) -> Result<Secret> {
        let principal = self.authority.principals.by_client_id(client_id);
        principal
            .and_then(|principal| self.authority.issue_assertion(principal, self.now()))
            .ok_or_else(|| Error::message(format!("no principal has the client id {client_id:?}")))
    }

    /// Signs with the next key from now on. The one before is taken for a day more, on the
    /// emulator's clock. Returns false if there is one key only.
    pub fn rotate_keys(&self) -> bool {
        self.authority.rotate_keys(self.now())
    }

    fn now(&self) -> Now {
        Now::of(&self.clock)
    }

    fn port(&self) -> u16 {
        self.server.local_addrs()[0].port()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("authority", &self.authority())
            .field("tenant_id", &self.authority.tenant_id)
            .finish_non_exhaustive()
    }
}

const TOKEN_FILE: &str = "federated-token";
