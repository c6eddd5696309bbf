//! A record on its way to the medium.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::AsyncWrite;

use super::{LoadStore, Shared, Stored, key_of};
use crate::{
    channel::StagedWrite,
    error::{Error, ErrorKind},
    expiry::Lifetime,
    fence::{Mark, fenced},
    id::SessionId,
    maybe_send::BoxFuture,
    record::{HEADER, Header},
    session::{IfRevision, Revision, WriteOptions},
};

/// Gathers a record: room for the header, then the content.
pub(super) struct RecordWriter<L: LoadStore> {
    pub(super) shared: Arc<Shared<L>>,
    pub(super) id: SessionId,
    pub(super) mark: Mark,
    pub(super) options: WriteOptions,
    pub(super) record: Vec<u8>,
}

impl<L: LoadStore> RecordWriter<L> {
    async fn publish(&mut self) -> Result<Revision, Error> {
        let shared = &self.shared;
        let now = shared.options.clock.now()?;
        let key = key_of(&self.id);
        let _turn = shared.turn(&self.id).await?;
        shared.check_open()?;
        let old = match shared.load(&key, now).await {
            Ok(Stored::Live(header, _)) => Some(header),
            Ok(Stored::Nothing | Stored::Expired) => None,
            // A whole new record heals a damaged one.
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            Err(error) => return Err(error),
        };
        let met = match &self.options.condition {
            IfRevision::Any => true,
            IfRevision::Absent => old.is_none(),
            IfRevision::Is(revision) => old.is_some_and(|old| old.revision() == *revision),
        };
        if !met {
            return Err(Error::new(
                ErrorKind::Conflict,
                "the session has moved on to another revision; read it again",
            ));
        }
        let kept =
            old.map_or((shared.idle, shared.absolute), |old| (old.lifetime.idle, old.lifetime.absolute));
        let idle = self.options.idle.resolve(kept.0)?;
        let absolute = self.options.absolute.resolve(kept.1)?;
        let mut lifetime = Lifetime::begin(now, idle, absolute);
        if let Some(old) = old {
            lifetime.created = old.lifetime.created;
            lifetime.touch(old.lifetime.active);
        }
        let header = Header::new(lifetime)?;
        let mut record = std::mem::take(&mut self.record);
        header.seal(&mut record);
        if shared.with_keys(|keys| keys.fences.is_raised(&self.id, self.mark))? {
            return Err(fenced());
        }
        shared.medium.store(&key, Some(record)).await?;
        Ok(header.revision())
    }
}

impl<L: LoadStore> AsyncWrite for RecordWriter<L> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let length = self.record.len() - HEADER + bytes.len();
        if length as u64 > self.shared.options.session_bytes {
            let error = Error::new(
                ErrorKind::TooLarge,
                "the content is larger than maxSessionBytes; store less, or raise the limit",
            );
            return Poll::Ready(Err(error.into()));
        }
        self.record.extend_from_slice(bytes);
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
    fn commit(mut self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Revision, Error>> {
        Box::pin(async move { self.publish().await })
    }
}

// Nothing in it is pinned in place.
impl<L: LoadStore> Unpin for RecordWriter<L> {}

impl<L: LoadStore> Drop for RecordWriter<L> {
    fn drop(&mut self) {
        // Fails only where no write has begun, and this one had.
        let _ = self.shared.with_keys(|keys| keys.fences.leave(&self.id));
    }
}
