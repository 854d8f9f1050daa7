//! Principals and their grants. Pure.

use auth::_internal::sha256;
use auth::Secret;
use uuid::{Builder, Uuid};

use crate::config::{IdentityConfig, PrincipalConfig};
use crate::{Error, Result};

/// The principals that can sign in, and what each may do.
#[derive(Debug)]
pub(crate) struct Principals {
    list: Vec<Principal>,
    /// Whether everybody may do everything, since nobody was named.
    is_open: bool,
}

/// An application or a managed identity.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(super) client_id: String,
    pub(super) object_id: String,
    pub(super) managed_identity: Option<String>,
    pub(super) is_federated: bool,
    is_system_assigned: bool,
    secrets: Vec<Secret>,
    grants: Vec<Grant>,
}

/// Data actions, and what they are for.
#[derive(Debug)]
struct Grant {
    /// With `*` for any text.
    actions: String,
    /// A hub or a hybrid connection; `None` for all.
    scope: Option<String>,
}

/// How a managed identity is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted<'a> {
    SystemAssigned,
    ClientId(&'a str),
    ObjectId(&'a str),
    ResourceId(&'a str),
}

impl Principals {
    /// # Errors
    ///
    /// Fails with one line if an id is no GUID, or two principals claim the same thing.
    pub(super) fn new(config: &IdentityConfig) -> Result<Self> {
        let is_open = config.principals.is_empty();
        let list: Vec<Principal> = if is_open {
            vec![Principal::new(&IdentityConfig::default_principal())?]
        } else {
            let principals = config.principals.iter();
            principals.map(Principal::new).collect::<Result<_>>()?
        };
        for (index, principal) in list.iter().enumerate() {
            let twice = list[..index].iter().any(|before| {
                before.client_id == principal.client_id || before.object_id == principal.object_id
            });
            if twice {
                return Err(Error::message(format!(
                    "two principals have the client id or the object id of {}",
                    principal.client_id
                )));
            }
        }
        let assigned = list.iter().filter(|principal| principal.is_system_assigned);
        if assigned.count() > 1 {
            return Err(Error::message(
                "two principals are the system-assigned managed identity",
            ));
        }
        Ok(Self { list, is_open })
    }

    /// Returns the principal that is named first.
    pub(super) fn first(&self) -> &Principal {
        // Never empty: without settings there is the default one.
        &self.list[0]
    }

    pub(super) fn first_managed_identity(&self) -> Option<&Principal> {
        let mut principals = self.list.iter();
        principals.find(|principal| principal.is_managed_identity())
    }

    pub(super) fn first_federated(&self) -> Option<&Principal> {
        self.list.iter().find(|principal| principal.is_federated)
    }

    pub(super) fn first_with_secret(&self) -> Option<(&Principal, &Secret)> {
        self.list
            .iter()
            .find_map(|principal| Some((principal, principal.secrets.first()?)))
    }

    pub(super) fn by_client_id(&self, client_id: &str) -> Option<&Principal> {
        let mut principals = self.list.iter();
        principals.find(|principal| principal.client_id.eq_ignore_ascii_case(client_id))
    }

    pub(super) fn managed_identity(&self, wanted: Wanted<'_>) -> Option<&Principal> {
        self.list.iter().find(|principal| match wanted {
            Wanted::SystemAssigned => principal.is_system_assigned,
            _ if !principal.is_managed_identity() => false,
            Wanted::ClientId(id) => principal.client_id.eq_ignore_ascii_case(id),
            Wanted::ObjectId(id) => principal.object_id.eq_ignore_ascii_case(id),
            Wanted::ResourceId(id) => {
                let name = id.rsplit_once("/userAssignedIdentities/");
                let name = name.map(|(_, name)| name.trim_end_matches('/'));
                name.zip(principal.managed_identity.as_deref())
                    .is_some_and(|(name, own)| name.eq_ignore_ascii_case(own))
            }
        })
    }

    /// Whether the principal with these ids may do `action` on a hub or a hybrid connection,
    /// or, without one, on the service as a whole.
    pub(super) fn may(
        &self,
        object_id: Option<&str>,
        client_id: Option<&str>,
        action: &str,
        scope: Option<&str>,
    ) -> bool {
        if self.is_open {
            return true;
        }
        let is = |own: &str, given: Option<&str>| {
            given.is_some_and(|given| own.eq_ignore_ascii_case(given))
        };
        // As in the cloud, the object id decides if there is one.
        let found = self.list.iter().find(|principal| match object_id {
            Some(_) => is(&principal.object_id, object_id),
            None => is(&principal.client_id, client_id),
        });
        found.is_some_and(|principal| {
            let mut grants = principal.grants.iter();
            grants.any(|grant| grant.allows(action, scope))
        })
    }
}

impl Principal {
    fn new(config: &PrincipalConfig) -> Result<Self> {
        let client_id = guid("client id", &config.client_id)?;
        let object_id = match &config.object_id {
            Some(id) => guid("object id", id)?,
            None => {
                let hash = sha256(client_id.as_bytes());
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&hash[..16]);
                Builder::from_random_bytes(bytes).into_uuid().to_string()
            }
        };
        let of_roles = config.roles.iter().map(|assignment| Grant {
            actions: assignment.role.actions().to_owned(),
            scope: assignment.scope.clone(),
        });
        let own = config.actions.iter().map(|actions| Grant {
            actions: actions.clone(),
            scope: None,
        });
        Ok(Self {
            client_id,
            object_id,
            managed_identity: config.managed_identity.clone(),
            is_federated: config.federated,
            is_system_assigned: config.system_assigned,
            secrets: config.secrets.clone(),
            grants: of_roles.chain(own).collect(),
        })
    }

    fn is_managed_identity(&self) -> bool {
        self.is_system_assigned || self.managed_identity.is_some()
    }

    /// Whether `secret` is one of its secrets; all are compared, each in constant time.
    pub(super) fn has_secret(&self, secret: &Secret) -> bool {
        let compared = self.secrets.iter();
        compared.fold(false, |found, own| found | (own == secret))
    }
}

impl Grant {
    fn allows(&self, action: &str, scope: Option<&str>) -> bool {
        let is_in_scope = match (&self.scope, scope) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(asked)) => is_same(asked, own),
        };
        is_in_scope && matches(&self.actions, action)
    }
}

/// Whether two names are of the same hub or hybrid connection: without case, as both services
/// compare them. What is below a hybrid connection's path may be another one.
fn is_same(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.trim_matches('/').to_lowercase();
    bare(one) == bare(other)
}

/// Whether an action matches a pattern, in which `*` stands for any text; without case.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| action.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn guid(what: &str, text: &str) -> Result<String> {
    match Uuid::try_parse(text) {
        Ok(guid) => Ok(guid.to_string()),
        Err(_) => Err(Error::message(format!(
            "the {what} {text:?} of a principal is not a GUID"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    const A: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
    const B: &str = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";

    fn principals(list: impl IntoIterator<Item = PrincipalConfig>) -> Result<Principals> {
        Principals::new(&IdentityConfig {
            principals: list.into_iter().collect(),
            ..IdentityConfig::default()
        })
    }

    #[test]
    fn patterns_match_actions_as_a_whole_and_without_case() {
        for (pattern, action, expected) in [
            ("a/b", "A/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/", true),
            ("a/*", "a/b/c", true),
            ("a/*/read", "a/b/read", true),
            ("a/*/read", "a/b/c/read", true),
            ("a/*/read", "a/read", false),
            ("a/*/read", "a/b/reader", false),
            ("*", "x", true),
            ("*a*b", "cacb", true),
            ("*a*b", "cbca", false),
            ("ab*ba", "aba", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, action), expected, "{pattern} {action}");
        }
    }

    #[test]
    fn grants_are_for_everything_or_for_one_name() {
        let principals = principals([PrincipalConfig::new(A)
            .with_role_at(Role::RelayListener, "team/hc1")
            .with_role(Role::WebPubSubServiceReader)])
        .unwrap();
        let object_id = principals.first().object_id.clone();
        let may = |action: &str, scope| principals.may(Some(&object_id), Some(B), action, scope);
        let listen = "Microsoft.Relay/namespaces/hybridConnections/listen/action";
        for (scope, expected) in [
            (Some("team/hc1"), true),
            (Some("Team/HC1"), true),
            (Some("team/hc1/deep"), false),
            (Some("team/hc12"), false),
            (Some("team"), false),
            (Some("hc1"), false),
            (None, false),
        ] {
            assert_eq!(may(listen, scope), expected, "{scope:?}");
        }
        assert!(may(
            "Microsoft.SignalRService/WebPubSub/group/read",
            Some("chat")
        ));
        assert!(!may(
            "Microsoft.SignalRService/WebPubSub/group/write",
            Some("chat")
        ));
        // Without an object id, the client id decides; an unknown one has no right.
        let read = "Microsoft.SignalRService/WebPubSub/group/read";
        assert!(principals.may(None, Some(A), read, None));
        assert!(!principals.may(None, Some(B), read, None));
        assert!(!principals.may(Some(B), Some(A), read, None));
        assert!(!principals.may(None, None, read, None));
    }

    #[test]
    fn without_settings_everybody_may_do_everything() {
        let open = principals([]).unwrap();
        assert!(open.may(Some(B), None, "anything", None));
        assert_eq!(open.first().client_id, IdentityConfig::CLIENT_ID);
        assert!(open.managed_identity(Wanted::SystemAssigned).is_some());
        assert!(open.managed_identity(Wanted::ClientId(B)).is_none());
    }

    #[test]
    fn managed_identities_are_found_by_each_of_their_ids() {
        let principals = principals([
            PrincipalConfig::new(A).with_managed_identity("worker"),
            PrincipalConfig::new(B).with_secret("s"),
        ])
        .unwrap();
        let worker = principals.first();
        let find = |wanted: Wanted<'_>| {
            principals
                .managed_identity(wanted)
                .map(|found| found.client_id.as_str())
        };
        assert_eq!(find(Wanted::ClientId(&A.to_uppercase())), Some(A));
        assert_eq!(find(Wanted::ObjectId(&worker.object_id)), Some(A));
        let prefix = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/";
        assert_eq!(
            find(Wanted::ResourceId(&format!("{prefix}Worker"))),
            Some(A)
        );
        assert_eq!(find(Wanted::ResourceId(&format!("{prefix}other"))), None);
        assert_eq!(find(Wanted::ResourceId("worker")), None);
        assert_eq!(find(Wanted::SystemAssigned), None);
        // An application is no managed identity.
        assert_eq!(find(Wanted::ClientId(B)), None);
        let application = principals.by_client_id(B).unwrap();
        assert!(application.has_secret(&Secret::new("s")));
        assert!(!application.has_secret(&Secret::new("S")));
        assert!(!worker.has_secret(&Secret::new("s")));
    }

    #[test]
    fn contradictions_are_named() {
        let with_object = |client: &str, object: &str| {
            let mut principal = PrincipalConfig::new(client);
            principal.object_id = Some(object.to_owned());
            principal
        };
        let system = |client| {
            let mut principal = PrincipalConfig::new(client);
            principal.system_assigned = true;
            principal
        };
        for (list, named) in [
            (vec![PrincipalConfig::new("app")], "app"),
            (vec![with_object(A, "me")], "me"),
            (vec![PrincipalConfig::new(A), PrincipalConfig::new(A)], A),
            (vec![with_object(A, A), with_object(B, A)], B),
            (vec![system(A), system(B)], "system-assigned"),
        ] {
            let error = principals(list).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains('\n'), "{error}");
        }
    }
}
