//! The server's side of a SOCKS5 negotiation (RFC 1928 §3 to §6, RFC 1929). Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::{Buf, Bytes, BytesMut};

use super::{Login, Refusal, Reply};
use crate::HostPort;

/// A negotiation: the client's bytes go in, in any pieces, and what to do comes out.
#[derive(Debug)]
pub(super) struct Negotiation {
    login: Option<Login>,
    state: State,
    /// A part of one message of the client.
    input: BytesMut,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The methods of the client are to come (RFC 1928 §3).
    Methods,
    /// Name and password are to come (RFC 1929 §2).
    Login,
    /// The request is to come (RFC 1928 §4).
    Request,
}

/// What the server does next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Read this many bytes, or fewer: no more belong to the negotiation for certain, and what
    /// follows it is the client's data.
    Read(usize),
    /// Send this, then ask again.
    Send(Bytes),
    /// Connect to this place, and reply. The negotiation has ended.
    Connect(HostPort),
    /// Send this, which may be empty, and close. The negotiation has ended.
    Refuse(Bytes, Refusal),
}

impl Negotiation {
    /// Begins one; clients must present `login`, if there is one.
    pub(super) fn new(login: Option<Login>) -> Self {
        Self {
            login,
            state: State::Methods,
            input: BytesMut::new(),
        }
    }

    /// Takes what the client has sent: no more than the last [`Step::Read`] said.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Returns what to do next.
    pub(super) fn step(&mut self) -> Step {
        let step = match self.state {
            State::Methods => self.methods(),
            State::Login => self.login(),
            State::Request => self.request(),
        };
        step.unwrap_or_else(Step::Read)
    }

    /// `VER NMETHODS METHODS…`
    fn methods(&mut self) -> Result<Step, usize> {
        if let Some(&version) = self.input.first()
            && version != VERSION
        {
            return Ok(Step::Refuse(Bytes::new(), Refusal::Version(version)));
        }
        let count = usize::from(self.peek(1)?);
        let methods = self.take(2 + count)?;
        let (wanted, next) = match self.login {
            Some(_) => (USERNAME_PASSWORD, State::Login),
            None => (NO_AUTHENTICATION, State::Request),
        };
        if !methods[2..].contains(&wanted) {
            let answer = Bytes::from_static(&[VERSION, NO_ACCEPTABLE_METHOD]);
            return Ok(Step::Refuse(answer, Refusal::Method));
        }
        self.state = next;
        Ok(Step::Send(Bytes::copy_from_slice(&[VERSION, wanted])))
    }

    /// `VER ULEN UNAME PLEN PASSWD`
    fn login(&mut self) -> Result<Step, usize> {
        let refused = |refusal| {
            let answer = Bytes::from_static(&[LOGIN_VERSION, LOGIN_REFUSED]);
            Ok(Step::Refuse(answer, refusal))
        };
        if let Some(&version) = self.input.first()
            && version != LOGIN_VERSION
        {
            return refused(Refusal::LoginVersion(version));
        }
        let name_len = usize::from(self.peek(1)?);
        let password_len = usize::from(self.peek(2 + name_len)?);
        let message = self.take(3 + name_len + password_len)?;
        let (name, password) = (&message[2..2 + name_len], &message[3 + name_len..]);
        let login = self.login.as_ref();
        if !login.is_some_and(|login| login.is(name, password)) {
            return refused(Refusal::Login);
        }
        self.state = State::Request;
        Ok(Step::Send(Bytes::from_static(&[LOGIN_VERSION, 0])))
    }

    /// `VER CMD RSV ATYP DST.ADDR DST.PORT`
    fn request(&mut self) -> Result<Step, usize> {
        let refused = |refusal: Refusal| Ok(Step::Refuse(reply(refusal.reply()), refusal));
        if let Some(&version) = self.input.first()
            && version != VERSION
        {
            return Ok(Step::Refuse(Bytes::new(), Refusal::Version(version)));
        }
        // Every address has at least one byte.
        let first = self.peek(4)?;
        let address_len = match self.input[3] {
            ADDRESS_IPV4 => 4,
            ADDRESS_NAME => 1 + usize::from(first),
            ADDRESS_IPV6 => 16,
            other => return refused(Refusal::AddressType(other)),
        };
        let message = self.take(4 + address_len + 2)?;
        // The reserved byte is not looked at: nothing depends on it.
        let (command, address_type) = (message[1], message[3]);
        if command != CONNECT {
            return refused(Refusal::Command(command));
        }
        let mut rest = message.slice(4..);
        let host = match address_type {
            ADDRESS_IPV4 => Some(Ipv4Addr::from(rest.get_u32()).to_string()),
            ADDRESS_IPV6 => Some(Ipv6Addr::from(rest.get_u128()).to_string()),
            _ => String::from_utf8(rest.split_to(address_len)[1..].to_vec()).ok(),
        };
        let port = rest.get_u16();
        match host.and_then(|host| HostPort::new(&host, port).ok()) {
            Some(target) => Ok(Step::Connect(target)),
            None => refused(Refusal::Destination),
        }
    }

    /// Returns the byte at `index`, or how many are missing until it.
    fn peek(&self, index: usize) -> Result<u8, usize> {
        let missing = (index + 1).saturating_sub(self.input.len());
        self.input.get(index).copied().ok_or(missing)
    }

    /// Returns the first `len` bytes, or how many are missing.
    fn take(&mut self, len: usize) -> Result<Bytes, usize> {
        match len.saturating_sub(self.input.len()) {
            0 => Ok(self.input.split_to(len).freeze()),
            missing => Err(missing),
        }
    }
}

/// Returns the reply to a request (RFC 1928 §6). The bound address is that of nobody: the
/// connection is made elsewhere, and the address there is of no use here.
pub(super) fn reply(reply: Reply) -> Bytes {
    Bytes::copy_from_slice(&[VERSION, reply.code(), 0, ADDRESS_IPV4, 0, 0, 0, 0, 0, 0])
}

/// Negotiates with a client that sends `input` in pieces of at most `width` bytes, as the shell
/// does. Returns everything that it is told, the last step, and how much was read.
///
/// # Panics
///
/// If the server reads nothing, or more than a message can have, or says more than there is to say.
#[cfg(any(test, feature = "_fuzzing"))]
fn drive(login: Option<&Login>, input: &[u8], width: usize) -> (Vec<u8>, Step, usize) {
    let mut negotiation = Negotiation::new(login.cloned());
    let (mut told, mut read) = (Vec::new(), 0);
    loop {
        let step = negotiation.step();
        match &step {
            Step::Send(bytes) => {
                assert!(told.len() < 4, "the client is told two things at most");
                told.extend_from_slice(bytes);
            }
            Step::Read(missing) => {
                assert!((1..=MAX_MESSAGE).contains(missing), "{missing}");
                let end = input.len().min(read + (*missing).min(width.max(1)));
                if end == read {
                    return (told, step, read);
                }
                negotiation.receive(&input[read..end]);
                assert!(negotiation.input.len() <= MAX_MESSAGE);
                read = end;
            }
            Step::Connect(_) => {
                assert!(
                    negotiation.input.is_empty(),
                    "nothing of the client's data is read"
                );
                return (told, step, read);
            }
            Step::Refuse(..) => return (told, step, read),
        }
    }
}

/// Negotiates with a client that sends `input`, with and without a login, whole and in pieces of
/// `width` bytes.
///
/// # Panics
///
/// If that makes a difference, or what a client is told is not what the protocol has.
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) fn check_negotiation(input: &[u8], width: usize) {
    let login = Login::new("ann", "s3cret").ok();
    for login in [None, login.as_ref()] {
        let whole = drive(login, input, usize::MAX);
        let pieces = drive(login, input, width);
        match (&whole.1, &pieces.1) {
            // Refused as early as possible.
            (Step::Refuse(..), _) => assert!(pieces.2 <= whole.2),
            _ => assert_eq!(pieces.2, whole.2),
        }
        assert_eq!((&pieces.0, &pieces.1), (&whole.0, &whole.1));
        match whole.1 {
            Step::Connect(target) => {
                let again = target.to_string().parse();
                assert_eq!(again, Ok(target));
                let has_login = whole.0 == [VERSION, USERNAME_PASSWORD, LOGIN_VERSION, 0];
                assert!(has_login || login.is_none() && whole.0 == [VERSION, NO_AUTHENTICATION]);
            }
            Step::Refuse(last, why) => {
                assert!([0, 2, 10].contains(&last.len()), "{last:?}");
                assert!(last.get(1).is_none_or(|code| *code != 0), "{last:?}");
                assert!(!why.to_string().chars().any(char::is_control));
            }
            Step::Read(_) => assert_eq!(whole.2, input.len()),
            Step::Send(_) => unreachable!("it goes on after it"),
        }
    }
}

/// The longest message of a client: name and password (RFC 1929 §2).
#[cfg(any(test, feature = "_fuzzing"))]
const MAX_MESSAGE: usize = 3 + 255 + 255;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USERNAME_PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xFF;
const LOGIN_VERSION: u8 = 1;
/// Any value but zero.
const LOGIN_REFUSED: u8 = 1;
const CONNECT: u8 = 1;
const ADDRESS_IPV4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_IPV6: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs it with pieces of every size, which must make no difference.
    fn run(login: Option<&Login>, input: &[u8]) -> (Vec<u8>, Step, usize) {
        let whole = drive(login, input, usize::MAX);
        for width in 1..input.len() {
            let other = drive(login, input, width);
            assert_eq!(
                (&other.0, &other.1),
                (&whole.0, &whole.1),
                "pieces of {width}"
            );
            // Refused as early as possible.
            assert!(other.2 <= whole.2);
            assert!(other.2 == whole.2 || matches!(whole.1, Step::Refuse(..)));
        }
        whole
    }

    fn name(text: &str) -> Vec<u8> {
        let mut request = vec![5, 1, 0, 3, u8::try_from(text.len()).unwrap()];
        request.extend_from_slice(text.as_bytes());
        request.extend_from_slice(&[0, 80]);
        request
    }

    #[test]
    fn a_client_without_authentication_names_its_target() {
        let ipv6 = [&[5, 1, 0, 4][..], &Ipv6Addr::LOCALHOST.octets(), &[0, 22]].concat();
        for (request, target) in [
            (vec![5, 1, 0, 1, 192, 0, 2, 7, 0x1F, 0x90], "192.0.2.7:8080"),
            (ipv6, "[::1]:22"),
            (name("example.com"), "example.com:80"),
            (name("a_b-c.internal."), "a_b-c.internal.:80"),
            (name("192.0.2.7"), "192.0.2.7:80"),
            (name("2001:db8::1"), "[2001:db8::1]:80"),
            // The reserved byte is not looked at.
            (vec![5, 1, 9, 1, 127, 0, 0, 1, 0, 22], "127.0.0.1:22"),
        ] {
            let input = [&[5, 2, 1, 0][..], &request, b"early"].concat();
            let (told, step, read) = run(None, &input);
            assert_eq!(told, [5, 0], "{target}");
            let Step::Connect(found) = step else {
                panic!("{target}: {step:?}");
            };
            assert_eq!(found.to_string(), target);
            assert_eq!(read, input.len() - 5, "{target}: data is left to the pump");
        }
    }

    #[test]
    fn a_client_logs_in() {
        let login = Login::new("ann", "s3cret").unwrap();
        let attempt = |name: &str, password: &str| {
            let len = |text: &str| [u8::try_from(text.len()).unwrap()];
            [
                &[5, 1, 2, 1][..],
                &len(name),
                name.as_bytes(),
                &len(password),
                password.as_bytes(),
                &[5, 1, 0, 1, 127, 0, 0, 1, 0, 22],
            ]
            .concat()
        };
        let input = attempt("ann", "s3cret");
        let (told, step, read) = run(Some(&login), &input);
        assert_eq!(told, [5, 2, 1, 0]);
        assert!(matches!(step, Step::Connect(_)), "{step:?}");
        assert_eq!(read, input.len());
        for (name, password) in [
            ("ann", "s3creT"),
            ("an", "ns3cret"),
            ("", ""),
            ("bob", "s3cret"),
        ] {
            let (told, step, _) = run(Some(&login), &attempt(name, password));
            assert_eq!(told, [5, 2]);
            let answer = Bytes::from_static(&[1, 1]);
            assert_eq!(
                step,
                Step::Refuse(answer, Refusal::Login),
                "{name} {password}"
            );
        }
    }

    #[test]
    fn the_longest_login_fits() {
        let long = "x".repeat(255);
        let login = Login::new(&long, &long).unwrap();
        let message = [&[1, 255][..], long.as_bytes(), &[255], long.as_bytes()].concat();
        assert_eq!(message.len(), MAX_MESSAGE);
        let input = [&[5, 255][..], &[2; 255], &message].concat();
        let (told, step, read) = run(Some(&login), &input);
        assert_eq!((told, step), (vec![5, 2, 1, 0], Step::Read(5)));
        assert_eq!(read, input.len());
    }

    #[test]
    fn what_is_not_done_is_refused_in_the_words_of_the_protocol() {
        let login = Login::new("ann", "s3cret").unwrap();
        let bind = [5, 2, 0, 1, 1, 2, 3, 4, 0, 1];
        let associate = [5, 3, 0, 1, 0, 0, 0, 0, 0, 0];
        let no_port = [5, 1, 0, 1, 127, 0, 0, 1, 0, 0];
        let (none, refused) = (None, Refusal::Destination);
        // (login, messages, what is told before the last answer, how that begins, why)
        for (login, messages, told, answer, refusal) in [
            // SOCKS4, and a browser that takes the port for a web server.
            (
                none,
                &[&[4, 1, 0, 80, 0, 0, 0, 1, 0][..]][..],
                &[][..],
                &[][..],
                Refusal::Version(4),
            ),
            (
                none,
                &[b"GET / HTTP/1.1\r\n"],
                &[],
                &[],
                Refusal::Version(b'G'),
            ),
            (none, &[&[5, 0]], &[], &[5, 0xFF], Refusal::Method),
            (none, &[&[5, 2, 1, 2]], &[], &[5, 0xFF], Refusal::Method),
            (
                Some(&login),
                &[&[5, 1, 0]],
                &[],
                &[5, 0xFF],
                Refusal::Method,
            ),
            (
                Some(&login),
                &[&[5, 1, 2], &[5, 1, 0]],
                &[5, 2],
                &[1, 1],
                Refusal::LoginVersion(5),
            ),
            (
                none,
                &[&GREETING, &[4, 1, 0, 1]],
                &[5, 0],
                &[],
                Refusal::Version(4),
            ),
            (
                none,
                &[&GREETING, &bind],
                &[5, 0],
                &[5, 7],
                Refusal::Command(2),
            ),
            (
                none,
                &[&GREETING, &associate],
                &[5, 0],
                &[5, 7],
                Refusal::Command(3),
            ),
            (
                none,
                &[&GREETING, &[5, 1, 0, 2, 9]],
                &[5, 0],
                &[5, 8],
                Refusal::AddressType(2),
            ),
            (none, &[&GREETING, &no_port], &[5, 0], &[5, 1], refused),
            (none, &[&GREETING, &name("")], &[5, 0], &[5, 1], refused),
            (none, &[&GREETING, &name("a b")], &[5, 0], &[5, 1], refused),
            (none, &[&GREETING, &name("a\"b")], &[5, 0], &[5, 1], refused),
            (
                none,
                &[&GREETING, &name("127.1")],
                &[5, 0],
                &[5, 1],
                refused,
            ),
            (
                none,
                &[&GREETING, &[5, 1, 0, 3, 1, 0xFF, 0, 80]],
                &[5, 0],
                &[5, 1],
                refused,
            ),
        ] {
            let (heard, step, _) = run(login, &messages.concat());
            assert_eq!(heard, told, "{messages:?}");
            let Step::Refuse(last, why) = step else {
                panic!("{messages:?}: {step:?}");
            };
            assert_eq!(why, refusal, "{messages:?}");
            assert!(last.starts_with(answer), "{messages:?}: {last:?}");
            let is_reply = answer.len() == 2 && answer[0] == 5 && answer[1] != 0xFF;
            assert_eq!(
                last.len(),
                if is_reply { 10 } else { answer.len() },
                "{messages:?}"
            );
        }
    }

    const GREETING: [u8; 3] = [5, 1, 0];

    #[test]
    fn half_a_message_waits() {
        for input in [&[][..], &[5], &[5, 2, 0], &[5, 1, 0, 5, 1, 0, 3, 200, b'a']] {
            let (_, step, read) = run(None, input);
            assert!(matches!(step, Step::Read(_)), "{input:?}");
            assert_eq!(read, input.len());
        }
    }
}
