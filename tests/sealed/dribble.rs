//! A storage whose channels take and give a few bytes at a time, and often make wait.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{AsyncRead, AsyncWrite};
use sessile::{
    BoxFuture, Capabilities, Committed, Error, SessionId, SessionInfo, SessionReader, SessionStorage,
    SessionStorageMemory, SessionWriter, StagedWrite, WriteOptions,
};

/// `step` is the most that a call moves; each second call has to wait.
#[derive(Debug)]
pub(crate) struct Dribble {
    pub(crate) storage: SessionStorageMemory,
    pub(crate) step: usize,
}

struct Channel<T> {
    inner: Option<T>,
    step: usize,
    waited: bool,
}

impl<T> Channel<T> {
    fn new(inner: T, step: usize) -> Self {
        Self { inner: Some(inner), step, waited: false }
    }

    fn wait(&mut self, task: &Context<'_>) -> Poll<()> {
        self.waited = !self.waited;
        if self.waited {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn inner(&mut self) -> &mut T {
        self.inner.as_mut().unwrap()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Channel<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.wait(task));
        let most = buffer.len().min(self.step);
        Pin::new(self.inner()).poll_read(task, &mut buffer[..most])
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Channel<T> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.wait(task));
        let most = bytes.len().min(self.step);
        Pin::new(self.inner()).poll_write(task, &bytes[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.wait(task));
        Pin::new(self.inner()).poll_flush(task)
    }

    fn poll_close(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.wait(task));
        Pin::new(self.inner()).poll_close(task)
    }
}

impl StagedWrite for Channel<SessionWriter> {
    fn commit(mut self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        Box::pin(self.inner.take().unwrap().commit())
    }
}

impl SessionStorage for Dribble {
    fn capabilities(&self) -> Capabilities {
        self.storage.capabilities()
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(async move {
            let reader = self.storage.open(id).await?;
            Ok(reader.map(|reader| {
                // As of a storage that does not know lengths before it reads.
                let info = SessionInfo::new(reader.info().revision.clone(), reader.info().created_at);
                SessionReader::new(info, Channel::new(reader, self.step))
            }))
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move {
            let writer = self.storage.begin(id, options).await?;
            Ok(SessionWriter::new(Channel::new(writer, self.step)))
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.storage.touch(id)
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.storage.invalidate(id)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.storage.close()
    }
}
