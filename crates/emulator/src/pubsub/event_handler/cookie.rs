//! The cookies that the handlers of one connection set (RFC 6265, sections 5.1
//! to 5.4). Pure.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cookie::{Cookie, Expiration};
use http::{HeaderMap, HeaderValue, Uri, header};

/// The cookies of one connection, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieJar(Vec<StoredCookie>);

#[derive(Clone, Debug)]
struct StoredCookie {
    name: String,
    value: String,
    domain: String,
    /// Whether it applies to that host alone.
    is_host_only: bool,
    path: String,
    is_secure: bool,
    expires: Option<SystemTime>,
}

impl CookieJar {
    /// Stores the cookies of a response to a request for `uri`.
    pub(super) fn store(&mut self, headers: &HeaderMap, uri: &Uri, now: SystemTime) {
        for text in headers.get_all(header::SET_COOKIE) {
            let text = text.to_str().unwrap_or_default();
            if text.len() > MAX_COOKIE {
                continue;
            }
            let parsed = Cookie::parse(text).ok();
            let Some(cookie) = parsed.and_then(|parsed| StoredCookie::new(&parsed, uri, now))
            else {
                continue;
            };
            let known = self.0.iter().position(|known| known.is_same(&cookie));
            match (known, cookie.is_over(now)) {
                (Some(known), true) => {
                    self.0.remove(known);
                }
                // It keeps its place, which represents its age.
                (Some(known), false) => self.0[known] = cookie,
                (None, true) => {}
                (None, false) => {
                    self.0.retain(|known| !known.is_over(now));
                    if self.0.len() >= MAX_COOKIES {
                        self.0.remove(0);
                    }
                    self.0.push(cookie);
                }
            }
        }
    }

    /// Returns the `Cookie` header of a request for `uri`.
    pub(super) fn header(&self, uri: &Uri, now: SystemTime) -> Option<HeaderValue> {
        let host = host(uri);
        let is_secure = uri.scheme_str() == Some("https");
        let mut fitting: Vec<_> = self
            .0
            .iter()
            .filter(|cookie| !cookie.is_over(now) && (is_secure || !cookie.is_secure))
            .filter(|cookie| cookie.is_for_host(&host) && cookie.is_for_path(uri.path()))
            .collect();
        // Stable, so that the older of two with equal length comes first.
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fitting
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if pairs.is_empty() {
            return None;
        }
        HeaderValue::try_from(pairs.join("; ")).ok()
    }
}

impl StoredCookie {
    /// Accepts a cookie unless it is for another host.
    fn new(cookie: &Cookie<'_>, uri: &Uri, now: SystemTime) -> Option<Self> {
        let host = host(uri);
        let domain = cookie
            .domain()
            .map(str::to_ascii_lowercase)
            .filter(|domain| !domain.is_empty());
        let stored = Self {
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            is_host_only: domain.is_none(),
            domain: domain.unwrap_or_else(|| host.clone()),
            path: match cookie.path() {
                Some(path) if path.starts_with('/') => path.to_owned(),
                _ => default_path(uri.path()).to_owned(),
            },
            is_secure: cookie.secure().unwrap_or(false),
            expires: expiry(cookie, now),
        };
        if stored.domain == host {
            return Some(stored);
        }
        // A domain of one label does not belong to anybody.
        let is_own = stored.domain.contains('.') && stored.is_for_host(&host);
        is_own.then_some(stored)
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.domain, &self.path) == (&other.name, &other.domain, &other.path)
    }

    fn is_over(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    fn is_for_host(&self, host: &str) -> bool {
        if self.is_host_only || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return host == self.domain;
        }
        match host.strip_suffix(self.domain.as_str()) {
            Some(rest) => rest.is_empty() || rest.ends_with('.'),
            None => false,
        }
    }

    fn is_for_path(&self, path: &str) -> bool {
        match path.strip_prefix(self.path.as_str()) {
            Some(rest) => rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'),
            None => false,
        }
    }
}

/// Returns when a cookie expires: `Max-Age` takes precedence over `Expires`.
fn expiry(cookie: &Cookie<'_>, now: SystemTime) -> Option<SystemTime> {
    if let Some(age) = cookie.max_age() {
        let age = Duration::try_from(age).unwrap_or_default();
        // Too far away to represent: it never expires.
        return now.checked_add(age);
    }
    let Some(Expiration::DateTime(date)) = cookie.expires() else {
        return None;
    };
    let seconds = u64::try_from(date.unix_timestamp()).unwrap_or_default();
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn host(uri: &Uri) -> String {
    uri.host().unwrap_or_default().to_ascii_lowercase()
}

/// Returns the default path of a cookie: that of the request up to its last slash.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(end @ 1..) if path.starts_with('/') => &path[..end],
        _ => "/",
    }
}

/// RFC 6265, section 6.1 requires at least these.
const MAX_COOKIES: usize = 50;
const MAX_COOKIE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn jar(at: &str, cookies: &[&str]) -> CookieJar {
        let mut jar = CookieJar::default();
        store(&mut jar, at, cookies);
        jar
    }

    fn store(jar: &mut CookieJar, at: &str, cookies: &[&str]) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::SET_COOKIE, cookie.parse().unwrap());
        }
        jar.store(&headers, &at.parse().unwrap(), UNIX_EPOCH + NOW);
    }

    fn sent(jar: &CookieJar, to: &str, after: u64) -> String {
        let now = UNIX_EPOCH + NOW + Duration::from_secs(after);
        let header = jar.header(&to.parse().unwrap(), now);
        header.map_or(String::new(), |header| header.to_str().unwrap().to_owned())
    }

    #[test]
    fn paths_and_hosts_choose_the_cookies() {
        for (at, cookie, to, is_sent) in [
            ("http://h/api/connect", "a=b", "http://h/api/x", true),
            ("http://h/api/connect", "a=b", "http://h/apis/x", false),
            ("http://h/api/connect", "a=b", "http://h/", false),
            ("http://h/connect", "a=b", "http://h/x/y", true),
            ("http://h/api/connect", "a=b; Path=/", "http://h/x", true),
            ("http://h/api/connect", "a=b; path=/x", "http://h/x/y", true),
            ("http://h/api/connect", "a=b; path=/x", "http://h/xy", false),
            ("http://h/api/connect", "a=b; path=x", "http://h/api", true),
            // Cookies are shared between ports, but not between hosts.
            ("http://h:1/x", "a=b", "http://H:2/x", true),
            ("http://h/x", "a=b", "http://i/x", false),
            ("http://a.h.com/x", "a=b", "http://b.h.com/x", false),
            (
                "http://a.h.com/x",
                "a=b; Domain=.H.com",
                "http://b.h.com/x",
                true,
            ),
            (
                "http://a.h.com/x",
                "a=b; domain=h.com",
                "http://xh.com/x",
                false,
            ),
            (
                "http://a.h.com/x",
                "a=b; domain=com",
                "http://a.h.com/x",
                false,
            ),
            (
                "http://a.h.com/x",
                "a=b; domain=i.com",
                "http://a.h.com/x",
                false,
            ),
            (
                "http://127.0.0.1/x",
                "a=b; domain=0.0.1",
                "http://127.0.0.1/x",
                false,
            ),
            ("http://[::1]:1/x", "a=b", "http://[::1]:2/x", true),
            ("http://h/x", "a=b; secure", "http://h/x", false),
            ("http://h/x", "a=b; Secure; HttpOnly", "https://h/x", true),
            ("http://h/x", "nothing", "http://h/x", false),
            ("http://h/x", "=b", "http://h/x", false),
        ] {
            let sent = sent(&jar(at, &[cookie]), to, 0);
            assert_eq!(sent, if is_sent { "a=b" } else { "" }, "{at} {cookie} {to}");
        }
    }

    #[test]
    fn cookies_are_replaced_deleted_and_end() {
        let mut jar = jar("http://h/x", &["a=1", "b=2; max-age=10", "c=3"]);
        assert_eq!(sent(&jar, "http://h/x", 0), "a=1; b=2; c=3");
        assert_eq!(sent(&jar, "http://h/x", 10), "a=1; c=3");
        // Each of these removes one cookie, except the last: its path makes it another cookie.
        let gone = [
            "a=; expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "b=; Max-Age=0",
            "c=4",
            "c=; max-age=-1; path=/other",
        ];
        store(&mut jar, "http://h/x", &gone);
        assert_eq!(sent(&jar, "http://h/x", 0), "c=4");
        store(
            &mut jar,
            "http://h/x",
            &["a=5; expires=Fri, 31 Dec 2060 23:59:59 GMT"],
        );
        assert_eq!(sent(&jar, "http://h/x", 0), "c=4; a=5");
        // `Max-Age` takes precedence over `Expires`; a cookie with neither never expires.
        store(
            &mut jar,
            "http://h/x",
            &["a=6; max-age=9223372036854775807; expires=Thu, 01 Jan 1970 00:00:00 GMT"],
        );
        // In more than 17000 years; the clock of Windows ends in the year 30828.
        assert_eq!(sent(&jar, "http://h/x", 1 << 39), "c=4; a=6");
    }

    #[test]
    fn longer_paths_come_first() {
        let jar = jar(
            "http://h/a/b/c",
            &["x=1; path=/", "y=2; path=/a/b", "z=3; path=/a"],
        );
        assert_eq!(sent(&jar, "http://h/a/b/c", 0), "y=2; z=3; x=1");
    }

    #[test]
    fn a_jar_is_bounded() {
        let mut jar = CookieJar::default();
        for index in 0..60 {
            store(&mut jar, "http://h/", &[&format!("a{index}=b")]);
        }
        store(
            &mut jar,
            "http://h/",
            &[&format!("long={}", "x".repeat(4096))],
        );
        let sent = sent(&jar, "http://h/", 0);
        assert_eq!(sent.split("; ").count(), 50);
        assert!(sent.starts_with("a10=b") && sent.ends_with("a59=b"));
    }
}
