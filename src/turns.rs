//! Who may change a session: one after another.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{error::Error, id::SessionId, seed::SeededState};

type Locks = HashMap<SessionId, Arc<futures::lock::Mutex<()>>, SeededState>;

/// The turns that are taken or waited for. Those that nobody wants any more cost no memory.
#[derive(Debug)]
pub(crate) struct Turns(Mutex<Option<Locks>>);

impl Turns {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Waits until nobody else has the turn of this session, by its id or another name.
    pub(crate) async fn wait(&self, name: &SessionId) -> Result<Turn<'_>, Error> {
        // Made first, so that it is dropped after the lock where this wait is given up.
        let mut this = Turn { turns: self, name: name.clone(), guard: None };
        this.guard = Some(self.lock_of(name)?.lock_owned().await);
        Ok(this)
    }

    fn lock_of(&self, name: &SessionId) -> Result<Arc<futures::lock::Mutex<()>>, Error> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let locks = match &mut *locks {
            Some(locks) => locks,
            none => none.insert(HashMap::with_hasher(SeededState::random()?)),
        };
        Ok(Arc::clone(locks.entry(name.clone()).or_default()))
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, HashMap::len)
    }
}

/// The turn of one session. Given back when dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    name: SessionId,
    guard: Option<futures::lock::OwnedMutexGuard<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut locks = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(locks) = &mut *locks {
            // Those who wait hold the lock as well; the last one out forgets it.
            if locks.get(&self.name).is_some_and(|lock| Arc::strong_count(lock) == 1) {
                locks.remove(&self.name);
            }
        }
    }
}
