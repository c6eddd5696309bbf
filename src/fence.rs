//! What makes an invalidate final: writes in flight learn of it before they commit (C4).

use std::collections::HashMap;

use crate::{
    error::{Error, ErrorKind},
    id::SessionId,
    seed::SeededState,
};

/// The writes in flight of one storage, by id. An entry lives as long as a write of its id does, so that
/// invalidating a session costs no memory.
///
/// It has no lock of its own: whoever asks whether a write is fenced must commit under the same lock.
#[derive(Debug)]
pub(crate) struct Fences(HashMap<SessionId, Fence, SeededState>);

#[derive(Debug, Default)]
struct Fence {
    in_flight: usize,
    invalidations: u64,
}

/// What a write saw when it began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(u64);

impl Fences {
    pub(crate) fn new(hasher: SeededState) -> Self {
        Self(HashMap::with_hasher(hasher))
    }

    /// A write of this id begins; it must [`leave`](Self::leave).
    pub(crate) fn enter(&mut self, id: &SessionId) -> Mark {
        let fence = self.0.entry(id.clone()).or_default();
        fence.in_flight += 1;
        Mark(fence.invalidations)
    }

    /// The session of this id is invalidated: no write that has entered may commit.
    pub(crate) fn raise(&mut self, id: &str) {
        if let Some(fence) = self.0.get_mut(id) {
            fence.invalidations += 1;
        }
    }

    /// Whether the session was invalidated since this write began.
    pub(crate) fn is_raised(&self, id: &SessionId, mark: Mark) -> bool {
        self.0.get(id).is_none_or(|fence| fence.invalidations != mark.0)
    }

    pub(crate) fn leave(&mut self, id: &SessionId) {
        if let Some(fence) = self.0.get_mut(id) {
            fence.in_flight -= 1;
            if fence.in_flight == 0 {
                self.0.remove(id);
            }
        }
    }
}

/// What a write meets whose session was invalidated after it began.
pub(crate) fn fenced() -> Error {
    Error::new(ErrorKind::Conflict, "the session was invalidated while this write was under way")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c4_a_fence_stops_those_who_entered_before_and_nobody_else() -> Result<(), Error> {
        let mut fences = Fences::new(SeededState::random()?);
        let (id, other) = (SessionId::new("a")?, SessionId::new("b")?);
        let before = fences.enter(&id);
        let elsewhere = fences.enter(&other);
        fences.raise(id.as_str());
        let after = fences.enter(&id);
        assert!(fences.is_raised(&id, before));
        assert!(!fences.is_raised(&id, after));
        assert!(!fences.is_raised(&other, elsewhere));
        for id in [&id, &id, &other] {
            fences.leave(id);
        }
        assert!(fences.0.is_empty(), "a fence must not outlive the writes in flight");
        Ok(())
    }
}
