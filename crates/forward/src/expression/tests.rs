use std::fmt::{Debug, Display};
use std::str::FromStr;

use super::*;
use crate::host_port::HostPort;

/// Parses, and checks that the printed form reads as the same.
fn read<T>(text: &str) -> T
where
    T: Debug + Display + FromStr<Err = ExpressionError> + PartialEq,
{
    let value: T = text
        .parse()
        .unwrap_or_else(|error: ExpressionError| panic!("{text}: {error}"));
    let printed = value.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(&value), "{text} as {printed}");
    assert_eq!(printed.parse::<T>().unwrap().to_string(), printed);
    value
}

fn refuse<T: Debug + FromStr<Err = ExpressionError>>(text: &str, column: usize, expected: &str) {
    let error = text.parse::<T>().expect_err(text);
    let shown = error.to_string();
    assert_eq!(error.column(), column, "{text}: {shown}");
    assert!(shown.contains(expected), "{text}: {shown}");
    assert!(!shown.contains('\n'));
}

/// One binding, as `address name`.
fn local(text: &str) -> String {
    let forward: LocalForward = read(text);
    let shown = forward.bindings().iter().map(|binding| {
        let address = match binding.address() {
            LocalAddress::Tcp(address) => format!("tcp {address}"),
            LocalAddress::Udp(address) => format!("udp {address}"),
            LocalAddress::Socket(path) => format!("socket {}", path.display()),
        };
        format!("{address} {}", binding.port_name())
    });
    let shown: Vec<_> = shown.collect();
    format!("{} to {}", shown.join(", "), forward.relay())
}

#[test]
fn local_forwards_are_read() {
    for (text, expected) in [
        ("8080:relay", "tcp 8080 8080 to relay"),
        ("127.3.2.1:5000:myname", "tcp 127.3.2.1:5000 5000 to myname"),
        (
            "localhost:5000:a/b.c_d-e",
            "tcp localhost:5000 5000 to a/b.c_d-e",
        ),
        ("29876/http:a1", "tcp 29876 http to a1"),
        ("29876U:a1", "udp 29876 29876U to a1"),
        ("29876U/dns:a1", "udp 29876 dns to a1"),
        ("-514:a1", "udp 514 -514 to a1"),
        ("127.0.0.1:514U:a1", "udp 127.0.0.1:514 514U to a1"),
        ("0080:a1", "tcp 80 0080 to a1"),
        ("0/web:a1", "tcp 0 web to a1"),
        ("*:80:a1", "tcp *:80 80 to a1"),
        (":80:a1", "tcp *:80 80 to a1"),
        ("[::1]:80/web:a1", "tcp [::1]:80 web to a1"),
        ("[::]:53U:a1", "udp [::]:53 53U to a1"),
        (
            "80;443/tls;[::1]:53U:a1",
            "tcp 80 80, tcp 443 tls, udp [::1]:53 53U to a1",
        ),
        ("sock:a1", "socket sock sock to a1"),
        ("my_sock-1/web:a1", "socket my_sock-1 web to a1"),
        ("./80a:a1", "socket ./80a 80a to a1"),
        (
            "/run/docker.sock:a1",
            "socket /run/docker.sock docker-sock to a1",
        ),
        (
            "/run/docker.sock/docker:a1",
            "socket /run/docker.sock docker to a1",
        ),
        ("/run/app.socket/web:a1", "socket /run/app.socket web to a1"),
        ("/run/my.app/web:a1", "socket /run/my.app/web web to a1"),
        ("/run/my.app//web:a1", "socket /run/my.app web to a1"),
        ("../x/y//z:a1", "socket ../x/y z to a1"),
        (
            r"C:\run\app.sock:a1",
            r"socket C:\run\app.sock app-sock to a1",
        ),
        (
            r"C:\run\app.sock/web:a1",
            r"socket C:\run\app.sock web to a1",
        ),
        (r"C:\run\app//web:a1", r"socket C:\run\app web to a1"),
        ("c:/run/app//web:a1", "socket c:/run/app web to a1"),
        (
            "/run/a b.sock;80:a1",
            "socket /run/a b.sock a-b-sock, tcp 80 80 to a1",
        ),
        ("c:80:a1", "tcp c:80 80 to a1"),
    ] {
        assert_eq!(local(text), expected, "{text}");
    }
}

#[test]
fn wrong_local_forwards_are_refused_with_their_place() {
    for (text, column, expected) in [
        (
            "",
            1,
            "`:` and the name of a hybrid connection at the end, found nothing",
        ),
        ("8080", 5, "`:` and the name of a hybrid connection"),
        ("/run/x.sock", 12, "`:` and the name of a hybrid connection"),
        ("8080:", 6, "the name of a hybrid connection: up to 260"),
        (
            "8080:rel ay",
            9,
            "letters, digits, `/`, `_`, `-` and `.`, found ` ay`",
        ),
        (r"C:\run\x.sock", 3, "the name of a hybrid connection"),
        (":relay", 1, "a port, a host and a port, or a socket"),
        ("80;:relay", 4, "a port, a host and a port, or a socket"),
        (
            "70000:relay",
            1,
            "a port up to 65535, with `U` after it for UDP, found `70000`",
        ),
        ("80u:relay", 1, "a port up to 65535"),
        ("8080x:relay", 1, "a port up to 65535"),
        ("127.0.0.1:22222222:office", 11, "a port up to 65535"),
        ("127.0.0.1:http:office", 11, "a port up to 65535"),
        (
            "127.0.0.1::office",
            11,
            "a port up to 65535, with `U` after it for UDP, found nothing",
        ),
        ("80/a b:relay", 5, "a port name: up to 255 letters"),
        ("80/:relay", 4, "a port name"),
        ("80/a/b:relay", 5, "a port name"),
        (
            "a1:b2:80:relay",
            1,
            "one colon before the port; an IPv6 address is in brackets",
        ),
        ("::1:80:relay", 1, "in brackets"),
        ("fe80::1:80:relay", 1, "in brackets"),
        ("[::1:80:relay", 8, "`]` after the IPv6 address"),
        ("[x]:80:relay", 2, "an IPv6 address, found `x`"),
        ("[::1]80:relay", 6, "`:` and a port after the IPv6 address"),
        ("hö st:80:relay", 1, "a host: a DNS name"),
        ("127.1:80:relay", 1, "a host: a DNS name"),
        (
            "example.com:relay",
            1,
            "a socket: a plain name, or a path such as ./app.sock",
        ),
        ("/run/:relay", 6, "the file name of a socket"),
        ("//web:relay", 1, "a path before `//`"),
        (".//web:relay", 1, "a path before `//`"),
        ("..//web:relay", 1, "a path before `//`"),
        ("C://web:relay", 1, "a path before `//`"),
        ("./..:relay", 5, "the file name of a socket"),
        ("/run/.:relay", 7, "the file name of a socket"),
        ("/run/\u{7}x:relay", 6, "without control characters"),
        ("ä;80;x y:r", 1, "a socket"),
        ("80;ä:r", 4, "a socket"),
    ] {
        refuse::<LocalForward>(text, column, expected);
    }
    let long = format!("80/{}:r", "x".repeat(256));
    refuse::<LocalForward>(&long, 4, "up to 255");
    let error = long.parse::<LocalForward>().unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
}

fn remote(text: &str) -> String {
    let forward: RemoteForward = read(text);
    let shown = forward.bindings().iter().map(|binding| {
        let target = match binding.target() {
            RemoteTarget::Tcp(target) => format!("tcp {target}"),
            RemoteTarget::Udp(target) => format!("udp {target}"),
            RemoteTarget::Socket(path) => format!("socket {}", path.display()),
        };
        format!("{} {target}", binding.port_name())
    });
    let shown: Vec<_> = shown.collect();
    format!("{} from {}", shown.join(", "), forward.relay())
}

#[test]
fn remote_forwards_are_read_in_both_orders() {
    for (text, expected) in [
        ("a1:29876", "29876 tcp localhost:29876 from a1"),
        ("a1:29876U", "29876U udp localhost:29876 from a1"),
        ("a1:-514", "-514 udp localhost:514 from a1"),
        ("myname:10.1.2.3:5000", "5000 tcp 10.1.2.3:5000 from myname"),
        ("a1:http/8080", "http tcp localhost:8080 from a1"),
        (
            "a1:http/web.internal:80",
            "http tcp web.internal:80 from a1",
        ),
        ("a1:dns/[fd00::1]:53U", "dns udp [fd00::1]:53 from a1"),
        ("a1:[::1]:22", "22 tcp [::1]:22 from a1"),
        // As -R has them.
        (
            "a1:web.internal:http/80",
            "http tcp web.internal:80 from a1",
        ),
        ("a1:[::1]:ssh/22", "ssh tcp [::1]:22 from a1"),
        ("a1:10.1.2.3:dns/53U", "dns udp 10.1.2.3:53 from a1"),
        // Several.
        (
            "a1:http/8080;10.0.0.1:22;5353U",
            "http tcp localhost:8080, 22 tcp 10.0.0.1:22, 5353U udp localhost:5353 from a1",
        ),
        // Sockets.
        ("a1:sock", "sock socket sock from a1"),
        ("a1:web/sock", "web socket sock from a1"),
        (
            "a1:/run/docker.sock",
            "docker-sock socket /run/docker.sock from a1",
        ),
        (
            "a1:web//run/docker.sock",
            "web socket /run/docker.sock from a1",
        ),
        ("a1:web/./x.sock", "web socket ./x.sock from a1"),
        (
            r"a1:C:\run\app.sock",
            r"app-sock socket C:\run\app.sock from a1",
        ),
        (
            r"a1:web/C:\run\app.sock",
            r"web socket C:\run\app.sock from a1",
        ),
        (
            "a1:C:/run/app.sock;22",
            "app-sock socket C:/run/app.sock, 22 tcp localhost:22 from a1",
        ),
        ("a1:c:80", "80 tcp c:80 from a1"),
    ] {
        assert_eq!(remote(text), expected, "{text}");
    }
}

#[test]
fn wrong_remote_forwards_are_refused_with_their_place() {
    for (text, column, expected) in [
        (
            "",
            1,
            "`:` and a target after the name of a hybrid connection",
        ),
        (
            "relay",
            6,
            "`:` and a target after the name of a hybrid connection",
        ),
        (":80", 1, "the name of a hybrid connection"),
        ("re lay:80", 3, "the name of a hybrid connection"),
        ("relay:", 7, "a port, a host and a port, or a socket"),
        ("relay:80;", 10, "a port, a host and a port, or a socket"),
        ("relay:0", 7, "a port from 1"),
        ("relay:65536", 7, "a port up to 65535"),
        ("relay:h:65536", 9, "a port up to 65535"),
        ("relay:h:", 9, "a port up to 65535"),
        ("relay:a/b/c", 9, "a socket: a plain name"),
        ("relay:/run/", 12, "the file name of a socket"),
        ("relay:/run/..", 14, "the file name of a socket"),
        ("relay:web/", 11, "a port, a host and a port"),
        ("relay:a b/80", 8, "a port name"),
        ("relay:h:a b/80", 10, "a port name"),
        ("relay:h:web/x", 13, "a port up to 65535"),
        ("relay:web/h:80/x", 13, "a port up to 65535"),
        ("relay:fe80::1:80", 7, "in brackets"),
        ("relay:example.com", 7, "a socket"),
        (
            "relay:80;h:80",
            10,
            "a port name that no target before it has",
        ),
        (
            "relay:web/80;22;web/443",
            17,
            "a port name that no target before it has",
        ),
        (r"C:\run\x.sock", 3, "a socket"),
    ] {
        refuse::<RemoteForward>(text, column, expected);
    }
}

#[test]
fn sites_are_read_in_both_orders_and_in_that_of_urls() {
    for (text, scheme, target, path) in [
        ("a1:http/localhost", "http", "localhost:80", "/"),
        (
            "a1:https/contoso.example",
            "https",
            "contoso.example:443",
            "/",
        ),
        ("a1:http/localhost:8080", "http", "localhost:8080", "/"),
        ("a1:http/8080", "http", "localhost:8080", "/"),
        ("a1:https/8443", "https", "localhost:8443", "/"),
        ("a1:http/localhost/api", "http", "localhost:80", "/api"),
        ("a1:http/localhost/", "http", "localhost:80", "/"),
        (
            "a1:http/localhost/api/v1/",
            "http",
            "localhost:80",
            "/api/v1/",
        ),
        (
            "a1:http/localhost/api:8080",
            "http",
            "localhost:8080",
            "/api",
        ),
        (
            "a1:http/localhost:8080/api",
            "http",
            "localhost:8080",
            "/api",
        ),
        ("a1:http/h:80/a:b", "http", "h:80", "/a:b"),
        ("a1:http/h/a:b:80", "http", "h:80", "/a:b"),
        ("a1:http/10.0.0.1:80", "http", "10.0.0.1:80", "/"),
        ("a1:https/[::1]", "https", "[::1]:443", "/"),
        ("a1:https/[::1]:8443/a", "https", "[::1]:8443", "/a"),
        ("a1:https/[::1]/a:8443", "https", "[::1]:8443", "/a"),
    ] {
        let forward: HttpForward = read(text);
        let binding = &forward.bindings()[0];
        let got = (
            binding.scheme().to_string(),
            binding.target().to_string(),
            binding.path(),
        );
        assert_eq!(got, (scheme.to_owned(), target.to_owned(), path), "{text}");
    }
    let two: HttpForward = read("a1:http/one:8080;https/two/x");
    assert_eq!(two.to_string(), "a1:http/one:8080;https/two/x");
}

#[test]
fn wrong_sites_are_refused_with_their_place() {
    for (text, column, expected) in [
        ("a1", 3, "`:` and `http/` or `https/`"),
        ("a1:", 4, "`http/` or `https/` and a host"),
        ("a1:8080", 4, "`http/` or `https/` and a host"),
        ("a1:ftp/x", 4, "`http` or `https` before the `/`"),
        (
            "a1:http://x:80",
            4,
            "`http` or `https` before the `/`, found `http:`",
        ),
        ("a1:http/", 9, "a host"),
        ("a1:http/x y", 9, "a host"),
        ("a1:http/:80", 9, "a host"),
        ("a1:http/x:0", 11, "a port of TCP"),
        ("a1:http/x:80U", 11, "a port of TCP"),
        ("a1:http/x:99999", 11, "a port up to 65535"),
        ("a1:http/70000", 9, "a port up to 65535"),
        ("a1:http/x/a?b", 11, "a path of a URL without a query"),
        ("a1:http/x/a b", 11, "a path of a URL"),
        ("a1:http/[::1", 13, "`]` after the IPv6 address"),
        ("a1:http/[x]", 10, "an IPv6 address"),
        ("a1:http/[::1]80", 14, "`/` or `:` after the IPv6 address"),
        ("a1:http/x;y", 11, "`http/` or `https/` and a host"),
    ] {
        refuse::<HttpForward>(text, column, expected);
    }
}

#[test]
fn forwards_are_built_without_text() {
    let relay = RelayName::new("office").unwrap();
    let ssh = PortName::new("ssh").unwrap();
    let bindings = vec![
        LocalBinding::tcp(22)
            .with_host("*")
            .unwrap()
            .with_port_name(ssh.clone()),
        LocalBinding::udp(53).with_host("::1").unwrap(),
        LocalBinding::socket("/run/x").with_port_name(ssh.clone()),
    ];
    let local = LocalForward::new(relay.clone(), bindings).unwrap();
    assert_eq!(local.to_string(), "*:22/ssh;[::1]:53U;/run/x//ssh:office");
    assert!(LocalBinding::tcp(22).with_host("a b").is_err());
    let none = LocalForward::new(relay.clone(), Vec::new());
    assert_eq!(none, Err(InvalidForward::Empty));

    let one = RemoteBinding::tcp(HostPort::new("h", 22).unwrap()).with_port_name(ssh.clone());
    let same = RemoteBinding::socket("/run/ssh").with_port_name(ssh.clone());
    assert_eq!(
        RemoteForward::new(relay.clone(), vec![one.clone(), same]),
        Err(InvalidForward::RepeatedPortName(ssh))
    );
    let other = RemoteBinding::udp(HostPort::new("h", 53).unwrap());
    let remote = RemoteForward::new(relay.clone(), vec![one, other]).unwrap();
    assert_eq!(remote.to_string(), "office:ssh/h:22;h:53U");

    let site = HttpBinding::new(HttpScheme::Https, HostPort::new("h", 443).unwrap());
    assert_eq!(
        site.clone().with_path("no slash"),
        Err(InvalidForward::Path)
    );
    let sites = HttpForward::new(relay, vec![site.with_path("/a").unwrap()]).unwrap();
    assert_eq!(sites.to_string(), "office:https/h/a");
}

#[test]
fn names_are_checked() {
    for (name, error) in [
        ("", "the name is empty"),
        ("a b", "the name has ' ' at column 2"),
        ("a/b", "the name has '/' at column 2"),
    ] {
        assert_eq!(PortName::new(name).unwrap_err().to_string(), error);
    }
    assert!(PortName::new(&"x".repeat(255)).is_ok());
    assert_eq!(
        PortName::new(&"x".repeat(256)),
        Err(NameError::TooLong { max: 255 })
    );
    assert!(RelayName::new("a/b.c").is_ok());
    assert!(RelayName::new(&"x".repeat(261)).is_err());
}
