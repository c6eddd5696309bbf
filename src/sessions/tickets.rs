//! What of an id the client holds.

use std::sync::Arc;

use crate::{
    error::Error,
    id::SessionId,
    ticket::{Sealer, Signer},
};

#[derive(Clone)]
pub(super) enum Tickets {
    /// The id itself.
    Plain,
    Signed(Arc<Signer>),
    /// Bound to the name of the cookie or header.
    Sealed(Arc<Sealer>),
}

/// The id that a client has brought.
pub(super) struct Recognised {
    pub(super) id: SessionId,
    pub(super) by_newest: bool,
}

impl Tickets {
    /// Whether a ticket tells that it is one of ours.
    pub(super) fn are_proven(&self) -> bool {
        !matches!(self, Self::Plain)
    }

    pub(super) fn give(&self, name: &str, id: &SessionId) -> Result<String, Error> {
        match self {
            Self::Plain => Ok(id.as_str().to_owned()),
            Self::Signed(signer) => Ok(signer.sign(id)),
            Self::Sealed(sealer) => sealer.seal(name, id.as_str().as_bytes()),
        }
    }

    /// The id in the first ticket that we have given. Where nothing proves it that is the first of all; else a cookie of the same
    /// name that somebody else has set, such as a neighbouring host for a longer path, does not hide ours.
    pub(super) fn recognise(&self, name: &str, brought: &[String]) -> Option<Recognised> {
        match self {
            Self::Plain => Some(Recognised { id: id(brought.first()?)?, by_newest: true }),
            Self::Signed(signer) => brought.iter().find_map(|ticket| {
                let verified = signer.verify(ticket)?;
                Some(Recognised { id: id(verified.id)?, by_newest: verified.by_newest })
            }),
            Self::Sealed(sealer) => brought.iter().find_map(|ticket| {
                let opened = sealer.open(name, ticket)?;
                let text = String::from_utf8(opened.content).ok()?;
                Some(Recognised { id: id(&text)?, by_newest: opened.by_newest })
            }),
        }
    }
}

/// `None` for one that no storage takes.
fn id(text: &str) -> Option<SessionId> {
    SessionId::new(text).ok()
}
