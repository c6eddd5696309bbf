//! What the handles, readers and writers of one memory storage share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::table::{Limits, Table, full};
use crate::{
    clock::{Clock, Timestamp},
    error::Error,
    fence::{Fences, Mark, fenced},
    id::SessionId,
    seed::SeededState,
    session::Committed,
};

/// A table behind a lock that is never held while anybody else's code runs.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
enum State {
    /// Nothing was asked yet, so no random seed was drawn: a platform may have none to give while its
    /// modules are loading.
    Fresh,
    Open(Box<Open>),
    Closed,
}

#[derive(Debug)]
struct Open {
    table: Table,
    fences: Fences,
    /// Bytes of writes that are not committed yet. Bounded by `maxBytes` on their own: what they will replace or
    /// evict is known only when they commit.
    staged: u64,
}

impl Shared {
    pub(super) fn new((limits, clock): (Limits, Arc<dyn Clock>)) -> Self {
        Self { state: Mutex::new(State::Fresh), limits, clock }
    }

    pub(crate) fn now(&self) -> Result<Timestamp, Error> {
        self.clock.now()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut Table) -> Result<T, Error>) -> Result<T, Error> {
        self.with_open(|open| call(&mut open.table))
    }

    pub(crate) fn invalidate(&self, id: &str, now: Timestamp) -> Result<bool, Error> {
        self.with_open(|open| {
            open.fences.raise(id);
            Ok(open.table.remove(id, now))
        })
    }

    pub(crate) fn invalidate_tagged(&self, tag: &str, now: Timestamp) -> Result<u64, Error> {
        self.with_open(|open| {
            let Open { table, fences, .. } = open;
            Ok(table.remove_tagged(tag, now, |id| fences.raise(id)))
        })
    }

    pub(crate) fn close(&self) {
        *self.lock() = State::Closed;
    }

    pub(super) fn enter(&self, id: &SessionId) -> Result<Mark, Error> {
        self.with_open(|open| Ok(open.fences.enter(id)))
    }

    /// The write is over, committed or not: its fence and its staged bytes are given back.
    pub(super) fn leave(&self, id: &SessionId, staged: u64) {
        if let State::Open(open) = &mut *self.lock() {
            open.fences.leave(id);
            open.staged -= staged;
        }
    }

    /// Accounts for more staged bytes.
    pub(super) fn stage(&self, bytes: u64) -> Result<(), Error> {
        self.with_open(|open| {
            let staged = open.staged.saturating_add(bytes);
            if staged > open.table.limits().bytes {
                return Err(full());
            }
            open.staged = staged;
            Ok(())
        })
    }

    /// Commits a write, unless the session was invalidated since it began: checked and done under one lock.
    pub(super) fn commit(
        &self,
        id: &SessionId,
        mark: Mark,
        commit: impl FnOnce(&mut Table) -> Result<Committed, Error>,
    ) -> Result<Committed, Error> {
        self.with_open(|open| {
            if open.fences.is_raised(id, mark) {
                return Err(fenced());
            }
            commit(&mut open.table)
        })
    }

    fn with_open<T>(&self, call: impl FnOnce(&mut Open) -> Result<T, Error>) -> Result<T, Error> {
        let mut state = self.lock();
        match &mut *state {
            State::Open(open) => call(open),
            other => call(self.open(other)?),
        }
    }

    /// The first call opens the storage. Apart from the calls themselves, which are many.
    #[cold]
    fn open<'a>(&self, state: &'a mut State) -> Result<&'a mut Open, Error> {
        if matches!(state, State::Fresh) {
            *state = State::Open(Box::new(Open::new(self.limits)?));
        }
        match state {
            State::Open(open) => Ok(open),
            State::Fresh | State::Closed => Err(Error::closed()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn new(limits: Limits) -> Result<Self, Error> {
        let hasher = SeededState::random()?;
        Ok(Self { table: Table::new(limits, hasher), fences: Fences::new(hasher), staged: 0 })
    }
}
