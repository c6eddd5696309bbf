//! What a cache holds: bounded, and nothing in it older than it may be.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use quick_cache::{Lifecycle, Weighter, unsync::Cache};

use super::options::{Ages, CacheOptions};
use crate::{
    clock::Timestamp,
    seed::SeededState,
    session::{Revision, SessionInfo},
};

/// Weights are added up.
const MOST_BYTES: u64 = u64::MAX / 4;

/// Threads that ask a clock at the same time may come here in another order; in milliseconds.
const APART: u64 = 1_000;

/// A session as it was read or written last.
#[derive(Debug, Clone)]
pub(crate) struct Cached {
    pub(crate) content: Bytes,
    pub(crate) info: SessionInfo,
    /// When the delegate was asked.
    pub(crate) as_of: Timestamp,
    /// The end of its life as the delegate has told it. It may have ignored a touch since.
    ends: Option<Timestamp>,
}

impl Cached {
    pub(super) fn new(content: Bytes, info: SessionInfo, as_of: Timestamp) -> Self {
        Self { content, ends: info.expires_at, info, as_of }
    }
}

/// What is known of an id.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    Session(Cached),
    /// There is no such session.
    Missing,
}

impl Known {
    pub(super) fn session(&self) -> Option<&Cached> {
        match self {
            Self::Session(session) => Some(session),
            Self::Missing => None,
        }
    }
}

pub(super) struct Entries {
    cache: Cache<Box<str>, Entry, Weight, SeededState, Evictions>,
    ages: Ages,
    /// The latest moment that was seen.
    latest: Timestamp,
    evictions: Evictions,
}

struct Entry {
    known: Known,
    as_of: Timestamp,
    used: Cell<Timestamp>,
    /// The end of its life, used or not.
    until: u64,
}

impl Entries {
    pub(super) fn new(options: &CacheOptions, ages: Ages, hasher: SeededState) -> Self {
        let evictions = Evictions::default();
        let bytes = options.bytes.min(MOST_BYTES);
        // One more would be too many; and one alone is no more than the cache takes, which is a little less than all.
        let weight = Weight { least: bytes / options.sessions.saturating_add(1) + 1 };
        // Only a hint, for how many of the evicted it remembers.
        let estimate = usize::try_from(options.sessions.min(bytes / 1024)).unwrap_or(usize::MAX);
        let cache = Cache::with(estimate.min(1_000_000), bytes, weight, hasher, evictions.clone());
        Self { cache, ages, latest: Timestamp::default(), evictions }
    }

    /// After a clock has gone back, nobody knows how old anything is.
    fn see(&mut self, now: Timestamp) {
        if now.as_millis().saturating_add(APART) < self.latest.as_millis() {
            self.cache.clear();
            self.latest = now;
        }
        self.latest = self.latest.max(now);
    }

    /// What is known of an id, to be used: `None` where that must be asked for.
    pub(super) fn get(&mut self, id: &str, now: Timestamp) -> Option<&Known> {
        self.see(now);
        let ages = self.ages;
        // One look-up for what is good, which is the common case; two for what is not.
        if !self.cache.get(id)?.is_good(now, ages) {
            self.cache.remove(id);
            return None;
        }
        let entry = self.cache.peek(id)?;
        entry.used.set(now);
        Some(&entry.known)
    }

    /// The same to look at, which is no use.
    pub(super) fn peek(&mut self, id: &str, now: Timestamp) -> Option<&Known> {
        self.see(now);
        let ages = self.ages;
        // What has been found too old is gone, so that a clock that goes back cannot revive it.
        self.cache.remove_if(id, |entry| !entry.is_good(now, ages));
        self.cache.peek(id).map(|entry| &entry.known)
    }

    /// Keeps what was read, written or touched. A cache never outlives the deadline of what it holds.
    pub(super) fn put(&mut self, id: &str, session: Cached, used: Timestamp) {
        let deadline = session.ends.map_or(u64::MAX, Timestamp::as_millis);
        let age = self.ages.absolute;
        self.keep(id, session.as_of, used, (age, deadline), Known::Session(session));
    }

    /// Keeps that there was no session.
    pub(super) fn put_missing(&mut self, id: &str, as_of: Timestamp) {
        self.keep(id, as_of, as_of, (self.ages.miss, u64::MAX), Known::Missing);
    }

    fn keep(
        &mut self,
        id: &str,
        as_of: Timestamp,
        used: Timestamp,
        (age, deadline): (u64, u64),
        known: Known,
    ) {
        self.latest = self.latest.max(used);
        let until = as_of.as_millis().saturating_add(age).min(deadline);
        if until > as_of.as_millis() {
            // In the place of what is there, so that it counts as often used as that; which is no eviction.
            let replaced = u64::from(self.cache.contains_key(id));
            self.cache.insert(id.into(), Entry { known, as_of, used: Cell::new(used), until });
            self.evictions.0.fetch_sub(replaced, Ordering::Relaxed);
        } else {
            self.cache.remove(id);
        }
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.cache.remove(id);
    }

    /// Forgets what is another revision than this one.
    pub(super) fn remove_other(&mut self, id: &str, revision: Option<&Revision>) {
        self.cache.remove_if(id, |entry| entry.known.session().map(|own| &own.info.revision) != revision);
    }

    pub(super) fn clear(&mut self) {
        self.cache.clear();
    }

    /// Forgets the sessions that carry a tag.
    pub(super) fn remove_tagged(&mut self, tag: &str) {
        self.cache.retain(|_, entry| !entry.known.session().is_some_and(|own| own.info.tags.contains(tag)));
    }

    /// Forgets what is too old.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.see(now);
        let ages = self.ages;
        self.cache.retain(|_, entry| entry.is_good(now, ages));
    }

    pub(super) fn len(&self) -> u64 {
        self.cache.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.cache.iter().map(|(id, entry)| size(id, entry)).sum()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evictions.0.load(Ordering::Relaxed)
    }
}

impl Entry {
    /// An entry of the future was made before the clock went back: nobody knows how old it is.
    fn is_good(&self, now: Timestamp, ages: Ages) -> bool {
        let idle_until = self.used.get().as_millis().saturating_add(ages.idle);
        self.as_of <= now && now.as_millis() < self.until.min(idle_until)
    }
}

fn size(id: &str, entry: &Entry) -> u64 {
    let session = entry
        .known
        .session()
        .map_or(0, |session| session.content.len() + session.info.tags.iter().map(str::len).sum::<usize>());
    (id.len() + session) as u64
}

/// The bytes of an entry; never so few that there could be too many of them.
#[derive(Clone)]
struct Weight {
    least: u64,
}

impl Weighter<Box<str>, Entry> for Weight {
    fn weight(&self, id: &Box<str>, entry: &Entry) -> u64 {
        size(id, entry).max(self.least)
    }
}

/// Counts what had to make room.
#[derive(Clone, Default)]
struct Evictions(Arc<AtomicU64>);

impl Lifecycle<Box<str>, Entry> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: Box<str>, _: Entry) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
