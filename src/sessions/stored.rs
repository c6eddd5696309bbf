//! The sessions of one definition, as their storage has them.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    carrier::Brought,
    definition::{Definition, Place},
    flash::Content,
    moved::{MOVED_FOR, is_moved, moved_tags, moved_to, new_id_in},
    options::{InvalidReason, InvalidSession, SessionEvent},
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    id::SessionId,
    session::{Committed, Revision, SessionInfo, Tags, WriteOptions},
};

/// What is known of a session that is stored.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) id: SessionId,
    pub(super) content: Content,
    pub(super) info: SessionInfo,
    /// Whether it was made by this request, and the storage's part of the info is not known.
    pub(super) is_own: bool,
    /// The whole of it, sealed, where its cookie is to carry that.
    pub(super) sealed: Option<Arc<str>>,
}

/// What a request's ticket has led to.
pub(super) struct LookedUp {
    pub(super) found: Found,
    /// Whether the newest secret has made the ticket.
    pub(super) by_newest: bool,
    /// What is told where a ticket was brought, and is of no session.
    pub(super) lost: Option<SessionEvent>,
}

/// What is found under an id.
pub(super) enum Found {
    Session(Kept),
    /// The session has another id now.
    Moved,
    Nothing,
    /// Something that cannot be used. Whoever asked for it tells of it, when it holds no turn.
    Invalid(InvalidSession),
}

/// A change that still meets conflicts after so many rounds gives up.
pub(super) const ROUNDS: usize = 64;
/// New ids that are taken already: of a generator that has only a few.
const ID_ROUNDS: usize = 8;
/// A session that was given another id so often within a minute is followed no further.
const MOVES: usize = 16;

impl Definition {
    pub(super) async fn look_up(&self, brought: &Brought) -> Result<LookedUp, Error> {
        if let Place::Cookie(sealer) = &self.place {
            return self.open_carried(sealer, brought);
        }
        let Some(recognised) = self.recognise(brought) else {
            return Ok(LookedUp {
                found: Found::Nothing,
                by_newest: true,
                lost: Some(SessionEvent::Unknown),
            });
        };
        // Only a signature or a seal tells that it was one of ours.
        let is_ours = self.options.tickets.are_proven();
        Ok(LookedUp {
            found: self.find(&recognised.id).await?,
            by_newest: recognised.by_newest,
            lost: Some(if is_ours { SessionEvent::Expired } else { SessionEvent::Unknown }),
        })
    }

    pub(super) async fn find(&self, id: &SessionId) -> Result<Found, Error> {
        let (content, info) = match self.storage()?.get(id).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Found::Nothing),
            // An id that no storage takes is one that none has given.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidId) => {
                return Ok(Found::Nothing);
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(damaged(error)),
            Err(error) => return Err(error),
        };
        // One that is being ended is empty.
        if content.is_empty() {
            return Ok(Found::Nothing);
        }
        if is_moved(&content) {
            return Ok(Found::Moved);
        }
        let content = match Content::split(&content) {
            Ok(content) => content,
            Err(error) => return Ok(damaged(error)),
        };
        if let Some(invalid) = self.unfit(&content) {
            return Ok(invalid);
        }
        Ok(Found::Session(Kept { id: id.clone(), content, info, is_own: false, sealed: None }))
    }

    /// Where what is stored is no value of the type.
    pub(super) fn unfit(&self, content: &Content) -> Option<Found> {
        let cause = (self.check)(content.value.as_deref()?).err()?.into();
        Some(Found::Invalid(InvalidSession { reason: InvalidReason::Type, cause }))
    }

    /// The session as others have left it; `Nothing` where it was ended, also if its id was given to another one since.
    pub(super) async fn find_again(&self, kept: &Kept) -> Result<Found, Error> {
        match self.find(&kept.id).await? {
            Found::Session(found) if kept.is_own || found.info.created_at == kept.info.created_at => {
                Ok(Found::Session(found))
            }
            Found::Session(_) => Ok(Found::Nothing),
            other => Ok(other),
        }
    }

    /// Stores a session under a new id.
    pub(super) async fn create(&self, content: Content, options: &WriteOptions) -> Result<Kept, Error> {
        let now = self.now()?;
        let mut round = 1;
        loop {
            let id = (self.options.generate_id)()?;
            match self.write(&id, &content, options.clone().if_absent()).await {
                Ok(committed) => return Ok(made(id, content, committed, options.new_tags(), now)),
                Err(error) if error.kind() == ErrorKind::Conflict && round < ID_ROUNDS => round += 1,
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn write(
        &self,
        id: &SessionId,
        content: &Content,
        options: WriteOptions,
    ) -> Result<Committed, Error> {
        self.write_bytes(id, content.join()?, options).await
    }

    /// Gives up an id for another one, under the condition that nobody has changed or ended the session: what a parallel
    /// request wrote is not lost, and a logout not undone.
    pub(super) async fn move_on(&self, kept: &Kept, new: &SessionId) -> Result<(), Error> {
        if !self.capabilities.conditional {
            self.storage()?.invalidate(&kept.id).await?;
        }
        let mut options = WriteOptions::new().if_revision(kept.info.revision.clone()).idle_timeout(MOVED_FOR);
        if !kept.info.tags.is_empty() {
            options = options.tags(moved_tags(&kept.info.tags)?);
        }
        self.write_bytes(&kept.id, moved_to(&kept.id, new)?, options).await?;
        Ok(())
    }

    /// Ends the session that has or had this id, also under the one that it has since. Its revision, where it is known,
    /// spares a read.
    pub(super) async fn end(&self, id: &SessionId, revision: Option<Revision>) -> Result<bool, Error> {
        let mut ended = false;
        let mut known = revision;
        let mut next = Some(id.clone());
        for _ in 0..MOVES {
            let Some(current) = next.take() else { break };
            let closed = match self.close(&current, known.take()).await {
                Err(error) if is_of_no_session(&error) => Ok(Closed::default()),
                closed => closed,
            };
            // Also what cannot say whether the session has gone on: then it may live, and nobody must think it ended.
            let removed = match self.storage()?.invalidate(&current).await {
                Err(error) if error.kind() == ErrorKind::InvalidId => false,
                result => result?,
            };
            let closed = closed?;
            ended |= closed.was_there.unwrap_or(removed);
            next = closed.went_to;
        }
        Ok(ended)
    }

    /// Makes sure that a session goes to no other id any more, unless it has: then it tells where it went.
    async fn close(&self, id: &SessionId, known: Option<Revision>) -> Result<Closed, Error> {
        let mut known = known;
        for _ in 0..ROUNDS {
            let revision = match known.take() {
                Some(revision) => revision,
                None => match self.storage()?.get(id).await? {
                    None => return Ok(Closed { was_there: Some(false), went_to: None }),
                    Some((content, _)) if is_moved(&content) => {
                        return Ok(Closed { was_there: Some(false), went_to: new_id_in(id, &content) });
                    }
                    Some((_, info)) => info.revision,
                },
            };
            if !self.capabilities.conditional {
                break;
            }
            let emptied = self.storage()?.set(id, Bytes::new(), WriteOptions::new().if_revision(revision));
            match emptied.await {
                Ok(_) => return Ok(Closed { was_there: Some(true), went_to: None }),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Closed::default())
    }

    async fn write_bytes(
        &self,
        id: &SessionId,
        content: Bytes,
        mut options: WriteOptions,
    ) -> Result<Committed, Error> {
        if !self.capabilities.conditional {
            options.condition = crate::session::IfRevision::Any;
        }
        self.storage()?.set(id, content, options).await
    }
}

/// What is there tells of no other id: nothing, or what nobody can use.
fn is_of_no_session(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::InvalidId | ErrorKind::NotFound)
}

#[derive(Default)]
struct Closed {
    /// None where nobody knows.
    was_there: Option<bool>,
    went_to: Option<SessionId>,
}

/// The storage's own timeouts are not known before it tells of them.
fn made(id: SessionId, content: Content, committed: Committed, tags: Option<&Tags>, now: Timestamp) -> Kept {
    let is_own = committed.info.is_none();
    let info = committed.info.unwrap_or_else(|| {
        let mut info = SessionInfo::new(committed.revision, now);
        info.tags = tags.cloned().unwrap_or_default();
        info
    });
    Kept { id, content, info, is_own, sealed: None }
}

pub(super) fn damaged(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Found {
    Found::Invalid(InvalidSession { reason: InvalidReason::Damaged, cause: cause.into() })
}
