//! Cookies as browsers want them (S4).

use std::{borrow::Cow, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::carrier::check_token;
use crate::{
    error::{Error, ErrorKind},
    expiry::{Millis, Timeout},
};

/// RFC 6265bis, 5.6: browsers drop a longer attribute.
const LONGEST_ATTRIBUTE: usize = 1024;

/// What JavaScript's `encodeURIComponent` escapes, so that both languages write the same cookie.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Which requests of other sites a browser sends the cookie with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// Those of somebody who follows a link. The default.
    #[default]
    Lax,
    /// None.
    Strict,
    /// All; the cookie is `Secure` then.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secure {
    Auto,
    Is(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    OfSession,
    OfBrowser,
    After(Duration),
}

/// The cookie that a session travels in. Safe when nothing is said: `HttpOnly`, `SameSite=Lax`, `Path=/`, and `Secure` where
/// the request came by https.
///
/// Behind a proxy that speaks https, and where the server speaks it itself over HTTP/1.1, the request does not say so: take a
/// name with the prefix `__Host-`, or [`secure`](Self::secure).
///
/// ```
/// use sessile::{SameSite, SessionCookie};
///
/// let cookie = SessionCookie::new("__Host-user").same_site(SameSite::Strict);
/// # let _ = cookie;
/// ```
#[derive(Debug, Clone)]
pub struct SessionCookie {
    pub(super) name: String,
    domain: Option<String>,
    path: String,
    same_site: SameSite,
    http_only: bool,
    partitioned: bool,
    secure: Secure,
    age: Age,
    pub(super) trusts_proxy: bool,
}

impl From<&str> for SessionCookie {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl SessionCookie {
    /// A cookie of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            domain: None,
            path: "/".to_owned(),
            same_site: SameSite::default(),
            http_only: true,
            partitioned: false,
            secure: Secure::Auto,
            age: Age::OfSession,
            trusts_proxy: false,
        }
    }

    /// Also for the subdomains of this host. Default: the host that sets it, and no other.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// For the paths below this one. Default: `/`.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Which requests of other sites it is sent with. Default: [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Whether scripts of the page cannot see it. Default: yes.
    #[must_use]
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Whether it is kept apart for each site that embeds this one (CHIPS). Default: no.
    #[must_use]
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.partitioned = partitioned;
        self
    }

    /// Whether it is sent by https alone. Default: where the request came by https, or the name's prefix or another option
    /// demands it.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = Secure::Is(secure);
        self
    }

    /// Whether `x-forwarded-proto` says how a request came. Only behind a proxy that sets it. Default: no.
    #[must_use]
    pub fn trust_proxy(mut self, trust: bool) -> Self {
        self.trusts_proxy = trust;
        self
    }

    /// How long a browser keeps it. Default: as long as the absolute timeout lets the session live, or, if rolling, the
    /// shorter of both timeouts; without those until the browser is closed.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.age = Age::After(age);
        self
    }

    /// A browser keeps it until it is closed, whatever the timeouts say.
    #[must_use]
    pub fn until_closed(mut self) -> Self {
        self.age = Age::OfBrowser;
        self
    }

    /// Refuses what a browser would drop without a word.
    pub(super) fn check(mut self) -> Result<Self, Error> {
        check_token(
            &self.name,
            "a cookie's name must be 1 to 256 letters, digits and marks that need no quotes",
        )?;
        check_attribute(&self.path, "path must be at most 1,024 characters of ASCII, without a semicolon")?;
        if !self.path.starts_with('/') {
            return Err(invalid("path must begin with \"/\""));
        }
        if self.domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
            return Err(invalid("domain must be a host name, such as example.org"));
        }
        if let Age::After(age) = self.age {
            Timeout::After(age).resolve(Millis::NEVER)?;
        }
        let lower = self.name.to_ascii_lowercase();
        let host = lower.starts_with("__host-");
        let http = lower.starts_with("__http-") || lower.starts_with("__host-http-");
        let prefixed = host || http || lower.starts_with("__secure-");
        if host && (self.domain.is_some() || self.path != "/") {
            return Err(invalid("a cookie with the prefix __Host- has the path \"/\" and no domain"));
        }
        if http && !self.http_only {
            return Err(invalid("a cookie with the prefix __Http- is http_only"));
        }
        if prefixed || self.partitioned || self.same_site == SameSite::None {
            if self.secure == Secure::Is(false) {
                return Err(invalid(match (prefixed, self.partitioned) {
                    (true, _) => "a cookie with such a prefix of its name must be secure",
                    (false, true) => "a cookie that is partitioned must be secure",
                    (false, false) => "a cookie with SameSite::None must be secure",
                }));
            }
            self.secure = Secure::Is(true);
        }
        Ok(self)
    }

    /// The header that gives a ticket to the client, for as long as the session lives.
    pub(super) fn give(&self, ticket: &str, lifetime: Option<Duration>, is_https: bool) -> String {
        let age = match self.age {
            Age::OfSession => lifetime,
            Age::OfBrowser => None,
            Age::After(age) => Some(age),
        };
        self.format(ticket, age.map(|age| whole_seconds(age).max(1)), is_https)
    }

    /// The header that takes the ticket away.
    pub(super) fn take(&self, is_https: bool) -> String {
        self.format("", Some(0), is_https)
    }

    fn format(&self, value: &str, max_age: Option<u64>, is_https: bool) -> String {
        // A name of 256 characters with an id of 1,024 bytes, signed and escaped, is below the 4,096 that browsers take.
        let pair = format!("{}={}", self.name, utf8_percent_encode(value, ESCAPED));
        let mut parts = vec![pair];
        parts.extend(max_age.map(|seconds| format!("Max-Age={seconds}")));
        if max_age == Some(0) {
            parts.push("Expires=Thu, 01 Jan 1970 00:00:00 GMT".to_owned());
        }
        parts.extend(self.domain.as_ref().map(|domain| format!("Domain={domain}")));
        parts.push(format!("Path={}", self.path));
        let flags = [
            (self.secure == Secure::Is(true) || (self.secure == Secure::Auto && is_https), "Secure"),
            (self.http_only, "HttpOnly"),
            (self.same_site == SameSite::Lax, "SameSite=Lax"),
            (self.same_site == SameSite::Strict, "SameSite=Strict"),
            (self.same_site == SameSite::None, "SameSite=None"),
            (self.partitioned, "Partitioned"),
        ];
        parts.extend(flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| (*flag).to_owned()));
        parts.join("; ")
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// So many cookies of one name are looked at: whoever sends more wants to keep the server busy.
const MOST_OF_ONE_NAME: usize = 16;

/// The values of the cookies of this name in a `Cookie` header: a browser sends the one with the longest path first.
/// What is no valid percent-encoding stays as it is.
pub(super) fn cookie_values<'a>(header: &'a str, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    let pairs = header.split(';').filter_map(|pair| pair.split_once('='));
    let own = pairs.filter(move |(own, _)| trimmed(own) == name).take(MOST_OF_ONE_NAME);
    own.map(|(_, value)| unescaped(trimmed(value)))
}

/// Any other white space belongs to it: a page of a neighbouring host can set a cookie of such a name, also where the name
/// without it has a prefix that protects it (`__Host-`).
fn trimmed(part: &str) -> &str {
    part.trim_matches([' ', '\t'])
}

fn unescaped(value: &str) -> Cow<'_, str> {
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let bare = quoted.unwrap_or(value);
    let escapes_are_whole = bare.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !escapes_are_whole {
        return Cow::Borrowed(bare);
    }
    percent_decode_str(bare).decode_utf8().unwrap_or(Cow::Borrowed(bare))
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner)
    };
    let host = domain.strip_prefix('.').unwrap_or(domain);
    domain.len() <= LONGEST_ATTRIBUTE && host.split('.').all(is_label)
}

fn check_attribute(value: &str, refusal: &'static str) -> Result<(), Error> {
    let is_allowed = |byte| matches!(byte, b' '..=b'~') && byte != b';';
    if value.len() <= LONGEST_ATTRIBUTE && value.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(invalid(refusal))
}

fn invalid(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOption, what)
}
