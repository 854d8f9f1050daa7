//! Group permissions of a connection: roles, patterns, and grants at run time. Pure.
//!
//! Source: Web PubSub's articles on permissions and on wildcard group roles;
//! revocation and limits are those of Microsoft's emulator; the roles for
//! states are those of the service's chat SDKs.

use std::collections::BTreeSet;

use super::state::{ConnectionPermissions, GroupPermission};
use crate::pattern::Pattern;

/// The permissions of a connection, from its roles and from grants.
#[derive(Clone, Debug, Default)]
pub(super) struct Permissions {
    join_leave: Rules,
    send: Rules,
    get_state: Rules,
    set_state: Rules,
}

impl Permissions {
    /// Parses roles; one that is unknown or whose pattern is invalid grants nothing.
    pub(super) fn from_roles<'a>(roles: impl IntoIterator<Item = &'a str>) -> Self {
        let mut permissions = Self::default();
        for role in roles {
            let known = role.strip_prefix("webpubsub.").and_then(|role| {
                Permission::ALL.into_iter().find_map(|permission| {
                    Some((permission, role.strip_prefix(permission.as_str())?))
                })
            });
            let Some((permission, target)) = known else {
                continue;
            };
            let rules = permissions.rules_mut(permission);
            if target.is_empty() {
                rules.any = true;
            } else if let Some(group) = target.strip_prefix('.') {
                rules.literals.insert(group.to_owned());
            } else if let Some(pattern) = target
                .strip_prefix("s.")
                .filter(|_| permission.has_patterns())
                .filter(|pattern| pattern.encode_utf16().count() <= MAX_PATTERN)
                .and_then(|pattern| Pattern::parse(pattern, MAX_STARS))
            {
                rules.patterns.push(pattern);
            }
        }
        permissions
    }

    /// Returns whether the permission covers `group`.
    pub(super) fn allow(&self, permission: Permission, group: &str) -> bool {
        let rules = self.rules(permission);
        rules.literals.contains(group) || rules.is_covered(group) && !rules.revoked.contains(group)
    }

    /// Grants the permission for one group.
    ///
    /// # Errors
    ///
    /// [`TooManyRules`] if the connection has reached its limit.
    pub(super) fn grant(
        &mut self,
        permission: Permission,
        group: &str,
    ) -> Result<(), TooManyRules> {
        let rules = self.rules_mut(permission);
        if rules.literals.len() >= MAX_LITERALS && !rules.literals.contains(group) {
            return Err(TooManyRules);
        }
        rules.revoked.remove(group);
        rules.literals.insert(group.to_owned());
        Ok(())
    }

    /// Revokes the permission for one group, even where a role covers it, until it is granted again.
    ///
    /// # Errors
    ///
    /// [`TooManyRules`] if the connection has reached its limit.
    pub(super) fn revoke(
        &mut self,
        permission: Permission,
        group: &str,
    ) -> Result<(), TooManyRules> {
        let rules = self.rules_mut(permission);
        rules.literals.remove(group);
        if rules.is_covered(group) && !rules.revoked.contains(group) {
            if rules.revoked.len() >= MAX_LITERALS {
                return Err(TooManyRules);
            }
            rules.revoked.insert(group.to_owned());
        }
        Ok(())
    }

    /// Returns a snapshot.
    pub(super) fn state(&self) -> ConnectionPermissions {
        ConnectionPermissions {
            join_leave_group: self.join_leave.state(),
            send_to_group: self.send.state(),
            get_group_state: self.get_state.state(),
            set_group_state: self.set_state.state(),
        }
    }

    fn rules(&self, permission: Permission) -> &Rules {
        match permission {
            Permission::JoinLeaveGroup => &self.join_leave,
            Permission::SendToGroup => &self.send,
            Permission::GetGroupState => &self.get_state,
            Permission::SetGroupState => &self.set_state,
        }
    }

    fn rules_mut(&mut self, permission: Permission) -> &mut Rules {
        match permission {
            Permission::JoinLeaveGroup => &mut self.join_leave,
            Permission::SendToGroup => &mut self.send,
            Permission::GetGroupState => &mut self.get_state,
            Permission::SetGroupState => &mut self.set_state,
        }
    }
}

/// A kind of permission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Permission {
    JoinLeaveGroup,
    SendToGroup,
    /// To receive the states of a group's members.
    GetGroupState,
    /// To set one's own state in a group.
    SetGroupState,
}

impl Permission {
    const ALL: [Self; 4] = [
        Self::JoinLeaveGroup,
        Self::SendToGroup,
        Self::GetGroupState,
        Self::SetGroupState,
    ];

    /// Parses the name in a REST path, without case, or its number as Microsoft's emulator does.
    pub(super) fn from_path(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("sendToGroup") || name == "1" {
            Some(Self::SendToGroup)
        } else if name.eq_ignore_ascii_case("joinLeaveGroup") || name == "2" {
            Some(Self::JoinLeaveGroup)
        } else {
            None
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::JoinLeaveGroup => "joinLeaveGroup",
            Self::SendToGroup => "sendToGroup",
            Self::GetGroupState => "getGroupState",
            Self::SetGroupState => "setGroupState",
        }
    }

    /// Whether its role may have a pattern; for states no such form is known.
    fn has_patterns(self) -> bool {
        matches!(self, Self::JoinLeaveGroup | Self::SendToGroup)
    }
}

/// The connection has reached its limit of rules for single groups.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooManyRules;

#[derive(Clone, Debug, Default)]
struct Rules {
    any: bool,
    literals: BTreeSet<String>,
    patterns: Vec<Pattern>,
    /// Groups that a role covers, but that were revoked.
    revoked: BTreeSet<String>,
}

impl Rules {
    fn state(&self) -> GroupPermission {
        GroupPermission {
            all: self.any,
            groups: self.literals.clone(),
            patterns: self.patterns.iter().map(Pattern::to_string).collect(),
            revoked: self.revoked.clone(),
        }
    }

    fn is_covered(&self, group: &str) -> bool {
        self.any || self.patterns.iter().any(|pattern| pattern.matches(group))
    }
}

/// The service's limit of single-group rules, per permission of a connection.
const MAX_LITERALS: usize = 1000;
/// The most UTF-16 units in the pattern of a role.
const MAX_PATTERN: usize = 1024;
/// The most `*` in the pattern of a role.
const MAX_STARS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn joins(role: &str, group: &str) -> bool {
        Permissions::from_roles([role]).allow(Permission::JoinLeaveGroup, group)
    }

    #[test]
    fn a_role_is_for_one_group_or_for_all() {
        assert!(joins("webpubsub.joinLeaveGroup", "any"));
        assert!(joins("webpubsub.joinLeaveGroup.a.b", "a.b"));
        assert!(!joins("webpubsub.joinLeaveGroup.a.b", "a"));
        assert!(!joins("webpubsub.joinLeaveGroup.a", "A"));
        assert!(!joins("webpubsub.joinLeaveGroup.*", "a"));
        assert!(joins("webpubsub.joinLeaveGroup.*", "*"));
        for other in [
            "webpubsub.sendToGroup",
            "joinLeaveGroup",
            "webpubsub.joinLeaveGroupx",
            "",
        ] {
            assert!(!joins(other, "a"), "{other}");
        }
    }

    #[test]
    fn patterns_are_those_of_the_article() {
        for (pattern, group, fits) in [
            ("chat-*", "chat-1", true),
            ("chat-*", "chat-", true),
            ("chat-*", "chat.1", false),
            ("chat-*", "chat-1.2", false),
            ("clientA.**", "clientA.x.y", true),
            ("clientA.**", "clientB.x", false),
            ("a?c", "abc", true),
            ("a?c", "a.c", false),
            ("a?c", "ac", false),
            ("**", "", true),
            ("*.*", "a.b", true),
            ("*.*", "a.b.c", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            (r"a\\b", r"a\b", true),
            ("Chat*", "chat1", false),
            ("*a*a*a*a*", "aaaaaaaaaaaaaaaaaaaaaab", true),
            ("*****", "a.b", true),
            ("******", "a", false),
            (r"a\", "a", false),
            (r"a\b", "ab", false),
            (r"a\b", r"a\b", false),
            (r"\*\**\*", "**x*", true),
            (r"\*\*\*\*\*\**", "******x", true),
            (r"a\?", "a?", true),
            (r"a\?", "ab", false),
            ("ü?", "üé", true),
            ("😀*", "😀x", true),
            ("?", "😀", false),
            ("??", "😀", true),
        ] {
            let role = format!("webpubsub.joinLeaveGroups.{pattern}");
            assert_eq!(joins(&role, group), fits, "{pattern} {group}");
        }
        for (length, fits) in [(1023, true), (1024, false)] {
            let role = format!("webpubsub.joinLeaveGroups.{}*", "x".repeat(length));
            assert_eq!(joins(&role, &"x".repeat(length)), fits, "{length}");
        }
    }

    #[test]
    fn states_have_roles_of_their_own() {
        let may = |role: &str, permission, group: &str| {
            Permissions::from_roles([role]).allow(permission, group)
        };
        for (name, own, other) in [
            (
                "getGroupState",
                Permission::GetGroupState,
                Permission::SetGroupState,
            ),
            (
                "setGroupState",
                Permission::SetGroupState,
                Permission::GetGroupState,
            ),
        ] {
            let all = format!("webpubsub.{name}");
            assert!(may(&all, own, "any") && !may(&all, other, "any"));
            assert!(!may(&all, Permission::JoinLeaveGroup, "any"));
            let one = format!("webpubsub.{name}.a.b");
            assert!(may(&one, own, "a.b") && !may(&one, own, "a"));
            assert!(!may(&format!("webpubsub.{name}s.a*"), own, "ab"));
        }
    }

    #[test]
    fn a_revocation_beats_a_role_until_the_next_grant() {
        let may = |permissions: &Permissions| permissions.allow(Permission::SendToGroup, "g");
        let mut permissions = Permissions::from_roles(["webpubsub.sendToGroup"]);
        permissions.revoke(Permission::SendToGroup, "g").unwrap();
        assert!(!may(&permissions));
        assert!(permissions.allow(Permission::SendToGroup, "h"));
        permissions.grant(Permission::SendToGroup, "g").unwrap();
        assert!(may(&permissions));
        permissions.revoke(Permission::SendToGroup, "g").unwrap();
        assert!(!may(&permissions));
    }

    #[test]
    fn a_snapshot_has_roles_grants_and_revocations() {
        let mut permissions = Permissions::from_roles([
            "webpubsub.sendToGroup",
            "webpubsub.joinLeaveGroup.a",
            "webpubsub.joinLeaveGroups.room-*",
        ]);
        permissions.grant(Permission::JoinLeaveGroup, "b").unwrap();
        permissions.revoke(Permission::SendToGroup, "c").unwrap();
        let json = serde_json::to_value(permissions.state()).unwrap();
        let expected = serde_json::json!({
            "joinLeaveGroup": {"groups": ["a", "b"], "patterns": ["room-*"]},
            "sendToGroup": {"all": true, "revoked": ["c"]},
            "getGroupState": {},
            "setGroupState": {},
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn grants_are_limited() {
        let mut permissions = Permissions::default();
        for index in 0..1000 {
            let group = format!("g{index}");
            permissions.grant(Permission::SendToGroup, &group).unwrap();
        }
        let again = permissions.grant(Permission::SendToGroup, "g0");
        assert_eq!(again, Ok(()));
        let more = permissions.grant(Permission::SendToGroup, "more");
        assert_eq!(more, Err(TooManyRules));
    }

    #[test]
    fn permissions_are_named_without_case_or_numbered() {
        for (name, permission) in [
            ("sendToGroup", Some(Permission::SendToGroup)),
            ("JOINLEAVEGROUP", Some(Permission::JoinLeaveGroup)),
            ("2", Some(Permission::JoinLeaveGroup)),
            // REST has no permissions for states.
            ("getGroupState", None),
            ("3", None),
            ("", None),
        ] {
            assert_eq!(Permission::from_path(name), permission);
        }
    }
}
