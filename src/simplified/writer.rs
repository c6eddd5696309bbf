//! A record on its way to the medium.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::AsyncWrite;

use super::{LoadStore, Shared, Stored};
use crate::{
    channel::StagedWrite,
    defaults::check_condition,
    error::{Error, ErrorKind},
    fence::{Mark, fenced},
    id::SessionId,
    key::Key,
    maybe_send::BoxFuture,
    record::{Head, Lineage, Sum},
    session::{Committed, Tags, WriteOptions},
};

/// Gathers a content.
pub(super) struct RecordWriter<L: LoadStore> {
    pub(super) shared: Arc<Shared<L>>,
    pub(super) id: SessionId,
    pub(super) mark: Mark,
    pub(super) options: WriteOptions,
    pub(super) content: Vec<u8>,
}

impl<L: LoadStore> RecordWriter<L> {
    async fn publish(&mut self) -> Result<Committed, Error> {
        let shared = &self.shared;
        let now = shared.options.defaults.now()?;
        let key = Key::of(&self.id).hex();
        let _turn = shared.turn(&self.id).await?;
        shared.check_open()?;
        let old = match shared.load(&key, now).await {
            Ok(Stored::Live(head, _)) => Some(head),
            Ok(Stored::Nothing | Stored::Expired) => None,
            // A whole new record heals a damaged one.
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            Err(error) => return Err(error),
        };
        let defaults = &shared.options.defaults;
        check_condition(&self.options, old.as_ref().map(Head::revision).as_ref())?;
        let lifetime = defaults.lifetime(&self.options, old.as_ref().map(|old| &old.lifetime), now)?;
        let lineage = old.map_or(Lineage::NONE, |old| old.lineage);
        let sum = Sum::of(&self.content);
        let head = Head::session(lifetime, Tags::default(), lineage)?;
        let head = head.with_content(self.content.len() as u64, sum);
        let record = head.record(&self.content);
        if shared.with_fences(|fences| fences.is_raised(&self.id, self.mark))? {
            return Err(fenced());
        }
        shared.medium.store(&key, Some(record), head.lifetime.expires_at()).await?;
        Ok(head.info().into())
    }
}

impl<L: LoadStore> AsyncWrite for RecordWriter<L> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let length = self.content.len() + bytes.len();
        if let Err(error) = self.shared.options.defaults.check_length(length as u64) {
            return Poll::Ready(Err(error.into()));
        }
        self.content.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl<L: LoadStore + 'static> StagedWrite for RecordWriter<L> {
    fn commit(mut self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        Box::pin(async move { self.publish().await })
    }
}

// Nothing in it is pinned in place.
impl<L: LoadStore> Unpin for RecordWriter<L> {}

impl<L: LoadStore> Drop for RecordWriter<L> {
    fn drop(&mut self) {
        // Fails only where no write has begun, and this one had.
        let _ = self.shared.with_fences(|fences| fences.leave(&self.id));
    }
}
