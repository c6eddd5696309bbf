//! Who is reading and who is changing which session: what may be kept, and what must not come back.
//!
//! A fill that begins while nobody changes a session, and ends while nobody has since, read what is there. All
//! others may have read what was there before: they are answered and not kept (C4).

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::{Shared as SharedFuture, WeakShared};

use super::{
    CacheStats,
    entries::{Cached, Entries, Known},
    options::{Ages, CacheOptions},
};
use crate::{
    channel::SessionReader,
    clock::{Clock, Timestamp},
    error::Error,
    id::SessionId,
    maybe_send::BoxFuture,
    seed::SeededState,
    session::Revision,
};

/// What those who asked for a session at the same time get of one answer.
#[derive(Debug, Clone)]
pub(super) enum Filled {
    Missing,
    Session(Cached),
    /// It is too large to be shared. The reader that found it out is for the first who takes it.
    TooLarge(Arc<Mutex<Option<SessionReader>>>),
}

impl Filled {
    fn revision(&self) -> Option<Revision> {
        match self {
            Self::Missing => None,
            Self::Session(session) => Some(session.info.revision.clone()),
            Self::TooLarge(reader) => {
                let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
                reader.as_ref().map(|reader| reader.info().revision.clone())
            }
        }
    }
}

pub(super) type Fill = BoxFuture<'static, Result<Filled, Arc<Error>>>;

/// The cache's own state, behind a lock that is never held while the delegate is called.
pub(crate) struct State {
    options: CacheOptions,
    ages: Ages,
    inner: Mutex<Inner>,
}

enum Inner {
    Fresh,
    Open(Box<Open>),
    Closed,
}

struct Open {
    entries: Entries,
    fills: HashMap<SessionId, Running, SeededState>,
    changes: HashMap<SessionId, Changes, SeededState>,
    /// Changes under way of sessions whose ids are not known here.
    wide_changes: usize,
    last_fill: u64,
    counted: CacheStats,
}

impl Open {
    /// Whether a change is under way that may change this session.
    fn is_changing(&self, id: &SessionId) -> bool {
        self.changes.contains_key(id) || self.wide_changes > 0
    }

    /// The delegate has told somebody what is there. While a change is under way, that may be newer than what is kept or
    /// is about to be answered; nobody who comes later is to see the older.
    fn told(&mut self, id: &SessionId, revision: Option<&Revision>) {
        if self.is_changing(id) {
            self.entries.remove_other(id.as_str(), revision);
            self.fills.remove(id);
        }
    }

    /// Forgets the sessions of a tag, or all.
    fn forget(&mut self, tag: Option<&str>) {
        self.fills.clear();
        // A write under way may be what gave or took the tag; and it may be past when its answer comes.
        for (id, changes) in &mut self.changes {
            changes.overlapped = true;
            self.entries.remove(id.as_str());
        }
        match tag {
            Some(tag) => self.entries.remove_tagged(tag),
            None => self.entries.clear(),
        }
    }
}

/// Nobody waits with a fill that began longer ago, in milliseconds.
const PATIENCE: u64 = 10_000;

struct Running {
    number: u64,
    began: Timestamp,
    fill: WeakShared<Fill>,
}

#[derive(Default)]
struct Changes {
    under_way: usize,
    /// Something else at the same time: nobody here knows which of them came last.
    overlapped: bool,
}

impl State {
    pub(super) fn new(options: CacheOptions, shared: bool) -> Result<Self, Error> {
        let ages = options.ages(shared)?;
        Ok(Self { options, ages, inner: Mutex::new(Inner::Fresh) })
    }

    pub(super) fn options(&self) -> &CacheOptions {
        &self.options
    }

    pub(crate) fn now(&self) -> Result<Timestamp, Error> {
        self.options.clock.now()
    }

    /// What is kept of a session, to use it. `None` where the delegate must be asked.
    pub(crate) fn hit<T>(
        &self,
        id: &str,
        now: Timestamp,
        look: impl FnOnce(&Known) -> T,
    ) -> Result<Option<T>, Error> {
        self.with(|open| {
            let found = open.entries.get(id, now).map(look);
            open.counted.hits += u64::from(found.is_some());
            Ok(found)
        })
    }

    /// The same to look at, which is no use.
    pub(crate) fn peek<T>(
        &self,
        id: &str,
        now: Timestamp,
        look: impl FnOnce(&Known) -> T,
    ) -> Result<Option<T>, Error> {
        self.with(|open| Ok(open.entries.peek(id, now).map(look)))
    }

    /// Joins the fill of this session that is under way, or starts one: also in the place of one that seems to hang.
    pub(super) fn join(
        &self,
        id: &SessionId,
        now: Timestamp,
        start: impl FnOnce(u64) -> SharedFuture<Fill>,
    ) -> Result<SharedFuture<Fill>, Error> {
        self.with(|open| {
            open.counted.misses += 1;
            // One that was given up by all who waited for it is no more.
            let young =
                |running: &&Running| now.as_millis() < running.began.as_millis().saturating_add(PATIENCE);
            if let Some(fill) = open.fills.get(id).filter(young).and_then(|running| running.fill.upgrade()) {
                return Ok(fill);
            }
            open.last_fill += 1;
            open.counted.fills += 1;
            let fill = start(open.last_fill);
            // Not polled yet, so it is not done, and can be named weakly.
            if let Some(weak) = fill.downgrade() {
                open.fills.insert(id.clone(), Running { number: open.last_fill, began: now, fill: weak });
            }
            Ok(fill)
        })
    }

    /// A fill has its answer, and keeps it if nobody has changed the session since it began.
    fn filled(&self, id: &SessionId, number: u64, answer: Option<(&Filled, Timestamp)>) {
        // A closed cache keeps nothing.
        let _ = self.with(|open| {
            let is_current = open.fills.get(id).is_some_and(|running| running.number == number);
            if is_current {
                open.fills.remove(id);
            }
            if open.is_changing(id) {
                if let Some((filled, _)) = answer {
                    open.told(id, filled.revision().as_ref());
                }
                return Ok(());
            }
            match answer.filter(|_| is_current) {
                Some((Filled::Session(session), _)) if self.is_kept(session.content.len() as u64) => {
                    open.entries.put(id.as_str(), session.clone(), session.as_of);
                }
                Some((Filled::Missing, as_of)) => open.entries.put_missing(id.as_str(), as_of),
                _ => {}
            }
            Ok(())
        });
    }

    /// The delegate was asked past all fills, and has told this.
    pub(super) fn told(&self, id: &SessionId, revision: Option<&Revision>) {
        // A closed cache keeps nothing.
        let _ = self.with(|open| {
            open.told(id, revision);
            Ok(())
        });
    }

    /// Whether a content of this length is one for the cache.
    pub(super) fn is_kept(&self, length: u64) -> bool {
        length <= self.most_kept()
    }

    pub(super) fn most_kept(&self) -> u64 {
        self.options.entry_bytes.min(self.options.bytes)
    }

    /// A change of a session begins, in one step with what is done to the entries then; it must
    /// [`end_change`](Self::end_change).
    fn begin_change<T>(&self, id: &SessionId, begin: impl FnOnce(&mut Entries) -> T) -> Result<T, Error> {
        self.with(|open| {
            let changes = open.changes.entry(id.clone()).or_default();
            changes.under_way += 1;
            changes.overlapped |= changes.under_way > 1 || open.wide_changes > 0;
            Ok(begin(&mut open.entries))
        })
    }

    /// A change has ended, well or not. What it has made is kept if nobody else was at work beside it.
    fn end_change(&self, id: &SessionId, made: Option<(Cached, Timestamp)>) {
        let _ = self.with(|open| {
            // Fills under way may have read what was there before.
            open.fills.remove(id);
            let alone = open.changes.get_mut(id).is_some_and(|changes| {
                changes.under_way -= 1;
                !changes.overlapped
            });
            if open.changes.get(id).is_some_and(|changes| changes.under_way == 0) {
                open.changes.remove(id);
            }
            match made {
                Some((session, used)) if alone => open.entries.put(id.as_str(), session, used),
                _ => open.entries.remove(id.as_str()),
            }
            Ok(())
        });
    }

    /// What was changed elsewhere, or behind the cache's back.
    pub(super) fn forget(&self, id: &str) -> Result<(), Error> {
        self.with(|open| {
            open.fills.remove(id);
            open.entries.remove(id);
            // What it has made may have been changed already when its answer comes.
            if let Some(changes) = open.changes.get_mut(id) {
                changes.overlapped = true;
            }
            Ok(())
        })
    }

    pub(super) fn forget_all(&self) -> Result<(), Error> {
        self.with(|open| {
            open.forget(None);
            Ok(())
        })
    }

    pub(super) fn sweep(&self, now: Timestamp) -> Result<(), Error> {
        self.with(|open| {
            open.entries.sweep(now);
            Ok(())
        })
    }

    pub(super) fn stats(&self) -> Result<CacheStats, Error> {
        self.with(|open| {
            let Open { entries, counted, .. } = open;
            let (sessions, bytes, evicted) = (entries.len(), entries.bytes(), entries.evicted());
            Ok(CacheStats { evicted, sessions, bytes, ..*counted })
        })
    }

    /// Fails where it is closed.
    pub(super) fn check_open(&self) -> Result<(), Error> {
        self.with(|_| Ok(()))
    }

    pub(super) fn close(&self) {
        *self.lock() = Inner::Closed;
    }

    fn with<T>(&self, call: impl FnOnce(&mut Open) -> Result<T, Error>) -> Result<T, Error> {
        let mut inner = self.lock();
        if let Inner::Fresh = &*inner {
            // Not before the first call: a platform may have no random bytes while its modules are loading.
            let hasher = SeededState::random()?;
            *inner = Inner::Open(Box::new(Open {
                entries: Entries::new(&self.options, self.ages, hasher),
                fills: HashMap::with_hasher(hasher),
                changes: HashMap::with_hasher(hasher),
                wide_changes: 0,
                last_fill: 0,
                counted: CacheStats::default(),
            }));
        }
        match &mut *inner {
            Inner::Open(open) => call(open),
            Inner::Fresh | Inner::Closed => Err(Error::closed()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("State").finish_non_exhaustive()
    }
}

/// A fill under way. Dropped without an answer, it failed or was given up.
pub(super) struct Filling {
    state: Arc<State>,
    id: SessionId,
    number: u64,
    over: bool,
}

impl Filling {
    pub(super) fn begin(state: &Arc<State>, id: &SessionId, number: u64) -> Self {
        Self { state: Arc::clone(state), id: id.clone(), number, over: false }
    }

    pub(super) fn answered(mut self, answer: &Filled, as_of: Timestamp) {
        self.over = true;
        self.state.filled(&self.id, self.number, Some((answer, as_of)));
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if !self.over {
            self.state.filled(&self.id, self.number, None);
        }
    }
}

/// A change of one session under way. Dropped before it is [`done`](Self::done), nobody knows what it did, and
/// nothing is kept.
pub(super) struct Change {
    state: Arc<State>,
    id: SessionId,
    made: Option<(Cached, Timestamp)>,
}

impl Change {
    /// A write begins.
    pub(super) fn write(state: &Arc<State>, id: &SessionId) -> Result<Self, Error> {
        Self::begin(state, id, |_| ()).map(|(change, ())| change)
    }

    /// A touch begins, of what is kept of the session. That is one step: what another thread writes in between, the
    /// touch must not take back.
    pub(super) fn touch(
        state: &Arc<State>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<(Self, Option<Cached>), Error> {
        Self::begin(state, id, |entries| entries.peek(id.as_str(), now).and_then(Known::session).cloned())
    }

    /// An end of the session begins, which nobody is to see in the cache from now on.
    pub(super) fn end(state: &Arc<State>, id: &SessionId) -> Result<Self, Error> {
        Self::begin(state, id, |entries| entries.remove(id.as_str())).map(|(change, ())| change)
    }

    fn begin<T>(
        state: &Arc<State>,
        id: &SessionId,
        begin: impl FnOnce(&mut Entries) -> T,
    ) -> Result<(Self, T), Error> {
        let found = state.begin_change(id, begin)?;
        Ok((Self { state: Arc::clone(state), id: id.clone(), made: None }, found))
    }

    /// What is there now; it was used at this moment.
    pub(super) fn done(mut self, made: Cached, used: Timestamp) {
        self.made = Some((made, used));
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.state.end_change(&self.id, self.made.take());
    }
}

/// A change of sessions that only the delegate knows.
pub(super) struct WideChange {
    state: Arc<State>,
    /// `None`: any session.
    tag: Option<String>,
}

impl WideChange {
    pub(super) fn begin(state: &Arc<State>, tag: Option<String>) -> Result<Self, Error> {
        state.with(|open| {
            open.wide_changes += 1;
            open.forget(tag.as_deref());
            Ok(())
        })?;
        Ok(Self { state: Arc::clone(state), tag })
    }
}

impl Drop for WideChange {
    fn drop(&mut self) {
        let _ = self.state.with(|open| {
            open.wide_changes -= 1;
            open.forget(self.tag.as_deref());
            Ok(())
        });
    }
}
