//! Requests of the crate `http`, as sessions read them.

use std::borrow::Cow;

use http::{HeaderMap, Request, Uri, request::Parts};

use super::super::carrier::RequestHeaders;

impl<B> RequestHeaders for Request<B> {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        header(self.headers(), name)
    }

    fn is_https(&self) -> bool {
        is_https(self.uri())
    }
}

impl RequestHeaders for Parts {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        header(&self.headers, name)
    }

    fn is_https(&self) -> bool {
        is_https(&self.uri)
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    let mut values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let first = values.next()?;
    // HTTP/2 lets a client send a cookie each by itself.
    let separator = if name == "cookie" { "; " } else { ", " };
    Some(values.fold(first, |all, value| Cow::Owned(format!("{all}{separator}{value}"))))
}

/// HTTP/2 says so in each request; HTTP/1.1 never does.
fn is_https(uri: &Uri) -> bool {
    uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}
