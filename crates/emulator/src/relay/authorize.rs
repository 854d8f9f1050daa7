//! Authorization: the places of a token, its checks, and the rights of rules. Pure.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth::{
    Audience, Claims, SasError, SasRule, SasSigner, SasToken, SasVerifier, SharedAccessKey,
};
use http::{HeaderMap, header};
use relay::_internal::TOKEN;
use relay::header::SERVICE_BUS_AUTHORIZATION;
use serde::Serialize;

use super::given;
use super::tracking_id::{Interface, host, timestamp};
use crate::config::{RelayConfig, RelayRight, RelayRule};
use crate::identity::{Authority, Resource, TokenError};

/// The purpose of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Listen,
    Send,
    /// Reading the description of an entity: any rule is enough.
    Read,
}

impl Purpose {
    fn is_given_by(self, rights: &[RelayRight]) -> bool {
        let right = match self {
            Self::Listen => RelayRight::Listen,
            Self::Send => RelayRight::Send,
            Self::Read => return !rights.is_empty(),
        };
        rights.contains(&right) || rights.contains(&RelayRight::Manage)
    }

    /// The data action that a role must allow.
    fn action(self) -> &'static str {
        match self {
            Self::Listen => "Microsoft.Relay/namespaces/hybridConnections/listen/action",
            Self::Send => "Microsoft.Relay/namespaces/hybridConnections/send/action",
            Self::Read => "Microsoft.Relay/namespaces/hybridConnections/read",
        }
    }

    /// The name in the journal.
    pub(super) fn operation(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Send => "send",
            Self::Read => "describe",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Listen => "Listen",
            Self::Send => "Send",
            Self::Read => "Manage",
        }
    }
}

/// A rule without its keys.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleSettings {
    name: String,
    rights: Vec<RelayRight>,
    /// Whether it is the entity's own and not the namespace's.
    is_own: bool,
}

/// The rules for one entity: its own, then those of its namespace.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    sas: SasVerifier,
    /// The same rules, in the same order, without their keys.
    settings: Arc<[RuleSettings]>,
    /// Whether Entra tokens are accepted, by audience and expiry alone.
    allow_entra: bool,
    /// Judges Entra tokens.
    authority: Option<Arc<Authority>>,
    /// What a role must be for: the key of the entity; without one, the namespace.
    scope: Option<Arc<str>>,
    grace: Duration,
}

impl Rules {
    pub(super) fn new(config: &RelayConfig, entity: &[RelayRule]) -> Self {
        let mut root = RelayRule::new(RelayConfig::RULE, config.key.clone(), [RelayRight::Manage]);
        root.secondary_key.clone_from(&config.secondary_key);
        let all = || entity.iter().chain(&config.rules).chain([&root]);
        let settings = all().enumerate().map(|(index, rule)| RuleSettings {
            name: rule.name.clone(),
            rights: rule.rights.clone(),
            is_own: index < entity.len(),
        });
        let sas = SasVerifier::new(all().map(|rule| {
            let sas = SasRule::new(rule.name.clone(), rule.key.clone());
            match &rule.secondary_key {
                Some(key) => sas.with_secondary(key.clone()),
                None => sas,
            }
        }));
        let grace = config.limits.token_grace;
        Self {
            sas: sas.with_grace(grace),
            settings: settings.collect(),
            allow_entra: config.allow_unvalidated_entra_tokens,
            authority: None,
            scope: None,
            grace,
        }
    }

    /// Takes the Entra tokens of an authority.
    pub(super) fn with_authority(mut self, authority: Option<Arc<Authority>>) -> Self {
        self.authority = authority;
        self
    }

    /// Returns them without their keys.
    pub(super) fn settings(&self) -> &[RuleSettings] {
        &self.settings
    }

    /// Sets the entity that they are for, by its key.
    pub(super) fn with_scope(mut self, key: &str) -> Self {
        self.scope = Some(key.into());
        self
    }

    /// Checks a token for `purpose` at `path` of `host`; returns when it stops being valid.
    pub(super) fn check(
        &self,
        token: &str,
        purpose: Purpose,
        host: &str,
        path: &str,
        now: SystemTime,
    ) -> Result<SystemTime, Denied> {
        let token = token.trim();
        if SasToken::parse(token).is_ok() || token.contains("sr=") {
            return self.check_sas(token, purpose, host, path, now);
        }
        let bearer = token
            .get(..7)
            .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        let jwt = bearer.map_or(token, |_| token[7..].trim());
        if let Some(authority) = &self.authority
            && authority.is_concerned(jwt, self.allow_entra)
        {
            let judged = authority.verify(jwt, Resource::Relay, self.grace, now);
            let caller = judged.map_err(Denied::Judged)?;
            // A role is for an entity, not for what its listener serves below its path.
            if !authority.may(&caller, purpose.action(), self.scope.as_deref()) {
                return Err(Denied::Role(purpose));
            }
            let end = caller.expires_on;
            return Ok(end.checked_add(self.grace).unwrap_or(end));
        }
        let Ok(claims) = Claims::decode_unverified(jwt) else {
            return Err(Denied::Malformed);
        };
        if !self.allow_entra {
            return Err(Denied::Entra);
        }
        let is_ours = |audience: &String| {
            let audience = audience.trim_end_matches('/');
            audience.eq_ignore_ascii_case(ENTRA_AUDIENCE)
        };
        if !claims.audiences.iter().any(is_ours) {
            return Err(Denied::Audience);
        }
        let expires_on = claims.expires_on.ok_or(Denied::Malformed)?;
        // An expiry too far away to add the grace to needs no grace.
        let end = expires_on.checked_add(self.grace).unwrap_or(expires_on);
        if now >= end {
            return Err(Denied::Expired(expires_on));
        }
        Ok(end)
    }

    fn check_sas(
        &self,
        token: &str,
        purpose: Purpose,
        host: &str,
        path: &str,
        now: SystemTime,
    ) -> Result<SystemTime, Denied> {
        let token = self.sas.verify(token, now).map_err(|error| match error {
            SasError::Signature | SasError::UnknownRule => Denied::Signature,
            SasError::Expired { expired_on } => Denied::Expired(expired_on),
            _ => Denied::Malformed,
        })?;
        if !token.covers(host, path) {
            return Err(Denied::Audience);
        }
        if !purpose.is_given_by(&self.settings[token.rule_index()].rights) {
            return Err(Denied::Right(purpose));
        }
        let end = token.expires_on();
        Ok(end.checked_add(self.grace).unwrap_or(end))
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Denied {
    Audience,
    /// An Entra token, which this emulator does not accept.
    Entra,
    Expired(SystemTime),
    /// An Entra token that the authority refuses.
    Judged(TokenError),
    Malformed,
    Missing,
    Right(Purpose),
    /// An Entra token whose principal has no role for it.
    Role(Purpose),
    Signature,
}

impl Denied {
    /// Returns the service's text.
    pub(super) fn text(self) -> Cow<'static, str> {
        match self {
            Self::Audience | Self::Judged(TokenError::Audience) => {
                "InvalidAudience: The authorization header contains a token with a wrong audience."
                    .into()
            }
            Self::Expired(on) | Self::Judged(TokenError::Expired(on)) => format!(
                "The token is expired. Expiration time: '{}'.",
                timestamp(on)
            )
            .into(),
            Self::Entra
            | Self::Malformed
            | Self::Judged(TokenError::TooLarge | TokenError::Malformed | TokenError::Claims) => {
                "Malformed Token".into()
            }
            Self::Judged(TokenError::NotYetValid(from)) => format!(
                "The token is not valid yet. Valid from: '{}'.",
                timestamp(from)
            )
            .into(),
            Self::Missing => "RelaySecurityTokenRequired".into(),
            Self::Right(purpose) | Self::Role(purpose) => format!(
                "Authorization failed for specified action: {}",
                purpose.name()
            )
            .into(),
            Self::Signature
            | Self::Judged(
                TokenError::Algorithm
                | TokenError::Key
                | TokenError::Signature
                | TokenError::Issuer
                | TokenError::Tenant,
            ) => "The token has an invalid signature.".into(),
        }
    }

    /// Returns what is missing.
    pub(super) fn subject(self) -> &'static str {
        match self {
            Self::Right(_) => "right",
            Self::Role(_) => "role",
            _ => "token",
        }
    }

    /// Returns the advice in the emulator's log.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Audience => {
                "the token's sr must be the host of the connection, with the path of the hybrid connection or a prefix of it"
            }
            Self::Entra => {
                "this is an Entra token; sign in at the emulator with its identity side switched on, or start it with --allow-unvalidated-entra-tokens to accept it unchecked"
            }
            Self::Expired(_) => "create a new token; its se is in seconds since 1970",
            Self::Malformed => {
                "a token is `SharedAccessSignature sr=..&sig=..&se=..&skn=..`, percent-encoded once more in a query"
            }
            Self::Missing => {
                "send a token in the header ServiceBusAuthorization or the query parameter sb-hc-token"
            }
            Self::Judged(error) => error.advice(),
            Self::Role(_) => {
                "the principal lacks the role; listeners need Azure Relay Listener and senders Azure Relay Sender, or both Azure Relay Owner"
            }
            Self::Right(_) => "the rule lacks the right; listeners need Listen and senders Send",
            Self::Signature => {
                "the rule is unknown, or the key is not that of the rule; a key is used verbatim, not decoded"
            }
        }
    }
}

/// The token of a request, and where it was found.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Presented {
    pub(super) token: String,
    /// Whether it was in `Authorization`, which is then not forwarded.
    pub(super) is_authorization: bool,
}

/// Finds the token of a request: for a WebSocket the relay's own header takes
/// precedence over the query, for HTTP the query over the header; a key pair in
/// the query and `Authorization` come last.
pub(super) fn presented(
    interface: Interface,
    headers: &HeaderMap,
    query: &str,
    now: SystemTime,
) -> Result<Presented, Denied> {
    let header = |name: &header::HeaderName| {
        let value = headers.get(name)?.to_str().ok()?;
        // As with a parameter, an empty value counts as absent.
        (!value.is_empty()).then(|| value.to_owned())
    };
    let of_relay = || header(&SERVICE_BUS_AUTHORIZATION);
    let of_query = || given(query, TOKEN);
    let first = match interface {
        Interface::WebSocket => of_relay().or_else(of_query),
        Interface::Http => of_query().or_else(of_relay),
    };
    if let Some(token) = first {
        return Ok(Presented {
            token,
            is_authorization: false,
        });
    }
    match (given(query, KEY_NAME), given(query, KEY)) {
        (Some(name), Some(key)) => {
            let key = SharedAccessKey::new(name, key);
            let audience = Audience::normalized(format!("http://{}/", host(headers)));
            let token = SasSigner::new(&key).sign(&audience, now + MINTED_FOR);
            Ok(Presented {
                token: token.expose().to_owned(),
                is_authorization: false,
            })
        }
        (Some(_), None) | (None, Some(_)) => Err(Denied::Malformed),
        (None, None) => match header(&header::AUTHORIZATION) {
            Some(token) => Ok(Presented {
                token,
                is_authorization: true,
            }),
            None => Err(Denied::Missing),
        },
    }
}

/// The audience of Entra tokens, without the slash that some issuers double.
const ENTRA_AUDIENCE: &str = "https://relay.azure.net";
/// Constants of the official .NET client: a rule and its key in plain text.
const KEY_NAME: &str = "sb-hc-sas-key-name";
const KEY: &str = "sb-hc-sas-key";
const MINTED_FOR: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::HeaderValue;

    use super::*;

    const HOST: &str = "contoso.servicebus.windows.net";
    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn rules() -> Rules {
        let config = RelayConfig {
            rules: vec![
                RelayRule::new("both", "namespace", [RelayRight::Listen, RelayRight::Send]),
                RelayRule::new("send", "s", [RelayRight::Send]),
            ],
            ..RelayConfig::default()
        };
        let mut own = RelayRule::new("Both", "entity", [RelayRight::Listen]);
        own.secondary_key = Some("second".into());
        Rules::new(&config, &[own])
    }

    fn token(name: &str, key: &str, audience: &str, seconds: u64) -> String {
        let key = SharedAccessKey::new(name, key);
        let expires_on = UNIX_EPOCH + Duration::from_secs(seconds);
        let token = SasSigner::new(&key).sign(&Audience::verbatim(audience), expires_on);
        token.expose().to_owned()
    }

    #[test]
    fn rules_of_the_entity_go_before_those_of_the_namespace() {
        let ours = format!("http://{HOST}/hc1/");
        let later = NOW.as_secs() + 60;
        for (name, key, purpose, allowed) in [
            ("both", "entity", Purpose::Listen, Ok(())),
            ("BOTH", "second", Purpose::Listen, Ok(())),
            (
                "both",
                "second",
                Purpose::Send,
                Err(Denied::Right(Purpose::Send)),
            ),
            ("both", "namespace", Purpose::Send, Ok(())),
            ("send", "s", Purpose::Send, Ok(())),
            ("send", "s", Purpose::Read, Ok(())),
            (
                "send",
                "s",
                Purpose::Listen,
                Err(Denied::Right(Purpose::Listen)),
            ),
            ("send", "t", Purpose::Send, Err(Denied::Signature)),
            ("none", "s", Purpose::Send, Err(Denied::Signature)),
            (
                RelayConfig::RULE,
                RelayConfig::DEFAULT_KEY,
                Purpose::Listen,
                Ok(()),
            ),
        ] {
            let token = token(name, key, &ours, later);
            let checked = rules().check(&token, purpose, HOST, "hc1", UNIX_EPOCH + NOW);
            assert_eq!(checked.map(|_| ()), allowed, "{name} {key} {purpose:?}");
        }
    }

    #[test]
    fn tokens_have_five_minutes_of_grace() {
        for (ago, good) in [(299, true), (300, false)] {
            let expiry = NOW.as_secs() - ago;
            let token = token("send", "s", &format!("http://{HOST}/"), expiry);
            let checked = rules().check(&token, Purpose::Send, HOST, "hc1", UNIX_EPOCH + NOW);
            assert_eq!(checked.is_ok(), good, "{ago}");
        }
    }

    #[test]
    fn entra_tokens_are_taken_only_when_they_were_allowed() {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let jwt = |audience: &str, expiry: u64| {
            let claims = format!(r#"{{"aud":"{audience}","exp":{expiry}}}"#);
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#), part(&claims))
        };
        let mut rules = rules();
        let check = |rules: &Rules, token: &str| {
            let now = UNIX_EPOCH + NOW;
            rules
                .check(token, Purpose::Send, HOST, "hc1", now)
                .map(|_| ())
        };
        let good = jwt("https://relay.azure.net/", NOW.as_secs() + 1);
        assert_eq!(check(&rules, &good), Err(Denied::Entra));
        rules.allow_entra = true;
        for scheme in ["", "Bearer ", "bearer "] {
            assert_eq!(check(&rules, &format!("{scheme}{good}")), Ok(()));
        }
        let other = jwt("https://management.azure.com/", NOW.as_secs() + 1);
        assert_eq!(check(&rules, &other), Err(Denied::Audience));
        let late = jwt("https://relay.azure.net//", NOW.as_secs() - 300);
        assert!(matches!(check(&rules, &late), Err(Denied::Expired(_))));
        assert_eq!(check(&rules, "Bearer nonsense"), Err(Denied::Malformed));
    }

    #[test]
    fn slots_are_asked_in_the_order_of_the_edge() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(HOST));
        let find = |interface, headers: &HeaderMap, query: &str| {
            presented(interface, headers, query, UNIX_EPOCH + NOW)
        };
        let found = |token: &str, is_authorization| {
            Ok(Presented {
                token: token.to_owned(),
                is_authorization,
            })
        };
        assert_eq!(find(Interface::Http, &headers, "x=1"), Err(Denied::Missing));
        assert_eq!(
            find(Interface::Http, &headers, "sb-hc-sas-key-name=a"),
            Err(Denied::Malformed)
        );
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("ordinary"));
        assert_eq!(find(Interface::Http, &headers, ""), found("ordinary", true));
        let minted = find(
            Interface::Http,
            &headers,
            "sb-hc-sas-key=s&sb-hc-sas-key-name=send",
        )
        .unwrap();
        let checked = rules().check(&minted.token, Purpose::Send, HOST, "hc1", UNIX_EPOCH + NOW);
        assert!(checked.is_ok());
        headers.insert(SERVICE_BUS_AUTHORIZATION, HeaderValue::from_static("own"));
        for (interface, first) in [(Interface::Http, "query"), (Interface::WebSocket, "own")] {
            assert_eq!(
                find(interface, &headers, "sb-hc-token=query"),
                found(first, false)
            );
            assert_eq!(find(interface, &headers, ""), found("own", false));
            assert_eq!(
                find(interface, &headers, "sb%2Dhc%2Dtoken=query"),
                found(first, false)
            );
            // An empty value counts as absent.
            assert_eq!(
                find(interface, &headers, "sb-hc-token=&sb-hc-sas-key="),
                found("own", false)
            );
        }
        headers.insert(SERVICE_BUS_AUTHORIZATION, HeaderValue::from_static(""));
        for interface in [Interface::Http, Interface::WebSocket] {
            assert_eq!(
                find(interface, &headers, "sb-hc-token="),
                found("ordinary", true)
            );
        }
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(""));
        assert_eq!(
            find(
                Interface::Http,
                &headers,
                "sb-hc-token=&sb-hc-sas-key-name=&sb-hc-sas-key="
            ),
            Err(Denied::Missing)
        );
    }
}
