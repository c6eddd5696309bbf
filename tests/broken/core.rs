//! What a flawed storage, its readers and its writers share.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hasher},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use sessile::{
    Capabilities, Clock, Error, ErrorKind, IfRevision, Revision, SessionId, SessionInfo, SessionStorage,
    Tags, Timestamp, WriteOptions,
};

use crate::{flaw::Flaw, harness::misunderstood, subjects::step_aside};

/// What the storages over one medium remember of it.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) ids: BTreeSet<String>,
    pub(crate) hidden: BTreeSet<String>,
    pub(crate) deadlines: HashMap<String, Timestamp>,
    pub(crate) leases: BTreeSet<String>,
    pub(crate) buffers: HashMap<String, Vec<u8>>,
    pub(crate) cursors: HashMap<String, usize>,
    pub(crate) tags: BTreeMap<String, BTreeSet<String>>,
    pub(crate) late: Vec<(SessionId, Vec<u8>, WriteOptions)>,
    pub(crate) readers: BTreeMap<String, usize>,
    pub(crate) handles: usize,
    pub(crate) created: u64,
    pub(crate) epoch: u64,
    pub(crate) poisoned: bool,
}

/// What the storage, its readers and its writers share.
pub(crate) struct Core {
    pub(crate) flaw: Flaw,
    pub(crate) can: Capabilities,
    pub(crate) inner: Arc<dyn SessionStorage>,
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
    pub(crate) closed: AtomicBool,
    within: AtomicBool,
    cache: Mutex<HashMap<String, Option<(bytes::Bytes, SessionInfo)>>>,
    pub(crate) lock: Arc<smol::lock::Mutex<()>>,
    last: AtomicU64,
}

pub(crate) fn failure(message: &'static str) -> Error {
    Error::new(ErrorKind::Storage, message)
}

impl Core {
    pub(crate) fn new(
        flaw: Flaw,
        can: Capabilities,
        inner: Arc<dyn SessionStorage>,
        state: Arc<Mutex<State>>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            flaw,
            can,
            inner,
            state,
            clock,
            closed: AtomicBool::new(false),
            within: AtomicBool::new(false),
            cache: Mutex::default(),
            lock: Arc::default(),
            last: AtomicU64::new(0),
        })
    }

    pub(crate) fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.is(Flaw::PoisonedByAFailure) && self.state().poisoned {
            return Err(failure("poisoned"));
        }
        match (self.closed.load(Ordering::SeqCst), self.flaw) {
            (false, _) | (true, Flaw::NeverCloses) => Ok(()),
            (true, Flaw::ClosedIsAFailure) => Err(failure("closed")),
            (true, _) => Err(Error::new(ErrorKind::Closed, "closed")),
        }
    }

    /// What every call begins with.
    pub(crate) async fn enter(&self, id: &SessionId) -> Result<SessionId, Error> {
        self.check_open()?;
        let late = std::mem::take(&mut self.state().late);
        for (id, content, options) in late {
            // Seen by the call after this one.
            let inner = Arc::clone(&self.inner);
            step_aside(1).await;
            inner.set(&id, content.into(), options).await?;
        }
        if self.is(Flaw::ClockWithinItsLock) {
            if self.within.swap(true, Ordering::SeqCst) {
                self.state().poisoned = true;
            }
            let now = self.clock.now();
            self.within.store(false, Ordering::SeqCst);
            now?;
            if self.state().poisoned {
                return Err(failure("a call came while the clock was asked"));
            }
        }
        let name = if self.is(Flaw::LowersIds) { &id.as_str().to_lowercase() } else { id.as_str() };
        self.state().ids.insert(name.to_owned());
        SessionId::new(name)
    }

    /// Whether a session is made out to be gone.
    pub(crate) fn is_hidden(&self, id: &SessionId) -> Result<bool, Error> {
        match self.flaw {
            Flaw::HidesTheInvalidated => Ok(self.state().hidden.contains(id.as_str())),
            Flaw::HidesTheExpired => {
                let now = self.clock.now()?;
                Ok(self.state().deadlines.get(id.as_str()).is_some_and(|&deadline| now >= deadline))
            }
            _ => Ok(false),
        }
    }

    pub(crate) async fn remember_deadline(&self, id: &SessionId) -> Result<(), Error> {
        if self.is(Flaw::HidesTheExpired) {
            let deadline = self.inner.info(id).await?.and_then(|info| info.expires_at);
            let mut state = self.state();
            match deadline {
                Some(deadline) => state.deadlines.insert(id.as_str().to_owned(), deadline),
                None => state.deadlines.remove(id.as_str()),
            };
        }
        Ok(())
    }

    pub(crate) fn reads_in_a_way_of_its_own(&self) -> bool {
        matches!(
            self.flaw,
            Flaw::TakesMissingForEmpty
                | Flaw::TakesEmptyForMissing
                | Flaw::ReadingCreates
                | Flaw::ReadsOnce
                | Flaw::ReadingIsActivity
                | Flaw::EachSideCaches
                | Flaw::NamesRevisionsAfterContent
                | Flaw::HidesTheInvalidated
                | Flaw::HidesTheExpired
        )
    }

    /// Content and info as a reader will give them.
    pub(crate) async fn look(&self, id: &SessionId) -> Result<Option<(bytes::Bytes, SessionInfo)>, Error> {
        if self.is_hidden(id)? {
            return Ok(None);
        }
        if self.is(Flaw::EachSideCaches)
            && let Some(known) = self.cache.lock().unwrap().get(id.as_str())
        {
            return Ok(known.clone());
        }
        let mut found = match self.inner.get(id).await {
            Err(error) if self.is(Flaw::CorruptIsMissing) && error.kind() == ErrorKind::Corrupt => None,
            found => found?,
        };
        match self.flaw {
            Flaw::TakesMissingForEmpty if found.is_none() => {
                found = Some((
                    bytes::Bytes::new(),
                    SessionInfo::new(Revision::new("none"), Timestamp::default()),
                ));
            }
            Flaw::TakesEmptyForMissing => found = found.filter(|(content, _)| !content.is_empty()),
            Flaw::ReadingCreates if found.is_none() => self.state().created += 1,
            Flaw::ReadsOnce => drop(self.inner.invalidate(id).await?),
            Flaw::ReadingIsActivity => drop(self.inner.touch(id).await?),
            Flaw::EachSideCaches => {
                self.cache.lock().unwrap().insert(id.as_str().to_owned(), found.clone());
            }
            Flaw::NamesRevisionsAfterContent => {
                if let Some((content, info)) = &mut found {
                    info.revision = named_after(content);
                }
            }
            _ => {}
        }
        Ok(found)
    }

    pub(crate) fn forget_cached(&self, id: &SessionId) {
        self.cache.lock().unwrap().remove(id.as_str());
    }

    /// A revision that nobody has had.
    pub(crate) fn made_up(&self) -> Revision {
        Revision::new(format!("made up {}", self.last.fetch_add(1, Ordering::SeqCst)))
    }

    /// Lets somebody in and out again, who pushes others out.
    pub(crate) async fn take_room(&self) -> Result<(), Error> {
        let id = SessionId::generate()?;
        self.inner.set(&id, "in between".into(), WriteOptions::new()).await?;
        self.inner.invalidate(&id).await.map(drop)
    }

    pub(crate) fn tell(&self, id: &SessionId, error: Error) -> Error {
        match (self.flaw, error.kind()) {
            (Flaw::ShowsIdsInErrors, kind) => Error::new(kind, format!("session {}: {error}", id.as_str())),
            (Flaw::ConflictIsAFailure, ErrorKind::Conflict) => failure("conflict"),
            _ => error,
        }
    }

    pub(crate) async fn understood(
        &self,
        id: &SessionId,
        asked: &WriteOptions,
    ) -> Result<WriteOptions, Error> {
        let mut options = WriteOptions::new();
        let (idle, absolute) =
            (misunderstood(self.flaw, asked.idle()), misunderstood(self.flaw, asked.absolute()));
        options = match self.flaw {
            Flaw::IdleIsAbsolute => {
                options.absolute_timeout(if idle == sessile::Timeout::Keep { absolute } else { idle })
            }
            Flaw::AbsoluteIsIdle => {
                options.idle_timeout(if absolute == sessile::Timeout::Keep { idle } else { absolute })
            }
            _ => options.idle_timeout(idle).absolute_timeout(absolute),
        };
        options = match (self.flaw, asked.condition()) {
            (_, IfRevision::Any)
            | (
                Flaw::IgnoresConditions
                | Flaw::PretendsConditions
                | Flaw::ChecksThenWrites
                | Flaw::ChecksAtTheBeginning,
                _,
            ) => options,
            (Flaw::RefusesConditions, _) => options.if_revision(Revision::new("none")),
            (Flaw::NamesRevisionsAfterContent, IfRevision::Is(revision)) => match self.inner.get(id).await? {
                Some((content, info)) if named_after(&content) == *revision => {
                    options.if_revision(info.revision)
                }
                _ => options.if_revision(Revision::new("none")),
            },
            (_, IfRevision::Absent) => options.if_absent(),
            (_, IfRevision::Is(revision)) => options.if_revision(revision.clone()),
        };
        let tags = match (self.flaw, asked.new_tags()) {
            (Flaw::ForgetsTags | Flaw::PretendsTags, _) => None,
            (Flaw::DropsTagsOnOverwrite, None) if self.can.tags => Some(Tags::default()),
            (Flaw::SortsTags, Some(tags)) => {
                let mut tags: Vec<_> = tags.iter().collect();
                tags.sort_unstable();
                Some(Tags::new(tags)?)
            }
            (Flaw::LowersTags, Some(tags)) => Some(Tags::new(tags.iter().map(str::to_lowercase))?),
            (Flaw::KeepsOldTags, Some(tags)) => {
                let old = self.inner.info(id).await?.map(|info| info.tags).unwrap_or_default();
                Some(Tags::new(old.iter().chain(tags.iter()))?)
            }
            (_, tags) => tags.cloned(),
        };
        if let Some(tags) = tags {
            options = options.tags(tags);
        }
        Ok(options)
    }

    pub(crate) fn clock_is_right(&self) -> Result<(), Error> {
        self.clock.now().map(drop)
    }

    pub(crate) async fn named(&self, id: &SessionId) -> Result<Option<Revision>, Error> {
        Ok(self.inner.get(id).await?.map(|(content, _)| named_after(&content)))
    }

    pub(crate) fn meets(found: Option<&SessionInfo>, condition: &IfRevision) -> Result<(), Error> {
        let met = match condition {
            IfRevision::Any => true,
            IfRevision::Absent => found.is_none(),
            IfRevision::Is(revision) => found.is_some_and(|info| info.revision == *revision),
        };
        if met { Ok(()) } else { Err(Error::new(ErrorKind::Conflict, "another revision")) }
    }

    pub(crate) async fn tagged_ids(&self, tag: &str) -> Result<Vec<(SessionId, SessionInfo)>, Error> {
        let ids = self.state().tags.get(tag).cloned().unwrap_or_default();
        let mut found = Vec::new();
        for id in ids {
            let id = SessionId::new(id)?;
            if let Some(info) = self.inner.info(&id).await? {
                found.push((id, info));
            }
        }
        Ok(found)
    }

    pub(crate) fn lowered<'a>(&self, tag: &'a str) -> Cow<'a, str> {
        if self.is(Flaw::LowersTags) { tag.to_lowercase().into() } else { tag.into() }
    }
}

fn named_after(content: &[u8]) -> Revision {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    Revision::new(format!("{:x}", hasher.finish()))
}
