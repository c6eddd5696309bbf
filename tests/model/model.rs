//! What a memory storage is, said as simply as it can be: a map, an order of use, and a time.

use std::collections::BTreeMap;

use sessile::{ErrorKind, WhenFull};

/// Milliseconds; `u64::MAX` is never.
pub(crate) const NEVER: u64 = u64::MAX;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) session_bytes: u64,
    pub(crate) bytes: u64,
    pub(crate) sessions: u64,
    pub(crate) when_full: WhenFull,
    pub(crate) idle: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    pub(crate) content: Vec<u8>,
    pub(crate) revision: u64,
    pub(crate) created: u64,
    pub(crate) active: u64,
    pub(crate) idle: u64,
    pub(crate) absolute: u64,
    pub(crate) tags: Vec<&'static str>,
    /// Its time was over once, so a sweep may have taken it since. Nobody asked for it then.
    pub(crate) doubtful: bool,
}

impl Session {
    pub(crate) fn deadline(&self) -> u64 {
        self.active.saturating_add(self.idle).min(self.created.saturating_add(self.absolute))
    }

    pub(crate) fn is_over(&self, now: u64) -> bool {
        now >= self.deadline()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Condition {
    Any,
    Absent,
    Is(u64),
}

/// What a write asks for. `None` keeps what is there.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) condition: Condition,
    pub(crate) idle: Option<u64>,
    pub(crate) absolute: Option<u64>,
    pub(crate) tags: Option<Vec<&'static str>>,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) limits: Limits,
    pub(crate) now: u64,
    pub(crate) sessions: BTreeMap<&'static str, Session>,
    /// Ids by use, least recent first.
    pub(crate) order: Vec<&'static str>,
    pub(crate) evicted: u64,
    pub(crate) last_revision: u64,
}

impl Model {
    pub(crate) fn new(limits: Limits, now: u64) -> Self {
        Self { limits, now, sessions: BTreeMap::new(), order: Vec::new(), evicted: 0, last_revision: 0 }
    }

    pub(crate) fn set_clock(&mut self, now: u64) {
        self.now = now;
        for session in self.sessions.values_mut() {
            session.doubtful |= session.is_over(now);
        }
    }

    /// The live session. One whose time is over is gone from now on.
    pub(crate) fn find(&mut self, id: &'static str) -> Option<&mut Session> {
        if self.sessions.get(id)?.is_over(self.now) {
            self.remove(id);
        }
        self.sessions.get_mut(id)
    }

    pub(crate) fn remove(&mut self, id: &'static str) {
        self.sessions.remove(id);
        self.order.retain(|other| *other != id);
    }

    pub(crate) fn expire_all(&mut self) {
        let over: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.is_over(self.now))
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.remove(id);
        }
    }

    pub(crate) fn used(&mut self, id: &'static str) {
        self.order.retain(|other| *other != id);
        self.order.push(id);
    }

    pub(crate) fn get(&mut self, id: &'static str) -> Option<Session> {
        let found = self.find(id)?.clone();
        self.used(id);
        Some(found)
    }

    pub(crate) fn touch(&mut self, id: &'static str) -> bool {
        let now = self.now;
        let Some(session) = self.find(id) else { return false };
        session.active = session.active.max(now);
        // Granted more time, it may be past doubt; but what was swept does not come back.
        self.used(id);
        true
    }

    pub(crate) fn invalidate(&mut self, id: &'static str) -> bool {
        let there = self.find(id).is_some();
        self.remove(id);
        there
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.sessions.iter().map(|(id, session)| (id.len() + session.content.len()) as u64).sum()
    }

    /// How many sessions have their time, and their bytes.
    pub(crate) fn live(&self) -> (u64, u64) {
        let live = self.sessions.iter().filter(|(_, session)| !session.is_over(self.now));
        live.fold((0, 0), |(count, bytes), (id, session)| {
            (count + 1, bytes + (id.len() + session.content.len()) as u64)
        })
    }

    pub(crate) fn check_length(&self, length: u64) -> Result<(), ErrorKind> {
        if length > self.limits.session_bytes {
            Err(ErrorKind::TooLarge)
        } else if length > self.limits.bytes {
            Err(ErrorKind::Quota)
        } else {
            Ok(())
        }
    }

    pub(crate) fn put(
        &mut self,
        id: &'static str,
        content: Vec<u8>,
        asked: &Asked,
    ) -> Result<u64, ErrorKind> {
        self.check_length(content.len() as u64)?;
        let old = self.find(id).cloned();
        let met = match asked.condition {
            Condition::Any => true,
            Condition::Absent => old.is_none(),
            Condition::Is(revision) => old.as_ref().is_some_and(|old| old.revision == revision),
        };
        if !met {
            return Err(ErrorKind::Conflict);
        }
        let size = (id.len() + content.len()) as u64;
        if size > self.limits.bytes {
            return Err(ErrorKind::Quota);
        }
        let old_size = old.as_ref().map_or(0, |old| (id.len() + old.content.len()) as u64);
        // Those whose time is over are no obstacle, whether they are swept yet or not.
        let fits = |model: &Self| {
            let (sessions, bytes) = model.live();
            bytes - old_size + size <= model.limits.bytes
                && sessions + u64::from(old.is_none()) <= model.limits.sessions
        };
        if !fits(self) {
            self.expire_all();
        }
        if old.is_some() {
            self.used(id);
        }
        while !fits(self) {
            let oldest = self.order[0];
            if self.limits.when_full == WhenFull::Reject || oldest == id {
                return Err(ErrorKind::Quota);
            }
            self.remove(oldest);
            self.evicted += 1;
        }
        self.used(id);
        self.last_revision += 1;
        let (idle, absolute, tags) = old
            .as_ref()
            .map_or((self.limits.idle, NEVER, Vec::new()), |old| (old.idle, old.absolute, old.tags.clone()));
        let session = Session {
            content,
            revision: self.last_revision,
            created: old.as_ref().map_or(self.now, |old| old.created),
            active: old.as_ref().map_or(self.now, |old| old.active.max(self.now)),
            idle: asked.idle.unwrap_or(idle),
            absolute: asked.absolute.unwrap_or(absolute),
            tags: asked.tags.clone().unwrap_or(tags),
            doubtful: false,
        };
        // A shorter timeout may end it in the moment in which it is written.
        let doubtful = session.is_over(self.now);
        self.sessions.insert(id, Session { doubtful, ..session });
        Ok(self.last_revision)
    }

    pub(crate) fn tagged(&mut self, tag: &str) -> Vec<&'static str> {
        let carrying: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.tags.contains(&tag))
            .map(|(id, _)| *id)
            .collect();
        carrying.into_iter().filter(|id| self.find(id).is_some()).collect()
    }
}
