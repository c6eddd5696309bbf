//! The session of one request, without its type: what is known of it, and what was made of it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    carrier::{Brought, SentHeader},
    definition::{Definition, Place},
    draft::{Draft, Update},
    flash_draft::FlashDraft,
    json::Json,
    lifetime::ticket_lifetime,
    options::{InvalidSession, SessionEvent},
    stored::{Found, Kept, LookedUp},
};
use crate::{
    error::{Error, ErrorKind},
    id::SessionId,
    session::Tags,
};

pub(super) struct RequestSession {
    pub(super) definition: Arc<Definition>,
    pub(super) brought: Brought,
    state: Mutex<State>,
    /// One asks the storage, and the others of this request have its answer.
    loading: async_lock::Mutex<()>,
    /// One commit, or clear, at a time.
    pub(super) committing: async_lock::Mutex<()>,
}

/// Locked for a moment, never while anything is called.
#[derive(Default)]
pub(super) struct State {
    pub(super) standing: Standing,
    pub(super) kept: Option<Kept>,
    pub(super) draft: Draft,
    pub(super) flash: FlashDraft,
    /// The response's headers are gone.
    pub(super) sealed: bool,
    pub(super) new_tags: Vec<String>,
    /// It shall have another id.
    pub(super) moves: bool,
    pub(super) touches: bool,
    pub(super) sends: Option<Sends>,
    /// Another one after each `clear`: what was loaded before is not this session.
    epoch: u64,
}

/// How far a request is with its session.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// Nobody has asked for it, or it could not be read.
    #[default]
    Unloaded,
    Loaded,
    /// The session has another id now, and is not this request's.
    Moved,
    /// A commit has found that it was ended.
    Ended,
}

/// What the client is to be told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sends {
    Ticket,
    /// A cookie that carries the session: an older secret has sealed the one that is there, and a commit makes it.
    Anew,
    Nothing,
}

/// What the user's hooks are told once no turn is held.
#[derive(Default)]
pub(super) struct Notices {
    events: Vec<SessionEvent>,
    invalid: Option<InvalidSession>,
}

impl Notices {
    pub(super) fn event(&mut self, event: SessionEvent) {
        self.events.push(event);
    }

    pub(super) fn invalid(&mut self, report: InvalidSession) {
        self.event(SessionEvent::Invalid);
        self.invalid = Some(report);
    }

    pub(super) fn tell(self, definition: &Definition) {
        if let Some(report) = self.invalid {
            definition.tell_invalid(report);
        }
        for event in self.events {
            definition.tell(event);
        }
    }
}

impl RequestSession {
    pub(super) fn new(definition: Arc<Definition>, brought: Brought) -> Self {
        Self {
            definition,
            brought,
            state: Mutex::default(),
            loading: async_lock::Mutex::new(()),
            committing: async_lock::Mutex::new(()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn load(&self) -> Result<(), Error> {
        let notices = self.load_once().await?;
        notices.tell(&self.definition);
        Ok(())
    }

    async fn load_once(&self) -> Result<Notices, Error> {
        let mut notices = Notices::default();
        if self.lock().is_loaded() {
            return Ok(notices);
        }
        let turn = self.loading.lock().await;
        let epoch = {
            let state = self.lock();
            if state.is_loaded() {
                return Ok(notices);
            }
            state.epoch
        };
        // Nobody gets an empty session for one that could not be read.
        let LookedUp { found, by_newest, lost } = self.definition.look_up(&self.brought).await?;
        let mut state = self.lock();
        // It was cleared meanwhile.
        if state.epoch != epoch {
            return Ok(notices);
        }
        state.standing = Standing::Loaded;
        match found {
            Found::Session(kept) => {
                state.draft.restart(kept.content.value.clone());
                state.flash = FlashDraft::new(Arc::clone(&kept.content.flash));
                state.kept = Some(kept);
                match &self.definition.place {
                    _ if by_newest => {}
                    Place::Cookie(_) => state.sends = Some(Sends::Anew),
                    Place::Storage(_) => {
                        state.sends = Some(Sends::Ticket);
                        notices.event(SessionEvent::Renewed);
                    }
                }
            }
            Found::Moved => {
                state.standing = Standing::Moved;
                notices.event(SessionEvent::Moved);
            }
            Found::Nothing | Found::Invalid(_) if self.brought.has_ticket() => {
                if let Found::Invalid(report) = found {
                    notices.invalid(report);
                }
                state.sends = Some(Sends::Nothing);
                notices.events.extend(lost);
            }
            Found::Nothing | Found::Invalid(_) => {}
        }
        drop(state);
        drop(turn);
        Ok(notices)
    }

    /// Makes a change of the value, such that nobody else's of this request is lost. The function may run again.
    pub(super) fn change(&self, make: &Update, makes_again: bool) -> Result<Json, Error> {
        loop {
            let (version, current) = {
                let state = self.lock();
                state.check_not_ended()?;
                (state.draft.version(), state.draft.value().cloned())
            };
            let value = Arc::new(make(current.as_deref())?);
            let mut state = self.lock();
            state.check_not_ended()?;
            if state.draft.version() != version {
                continue;
            }
            if makes_again {
                state.draft.push_update(Arc::clone(make), Arc::clone(&value));
            } else {
                state.draft.push_set(Arc::clone(&value));
            }
            return Ok(value);
        }
    }

    /// Sets a value where there is none; answers the one that is there then.
    pub(super) fn set_if_absent(&self, value: Json) -> Result<Json, Error> {
        let mut state = self.lock();
        state.check_not_ended()?;
        if let Some(value) = state.draft.value() {
            return Ok(Arc::clone(value));
        }
        state.draft.push_set(Arc::clone(&value));
        Ok(value)
    }

    pub(super) fn flash(&self, kind: String, message: String) -> Result<(), Error> {
        let mut state = self.lock();
        state.check_not_ended()?;
        state.flash.add(kind, message);
        Ok(())
    }

    pub(super) async fn clear(&self) -> Result<(), Error> {
        // What is being stored has an id by then.
        let turn = self.committing.lock().await;
        let ended = match &self.definition.place {
            Place::Storage(_) => self.end_stored().await?,
            Place::Cookie(sealer) => self.end_carried(sealer)?,
        };
        {
            let mut state = self.lock();
            state.forget(self.brought.has_ticket());
            state.standing = Standing::Loaded;
            state.epoch += 1;
        }
        drop(turn);
        if ended {
            self.definition.tell(SessionEvent::Invalidated);
        }
        Ok(())
    }

    async fn end_stored(&self) -> Result<bool, Error> {
        let kept = {
            let state = self.lock();
            state.kept.as_ref().map(|kept| (kept.id.clone(), kept.info.revision.clone()))
        };
        let (id, revision) = match kept {
            Some((id, revision)) => (Some(id), Some(revision)),
            None => (self.definition.recognise(&self.brought).map(|recognised| recognised.id), None),
        };
        match id {
            Some(id) => self.definition.end(&id, revision).await,
            None => Ok(false),
        }
    }

    pub(super) async fn regenerate(&self) -> Result<(), Error> {
        self.load().await?;
        let mut state = self.lock();
        state.check_not_sealed()?;
        state.moves = state.kept.is_some();
        // What is stored under its new id is not this request's; it begins another session.
        if state.standing == Standing::Moved {
            state.standing = Standing::Loaded;
        }
        Ok(())
    }

    pub(super) async fn tag(&self, tags: Tags) -> Result<(), Error> {
        self.definition.check_tags()?;
        self.load().await?;
        let mut state = self.lock();
        state.check_not_ended()?;
        state.new_tags.extend(tags.iter().map(str::to_owned));
        Ok(())
    }

    /// What this request made of the session is dropped. The client of one that has moved keeps its ticket, which may be
    /// the new one by now.
    pub(super) fn end(&self, has_moved: bool, notices: &mut Notices) {
        let mut state = self.lock();
        state.forget(!has_moved && self.brought.has_ticket());
        state.standing = Standing::Ended;
        notices.event(SessionEvent::Ended);
    }

    pub(super) fn seal(&self) {
        self.lock().sealed = true;
    }

    /// The header that the response needs, after the commit.
    pub(super) fn sent(&self) -> Result<Option<SentHeader>, Error> {
        let Definition { carrier, options, .. } = &*self.definition;
        let (sends, kept) = {
            let state = self.lock();
            let kept = state.kept.as_ref();
            (state.sends, kept.map(|kept| (kept.id.clone(), kept.info.clone(), kept.sealed.clone())))
        };
        match (sends, kept) {
            (None | Some(Sends::Anew), _) => Ok(None),
            (Some(Sends::Ticket), Some((id, info, sealed))) => {
                let timeouts = (options.idle, options.absolute);
                // The activity is in a cookie that carries all, so that each one lives as long as the session.
                let rolling = options.rolling || sealed.is_some();
                let lifetime = ticket_lifetime(&info, timeouts, rolling, self.definition.now()?);
                let ticket = match sealed {
                    Some(sealed) => (*sealed).to_owned(),
                    None => self.definition.ticket_of(&id)?,
                };
                carrier.give(&ticket, lifetime, self.brought.is_https).map(Some)
            }
            _ => Ok(Some(carrier.take(self.brought.is_https))),
        }
    }

    pub(super) fn id(&self) -> Option<SessionId> {
        self.lock().kept.as_ref().map(|kept| kept.id.clone())
    }
}

impl State {
    pub(super) fn is_loaded(&self) -> bool {
        self.standing != Standing::Unloaded
    }

    pub(super) fn check_not_ended(&self) -> Result<(), Error> {
        if self.standing == Standing::Ended {
            let what = "the session has been ended; clear() begins another";
            return Err(Error::new(ErrorKind::NotFound, what));
        }
        Ok(())
    }

    pub(super) fn check_not_sealed(&self) -> Result<(), Error> {
        if self.sealed {
            let what = "the response's headers are gone: the client cannot be told of it";
            return Err(Error::new(ErrorKind::Closed, what));
        }
        Ok(())
    }

    fn forget(&mut self, takes_ticket: bool) {
        self.kept = None;
        self.draft.restart(None);
        self.flash = FlashDraft::default();
        self.new_tags.clear();
        self.moves = false;
        self.touches = false;
        self.sends = takes_ticket.then_some(Sends::Nothing);
    }
}

/// No ticket, id or content.
impl fmt::Debug for RequestSession {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Session").field("name", &self.definition.carrier.name()).finish_non_exhaustive()
    }
}
