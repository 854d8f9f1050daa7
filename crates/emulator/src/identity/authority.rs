//! The authority: what it is made of, and the tokens that it issues. Pure, except for
//! the ids of tokens when there is no seed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auth::Secret;
use serde_json::{Map, Value, json};
use transport::_internal::lock;
use uuid::Builder;

use super::caller::Caller;
use super::keys::Keys;
use super::now::{Now, seconds};
use super::principal::{Principal, Principals};
use super::token::sign;
use crate::config::IdentityConfig;
use crate::{Error, Result};

/// The issuer of tokens, and the judge of them.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(super) tenant_id: String,
    /// `iss` in tokens.
    pub(super) issuer: String,
    pub(super) keys: Mutex<Keys>,
    pub(super) principals: Principals,
    pub(super) identity_header: Secret,
    pub(super) lifetime: Duration,
    seed: Option<u64>,
    next: AtomicU64,
}

/// How a principal signed in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proof {
    Secret,
    Assertion,
    ManagedIdentity,
}

impl Authority {
    /// # Errors
    ///
    /// Fails with one line if the settings contradict each other or name a file that is no key.
    pub(crate) fn new(config: &IdentityConfig, seed: Option<u64>) -> Result<Self> {
        let tenant_id = config.tenant_id.clone();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        if tenant_id.is_empty() || !tenant_id.chars().all(fits) {
            return Err(Error::message(format!(
                "the tenant id {tenant_id:?} is neither a GUID nor a domain name"
            )));
        }
        Ok(Self {
            // With a last slash, and no address of ours: other software expects it, and
            // nothing in the cloud takes our key.
            issuer: format!("https://sts.windows.net/{tenant_id}/"),
            tenant_id,
            keys: Mutex::new(Keys::load(&config.keys)?),
            principals: Principals::new(config)?,
            identity_header: config.identity_header.clone(),
            lifetime: config.token_lifetime.min(LONGEST),
            seed,
            next: AtomicU64::new(0),
        })
    }

    /// Whether a tenant in an address is this one, under its own name or the one that
    /// SDKs look up nowhere.
    pub(super) fn is_tenant(&self, tenant: &str) -> bool {
        tenant.eq_ignore_ascii_case(&self.tenant_id) || tenant.eq_ignore_ascii_case(ADFS)
    }

    /// Whether a caller may do `action` on a hub or a hybrid connection, or, without one,
    /// on the service as a whole.
    pub(crate) fn may(&self, caller: &Caller, action: &str, scope: Option<&str>) -> bool {
        self.principals.may(
            caller.object_id.as_deref(),
            caller.client_id.as_deref(),
            action,
            scope,
        )
    }

    /// Makes keys and ids as after a start.
    pub(crate) fn reset(&self) {
        lock(&self.keys).reset();
        self.next.store(0, Ordering::Relaxed);
    }

    /// Signs with another key from now on; returns whether there is one.
    pub(crate) fn rotate_keys(&self, now: Now) -> bool {
        lock(&self.keys).rotate(now.emulated)
    }

    /// Issues a token for a principal; `None` if the system has no random numbers.
    pub(super) fn issue(
        &self,
        principal: &Principal,
        audience: &str,
        proof: Proof,
        now: Now,
    ) -> Option<Secret> {
        let claims = Value::Object(self.claims(principal, audience, proof, now));
        let key = lock(&self.keys).current();
        sign(&key, &claims.to_string())
    }

    /// Issues an assertion with which a principal signs in as a workload.
    pub(super) fn issue_assertion(&self, principal: &Principal, now: Now) -> Option<Secret> {
        let issued = seconds(now.emulated);
        let claims = json!({
            "aud": EXCHANGE,
            "iss": self.issuer,
            "tid": self.tenant_id,
            "sub": principal.client_id,
            "iat": issued,
            "nbf": issued,
            "exp": issued + ASSERTION_LIFETIME,
            "jti": self.id(),
        });
        let key = lock(&self.keys).current();
        sign(&key, &claims.to_string())
    }

    /// Returns the claims of a token of version 1, as both services' audiences have it.
    pub(super) fn claims(
        &self,
        principal: &Principal,
        audience: &str,
        proof: Proof,
        now: Now,
    ) -> Map<String, Value> {
        let issued = seconds(now.emulated);
        let class = match proof {
            Proof::Secret => "1",
            Proof::Assertion | Proof::ManagedIdentity => "2",
        };
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("aud", audience.into());
        set("iss", self.issuer.as_str().into());
        set("iat", issued.into());
        set("nbf", issued.saturating_sub(BACK).into());
        set("exp", (issued + self.lifetime.as_secs()).into());
        set("appid", principal.client_id.as_str().into());
        set("appidacr", class.into());
        set("idp", self.issuer.as_str().into());
        set("idtyp", "app".into());
        set("oid", principal.object_id.as_str().into());
        set("sub", principal.object_id.as_str().into());
        set("tid", self.tenant_id.as_str().into());
        set("uti", self.id().into());
        set("ver", "1.0".into());
        if proof == Proof::ManagedIdentity
            && let Some(name) = &principal.managed_identity
        {
            set("xms_mirid", format!("{RESOURCE_ID}{name}").into());
        }
        claims
    }

    /// Returns a new GUID; in a seeded run the same ones in each.
    pub(super) fn id(&self) -> String {
        // Other numbers than those of connections and messages.
        let number = FIRST + self.next.fetch_add(1, Ordering::Relaxed);
        let bits = match self.seed {
            Some(seed) => crate::fault::seeded_bits(seed, number),
            None => rand::random(),
        };
        Builder::from_random_bytes(bits).into_uuid().to_string()
    }
}

/// The tenant for which most SDKs do not ask the public cloud which authorities there are.
pub(super) const ADFS: &str = "adfs";
/// The audience of assertions.
pub(super) const EXCHANGE: &str = "api://AzureADTokenExchange";
/// How far back tokens are valid already, for machines whose clock is slow.
const BACK: u64 = 5 * 60;
/// A century: dates that far away can still be represented.
pub(super) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// Ten years: the file with it is written once.
const ASSERTION_LIFETIME: u64 = 10 * 365 * 24 * 60 * 60;
const RESOURCE_ID: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/azwire/providers/Microsoft.ManagedIdentity/userAssignedIdentities/";
const FIRST: u64 = 1 << 62;
