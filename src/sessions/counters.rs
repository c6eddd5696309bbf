//! How often what has happened.

use std::sync::atomic::{AtomicU64, Ordering};

use super::options::SessionEvent;

/// How often each thing has happened to the sessions of one [`Sessions`](crate::Sessions) and its clones since it was made, in
/// this process. Each is what the [`SessionEvent`] of its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SessionCounters {
    /// Sessions that were stored for the first time.
    pub created: u64,
    /// Tickets of an older secret that were replaced by one of the newest.
    pub renewed: u64,
    /// New ids of sessions that had one.
    pub regenerated: u64,
    /// Sessions that were ended by [`clear`](crate::Session::clear).
    pub invalidated: u64,
    /// Requests whose changes were dropped: the session had been ended or given another id meanwhile.
    pub ended: u64,
    /// Commits that another request's came before, each time that it happened to one.
    pub conflict: u64,
    /// Requests with a signed or sealed ticket of a session that is no more.
    pub expired: u64,
    /// Requests with a ticket that is none of ours, or, without secrets, of no session.
    pub unknown: u64,
    /// Requests with an id that its session had given up within the last minute.
    pub moved: u64,
    /// Stored sessions that could not be used, each time that one was met.
    pub invalid: u64,
}

#[derive(Default)]
pub(super) struct Counters([AtomicU64; 10]);

impl Counters {
    pub(super) fn add(&self, event: SessionEvent) {
        self.of(event).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn all(&self) -> SessionCounters {
        let count = |event| self.of(event).load(Ordering::Relaxed);
        SessionCounters {
            created: count(SessionEvent::Created),
            renewed: count(SessionEvent::Renewed),
            regenerated: count(SessionEvent::Regenerated),
            invalidated: count(SessionEvent::Invalidated),
            ended: count(SessionEvent::Ended),
            conflict: count(SessionEvent::Conflict),
            expired: count(SessionEvent::Expired),
            unknown: count(SessionEvent::Unknown),
            moved: count(SessionEvent::Moved),
            invalid: count(SessionEvent::Invalid),
        }
    }

    fn of(&self, event: SessionEvent) -> &AtomicU64 {
        let [created, renewed, regenerated, invalidated, ended, conflict, expired, unknown, moved, invalid] =
            &self.0;
        match event {
            SessionEvent::Created => created,
            SessionEvent::Renewed => renewed,
            SessionEvent::Regenerated => regenerated,
            SessionEvent::Invalidated => invalidated,
            SessionEvent::Ended => ended,
            SessionEvent::Conflict => conflict,
            SessionEvent::Expired => expired,
            SessionEvent::Unknown => unknown,
            SessionEvent::Moved => moved,
            SessionEvent::Invalid => invalid,
        }
    }
}
