use super::*;

fn list(text: &str) -> AllowList {
    text.parse().unwrap()
}

fn target(text: &str) -> HostPort {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn rules_are_read_and_printed() {
    for (text, printed) in [
        ("*", "*"),
        ("*:*", "*"),
        ("*:443", "*:443"),
        ("db.internal", "db.internal:*"),
        ("DB.internal.:5432", "db.internal:5432"),
        ("db:8000-8099", "db:8000-8099"),
        ("db:1-65535", "db:1-65535"),
        ("10.1.2.3", "10.1.2.3:*"),
        ("10.1.2.3/32:22", "10.1.2.3:22"),
        ("10.0.0.0/8:*", "10.0.0.0/8:*"),
        ("0.0.0.0/0:443", "0.0.0.0/0:443"),
        ("::1", "[::1]:*"),
        ("[::1]", "[::1]:*"),
        ("[::1]:22", "[::1]:22"),
        ("fd00::/8", "[fd00::/8]:*"),
        ("fd00::/8:443", "[fd00::/8]:443"),
        ("[fd00::/8]:443", "[fd00::/8]:443"),
        ("::/0:443", "[::/0]:443"),
        ("::ffff:10.0.0.0/104:22", "10.0.0.0/8:22"),
        ("::ffff:10.0.0.1", "10.0.0.1:*"),
    ] {
        let rule: AllowRule = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rule.to_string(), printed, "{text}");
        assert_eq!(printed.parse(), Ok(rule), "{printed}");
    }
    let both = list(" 10.0.0.0/8:22 ,db:5432");
    assert_eq!(both.to_string(), "10.0.0.0/8:22,db:5432");
    assert_eq!(both.rules().len(), 2);
    assert!(list("  ").is_empty());
}

#[test]
fn what_is_no_rule_is_refused_with_its_reason() {
    for (text, reason) in [
        ("", "expected a DNS name"),
        (":22", "expected a DNS name"),
        ("a b:22", "expected a DNS name"),
        ("*.example.com:22", "expected a DNS name"),
        ("127.1:22", "expected a DNS name"),
        ("300.0.0.1:22", "expected a DNS name"),
        ("10.0.0.0/33:22", "expected a block"),
        ("db/8:22", "expected a block"),
        ("10.0.0.0/:22", "expected a block"),
        ("10.1.2.3/8:22", "10.0.0.0/8 is the block"),
        ("db:", "expected a port"),
        ("db:0", "expected a port"),
        ("db:65536", "expected a port"),
        ("db:80-79", "expected a port"),
        ("db:0-10", "expected a port"),
        ("db:80-", "expected a port"),
        ("db:http", "expected a port"),
        ("10.0.0.0/8:", "expected a port"),
        ("[::1]22", "expected a port"),
        ("fe80::1::22", "expected brackets"),
        ("[::1", "expected brackets"),
        ("[db]:22", "expected brackets"),
    ] {
        let error = text.parse::<AllowRule>().unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
        assert!(error.contains(text) && !error.contains('\n'), "{error}");
    }
    assert!("db:22,,x:1".parse::<AllowList>().is_err());
}

#[test]
fn nothing_is_allowed_unless_it_is_listed() {
    let none = AllowList::new();
    for text in ["localhost:22", "127.0.0.1:22", "[::1]:1"] {
        assert_eq!(none.check(&target(text)).unwrap_err(), NotAllowed);
    }
    let all = AllowList::everything();
    for text in ["localhost:22", "127.0.0.1:22", "[::1]:1"] {
        assert!(all.check(&target(text)).is_ok(), "{text}");
    }
}

#[test]
fn a_literal_address_is_judged_by_rules_for_addresses_only() {
    let allowed = list("10.0.0.0/8:22,db:22,[fd00::/8]:8000-8002,*:443,192.0.2.1");
    for (text, dialled) in [
        ("10.1.2.3:22", Some("10.1.2.3:22")),
        ("[::ffff:10.1.2.3]:22", Some("10.1.2.3:22")),
        ("10.1.2.3:23", None),
        ("11.1.2.3:22", None),
        ("[fd12::1]:8002", Some("[fd12::1]:8002")),
        ("[fd12::1]:8003", None),
        ("[fe80::1]:8001", None),
        ("127.0.0.1:443", Some("127.0.0.1:443")),
        ("192.0.2.1:1", Some("192.0.2.1:1")),
        ("192.0.2.2:1", None),
    ] {
        let target = target(text);
        let permit = allowed.check(&target);
        let address = permit.as_ref().ok().and_then(Permit::address);
        assert_eq!(address, dialled.map(|text| text.parse().unwrap()), "{text}");
        if let Ok(permit) = permit {
            let other = permit.addresses([ip("127.0.0.1")]).unwrap();
            assert_eq!(Some(other[0]), address, "{text}");
        }
    }
}

#[test]
fn a_listed_name_is_dialled_wherever_it_is() {
    let allowed = list("Db.Internal:5432");
    for name in ["db.internal:5432", "DB.INTERNAL.:5432"] {
        let target = target(name);
        let permit = allowed.check(&target).unwrap();
        assert_eq!(permit.address(), None);
        let addresses = permit.addresses([ip("127.0.0.1"), ip("::1")]).unwrap();
        assert_eq!(addresses.len(), 2);
        assert_eq!(permit.addresses([]), Ok(vec![]));
    }
    for other in ["db.internal:5433", "xdb.internal:5432", "internal:5432"] {
        assert!(allowed.check(&target(other)).is_err(), "{other}");
    }
}

#[test]
fn of_a_name_that_is_not_listed_only_listed_addresses_are_dialled() {
    let allowed = list("10.0.0.0/8:22,db:5432");
    let target = target("build.internal:22");
    let permit = allowed.check(&target).unwrap();
    let resolved = ["127.0.0.1", "10.0.0.1", "::ffff:10.0.0.2", "::1"].map(ip);
    let expected: Vec<SocketAddr> = ["10.0.0.1:22", "10.0.0.2:22"]
        .map(|text| text.parse().unwrap())
        .to_vec();
    assert_eq!(permit.addresses(resolved), Ok(expected));
    // The name moved to this machine after the check of another one: there is nothing to dial.
    assert_eq!(permit.addresses([ip("127.0.0.1")]), Err(NotAllowed));
    assert_eq!(permit.addresses([ip("::ffff:127.0.0.1")]), Err(NotAllowed));
    assert!(
        allowed
            .check(&"build.internal:23".parse().unwrap())
            .is_err(),
        "no rule for addresses has this port: nothing to resolve"
    );
}
