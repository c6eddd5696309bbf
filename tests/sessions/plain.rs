//! A storage without conditional writes.

use futures::future::ready;
use sessile::{
    BoxFuture, Capabilities, Error, ErrorKind, IfRevision, SessionId, SessionReader, SessionStorage,
    SessionStorageMemory, SessionWriter, WriteOptions,
};

#[derive(Debug, Default)]
pub(crate) struct Plain(pub(crate) SessionStorageMemory);

impl SessionStorage for Plain {
    fn capabilities(&self) -> Capabilities {
        Capabilities { conditional: false, tags: false, ..self.0.capabilities() }
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        self.0.open(id)
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        if *options.condition() == IfRevision::Any && options.new_tags().is_none() {
            return self.0.begin(id, options);
        }
        Box::pin(ready(Err(Error::new(ErrorKind::Unsupported, "no conditions, no tags"))))
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.0.touch(id)
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.0.invalidate(id)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.0.close()
    }
}
