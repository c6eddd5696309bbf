//! What becomes of a request's changes.

use std::sync::Arc;

use super::{
    definition::Place,
    draft::Draft,
    flash::Content,
    flash_draft::FlashDraft,
    lifetime::{expiry, is_touch_due, remaining},
    options::{OnConflict, SessionEvent},
    request_session::{Notices, RequestSession, Sends, Standing},
    stored::{Found, Kept, ROUNDS},
};
use crate::{
    error::{Error, ErrorKind},
    session::{SessionInfo, Tags, WriteOptions},
};

/// What a commit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// There was nothing to store.
    Unchanged,
    /// It counted as activity.
    Touched,
    /// The changes are stored.
    Written,
    /// The session was invalidated meanwhile, and what this request made of it is dropped.
    Ended,
}

/// What a request has made so far, as it was at one moment.
pub(super) struct Changes {
    draft: Draft,
    flash: FlashDraft,
    new_tags: Vec<String>,
}

impl Changes {
    /// Whether they lead to something else than this. May run the user's functions.
    pub(super) fn alter(&self, content: &Content) -> Result<bool, Error> {
        let is_changed =
            self.draft.changes() > 0 && self.draft.on_top_of(content.value.as_ref())? != content.value;
        Ok(is_changed || self.flash.on_top_of(&content.flash) != content.flash)
    }
}

impl RequestSession {
    pub(super) async fn commit(&self) -> Result<CommitOutcome, Error> {
        let mut notices = Notices::default();
        let turn = self.committing.lock().await;
        let committed = self.commit_in_turn(&mut notices).await;
        drop(turn);
        notices.tell(&self.definition);
        committed
    }

    async fn commit_in_turn(&self, notices: &mut Notices) -> Result<CommitOutcome, Error> {
        let (standing, kept, wants_new_id) = {
            let state = self.lock();
            (state.standing, state.kept.clone(), state.moves)
        };
        let changes = self.changes();
        let is_flashed = changes.flash.is_changed();
        match standing {
            Standing::Loaded => {}
            Standing::Ended => return Ok(CommitOutcome::Ended),
            Standing::Moved if changes.draft.changes() > 0 || is_flashed => {
                self.end(true, notices);
                return Ok(CommitOutcome::Ended);
            }
            Standing::Unloaded | Standing::Moved => return Ok(CommitOutcome::Unchanged),
        }
        if kept.is_none() && changes.draft.value().is_none() && !is_flashed {
            return Ok(CommitOutcome::Unchanged);
        }
        if let Place::Cookie(sealer) = &self.definition.place {
            return self.commit_carried(sealer, kept, &changes, notices);
        }
        let Some(kept) = kept else {
            return self.create(&changes, notices).await;
        };
        if wants_new_id {
            return self.give_new_id(kept, notices).await;
        }
        let is_tagged = changes.new_tags.iter().any(|tag| !kept.info.tags.contains(tag));
        if is_tagged || changes.alter(&kept.content)? {
            return self.save(kept, notices).await;
        }
        self.touch_if_due(kept, notices).await
    }

    async fn create(&self, changes: &Changes, notices: &mut Notices) -> Result<CommitOutcome, Error> {
        let definition = &self.definition;
        self.lock().check_not_sealed()?;
        let content = self.content(changes, &Content::default())?;
        let mut options = WriteOptions::new()
            .idle_timeout(definition.options.idle)
            .absolute_timeout(definition.options.absolute);
        let tags = with_tags(&definition.options.tags, &changes.new_tags)?;
        if !tags.is_empty() {
            options = options.tags(tags);
        }
        let kept = definition.create(content, &options).await?;
        self.settle(changes, kept);
        self.lock().sends = Some(Sends::Ticket);
        notices.event(SessionEvent::Created);
        Ok(CommitOutcome::Written)
    }

    /// Stores the changes on top of what is stored, whoever wrote it.
    async fn save(&self, kept: Kept, notices: &mut Notices) -> Result<CommitOutcome, Error> {
        let definition = &self.definition;
        // Without conditional writes, looking just before is the best there is.
        let current = if definition.capabilities.conditional {
            Found::Session(kept.clone())
        } else {
            self.fresh(&kept).await?
        };
        match current {
            Found::Session(current) => {
                if self.attempt(&current, notices).await? {
                    return Ok(CommitOutcome::Written);
                }
            }
            other => return Ok(self.end_as(other, notices)),
        }
        let _turn = definition.turns.wait(&kept.id).await;
        for _ in 1..ROUNDS {
            match self.fresh(&kept).await? {
                Found::Session(fresh) => {
                    if self.attempt(&fresh, notices).await? {
                        return Ok(CommitOutcome::Written);
                    }
                }
                other => return Ok(self.end_as(other, notices)),
            }
        }
        Err(too_many_rounds())
    }

    async fn attempt(&self, stored: &Kept, notices: &mut Notices) -> Result<bool, Error> {
        let definition = &self.definition;
        let changes = self.changes();
        let content = self.content(&changes, &stored.content)?;
        let tags = with_tags(&stored.info.tags, &changes.new_tags)?;
        let mut options = WriteOptions::new().if_revision(stored.info.revision.clone());
        if tags != stored.info.tags {
            options = options.tags(tags.clone());
        }
        match definition.write(&stored.id, &content, options).await {
            Ok(committed) => {
                let info = match committed.info {
                    Some(info) => info,
                    None => SessionInfo {
                        revision: committed.revision,
                        expires_at: expiry(&stored.info, definition.now()?),
                        tags,
                        ..stored.info.clone()
                    },
                };
                self.settle(&changes, Kept { content, info, ..stored.clone() });
                if definition.options.rolling {
                    self.lock().sends = Some(Sends::Ticket);
                }
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {
                notices.event(SessionEvent::Conflict);
                if definition.options.on_conflict == OnConflict::Error { Err(error) } else { Ok(false) }
            }
            Err(error) => Err(error),
        }
    }

    /// The new session is stored before the old id is given up, and that under the condition that nobody has changed or ended
    /// the session: what a parallel request wrote is not lost, and a logout not undone.
    async fn give_new_id(&self, kept: Kept, notices: &mut Notices) -> Result<CommitOutcome, Error> {
        let definition = &self.definition;
        self.lock().check_not_sealed()?;
        let is_known = definition.capabilities.conditional && !kept.is_own;
        let mut current = if is_known { Found::Session(kept.clone()) } else { self.fresh(&kept).await? };
        let mut next: Option<Kept> = None;
        for _ in 0..ROUNDS {
            let stored = match current {
                Found::Session(stored) => stored,
                gone => {
                    self.discard(next).await?;
                    return Ok(self.end_as(gone, notices));
                }
            };
            let changes = self.changes();
            let written = self.write_next(next.take(), &changes, &stored).await?;
            match definition.move_on(&stored, &written.id).await {
                Ok(()) => {
                    self.settle(&changes, written);
                    let mut state = self.lock();
                    state.moves = false;
                    state.sends = Some(Sends::Ticket);
                    notices.event(SessionEvent::Regenerated);
                    return Ok(CommitOutcome::Written);
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    notices.event(SessionEvent::Conflict);
                    next = Some(written);
                    if definition.options.on_conflict == OnConflict::Error {
                        self.discard(next).await?;
                        return Err(error);
                    }
                    current = self.fresh(&kept).await?;
                }
                Err(error) => {
                    self.discard(Some(written)).await?;
                    return Err(error);
                }
            }
        }
        self.discard(next).await?;
        Err(too_many_rounds())
    }

    /// The session under its new id.
    async fn write_next(&self, next: Option<Kept>, changes: &Changes, stored: &Kept) -> Result<Kept, Error> {
        let definition = &self.definition;
        let content = self.content(changes, &stored.content)?;
        let tags = with_tags(&stored.info.tags, &changes.new_tags)?;
        match next {
            None => {
                let mut options = remaining(&stored.info, definition.now()?);
                if !tags.is_empty() {
                    options = options.tags(tags);
                }
                definition.create(content, &options).await
            }
            Some(mut next) => {
                let options = WriteOptions::new().if_revision(next.info.revision.clone()).tags(tags);
                let committed = definition.write(&next.id, &content, options).await?;
                next.info =
                    committed.info.unwrap_or(SessionInfo { revision: committed.revision, ..next.info });
                Ok(Kept { content, ..next })
            }
        }
    }

    /// A new id that the session does not get after all.
    async fn discard(&self, next: Option<Kept>) -> Result<(), Error> {
        if let Some(next) = next {
            self.definition.storage()?.invalidate(&next.id).await?;
        }
        Ok(())
    }

    async fn touch_if_due(&self, mut kept: Kept, notices: &mut Notices) -> Result<CommitOutcome, Error> {
        let definition = &self.definition;
        if kept.info.idle_timeout.is_none() || kept.info.expires_at.is_none() {
            return Ok(CommitOutcome::Unchanged);
        }
        let now = definition.now()?;
        let is_due = is_touch_due(&kept.info, definition.options.touch_after, now);
        if !is_due && !self.lock().touches {
            return Ok(CommitOutcome::Unchanged);
        }
        if !definition.storage()?.touch(&kept.id).await? {
            return Ok(self.end_as(Found::Nothing, notices));
        }
        if definition.options.rolling {
            // What was touched may be the mark of a session that has another id: its client must not get the old one back.
            match self.fresh(&kept).await? {
                Found::Session(_) => self.lock().sends = Some(Sends::Ticket),
                other => return Ok(self.end_as(other, notices)),
            }
        }
        kept.info.expires_at = expiry(&kept.info, now);
        let mut state = self.lock();
        state.touches = false;
        state.kept = Some(kept);
        Ok(CommitOutcome::Touched)
    }

    async fn fresh(&self, kept: &Kept) -> Result<Found, Error> {
        self.definition.find_again(kept).await
    }

    fn end_as(&self, found: Found, notices: &mut Notices) -> CommitOutcome {
        let has_moved = matches!(found, Found::Moved);
        if let Found::Invalid(report) = found {
            notices.invalid(report);
        }
        self.end(has_moved, notices);
        CommitOutcome::Ended
    }

    fn changes(&self) -> Changes {
        let state = self.lock();
        Changes { draft: state.draft.clone(), flash: state.flash.clone(), new_tags: state.new_tags.clone() }
    }

    /// What is to be stored in place of what is. Runs the user's functions.
    pub(super) fn content(&self, changes: &Changes, stored: &Content) -> Result<Content, Error> {
        let value = if self.definition.options.on_conflict == OnConflict::Overwrite {
            changes.draft.value().cloned()
        } else {
            changes.draft.on_top_of(stored.value.as_ref())?
        };
        let value = value.or_else(|| stored.value.clone());
        if let Some(value) = &value {
            self.definition.validate(value)?;
        }
        Ok(Content { value, flash: changes.flash.on_top_of(&stored.flash) })
    }

    pub(super) fn settle(&self, changes: &Changes, kept: Kept) {
        let mut state = self.lock();
        state.draft.settle(&changes.draft, kept.content.value.clone());
        state.flash.settle(&changes.flash, Arc::clone(&kept.content.flash));
        state.kept = Some(kept);
        let stored = changes.new_tags.len().min(state.new_tags.len());
        state.new_tags.drain(..stored);
    }
}

/// Those that are there, and new ones behind them.
fn with_tags(there: &Tags, new: &[String]) -> Result<Tags, Error> {
    if new.iter().all(|tag| there.contains(tag)) {
        return Ok(there.clone());
    }
    Tags::new(there.iter().chain(new.iter().map(String::as_str)))
}

fn too_many_rounds() -> Error {
    Error::new(ErrorKind::Conflict, "others wrote to the session in each of 64 rounds; try again")
}
