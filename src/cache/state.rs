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
};

/// What those who asked for a session at the same time get of one answer.
#[derive(Debug, Clone)]
pub(super) enum Filled {
    Missing,
    Session(Cached),
    /// It is too large to be shared. The reader that found it out is for the first who takes it.
    TooLarge(Arc<Mutex<Option<SessionReader>>>),
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
    /// Forgets the sessions of a tag, or all.
    fn forget(&mut self, tag: Option<&str>) {
        self.fills.clear();
        match tag {
            Some(tag) => self.entries.remove_tagged(tag),
            None => self.entries.clear(),
        }
    }
}

struct Running {
    number: u64,
    fill: WeakShared<Fill>,
}

#[derive(Default)]
struct Changes {
    under_way: usize,
    /// Two at the same time: nobody here knows which of them came last.
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

    /// Joins the fill of this session that is under way, or starts one.
    pub(super) fn join(
        &self,
        id: &SessionId,
        start: impl FnOnce(u64) -> SharedFuture<Fill>,
    ) -> Result<SharedFuture<Fill>, Error> {
        self.with(|open| {
            open.counted.misses += 1;
            // One that was given up by all who waited for it is no more.
            if let Some(fill) = open.fills.get(id).and_then(|running| running.fill.upgrade()) {
                return Ok(fill);
            }
            open.last_fill += 1;
            open.counted.fills += 1;
            let fill = start(open.last_fill);
            // Not polled yet, so it is not done, and can be named weakly.
            if let Some(weak) = fill.downgrade() {
                open.fills.insert(id.clone(), Running { number: open.last_fill, fill: weak });
            }
            Ok(fill)
        })
    }

    /// A fill has its answer, and keeps it if nobody has changed the session since it began.
    fn filled(&self, id: &SessionId, number: u64, answer: Option<(&Filled, Timestamp)>) {
        // A closed cache keeps nothing.
        let _ = self.with(|open| {
            if open.fills.get(id).is_none_or(|running| running.number != number) {
                return Ok(());
            }
            open.fills.remove(id);
            if open.changes.contains_key(id) || open.wide_changes > 0 {
                return Ok(());
            }
            match answer {
                Some((Filled::Session(session), _)) if self.is_kept(session.content.len() as u64) => {
                    open.entries.put(id.as_str(), session.clone());
                }
                Some((Filled::Missing, as_of)) => open.entries.put_missing(id.as_str(), as_of),
                _ => {}
            }
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

    /// A change of a session begins; it must [`end_change`](Self::end_change).
    fn begin_change(&self, id: &SessionId, forget: bool) -> Result<(), Error> {
        self.with(|open| {
            let changes = open.changes.entry(id.clone()).or_default();
            changes.under_way += 1;
            changes.overlapped |= changes.under_way > 1;
            if forget {
                open.entries.remove(id.as_str());
            }
            Ok(())
        })
    }

    /// A change has ended, well or not. What it has written is kept if nobody else was at work beside it.
    fn end_change(&self, id: &SessionId, written: Option<Cached>) {
        let _ = self.with(|open| {
            // Fills under way may have read what was there before.
            open.fills.remove(id);
            open.entries.remove(id.as_str());
            let Some(changes) = open.changes.get_mut(id) else { return Ok(()) };
            changes.under_way -= 1;
            let alone = !changes.overlapped && open.wide_changes == 0;
            if changes.under_way == 0 {
                open.changes.remove(id);
            }
            if let Some(session) = written.filter(|_| alone) {
                open.entries.put(id.as_str(), session);
            }
            Ok(())
        });
    }

    /// What was changed elsewhere, or behind the cache's back.
    pub(super) fn forget(&self, id: &str) -> Result<(), Error> {
        self.with(|open| {
            open.fills.remove(id);
            open.entries.remove(id);
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
    written: Option<Cached>,
}

impl Change {
    pub(super) fn begin(state: &Arc<State>, id: &SessionId) -> Result<Self, Error> {
        state.begin_change(id, false)?;
        Ok(Self { state: Arc::clone(state), id: id.clone(), written: None })
    }

    /// The same for an end of the session, which nobody is to see in the cache from now on.
    pub(super) fn begin_end(state: &Arc<State>, id: &SessionId) -> Result<Self, Error> {
        state.begin_change(id, true)?;
        Ok(Self { state: Arc::clone(state), id: id.clone(), written: None })
    }

    /// What is there now.
    pub(super) fn done(mut self, written: Cached) {
        self.written = Some(written);
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.state.end_change(&self.id, self.written.take());
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
