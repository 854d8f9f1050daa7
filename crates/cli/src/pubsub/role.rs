//! Roles on the command line. Pure.

use pubsub::Role;

/// Parses a role as tokens have it, `webpubsub.joinLeaveGroup.GROUP`; the prefix may be left out.
pub(super) fn parse(text: &str) -> Result<Role, String> {
    let role = text.strip_prefix("webpubsub.").unwrap_or(text);
    let (name, group) = match role.split_once('.') {
        Some((name, group)) => (name, Some(group)),
        None => (role, None),
    };
    let role = match (name, group) {
        ("joinLeaveGroup", None) => Ok(Role::JoinLeaveAnyGroup),
        ("joinLeaveGroup", Some(group)) => Role::join_leave_group(group),
        ("joinLeaveGroups", Some(pattern)) => Role::join_leave_groups(pattern),
        ("sendToGroup", None) => Ok(Role::SendToAnyGroup),
        ("sendToGroup", Some(group)) => Role::send_to_group(group),
        ("sendToGroups", Some(pattern)) => Role::send_to_groups(pattern),
        ("getGroupState", None) => Ok(Role::GetAnyGroupState),
        ("getGroupState", Some(group)) => Role::get_group_state(group),
        ("setGroupState", None) => Ok(Role::SetAnyGroupState),
        ("setGroupState", Some(group)) => Role::set_group_state(group),
        _ => {
            return Err(
                "must be joinLeaveGroup, sendToGroup, getGroupState or setGroupState, with .GROUP for \
                 one group, or joinLeaveGroups.PATTERN or sendToGroups.PATTERN"
                    .to_owned(),
            );
        }
    };
    role.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_printed_as_they_are_read() {
        for text in [
            "webpubsub.joinLeaveGroup",
            "webpubsub.joinLeaveGroup.a.b",
            "webpubsub.joinLeaveGroups.room-*",
            "webpubsub.sendToGroup",
            "webpubsub.sendToGroup.news",
            "webpubsub.sendToGroups.*",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
            let short = text.strip_prefix("webpubsub.").unwrap();
            assert_eq!(parse(short).unwrap().to_string(), text);
        }
        for text in [
            "",
            "sendToGroups",
            "sendToGroup.",
            "SendToGroup",
            "webpubsub.",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in [
            "getGroupState",
            "getGroupState.a",
            "setGroupState",
            "setGroupState.a",
        ] {
            let role = parse(text).unwrap().to_string();
            assert_eq!(parse(&role), parse(text), "{role}");
        }
    }
}
