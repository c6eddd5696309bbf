//! What a write knows from its beginning to its commit.

use std::sync::Arc;

use super::{
    Shared,
    medium::{Change, Content, Current},
};
use crate::{
    clock::Timestamp,
    defaults::{check_condition, check_timeouts},
    error::{Error, ErrorKind},
    fence::{Mark, fenced},
    id::SessionId,
    key::Key,
    record::{Head, Lineage, TOMBSTONE_MILLIS},
    session::{Committed, IfRevision, WriteOptions},
};

/// A write in flight.
pub(super) struct Write {
    pub(super) shared: Arc<Shared>,
    key: Key,
    name: SessionId,
    mark: Mark,
    options: WriteOptions,
    began_at: Timestamp,
    began: Option<Lineage>,
}

impl Write {
    /// Begins a write. From here on an invalidate of this id in this process wins over it.
    pub(super) fn begin(shared: &Arc<Shared>, id: &SessionId, options: WriteOptions) -> Result<Self, Error> {
        shared.check_open()?;
        check_timeouts(&options)?;
        let is_tagged = options.tags.as_ref().is_some_and(|tags| !tags.is_empty());
        if is_tagged && !shared.medium.capabilities().tags {
            return Err(Error::unsupported("this storage keeps no tags: see its capabilities"));
        }
        let began_at = shared.defaults.now()?;
        let key = Key::of(id);
        let name = key.name()?;
        let mark = shared.with_fences(|fences| fences.enter(&name))?;
        Ok(Self { shared: Arc::clone(shared), key, name, mark, options, began_at, began: None })
    }

    /// Takes note of what is there, so that an invalidate elsewhere wins as well. A write that commits at once
    /// need not: nobody comes in between.
    pub(super) async fn look(&mut self) -> Result<(), Error> {
        self.began = Some(match self.shared.open(&self.key).await {
            Ok(found) => found.map_or(Lineage::NONE, |record| record.head.lineage),
            // A whole new record heals a damaged one.
            Err(error) if error.kind() == ErrorKind::Corrupt => Lineage::NONE,
            Err(error) => return Err(error),
        });
        Ok(())
    }

    /// Publishes a content of this length and checksum, unless an invalidate or the condition forbids it.
    pub(super) async fn commit(
        &self,
        content: &mut Content,
        length: u64,
        sum: u32,
    ) -> Result<Committed, Error> {
        let Self { shared, options, .. } = self;
        let now = shared.defaults.now()?;
        let mut committed = None;
        let mut decide = |before: Option<Lineage>, current: Current<'_>| {
            shared.check_open()?;
            let lineage = current.lineage();
            let began = self.began.or(before);
            let is_ended = began.is_some_and(|began| self.has_ended_since(began, lineage, now));
            if is_ended
                || self.is_overtaken(current, now)
                || shared.with_fences(|fences| fences.is_raised(&self.name, self.mark))?
            {
                return Err(fenced());
            }
            let live = current.live(now);
            check_condition(options, live.map(Head::revision).as_ref())?;
            let lifetime = shared.defaults.lifetime(options, live.map(|head| &head.lifetime), now)?;
            let kept = || live.map(|head| head.tags.clone()).unwrap_or_default();
            let tags = options.tags.clone().unwrap_or_else(kept);
            let head = Head::session(lifetime, tags, lineage)?.with_content(length, sum);
            committed = Some(Committed::from(head.info()));
            Ok(Change::Publish(head))
        };
        // Any other write must look: what was read last does not tell of an invalidate since, which only a condition stops.
        let medium = &shared.medium;
        if let IfRevision::Is(_) = options.condition {
            medium.change_known(&self.key, content, &mut decide)
        } else {
            medium.change(&self.key, content, &mut decide)
        }
        .await?;
        // A change that did not fail has asked, and what was decided then is what was published.
        committed.ok_or_else(Error::closed)
    }

    /// Whether an invalidate came between the beginning and the first look, which is told by its time. One of the future is
    /// none: the clock went back since.
    fn is_overtaken(&self, current: Current<'_>, now: Timestamp) -> bool {
        matches!(current, Current::Record(head)
            if !head.is_session() && head.lifetime.created > self.began_at && head.lifetime.created <= now)
    }

    /// Whether the session may have been invalidated between two looks at it. Tombstones do not stay for ever:
    /// a write that took longer than they do is not trusted to have seen them all.
    fn has_ended_since(&self, began: Lineage, lineage: Lineage, now: Timestamp) -> bool {
        let took = now.as_millis().saturating_sub(self.began_at.as_millis());
        let is_proved = began == lineage && lineage != Lineage::NONE;
        !is_proved && (took >= TOMBSTONE_MILLIS || (began != lineage && lineage.is_ended()))
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        // Fails only where no write has begun, and this one had.
        let _ = self.shared.with_fences(|fences| fences.leave(&self.name));
    }
}
