//! How the client holds an id.

use std::{borrow::Cow, fmt, time::Duration};

use super::cookie::{SessionCookie, cookie_values};
use crate::error::{Error, ErrorKind};

/// A request as far as a session needs it. With the feature `tower`, requests of the crate `http` are such.
pub trait RequestHeaders {
    /// The value of a header, by its name in lower case; of one that came several times, `cookie` joined with `"; "`,
    /// others with `", "`.
    fn header(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Whether the client came by https, so far as the server itself knows.
    fn is_https(&self) -> bool;
}

/// A header for the response. One of `set-cookie` goes beside those that are there.
#[derive(Clone, PartialEq, Eq)]
pub struct SentHeader {
    /// The header's name.
    pub name: Cow<'static, str>,
    /// Its value. A secret, as the id in it is.
    pub value: String,
}

impl fmt::Debug for SentHeader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SentHeader").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) enum Carrier {
    Cookie(SessionCookie),
    /// Its name as it was given, and in lower case.
    Header(String, String),
}

/// What a request brought.
pub(super) struct Brought {
    /// Those of all cookies of the name, in their order.
    pub(super) tickets: Vec<String>,
    pub(super) is_https: bool,
}

impl Brought {
    pub(super) fn has_ticket(&self) -> bool {
        !self.tickets.is_empty()
    }
}

impl Carrier {
    pub(super) fn cookie(cookie: SessionCookie) -> Result<Self, Error> {
        Ok(Self::Cookie(cookie.check()?))
    }

    pub(super) fn header(name: &str) -> Result<Self, Error> {
        check_token(name, "a header's name must be 1 to 256 letters, digits and marks that need no quotes")?;
        let lower = name.to_ascii_lowercase();
        if ["cookie", "set-cookie", "host", "content-length"].contains(&lower.as_str()) {
            return Err(invalid("a header that carries a session needs a name of its own"));
        }
        Ok(Self::Header(name.to_owned(), lower))
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Cookie(cookie) => &cookie.name,
            Self::Header(name, _) => name,
        }
    }

    pub(super) fn read(&self, request: &(impl RequestHeaders + ?Sized)) -> Brought {
        match self {
            Self::Cookie(cookie) => {
                let forwarded = if cookie.trusts_proxy { request.header("x-forwarded-proto") } else { None };
                let header = request.header("cookie").unwrap_or_default();
                Brought {
                    tickets: cookie_values(&header, &cookie.name).map(Cow::into_owned).collect(),
                    is_https: forwarded.map_or_else(|| request.is_https(), |proto| is_https(&proto)),
                }
            }
            Self::Header(_, lower) => {
                let ticket = request.header(lower).filter(|value| !value.is_empty());
                let tickets = ticket.map(Cow::into_owned).into_iter().collect();
                Brought { tickets, is_https: request.is_https() }
            }
        }
    }

    /// The header that gives the client a ticket for so long, or until it is closed.
    pub(super) fn give(
        &self,
        ticket: &str,
        lifetime: Option<Duration>,
        is_https: bool,
    ) -> Result<SentHeader, Error> {
        match self {
            Self::Cookie(cookie) => Ok(set_cookie(cookie.give(ticket, lifetime, is_https))),
            Self::Header(name, _) => {
                if ticket.is_empty() || !ticket.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(invalid("an id for a header must be visible ASCII"));
                }
                Ok(SentHeader { name: Cow::Owned(name.clone()), value: ticket.to_owned() })
            }
        }
    }

    /// The header that takes the ticket away.
    pub(super) fn take(&self, is_https: bool) -> SentHeader {
        match self {
            Self::Cookie(cookie) => set_cookie(cookie.take(is_https)),
            Self::Header(name, _) => SentHeader { name: Cow::Owned(name.clone()), value: String::new() },
        }
    }
}

/// A token of RFC 9110, 5.6.2.
pub(super) fn check_token(name: &str, refusal: &'static str) -> Result<(), Error> {
    let is_mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte));
    if (1..=256).contains(&name.len()) && is_token { Ok(()) } else { Err(invalid(refusal)) }
}

/// The first of those that proxies have added is the client's own.
fn is_https(forwarded: &str) -> bool {
    forwarded.split(',').next().is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

fn set_cookie(value: String) -> SentHeader {
    SentHeader { name: Cow::Borrowed("set-cookie"), value }
}

fn invalid(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOption, what)
}
