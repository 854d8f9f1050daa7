//! A throw-away certificate authority and a certificate for this machine's
//! loopback names and those that the emulator is given.
//!
//! The authority may sign only for those names and for the names that were
//! requested, so that a stolen key cannot impersonate any other host. Even so,
//! trust it for tests only.

mod authority_file;
mod folder;
mod scope;
mod stored;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{Clock as _, SharedClock};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SanType,
};
use time::OffsetDateTime;
use transport::SharedRuntime;
use transport::tls::TlsAcceptor;

pub(crate) use self::authority_file::AuthorityFile;
pub(crate) use self::folder::write_private;

use self::folder::Folder;
use self::scope::{Name, Scope, own_names};
use self::stored::Stored;
use crate::{Error, Result};

/// Whether a text can be a name in a certificate: a host, maybe with `*` as its first label, or an
/// address.
pub(crate) fn is_name(text: &str) -> bool {
    Name::parse(text).is_ok()
}

/// A certificate authority and a server certificate that it issued.
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
    pub(crate) acceptor: TlsAcceptor,
    authority: Authority,
    names: Vec<SanType>,
}

impl Certificates {
    /// Issues a server certificate, from the authority in `folder` if there is
    /// a usable one. A new authority is written there as `ca.pem` and `ca.key`;
    /// it also replaces one that is old or does not cover all of `names`.
    pub(crate) fn load_or_make(folder: &Path, names: &[String], now: SystemTime) -> Result<Self> {
        let now = date_of(now);
        let asked = names.iter().map(|name| Name::parse(name));
        let names: Vec<Name> = own_names()
            .into_iter()
            .map(Ok)
            .chain(asked)
            .collect::<Result<_>>()?;
        let authority = Authority::load_or_make(&Folder(folder), &Scope::of(&names), now)?;
        let names: Vec<SanType> = names.iter().map(Name::to_san).collect::<Result<_>>()?;
        let (certificate, key) = authority.issue(&names, now)?;
        let acceptor = TlsAcceptor::ring([certificate], &key).map_err(cannot_use)?;
        Ok(Self {
            ca_pem: authority.pem.clone(),
            acceptor,
            authority,
            names,
        })
    }

    /// Issues a new server certificate, which the server uses from now on.
    fn renew(&self, now: OffsetDateTime) -> Result<()> {
        let (certificate, key) = self.authority.issue(&self.names, now)?;
        self.acceptor.renew([certificate], &key).map_err(cannot_use)
    }

    /// Renews the server certificate long before it expires; never completes.
    pub(crate) async fn keep_renewed(self, runtime: SharedRuntime, clock: SharedClock) {
        let mut made = date_of(clock.now());
        loop {
            // A machine may sleep for weeks, and its timers with it.
            runtime.sleep_until(runtime.after(LOOK)).await;
            let now = date_of(clock.now());
            if is_due(made, now) {
                match self.renew(now) {
                    Ok(()) => made = now,
                    Err(error) => tracing::warn!(%error, "failed to renew the certificate"),
                }
            }
        }
    }
}

/// An authority with its key.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// The contents of a folder.
enum Found {
    Nothing,
    Good(Box<Authority>),
    /// An authority to replace: the reason, and the names that it covered.
    Old(&'static str, Scope),
}

impl Authority {
    fn load_or_make(folder: &Folder<'_>, wanted: &Scope, now: OffsetDateTime) -> Result<Self> {
        if let Found::Good(authority) = Self::look(folder, wanted, now)? {
            return Ok(*authority);
        }
        let _lock = folder.lock()?;
        let mut scope = wanted.clone();
        // Another emulator may have been first.
        let why = match Self::look(folder, wanted, now)? {
            Found::Good(authority) => return Ok(*authority),
            Found::Nothing => None,
            Found::Old(why, before) => {
                // Other users of the folder still need its names.
                scope.extend(&before);
                Some(why)
            }
        };
        let key = KeyPair::generate().map_err(cannot_make)?;
        let ca = ca_params(&scope, now)
            .self_signed(&key)
            .map_err(cannot_make)?;
        let pem = folder.write(ca.der(), key.serialized_der())?;
        if let Some(why) = why {
            tracing::warn!(
                file = %folder.certificate().display(),
                "the certificate authority {why}; a new one was created, trust it instead"
            );
        }
        Ok(Self {
            pem,
            issuer: Issuer::new(ca_params(&scope, now), key),
        })
    }

    fn look(folder: &Folder<'_>, wanted: &Scope, now: OffsetDateTime) -> Result<Found> {
        let Some(files) = folder.read()? else {
            return Ok(Found::Nothing);
        };
        let Ok(key) = KeyPair::try_from(files.key) else {
            return Err(folder.is_no(&folder.key(), "a private key", "-"));
        };
        let Some(stored) = Stored::read(&files.certificate) else {
            return Err(folder.is_no(&folder.certificate(), "a certificate", "-"));
        };
        if stored.public_key != key.subject_public_key_info() {
            return Err(folder.damaged(format!(
                "{} is not the certificate of {}",
                folder.certificate().display(),
                folder.key().display()
            )));
        }
        let life = stored.not_after - stored.not_before;
        let Some(scope) = stored.scope else {
            return Ok(Found::Old("could sign for any name", Scope::default()));
        };
        Ok(if life > AUTHORITY_LIFE {
            Found::Old("was valid for too long", scope)
        } else if now < stored.not_before || stored.not_after < now + LIFE {
            Found::Old("was old", scope)
        } else if !scope.covers(wanted) {
            Found::Old("was not for all the names", scope)
        } else {
            Found::Good(Box::new(Self {
                pem: files.certificate_pem,
                issuer: Issuer::new(ca_params(&scope, now), key),
            }))
        })
    }

    /// Issues a server certificate; returns it and its key in DER.
    fn issue(&self, names: &[SanType], now: OffsetDateTime) -> Result<(Vec<u8>, Vec<u8>)> {
        let key = KeyPair::generate().map_err(cannot_make)?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "azwire emulator");
        params.subject_alt_names = names.to_vec();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.not_before = now - SLACK;
        params.not_after = params.not_before + LIFE;
        let certificate = params.signed_by(&key, &self.issuer).map_err(cannot_make)?;
        Ok((certificate.der().to_vec(), key.serialize_der()))
    }
}

fn ca_params(scope: &Scope, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "azwire emulator throw-away CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Restricted to servers and to these names.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(scope.to_constraints());
    params.not_before = now - SLACK;
    params.not_after = params.not_before + AUTHORITY_LIFE;
    params
}

/// Converts to whole seconds, as certificates have them; a time that no certificate can represent
/// becomes the earliest one.
fn date_of(time: SystemTime) -> OffsetDateTime {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let date = i64::try_from(seconds).ok();
    date.filter(|seconds| *seconds <= LAST)
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH + SLACK)
}

/// Whether a server certificate must be renewed: it is old, or was issued while
/// the clock was ahead.
fn is_due(made: OffsetDateTime, now: OffsetDateTime) -> bool {
    now < made || made + RENEWAL <= now
}

fn cannot_make(error: rcgen::Error) -> Error {
    Error::new("cannot create a certificate", error)
}

fn cannot_use(error: transport::Error) -> Error {
    Error::new("cannot use the certificate", error)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest lifetime that Apple's systems allow for a certificate that a user trusts.
const AUTHORITY_LIFE: Duration = Duration::from_secs(825 * DAY.as_secs());
/// The lifetime of a server certificate; the authority outlives each one that it signs.
const LIFE: Duration = Duration::from_secs(30 * DAY.as_secs());
/// The age at which a server certificate is renewed.
const RENEWAL: Duration = Duration::from_secs(10 * DAY.as_secs());
/// How often its age is checked.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// How far a client's clock may be behind.
const SLACK: Duration = DAY;
/// The start of the year 9000: RFC 5280 years have four digits.
const LAST: i64 = 221_845_392_000;

#[cfg(test)]
mod tests;
