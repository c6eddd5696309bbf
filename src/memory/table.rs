//! The sessions of one memory storage: synchronous, single-threaded, without a clock of its own.

use super::{
    body::Body,
    content::Content,
    index::{Index, TagIndex},
    payload::Payload,
    recency::{Linked, Links, Recency},
    slots::Slots,
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    expiry::{Lifetime, Millis, Timeout},
    seed::SeededState,
    session::{Committed, IfRevision, Revision, SessionInfo, StorageStats, Tags, WriteOptions},
};

/// What a storage full of sessions does about one more (C10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Removes the least recently used sessions.
    #[default]
    Evict,
    /// Refuses the write with [`ErrorKind::Quota`], so that a flood of new sessions cannot push out those of
    /// real users.
    Reject,
}

/// The bounds of a table, and the timeouts of sessions whose write does not say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) idle: Millis,
    pub(crate) absolute: Millis,
    pub(crate) session_bytes: u64,
    pub(crate) bytes: u64,
    pub(crate) sessions: u64,
    pub(crate) when_full: WhenFull,
}

impl Limits {
    /// Refuses a content of this length, also one that is not complete yet.
    pub(crate) fn check_length(&self, length: u64) -> Result<(), Error> {
        if length > self.session_bytes {
            Err(Error::new(
                ErrorKind::TooLarge,
                "the content is larger than maxSessionBytes; store less, or raise the limit",
            ))
        } else if length > self.bytes {
            Err(full())
        } else {
            Ok(())
        }
    }
}

pub(super) fn full() -> Error {
    Error::new(ErrorKind::Quota, "the storage is full; raise maxBytes or maxSessions, or let it evict")
}

/// What a write asks for, with the revision as the table counts it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    pub(crate) idle: Timeout,
    pub(crate) absolute: Timeout,
    pub(crate) condition: Condition,
    pub(crate) tags: Option<Tags>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Condition {
    #[default]
    Any,
    Absent,
    Is(u64),
}

/// Begins the name of each revision, so that one of an earlier process is not taken for one of this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lineage(u32);

impl Lineage {
    pub(crate) fn prefix(self) -> String {
        format!("{:08x}.", self.0)
    }

    fn name(self, revision: u64) -> Revision {
        Revision::new(format!("{:08x}.{}{:03}", self.0, revision / 1000, revision % 1000))
    }

    /// The number in a name; zero, which no revision has, where the name is not of this table.
    fn number(self, revision: &Revision) -> u64 {
        let number = revision.as_str().strip_prefix(&self.prefix()).and_then(|number| number.parse().ok());
        number.unwrap_or(0)
    }
}

/// One session as it lies in memory.
#[derive(Debug)]
pub(crate) struct Session {
    body: Body,
    pub(crate) revision: u64,
    pub(crate) lifetime: Lifetime,
    pub(crate) tags: Tags,
    links: Links,
}

impl Session {
    pub(crate) fn info(&self, lineage: Lineage) -> SessionInfo {
        let info = SessionInfo::new(lineage.name(self.revision), self.lifetime.created);
        let mut info = info.with_lifetime(&self.lifetime);
        info.byte_length = Some(self.body.len() as u64);
        info.tags = self.tags.clone();
        info
    }

    pub(crate) fn payload(&self) -> Payload {
        self.body.payload()
    }

    #[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
    pub(crate) fn body(&self) -> &Body {
        &self.body
    }

    fn bytes(&self) -> u64 {
        size(self.body.id(), self.body.len())
    }
}

impl Linked for Session {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

fn size(id: &[u8], content: usize) -> u64 {
    (id.len() + content) as u64
}

/// Every call takes the time, since a clock is somebody else's code and must not run under the table's lock.
#[derive(Debug)]
pub(crate) struct Table {
    limits: Limits,
    hasher: SeededState,
    index: Index,
    slots: Slots<Session>,
    by_tag: TagIndex,
    recency: Option<Recency>,
    bytes: u64,
    lineage: Lineage,
    last_revision: u64,
    evicted: u64,
    expired: u64,
    /// No session expires before this moment, so that looking for one earlier is in vain.
    quiet_until: u64,
    /// Where sweeping goes on, and the earliest deadline that it has seen on this round.
    hand: u32,
    earliest_seen: u64,
}

impl Table {
    /// How many slots a write looks at for expired sessions, beside its own work. Two find them faster than
    /// one write can make them.
    const SWEEP_PER_WRITE: u32 = 2;
    /// How many a write looks at that would otherwise be refused or evict somebody.
    const SWEEP_WHEN_FULL: u32 = 4_096;

    pub(crate) fn new(limits: Limits, hasher: SeededState) -> Self {
        let bounded = limits.bytes < u64::MAX || limits.sessions < u64::MAX;
        #[allow(clippy::cast_possible_truncation)] // any part of a random number is random
        let lineage = Lineage(hasher.hash_bytes(b"lineage") as u32);
        Self {
            limits,
            hasher,
            index: Index::new(),
            slots: Slots::new(),
            by_tag: TagIndex::new(hasher),
            recency: (bounded && limits.when_full == WhenFull::Evict).then(Recency::new),
            bytes: 0,
            lineage,
            last_revision: 0,
            evicted: 0,
            expired: 0,
            quiet_until: u64::MAX,
            hand: 0,
            earliest_seen: u64::MAX,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn lineage(&self) -> Lineage {
        self.lineage
    }

    /// Writes a session, and tells what has become of it.
    pub(super) fn commit(
        &mut self,
        id: &str,
        content: Content<'_>,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Committed, Error> {
        let revision = self.put(id, content, terms, now)?;
        let lineage = self.lineage;
        let info = self.peek(id, now).map(|session| session.info(lineage));
        Ok(info.map_or_else(|| lineage.name(revision).into(), Committed::from))
    }

    /// What a write asks for, in this table's own revisions.
    pub(crate) fn terms(&self, options: &WriteOptions) -> Result<Terms, Error> {
        options.idle.resolve(Millis::NEVER)?;
        options.absolute.resolve(Millis::NEVER)?;
        let condition = match &options.condition {
            IfRevision::Any => Condition::Any,
            IfRevision::Absent => Condition::Absent,
            IfRevision::Is(revision) => Condition::Is(self.lineage.number(revision)),
        };
        let tags = options.tags.clone();
        Ok(Terms { idle: options.idle, absolute: options.absolute, condition, tags })
    }

    pub(crate) fn stats(&self) -> StorageStats {
        StorageStats {
            sessions: u64::from(self.slots.len()),
            bytes: self.bytes,
            evicted: self.evicted,
            expired: self.expired,
        }
    }

    /// The session, to look at; an expired one is removed on the way.
    pub(crate) fn peek(&mut self, id: &str, now: Timestamp) -> Option<&Session> {
        let slot = self.locate(id, now)?;
        self.slots.get(slot)
    }

    /// The session, to use its content: counts as use for eviction, not as activity (C7).
    pub(crate) fn get(&mut self, id: &str, now: Timestamp) -> Option<&Session> {
        let slot = self.locate(id, now)?;
        self.use_slot(slot);
        self.slots.get(slot)
    }

    /// Writes a session, or changes nothing.
    pub(crate) fn put(
        &mut self,
        id: &str,
        content: Content<'_>,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let length = content.len();
        self.limits.check_length(length as u64)?;
        let hash = self.hasher.hash_bytes(id.as_bytes());
        let slot = self.locate_hashed(hash, id, now);
        let old = slot.and_then(|slot| self.slots.get(slot));
        match terms.condition {
            Condition::Any => {}
            Condition::Absent if old.is_none() => {}
            Condition::Is(revision) if old.is_some_and(|old| old.revision == revision) => {}
            Condition::Absent | Condition::Is(_) => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "the session has moved on to another revision; read it again",
                ));
            }
        }
        let (idle, absolute) = old.map_or((self.limits.idle, self.limits.absolute), |old| {
            (old.lifetime.idle, old.lifetime.absolute)
        });
        let (idle, absolute) = (terms.idle.resolve(idle)?, terms.absolute.resolve(absolute)?);
        let (created, old_bytes) = old.map_or((now, 0), |old| (old.lifetime.created, old.bytes()));
        let mut lifetime = Lifetime { created, active: now, idle, absolute };
        lifetime.touch(old.map_or(now, |old| old.lifetime.active));

        let new_bytes = size(id.as_bytes(), length);
        self.make_room(new_bytes, old_bytes, slot, now)?;
        self.bytes = self.bytes - old_bytes + new_bytes;
        self.last_revision += 1;
        let revision = self.last_revision;
        match slot {
            Some(slot) => self.replace(slot, content, revision, lifetime, terms.tags.as_ref()),
            None => self.insert(hash, id, content, revision, lifetime, terms.tags.as_ref()),
        }
        self.quiet_until = self.quiet_until.min(lifetime.deadline());
        self.earliest_seen = self.earliest_seen.min(lifetime.deadline());
        self.sweep_some(Self::SWEEP_PER_WRITE, now);
        Ok(revision)
    }

    pub(crate) fn touch(&mut self, id: &str, now: Timestamp) -> bool {
        let Some(slot) = self.locate(id, now) else { return false };
        self.use_slot(slot);
        if let Some(session) = self.slots.get_mut(slot) {
            session.lifetime.touch(now);
        }
        true
    }

    pub(crate) fn remove(&mut self, id: &str, now: Timestamp) -> bool {
        match self.locate(id, now) {
            Some(slot) => self.remove_slot(slot).is_some(),
            None => false,
        }
    }

    /// The sessions that carry a tag.
    pub(crate) fn tagged(&mut self, tag: &str, now: Timestamp) -> Vec<&Session> {
        let slots = self.by_tag.slots(tag);
        for &slot in &slots {
            self.expire(slot, now);
        }
        slots.iter().filter_map(|&slot| self.slots.get(slot)).collect()
    }

    /// Removes the sessions that carry a tag, and shows their ids.
    pub(crate) fn remove_tagged(&mut self, tag: &str, now: Timestamp, mut removed: impl FnMut(&str)) -> u64 {
        let slots = self.by_tag.slots(tag);
        for &slot in &slots {
            self.expire(slot, now);
        }
        let sessions = slots.into_iter().filter_map(|slot| self.remove_slot(slot));
        sessions.fold(0, |count, session| {
            // Made of a str, so it is one.
            removed(std::str::from_utf8(session.body.id()).unwrap_or_default());
            count + 1
        })
    }

    /// Removes every expired session.
    pub(crate) fn sweep(&mut self, now: Timestamp) -> u64 {
        let before = self.expired;
        self.hand = 0;
        self.earliest_seen = u64::MAX;
        self.sweep_some(self.slots.capacity(), now);
        self.expired - before
    }

    fn locate(&mut self, id: &str, now: Timestamp) -> Option<u32> {
        self.locate_hashed(self.hasher.hash_bytes(id.as_bytes()), id, now)
    }

    fn locate_hashed(&mut self, hash: u64, id: &str, now: Timestamp) -> Option<u32> {
        let slots = &self.slots;
        let slot = self
            .index
            .find(hash, |slot| slots.get(slot).is_some_and(|session| session.body.is_of(id.as_bytes())))?;
        (!self.expire(slot, now)).then_some(slot)
    }

    /// What has been found expired is removed at once, so that a clock that goes back cannot revive it.
    fn expire(&mut self, slot: u32, now: Timestamp) -> bool {
        let over = self.slots.get(slot).is_some_and(|session| session.lifetime.is_over(now));
        if over && self.remove_slot(slot).is_some() {
            self.expired += 1;
        }
        over
    }

    fn use_slot(&mut self, slot: u32) {
        if let Some(recency) = &mut self.recency {
            recency.touch(&mut self.slots, slot);
        }
    }

    fn insert(
        &mut self,
        hash: u64,
        id: &str,
        content: Content<'_>,
        revision: u64,
        lifetime: Lifetime,
        tags: Option<&Tags>,
    ) {
        let body = Body::new(id, content);
        let tags = tags.cloned().unwrap_or_default();
        let session = Session { body, revision, lifetime, tags, links: Links::NONE };
        let slot = self.slots.insert(session);
        self.index.insert(hash, slot);
        if let Some(tags) = self.slots.get(slot).map(|session| &session.tags) {
            self.by_tag.insert(tags, slot);
        }
        if let Some(recency) = &mut self.recency {
            recency.add(&mut self.slots, slot);
        }
    }

    fn replace(
        &mut self,
        slot: u32,
        content: Content<'_>,
        revision: u64,
        lifetime: Lifetime,
        tags: Option<&Tags>,
    ) {
        self.use_slot(slot);
        let Some(session) = self.slots.get_mut(slot) else { return };
        session.revision = revision;
        session.lifetime = lifetime;
        session.body.replace(content);
        if let Some(tags) = tags.filter(|tags| **tags != session.tags) {
            self.by_tag.remove(&session.tags, slot);
            self.by_tag.insert(tags, slot);
            session.tags = tags.clone();
        }
    }

    fn remove_slot(&mut self, slot: u32) -> Option<Session> {
        if let Some(recency) = &mut self.recency {
            recency.remove(&mut self.slots, slot);
        }
        let session = self.slots.remove(slot)?;
        self.index.remove(self.hasher.hash_bytes(session.body.id()), slot);
        self.by_tag.remove(&session.tags, slot);
        self.bytes -= session.bytes();
        Some(session)
    }

    /// Makes room for a session of `new_bytes` in place of one of `old_bytes` (which may be none), or
    /// changes nothing but what has expired.
    fn make_room(
        &mut self,
        new_bytes: u64,
        old_bytes: u64,
        own: Option<u32>,
        now: Timestamp,
    ) -> Result<(), Error> {
        if new_bytes > self.limits.bytes || self.limits.sessions == 0 {
            return Err(full());
        }
        if self.has_room(new_bytes, old_bytes, own) {
            return Ok(());
        }
        self.sweep_some(Self::SWEEP_WHEN_FULL, now);
        while !self.has_room(new_bytes, old_bytes, own) {
            if let Some(own) = own {
                self.use_slot(own);
            }
            let oldest = self.recency.as_ref().and_then(Recency::oldest);
            let Some(oldest) = oldest.filter(|&oldest| Some(oldest) != own) else { return Err(full()) };
            if self.remove_slot(oldest).is_some() {
                self.evicted += 1;
            }
        }
        Ok(())
    }

    fn has_room(&self, new_bytes: u64, old_bytes: u64, own: Option<u32>) -> bool {
        let sessions = u64::from(self.slots.len()) + u64::from(own.is_none());
        sessions <= self.limits.sessions && self.bytes - old_bytes + new_bytes <= self.limits.bytes
    }

    /// Looks at some slots for expired sessions, going on where the last call stopped.
    fn sweep_some(&mut self, count: u32, now: Timestamp) {
        if now.as_millis() < self.quiet_until {
            return;
        }
        for _ in 0..count.min(self.slots.capacity()) {
            if !self.expire(self.hand, now) {
                let deadline = self.slots.get(self.hand).map_or(u64::MAX, |own| own.lifetime.deadline());
                self.earliest_seen = self.earliest_seen.min(deadline);
            }
            self.hand += 1;
            if self.hand >= self.slots.capacity() {
                self.hand = 0;
                self.quiet_until = std::mem::replace(&mut self.earliest_seen, u64::MAX);
                if now.as_millis() < self.quiet_until {
                    return;
                }
            }
        }
    }
}
